"""The most unusual value of each group: percentiles by hand, turned features, what is not placed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.systems.muscle.group_places import Place, most_unusual

NAMES = (
    "sma_cm2", "smi", "ma_hu", "muscle.coherence_faint", "muscle.squares_faint",
    "clinical.low_platelets", "clinical.microvascular_invasion",
)  # fmt: skip


@pytest.fixture
def model():
    """1000 training patients whose every value runs from 0 to 999, but for a yes or no."""
    values = np.tile(np.arange(1000.0)[:, None], len(NAMES))
    values[:, -1] = np.arange(1000) % 2
    scales = fit_standardizer(values, NAMES, scaling="normal-score")
    return SimpleNamespace(ensemble=SimpleNamespace(standardizer=scales))


def placed(model, **values):
    given = {name: 500.0 for name in NAMES}
    given |= {name.replace("__", "."): value for name, value in values.items()}
    return most_unusual(model, given)


def test_the_furthest_value_of_a_group_is_told(model) -> None:
    size = placed(model, sma_cm2=880.0, smi=60.0)["size"]
    assert size.feature == "smi" and size.percentile == pytest.approx(6.0, abs=0.1)
    assert size.words == "skeletal muscle index lower than in 94 of 100 training patients"


def test_values_like_those_of_most_are_not_told(model) -> None:
    found = placed(model, sma_cm2=700.0, smi=300.0)
    assert found == {"size": None, "density": None, "texture": None, "clinical": None}


def test_texture_has_words_that_can_be_seen_on_the_scan(model) -> None:
    texture = placed(model, muscle__coherence_faint=940.0, muscle__squares_faint=5.0)["texture"]
    assert texture.words.startswith("coarseness of the fat streaks higher than in 94 of 100")


def test_a_feature_that_the_model_turns_is_told_as_it_is_measured(model) -> None:
    found = placed(model, clinical__low_platelets=950.0)["clinical"]
    assert found.words.startswith("platelets lower than in 95 of 100")


def test_classes_and_missing_values_have_no_place(model) -> None:
    found = placed(
        model, clinical__low_platelets=np.nan, clinical__microvascular_invasion=1.0, ma_hu=np.nan
    )
    assert "clinical" not in found and "density" not in found


def test_beyond_every_training_patient_is_99_of_100(model) -> None:
    assert "higher than in 99 of 100" in placed(model, ma_hu=5000.0)["density"].words
    assert "lower than in 99 of 100" in placed(model, ma_hu=-5000.0)["density"].words


def test_a_model_without_training_quantiles_places_nothing() -> None:
    values = np.tile(np.arange(100.0)[:, None], len(NAMES))
    scales = fit_standardizer(values, NAMES, scaling="z-score")
    model = SimpleNamespace(ensemble=SimpleNamespace(standardizer=scales))
    assert most_unusual(model, dict.fromkeys(NAMES, 99.0)) == {}


def test_a_value_that_many_share_stands_in_their_middle() -> None:
    """Six of ten training patients have 0: it lies at 30, not at 0 or 60."""
    values = np.tile(np.maximum(np.arange(1000.0) - 600, 0)[:, None], len(NAMES))
    scales = fit_standardizer(values, NAMES, scaling="normal-score")
    model = SimpleNamespace(ensemble=SimpleNamespace(standardizer=scales))
    assert placed(model, sma_cm2=0.0, smi=0.0)["size"] is None
    high = placed(model, sma_cm2=360.0, smi=0.0)["size"]
    assert high.percentile == pytest.approx(96.0, abs=1.0)


def test_names_in_capitals_keep_them() -> None:
    place = Place("clinical.albi", "ALBI score", 91.0)
    assert place.words == "ALBI score higher than in 91 of 100 training patients"
