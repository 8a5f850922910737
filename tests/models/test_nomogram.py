"""Nomograms: points that equal the model, against lifelines, R's rms, and what must always hold."""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.nomogram import (
    Horizon,
    TrainingCohort,
    build_nomogram,
    on_common_scale,
)
from hccsurv_core.models.nomogram_cox import CategoryTerm, NumberTerm, cox_nomogram
from hccsurv_core.models.nomogram_curves import Line, Pieces, Spline
from hccsurv_core.models.nomogram_variables import AxisRange, CategoryVariable, NumberVariable
from hccsurv_core.outcome import DAYS_PER_MONTH, SurvivalOutcome
from hccsurv_core.stats.splines import spline_basis, spline_knots

PBC = Path(__file__).parents[1] / "reference" / "data" / "pbc.csv"
COHORT = TrainingCohort("a cohort", 200, 120, 60.0)


def line(name="size", slope=0.02, low=10.0, high=110.0, **options):
    return NumberVariable(name, name, Line(slope), AxisRange(low, high), **options)


def category(name="stage", effects=(0.0, 0.5, 1.2)):
    return CategoryVariable(name, name, tuple("ABCDEFGH"[: len(effects)]), tuple(effects))


def small(*variables, **options):
    given = {"title": "Survival", "training": COHORT} | options
    given.setdefault("horizons", [Horizon(12, 0.2), Horizon(36, 0.6)])
    return build_nomogram(variables or (line(), category()), **given)


# ---------------------------------------------------------------- against other computations


@pytest.fixture(scope="module")
def pbc():
    """Mayo Clinic's primary biliary cirrhosis data, as it comes with R's survival package."""
    table = pd.read_csv(PBC)
    outcome = SurvivalOutcome(table.time / DAYS_PER_MONTH, table.status == 2)
    knots = spline_knots(table.age.to_numpy(), 4)
    columns = {"log_bili": np.log(table.bili), "albumin": table.albumin}
    columns |= {f"age{i}": c for i, c in enumerate(spline_basis(table.age.to_numpy(), knots).T)}
    columns |= {
        "edema_05": table.edema == 0.5,
        "edema_1": table.edema == 1,
        "male": table.sex == "m",
    }
    design = pd.DataFrame(columns).astype(float)
    return table, outcome, design, knots


def pbc_terms(table, knots):
    axis = {name: AxisRange.of_training(table[name]) for name in ("bili", "albumin", "age")}
    return [
        NumberTerm("bili", "Bilirubin", ("log_bili",), axis["bili"], "mg/dL", "log"),
        NumberTerm("age", "Age", ("age0", "age1", "age2"), axis["age"], "years",
                   knots=tuple(knots)),
        NumberTerm("albumin", "Albumin", ("albumin",), axis["albumin"], "g/dL"),
        CategoryTerm("edema", "Edema", ("0", "0.5", "1"), {"0.5": "edema_05", "1": "edema_1"}),
        CategoryTerm("sex", "Sex", ("f", "m"), {"m": "male"}),
    ]  # fmt: skip


def test_it_predicts_what_the_cox_model_predicts(pbc):
    table, outcome, design, knots = pbc
    model = fit_cox(design, outcome, names=design.columns)
    nomogram = cox_nomogram(
        model, pbc_terms(table, knots), title="PBC", horizons_months=(12, 24, 36), cohort="Mayo"
    )
    scored = [nomogram.points(row) for _, row in table.iterrows()]
    np.testing.assert_allclose(
        [s.linear_predictor for s in scored], model.linear_predictor(design), atol=1e-12
    )
    np.testing.assert_allclose(
        [s.survival for s in scored], model.predict_survival(design, (12, 24, 36)), rtol=1e-11
    )
    assert (nomogram.training.n, nomogram.training.n_events) == (418, 161)
    assert not any(s.outside for s in scored)


