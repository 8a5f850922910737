"""Overlap: limits by brute force, counts by hand, words, arms that were never given alike."""

from __future__ import annotations

import json

import numpy as np
import pytest
from treatment_cohorts import NAMES, draw, swapped

from hccsurv_core.errors import BundleError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.systems.treatment.arm_table import TreatmentTable
from hccsurv_core.systems.treatment.overlap import OverlapModel, crump_limits, fit_overlap
from hccsurv_core.systems.treatment.ranges import TOLERANCE_SD, TrainingRanges, training_ranges


@pytest.fixture(scope="module")
def cohort():
    return draw(300, seed=2)


@pytest.fixture(scope="module")
def model(cohort):
    return fit_overlap(cohort.table)


@pytest.mark.parametrize("seed", range(4))
def test_limits_are_the_widest_that_the_rule_allows(seed):
    e = np.random.default_rng(seed).beta(0.6, 1.5, 400).clip(0.002, 0.998)
    low, high = crump_limits(e)
    assert high == pytest.approx(1 - low)
    cost = 1 / (e * (1 - e))

    def fine(alpha: float) -> bool:
        kept = (e >= alpha) & (e <= 1 - alpha)
        # The bound itself, as in the paper, not only the patients who happen to be there.
        return 1 / (alpha * (1 - alpha)) <= 2 * cost[kept].mean()

    assert fine(low + 1e-6)
    inside = (e >= low) & (e <= high)
    # Nobody who was left out could have been kept.
    for alpha in np.sort(np.minimum(e, 1 - e)[~inside]):
        kept = np.minimum(e, 1 - e) >= alpha
        assert cost[kept].max() > 2 * cost[kept].mean()


def test_where_everybody_is_alike_everybody_is_kept():
    assert crump_limits(np.full(50, 0.4)) == (0.0, 1.0)
    assert crump_limits(np.linspace(0.3, 0.7, 100)) == (0.0, 1.0)


def test_counts_are_those_within_the_caliper(cohort, model):
    score = model.propensity(cohort.table.values)
    log_odds = np.log(score / (1 - score))
    assert model.caliper == pytest.approx(0.2 * log_odds.std(ddof=1))
    for row in (0, 17, 42):
        found = model.assess(cohort.table.values[row])
        near = np.abs(log_odds - log_odds[row]) <= model.caliper
        assert found.alike["tace"] == (near & cohort.table.tace).sum()
        assert found.alike["hepatectomy"] == (near & ~cohort.table.tace).sum()
        assert found.propensity == pytest.approx(score[row])
        below = (score[cohort.table.tace] < score[row] - 1e-12).mean()
        assert found.percentile["tace"] == pytest.approx(100 * below)
        assert found.n == {"hepatectomy": int((~cohort.table.tace).sum()),
                           "tace": int(cohort.table.tace.sum())}  # fmt: skip


def test_it_says_who_was_like_this_one(cohort, model):
    usual = model.assess(np.zeros(4))
    assert usual.supported
    assert usual.sentence == (
        f"Of 300 training patients, {usual.alike['hepatectomy']} like this one had hepatectomy and "
        f"{usual.alike['tace']} TACE (patients with about the same chance of TACE, here "
        f"{100 * usual.propensity:.0f} %)."
    )
    far = model.assess(np.array([-6.0, 0.0, 0.0, 0.0]))
    assert not far.supported and far.propensity < model.limits[0]
    assert "Nearly all such patients were given hepatectomy" in far.sentence
    assert far.sentence.endswith("would rest on 0 patients.")
    other = model.assess(np.array([6.0, 0.0, 1.0, 0.0]))
    assert "Nearly all such patients were given TACE" in other.sentence
    json.dumps(other.to_json())


def test_few_alike_patients_are_no_overlap(cohort):
    strict = fit_overlap(cohort.table, min_alike=200)
    assert not strict.assess(np.zeros(4)).supported


def test_swapping_the_arms_turns_the_chance_round(cohort, model):
    turned = fit_overlap(swapped(cohort.table))
    x = cohort.table.values[:20]
    np.testing.assert_allclose(turned.propensity(x), 1 - model.propensity(x), atol=1e-9)
    a, b = model.assess(x[3]), turned.assess(x[3])
    assert a.alike["tace"] == b.alike["hepatectomy"] and a.supported == b.supported


