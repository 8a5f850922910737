"""mRMR against the package mrmr-selection, against the formulas written out, and its properties."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import f_classif

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.mrmr import SCHEMES, rank_features

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "mrmr.json").read_text("utf-8"))


def drawn(seed=0, n=80, p=10):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    return x, x[:, 0] + 0.5 * x[:, 1] + rng.normal(size=n) > 0


def by_the_formula(x, y, k, scheme):
    """Greedy search with plain loops over numpy's own correlations."""
    r = np.corrcoef(np.column_stack([x, y]).T)
    information = -0.5 * np.log(1 - r[:-1] ** 2 + np.eye(len(r))[:-1])
    f = f_classif(x, y)[0]
    relevance = information[:, -1] if scheme == "MID" else f
    order = [int(np.argmax(relevance))]
    while len(order) < k:
        merits = {}
        for j in set(range(x.shape[1])) - set(order):
            if scheme == "MID":
                merits[j] = relevance[j] - np.mean([information[j, s] for s in order])
            else:
                shared = np.mean([abs(r[j, s]) for s in order])
                merits[j] = relevance[j] - shared if scheme == "FCD" else relevance[j] / shared
        order.append(max(merits, key=merits.get))
    return order


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_fcq_takes_what_mrmr_selection_takes(case):
    x, y = np.array(case["x"]), np.array(case["y"], dtype=bool)
    found = rank_features(x, y, len(case["order"]), "FCQ")
    assert found.order.tolist() == case["order"]
    np.testing.assert_allclose(found.relevance, case["relevance"], rtol=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_scheme_is_its_formula(scheme, seed):
    x, y = drawn(seed)
    assert rank_features(x, y, 7, scheme).order.tolist() == by_the_formula(x, y, 7, scheme)


def test_a_near_copy_comes_last_though_it_says_most_but_one():
    rng = np.random.default_rng(3)
    y = np.arange(200) % 2 == 0
    best = y + 0.6 * rng.normal(size=200)
    copy = best + 0.01 * rng.normal(size=200)
    weak = 0.5 * y + rng.normal(size=(200, 3)).T
    found = rank_features(np.vstack([best, copy, weak]).T, y, 5, "MID")
    assert set(found.order[[0, -1]].tolist()) == {0, 1}
    # With F minus |r| the copy comes second: F is in other units, see the default.
    assert set(rank_features(np.vstack([best, copy, weak]).T, y, 2, "FCD").order.tolist()) == {0, 1}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 12), st.sampled_from(sorted(SCHEMES)))
def test_order_has_no_repeats_and_neither_scale_nor_sign_nor_columns_matter(seed, k, scheme):
    x, y = drawn(seed)
    found = rank_features(x, y, k, scheme)
    assert len(set(found.order.tolist())) == len(found.order) == min(k, 10)
    assert found.order[0] == np.argmax(found.relevance)
    scaled = rank_features(x * np.linspace(-3, 5, 10) + 100, y, k, scheme)
    assert scaled.order.tolist() == found.order.tolist()
    turned = rank_features(x[:, ::-1], ~y, k, scheme)
    assert (9 - turned.order).tolist() == found.order.tolist()
    shorter = rank_features(x, y, max(1, k - 1), scheme)
    assert shorter.order.tolist() == found.order[: len(shorter.order)].tolist()


def test_what_cannot_be_ranked_is_refused():
    x, y = drawn()
    with pytest.raises(InputError, match="no mRMR scheme is called 'XYZ'; use FCQ, FCD, MID"):
        rank_features(x, y, 3, "XYZ")
    with pytest.raises(InputError, match="0 features cannot be taken"):
        rank_features(x, y, 0)
    with pytest.raises(InputError, match="a feature is the same in everybody"):
        rank_features(np.ones((80, 2)), y, 1)
    with pytest.raises(StatisticsError, match="both outcomes must occur"):
        rank_features(x, np.ones(80, dtype=bool), 1)
