"""The censoring distribution against prodlim, scikit-survival and its definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.censoring import censoring_survival
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


def lung_in_months() -> SurvivalOutcome:
    """Months rounded up: events and censorings share most times."""
    lung = pd.read_csv(REFERENCE / "data" / "lung.csv")
    return SurvivalOutcome(np.ceil(lung.time / 30.4375), lung.status == 2)


def test_prodlim_agrees_where_times_tie():
    expected = json.loads((REFERENCE / "kaplan_meier.json").read_text(encoding="utf-8"))
    g = censoring_survival(lung_in_months())
    np.testing.assert_allclose(g.times, expected["censoring"]["time"])
    np.testing.assert_allclose(g.survival, expected["censoring"]["survival"], rtol=1e-12)


def test_scikit_survival_agrees():
    from sksurv.nonparametric import kaplan_meier_estimator

    outcome = lung_in_months()
    times, survival = kaplan_meier_estimator(outcome.event, outcome.time_months, reverse=True)
    g = censoring_survival(outcome)
    np.testing.assert_allclose(g.at(times), survival, rtol=1e-12)


def test_events_come_before_censorings():
    """By hand: at 1 one of four dies and one is censored: three could have been, so G = 2/3."""
    g = censoring_survival(SurvivalOutcome([1, 1, 2, 3], [1, 0, 1, 0]))
    np.testing.assert_allclose(g.at([0, 1, 2, 3, 9]), [1, 2 / 3, 2 / 3, 0, 0])
    np.testing.assert_allclose(g.before([0, 1, 2, 3, 9]), [1, 1, 2 / 3, 2 / 3, 0])


def test_nobody_censored_means_weight_one():
    g = censoring_survival(SurvivalOutcome([1, 2, 3], [1, 1, 1]))
    assert (g.at([0, 3, 99]) == 1).all()


def test_case_weights_count_like_repeated_patients():
    outcome = lung_in_months()
    counts = 1 + np.arange(len(outcome)) % 3
    weighted = censoring_survival(outcome, weights=counts)
    repeated = censoring_survival(outcome.subset(np.repeat(np.arange(len(outcome)), counts)))
    np.testing.assert_allclose(weighted.survival, repeated.survival, rtol=1e-12, atol=1e-15)


def test_what_is_refused():
    outcome = SurvivalOutcome([1, 2], [1, 0])
    with pytest.raises(InputError, match="a time is missing"):
        censoring_survival(outcome).before(np.nan)
    with pytest.raises(InputError, match="negative or missing"):
        censoring_survival(outcome, weights=[1, -1])


rows = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)
@given(rows)
def test_survival_times_censoring_is_the_share_still_followed(pairs):
    """Because of the tie rule S(t)·G(t) is exactly the share with a time beyond t."""
    time, event = (np.array(column) for column in zip(*pairs, strict=True))
    outcome = SurvivalOutcome(time, event)
    product = fit_kaplan_meier(outcome).survival * censoring_survival(outcome).survival
    followed = [(time > t).mean() for t in np.unique(time)]
    np.testing.assert_allclose(product, followed, atol=1e-12)


@settings(deadline=None)
@given(rows)
def test_weight_of_any_observed_event_is_finite(pairs):
    time, event = (np.array(column) for column in zip(*pairs, strict=True))
    assert (censoring_survival(SurvivalOutcome(time, event)).before(time) > 0).all()
