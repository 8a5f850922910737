"""Do readers get better when they see the model's answer? Each reader, all, seniors and juniors.

Readers call "early recurrence: yes or no" from the pictures, and again after the model's answer.
Everything is paired: the same reader, the same patients.

**What intervals mean.** Patients are a sample, the readers are not: intervals of pooled results come
from resampling patients, each with all its readers' calls, with as many of either outcome as there
were. They hold for these readers. What other readers would do is not shown by four (that takes a
random-reader analysis: Obuchowski & Rockette, Commun Stat Simul Comput 1995;24:285-308).

**What agreement means.** Readers who follow one model agree more even where the model is wrong: a
higher kappa is no gain by itself.

**What the design cannot show.** The second call follows the first at once: part of a change is a second
look, not the model. Only a control group that looks twice without it could tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.diagnostic import (
    compare_sensitivities,
    compare_specificities,
    confusion_table,
    diagnostic_accuracy,
    mcnemar_p,
)
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kappa import cohen_kappa, fleiss_kappa, percent_agreement
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.stats.proportions import proportion
from hccsurv_core.stats.resampling import (
    bootstrap_p,
    describe,
    percentile_bounds,
    resample_counts,
    resample_indices,
)
from hccsurv_core.systems.ceus.reader_study_result import (
    METRICS,
    Agreement,
    Changes,
    GroupComparison,
    GroupResult,
    PooledMetric,
    ReaderResult,
    ReaderStudy,
)
from hccsurv_core.systems.ceus.reader_study_table import JUNIOR, SENIOR, ReaderCalls

_SOURCE = "reader study"
_CALLS = (0.0, 1.0)


@dataclass(frozen=True)
class ReaderStudySettings:
    """How intervals are made.

    Args:
        level: of all intervals.
        n_resamples, seed: of the bootstrap.
    """

    level: float = 0.95
    n_resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        checked_level(self.level)
        if self.n_resamples < 20:
            raise InputError("at least 20 resamples are needed", source=_SOURCE)


def study_readers(calls: ReaderCalls, settings: ReaderStudySettings | None = None) -> ReaderStudy:
    """Evaluate a reader study.

    Args:
        calls: with the truth of at least some patients. A reader's result rests on the patients with
            known truth and both calls of that reader; agreement on all patients that every reader
            called both times, whatever became of them.
        settings: default :class:`ReaderStudySettings`.

    Raises:
        StatisticsError: the truth is known of nobody, or of patients of one kind only, or a reader
            has no patient of one kind with both calls.
    """
    settings = settings or ReaderStudySettings()
    known = np.isfinite(calls.truth)
    truth = calls.truth[known] == 1
    if not known.any() or truth.all() or not truth.any():
        raise StatisticsError(
            f"of {int(known.sum())} patients it is known what happened, and {int(truth.sum())} of "
            "them recurred early: both kinds are needed",
            source=calls.source, remedy="give the column early_recurrence (1 or 0)",
        )  # fmt: skip
    before, after = calls.before[known], calls.after[known]
    results = [
        _reader(calls, k, before[:, k], after[:, k], truth, settings)
        for k in range(len(calls.readers))
    ]
    groups, comparison = _groups(calls, before, after, truth, settings)
    return ReaderStudy(
        readers=_corrected(results),
        groups=groups,
        comparison=comparison,
        before=_agreement(calls, calls.before, settings),
        after=_agreement(calls, calls.after, settings),
        fleiss_change=_fleiss_change(calls, settings),
        n=len(calls.patient_ids),
        n_known=int(known.sum()),
        n_events=int(truth.sum()),
    )


def _reader(
    calls: ReaderCalls,
    k: int,
    before: np.ndarray,
    after: np.ndarray,
    truth: np.ndarray,
    settings: ReaderStudySettings,
) -> ReaderResult:
    name, level = calls.readers[k], settings.level
    both = np.isfinite(before) & np.isfinite(after)
    first, second, happened = before[both] == 1, after[both] == 1, truth[both]
    if not happened.any() or happened.all():
        raise StatisticsError(
            f"reader {name} has both calls of {int(both.sum())} patients, {int(happened.sum())} of "
            "whom recurred early: both kinds are needed",
            source=calls.source, remedy="leave the reader out, or complete the calls",
        )  # fmt: skip
    right_before, right_after = first == happened, second == happened
    changed = first != second
    to_right, to_wrong = int((changed & right_after).sum()), int((changed & right_before).sum())
    return ReaderResult(
        name=name,
        seniority=calls.seniority[k],
        n=int(both.sum()),
        n_events=int(happened.sum()),
        n_left_out=int((~both).sum()),
        before=diagnostic_accuracy(confusion_table(first, happened), level=level),
        after=diagnostic_accuracy(confusion_table(second, happened), level=level),
        sensitivity=compare_sensitivities(second, first, happened, level=level),
        specificity=compare_specificities(second, first, happened, level=level),
        changes=Changes(
            changed=proportion(int(changed.sum()), changed.size, method="wilson", level=level),
            rightly=proportion(to_right, int(changed.sum()), method="wilson", level=level),
            to_right_of_events=int((changed & right_after & happened).sum()),
            to_wrong_of_events=int((changed & right_before & happened).sum()),
            to_right_of_others=int((changed & right_after & ~happened).sum()),
            to_wrong_of_others=int((changed & right_before & ~happened).sum()),
            p=mcnemar_p(to_right, to_wrong),
        ),
    )


def _corrected(results: list[ReaderResult]) -> tuple[ReaderResult, ...]:
    """The same with p-values corrected over the readers (Holm), sensitivity and specificity apart."""
    sensitivity = adjust_p_values([r.sensitivity.p for r in results])
    specificity = adjust_p_values([r.specificity.p for r in results])
    return tuple(
        replace(r, sensitivity_p_corrected=float(a), specificity_p_corrected=float(b))
        for r, a, b in zip(results, sensitivity, specificity, strict=True)
    )


def _groups(
    calls: ReaderCalls,
    before: np.ndarray,
    after: np.ndarray,
    truth: np.ndarray,
    settings: ReaderStudySettings,
) -> tuple[tuple[GroupResult, ...], GroupComparison | None]:
    """Means over readers, of all and by seniority, and juniors against seniors."""
    indices = resample_indices(
        truth.size, settings.n_resamples, settings.seed, strata=truth.astype(int)
    )
    weight = np.concatenate([np.ones((1, truth.size)), resample_counts(indices)])
    by_reader = _metrics_by_reader(before, after, truth, weight)
    kinds = np.array(calls.seniority)
    members = {"all": np.ones(kinds.size, dtype=bool)}
    members |= {kind: kinds == kind for kind in (SENIOR, JUNIOR) if (kinds == kind).any()}
    means = {
        name: {metric: values[:, :, rows].mean(axis=2) for metric, values in by_reader.items()}
        for name, rows in members.items()
    }

    def estimate(draws: np.ndarray) -> tuple[Estimate, float]:
        return _bootstrapped(draws, truth, settings)

    def pooled(values: dict[str, np.ndarray]) -> tuple[PooledMetric, ...]:
        found = []
        for metric in METRICS:
            first, second = values[metric][0], values[metric][1]
            change, p = estimate(second - first)
            found.append(PooledMetric(metric, estimate(first)[0], estimate(second)[0], change, p))
        return tuple(found)

    groups = tuple(
        GroupResult(
            name, tuple(r for r, m in zip(calls.readers, rows, strict=True) if m),
            pooled(means[name]),
        )
        for name, rows in members.items()
    )  # fmt: skip
    if not {SENIOR, JUNIOR} <= set(members):
        return groups, None
    gap = {m: means[JUNIOR][m] - means[SENIOR][m] for m in METRICS}
    return groups, GroupComparison(pooled(gap))


def _metrics_by_reader(
    before: np.ndarray, after: np.ndarray, truth: np.ndarray, weight: np.ndarray
) -> dict[str, np.ndarray]:
    """Metric → (2, R, r): before and after, everybody first and then each resample, by reader.

    Each reader's patients are those with both calls.
    """
    both = np.isfinite(before) & np.isfinite(after)
    found: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    for calls in (before, after):
        shares = []
        for kind, right in ((truth, calls == 1), (~truth, calls == 0)):
            counted = both & kind[:, None]
            with np.errstate(invalid="ignore", divide="ignore"):
                shares.append((weight @ (right & counted)) / (weight @ counted))
        found["sensitivity"].append(shares[0])
        found["specificity"].append(shares[1])
        found["balanced accuracy"].append((shares[0] + shares[1]) / 2)
    return {metric: np.stack(values) for metric, values in found.items()}


def _bootstrapped(
    draws: np.ndarray, truth: np.ndarray, settings: ReaderStudySettings
) -> tuple[Estimate, float]:
    """Estimate and p of "0" from the value of everybody and of each resample."""
    value, resampled = float(draws[0]), draws[1:]
    low, high = percentile_bounds(resampled, settings.level)
    method = describe("percentile, patients resampled within outcome,", resampled, settings.seed)
    estimate = Estimate(
        value, low, high, settings.level, method, truth.size, int(truth.sum())
    )  # fmt: skip
    return estimate, bootstrap_p(resampled)


def _agreement(
    calls: ReaderCalls, values: np.ndarray, settings: ReaderStudySettings
) -> Agreement | None:
    """Kappas on the patients that every reader called both times; None for a single reader."""
    whole = _called_by_all(calls)
    ratings, r = values[whole], len(calls.readers)
    if r < 2 or len(ratings) < 2:
        return None
    pairs = {
        (calls.readers[a], calls.readers[b]): _cohen(ratings[:, a], ratings[:, b], settings)
        for a, b in combinations(range(r), 2)
    }
    try:
        fleiss = fleiss_kappa(ratings, categories=_CALLS, level=settings.level).estimate
    except StatisticsError:  # everybody gave one and the same call
        fleiss = None
    return Agreement(pairs, fleiss, percent_agreement(ratings, level=settings.level))


def _cohen(first: np.ndarray, second: np.ndarray, settings: ReaderStudySettings) -> Estimate | None:
    """Kappa of two readers, or None where it is not defined: both gave one and the same call."""
    try:
        return cohen_kappa(first, second, categories=_CALLS, level=settings.level)
    except StatisticsError:
        return None


def _fleiss_change(
    calls: ReaderCalls, settings: ReaderStudySettings
) -> tuple[Estimate, float] | None:
    """Fleiss' kappa after less before, patients resampled; None where it is not defined."""
    whole = _called_by_all(calls)
    n, r = int(whole.sum()), len(calls.readers)
    if r < 2 or n < 2:
        return None
    indices = resample_indices(n, settings.n_resamples, settings.seed)
    weight = np.concatenate([np.ones((1, n)), resample_counts(indices)])
    draws = _fleiss(calls.after[whole], weight) - _fleiss(calls.before[whole], weight)
    if not np.isfinite(draws[0]):
        return None
    try:
        low, high = percentile_bounds(draws[1:], settings.level)
    except StatisticsError:
        return None
    method = describe("percentile, patients resampled,", draws[1:], settings.seed)
    estimate = Estimate(float(draws[0]), low, high, settings.level, method, n)
    return estimate, bootstrap_p(draws[1:])


def _fleiss(ratings: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(R,) Fleiss' kappa of yes-or-no calls, patients weighted; NaN where it is not defined."""
    r = ratings.shape[1]
    yes = ratings.sum(axis=1)
    agreement = (yes * (yes - 1) + (r - yes) * (r - yes - 1)) / (r * (r - 1))
    total = weight.sum(axis=1)
    share = weight @ yes / (total * r)
    chance = share**2 + (1 - share) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(
            chance < 1 - 1e-12, (weight @ agreement / total - chance) / (1 - chance), np.nan
        )


def _called_by_all(calls: ReaderCalls) -> np.ndarray:
    """(n,) patients that every reader called both times."""
    return (np.isfinite(calls.before) & np.isfinite(calls.after)).all(axis=1)
