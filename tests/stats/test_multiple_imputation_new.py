"""New patients are completed from training patients alone, without an outcome."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.multiple_imputation import impute
from hccsurv_core.stats.multiple_imputation_new import PatientImputer, fit_patient_imputer
from hccsurv_core.stats.multiple_imputation_table import Variable


def cohort(n, seed):
    """y = 0.8 x + noise of 0.6; a count; a category that follows x; early death where y is high."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = 0.8 * x + 0.6 * rng.normal(size=n)
    time = rng.exponential(20 * np.exp(-y))
    frame = pd.DataFrame(
        {
            "x": x,
            "y": y,
            "count": 1.0 + rng.poisson(np.exp(0.3 * x)),
            "stage": np.where(x + rng.logistic(size=n) > 0, "late", "early"),
        }
    )
    return frame, SurvivalOutcome(np.minimum(time, 30), time < 30)


VARIABLES = [
    Variable("x"),
    Variable("y"),
    Variable("count", log=True),
    Variable("stage", "binary", ("early", "late")),
]


@pytest.fixture(scope="module")
def imputer():
    frame, outcome = cohort(600, 0)
    rng = np.random.default_rng(1)
    for name in ("y", "stage"):
        frame.loc[rng.random(600) < 0.2, name] = np.nan
    imputed = impute(frame, VARIABLES, outcome=outcome, n_imputations=20, n_iterations=3)
    return fit_patient_imputer(imputed)


def copies(imputer, name, **known):
    frame = pd.DataFrame([known])
    return np.array([f[name].iloc[0] for f in imputer.complete(frame, n_iterations=5)])


def test_a_missing_number_is_drawn_about_what_is_expected_given_the_rest(imputer):
    for x in (-1.0, 1.0):
        # Averaged over patients with the same x, whatever else they have.
        frame = pd.DataFrame({"x": np.full(200, x), "count": 1.0 + np.arange(200) % 3})
        drawn = np.array([f["y"] for f in imputer.complete(frame)])
        assert drawn.mean() == pytest.approx(0.8 * x, abs=0.12)
        assert drawn.std() == pytest.approx(0.6, rel=0.12)


def test_a_missing_category_is_drawn_as_often_as_expected(imputer):
    frame = pd.DataFrame({"x": np.full(150, 2.0), "y": np.linspace(1, 2, 150)})
    late = np.mean([(f["stage"] == "late").mean() for f in imputer.complete(frame)])
    assert late == pytest.approx(1 / (1 + np.exp(-2)), abs=0.08)


def test_numbers_stay_within_what_training_patients_had_and_whole_ones_whole(imputer):
    train = cohort(600, 0)[0]
    drawn = copies(imputer, "count", x=9.0, y=9.0, stage="late")
    assert drawn.max() == pytest.approx(train["count"].max())
    np.testing.assert_allclose(drawn, np.round(drawn), atol=1e-9)
    assert copies(imputer, "y", x=50.0).max() <= train["y"].max()


def test_known_values_stay_and_other_columns_too(imputer):
    frame = pd.DataFrame(
        {"y": [0.3, np.nan], "stage": ["late", None], "center": ["a", "b"]}, index=[7, 3]
    )
    for found in imputer.complete(frame):
        assert found.index.tolist() == [7, 3]
        assert (found["y"].iloc[0], found["stage"].iloc[0]) == (0.3, "late")
        assert found["center"].tolist() == ["a", "b"]
        assert not found.isna().any().any()
        assert set(found.columns) == {"y", "stage", "center", "x", "count"}


def test_a_complete_patient_is_unchanged(imputer):
    frame = cohort(4, 9)[0]
    for found in imputer.complete(frame):
        pd.testing.assert_frame_equal(found, frame, check_exact=True)


def test_a_patient_does_not_depend_on_who_else_is_asked_about(imputer):
    frame = cohort(12, 5)[0]
    frame.loc[::2, "y"] = np.nan
    frame.loc[::3, "stage"] = None
    together = imputer.complete(frame)
    alone = imputer.complete(frame.iloc[[6]])
    for all_, one in zip(together, alone, strict=True):
        pd.testing.assert_frame_equal(all_.iloc[[6]], one)
    other_seed = imputer.complete(frame, seed=1)
    assert any(not a.equals(b) for a, b in zip(together, other_seed, strict=True))


def test_gaps_that_follow_from_the_outcome_do_not_mislead_new_patients():
    # y is missing in most who died, and who died had a high y: among known ones it is too low.
    frame, outcome = cohort(1500, 2)
    rng = np.random.default_rng(3)
    frame.loc[outcome.event & (rng.random(1500) < 0.8), "y"] = np.nan
    new = cohort(1500, 4)[0]
    truth = new["y"].mean()
    found = {}
    for name, given in (("with", outcome), ("without", None)):
        imputed = impute(frame, VARIABLES, outcome=given, n_imputations=5, n_iterations=3)
        tables = fit_patient_imputer(imputed).complete(new.drop(columns="y"))
        found[name] = np.mean([f["y"].mean() for f in tables]) - truth
    assert found["without"] < -0.1
    assert abs(found["with"]) < 0.5 * abs(found["without"])


def test_it_goes_through_a_bundle_and_holds_no_patients(imputer):
    settings = json.loads(json.dumps(imputer.settings()))
    tensors = imputer.tensors()
    back = PatientImputer.from_parts(settings, {k: v.copy() for k, v in tensors.items()})
    frame = cohort(5, 6)[0].drop(columns=["y", "stage"])
    for a, b in zip(imputer.complete(frame), back.complete(frame), strict=True):
        pd.testing.assert_frame_equal(a, b)
    # Nothing as long as the training table.
    assert all(600 not in array.shape for array in tensors.values())


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (pd.DataFrame({"x": []}), "there are no patients"),
        (pd.DataFrame({"stage": ["terminal"]}), "^stage: 'terminal' is not among the levels"),
        (pd.DataFrame({"x": ["1"]}), "^x: must be numbers"),
        (pd.DataFrame({"count": [0.0]}), "^count: 0 has no logarithm"),
    ],
)
def test_patients_that_cannot_be_completed_are_refused(imputer, frame, match):
    with pytest.raises(InputError, match=match):
        imputer.complete(frame)


def test_too_few_training_patients_are_refused():
    frame = cohort(4, 0)[0]
    with pytest.raises(StatisticsError, match="4 patients cannot carry 4 coefficients"):
        fit_patient_imputer(impute(frame, VARIABLES, n_imputations=2, n_iterations=1))


def test_columns_of_every_type_of_pandas_keep_it():
    rng = np.random.default_rng(0)
    n = 80
    frame = pd.DataFrame(
        {
            "whole": pd.array(rng.integers(1, 9, n), dtype="Int64"),
            "truth": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "grade": pd.Categorical(rng.choice(["low", "high"], n), categories=["low", "high"]),
            "word": pd.array(rng.choice(["p", "q", "r"], n), dtype="string"),
            "plain": rng.normal(size=n),
        }
    )
    for name in frame.columns:
        frame.loc[rng.random(n) < 0.15, name] = None
    kinds = ("number", "binary", "ordered", "unordered", "number")
    variables = [Variable(name, kind) for name, kind in zip(frame.columns, kinds, strict=True)]
    imputed = impute(frame, variables, n_imputations=2, n_iterations=2)
    learned = fit_patient_imputer(imputed)
    for found in (*imputed.frames(), *learned.complete(frame)):
        assert not found.isna().any().any()
        pd.testing.assert_series_equal(found.dtypes, frame.dtypes)
    assert json.loads(json.dumps(learned.settings()))["variables"][1]["levels"] == [False, True]
