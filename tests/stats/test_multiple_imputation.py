"""Chained equations: proper variance, bias that complete cases have, reports and refusals."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.multiple_imputation import (
    impute,
    nelson_aalen,
    outcome_columns,
)
from hccsurv_core.stats.multiple_imputation_table import Variable
from hccsurv_core.stats.pooling import pool_fits

TRUE = np.array([0.5, 0.4, -0.6])
NAMES = ["x1", "x2", "x3"]
VARIABLES = [Variable("x1"), Variable("x2"), Variable("x3", "binary")]


def complete_cohort(n, rng):
    """Two numbers and a category that belong together, and survival that depends on all three."""
    x2 = rng.normal(size=n)
    x1 = 0.5 * x2 + np.sqrt(0.75) * rng.normal(size=n)
    x3 = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x1))).astype(float)
    hazard = 0.03 * np.exp(np.column_stack((x1, x2, x3)) @ TRUE)
    time, end = rng.exponential(1 / hazard), rng.uniform(6, 60, n)
    outcome = SurvivalOutcome(np.minimum(time, end), time <= end)
    return pd.DataFrame({"x1": x1, "x2": x2, "x3": x3}), outcome


def with_gaps(frame, outcome, rng):
    """x1 and x3 are missing more often in who died: at random given what is known."""
    gaps = frame.copy()
    log_odds = -2.2 + 2.2 * outcome.event + frame["x2"].to_numpy()
    gaps.loc[rng.random(len(frame)) < 1 / (1 + np.exp(-log_odds)), "x1"] = np.nan
    gaps.loc[rng.random(len(frame)) < 0.25 * (1 + outcome.event), "x3"] = np.nan
    return gaps


def mixed(n=120, seed=0):
    """One variable of each kind, with gaps."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(30, 80, n).astype(float),
            "afp": np.exp(rng.normal(3, 2, n)),
            "cirrhosis": rng.random(n) < 0.6,
            "ascites": rng.choice(["none", "slight", "moderate"], n, p=[0.6, 0.25, 0.15]),
            "segment": rng.choice(["II", "IV", "VIII"], n),
        },
        index=pd.Index(rng.permutation(n) + 1000),
    ).astype({"cirrhosis": object})
    for i, name in enumerate(frame.columns):
        frame.loc[frame.index[rng.random(n) < 0.1 * (i + 1)], name] = np.nan
    frame["note"] = "kept"
    return frame


MIXED = [
    Variable("age"),
    Variable("afp", log=True),
    Variable("cirrhosis", "binary"),
    Variable("ascites", "ordered", ("none", "slight", "moderate")),
    Variable("segment", "unordered"),
]


def test_complete_cases_are_biased_and_imputation_is_not():
    everybody, pooled, complete_cases, covered = [], [], [], []
    for repetition in range(60):
        rng = np.random.default_rng([12, repetition])
        frame, outcome = complete_cohort(250, rng)
        everybody.append(fit_cox(frame.to_numpy(), outcome, names=NAMES).coef)
        gaps = with_gaps(frame, outcome, rng)
        kept = ~gaps.isna().any(axis=1).to_numpy()
        complete_cases.append(
            fit_cox(gaps[kept].to_numpy(), outcome.subset(kept), names=NAMES).coef
        )
        imputed = impute(
            gaps, VARIABLES, outcome=outcome, n_imputations=6, n_iterations=4, seed=repetition
        )
        fits = [fit_cox(f.to_numpy(), outcome, names=NAMES) for f in imputed.frames()]
        found = pool_fits(fits, df_complete=outcome.n_events - 3)
        pooled.append(found.coef)
        covered.append(
            [row.ci_low < t < row.ci_high for row, t in zip(found.coefficients, TRUE, strict=True)]
        )
    # Against the answer of the same patients had nothing been missing: less noise than the truth.
    biased = np.mean(np.subtract(complete_cases, everybody), axis=0)
    unbiased = np.mean(np.subtract(pooled, everybody), axis=0)
    # x2 seems to matter half as much among complete cases, because the dead of high x2 are gone.
    assert biased[1] < -0.12 and biased[0] > 0.08 and biased[2] < -0.08
    # White & Royston's regressions are approximate: effects this large are drawn to 0 a little.
    assert np.abs(unbiased).max() < 0.08
    assert np.abs(unbiased).sum() < 0.4 * np.abs(biased).sum()
    assert 0.90 <= np.mean(covered) <= 1.0


def test_imputed_without_the_outcome_hazard_ratios_are_drawn_to_one():
    rng = np.random.default_rng(5)
    frame, outcome = complete_cohort(1500, rng)
    gaps = with_gaps(frame, outcome, rng)

    def coefficients(given):
        found = impute(gaps, VARIABLES, outcome=given, n_imputations=5, n_iterations=4)
        return pool_fits([fit_cox(f.to_numpy(), outcome, names=NAMES) for f in found.frames()]).coef

    helped, alone = coefficients(outcome), coefficients(None)
    for j in (0, 2):  # the incomplete ones
        assert abs(alone[j]) < 0.75 * abs(helped[j])
        assert abs(helped[j] - TRUE[j]) < 0.15


