"""What a reviewer asks next: does it do worse on new patients, and is it as good in every group?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.design import natural_order
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import concordance_draws
from hccsurv_core.stats.concordance_comparison import compare_concordances
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.p_values import chi_squared_p
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.resampling import describe, percentile_bounds
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.comparison import ScoreRow
from hccsurv_core.systems.muscle.evaluation_input import ModelScores
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings

#: Resamples here are no more than this: they tell a spread, not a small p-value.
_RESAMPLES = 1000


@dataclass(frozen=True)
class TrainingGap:
    """One model on the patients it was trained on, and on others.

    Args:
        model: name.
        training: how the training patients' predictions were made ("out-of-bag", …).
        apparent: C on training patients by the model that had seen them.
        honest: C on training patients by predictions of models that had not seen them.
        test: C on all other patients together.
        optimism: apparent − honest, paired, on the training patients.
        gap: honest − test (apparent − test where there is nothing honest), independent samples.
        words: what to conclude.
    """

    model: str
    training: str
    apparent: Answer[Estimate]
    honest: Answer[Estimate]
    test: Answer[Estimate]
    optimism: Answer[Estimate]
    gap: Answer[Estimate]
    words: str

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        parts = ("apparent", "honest", "test", "optimism", "gap")
        return {
            "model": self.model,
            "training_predictions": self.training,
            **{name: getattr(self, name).to_json() for name in parts},
            "words": self.words,
        }


@dataclass(frozen=True)
class GroupPerformance:
    """One model's C in every group of the test patients.

    Args:
        model: name; grouping: what the groups are made by ("center").
        rows: one a group.
        statistic, dof, p: Cochran's Q of equal C in the groups that have one; NaN with fewer
            than two.
        n_unknown: test patients in no group.
    """

    model: str
    grouping: str
    rows: tuple[ScoreRow, ...]
    statistic: float
    dof: int
    p: float
    n_unknown: int

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "model": self.model,
            "grouping": self.grouping,
            "groups": [r.to_json() for r in self.rows],
            "heterogeneity": {
                "statistic": plain_number(self.statistic),
                "dof": self.dof,
                "p": plain_number(self.p),
            },
            "n_unknown": self.n_unknown,
        }


@dataclass(frozen=True, eq=False)
class _Resampled:
    """C of some patients and its bootstrap draws."""

    value: float
    draws: np.ndarray
    n: int
    n_events: int
    seed: int

    def estimate(self, level: float) -> Estimate:
        low, high = percentile_bounds(self.draws, level)
        words = describe("percentile", self.draws, self.seed)
        return Estimate(self.value, low, high, level, words, self.n, self.n_events)

    @property
    def std_error(self) -> float:
        return float(np.nanstd(self.draws, ddof=1))


def training_gap(
    outcome: SurvivalOutcome,
    model: ModelScores,
    training_rows: np.ndarray,
    settings: EvaluationSettings,
) -> TrainingGap:
    """How much worse a model is on patients it has not seen.

    Args:
        outcome, model: of all n patients.
        training_rows: (n,) who was trained on.
    """
    inside = np.asarray(training_rows, bool)
    risk = np.asarray(model.risk_score, float)
    nobody = np.full(risk.shape, np.nan)
    apparent = nobody if model.apparent_risk_score is None else model.apparent_risk_score
    honest = nobody if model.training in ("none", "apparent") else risk
    if model.training == "apparent" and model.apparent_risk_score is None:
        apparent = risk
    apparent = np.where(inside, apparent, np.nan)
    honest = np.where(inside, honest, np.nan)
    level = settings.level
    seen = attempt(_resample, outcome, apparent, settings)
    unseen = attempt(_resample, outcome, honest, settings)
    # Other patients: their draws must be independent of the training patients'.
    tested = attempt(_resample, outcome, np.where(inside, np.nan, risk), settings, shift=1)
    gap = attempt(_gap, unseen if unseen.value is not None else seen, tested, level)
    return TrainingGap(
        model=model.name,
        training=model.training,
        apparent=_estimate(seen, level),
        honest=_estimate(unseen, level),
        test=_estimate(tested, level),
        optimism=attempt(_optimism, outcome, apparent, honest, settings),
        gap=gap,
        words=_gap_words(gap, unseen.value is not None),
    )


def performance_by_group(
    outcome: SurvivalOutcome,
    model: ModelScores,
    grouping: str,
    labels: Sequence[str | None],
    test_rows: np.ndarray,
    settings: EvaluationSettings,
) -> GroupPerformance:
    """C of one model in every group (centre, scanner, sex) of the test patients.

    Args:
        outcome, model: of all n patients; labels: (n,), None or "" is not known.
        test_rows: (n,) whom to judge on.

    Raises:
        StatisticsError: fewer than two groups.
    """
    usable = np.asarray(test_rows, bool) & np.isfinite(model.risk_score)
    of_patient = ["" if x is None else str(x) for x in labels]
    label = np.array(of_patient, dtype=object)
    present = sorted({x for x in label[usable] if x}, key=natural_order)
    if len(present) < 2:
        why = f"all test patients have the same {grouping}" if present else "it is not known"
        raise StatisticsError(why, source=grouping)
    rows, found = [], []
    for name in present:
        member = usable & (label == name)
        n, n_events = int(member.sum()), int(outcome.event[member].sum())
        if n_events < settings.min_events:
            why = f"{n_events} events; at least {settings.min_events} are needed"
            rows.append(ScoreRow(name, model.kind, None, n, n_events, reason=why))
            continue
        score = np.where(member, model.risk_score, np.nan)
        resampled = attempt(_resample, outcome, score, settings)
        answer = _estimate(resampled, settings.level)
        rows.append(ScoreRow(name, model.kind, answer.value, n, n_events, reason=answer.reason))
        if resampled.value is not None and answer.value is not None:
            found.append(resampled.value)
    return GroupPerformance(
        model.name, grouping, tuple(rows), *_heterogeneity(found),
        n_unknown=int((usable & (label == "")).sum()),
    )  # fmt: skip


def _resample(
    outcome: SurvivalOutcome, score: np.ndarray, settings: EvaluationSettings, *, shift: int = 0
) -> _Resampled:
    """Of the patients who have a score.

    Raises:
        StatisticsError: fewer than two, or nobody comparable.
    """
    rows = np.isfinite(score)
    if rows.sum() < 2:
        raise StatisticsError("there are no such predictions", source="concordance")
    part, seed = outcome.subset(rows), settings.seed + shift
    value, draws = concordance_draws(
        part, score[rows], n_resamples=min(_RESAMPLES, settings.n_resamples), seed=seed,
        device=settings.device,
    )  # fmt: skip
    return _Resampled(value, draws, len(part), part.n_events, seed)


def _estimate(answer: Answer[_Resampled], level: float) -> Answer[Estimate]:
    if answer.value is None:
        return Answer(None, answer.reason)
    return attempt(answer.value.estimate, level)


def _gap(first: Answer[_Resampled], second: Answer[_Resampled], level: float) -> Estimate:
    """Difference of two independent samples."""
    a, b = first.value, second.value
    if a is None or b is None:
        raise StatisticsError(first.reason or second.reason, source="training gap")
    draws = a.draws - b.draws
    low, high = percentile_bounds(draws, level)
    return Estimate(
        a.value - b.value, low, high, level,
        describe("percentile", draws, a.seed) + ", samples independent",
        a.n + b.n, a.n_events + b.n_events,
    )  # fmt: skip


def _optimism(
    outcome: SurvivalOutcome, apparent: np.ndarray, honest: np.ndarray, settings: EvaluationSettings
) -> Estimate:
    found = compare_concordances(
        outcome, {"apparent": apparent, "honest": honest}, [("apparent", "honest")],
        n_resamples=min(_RESAMPLES, settings.n_resamples), seed=settings.seed,
        level=settings.level, device=settings.device,
    ).differences["apparent", "honest"]  # fmt: skip
    if found.estimate is None:
        raise StatisticsError("apparent and honest predictions are not both given", source="gap")
    return found.estimate


def _gap_words(gap: Answer[Estimate], honest: bool) -> str:
    if gap.value is None:
        return f"Training and test cannot be compared: {gap.reason}."
    low, high = gap.value.ci_low, gap.value.ci_high
    if not honest:
        return (
            "Only predictions by the model that had seen the training patients are given: they "
            "flatter it, so the gap mixes overfitting with any difference between the patients."
        )
    if low > 0:
        return (
            "Worse on other patients than on unseen training patients: the model, or its tuning, "
            "fits the training cohort, or the other patients differ."
        )
    if high < 0:
        return "Better on other patients than on unseen training patients: they may be easier."
    return "No more difference between training and other patients than chance explains."


def _heterogeneity(found: Sequence[_Resampled]) -> tuple[float, int, float]:
    """Cochran's Q, its degrees of freedom and p-value."""
    errors = np.array([r.std_error for r in found])
    usable = np.isfinite(errors) & (errors > 0)
    if usable.sum() < 2:
        return float("nan"), 0, float("nan")
    values = np.array([r.value for r in found])[usable]
    weight = 1 / errors[usable] ** 2
    mean = float((weight * values).sum() / weight.sum())
    statistic = float((weight * (values - mean) ** 2).sum())
    dof = int(usable.sum()) - 1
    return statistic, dof, chi_squared_p(statistic, dof)[0]
