"""Leakage, overfitting, groups, and principal components: planted, and found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_cohorts import simulated_input
from hypothesis import given as draw
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.evaluation_input import ModelScores
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
from hccsurv_core.systems.muscle.feature_space import (
    FeatureProjection,
    fit_projection,
    place_features,
)
from hccsurv_core.systems.muscle.leakage import find_duplicates, patient_digests, row_digests
from hccsurv_core.systems.muscle.robustness import performance_by_group, training_gap

QUICK = EvaluationSettings(n_resamples=200)
RNG = np.random.default_rng(5)
TRAINED = np.arange(10) < 6


def features_of(n: int, p: int = 30) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(n, p))


def test_a_training_patient_among_the_tests_is_found_by_name_and_by_features():
    ids = [f"P{i}" for i in range(10)]
    values = features_of(10)
    assert find_duplicates(TRAINED, ids, values).found is False
    values[8] = values[2]
    ids[9] = "P0"
    found = find_duplicates(TRAINED, ids, values)
    assert (found.in_training_by_id, found.in_training_by_features, found.within_tests) == (1, 1, 0)
    assert found.rows == (8, 9)
    assert "1 patient named like a training patient" in found.words()


def test_a_bundle_recognizes_its_training_patients():
    old = features_of(5)
    new = np.vstack([old[3], features_of(4, 30) + 9])
    found = find_duplicates(
        np.zeros(5, bool), ["new", "b", "c", "d", "A"], new,
        known_patients=patient_digests(["A", "B"]), known_rows=row_digests(old),
    )  # fmt: skip
    assert found.rows == (0, 4)
    assert (found.in_training_by_id, found.in_training_by_features) == (1, 1)


def test_the_same_scan_twice_among_the_tests_is_found():
    values = features_of(10)
    values[7] = values[9]
    found = find_duplicates(TRAINED, (), values)
    assert found.within_tests == 2 and found.rows == (7, 9)


def test_few_features_can_be_alike_by_chance():
    values = np.repeat([[1.0, 0.0], [2.0, 1.0]], 5, axis=0)
    assert (
        "With only 2 features it may be a coincidence."
        in find_duplicates(TRAINED, (), values).words()
    )


def test_nothing_to_compare_is_no_all_clear():
    assert find_duplicates(np.zeros(10, bool), ()) is None
    assert find_duplicates(TRAINED, ()) is None


def test_rows_without_any_value_match_nothing():
    values = features_of(10)
    values[[0, 8, 9]] = np.nan
    assert not find_duplicates(TRAINED, (), values).found


@draw(st.floats(1e-6, 1e6), st.sampled_from([-1.0, 1.0]))
def test_a_digest_survives_a_table_written_with_eight_digits(size, sign):
    value = sign * size
    # Halfway between two roundings a digit more or less decides; that is not what is tested.
    digits = abs(value) / 10 ** np.floor(np.log10(abs(value))) * 1e6
    if abs(digits % 1 - 0.5) < 0.1:
        return
    written = float(f"{value:.8e}")
    assert row_digests([[value, np.nan]]) == row_digests([[written, np.nan]])
    assert row_digests([[value]]) != row_digests([[value * 1.00001]])


def test_powers_of_ten_have_one_digest():
    assert row_digests([[10.0]]) == row_digests([[9.99999999]])
    assert row_digests([[0.0]]) == row_digests([[-0.0]]) != row_digests([[1.0]])


def test_an_overfitted_model_shows_its_optimism():
    n = 200
    rng = np.random.default_rng(1)
    signal = rng.normal(size=n)
    time = rng.exponential(30 * np.exp(-signal))
    outcome = SurvivalOutcome(np.minimum(time, 60), time < 60)
    inside = np.arange(n) < 100
    honest = signal + 2 * rng.normal(size=n)
    memory = np.where(inside, -np.log(time), np.nan)  # has learned the answers by heart
    model = ModelScores("M", honest, training="out-of-bag", apparent_risk_score=memory)
    found = training_gap(outcome, model, inside, QUICK)
    assert found.apparent.value.value > 0.99
    assert found.optimism.value.ci_low > 0.1
    assert found.gap.value.ci_low < 0 < found.gap.value.ci_high
    assert (
        found.words
        == "No more difference between training and other patients than chance explains."
    )
    assert (found.honest.value.n, found.test.value.n) == (100, 100)
    flattering = replace(model, risk_score=np.where(inside, memory, honest))
    found = training_gap(outcome, flattering, inside, QUICK)
    assert found.gap.value.ci_low > 0 and found.words.startswith("Worse on other patients")
    found = training_gap(outcome, replace(flattering, training="apparent"), inside, QUICK)
    assert found.honest.value is None and "flatter it" in found.words


def test_a_model_without_training_predictions_has_no_gap():
    outcome = SurvivalOutcome(np.arange(1.0, 41.0), np.ones(40))
    score = np.where(np.arange(40) < 20, np.nan, np.arange(40.0))
    found = training_gap(outcome, ModelScores("M", score), np.arange(40) < 20, QUICK)
    assert found.gap.value is None
    assert found.words == "Training and test cannot be compared: there are no such predictions."


def test_a_centre_where_the_model_fails_is_seen():
    n = 400
    rng = np.random.default_rng(3)
    signal = rng.normal(size=n)
    time = rng.exponential(30 * np.exp(-signal))
    outcome = SurvivalOutcome(np.minimum(time, 60), time < 60)
    center = ["a", "b"] * (n // 2)
    fails = np.array(center) == "b"
    score = np.where(fails, rng.normal(size=n), signal)
    found = performance_by_group(
        outcome, ModelScores("M", score), "center", center, np.ones(n, bool), QUICK
    )
    by_name = {r.name: r for r in found.rows}
    assert by_name["a"].estimate.ci_low > 0.65 > 0.6 > by_name["b"].estimate.value
    assert found.p < 0.001 and found.dof == 1
    same = performance_by_group(
        outcome, ModelScores("M", signal), "center", center, np.ones(n, bool), QUICK
    )
    assert same.p > 0.05


def test_cochrans_q_is_that_of_its_formula():
    given = simulated_input(240)
    found = performance_by_group(
        given.outcome, given.models[0], "sex", given.groups["sex"], np.ones(240, bool), QUICK
    )
    assert [r.name for r in found.rows] == ["female", "male"]
    assert sum(r.n for r in found.rows) == 240 and found.n_unknown == 0
    from scipy.stats import chi2

    assert found.p == pytest.approx(chi2.sf(found.statistic, 1))


def test_groups_that_cannot_be_judged_say_why():
    outcome = SurvivalOutcome(np.arange(1.0, 41.0), np.arange(40) < 38)
    model = ModelScores("M", np.arange(40.0))
    everybody = np.ones(40, bool)
    few = performance_by_group(
        outcome, model, "center", ["a"] * 36 + ["b"] * 3 + [None], everybody, QUICK
    )
    assert few.rows[1].reason == "2 events; at least 5 are needed"
    assert few.n_unknown == 1 and np.isnan(few.p)
    with pytest.raises(StatisticsError, match="all test patients have the same center"):
        performance_by_group(outcome, model, "center", ["a"] * 40, everybody, QUICK)
    with pytest.raises(StatisticsError, match="center: it is not known"):
        performance_by_group(outcome, model, "center", [None] * 40, everybody, QUICK)


def test_components_are_those_of_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    values = features_of(60) @ np.random.default_rng(1).normal(size=(30, 30))
    trained = np.arange(60) < 40
    space = place_features(values, trained)
    standard = (values - values[:40].mean(0)) / values[:40].std(0, ddof=1)
    reference = decomposition.PCA(3).fit(standard[:40])
    np.testing.assert_allclose(
        np.abs(space.places), np.abs(reference.transform(standard)), atol=1e-9
    )
    np.testing.assert_allclose(space.explained, reference.explained_variance_ratio_, atol=1e-12)
    assert (space.n_training, space.n_features, space.note) == (40, 30, "")


def test_components_are_learned_from_training_patients_alone():
    values = features_of(60)
    trained = np.arange(60) < 40
    moved = values.copy()
    moved[40:] = 1e3 * RNG.normal(size=(20, 30))
    first, second = place_features(values, trained), place_features(moved, trained)
    np.testing.assert_array_equal(first.places[:40], second.places[:40])


def test_a_constant_or_missing_feature_moves_nobody():
    values = features_of(40)
    extra = np.column_stack([values, np.full(40, 7.0), np.full(40, np.nan)])
    with_extra, without = fit_projection(extra), fit_projection(values)
    np.testing.assert_allclose(with_extra.apply(extra), without.apply(values), atol=1e-9)
    gap = values.copy()
    gap[0] = np.nan
    np.testing.assert_array_equal(without.apply(gap)[0], np.zeros(3))


def test_a_projection_survives_a_bundle():
    projection = fit_projection(features_of(40))
    back = FeatureProjection.from_tensors(projection.to_tensors())
    np.testing.assert_array_equal(back.apply(features_of(5)), projection.apply(features_of(5)))
    assert back.n_training == 40
    assert FeatureProjection.from_tensors({}) is None


def test_components_that_cannot_be_are_refused():
    with pytest.raises(StatisticsError, match="3 training patients cannot span 3 components"):
        fit_projection(features_of(3))
    with pytest.raises(StatisticsError, match="only 2 features vary among the training patients"):
        fit_projection(np.column_stack([features_of(10, 2), np.ones((10, 5))]))
    with pytest.raises(InputError, match=r"30 features are needed, got shape \(5, 3\)"):
        fit_projection(features_of(40)).apply(features_of(5, 3))


def test_without_training_patients_the_picture_says_so():
    space = place_features(features_of(20), np.zeros(20, bool))
    assert space.note.startswith("No training patients are among these")
