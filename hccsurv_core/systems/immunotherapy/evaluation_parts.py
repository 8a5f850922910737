"""Parts of the evaluation of system 4: by center and scanner, importance, and what risks are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.stats.concordance import estimate_concordance, harrell_c
from hccsurv_core.systems.immunotherapy.answer import PARTS
from hccsurv_core.systems.immunotherapy.cohort import MANUFACTURER, ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.shown import part_of_covariate, shown_value
from hccsurv_core.systems.immunotherapy.signs import BY_NAME
from hccsurv_core.systems.immunotherapy.tables import VersionTable
from hccsurv_core.systems.muscle.answers import attempt

if TYPE_CHECKING:
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel

LABELS = ("center", MANUFACTURER)
#: Fewer events rank nobody.
_FEWEST_EVENTS = 5
_SHUFFLES = 50


@dataclass(frozen=True)
class Importance:
    """What a model loses where one thing is shuffled between patients.

    Args:
        name: of the thing: a group of views, or a covariate. label: in words. part: of
            :data:`~hccsurv_core.systems.immunotherapy.answer.PARTS`.
        drop: of the C-index, mean over shuffles; low, high: their 2.5 and 97.5 percentiles.
    """

    name: str
    label: str
    part: str
    drop: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class RiskStrips:
    """Patients from low to high risk, and what their risk is made of.

    Args:
        patient_ids: (n,) in the order of their risk. risk_score: (n,).
        event: (n,) who died. parts: part → (n,) log hazard that it adds.
        cutoff: above it a patient is at high risk.
    """

    patient_ids: tuple[str, ...]
    risk_score: np.ndarray
    event: np.ndarray
    parts: Mapping[str, np.ndarray]
    cutoff: float


def c_index_by_label(
    table: VersionTable, cohort: ImmunotherapyCohort, risk_score: np.ndarray, seed: int
) -> dict[str, dict[str, Any]]:
    """Harrell's C by center and by manufacturer, where these are known."""
    found: dict[str, dict[str, Any]] = {}
    for label in LABELS:
        if label not in cohort.labels:
            continue
        texts = [cohort.labels[label][i] for i in table.rows]
        found[label] = {}
        for text in sorted(set(texts)):
            rows = np.array([other == text for other in texts])
            part = table.outcome.subset(rows)
            if part.n_events < _FEWEST_EVENTS:
                told: dict[str, Any] = {
                    "value": None, "n": len(part), "n_events": part.n_events,
                    "reason": f"{part.n_events} deaths are too few",
                }  # fmt: skip
            else:
                told = attempt(estimate_concordance, part, risk_score[rows], seed=seed).to_json()
            found[label][text or "not known"] = told
    return found


def permutation_importance(
    model: CoxPosterior, table: VersionTable, seed: int
) -> tuple[Importance, ...]:
    """The most important first (Breiman, Mach Learn 2001;45:5-32). Views of one thing are shuffled together."""
    values, outcome = table.table.columns(model.names).values, table.outcome
    whole = harrell_c(outcome, model.risk_score(values))
    rng = np.random.default_rng((seed, 4))
    found = []
    for name, columns in _things(model.names).items():
        drops = []
        for _ in range(_SHUFFLES):
            shuffled = values.copy()
            shuffled[:, columns] = values[rng.permutation(len(values))][:, columns]
            drops.append(whole - harrell_c(outcome, model.risk_score(shuffled)))
        first = model.names[columns[0]]
        low, high = np.quantile(drops, (0.025, 0.975))
        found.append(
            Importance(
                name, shown_value(first, np.nan)[0] if len(columns) == 1 else THINGS[name],
                part_of_covariate(first), float(np.mean(drops)), float(low), float(high),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: -one.drop))


#: Groups of several views, in words.
THINGS: Mapping[str, str] = {
    "load": "Tumor load of the liver",
    "infiltration": "Infiltrating edge",
    "growth": "Growth",
}


def risk_strips(model: ImmunotherapyModel, version: str, table: VersionTable) -> RiskStrips:
    """Every patient's risk by part."""
    fitted = model.models[version]
    values = table.table.columns(fitted.names).values
    scales = fitted.standardizer
    added = np.zeros((len(values), len(fitted.names)))
    np.add.at(added.T, scales.owner, (scales.apply(values) * fitted.coef).T)
    risk = fitted.risk_score(values)
    order = np.argsort(risk, kind="stable")
    owners = [part_of_covariate(name) for name in fitted.names]
    return RiskStrips(
        tuple(table.table.patient_ids[i] for i in order),
        risk[order],
        table.outcome.event[order],
        {
            part: added[:, [k for k, owner in enumerate(owners) if owner == part]].sum(1)[order]
            for part in PARTS
            if part in owners
        },
        float(model.description["versions_of"][version]["cutoff"]),
    )


def _things(names: tuple[str, ...]) -> dict[str, list[int]]:
    """Thing → columns: views of one thing together."""
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        group = BY_NAME[name].group if name in BY_NAME else name
        found.setdefault(group, []).append(k)
    return found
