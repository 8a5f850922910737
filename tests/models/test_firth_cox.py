"""Firth's hazard ratio against the package firthmodels, and where the ordinary one has none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.firth_cox import firth_hazard_ratio
from hccsurv_core.outcome import SurvivalOutcome

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "firth_cox.json").read_text("utf-8")
)


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_estimate_interval_and_p_are_those_of_firthmodels(case):
    found = firth_hazard_ratio(
        SurvivalOutcome(case["time"], np.array(case["event"], dtype=bool)), case["group"]
    )
    assert found.coef == pytest.approx(case["coef"], abs=1e-4)
    assert [found.ci_low, found.ci_high] == pytest.approx(case["ci"], abs=1e-3)
    assert found.p == pytest.approx(case["p"], rel=1e-4)
    assert found.n_events == sum(case["event"])


def test_where_one_group_has_no_death_the_ordinary_ratio_is_infinite_and_firths_is_not():
    outcome = SurvivalOutcome(np.arange(1.0, 21), np.arange(20) % 4 == 0)
    group = np.arange(20) % 4 == 0
    assert fit_cox(group.astype(float)[:, None], outcome).infinite
    found = firth_hazard_ratio(outcome, group)
    assert 0 < found.ci_low < found.coef < found.ci_high < 15
    other = firth_hazard_ratio(outcome, ~group)
    assert (other.coef, other.ci_low) == pytest.approx((-found.coef, -found.ci_high), abs=1e-6)
    assert other.p == pytest.approx(found.p)


def test_with_many_deaths_it_is_nearly_the_ordinary_ratio():
    rng = np.random.default_rng(0)
    group = rng.random(800) < 0.4
    outcome = SurvivalOutcome(rng.exponential(np.exp(-0.7 * group)), np.ones(800, dtype=bool))
    model = fit_cox(group.astype(float)[:, None], outcome)
    found = firth_hazard_ratio(outcome, group)
    assert found.coef == pytest.approx(model.coef[0], abs=0.005)
    assert found.ci_low == pytest.approx(np.log(model.ci()[0][0]), abs=0.01)


def test_with_few_deaths_it_leans_less_than_the_ordinary_ratio():
    """True log ratio 1, 8 against 8 patients, everybody dies."""
    firth, plain = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        group = np.arange(16) % 2 == 0
        outcome = SurvivalOutcome(rng.exponential(np.exp(-1.0 * group)), np.ones(16, dtype=bool))
        firth.append(firth_hazard_ratio(outcome, group).coef)
        plain.append(fit_cox(group.astype(float)[:, None], outcome).coef[0])
    assert abs(np.mean(firth) - 1) < 0.1
    assert abs(np.mean(firth) - 1) < abs(np.mean(plain) - 1)


def test_what_cannot_be_compared_is_refused():
    outcome = SurvivalOutcome([1.0, 2.0, 3.0], [True, False, False])
    with pytest.raises(StatisticsError, match="never both groups are at risk"):
        firth_hazard_ratio(outcome, [1, 1, 1])
    with pytest.raises(InputError, match="3 patients need a group each"):
        firth_hazard_ratio(outcome, [0, 1, 2])
