"""Agreement: published examples, pingouin, statsmodels, irrCAC, and what must always hold."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.agreement import (
    cohen_kappa,
    cohen_kappa_of_table,
    concordance_correlation,
    fleiss_kappa,
    fleiss_kappa_of_counts,
    intraclass_correlation,
    intraclass_correlations,
    limits_of_agreement,
    percent_agreement,
    rating_table,
)

REFERENCE = Path(__file__).resolve().parents[1] / "reference"

#: Peak flow by two meters, first measurements (Bland & Altman, Lancet 1986).
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


@pytest.fixture(scope="module")
def reference() -> dict:
    """What tests/reference/agreement_reference.py wrote."""
    return json.loads((REFERENCE / "agreement.json").read_text())


@pytest.mark.parametrize("example", ["shrout_fleiss", "drawn"])
def test_intraclass_correlations_are_those_of_pingouin(reference, example):
    found = intraclass_correlations(reference[example]["ratings"])
    for form, expected in reference[example]["forms"].items():
        icc = found[form]
        assert icc.estimate.value == pytest.approx(expected["value"], rel=1e-9)
        np.testing.assert_allclose(
            [icc.estimate.ci_low, icc.estimate.ci_high], expected["ci"], rtol=1e-7
        )
        assert icc.f == pytest.approx(expected["f"], rel=1e-9)
        assert (icc.df_between, icc.df_within) == (expected["df1"], expected["df2"])
        assert icc.p == pytest.approx(expected["p"], rel=1e-7)


def test_intraclass_correlations_of_shrout_and_fleiss_table_4(reference):
    # Table 4 of the paper, two decimals.
    published = {
        "ICC(1,1)": 0.17,
        "ICC(2,1)": 0.29,
        "ICC(3,1)": 0.71,
        "ICC(1,k)": 0.44,
        "ICC(2,k)": 0.62,
        "ICC(3,k)": 0.91,
    }
    found = intraclass_correlations(reference["shrout_fleiss"]["ratings"])
    assert {form: round(icc.estimate.value, 2) for form, icc in found.items()} == published


def test_both_namings_give_the_same_coefficient(reference):
    ratings = reference["drawn"]["ratings"]
    assert intraclass_correlation(ratings, "ICC(A,1)") == intraclass_correlation(ratings)
    assert intraclass_correlation(ratings, "ICC(C,k)").form == "ICC(3,k)"
    plain = intraclass_correlation(ratings).to_json()
    assert json.loads(json.dumps(plain))["mcgraw_wong"] == "ICC(A,1)"


@given(shift=st.floats(-1e4, 1e4), scale=st.floats(0.01, 100.0), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_common_change_of_unit_changes_no_intraclass_correlation(shift, scale, seed):
    ratings = np.random.default_rng(seed).normal(size=(8, 3)).cumsum(axis=0)
    before, after = (
        intraclass_correlations(ratings),
        intraclass_correlations(ratings * scale + shift),
    )
    for form, icc in before.items():
        assert after[form].estimate.value == pytest.approx(icc.estimate.value, rel=1e-5)


def test_a_shift_of_one_rater_costs_agreement_but_not_consistency():
    subject = np.array([1.0, 4, 2, 8, 5, 7])
    found = intraclass_correlations(np.column_stack((subject, subject + 3)))
    assert found["ICC(3,1)"].estimate.value == 1.0
    assert found["ICC(3,1)"].estimate.ci_low == 1.0
    assert 0.4 < found["ICC(2,1)"].estimate.value < 0.7
    assert found["ICC(3,1)"].to_json()["f"] is None


def test_complete_agreement_is_one_without_doubt():
    subject = np.array([1.1, 4.3, 2.2, 8.7])
    for icc in intraclass_correlations(np.column_stack((subject,) * 3)).values():
        assert (icc.estimate.value, icc.estimate.ci_low, icc.estimate.ci_high) == (1, 1, 1)
        assert icc.p == 0.0


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohens_kappa_and_its_standard_error_are_those_of_statsmodels(reference, weights):
    expected = reference["cohen"][weights or "none"]
    found = cohen_kappa_of_table(reference["cohen"]["table"], weights=weights)
    assert found.value == pytest.approx(expected["value"], rel=1e-9)
    half = 1.959963984540054 * expected["std_error"]
    assert found.ci_low == pytest.approx(expected["value"] - half, rel=1e-7)
    assert found.ci_high == pytest.approx(expected["value"] + half, rel=1e-7)


def test_cohens_kappa_of_the_sas_documentation():
    # Printed there: 0.4842 (0.2137, 0.7547) and, linearly weighted, 0.4701 (0.1845, 0.7558).
    table = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]
    plain, linear = cohen_kappa_of_table(table), cohen_kappa_of_table(table, weights="linear")
    assert [round(x, 4) for x in (plain.value, plain.ci_low, plain.ci_high)] == [
        0.4842,
        0.2137,
        0.7547,
    ]
    assert [round(x, 4) for x in (linear.value, linear.ci_low, linear.ci_high)] == [
        0.4701,
        0.1845,
        0.7558,
    ]


@given(seed=st.integers(0, 10_000), weights=st.sampled_from([None, "linear", "quadratic"]))
@settings(max_examples=40, deadline=None)
def test_cohens_kappa_is_that_of_scikit_learn(seed, weights):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, 30)
    second = np.where(rng.random(30) < 0.6, first, rng.integers(0, 4, 30))
    expected = cohen_kappa_score(first, second, weights=weights, labels=[0, 1, 2, 3])
    found = cohen_kappa(first, second, weights=weights, categories=[0, 1, 2, 3])
    assert found.value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    swapped = cohen_kappa(second, first, weights=weights, categories=[0, 1, 2, 3])
    assert swapped.ci_low == pytest.approx(found.ci_low, rel=1e-9, abs=1e-12)


def test_the_order_of_text_categories_must_be_given():
    first, second = ["low", "high", "mid", "low"], ["low", "mid", "mid", "low"]
    assert cohen_kappa(first, second).value == pytest.approx(0.6)
    with pytest.raises(InputError, match=r"order of the categories.*lowest to highest"):
        cohen_kappa(first, second, weights="linear")
    ordered = cohen_kappa(first, second, weights="linear", categories=["low", "mid", "high"])
    numbers = cohen_kappa([0, 2, 1, 0], [0, 1, 1, 0], weights="linear", categories=[0, 1, 2])
    assert ordered == numbers
    table, known = rating_table(first, second)
    assert known == ["high", "low", "mid"] and table.sum() == 4 and table[0, 2] == 1


def test_fleiss_kappa_is_that_of_statsmodels_with_the_interval_of_irrcac(reference):
    expected = reference["fleiss"]
    found = fleiss_kappa(expected["ratings"])
    assert found.estimate.value == pytest.approx(expected["value"], rel=1e-9)
    half = (found.estimate.ci_high - found.estimate.ci_low) / 2
    assert half / 2.045229642 == pytest.approx(expected["std_error"], rel=1e-6)
    # irrCAC writes its interval with as many digits as it computes.
    np.testing.assert_allclose(
        [found.estimate.ci_low, found.estimate.ci_high], expected["ci"], rtol=1e-6
    )


def test_fleiss_kappa_of_the_paper_of_1971(reference):
    # Fleiss 1971: overall .430; by category .245, .245, .520, .471, .566.
    found = fleiss_kappa(reference["fleiss"]["ratings"])
    assert round(found.estimate.value, 3) == 0.430
    assert [round(x, 3) for x in found.by_category.values()] == [0.245, 0.245, 0.520, 0.471, 0.566]
    assert found.n_raters == 6 and found.estimate.n == 30
    assert found.z == pytest.approx(17.65, abs=0.005) and found.p < 1e-60
    assert json.loads(json.dumps(found.to_json()))["by_category"]["5"] > 0.56


def test_fleiss_kappa_of_all_subjects_is_the_mean_over_categories_weighted_by_chance(reference):
    counts = np.array([[3, 1, 0], [0, 4, 0], [2, 2, 0], [1, 0, 3]])
    found = fleiss_kappa_of_counts(counts, categories=["a", "b", "c"])
    share = counts.sum(axis=0) / counts.sum()
    weight = share * (1 - share)
    mean = (np.array(list(found.by_category.values())) * weight).sum() / weight.sum()
    assert found.estimate.value == pytest.approx(mean, rel=1e-12)
    unused = fleiss_kappa_of_counts(np.column_stack((counts, np.zeros(4))))
    assert unused.estimate.value == pytest.approx(found.estimate.value)
    assert math.isnan(unused.by_category["3"]) and unused.to_json()["by_category"]["3"] is None


def test_percent_agreement():
    two = percent_agreement([["a", "a"], ["a", "b"], ["b", "b"], ["a", "a"]])
    assert two.value == 0.75 and two.method.startswith("Wilson")
    three = percent_agreement([[1, 1, 1], [1, 1, 2], [1, 2, 3]])
    assert three.value == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert three.ci_low == 0.0 and three.ci_high <= 1.0


def test_limits_of_agreement_of_bland_and_altman():
    # The paper: difference −2.1 (SD 38.8), interval −22.0 to 17.8.
    found = limits_of_agreement(WRIGHT, MINI)
    assert round(found.bias.value, 1) == -2.1 and round(found.sd, 1) == 38.8
    assert [round(found.bias.ci_low, 1), round(found.bias.ci_high, 1)] == [-22.0, 17.8]
    assert found.upper.value - found.bias.value == pytest.approx(1.959964 * found.sd, rel=1e-6)
    # Limits of the paper use 2 standard deviations and √(3s²/n): close, not the same.
    assert found.lower.value == pytest.approx(-79.7, abs=2)
    assert found.lower.ci_low == pytest.approx(-114.3, abs=3)
    assert found.upper.ci_high == pytest.approx(110.1, abs=3)
    assert found.slope_p > 0.05
    assert json.loads(json.dumps(found.to_json()))["n"] == 17


def test_a_difference_that_grows_with_the_quantity_is_told():
    quantity = np.linspace(10, 100, 30)
    noise = np.random.default_rng(0).normal(0, 1, 30)
    assert limits_of_agreement(quantity * 1.2 + noise, quantity).slope_p < 1e-6
    assert math.isnan(limits_of_agreement([1.0, 1, 1], [1.0, 1, 1]).slope_p)


def concordance_by_delta_method(first: np.ndarray, second: np.ndarray) -> float:
    """Standard error of Fisher's z of the concordance, from the moments of a normal pair.

    Independent of Lin's formula: means and second moments are asymptotically normal with the
    covariances of a normal sample, and z is differentiated numerically.
    """
    covariance = np.cov(first, second, ddof=0)
    moments = np.array(
        [first.mean(), second.mean(), covariance[0, 0], covariance[1, 1], covariance[0, 1]]
    )

    def z(m: np.ndarray) -> float:
        return math.atanh(2 * m[4] / (m[2] + m[3] + (m[0] - m[1]) ** 2))

    step = 1e-5 * np.abs(moments).max()
    gradient = np.array(
        [(z(moments + step * e) - z(moments - step * e)) / (2 * step) for e in np.eye(5)]
    )
    (a, c), (_, b) = covariance
    spread = np.zeros((5, 5))
    spread[:2, :2] = covariance
    spread[2:, 2:] = [
        [2 * a * a, 2 * c * c, 2 * a * c],
        [2 * c * c, 2 * b * b, 2 * b * c],
        [2 * a * c, 2 * b * c, a * b + c * c],
    ]
    return math.sqrt(gradient @ spread @ gradient / (first.size - 2))


def test_concordance_and_its_interval():
    first, second = np.array(WRIGHT, float), np.array(MINI, float)
    found = concordance_correlation(first, second)
    s = np.cov(first, second, ddof=0)
    expected = 2 * s[0, 1] / (s[0, 0] + s[1, 1] + (first.mean() - second.mean()) ** 2)
    assert found.value == pytest.approx(expected, rel=1e-12)
    error = (math.atanh(found.ci_high) - math.atanh(found.ci_low)) / 2 / 1.959963984540054
    assert error == pytest.approx(concordance_by_delta_method(first, second), rel=1e-6)


@given(
    seed=st.integers(0, 1000),
    shift=st.floats(-2, 2),
    slope=st.sampled_from([-1.0, 0.5, 1.0, 1.5]),
)
@settings(max_examples=30, deadline=None)
def test_concordance_never_exceeds_the_correlation(seed, shift, slope):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=25)
    second = slope * first + shift + rng.normal(0, 0.5, 25)
    found = concordance_correlation(first, second)
    assert abs(found.value) <= abs(np.corrcoef(first, second)[0, 1]) + 1e-12
    assert found.ci_low <= found.value <= found.ci_high
    error = (math.atanh(found.ci_high) - math.atanh(found.ci_low)) / 2 / 1.959963984540054
    assert error == pytest.approx(concordance_by_delta_method(first, second), rel=1e-4)


def test_pairs_on_the_line_of_identity_have_concordance_one_and_no_interval():
    found = concordance_correlation([1.0, 2, 5], [1.0, 2, 5])
    assert found.value == pytest.approx(1.0) and math.isnan(found.ci_low)
    assert found.to_json()["ci_low"] is None


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: intraclass_correlations([[1.0, 2.0]]), "1 subjects and 2 raters"),
        (lambda: intraclass_correlations(np.full((5, 3), 2.0)), "all ratings are the same"),
        (lambda: cohen_kappa([1, 1, 1], [1, 1, 1]), "report the percent agreement"),
        (lambda: fleiss_kappa([[1, 1, 1], [1, 1, 1]]), "one and the same category"),
        (lambda: fleiss_kappa_of_counts([[3, 0]]), "1 subjects"),
        (lambda: percent_agreement([["a"], ["b"]]), "2 subjects and 1 raters"),
        (lambda: limits_of_agreement([1.0, 2.0], [1.0, 3.0]), "2 pairs"),
        (lambda: concordance_correlation([1.0, 1, 1], [1.0, 2, 3]), "measures the same"),
    ],
)
def test_data_that_cannot_answer_are_refused(call, match):
    with pytest.raises(StatisticsError, match=match):
        call()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: intraclass_correlations([[1.0, np.nan], [2, 3]]), "1 subjects lack a rating"),
        (lambda: intraclass_correlations([1.0, 2.0]), "a row a subject"),
        (lambda: intraclass_correlations([["a", "b"]]), "must be numbers"),
        (lambda: intraclass_correlation([[1.0, 2], [3, 5]], "ICC(4,1)"), r"unknown .* ICC\(1,1\)"),
        (lambda: cohen_kappa([1, 2], [1]), "two lists of ratings"),
        (lambda: cohen_kappa([1, 2], [1, 3], categories=[1, 2]), "'3' is not one of"),
        (lambda: cohen_kappa([1, 2], [1, 2], weights="cubic"), "unknown weights 'cubic'"),
        (lambda: cohen_kappa_of_table([[1, 2]]), "square table"),
        (lambda: fleiss_kappa([["a", None], ["a", "b"]]), "a rating is missing"),
        (lambda: fleiss_kappa_of_counts([[2, 1], [2, 0]]), "different numbers of ratings"),
        (lambda: limits_of_agreement([1.0, 2, np.nan], [1.0, 2, 3]), "1 of 3 pairs"),
        (lambda: concordance_correlation([1.0, 2], [1.0, 2, 3]), "two lists"),
        (lambda: limits_of_agreement([1.0, 2, 4], [1.0, 2, 3], level=1.5), "between 0 and 1"),
    ],
)
def test_wrong_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
