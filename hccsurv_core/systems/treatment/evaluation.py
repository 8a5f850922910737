"""A model of system 2 on patients it has not seen: each arm, the recommendation, and the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.concordance_comparison import (
    ConcordanceComparison,
    compare_concordances,
)
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import KaplanMeier, fit_kaplan_meier
from hccsurv_core.stats.logrank import LogRankResult, log_rank_test
from hccsurv_core.stats.survival_performance import SurvivalPerformance, assess_survival_model
from hccsurv_core.systems.covariates import covariate_values
from hccsurv_core.systems.explorer.performance import CalibrationAt
from hccsurv_core.systems.horizon_calibration import calibrate_at_horizons, calibration_json
from hccsurv_core.systems.patient_profile import Profile
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, NONE, TreatmentTable
from hccsurv_core.systems.treatment.cohort import TreatmentCohort
from hccsurv_core.systems.treatment.contrast import TreatmentContrast
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.recommendation import Recommendation, recommend
from hccsurv_core.systems.treatment.recommender import Recommender
from hccsurv_core.systems.treatment.settings import CLINICAL, COMBINED
from hccsurv_core.systems.treatment.simulated_truth import (
    NearTruth,
    compare_with_truth,
    read_truth,
)
from hccsurv_core.systems.treatment.validation import (
    Validation,
    ValidationSettings,
    validate_recommendations,
)

#: Stages and scores that each arm's model is held against: label → key of a score.
_RIVALS = {"BCLC stage": "bclc", "ALBI score": "albi", "Child-Pugh score": "child_pugh"}
_STAGES = "0ABCD"
_MODEL, _CLINICAL = "model", "clinical values alone"


@dataclass(frozen=True, eq=False)
class ArmEvaluation:
    """One arm, on the patients who were given it.

    Args:
        n, n_events: of them.
        performance: discrimination, calibration and overall accuracy.
        rivals: C-index of the model, of clinical values alone, of stages and scores; the model
            against each.
        curves: of those above and below the training cut-off; None for a group of nobody.
        log_rank: of the two; None where one is empty.
        calibration: at each horizon that can be answered.
    """

    n: int
    n_events: int
    performance: SurvivalPerformance
    rivals: ConcordanceComparison
    curves: Mapping[str, KaplanMeier | None]
    log_rank: LogRankResult | None
    calibration: tuple[CalibrationAt, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "n": self.n,
            "n_events": self.n_events,
            "metrics": {name: e.to_json() for name, e in self.performance.metrics.items()},
            "left_out": self.performance.left_out,
            "c_index": {
                name: a.estimate.to_json() if a.estimate else {"reason": a.reason}
                for name, a in self.rivals.scores.items()
            },
            "model_against": {
                b: {
                    "difference": a.estimate.to_json() if a.estimate else None,
                    "p": a.p if a.p == a.p else None,
                    "reason": a.reason,
                }
                for (_, b), a in self.rivals.differences.items()
            },
            "risk_groups": {
                name: None if curve is None else curve.to_json()
                for name, curve in self.curves.items()
            },
            "log_rank": None if self.log_rank is None else self.log_rank.to_json(),
            "calibration": [calibration_json(c) for c in self.calibration],
        }


@dataclass(frozen=True, eq=False)
class TreatmentEvaluation:
    """Everything.

    Args:
        version: of the model that answered.
        n, n_events: of all patients.
        c_index: of the months expected under the treatment that each patient was given, over all.
        arms: by treatment.
        recommended: answer → number of patients.
        why_none: kind of the first reason → number of patients without a recommendation.
        answers: of each patient.
        contrast: of all patients.
        validation: of following the recommendation; None where it cannot be judged, and why.
        truth: of simulated patients; None of others.
        notes: what a reader should know.
    """

    version: str
    n: int
    n_events: int
    c_index: Estimate
    arms: Mapping[str, ArmEvaluation]
    recommended: Mapping[str, int]
    why_none: Mapping[str, int]
    answers: tuple[Recommendation, ...]
    contrast: TreatmentContrast
    validation: Validation | None
    why_not_validated: str
    truth: NearTruth | None
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, Estimate]:
        """By name; those of an arm with its name before them."""
        found = {"c_index": self.c_index}
        for arm, one in self.arms.items():
            found |= {f"{arm}_{name}": e for name, e in one.performance.metrics.items()}
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "version": self.version,
            "n": self.n,
            "n_events": self.n_events,
            "metrics": {name: e.to_json() for name, e in self.metrics.items()},
            "arms": {arm: one.to_json() for arm, one in self.arms.items()},
            "recommended": dict(self.recommended),
            "why_none": dict(self.why_none),
            "validation": None if self.validation is None else self.validation.to_json(),
            "why_not_validated": self.why_not_validated,
            "truth": None if self.truth is None else self.truth.to_json(),
            "notes": list(self.notes),
        }


def evaluate_treatment(
    model: TreatmentModel,
    cohort: TreatmentCohort,
    *,
    seed: int = 0,
    n_resamples: int = 500,
    progress: Progress = silent,
) -> TreatmentEvaluation:
    """Judge a model.

    Args:
        model: as read.
        cohort: patients that it has not learned from, with signs where they were measured.
        seed, n_resamples: of the bootstrap.
        progress: may cancel.

    Raises:
        StatisticsError: an arm has nobody, or nobody who died.
    """
    version = COMBINED if COMBINED in model.versions and cohort.images is not None else CLINICAL
    models = model.recommenders[version]
    table = cohort.table(model.covariates)
    values = table.columns(models.names).values
    models, notes = _asking_what_is_known(models, cohort)
    risk = {
        arm: models.arms.models[arm].risk_score(models.arms.filled(values)) for arm in ARMS
    }  # fmt: skip
    arms = {
        arm: _evaluate_arm(arm, model, models, version, cohort, values, risk[arm], seed)
        for arm in ARMS
    }
    answers = _answers(models, model, cohort, values, part_of(progress, 0.2, 0.6))
    contrast = models.arms.contrast(values, level=models.settings.level)
    validation, why_not = _validate(
        table.columns(models.overlap.names), answers, models, seed, n_resamples,
        part_of(progress, 0.6, 0.95),
    )  # fmt: skip
    truth = None
    if cohort.simulated and cohort.folder is not None:
        known = read_truth(cohort.folder, cohort.patient_ids)
        if known is not None:
            truth = compare_with_truth(known, cohort, risk, contrast, answers, seed)
    counts = Counter(str(a.recommendation) for a in answers)
    made = [arm for arm in ARMS if counts.get(arm)]
    if len(made) == 1:
        notes = (*notes, _one_sided(made[0]))
    progress(1.0, "evaluated")
    return TreatmentEvaluation(
        version, len(cohort), cohort.outcome.n_events,
        estimate_concordance(cohort.outcome, _minus_months(contrast, cohort), seed=seed),
        arms,
        {name: counts.get(name, 0) for name in (*ARMS, NONE)},
        dict(Counter(a.reasons[0].kind for a in answers if a.recommendation == NONE)),
        answers, contrast, validation, why_not, truth, notes,
    )  # fmt: skip


def _asking_what_is_known(
    models: Recommender, cohort: TreatmentCohort
) -> tuple[Recommender, tuple[str, ...]]:
    """Facts that most of a cohort lack are not asked of it; a page or a verb still asks."""
    facts = [profile.facts for profile in cohort.profiles]
    asked = models.settings.required_facts
    known = [sum(any(f.get(n) is not None for n in group) for f in facts) for group in asked]
    kept = tuple(g for g, n in zip(asked, known, strict=True) if 2 * n >= len(cohort))
    dropped = [g for g in asked if g not in kept]
    if not dropped:
        return models, ()
    told = "; ".join(" or ".join(group).replace("_", " ") for group in dropped)
    return (
        replace(models, settings=replace(models.settings, required_facts=kept)),
        (f"Not known of most patients of this cohort, and not asked for here: {told}.",),
    )


def _one_sided(arm: str) -> str:
    return (
        f"Every recommendation is {ARM_WORDS[arm]}: in these values the patients given it simply "
        "did better. That is what a reason for the choice that no value shows looks like, too "
        "(who could be operated on at all); such a model must not choose."
    )


def _evaluate_arm(
    arm: str,
    model: TreatmentModel,
    models: Recommender,
    version: str,
    cohort: TreatmentCohort,
    values: np.ndarray,
    risk: np.ndarray,
    seed: int,
) -> ArmEvaluation:
    rows = np.array([t == arm for t in cohort.treatment])
    if not rows.any():
        raise StatisticsError(f"nobody was given {ARM_WORDS[arm]}", source=cohort.source)
    mine, outcome = cohort.subset(rows), cohort.outcome.subset(rows)
    filled = models.arms.filled(values[rows])
    found = models.arms.models[arm]
    performance = assess_survival_model(
        outcome, risk[rows], lambda times: found.survival(filled, times),
        models.arms.settings.horizons_months, seed=seed,
    )  # fmt: skip
    scores = {_MODEL: risk[rows], **_rival_scores(arm, model, version, mine)}
    rivals = compare_concordances(
        outcome, scores, [(_MODEL, name) for name in scores if name != _MODEL], seed=seed
    )
    high = risk[rows] > model.description["cutoffs"]["by_version"][version][arm]
    both = high.any() and not high.all()
    return ArmEvaluation(
        int(rows.sum()), outcome.n_events, performance, rivals,
        {
            "low risk": fit_kaplan_meier(outcome.subset(~high)) if not high.all() else None,
            "high risk": fit_kaplan_meier(outcome.subset(high)) if high.any() else None,
        },
        log_rank_test(outcome, high) if both else None,
        calibrate_at_horizons(
            outcome, lambda times: found.survival(filled, times), performance.horizons_months
        ),
    )  # fmt: skip


def _rival_scores(
    arm: str, model: TreatmentModel, version: str, cohort: TreatmentCohort
) -> dict[str, np.ndarray]:
    """(m,) risk scores by what an arm's model is held against; those that are not known left out."""
    scores: dict[str, np.ndarray] = {}
    if version != CLINICAL:
        plain = model.recommenders[CLINICAL].arms
        values = cohort.table(model.covariates).columns(plain.names).values
        scores[_CLINICAL] = plain.models[arm].risk_score(plain.filled(values))
    for label, key in _RIVALS.items():
        found = np.array([_rival_value(p, key) for p in cohort.profiles])
        known = np.isfinite(found)
        if known.any() and np.ptp(found[known]) > 0:
            scores[label] = found
    return scores


