"""What is believed of the pictures before any outcome is seen."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.systems.ceus.covariates import PORTAL_WASHOUT
from hccsurv_core.systems.ceus.dlr import DLR_DEATH, DLR_EARLY
from hccsurv_core.systems.ceus.image_prior import PLAIN, image_prior
from hccsurv_core.systems.ceus.signs import GROUP_OF, SIGN_NAMES

NAMES = ("albi", PORTAL_WASHOUT, *SIGN_NAMES, DLR_EARLY, DLR_DEATH)


@pytest.fixture(scope="module")
def covariance():
    """(p, p) of the coefficients, before the data."""
    matrix = image_prior(NAMES).matrix(NAMES)
    return matrix @ matrix.T


def variance(covariance, name: str) -> float:
    return float(covariance[NAMES.index(name), NAMES.index(name)])


def test_traits_may_matter_more_than_a_clinical_value_or_a_signature(covariance) -> None:
    smallest = min(variance(covariance, n) for n in SIGN_NAMES if GROUP_OF[n] not in PLAIN)
    assert smallest > 2 * variance(covariance, "albi")
    assert variance(covariance, DLR_DEATH) == variance(covariance, DLR_EARLY)
    assert smallest > 2 * variance(covariance, DLR_DEATH)


def test_size_shape_echo_and_parenchyma_are_expected_to_matter_less(covariance) -> None:
    plain = [variance(covariance, n) for n in SIGN_NAMES if GROUP_OF[n] in PLAIN]
    assert {GROUP_OF[n] for n in SIGN_NAMES} >= set(PLAIN)
    others = [variance(covariance, n) for n in SIGN_NAMES if GROUP_OF[n] not in PLAIN]
    assert max(plain) < min(others)


def test_views_of_one_trait_and_traits_of_aggressive_tumors_go_together(covariance) -> None:
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(spread, spread)

    def between(a: str, b: str) -> float:
        return float(correlation[NAMES.index(a), NAMES.index(b)])

    assert between("sign.heterogeneity_log2", "sign.level_spread_log2") > 0.5
    assert between("sign.heterogeneity_log2", "sign.mosaic_log2") > 0.2
    # What the report tells and no still shows: an aggressive tumor washes out early.
    assert between("sign.heterogeneity_log2", PORTAL_WASHOUT) > 0.2
    # Without a capsule it is worse: rim and halo act the other way.
    assert between("sign.heterogeneity_log2", "sign.rim_db") < -0.2
    assert between("sign.heterogeneity_log2", "sign.diameter_mm") == 0


def test_without_pictures_nothing_is_believed() -> None:
    assert image_prior(("albi", "age_years", PORTAL_WASHOUT)) is None
