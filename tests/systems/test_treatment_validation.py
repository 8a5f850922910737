"""Validation of recommendations: other software's numbers, the truth, and what cannot be compared."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from treatment_cohorts import draw

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.e_value import e_value_of_hazard_ratio
from hccsurv_core.stats.propensity import fit_propensity
from hccsurv_core.systems.treatment.agreement import SCHEMES, judged_patients
from hccsurv_core.systems.treatment.validation import (
    AGREED,
    OTHERS,
    ValidationSettings,
    validate_recommendations,
)

QUICK = ValidationSettings(n_resamples=60)


@pytest.fixture(scope="module")
def cohort():
    return draw(700, seed=31)


@pytest.fixture(scope="module")
def advice(cohort):
    """The truly better treatment, but for every seventh patient."""
    better = np.where(
        cohort.months["hepatectomy"] > cohort.months["tace"], "hepatectomy", "tace"
    ).astype(object)
    better[::7] = "none"
    return tuple(better)


@pytest.fixture(scope="module")
def found(cohort, advice):
    return validate_recommendations(cohort.table, advice, QUICK, seed=1)


def groups(cohort, advice):
    judged = np.array(advice) != "none"
    agreed = np.array(advice)[judged] == np.array(cohort.table.treatment)[judged]
    return judged, agreed, cohort.table.outcome.subset(judged)


def test_unweighted_it_is_what_lifelines_says(cohort, advice, found):
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import logrank_test
    from lifelines.utils import restricted_mean_survival_time

    judged, agreed, outcome = groups(cohort, advice)
    plain = found.comparisons["unweighted"]
    t, e = outcome.time_months, outcome.event
    for name, rows in ((AGREED, agreed), (OTHERS, ~agreed)):
        curve = KaplanMeierFitter().fit(t[rows], e[rows])
        assert plain.months[name] == pytest.approx(
            restricted_mean_survival_time(curve, t=36), rel=1e-6
        )
        assert plain.curves[name].survival_at(24.0) == pytest.approx(curve.predict(24.0))
        assert (plain.n[name], plain.n_events[name]) == (rows.sum(), e[rows].sum())
    frame = pd.DataFrame({"t": t, "e": e, "agreed": agreed.astype(float)})
    other = CoxPHFitter().fit(frame, "t", "e")
    assert plain.hazard_ratio.value == pytest.approx(math.exp(other.params_["agreed"]), rel=1e-4)
    test = logrank_test(t[agreed], t[~agreed], e[agreed], e[~agreed])
    assert plain.log_rank is not None
    assert plain.log_rank.p == pytest.approx(test.p_value, rel=1e-6)
    assert found.n_none == (~judged).sum() == 100


def test_weighted_it_is_what_lifelines_says(cohort, advice, found):
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    judged, agreed, outcome = groups(cohort, advice)
    # The chance of agreement by hand: fitted apart where either treatment was recommended.
    x, tace = cohort.table.values[judged], cohort.table.tace[judged]
    advised = np.array(advice)[judged] == "tace"
    chance = np.empty(judged.sum())
    for rows in (advised, ~advised):
        score = fit_propensity(x[rows], tace[rows]).score
        chance[rows] = np.where(advised[rows], score, 1 - score)
    t, e = outcome.time_months, outcome.event
    for scheme in ("iptw", "overlap"):
        if scheme == "overlap":
            w = np.where(agreed, 1 - chance, chance)
        else:
            kept = (chance >= 0.05) & (chance <= 0.95)
            share = agreed[kept].mean()
            w = np.where(agreed, share / chance, (1 - share) / (1 - chance)) * kept
        comparison = found.comparisons[scheme]
        for name, rows in ((AGREED, agreed & (w > 0)), (OTHERS, ~agreed & (w > 0))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that weights are no whole numbers
                curve = KaplanMeierFitter().fit(t[rows], e[rows], weights=w[rows])
            assert comparison.months[name] == pytest.approx(
                restricted_mean_survival_time(curve, t=36), rel=1e-6
            )
        some = w > 0
        frame = pd.DataFrame({"t": t, "e": e, "agreed": agreed.astype(float), "w": w})[some]
        other = CoxPHFitter().fit(frame, "t", "e", weights_col="w", robust=True)
        assert comparison.hazard_ratio.value == pytest.approx(
            math.exp(other.params_["agreed"]), rel=1e-4
        )
        assert comparison.log_rank is None
        assert found.weights[scheme].effective_treated == pytest.approx(
            w[agreed].sum() ** 2 / (w[agreed] ** 2).sum()
        )


def test_weighting_finds_what_following_the_advice_is_truly_worth(cohort, advice, found):
    judged = np.array(advice) != "none"
    first = np.array(advice)[judged] == "hepatectomy"
    months = {arm: cohort.months[arm][judged] for arm in ("hepatectomy", "tace")}
    followed = np.where(first, months["hepatectomy"], months["tace"]).mean()
    opposite = np.where(first, months["tace"], months["hepatectomy"]).mean()
    weighted = found.comparisons["iptw"]
    band = weighted.months_difference
    assert weighted.months[AGREED] == pytest.approx(followed, abs=2.0)
    assert weighted.months[OTHERS] == pytest.approx(opposite, abs=2.0)
    assert band.ci_low < followed - opposite < band.ci_high
    assert band.ci_low > 0 and weighted.hazard_ratio.ci_high < 1


def test_overlap_weights_balance_exactly_and_all_weights_balance(found):
    assert found.balance["unweighted"].largest_after > 0.15
    assert found.balance["overlap"].largest_after < 1e-6
    assert found.balance["iptw"].largest_after < 0.1
    assert set(found.weights) == {"iptw", "overlap"}


def test_advice_that_is_drawn_by_lot_is_worth_nothing(cohort):
    rng = np.random.default_rng(3)
    lot = tuple(rng.choice(["hepatectomy", "tace"], len(cohort.table)))
    found = validate_recommendations(cohort.table, lot, QUICK, seed=1)
    for scheme in ("iptw", "overlap"):
        band = found.comparisons[scheme].months_difference
        assert band.ci_low < 0 < band.ci_high


def test_the_opposite_advice_has_the_opposite_effect(cohort, advice, found):
    other = {"hepatectomy": "tace", "tace": "hepatectomy", "none": "none"}
    turned = validate_recommendations(cohort.table, tuple(other[a] for a in advice), QUICK, seed=1)
    for scheme in SCHEMES:
        a, b = found.comparisons[scheme], turned.comparisons[scheme]
        assert a.months_difference.value == pytest.approx(-b.months_difference.value, abs=1e-6)
        assert a.hazard_ratio.value == pytest.approx(1 / b.hazard_ratio.value, rel=1e-6)


def test_each_treatment_is_looked_at_alone(cohort, advice, found):
    judged, agreed, outcome = groups(cohort, advice)
    tace = cohort.table.tace[judged]
    assert set(found.within) == {"hepatectomy", "tace"} and not found.not_compared
    for arm, rows in (("tace", tace), ("hepatectomy", ~tace)):
        part = found.within[arm]
        assert part.n == {AGREED: (agreed & rows).sum(), OTHERS: (~agreed & rows).sum()}
        assert sum(part.n_events.values()) == outcome.event[rows].sum()


def test_the_e_value_is_that_of_the_hazard_ratio(found):
    comparison = found.comparisons["iptw"]
    events, n = sum(comparison.n_events.values()), sum(comparison.n.values())
    ratio = comparison.hazard_ratio
    expected = e_value_of_hazard_ratio(
        ratio.value, ratio.ci_low, ratio.ci_high, share_with_event=events / n
    )
    assert comparison.e_value == expected and expected.point > 1.3


def test_it_is_said_that_nothing_is_proved(found):
    assert "cannot prove" in found.caveat
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["caveat"] == found.caveat and plain["tau_months"] == 36.0
    assert set(plain["comparisons"]) == set(SCHEMES)


def test_the_order_of_patients_does_not_matter(cohort, advice, found):
    order = np.random.default_rng(1).permutation(len(cohort.table))
    again = validate_recommendations(
        cohort.table.subset(order), tuple(advice[i] for i in order), QUICK, seed=1
    )
    for scheme in SCHEMES:
        a, b = found.comparisons[scheme], again.comparisons[scheme]
        assert a.months_difference.value == pytest.approx(b.months_difference.value, abs=1e-6)
        assert a.hazard_ratio.value == pytest.approx(b.hazard_ratio.value, rel=1e-6)


def test_few_patients_share_one_propensity():
    drawn = draw(120, seed=5)
    rng = np.random.default_rng(0)
    lot = tuple(rng.choice(["hepatectomy", "tace"], 120))
    judged = judged_patients(drawn.table, lot, (0.05, 0.95))
    np.testing.assert_allclose(
        judged.propensity, fit_propensity(drawn.table.values, drawn.table.tace).score, rtol=1e-6
    )


def test_a_treatment_with_nobody_to_compare_is_told(cohort):
    # TACE is never recommended: among those given it nobody agrees.
    advice = ["hepatectomy"] * len(cohort.table)
    found = validate_recommendations(cohort.table, advice, QUICK, seed=0)
    assert set(found.not_compared) == {"hepatectomy", "tace"} and not found.within
    n = int(cohort.table.tace.sum())
    assert found.not_compared["tace"] == (
        f"0 of {n} patients given TACE were treated as recommended"
    )


def test_it_can_be_cancelled(cohort, advice):
    def stop(fraction: float, message: str) -> None:
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        validate_recommendations(cohort.table, advice, QUICK, progress=stop)


def test_what_cannot_be_compared_is_said(cohort):
    n = len(cohort.table)
    with pytest.raises(InputError, match="recommendation: 700 patients but 2 recommendations"):
        validate_recommendations(cohort.table, ["tace", "none"], QUICK)
    with pytest.raises(InputError, match="'surgery' is no recommendation; use hepatectomy, tace"):
        validate_recommendations(cohort.table, ["surgery"] * n, QUICK)
    with pytest.raises(StatisticsError, match="700 of 700 patients with a recommendation were"):
        validate_recommendations(cohort.table, cohort.table.treatment, QUICK)
    with pytest.raises(StatisticsError, match="0 of 0 patients with a recommendation"):
        validate_recommendations(cohort.table, ["none"] * n, QUICK)


def test_follow_up_that_is_too_short_is_said(cohort, advice):
    with pytest.raises(StatisticsError, match="500 months lie beyond follow-up"):
        validate_recommendations(
            cohort.table, advice, ValidationSettings(tau_months=500.0, n_resamples=20)
        )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tau_months": 0.0}, "months are positive, and at least 20 resamples"),
        ({"n_resamples": 5}, "at least 20 resamples are needed"),
        ({"level": 2.0}, "a confidence level must lie between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        ValidationSettings(**arguments)


def test_a_cohort_without_deaths_is_refused(cohort, advice):
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.treatment.arm_table import TreatmentTable

    outcome = SurvivalOutcome(
        cohort.table.outcome.time_months, np.zeros(len(cohort.table), dtype=bool)
    )
    features = FeatureTable(
        cohort.table.features.patient_ids, cohort.table.names, cohort.table.values, outcome
    )
    with pytest.raises(StatisticsError, match="there are no events"):
        validate_recommendations(TreatmentTable(features, cohort.table.treatment), advice, QUICK)


def test_weights_without_an_answer_do_not_withhold_the_other_comparisons(
    cohort, advice, found, monkeypatch
):
    from hccsurv_core.systems.treatment import agreement

    usual = agreement.propensity_weights

    def refused(score, treated, *, target="ate", **options):
        if target != "overlap":
            raise StatisticsError("trimming leaves nobody", remedy="trim less")
        return usual(score, treated, target=target, **options)

    monkeypatch.setattr(agreement, "propensity_weights", refused)
    partly = validate_recommendations(cohort.table, advice, QUICK, seed=1)
    assert partly.unanswered == {"iptw": "trimming leaves nobody; trim less"}
    assert set(partly.comparisons) == {"unweighted", "overlap"} and "iptw" not in partly.balance
    for scheme in partly.comparisons:
        ours, theirs = partly.comparisons[scheme], found.comparisons[scheme]
        assert ours.hazard_ratio == theirs.hazard_ratio
    assert partly.to_json()["unanswered"] == partly.unanswered
