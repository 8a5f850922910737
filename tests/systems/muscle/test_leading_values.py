"""The value behind a group's effect: weighed by hand in a linear model, placed among the training patients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.systems.muscle.case import Contribution
from hccsurv_core.systems.muscle.leading_values import LeadingValue, leading_values

NAMES = (
    "sma_cm2", "smi", "ma_hu", "muscle.coherence", "muscle.unnamed",
    "clinical.low_platelets", "clinical.microvascular_invasion", "male",
)  # fmt: skip


def linear_model(weights, scaling="normal-score"):
    """1000 training patients whose values run from 0 to 999, but for two of yes or no; the risk is
    a weighted sum of the raw values."""
    values = np.tile(np.arange(1000.0)[:, None], len(NAMES))
    values[:, -2:] = (np.arange(1000) % 2)[:, None]
    scales = fit_standardizer(values, NAMES, scaling=scaling)
    vector = np.array([weights.get(name, 0.0) for name in NAMES])

    def risk_score(rows):
        return np.where(np.isnan(rows), scales.median, rows) @ vector

    return SimpleNamespace(ensemble=SimpleNamespace(standardizer=scales, risk_score=risk_score))


def lead(weights, group, log_hazard, scaling="normal-score", **values):
    """The leading value of a group; values that are not given are at the median."""
    given = dict.fromkeys(NAMES, 499.5) | {"clinical.microvascular_invasion": 0.5, "male": 0.5}
    given |= {name.replace("__", "."): value for name, value in values.items()}
    moved = (Contribution(group, "", "", log_hazard, 1, 0),)
    return leading_values(linear_model(weights, scaling), given, moved).get(group)


def test_the_value_that_weighs_most_is_told_not_the_most_unusual() -> None:
    """SMI is the more unusual one, but the model hardly looks at it."""
    weights = {"sma_cm2": -0.01, "smi": -0.0003}
    found = lead(weights, "size", 2.0, sma_cm2=299.5, smi=9.5)
    assert found.feature == "sma_cm2"
    assert found.log_hazard == pytest.approx(2.0)  # −0.01 · (299.5 − 499.5)
    assert found.words == "skeletal muscle area lower than in 70 of 100 training patients"


def test_only_what_goes_the_groups_way_is_told() -> None:
    """The group lowers the risk; the value that raises it most is not its explanation."""
    weights = {"sma_cm2": 0.01, "smi": 0.01}
    found = lead(weights, "size", -0.5, sma_cm2=899.5, smi=399.5)
    assert found.feature == "smi" and found.log_hazard == pytest.approx(-1.0)
    assert lead({"sma_cm2": 0.01}, "size", -0.5, sma_cm2=899.5) is None


def test_small_effects_are_not_worth_a_word() -> None:
    assert lead({"ma_hu": -0.0001}, "density", 0.3, ma_hu=99.5) is None  # × 1.04
    assert lead({"ma_hu": -0.001}, "density", 0.3, ma_hu=99.5) is not None


def test_texture_has_words_that_can_be_seen_on_the_scan() -> None:
    weights = {"muscle.coherence": 0.01, "muscle.unnamed": 0.5}
    found = lead(weights, "texture", 3.0, muscle__coherence=939.5, muscle__unnamed=900)
    assert found.words == "coarseness of the fat streaks higher than in 94 of 100 training patients"


def test_a_feature_that_the_model_turns_is_told_as_it_is_measured() -> None:
    weights = {"clinical.low_platelets": 0.01}
    found = lead(weights, "clinical", 4.0, clinical__low_platelets=949.5)
    assert found.words == "platelets lower than in 95 of 100 training patients"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("clinical.microvascular_invasion", 1.0, "microvascular invasion"),
        ("clinical.microvascular_invasion", 0.0, "no microvascular invasion"),
        ("male", 1.0, "male sex"),
        ("male", 0.0, "female sex"),
    ],
)
def test_yes_and_no_have_words_instead_of_a_place(name, value, words) -> None:
    sign = 1.0 if value else -1.0
    found = lead({name: 1.0}, "clinical", sign, **{name.replace(".", "__"): value})
    assert found.percentile is None and found.words == words


def test_a_missing_value_explains_nothing() -> None:
    assert lead({"ma_hu": 0.01}, "density", 1.0, ma_hu=np.nan) is None


def test_beyond_every_training_patient_is_99_of_100() -> None:
    assert "higher than in 99 of 100" in lead({"ma_hu": 0.01}, "density", 9.0, ma_hu=5e3).words
    assert "lower than in 99 of 100" in lead({"ma_hu": -0.01}, "density", 9.0, ma_hu=-5e3).words


def test_a_model_without_training_quantiles_gives_the_name_alone() -> None:
    found = lead({"ma_hu": 0.01}, "density", 4.0, scaling="z-score", ma_hu=899.5)
    assert found.percentile is None and found.words == "muscle attenuation"


def test_names_in_capitals_keep_them() -> None:
    told = LeadingValue("clinical.albi", "ALBI score", 0.3, 91.0)
    assert told.words == "ALBI score higher than in 91 of 100 training patients"
