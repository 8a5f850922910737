"""Corrected p-values: R's p.adjust and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.stats.multiple_testing import METHODS, adjust_p_values

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@pytest.mark.parametrize("method", METHODS)
def test_adjusted_p_values_are_those_of_r(method):
    case = json.loads((REFERENCE / "diagnostic.json").read_text())["adjusted"]
    p, expected = (np.array(case[key], float) for key in ("p", method))
    np.testing.assert_allclose(adjust_p_values(p, method=method), expected, rtol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_corrections_keep_the_order_and_never_shrink_a_p_value(p):
    holm, bh, bonferroni = (
        adjust_p_values(p, method=m) for m in ("holm", "benjamini-hochberg", "bonferroni")
    )
    assert (np.array(p) <= bh + 1e-15).all()
    assert (bh <= holm + 1e-12).all() and (holm <= bonferroni + 1e-12).all()
    for adjusted in (holm, bh):
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_nothing_to_adjust_stays_empty():
    assert adjust_p_values([]).size == 0
    assert np.isnan(adjust_p_values([np.nan])).all()


@pytest.mark.parametrize(
    ("p", "method", "match"),
    [
        ([0.1, 1.2], "holm", "between 0 and 1"),
        ([[0.1]], "holm", "a list of p-values"),
        ([0.1], "sidak", "unknown correction 'sidak'"),
    ],
)
def test_wrong_input_is_refused(p, method, match):
    with pytest.raises(InputError, match=match):
        adjust_p_values(p, method=method)