def test_it_predicts_what_lifelines_predicts_from_coefficients_and_baseline_alone(pbc):
    from lifelines import CoxPHFitter

    table, outcome, design, knots = pbc
    frame = design.assign(t=outcome.time_months, e=outcome.event)
    peer = CoxPHFitter().fit(frame, "t", "e")
    coef = peer.params_.to_dict()
    times = [12, 24, 36]
    baseline = peer.predict_survival_function(design.mean().to_frame().T, times=times)
    nomogram = build_nomogram(
        [t.variable(coef) for t in pbc_terms(table, knots)],
        title="PBC",
        horizons=[
            Horizon.of_survival(t, s) for t, s in zip(times, np.ravel(baseline), strict=True)
        ],
        training=TrainingCohort("Mayo", 418, 161, 157.0),
        intercept=-float(design.mean() @ peer.params_[design.columns]),
    )
    expected = peer.predict_survival_function(design, times=times).to_numpy().T
    found = [nomogram.points(row).survival for _, row in table.iterrows()]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_points_are_those_of_the_textbook(pbc):
    """Points = (effect − lowest effect on the axis) · 100 / largest range, as in rms::nomogram."""
    table, outcome, design, knots = pbc
    model = fit_cox(design, outcome, names=design.columns)
    coef = dict(zip(model.names, model.coef, strict=True))
    nomogram = cox_nomogram(
        model, pbc_terms(table, knots), title="PBC", horizons_months=(24,), cohort="Mayo"
    )
    grid = np.linspace(table.age.min(), table.age.max(), 4001)
    effects = {
        "bili": coef["log_bili"] * np.log([table.bili.min(), table.bili.max()]),
        "age": spline_basis(grid, knots) @ [coef["age0"], coef["age1"], coef["age2"]],
        "albumin": coef["albumin"] * np.array([table.albumin.min(), table.albumin.max()]),
        "edema": np.array([0, coef["edema_05"], coef["edema_1"]]),
        "sex": np.array([0, coef["male"]]),
    }
    per_unit = 100 / max(np.ptp(e) for e in effects.values())
    patient = {"bili": 3.2, "age": 61.0, "albumin": 3.1, "edema": 0.5, "sex": "m"}
    own = {
        "bili": coef["log_bili"] * np.log(3.2), "albumin": coef["albumin"] * 3.1,
        "age": (spline_basis(np.array([61.0]), knots) @ [coef[f"age{i}"] for i in range(3)])[0],
        "edema": coef["edema_05"], "sex": coef["male"],
    }  # fmt: skip
    expected = {name: (own[name] - e.min()) * per_unit for name, e in effects.items()}
    assert nomogram.points(patient).points == pytest.approx(expected, abs=1e-4)
    assert nomogram.points_per_unit == pytest.approx(per_unit)
    assert max(nomogram.points_span(v) for v in nomogram.variables) == pytest.approx(100)


#: What R's rms::nomogram printed for Cox models of others: points of one unit of log hazard, and
#: total points (whole) at each survival. "smart" are the examples in the documentation of the R
#: package hdnom (as_nomogram; cardiovascular patients, 2 years); "renal" the printed nomogram of a
#: public repository (renal cell carcinoma of the SEER registry, 11 variables, 1 and 3 years).
RMS = {
    "smart": (100.9146, {0.90: 122, 0.95: 50}),
    "renal, 1 year": (46.38193, {0.1: 294, 0.2: 278, 0.3: 264, 0.4: 252, 0.5: 239, 0.6: 225,
                                 0.7: 208, 0.8: 186, 0.9: 151}),
    "renal, 3 years": (46.38193, {0.1: 250, 0.2: 233, 0.3: 219, 0.4: 207, 0.5: 194, 0.6: 180,
                                  0.7: 163, 0.8: 141, 0.9: 106}),
}  # fmt: skip


@pytest.mark.parametrize("name", RMS)
def test_survival_stands_where_rms_printed_it(name):
    per_unit, printed = RMS[name]
    (survival, total), *others = printed.items()
    widest = CategoryVariable("v", "v", ("least", "most"), (0.0, 100 / per_unit))
    # The baseline that gives the first printed pair: the patient with no points has log hazard 0.
    hazard = -math.log(survival) / math.exp(total / per_unit)
    nomogram = small(widest, horizons=[Horizon(12, hazard)])
    assert nomogram.points_per_unit == pytest.approx(per_unit)
    for probability, whole in others:
        at = nomogram.total_at(nomogram.horizons[0].linear_predictor(probability))
        assert at == pytest.approx(whole, abs=1.0)  # both were rounded
        assert nomogram.survival_at(at)[0] == pytest.approx(probability)


# ---------------------------------------------------------------- what must always hold