def test_a_missing_value_is_the_median(cohort, model):
    gap = np.array([np.nan, 0.3, 0.0, 1.0])
    filled = np.array([np.median(cohort.table.values[:, 0]), 0.3, 0.0, 1.0])
    assert model.assess(gap).propensity == pytest.approx(model.assess(filled).propensity)


def test_covariates_that_tell_the_arms_apart_still_give_an_answer():
    drawn = draw(120, seed=3, confounding=0.0)
    values = drawn.table.values.copy()
    values[:, 0] = np.where(drawn.table.tace, 3.0, -3.0) + 0.1 * values[:, 0]
    table = TreatmentTable(
        FeatureTable(drawn.table.features.patient_ids, NAMES, values, drawn.table.outcome),
        drawn.table.treatment,
    )
    model = fit_overlap(table)
    assert model.firth and not fit_overlap(drawn.table).firth
    assert not model.assess(values[0]).supported


def test_covariates_that_follow_from_each_other_are_refused(cohort):
    twice = np.column_stack((cohort.table.values, 2 * cohort.table.values[:, 1]))
    table = TreatmentTable(
        FeatureTable(
            cohort.table.features.patient_ids, (*NAMES, "twice"), twice, cohort.table.outcome
        ),
        cohort.table.treatment,
    )
    with pytest.raises(StatisticsError, match="follows from the other covariates"):
        fit_overlap(table)


def test_it_comes_back_from_a_bundle(cohort, model):
    again = OverlapModel.from_parts(json.loads(json.dumps(model.describe())), model.tensors())
    x = cohort.table.values[5]
    assert again.assess(x).to_json() == model.assess(x).to_json()
    parts = model.tensors()
    del parts["scores.tace"]
    with pytest.raises(BundleError, match="lacks a part of the propensity model"):
        OverlapModel.from_parts(model.describe(), parts)


def test_ranges_are_those_of_each_arm():
    drawn = draw(100, seed=4)
    values = drawn.table.values.copy()
    tace = drawn.table.tace
    values[:, 3] = np.where(tace, 5.0, 1.0)
    values[np.flatnonzero(tace)[0], 3] = 6.0
    values[3, 1] = np.nan
    table = TreatmentTable(
        FeatureTable(drawn.table.features.patient_ids, NAMES, values, drawn.table.outcome),
        drawn.table.treatment,
    )
    ranges = training_ranges(table)
    assert ranges.check(np.array([0.0, 0.0, 1.0, np.nan])) == ()
    (found,) = ranges.check(np.array([0.0, 0.0, 1.0, 5.5]))
    assert (found.name, found.arms, found.low, found.high) == ("age", ("hepatectomy",), 1.0, 1.0)
    assert found.beyond
    assert found.sentence("Age") == "Age of 5.5: patients given hepatectomy had 1 to 1"
    (both,) = ranges.check(np.array([0.0, 0.0, 1.0, 60.0]))
    assert both.arms == ("hepatectomy", "tace") and (both.low, both.high) == (1.0, 6.0)
    # A little beyond the largest value is told, but is not "beyond".
    largest = np.nanmax(values[:, 0])
    step = 0.9 * TOLERANCE_SD * np.nanstd(values[:, 0])
    (little,) = ranges.check(np.array([largest + step, 0.0, 0.0, np.nan]))
    assert little.name == "size" and set(little.arms) == {"hepatectomy", "tace"}
    whole = {arm: values[table.given(arm), 0].max() for arm in little.arms}
    gap = max(largest + step - top for top in whole.values())
    assert little.beyond == (gap > TOLERANCE_SD * np.std(values[:, 0]))
    again = TrainingRanges.from_parts({"names": list(NAMES)}, ranges.tensors())
    assert again.check(np.array([0.0, 0.0, 1.0, 5.5])) == (found,)
    with pytest.raises(BundleError, match="lacks the training ranges"):
        TrainingRanges.from_parts({"names": list(NAMES)}, {})


def test_a_finding_that_nobody_of_an_arm_had_is_beyond():
    drawn = draw(150, seed=9)
    values = drawn.table.values.copy()
    values[drawn.table.given("hepatectomy"), 2] = 0.0
    table = TreatmentTable(
        FeatureTable(drawn.table.features.patient_ids, NAMES, values, drawn.table.outcome),
        drawn.table.treatment,
    )
    (found,) = training_ranges(table).check(np.array([0.0, 0.0, 1.0, 0.0]))
    assert found.arms == ("hepatectomy",) and found.beyond