def _rival_value(profile: Profile, key: str) -> float:
    """A score, or a stage as its place; recorded where its parts are not known."""
    if key != "bclc":
        return _number(profile.scores[key].value)
    stage = profile.facts.get("bclc_stage")
    return float(_STAGES.index(stage)) if stage in tuple(_STAGES) else np.nan


def _answers(
    models: Recommender,
    model: TreatmentModel,
    cohort: TreatmentCohort,
    values: np.ndarray,
    progress: Progress,
) -> tuple[Recommendation, ...]:
    found = []
    for i, profile in enumerate(cohort.profiles):
        if i % 20 == 0:
            progress(i / len(cohort), f"recommendations: patient {i + 1} of {len(cohort)}")
        of_record = covariate_values(profile, model.covariates)
        own = dict(zip(models.names, values[i], strict=True))
        found.append(recommend(models, {**profile.facts, **of_record, **own}))
    return tuple(found)


def _validate(
    table: TreatmentTable,
    answers: tuple[Recommendation, ...],
    models: Recommender,
    seed: int,
    n_resamples: int,
    progress: Progress,
) -> tuple[Validation | None, str]:
    settings = ValidationSettings(models.arms.settings.rmst_months, n_resamples=n_resamples)
    given = [a.recommendation for a in answers]
    try:
        return validate_recommendations(table, given, settings, seed=seed, progress=progress), ""
    except StatisticsError as error:
        return None, error.what


def _minus_months(contrast: TreatmentContrast, cohort: TreatmentCohort) -> np.ndarray:
    months = {arm: contrast.arms[arm].months.value for arm in ARMS}
    return -np.array([months[arm][i] for i, arm in enumerate(cohort.treatment)])


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