@st.composite
def numbers(draw, name="x"):
    low = draw(st.floats(0.5, 100))
    high = low * draw(st.floats(1.5, 50))
    transform = draw(st.sampled_from(["identity", "log", "log2", "log10", "log1p", "sqrt"]))
    forward = {"identity": float, "log": math.log, "log2": math.log2, "log10": math.log10,
               "log1p": math.log1p, "sqrt": math.sqrt}[transform]  # fmt: skip
    center, scale = draw(st.floats(-2, 2)), draw(st.sampled_from([-3.0, 0.5, 1.0, 12.0]))
    ends = sorted((forward(v) - center) / scale for v in (low, high))
    effect = st.floats(-3, 3)
    kind = draw(st.sampled_from(["line", "spline", "pieces"]))
    span = ends[1] - ends[0]
    at = tuple(ends[0] + span * q for q in (0.05, 0.35, 0.65, 0.95))
    if kind == "line":
        curve = Line(draw(st.floats(0.05, 3)) * draw(st.sampled_from([-1, 1])) / span)
    elif kind == "spline":
        curve = Spline(at, tuple(draw(effect) / span for _ in range(3)))
    else:
        curve = Pieces(at, tuple(draw(st.lists(effect, min_size=4, max_size=4))))
    return NumberVariable(name, name, curve, AxisRange(low, high), "mm", transform, center, scale)


@st.composite
def nomograms(draw):
    found = [draw(numbers(f"n{i}")) for i in range(draw(st.integers(0, 3)))]
    for i in range(draw(st.integers(1, 3))):
        effects = draw(st.lists(st.floats(-2, 2), min_size=2, max_size=6))
        found.append(category(f"c{i}", [*effects[:-1], effects[0] + 0.3]))
    hazards = sorted(draw(st.lists(st.floats(0.01, 3), min_size=1, max_size=3, unique=True)))
    horizons = [Horizon(12.0 * (i + 1), h) for i, h in enumerate(hazards)]
    return small(*found, horizons=horizons, intercept=draw(st.floats(-2, 2)), leave_out=True)


@st.composite
def scored(draw):
    nomogram = draw(nomograms())
    patient = {}
    for v in nomogram.variables:
        if isinstance(v, CategoryVariable):
            patient[v.name] = draw(st.sampled_from(v.levels))
        else:
            patient[v.name] = draw(st.floats(v.axis.low, v.axis.high))
    return nomogram, patient


@given(scored())
@settings(deadline=None)
def test_points_add_up_to_the_model(found):
    nomogram, patient = found
    points = nomogram.points(patient)
    score = nomogram.intercept + sum(v.effect(patient[v.name]) for v in nomogram.variables)
    assert points.linear_predictor == pytest.approx(score, abs=1e-10)
    assert points.total == pytest.approx(sum(points.points.values()))
    for horizon, survival in zip(nomogram.horizons, points.survival, strict=True):
        expected = math.exp(-horizon.cumulative_hazard * math.exp(score))
        assert survival == pytest.approx(expected, rel=1e-8)
    assert list(points.survival) == sorted(points.survival, reverse=True)


@given(scored())
@settings(deadline=None)
def test_points_lie_from_0_to_the_length_of_the_axis_and_the_longest_is_100(found):
    nomogram, patient = found
    points = nomogram.points(patient)
    spans = {v.name: nomogram.points_span(v) for v in nomogram.variables}
    assert all(-1e-7 <= p <= spans[name] + 1e-7 for name, p in points.points.items())
    assert max(spans.values()) == pytest.approx(100)
    assert points.outside == ()
    assert -1e-6 <= points.total <= nomogram.highest_total + 1e-6


@given(numbers())
@settings(deadline=None)
def test_stretches_join_and_only_rise_or_fall(variable):
    stretches = variable.stretches()
    assert stretches[0][0] == variable.axis.low and stretches[-1][1] == variable.axis.high
    assert all(a[1] == b[0] for a, b in itertools.pairwise(stretches))
    low, high = variable.effects
    for a, b in stretches:
        steps = np.diff([variable.effect(v) for v in np.linspace(a, b, 60)])
        slack = 1e-9 * max(high - low, 1)
        assert (steps >= -slack).all() or (steps <= slack).all()


@given(nomograms(), nomograms())
@settings(deadline=None)
def test_a_common_scale_changes_points_and_nothing_else(first, second):
    one, two = on_common_scale([first, second])
    assert one.points_per_unit == two.points_per_unit
    spans = [n.points_span(v) for n in (one, two) for v in n.variables]
    assert max(spans) == pytest.approx(100)
    patient = {
        v.name: v.levels[0] if isinstance(v, CategoryVariable) else v.axis.low
        for v in first.variables
    }
    before, after = first.points(patient), one.points(patient)
    assert after.survival == pytest.approx(before.survival, rel=1e-9, abs=1e-300)


@given(st.floats(0.001, 0.999), st.floats(0.01, 3))
def test_survival_and_linear_predictor_are_each_others_inverse(survival, hazard):
    horizon = Horizon(24, hazard)
    assert horizon.survival(horizon.linear_predictor(survival)) == pytest.approx(survival)
    assert Horizon.of_survival(24, survival).survival(0.0) == pytest.approx(survival)


