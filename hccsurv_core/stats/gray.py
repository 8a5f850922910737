"""Gray's test: do groups share one cumulative incidence curve of a cause?

Gray, Ann Stat 1988. What the log-rank test is to survival, on the hazard of the subdistribution:
a cause-specific log-rank test would compare rates among those still at risk instead, and can
disagree where the competing causes differ between the groups.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.cumulative_incidence import check_cause
from hccsurv_core.stats.groups import read_groups
from hccsurv_core.stats.p_values import chi_squared_p, format_p
from hccsurv_core.stats.plain import plain_number, plain_numbers
from hccsurv_core.stats.score_test import score_chi_squared


@dataclass(frozen=True, eq=False)
class GrayTestResult:
    """Difference between the cumulative incidence curves of k groups.

    Args:
        groups: (k,) labels; ``n``: (k,) patients; ``n_events``: (k,) events of the cause.
        score: (k,) observed less expected events (weighted where rho > 0).
        covariance: (k, k) of the score under the null hypothesis.
        statistic: chi-squared; ``dof``: k − 1; p, log10_p.
        cause_name: which cause; ``stratified``: whether compared within strata only.
    """

    groups: tuple[Hashable, ...]
    n: np.ndarray
    n_events: np.ndarray
    score: np.ndarray
    covariance: np.ndarray
    statistic: float
    dof: int
    p: float
    log10_p: float
    cause_name: str
    stratified: bool = False

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "groups": list(self.groups),
            "n": self.n.tolist(),
            "n_events": self.n_events.tolist(),
            "score": plain_numbers(self.score),
            "statistic": plain_number(self.statistic),
            "dof": self.dof,
            "p": plain_number(self.p),
            "log10_p": plain_number(self.log10_p),
            "p_text": format_p(self.p),
            "cause": self.cause_name,
            "stratified": self.stratified,
        }


def gray_test(
    outcome: CompetingOutcome,
    groups: ArrayLike,
    *,
    cause: int = 1,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
    order: Sequence[Hashable] | None = None,
) -> GrayTestResult:
    """Gray's k-sample test, as R's ``cmprsk::cuminc`` (its ``Tests``).

    Args:
        outcome: n patients.
        groups: (n,) labels.
        cause: the cause of interest, 1, 2, …
        strata: (n,) labels; patients are compared with those of their own stratum only.
        rho: weight (1 − F(t−))^rho; 0 weighs all times alike.
        order: labels in the order wanted; without it they are sorted.

    Raises:
        InputError: labels, cause or rho cannot be used. StatisticsError: fewer than two groups,
            nobody had the cause, or groups that never meet.
    """
    check_cause(cause, len(outcome.cause_names))
    if not 0 <= rho < np.inf:
        raise InputError(f"rho {rho:g} must not be negative", source="rho")
    sorted_groups = read_groups(groups, len(outcome), order=order, at_least=2)
    k = len(sorted_groups)
    stratum = np.zeros(len(outcome), dtype=np.intp)
    if strata is not None:
        stratum = read_groups(strata, len(outcome), source="strata").code
    own = outcome.cause == cause
    if not own.any():
        raise StatisticsError(f"nobody had {outcome.cause_names[cause - 1]}", source="outcome")
    score, covariance = np.zeros(k), np.zeros((k, k))
    for s in range(int(stratum.max()) + 1):
        rows = stratum == s
        if not own[rows].any():
            continue
        counts = _counts(
            outcome.time_months[rows], outcome.cause[rows], cause, sorted_groups.code[rows], k
        )
        part, spread = _stratum_score(*counts, rho)
        score += part
        covariance += spread
    statistic, dof = score_chi_squared(score, covariance)
    p, log10_p = chi_squared_p(statistic, dof)
    return GrayTestResult(
        groups=sorted_groups.labels,
        n=sorted_groups.sizes,
        n_events=np.bincount(sorted_groups.code[own], minlength=k),
        score=score,
        covariance=covariance,
        statistic=statistic,
        dof=dof,
        p=p,
        log10_p=log10_p,
        cause_name=outcome.cause_names[cause - 1],
        stratified=strata is not None,
    )


def _counts(
    time: np.ndarray, cause: np.ndarray, wanted: int, code: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At risk, events of the cause and of others, each (m, k), at times with any event."""
    times, index = np.unique(time, return_inverse=True)

    def count(rows: np.ndarray) -> np.ndarray:
        cell = index[rows] * k + code[rows]
        return np.bincount(cell, minlength=times.size * k).reshape(-1, k).astype(np.float64)

    everyone = count(np.ones(time.size, dtype=bool))
    own, other = count(cause == wanted), count((cause > 0) & (cause != wanted))
    at_risk = np.cumsum(everyone[::-1], axis=0)[::-1]
    kept = (own + other).any(axis=1)
    return at_risk[kept], own[kept], other[kept]


