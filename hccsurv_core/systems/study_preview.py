"""What all previews of a study's training count: parts, covariates, and a refusal as a sentence.

Counts only. Nothing here looks at whether a covariate goes with the outcome: what is found out about
the patients before the training must not guide it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hccsurv_core.errors import HccsurvError, StatisticsError
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.study_cohort import StudyCohort
from hccsurv_core.systems.training_preview import PartCount

#: What a choice of covariates gives: those used, and by name why others are not.
Choice = tuple[Sequence[Covariate], Mapping[str, str]]


def count_part(cohort: StudyCohort, rows: np.ndarray, name: str) -> PartCount:
    """Patients and events of some rows.

    Args:
        rows: (n,) mask.
    """
    return PartCount(name, int(rows.sum()), int(cohort.outcome.event[rows].sum()))


def parts_by_label(cohort: StudyCohort, label: str, but: str = "") -> tuple[PartCount, ...]:
    """Patients and events by label, the largest part first.

    Args:
        but: a part that is left out.
    """
    names = sorted(set(cohort.labels.get(label, ())) - {but})
    found = [count_part(cohort, cohort.where(label, name), name or "not known") for name in names]
    return tuple(sorted(found, key=lambda p: -p.n))


def covariate_label(name: str, candidates: Sequence[Covariate]) -> str:
    """What people call a covariate."""
    return next((c.label for c in candidates if c.name == name), name)


def try_choice(
    choose: Callable[[], Choice], candidates: Sequence[Covariate]
) -> tuple[tuple[Covariate, ...], Mapping[str, str], str]:
    """Covariates that are used, label → why others are not, and why there is nothing to learn from.

    Args:
        choose: raises :class:`StatisticsError` where it cannot.
        candidates: all that might be chosen.
    """
    try:
        used, left_out = choose()
    except StatisticsError as error:
        name, cannot, rest = error.what.partition(" cannot be used")
        error.what = f"{covariate_label(name, candidates)}{cannot}{rest}"
        return (), {}, error_sentence(error)
    labels = {covariate_label(name, candidates): why for name, why in left_out.items()}
    return tuple(used), labels, ""


def error_sentence(error: HccsurvError, *, first: bool = True) -> str:
    """What is wrong and what to do, as sentences.

    Args:
        first: it begins a sentence.
    """
    what = f"{error.what[:1].upper()}{error.what[1:]}" if first else error.what
    remedy = f" {error.remedy[:1].upper()}{error.remedy[1:]}." if error.remedy else ""
    return f"{what}.{remedy}"