# ---------------------------------------------------------------- outside the axes


def test_a_value_beyond_its_axis_is_computed_and_named():
    nomogram = small()
    inside, beyond = (nomogram.points({"size": s, "stage": "A"}) for s in (110, 160))
    assert (inside.outside, beyond.outside) == ((), ("size",))
    assert beyond.points["size"] == pytest.approx(150)  # 2 log hazards are 100 points
    assert beyond.linear_predictor == pytest.approx(3.2)
    assert nomogram.points({"size": 5, "stage": "A"}).points["size"] == pytest.approx(-5)


def test_it_is_refused_if_that_is_wished():
    with pytest.raises(
        InputError, match=r"size: 160 lies outside what the training patients had \(10 to 110\)"
    ):
        small().points({"size": 160, "stage": "A"}, beyond="refuse")
    with pytest.raises(InputError, match="must be compute or refuse"):
        small().points({"size": 50, "stage": "A"}, beyond="clip")


def test_a_total_that_nobody_had_is_told():
    seen = TrainingCohort("a cohort", 200, 120, 60.0, linear_predictor_range=(0.2, 2.0))
    nomogram = small(training=seen)
    assert not nomogram.points({"size": 60, "stage": "A"}).total_outside
    high = nomogram.points({"size": 110, "stage": "C"})
    assert high.total_outside and high.outside == ()


# ---------------------------------------------------------------- what patients may look like


@pytest.mark.parametrize(
    ("levels", "value"),
    [(("no", "yes"), True), (("no", "yes"), np.True_), (("no", "yes"), 1), (("no", "yes"), "yes"),
     (("0", "1"), True), (("0", "1"), 1.0), (("False", "True"), True)],
)  # fmt: skip
def test_yes_may_be_written_in_many_ways(levels, value):
    variable = CategoryVariable("c", "Cirrhosis", levels, (0.0, 0.7))
    assert variable.effect(value) == 0.7


@pytest.mark.parametrize("nothing", [None, math.nan, np.nan, pd.NA, pd.NaT, "", "  "])
def test_a_missing_value_is_named(nothing):
    with pytest.raises(InputError, match=r"Survival: a value is missing: stage; .*enter or impute"):
        small().points({"size": 50, "stage": nothing})
    with pytest.raises(InputError, match="values are missing: size, stage"):
        small().points({})


def test_a_level_that_nobody_had_is_refused():
    with pytest.raises(InputError, match="stage: 'Z' is no level of the model; use one of A, B, C"):
        small().points({"size": 50, "stage": "Z"})


@pytest.mark.parametrize(("value", "message"), [("large", "must be a number"), (True, "number")])
def test_a_number_must_be_one(value, message):
    with pytest.raises(InputError, match=f"size: .*{message}"):
        small().points({"size": value, "stage": "A"})


def test_a_logarithm_needs_a_positive_value():
    nomogram = small(line("afp", 1.0, 1, 1000, unit="ng/mL", transform="log"))
    with pytest.raises(InputError, match="afp: must be above 0 ng/mL, got 0"):
        nomogram.points({"afp": 0})


# ---------------------------------------------------------------- models that give no nomogram


def test_a_variable_without_effect_is_refused_or_left_out_by_name():
    flat = line("age", slope=0.0)
    with pytest.raises(StatisticsError, match=r"age: has no effect in this model .*leave it out"):
        small(line(), flat)
    nomogram = small(
        line(), CategoryVariable("c", "Center", ("x", "y"), (0.4, 0.4)), leave_out=True
    )
    assert nomogram.without_effect == ("Center",)
    # What it adds is the same for everybody, and stays in the prediction.
    assert nomogram.points({"size": 50}).linear_predictor == pytest.approx(0.02 * 50 + 0.4)
    with pytest.raises(StatisticsError, match="no variable has an effect"):
        small(flat, leave_out=True)


def test_a_category_of_one_level_is_refused():
    with pytest.raises(StatisticsError, match="Sex: has only the level 'male'"):
        CategoryVariable("sex", "Sex", ("male",), (0.0,))
    with pytest.raises(StatisticsError, match="has no levels"):
        CategoryVariable("sex", "Sex", (), ())


@pytest.mark.parametrize(
    ("horizons", "message"),
    [
        ([Horizon(72, 0.9)], r"72 months lie beyond the follow-up of the training patients \(60.0"),
        ([Horizon(12, 0.0)], r"at 12 months the cumulative hazard is 0, so survival has no axis"),
        ([Horizon(24, 0.2), Horizon(12, 0.1)], "horizons must be rising"),
        ([], "horizons must be rising"),
    ],
)
def test_horizons_must_be_within_follow_up(horizons, message):
    with pytest.raises(InputError, match=message):
        small(horizons=horizons)


