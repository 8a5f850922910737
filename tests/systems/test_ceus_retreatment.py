"""Survival after recurrence by retreatment: the clock, the estimates, and the simulation's truth."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from lifelines import CoxPHFitter

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.simulate.ceus.cohort import draw_patients
from hccsurv_core.simulate.ceus.outcomes import CLASS_BENEFIT
from hccsurv_core.systems.ceus.retreatment import after_recurrence, study_retreatment
from hccsurv_core.systems.ceus.retreatment_effect import RetreatmentSettings
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT


@cache
def simulated(n=20_000, seed=11):
    """Overall survival, recurrence, retreated, true class, and what decides both treatment and death."""
    patients = draw_patients(seed, range(n))

    def column(part, name):
        values = [getattr(p, part)[name] for p in patients]
        return np.array([np.nan if v is None else v for v in values], dtype=float)

    outcome = SurvivalOutcome(column("row", "time_months"), column("row", "event") == 1)
    recurrence = CompetingOutcome(
        column("row", "recurrence_time_months"), column("row", "recurrence_cause").astype(int)
    )
    causes = np.column_stack(
        [column("truth", name) for name in ("death_predictor", "albumin", "bilirubin")]
    )
    classes = column("truth", "true_class").astype(int)
    return outcome, recurrence, column("row", "retreated"), classes, causes


def small(n=400, benefit=1.0, seed=0):
    """Everybody recurs at once; retreated by the toss of a coin; one hazard ratio in all classes."""
    rng = np.random.default_rng(seed)
    treated = rng.random(n) < 0.5
    time, end = 30 * rng.exponential(np.exp(benefit * treated)), rng.uniform(20, 60, n)
    outcome = SurvivalOutcome(np.minimum(time, end) + 5.0, time <= end)
    recurrence = CompetingOutcome(np.full(n, 5.0), np.ones(n, dtype=int))
    return outcome, recurrence, treated.astype(float), rng.integers(1, 5, n)


def test_the_true_benefits_of_the_simulation_are_found_from_true_classes():
    outcome, recurrence, retreated, classes, causes = simulated()
    patients = after_recurrence(outcome, recurrence, retreated)
    study = study_retreatment(
        patients, classes, covariates=causes, names=("predictor", "albumin", "bilirubin")
    )
    for effect, benefit in zip(study.effects, CLASS_BENEFIT, strict=True):
        low, high = np.log([effect.adjusted.ci_low, effect.adjusted.ci_high])
        assert low < benefit < high
        assert high - low < 0.6
    assert study.interaction_adjusted.dof == 3
    assert study.interaction_adjusted.p < 1e-20
    first = study.effects[0]
    assert first.p_adjusted_corrected >= first.p_adjusted
    assert study.caveat == CAVEAT
    assert study.n + study.n_without == 20_000
    json.dumps(study.to_json(), allow_nan=False)


def test_a_class_is_a_cox_regression_of_its_own_from_the_recurrence_on():
    import pandas as pd

    outcome, recurrence, retreated, classes = small()
    study = study_retreatment(after_recurrence(outcome, recurrence, retreated), classes)
    for effect in study.effects:
        own = classes == effect.number
        peer = CoxPHFitter().fit(
            pd.DataFrame(
                {
                    "not": 1 - retreated[own], "t": outcome.time_months[own] - 5.0,
                    "e": outcome.event[own],
                }
            ), "t", "e",
        ).summary.loc["not"]  # fmt: skip
        ratio = effect.hazard_ratio
        assert ratio.value == pytest.approx(peer["exp(coef)"], rel=1e-4)
        assert ratio.ci_low == pytest.approx(peer["exp(coef) lower 95%"], rel=1e-4)
        assert effect.p == pytest.approx(peer["p"], rel=1e-3)
        assert effect.n_retreated == (own & (retreated == 1)).sum()
        assert effect.deaths_not == outcome.event[own & (retreated == 0)].sum()
        assert effect.log_rank.p == pytest.approx(effect.p, rel=0.8)
    p = sorted(e.p for e in study.effects)
    corrected = sorted(e.p_corrected for e in study.effects)
    assert corrected[0] == pytest.approx(min(1, 4 * p[0]))
    # One effect in all classes: nothing to find. By hand, from the four likelihoods.
    each = sum(
        fit_cox(
            (1 - retreated[classes == c])[:, None],
            SurvivalOutcome(outcome.time_months[classes == c] - 5, outcome.event[classes == c]),
        ).log_likelihood
        for c in (1, 2, 3, 4)
    )
    one = fit_cox(retreated[:, None], outcome, strata=classes).log_likelihood
    assert study.interaction.statistic == pytest.approx(2 * (each - one), abs=1e-6)
    assert study.interaction.p > 0.05


def test_counted_from_the_operation_useless_retreatment_seems_to_help_and_here_it_does_not():
    """Immortal time: who is retreated has lived until the recurrence; others have not always."""
    rng = np.random.default_rng(3)
    n = 4000
    dies = 30 * rng.exponential(size=n)
    recurs = 30 * rng.exponential(size=n)
    end = np.full(n, 60.0)
    seen = recurs < np.minimum(dies, end)
    retreated = np.where(seen, (rng.random(n) < 0.6).astype(float), np.nan)
    outcome = SurvivalOutcome(np.minimum(dies, end), dies <= end)
    recurrence = CompetingOutcome(
        np.where(seen, recurs, outcome.time_months), np.where(seen, 1, np.where(dies <= end, 2, 0))
    )
    naive = fit_cox((retreated != 1).astype(float)[:, None], outcome)
    assert naive.ci()[0][0] > 1.3
    study = study_retreatment(
        after_recurrence(outcome, recurrence, retreated), np.ones(n, dtype=int)
    )
    ratio = study.effects[0].hazard_ratio
    assert ratio.ci_low < 1 < ratio.ci_high
    assert ratio.ci_high - ratio.ci_low < 0.35


def test_the_clock_starts_at_the_recurrence_or_at_a_landmark_after_it():
    outcome = SurvivalOutcome([20, 30, 12, 40, 8.0], [True, False, True, False, True])
    recurrence = CompetingOutcome([10, 12, 11.5, 40, 8], [1, 1, 1, 0, 2])
    retreated = [1.0, 0.0, np.nan, np.nan, np.nan]
    found = after_recurrence(outcome, recurrence, retreated)
    assert found.outcome.time_months.tolist() == [10, 18]
    assert found.retreated.tolist() == [True, False]
    assert found.rows.tolist() == [0, 1]
    assert (found.n_without, found.n_unknown, found.n_before_landmark) == (2, 1, 0)
    later = after_recurrence(outcome, recurrence, retreated, landmark_months=12)
    assert later.outcome.time_months.tolist() == [6]
    assert later.n_before_landmark == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o, r, t: (o, r, [1.0, 0.0, 1.0]), "1 of 3 patients are retreated without a recur"),
        (
            lambda o, r, t: (SurvivalOutcome([20, 11, 30], o.event), r, t),
            "1 of 3 patients are followed for less long .* the first at position 1",
        ),
        (lambda o, r, t: (o, r, [1.0, 0.5, np.nan]), "retreated: must be 1, 0, or missing"),
        (lambda o, r, t: (o, r, [1.0]), "3 patients but shape"),
    ],
)
def test_contradictions_are_refused(change, message):
    outcome = SurvivalOutcome([20, 30, 30], [True, False, False])
    recurrence = CompetingOutcome([10, 12, 30], [1, 1, 0])
    given = change(outcome, recurrence, [1.0, 0.0, np.nan])
    with pytest.raises(InputError, match=message):
        after_recurrence(*given)
    with pytest.raises(StatisticsError, match="nobody with a recurrence of whom it is known"):
        after_recurrence(outcome, recurrence, [np.nan] * 3)


def test_few_deaths_are_told_and_very_few_get_no_ratio():
    n = 60
    classes = np.repeat([1, 2, 3], 20)
    retreated = np.tile([1.0, 0.0], 30)
    died = np.zeros(n, dtype=bool)
    died[[1, 3]] = True  # class 1: two deaths
    died[[21, 23, 25, 27, 29, 31]] = True  # class 2: six, all among those not retreated
    outcome = SurvivalOutcome(np.linspace(10, 30, n), died)
    recurrence = CompetingOutcome(np.full(n, 2.0), np.ones(n, dtype=int))
    study = study_retreatment(after_recurrence(outcome, recurrence, retreated), classes)
    one, two, three, four = study.effects
    assert one.hazard_ratio is None
    assert one.reason == "2 deaths are too few for a hazard ratio"
    assert (one.curve_not.n_events, one.log_rank is not None) == (2, True)
    assert "Firth" in two.hazard_ratio.method
    assert 1 < two.hazard_ratio.value < two.hazard_ratio.ci_high < np.inf
    assert two.p_corrected == two.p  # the only class with a test
    assert three.reason == "nobody had the event"
    assert four.reason == "nobody of this class is retreated"
    assert four.curve_not is None
    assert study.interaction.reason.startswith("fewer than two classes")
    words = study.words()
    assert "0 deaths in the smaller group: Firth's penalized regression" in words[1]
    assert words[4].startswith("Whether the effect differs between classes could not be tested")
    json.dumps(study.to_json(), allow_nan=False)


def test_covariates_take_out_what_decides_treatment_and_too_many_are_refused():
    rng = np.random.default_rng(5)
    n = 3000
    ill = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(1.5 * ill))  # the well are retreated
    time, end = 30 * rng.exponential(np.exp(-ill)), rng.uniform(20, 60, n)
    outcome = SurvivalOutcome(np.minimum(time, end) + 5, time <= end)
    recurrence = CompetingOutcome(np.full(n, 5.0), np.ones(n, dtype=int))
    patients = after_recurrence(outcome, recurrence, treated.astype(float))
    missing = ill.copy()
    missing[:100] = np.nan
    study = study_retreatment(
        patients, np.ones(n, dtype=int), covariates=missing[:, None], names=("ill",)
    )
    effect = study.effects[0]
    assert effect.hazard_ratio.ci_low > 1.5
    assert effect.adjusted.ci_low < 1 < effect.adjusted.ci_high
    assert (study.n_adjusted, study.not_adjusted_because) == (n - 100, "")
    noise = rng.normal(size=(60, 40))
    few = after_recurrence(
        outcome.subset(np.arange(60)), recurrence.subset(np.arange(60)), treated[:60].astype(float)
    )
    study = study_retreatment(
        few, np.ones(60, dtype=int), covariates=noise, settings=RetreatmentSettings()
    )
    assert "deaths are too few for 41 terms" in study.not_adjusted_because
    with pytest.raises(InputError, match="60 of 60 patients are compared, got 7"):
        study_retreatment(few, np.ones(7, dtype=int))
