"""Cox's negative log partial likelihood as a loss, for several networks at once.

Patients stand in falling order of time, so that everybody at risk with one stands before or beside
them and a risk set is a running sum. Ties by Efron (J Am Stat Assoc 1977;72:557-565) or Breslow
(Biometrics 1974;30:89-99), as in :mod:`~hccsurv_core.models.risk_sets`.

Where hazards are not proportional the partial likelihood averages hazard ratios over events, many
of them late ones with few patients left. Counting each event by the share of patients still at
risk (Breslow's generalization of Gehan's test; weighted Cox regression: Schemper, Wakounig &
Heinze, Stat Med 2009;28:2473-2489) averages over pairs of patients instead, as Harrell's C does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

#: Denominators end here, so that a network that runs away gives a large loss and not a NaN.
_SMALLEST = 1e-20


@dataclass(frozen=True, eq=False)
class RiskOrder:
    """Risk sets of K groups of m patients, each in falling order of time.

    Args:
        event: (K, m) float, 1 where the event happened.
        first, last: (K, m) positions of the first and last patient with the same time.
        fraction: (K, m) share of the tied deaths that has left the risk set; 0 with Breslow.
    """

    event: torch.Tensor
    first: torch.Tensor
    last: torch.Tensor
    fraction: torch.Tensor


def order_risks(
    time: np.ndarray, event: np.ndarray, *, ties: str = "efron", device: str = "cpu"
) -> RiskOrder:
    """Index the risk sets.

    Args:
        time, event: (K, m); each row's times fall.
        ties: "efron" or "breslow".
    """
    width = time.shape[1]
    position = np.broadcast_to(np.arange(width), time.shape)
    new = np.ones(time.shape, dtype=bool)
    new[:, 1:] = time[:, 1:] != time[:, :-1]
    first = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    ends = np.ones(time.shape, dtype=bool)
    ends[:, :-1] = new[:, 1:]
    last = np.where(ends, position, width - 1)[:, ::-1]
    last = np.minimum.accumulate(last, axis=1)[:, ::-1].copy()
    event = event.astype(np.float32)
    fraction = np.zeros(time.shape, dtype=np.float32)
    if ties == "efron":
        deaths = np.cumsum(event, axis=1)
        before = np.take_along_axis(deaths - event, first, axis=1)
        tied = np.take_along_axis(deaths, last, axis=1) - before
        rank = deaths - event - before
        fraction = np.where(event > 0, rank / np.maximum(tied, 1), 0).astype(np.float32)
    return RiskOrder(*(torch.from_numpy(a).to(device) for a in (event, first, last, fraction)))


def partial_likelihood_loss(
    log_hazard: torch.Tensor,
    order: RiskOrder,
    weight: torch.Tensor | None = None,
    *,
    at_risk_power: float = 0.0,
) -> torch.Tensor:
    """(K,) negative log partial likelihood per event.

    Args:
        log_hazard: (K, m) in the order of ``order``.
        order: the risk sets.
        weight: (K, m) times each patient counts; 0 leaves a patient out.
        at_risk_power: an event counts by this power of the share still at risk; 0 counts all
            alike.
    """
    shift = log_hazard.max(dim=1, keepdim=True).values.detach()
    risk = torch.exp(log_hazard - shift)
    event = order.event
    if weight is not None:
        risk, event = risk * weight, event * weight
    at_risk = torch.cumsum(risk, dim=1).gather(1, order.last)
    dying = risk * order.event
    deaths = torch.cumsum(dying, dim=1)
    tied = deaths.gather(1, order.last) - (deaths - dying).gather(1, order.first)
    denominator = (at_risk - order.fraction * tied).clamp_min(_SMALLEST)
    if at_risk_power > 0:
        there = torch.ones_like(log_hazard) if weight is None else weight
        share = torch.cumsum(there, dim=1).gather(1, order.last) / there.sum(dim=1, keepdim=True)
        event = event * share**at_risk_power
    terms = event * (torch.log(denominator) + shift - log_hazard)
    return terms.sum(dim=1) / event.sum(dim=1).clamp_min(_SMALLEST)