@pytest.mark.parametrize("survival", [0.0, 1.0])
def test_a_baseline_of_all_or_nobody_cannot_be_scaled(survival):
    with pytest.raises(InputError, match="cannot be scaled"):
        Horizon.of_survival(12, survival)


def test_every_variable_is_given_once():
    with pytest.raises(InputError, match="size: a variable is given twice"):
        small(line(), line())
    with pytest.raises(InputError, match="there are no variables"):
        build_nomogram([], title="x", horizons=[Horizon(12, 0.1)], training=COHORT)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AxisRange(5, 5), "from a lower to a higher number"),
        (lambda: AxisRange(0, 1, middle=(0.5,)), "5 quantiles are needed"),
        (lambda: AxisRange.of_training([3.0, 3.0, np.nan]), "every training patient has the value 3"),
        (lambda: AxisRange.of_training([np.nan]), "no training patient has a value"),
        (lambda: AxisRange.of_training([1, 1, 1, 9], quantiles=(0.1, 0.5)), "are both 1"),
        (lambda: AxisRange.of_training([1, 2], quantiles=(0.9, 0.1)), "must rise"),
        (lambda: line(transform="cube"), "no transform is called 'cube'; use one of identity"),
        (lambda: line(scale=0.0), "scale not 0"),
        (lambda: line(low=0.0, transform="log"), "must be above 0, got 0"),
        (lambda: CategoryVariable("s", "S", ("a", "b"), (0.0,)), "2 levels but 1 effects"),
        (lambda: CategoryVariable("s", "S", ("a", "a"), (0.0, 1.0)), "occurs twice"),
        (lambda: CategoryVariable("s", "S", ("a", "b"), (0.0, math.inf)), "finite effect"),
        (lambda: Spline((1.0, 2.0), (0.1,)), "three or more rising knots"),
        (lambda: Spline((1.0, 2.0, 3.0), (0.1,)), "3 knots need 2 coefficients, got 1"),
        (lambda: Pieces((1.0,), (0.1,)), "two or more rising points"),
        (lambda: Pieces((1.0, 2.0), (0.1,)), "2 points need as many effects"),
        (lambda: TrainingCohort("x", 10, 0, 60.0), "10 patients with 0 events"),
    ],
)  # fmt: skip
def test_parts_that_make_no_sense_are_refused(make, message):
    with pytest.raises((InputError, StatisticsError), match=message):
        make()


# ---------------------------------------------------------------- axes from training patients


def test_axes_end_at_quantiles_of_the_training_patients():
    values = np.append(np.arange(101.0), np.nan)
    whole = AxisRange.of_training(values)
    assert (whole.low, whole.high, whole.words) == (0, 100, "training minimum to maximum")
    assert whole.middle == (5, 25, 50, 75, 95)
    inner = AxisRange.of_training(values, quantiles=(0.01, 0.99))
    assert (inner.low, inner.high) == (1, 99)
    assert inner.words == "1 to 99 % quantile of training"


def test_a_spline_is_the_one_of_the_statistics():
    knots = (2.0, 3.0, 5.0, 9.0)
    coef = (0.4, -1.5, 2.5)
    x = np.linspace(-1, 12, 50)
    expected = spline_basis(x, np.array(knots)) @ coef
    np.testing.assert_allclose([Spline(knots, coef).at(v) for v in x], expected, atol=1e-12)


def test_a_curve_that_turns_between_knots_is_found_where_it_turns():
    curve = Spline((2.0, 3.0, 5.0, 9.0), (-0.6, 9.0, -12.0))
    variable = NumberVariable("x", "x", curve, AxisRange(0.0, 12.0))
    grid = np.array([variable.effect(v) for v in np.linspace(0, 12, 20_001)])
    assert variable.effects == pytest.approx((grid.min(), grid.max()), abs=1e-6)
    assert len(variable.stretches()) == 1 + int((np.diff(np.sign(np.diff(grid))) != 0).sum())


def test_turns_smaller_than_asked_are_not_folds():
    wavy = Pieces((0.0, 4.0, 5.0, 10.0), (0.0, 1.0, 0.98, 2.0))
    variable = NumberVariable("x", "x", wavy, AxisRange(0.0, 10.0))
    assert variable.stretches() == ((0, 4), (4, 5), (5, 10))
    assert variable.stretches(0.1) == ((0, 10),)