@pytest.mark.parametrize("kind", ["number", "binary"])
def test_variance_between_imputations_is_proper(kind):
    # Half of the values are missing completely at random and nothing predicts them: the mean has
    # the variance of the known half alone. Were one regression used for all imputations, the
    # total would be three quarters of that.
    n, m = 300, 400
    rng = np.random.default_rng(1)
    y = rng.normal(10, 2, n) if kind == "number" else (rng.random(n) < 0.3).astype(float)
    y[rng.permutation(n)[: n // 2]] = np.nan
    frame = pd.DataFrame({"y": y, "z": rng.normal(size=n)})
    imputed = impute(
        frame, [Variable("y", kind), Variable("z")], n_imputations=m, n_iterations=1, seed=3
    )
    means = np.array([f["y"].mean() for f in imputed.frames()])
    within = np.mean([f["y"].var(ddof=1) / n for f in imputed.frames()])
    total = within + (1 + 1 / m) * means.var(ddof=1)
    assert total == pytest.approx(np.nanvar(y, ddof=1) / (n / 2), rel=0.15)
    assert means.mean() == pytest.approx(np.nanmean(y), rel=0.02)


def test_every_kind_keeps_its_association():
    rng = np.random.default_rng(2)
    n = 1500
    z = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "z": z,
            "ordered": np.digitize(z + rng.logistic(size=n), [-1, 1]),
            "unordered": np.argmax(
                rng.gumbel(size=(n, 3)) + np.column_stack((0 * z, z, -z)), axis=1
            ),
        }
    ).astype({"ordered": float, "unordered": float})
    gaps = frame.copy()
    for name in ("ordered", "unordered"):
        # Missing where z is high: the known mean is off.
        gaps.loc[rng.random(n) < 1 / (1 + np.exp(1 - 2 * z)), name] = np.nan
    imputed = impute(
        gaps,
        [Variable("z"), Variable("ordered", "ordered"), Variable("unordered", "unordered")],
        n_imputations=5, n_iterations=4,
    )  # fmt: skip
    for name in ("ordered", "unordered"):
        for level in (0.0, 1.0, 2.0):
            shares = [(f[name] == level).mean() for f in imputed.frames()]
            assert np.mean(shares) == pytest.approx((frame[name] == level).mean(), abs=0.035)
    known = gaps["ordered"].dropna()
    assert abs((known == 2).mean() - (frame["ordered"] == 2).mean()) > 0.08


def test_known_values_and_other_columns_are_never_touched():
    frame = mixed()
    before = frame.copy()
    imputed = impute(frame, MIXED, n_imputations=3, n_iterations=2)
    pd.testing.assert_frame_equal(frame, before)
    for found in imputed.frames():
        assert not found.isna().any().any()
        assert found.index.equals(frame.index) and list(found) == list(frame)
        known = frame.notna()
        pd.testing.assert_frame_equal(
            found.where(known).astype(object), frame.astype(object), check_dtype=False
        )
        assert set(found["ascites"]) <= {"none", "slight", "moderate"}
        assert set(found["cirrhosis"]) == {True, False}
        # Predictive mean matching: an imputed number is one that somebody has.
        for name in ("age", "afp"):
            seen = frame[name].dropna().to_numpy()
            nearest = np.abs(found[name].to_numpy()[:, None] - seen).min(axis=1)
            assert (nearest <= 1e-9 * np.abs(found[name])).all()


def test_where_nothing_is_missing_the_table_comes_back_as_it_is():
    rng = np.random.default_rng(0)
    frame, outcome = complete_cohort(60, rng)
    imputed = impute(frame, VARIABLES, outcome=outcome, n_imputations=3)
    for found in imputed.frames():
        pd.testing.assert_frame_equal(found, frame, check_exact=True)
    assert imputed.report.sentence == "Nothing is missing in 60 patients."
    assert imputed.convergence.names == ()


def test_the_seed_fixes_everything_and_imputation_i_does_not_depend_on_m():
    frame = mixed()
    few = impute(frame, MIXED, n_imputations=2, n_iterations=2, seed=4)
    many = impute(frame, MIXED, n_imputations=4, n_iterations=2, seed=4)
    np.testing.assert_array_equal(few.completed, many.completed[:2])
    other = impute(frame, MIXED, n_imputations=2, n_iterations=2, seed=5)
    assert (other.completed != few.completed).any()
    assert (few.completed[0] != few.completed[1]).any()