#: An incidence this close to 1 is 1.
_ALL_HAD_IT = 1e-12


def _stratum_score(
    at_risk: np.ndarray, own: np.ndarray, other: np.ndarray, rho: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (k,) and their covariance (k, k) within one stratum; Gray 1988, section 3."""
    k = at_risk.shape[1]
    present = at_risk > 0
    safe = np.where(present, at_risk, 1.0)
    event_free = np.cumprod(1.0 - (own + other) / safe, axis=0)
    before = np.vstack([np.ones((1, k)), event_free[:-1]])
    before_safe = np.where(present, before, 1.0)
    incidence = np.cumsum(before * own / safe, axis=0)
    incidence_before = np.vstack([np.zeros((1, k)), incidence[:-1]])
    # Numbers at risk of the subdistribution: those who had another cause stay in.
    reach = np.where(present, at_risk / before_safe, 0.0)
    staying = reach * (1.0 - incidence_before)
    d = own.sum(axis=1)
    total = reach.sum(axis=1)
    pooled = np.cumsum(d / total)
    pooled_before = np.concatenate(([0.0], pooled[:-1]))
    if (pooled_before[d > 0] >= 1.0 - _ALL_HAD_IT).any():
        # Few patients: groups that have run out are pooled no more, and the rest count too much.
        raise StatisticsError(
            "too few patients: by the pooled estimate everybody has had the event before the last "
            "one happens, so Gray's test has no variance",
            source="outcome",
            remedy="join groups, or compare the curves without a test",
        )
    weight = (1.0 - pooled_before) ** rho
    score = (weight[:, None] * (own - (d / staying.sum(axis=1))[:, None] * staying)).sum(axis=0)
    # a_ij(t): how group i's weighted expectation moves with group j's hazard.
    a = -reach[:, :, None] * reach[:, None, :] / total[:, None, None]
    a[:, range(k), range(k)] += reach
    a *= weight[:, None, None]
    # Where nobody has the event, nothing is added, even where everybody has had it before.
    step = np.divide(d, total * (1.0 - pooled_before), out=np.zeros_like(d), where=d > 0)
    c = np.cumsum(a * step[:, None, None], axis=0)
    to_come = c[-1] - c
    ratio = (1.0 - pooled)[:, None] / np.where(event_free > 0, event_free, 1.0)
    # Events of the cause, their variance pooled over the groups under the null hypothesis.
    lead = np.where(event_free > 0, 1.0 - ratio, 1.0)
    size = np.where(present, before * d[:, None] / (total[:, None] * safe), 0.0)
    spread = total[:, None] * before_safe - 1.0
    size *= 1.0 - np.maximum(d - 1, 0)[:, None] / np.where(spread > 0, spread, 1.0)
    covariance = _sum_of_squares(a + lead[:, None, :] * to_come, size)
    # Events of other causes, each group on its own.
    size = np.where(event_free > 0, before**2 * other / safe**2, 0.0)
    size *= 1.0 - np.maximum(other - 1, 0) / np.maximum(at_risk - 1, 1)
    return score, covariance + _sum_of_squares(ratio[:, None, :] * to_come, size)


def _sum_of_squares(vectors: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Sum over times t and groups k of size[t, k] · v[t, :, k] v[t, :, k]'."""
    k = vectors.shape[1]
    flat = vectors.transpose(0, 2, 1).reshape(-1, k)
    return flat.T @ (size.reshape(-1, 1) * flat)
