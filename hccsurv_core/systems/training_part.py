"""Who of a study a model is trained on, and which clinical values are known of enough of them.

Neither looks at anybody's outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.systems.covariates import Covariate, covariate_matrix
from hccsurv_core.systems.study_cohort import StudyCohort

#: Fewer simulated patients in split "train" than this: the whole cohort is learned from.
FEWEST_IN_SPLIT = 100
TRAIN = "train"
#: What simulated cohorts call the split that is judged.
TEST = "test"

SomeCohort = TypeVar("SomeCohort", bound=StudyCohort)


@dataclass(frozen=True, eq=False)
class TrainingPart(Generic[SomeCohort]):
    """Who is learned from: the patients, and that in words."""

    cohort: SomeCohort
    words: str


def training_part(cohort: SomeCohort, splits: Sequence[str] = (TRAIN,)) -> TrainingPart[SomeCohort]:
    """The splits that are learned from where there are any, else everybody.

    A simulated cohort cut short has too few patients in them; it is then taken as a cohort of its
    own, unless somebody held out a center or a share of it. Real patients whom somebody held out
    are never learned from.

    Args:
        splits: names of those that are learned from.
    """
    labels = cohort.labels.get("split", ())
    rows = np.array([label in splits for label in labels], dtype=bool)
    n = int(rows.sum())
    held_out = set(labels) - {*splits, TEST, ""}
    quoted = " and ".join(f"“{name}”" for name in splits)
    named = f"split {quoted}" if len(splits) == 1 else f"splits {quoted}"
    if n >= FEWEST_IN_SPLIT or (n and (held_out or not cohort.simulated)):
        return TrainingPart(cohort.subset(rows), f"the {n} patients of {named}")
    if n:
        has = "has" if len(splits) == 1 else "have"
        why = f"{named} {has} {n} patients, fewer than {FEWEST_IN_SPLIT}"
        return TrainingPart(cohort, f"all {len(cohort)} patients: {why}")
    return TrainingPart(cohort, f"all {len(cohort)} patients: there is no split “{TRAIN}”")


def choose_covariates(
    cohort: StudyCohort,
    candidates: Sequence[Covariate],
    min_known: float,
    *,
    groups: Mapping[str, np.ndarray] | None = None,
    asked: bool = False,
) -> tuple[tuple[Covariate, ...], dict[str, str]]:
    """The clinical covariates that can be used, and by name why others cannot.

    Args:
        cohort: training patients.
        candidates: to choose from.
        min_known: so large a share of the patients must have a value.
        groups: of whom that must hold, in words ("given TACE") → (n,) mask; default everybody.
        asked: whether every candidate was asked for by name, so that none may be left out.

    Raises:
        StatisticsError: none can be used, or one that was asked for cannot.
    """
    values = covariate_matrix(cohort.profiles, candidates)
    whom = groups or {"": np.ones(len(cohort), dtype=bool)}
    chosen, left_out = [], {}
    for k, covariate in enumerate(candidates):
        why = _why_not(values[:, k], whom, min_known)
        if why:
            left_out[covariate.name] = why
        else:
            chosen.append(covariate)
    if asked and left_out:
        name, why = next(iter(left_out.items()))
        raise StatisticsError(
            f"{name} cannot be used: {why}", source=cohort.source, remedy="leave it out"
        )
    if not chosen:
        raise StatisticsError(
            "no clinical value is known of enough patients", source=cohort.source,
            remedy=f"add columns such as {', '.join(c.name for c in candidates[:3])}",
        )  # fmt: skip
    return tuple(chosen), left_out


def _why_not(values: np.ndarray, groups: Mapping[str, np.ndarray], min_known: float) -> str:
    for words, rows in groups.items():
        known = np.isfinite(values[rows])
        if not known.any():
            return f"not known of anybody {words}".rstrip()
        if known.mean() < min_known:
            return f"known of {100 * known.mean():.0f} % of {f'those {words}' if words else 'all'}"
        if np.ptp(values[rows][known]) == 0:
            return f"the same in everybody {words}".rstrip()
    return ""
