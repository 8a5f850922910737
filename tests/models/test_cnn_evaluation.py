"""Networks are judged as scikit-learn and the exact binomial test would, on whom it is known of."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.treatment.cnn_evaluation import (
    compare_networks,
    evaluate_network,
    learn_threshold,
    performance_rows,
)


def cohort(n=150, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, follow_up = 40 * rng.exponential(np.exp(0.8 * x)), rng.uniform(10, 90, n)
    alive = 1 / (1 + np.exp(-x - 0.5 * rng.normal(size=n)))
    return alive, SurvivalOutcome(np.minimum(time, follow_up), time <= follow_up)


def known(outcome):
    return (outcome.time_months > 36) | outcome.event


def test_accuracy_sensitivity_specificity_and_area_are_those_of_the_known_patients():
    alive, outcome = cohort()
    found = evaluate_network("resnet50", alive, outcome, threshold=0.6)
    rows = known(outcome)
    truth, called = outcome.time_months[rows] > 36, alive[rows] >= 0.6
    assert found.name == "ResNet50"
    assert (found.n, found.n_unknown) == (150, int((~rows).sum()))
    assert found.n_alive + found.n_dead == rows.sum()
    assert found.accuracy.accuracy.value == metrics.accuracy_score(truth, called)
    assert found.accuracy.sensitivity.value == metrics.recall_score(truth, called)
    assert found.accuracy.specificity.value == metrics.recall_score(~truth, ~called)
    assert found.area.value == pytest.approx(metrics.roc_auc_score(truth, alive[rows]))
    exact = binomtest(int((truth & called).sum()), int(truth.sum())).proportion_ci(method="exact")
    sensitivity = found.accuracy.sensitivity
    assert (sensitivity.ci_low, sensitivity.ci_high) == pytest.approx((exact.low, exact.high))
    assert found.area.ci_low < found.area.value < found.area.ci_high


def test_patients_of_whom_it_is_not_known_count_only_where_censoring_is_corrected():
    alive, outcome = cohort()
    found = evaluate_network("x", alive, outcome)
    other = alive.copy()
    other[~known(outcome)] = 1 - other[~known(outcome)]
    again = evaluate_network("x", other, outcome)
    assert again.area == found.area
    assert again.accuracy == found.accuracy
    fewer = SurvivalOutcome(outcome.time_months[known(outcome)], outcome.event[known(outcome)])
    left = evaluate_network("x", alive[known(outcome)], fewer)
    assert left.area == found.area
    assert left.area_all.value != found.area_all.value
    assert found.area_all.n == 150


def test_a_higher_probability_for_those_alive_is_good():
    outcome = SurvivalOutcome([5.0, 10, 40, 50, 60], [1, 1, 0, 0, 1])
    good = evaluate_network("x", [0.1, 0.2, 0.7, 0.8, 0.9], outcome)
    assert (good.area.value, good.area_all.value) == (1.0, 1.0)
    assert np.isnan(good.area.ci_low)
    bad = evaluate_network("x", [0.9, 0.8, 0.3, 0.2, 0.1], outcome)
    assert (bad.area.value, bad.area_all.value) == (0.0, 0.0)
    row = performance_rows([good])[0]
    assert row["AUC"] == "1.000 (no interval)"
    assert row["known"] == 5
    assert row["sensitivity"] == "1.000 (0.292 to 1.000)"
    assert good.to_json()["accuracy"]["table"] == {"tp": 3, "fp": 0, "fn": 0, "tn": 2}


def test_the_threshold_has_the_largest_youden_index():
    alive, outcome = cohort()
    threshold = learn_threshold(alive, outcome)
    rows = known(outcome)
    truth = outcome.time_months[rows] > 36
    youden = {
        t: (alive[rows][truth] >= t).mean() - (alive[rows][~truth] >= t).mean() for t in alive[rows]
    }
    assert threshold == max(youden, key=youden.get)


def test_networks_are_compared_in_pairs_on_the_same_patients():
    alive, outcome = cohort()
    found = compare_networks(
        {"resnet50": alive, "resnet18": alive, "densenet121": 1 - alive}, outcome
    )
    assert [(c.first, c.second) for c in found] == [
        ("ResNet50", "ResNet18"), ("ResNet50", "DenseNet121"), ("ResNet18", "DenseNet121"),
    ]  # fmt: skip
    assert found[0].areas.p == 1
    assert found[0].areas.difference.value == 0
    assert found[1].areas.area_b == pytest.approx(1 - found[1].areas.area_a)
    assert found[1].areas.p < 0.001
    assert found[1].to_json()["first"] == "ResNet50"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda a, o: (a[:5], o), InputError, "150 patients but 5 answers"),
        (lambda a, o: (a * np.nan, o), InputError, "missing or not between 0 and 1"),
        (lambda a, o: (a * 3, o), InputError, "missing or not between 0 and 1"),
        (
            lambda a, o: (a, SurvivalOutcome(o.time_months + 40, o.event)),
            StatisticsError,
            "event",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        evaluate_network("x", *change(*cohort()))


def test_a_threshold_is_a_probability():
    with pytest.raises(InputError, match="threshold: must be a number from 0 to 1"):
        evaluate_network("x", *cohort(), threshold=1.2)
