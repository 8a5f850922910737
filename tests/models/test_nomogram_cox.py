"""From fitted Cox models to nomograms: columns, tables, strata, and what cannot be used."""

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.design import Term, build_design
from hccsurv_core.models.nomogram_cox import (
    CategoryTerm,
    NumberTerm,
    cox_nomogram,
    terms_of_design,
)
from hccsurv_core.models.nomogram_variables import AxisRange
from hccsurv_core.outcome import SurvivalOutcome


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(3)
    n = 240
    table = pd.DataFrame(
        {
            "diameter_mm": rng.lognormal(3.9, 0.5, n).round(),
            "lesions": rng.integers(1, 5, n),
            "bclc": rng.choice(["A", "B", "C"], n),
            "cirrhosis": rng.random(n) < 0.6,
        }
    )
    table.loc[[3, 9], "diameter_mm"] = np.nan
    risk = 0.8 * np.log(table.diameter_mm.fillna(50) / 50) + 0.5 * (table.bclc == "C")
    time = rng.exponential(30 * np.exp(-risk))
    return table, SurvivalOutcome(np.minimum(time, 60), time < 60)


def designed(cohort, **options):
    table, outcome = cohort
    terms = [
        Term("diameter_mm", unit="mm", per=10), Term("lesions"),
        Term("bclc", "category", reference="B"), Term("cirrhosis", "category"),
    ]  # fmt: skip
    design = build_design(table, terms)
    model = fit_cox(design.matrix, outcome.subset(design.rows), names=design.names)
    found = terms_of_design(design, table, labels={"bclc": "BCLC stage"}, **options)
    return model, design, found


def test_a_regression_of_a_table_becomes_a_nomogram(cohort):
    table, _ = cohort
    model, design, terms = designed(cohort)
    nomogram = cox_nomogram(
        model, terms, title="Survival", horizons_months=(12, 36), cohort="ours",
        training_matrix=design.matrix,
    )  # fmt: skip
    rows = table[design.rows]
    scored = [nomogram.points(row) for _, row in rows.iterrows()]
    np.testing.assert_allclose(
        [s.survival for s in scored], model.predict_survival(design.matrix, (12, 36)), rtol=1e-11
    )
    assert not any(s.total_outside or s.outside for s in scored)
    assert nomogram.training.linear_predictor_range == pytest.approx(
        (min(s.linear_predictor for s in scored), max(s.linear_predictor for s in scored))
    )


def test_axes_and_shares_are_of_the_patients_in_the_model(cohort):
    table, _ = cohort
    model, design, terms = designed(cohort)
    nomogram = cox_nomogram(model, terms, title="S", horizons_months=(12,), cohort="ours")
    size, lesions, bclc, cirrhosis = nomogram.variables
    kept = table[design.rows]
    assert (size.axis.low, size.axis.high) == (kept.diameter_mm.min(), kept.diameter_mm.max())
    assert size.axis.middle[2] == kept.diameter_mm.median()
    assert lesions.whole and lesions.effect(2) - lesions.effect(1) == model.coef[1]
    assert bclc.label == "BCLC stage"
    assert bclc.levels == ("B", "A", "C") and bclc.level_effects[0] == 0  # B is the reference
    assert bclc.shares == pytest.approx([(kept.bclc == level).mean() for level in bclc.levels])
    assert cirrhosis.levels == ("no", "yes")


def test_axes_may_end_at_quantiles(cohort):
    table, _ = cohort
    terms = designed(cohort, quantiles=(0.05, 0.95))[2]
    low, high = table.diameter_mm.quantile([0.05, 0.95])
    assert (terms[0].axis.low, terms[0].axis.high) == pytest.approx((low, high), rel=0.02)


def test_the_last_horizon_is_that_of_the_follow_up(cohort):
    model, _, terms = designed(cohort)
    last = model.baselines[0].time_months[-1]
    options = {"title": "S", "horizons_months": (12, 59.9), "cohort": "ours"}
    assert last < 59.9
    with pytest.raises(InputError, match=r"59.9 months lie beyond the follow-up"):
        cox_nomogram(model, terms, **options)
    # Where patients were followed beyond the last death the curve is known to be flat.
    longer = cox_nomogram(model, terms, **options, follow_up_months=60.0)
    assert longer.horizons[1].cumulative_hazard == model.baselines[0].cumulative_hazard[-1]
    early = model.baselines[0].time_months[0] / 2
    with pytest.raises(InputError, match="choose a horizon by which some patients had died"):
        cox_nomogram(model, terms, title="S", horizons_months=(early,), cohort="ours")


def test_each_stratum_has_its_own_baseline(cohort):
    _, outcome = cohort
    x = np.random.default_rng(0).normal(size=(240, 1))
    strata = np.repeat([0, 1], 120)
    model = fit_cox(x, outcome, names=["score"], strata=strata)
    term = NumberTerm("score", "Score", ("score",), AxisRange.of_training(x))
    made = [
        cox_nomogram(model, [term], title="S", horizons_months=(24,), cohort="ours", stratum=s)
        for s in (0, 1)
    ]
    for stratum, nomogram in enumerate(made):
        expected = model.predict_survival([[0.4]], [24], strata=stratum)[0, 0]
        assert nomogram.points({"score": 0.4}).survival[0] == pytest.approx(expected)
    with pytest.raises(InputError, match="the model has no stratum 2"):
        cox_nomogram(model, [term], title="S", horizons_months=(24,), cohort="ours", stratum=2)


def test_every_column_belongs_to_one_variable(cohort):
    model, _, terms = designed(cohort)
    options = {"title": "S", "horizons_months": (12,), "cohort": "ours"}
    with pytest.raises(InputError, match="lesions: no variable has this column of the model"):
        cox_nomogram(model, [t for t in terms if t.name != "lesions"], **options)
    stranger = NumberTerm("age", "Age", ("age",), AxisRange(20, 80))
    with pytest.raises(InputError, match="age: the model has no such column"):
        cox_nomogram(model, [*terms, stranger], **options)
    with pytest.raises(InputError, match="lesions: two variables have this column"):
        cox_nomogram(model, [*terms, terms[1]], **options)


def test_a_group_without_events_has_no_place_on_an_axis():
    n = 60
    group = np.repeat([0.0, 1.0], 30)
    outcome = SurvivalOutcome(np.arange(1.0, n + 1), group == 0)
    model = fit_cox(group[:, None], outcome, names=["rare"])
    term = CategoryTerm("g", "Group", ("a", "b"), {"b": "rare"})
    with pytest.raises(StatisticsError, match="rare: has no finite estimate"):
        cox_nomogram(model, [term], title="S", horizons_months=(12,), cohort="ours")


def test_several_columns_need_knots():
    term = NumberTerm("x", "Size", ("a", "b"), AxisRange(0, 1))
    with pytest.raises(InputError, match=r"Size: 2 columns without knots .*give the knots"):
        term.variable({"a": 1.0, "b": 2.0})
