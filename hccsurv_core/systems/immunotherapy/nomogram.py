"""The nomogram of a version of system 4: the clinical score on one axis, all that scans say on another.

A dozen signs of two scans that move together would fill a nomogram with axes that nobody can read a
value for. What they (and a network's score) add to the log hazard is one axis, the radiology score: 0
in the average training patient, 1 where the hazard is e times as high. Xia et al., Insights into Imaging
2024, doi 10.1186/s13244-024-01784-8, draw the same two axes for 1 and 2 years.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.nomogram import Horizon, Nomogram, TrainingCohort, build_nomogram
from hccsurv_core.models.nomogram_curves import Line
from hccsurv_core.models.nomogram_variables import AxisRange, NumberVariable, Variable
from hccsurv_core.systems.immunotherapy.answer import VersionAnswer
from hccsurv_core.systems.immunotherapy.clinical import SCORE
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words

RADIOLOGY, RADIOLOGY_LABEL = "radiology_score", "Radiology score"
#: Scores of training patients between these percentiles are on the axis of the radiology score.
_ENDS, _ENDS_WORDS = (1, 99), "1st to 99th percentile of training patients' whole scores"


def version_nomogram(model: ImmunotherapyModel, version: str) -> Nomogram:
    """The nomogram of one version, from what its bundle keeps.

    Raises:
        StatisticsError: nothing has an effect.
        KeyError: the model has no such version.
    """
    cox, told = model.models[version], model.description["versions_of"][version]
    horizons = [float(h) for h in model.description["horizons_months"]]
    variables: list[Variable] = []
    intercept = 0.0
    if SCORE.name in cox.names:
        clinical, intercept = _clinical(cox)
        variables.append(clinical)
    if len(cox.names) > len(variables):
        variables.append(_radiology(told["percentiles"]))
    scores = np.asarray(told["percentiles"])
    training = TrainingCohort(
        str(model.description["training"]["source"]), int(told["n"]), int(told["n_events"]),
        max(cox.notes.last_month, horizons[-1]), model.simulated,
        linear_predictor_range=(float(scores[0]), float(scores[-1])),
    )  # fmt: skip
    hazards = cox.baseline.at(np.array(horizons))
    return build_nomogram(
        variables,
        title=f"Survival {clock_words(version)}, by {VERSION_WORDS[version]}",
        horizons=[Horizon(h, float(a)) for h, a in zip(horizons, hazards, strict=True)],
        training=training,
        intercept=intercept,
        leave_out=True,
    )


def nomogram_values(answer: VersionAnswer) -> dict[str, float]:
    """One patient as the nomogram takes it: the clinical score, and what all else adds."""
    own = [c for c in answer.contributions if c.part == "clinical"]
    rest = [c.log_hazard for c in answer.contributions if c.part != "clinical"]
    found: dict[str, float] = {c.name: c.value for c in own}
    return found | ({RADIOLOGY: float(sum(rest))} if rest else {})


def points_of(nomogram: Nomogram, answer: VersionAnswer) -> Mapping[str, Any]:
    """The patient's points by variable and in all, as plain values."""
    scored = nomogram.points(nomogram_values(answer))
    return {"points": dict(scored.points), "total": scored.total}


def _clinical(cox: CoxPosterior) -> tuple[NumberVariable, float]:
    """The clinical score's axis over what training patients had, and what its mean takes off."""
    scales, k = cox.standardizer, cox.names.index(SCORE.name)
    row = np.full((2, len(cox.names)), np.nan)
    row[:, k] = (0.0, 1.0)
    at = [i for i, own in enumerate(scales.owner) if own == k]
    low, high = (scales.apply(row)[:, at] @ cox.coef[at]).tolist()
    axis = AxisRange(float(scales.low[k]), float(scales.high[k]), "training minimum to maximum")
    return NumberVariable(SCORE.name, SCORE.label, Line(high - low), axis), low


def _radiology(percentiles: list[float]) -> NumberVariable:
    scores = np.asarray(percentiles)
    low, high = (float(np.interp(q, np.linspace(0, 100, scores.size), scores)) for q in _ENDS)
    axis = AxisRange(low, high, _ENDS_WORDS)
    return NumberVariable(RADIOLOGY, RADIOLOGY_LABEL, Line(1.0), axis)
