"""Four classes: who is in which, cut-offs learned on training patients, and how sure a class is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.cutpoints import Cutpoint, optimal_cutpoint
from hccsurv_core.systems.ceus.risk_classes import (
    CLASSES,
    RiskClassRule,
    class_numbers,
    class_of,
    learn_classes,
    rule_from_json,
    summarize_classes,
)
from hccsurv_core.systems.ceus.risk_classes_cutoffs import (
    PUBLISHED_SCALE,
    CutoffSettings,
    LearnedCutoff,
    recurrence_cutoff,
    survival_cutoff,
)

RULE = RiskClassRule(
    LearnedCutoff(Cutpoint(0.4, "given"), "median", ""),
    LearnedCutoff(Cutpoint(1.0, "given"), "x-tile", ""),
    100,
    40,
)


def training(n=200, effect=1.0, seed=0):
    """Predicted probability, whether it recurred early, risk score, and survival."""
    rng = np.random.default_rng(seed)
    p, risk = rng.uniform(0.1, 0.8, n), rng.normal(size=n)
    time, follow_up = 40 * rng.exponential(np.exp(-effect * risk)), rng.uniform(10, 60, n)
    outcome = SurvivalOutcome(np.minimum(time, follow_up), time <= follow_up)
    return p, (rng.random(n) < p).astype(float), risk, outcome


def test_the_four_classes_are_the_four_halves():
    found = RULE.classify([0.5, 0.5, 0.3, 0.3, 0.4], [0.0, 2.0, 0.0, 2.0, 1.0])
    # A value on the cut-off is low.
    assert found.tolist() == [1, 2, 3, 4, 3]
    for c in CLASSES:
        assert class_numbers([c.high_recurrence], [c.high_death]).tolist() == [c.number]
    assert class_of(1).words == "likely to recur within a year, low risk of death"
    assert "7.895" in class_of(1).published
    assert [c.published for c in CLASSES[1:]] == [None] * 3
    with pytest.raises(InputError, match="there is no class 5; classes are 1 to 4"):
        class_of(5)
    with pytest.raises(InputError, match="missing"):
        RULE.classify([np.nan], [0.0])


def test_chances_multiply_the_shares_of_draws_above_each_cut():
    p = np.array([[0.5, 0.3], [0.5, 0.3], [0.3, 0.3], [0.5, 0.3]])
    risk = np.array([[0.0, 2.0], [2.0, 2.0]])
    found = RULE.chances(p, risk)
    np.testing.assert_allclose(found[0], [0.75 * 0.5, 0.75 * 0.5, 0.25 * 0.5, 0.25 * 0.5])
    np.testing.assert_allclose(found[1], [0, 0, 0, 1])
    with pytest.raises(InputError, match="draws of the same patients"):
        RULE.chances(p, risk[:, :1])


def test_cut_offs_are_learned_as_the_rules_say():
    p, early, risk, outcome = training()
    rule = learn_classes(p, early, risk, outcome)
    assert rule.recurrence.cutpoint.value == np.median(p)
    best = optimal_cutpoint(risk, outcome, min_share=0.2)
    assert rule.survival.cutpoint == best.cutpoint
    assert rule.survival.p_corrected == best.p_corrected > best.p_uncorrected
    assert "corrected for the search" in rule.survival.words
    both = learn_classes(p, early, risk, outcome, CutoffSettings("youden", "median"))
    assert both.survival.cutpoint.value == np.median(risk)
    cuts = np.unique(p)
    youden = [
        (p[early == 1] >= c).mean() + (p[early == 0] < c).mean() for c in cuts
    ]  # fmt: skip
    assert both.recurrence.cutpoint.value == cuts[int(np.argmax(youden))]
    assert both.recurrence.cutpoint.apply([both.recurrence.cutpoint.value]).tolist() == [True]


def test_patients_whose_recurrence_is_not_known_count_where_it_does_not_matter():
    p, early, risk, outcome = training()
    early[:50] = np.nan
    assert learn_classes(p, early, risk, outcome).recurrence.cutpoint.value == np.median(p)
    youden = CutoffSettings("youden")
    some = learn_classes(p, early, risk, outcome, youden)
    expected = recurrence_cutoff(p[50:], early[50:], youden)
    assert some.recurrence.cutpoint == expected.cutpoint


def test_the_published_threshold_is_for_the_published_score_alone():
    _, _, risk, outcome = training()
    chosen = CutoffSettings(survival="published")
    with pytest.raises(InputError, match=r"0.52 belongs to the score of Huang .* another scale"):
        survival_cutoff(risk, outcome, chosen)
    found = survival_cutoff(risk, outcome, chosen, scale=PUBLISHED_SCALE)
    assert found.cutpoint.value == 0.52
    assert found.p_corrected is None


def test_where_a_search_is_no_use_the_median_is_taken_and_says_why():
    _, _, risk, outcome = training()
    few = SurvivalOutcome(outcome.time_months, np.arange(200) < 6)
    found = survival_cutoff(risk, few)
    assert (found.rule, found.cutpoint.value) == ("median", np.median(risk))
    assert found.words.startswith("6 events are too few to search a cut-point")
    turned = survival_cutoff(-risk, outcome)
    assert turned.rule == "median"
    assert "would call those who live longer high" in turned.words


def test_what_happened_in_each_class():
    classes = np.array([1, 1, 1, 3, 3, 4])
    outcome = SurvivalOutcome([5, 20, 40, 40, 40, 2], [True, False, False, False, False, True])
    early = np.array([1, 0, np.nan, 0, 0, 1])
    first, third, fourth = summarize_classes(classes, early, outcome, horizons_months=(12.0,))
    assert (first.n, first.n_events, first.early_recurrence.value) == (3, 1, 0.5)
    assert first.early_recurrence.n == 2
    assert first.survival[0].value == pytest.approx(2 / 3)
    assert third.survival[0].value == 1.0
    assert fourth.number == 4
    json.dumps([c.to_json() for c in (first, third, fourth)], allow_nan=False)
    with pytest.raises(InputError, match="classes are 1, 2, 3 or 4"):
        summarize_classes(np.zeros(6), early, outcome)


def test_a_rule_comes_back_from_json():
    p, early, risk, outcome = training()
    rule = learn_classes(p, early, risk, outcome)
    again = rule_from_json(json.loads(json.dumps(rule.to_json(), allow_nan=False)))
    np.testing.assert_array_equal(again.classify(p, risk), rule.classify(p, risk))
    assert again.to_json() == rule.to_json()
    with pytest.raises(InputError, match="describes no classes"):
        rule_from_json({})
    with pytest.raises(InputError, match="describes no cut-off"):
        rule_from_json({"recurrence": {}})
    with pytest.raises(InputError, match="no rule is called 'best'"):
        CutoffSettings(recurrence="best")