def test_the_report_counts_what_was_missing():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3, 4, 5, 6], "b": [np.nan, np.nan, 1.0, 0, 1, 0]})
    report = impute(
        frame, [Variable("a"), Variable("b", "binary")], n_imputations=2, n_iterations=1
    ).report
    assert [(v.name, v.n_missing, v.words) for v in report.variables] == [
        ("a", 1, "1 (16.7 %)"), ("b", 2, "2 (33.3 %)"),
    ]  # fmt: skip
    assert (report.n, report.n_complete) == (6, 4)
    assert report.advised_imputations == 34
    assert report.sentence == (
        "2 of 6 patients lack at least one value: a 1 (16.7 %), b 2 (33.3 %)."
    )
    assert json.loads(json.dumps(report.to_json()))["variables"][1]["n_missing"] == 2


def test_chains_are_followed_and_settle():
    rng = np.random.default_rng(8)
    frame, outcome = complete_cohort(300, rng)
    gaps = with_gaps(frame, outcome, rng)
    found = impute(gaps, VARIABLES, outcome=outcome, n_imputations=6, n_iterations=12).convergence
    assert found.names == ("x1", "x3") or found.names == ("x3", "x1")
    assert found.means.shape == (6, 12, 2) and np.isfinite(found.means).all()
    assert (found.r_hat < 1.3).all()
    # Means of what is imputed, not of everybody: x1 is missing where it is high.
    x1 = found.names.index("x1")
    assert found.means[:, 6:, x1].mean() > gaps["x1"].mean() + 0.2
    assert len(json.loads(json.dumps(found.to_json()))["x3"]["means"]) == 6
    short = impute(gaps, VARIABLES, n_imputations=2, n_iterations=1).convergence
    assert np.isnan(short.r_hat).all()


def test_the_cumulative_hazard_is_nelson_and_aalen_s():
    # Times 1 (death), 2 (two deaths), 3 (censored), 4 (death); at risk 5, 4, 2, 1.
    outcome = SurvivalOutcome([2.0, 1.0, 4.0, 3.0, 2.0], [True, True, True, False, True])
    np.testing.assert_allclose(nelson_aalen(outcome), [0.7, 0.2, 1.7, 0.7, 0.7])
    columns = outcome_columns(outcome, 5)
    assert columns[:, 0].mean() == pytest.approx(0) and columns[:, 0].std() == pytest.approx(1)
    np.testing.assert_array_equal(columns[:, 1], outcome.event)


def test_work_can_be_cancelled():
    def cancel(fraction, message):
        if fraction > 0.4:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        impute(mixed(), MIXED, n_imputations=3, n_iterations=2, progress=cancel)


def changed(name, value):
    frame = mixed()
    frame[name] = value
    return frame


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: impute(changed("age", np.nan), MIXED),
            StatisticsError,
            "^age: none of 120 patients has a value",
        ),
        (
            lambda: impute(changed("segment", None), MIXED),
            StatisticsError,
            "^segment: none of 120 patients has a value",
        ),
        (
            lambda: impute(changed("afp", 7.0), MIXED),
            StatisticsError,
            "^afp: is the same in everyone",
        ),
        (
            lambda: impute(changed("cirrhosis", True), MIXED),
            StatisticsError,
            "^cirrhosis: is the same in everyone",
        ),
        (lambda: impute(changed("afp", -1.0), MIXED), InputError, "^afp: -1 has no logarithm"),
        (lambda: impute(changed("age", "old"), MIXED), InputError, "^age: must be numbers"),
        (
            lambda: impute(changed("age", np.inf), MIXED),
            InputError,
            "^age: has a value that is not",
        ),
        (
            lambda: impute(changed("ascites", "much"), MIXED),
            InputError,
            "^ascites: 'much' is not among its levels 'none', 'slight', 'moderate'",
        ),
        (
            lambda: impute(mixed(), [Variable("segment", "binary")]),
            InputError,
            "^segment: has 3 levels, a binary variable has 2",
        ),
        (lambda: impute(mixed(), [Variable("sex")]), InputError, "^sex: the table has no such"),
        (lambda: impute(mixed(), [MIXED[0]] * 2), InputError, "^age: is given twice"),
        (lambda: impute(mixed(), []), InputError, "no variables"),
        (
            lambda: impute(mixed(), [Variable("age", "integer")]),  # type: ignore[arg-type]
            InputError,
            "no kind is called 'integer'",
        ),
        (lambda: impute(mixed(8), MIXED), StatisticsError, "known values cannot carry"),
        (lambda: impute(mixed(), MIXED, n_imputations=1), InputError, "^n_imputations: .* 2 or"),
        (
            lambda: impute(mixed(), MIXED, outcome=SurvivalOutcome([1.0, 2.0], [1, 0])),
            InputError,
            "120 patients but 2 outcomes",
        ),
        (
            lambda: impute(
                mixed(), MIXED, outcome=SurvivalOutcome(np.arange(120.0), np.zeros(120))
            ),
            StatisticsError,
            "no events",
        ),
    ],
)
def test_tables_that_cannot_be_imputed_are_refused_by_column(call, error, match):
    with pytest.raises(error, match=match):
        call()
