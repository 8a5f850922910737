"""Everything that is looked at of one patient before anything is recommended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.systems.patient_profile import is_missing
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.arms import row_of
from hccsurv_core.systems.treatment.contrast import TreatmentContrast
from hccsurv_core.systems.treatment.guidelines import GuidelineView, guideline_view
from hccsurv_core.systems.treatment.overlap import Overlap
from hccsurv_core.systems.treatment.ranges import OutOfRange
from hccsurv_core.systems.treatment.recommender import Recommender
from hccsurv_core.systems.treatment.stop_rules import RuleCheck, check_rules


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found of one patient.

    Args:
        contrast: both arms and the difference, of this patient alone.
        favored: the arm with more months expected.
        months: how many more, >= 0.
        probability: that it is the better one, for patients like this one on average.
        overlap: whether such patients were treated both ways.
        rules: stop rules that hold, and those that could not be checked.
        guidelines: what they say of the stage.
        out_of_range: values that an arm has no patient for.
        missing: covariates that are not known.
        decisive: of these, whose low or high value would make the other arm the better one.
        lacking: clinical values that are required and not known.
    """

    contrast: TreatmentContrast
    favored: str
    months: float
    probability: float
    overlap: Overlap
    rules: RuleCheck
    guidelines: GuidelineView
    out_of_range: tuple[OutOfRange, ...]
    missing: tuple[str, ...]
    decisive: tuple[str, ...]
    lacking: tuple[str, ...]


def find_all(models: Recommender, patient: Mapping[str, Any]) -> Findings:
    """Look at one patient.

    Args:
        patient: values by name; see
            :func:`~hccsurv_core.systems.treatment.recommendation.recommend`.

    Raises:
        InputError: a covariate is no number, or infinite.
    """
    values = row_of(patient, models.names)
    contrast = models.arms.contrast(values, level=models.settings.level)
    months = float(contrast.months_difference.value[0])
    first_is_better = float(contrast.probability[0])
    favored = ARMS[0] if months >= 0 else ARMS[1]
    missing = tuple(n for n, v in zip(models.names, values, strict=True) if np.isnan(v))
    return Findings(
        contrast=contrast,
        favored=favored,
        months=abs(months),
        probability=first_is_better if favored == ARMS[0] else 1.0 - first_is_better,
        overlap=models.overlap.assess(values[models.overlap_columns]),
        rules=check_rules(patient),
        guidelines=guideline_view(patient),
        out_of_range=models.ranges.check(values),
        missing=missing,
        decisive=_decisive(models, values, favored) if missing else (),
        lacking=_lacking(patient, models.settings.required_facts),
    )


def _decisive(models: Recommender, values: np.ndarray, favored: str) -> tuple[str, ...]:
    """Missing covariates whose low or high value would make the other arm the better one."""
    columns = np.flatnonzero(np.isnan(values) & np.isfinite(models.low_high).all(axis=0))
    if not columns.size:
        return ()
    tried = np.repeat(values[None], 2 * columns.size, axis=0)
    for k, column in enumerate(columns):
        tried[2 * k : 2 * k + 2, column] = models.low_high[:, column]
    months = models.arms.restricted_means(tried)
    turned = (months[ARMS[0]] >= months[ARMS[1]]) != (favored == ARMS[0])
    return tuple(
        models.names[column] for k, column in enumerate(columns) if turned[2 * k : 2 * k + 2].any()
    )


def _lacking(patient: Mapping[str, Any], groups: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The first of each group of which nothing is known."""
    return tuple(
        group[0] for group in groups if all(is_missing(patient.get(name)) for name in group)
    )
