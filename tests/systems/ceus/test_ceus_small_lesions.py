"""Signs of small lesions count less: how much less, who teaches it, and what people still read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ceus_patients import QUICK, patients
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.settings import CeusSettings
from hccsurv_core.systems.ceus.signs import SIGN_NAMES
from hccsurv_core.systems.ceus.small_lesions import (
    DIAMETER,
    PULLED,
    SmallLesions,
    learn_small_lesions,
    small_lesions_from_json,
)
from hccsurv_core.systems.ceus.training import train_ceus
from hccsurv_core.systems.study_cohort import ImageValues

MOSAIC, HALO = "sign.mosaic_log2", "sign.halo_db"


def signs(*rows: dict[str, float]) -> ImageValues:
    """Patients a, b, … with these signs; all others 1."""
    return ImageValues(
        SIGN_NAMES,
        {
            "abcdef"[k]: np.array([row.get(name, 1.0) for name in SIGN_NAMES])
            for k, row in enumerate(rows)
        },
    )


def value(found: ImageValues, patient: str, name: str) -> float:
    return float(found.by_patient[patient][SIGN_NAMES.index(name)])


def test_a_sign_counts_half_at_half_size_and_nearly_wholly_in_a_large_lesion():
    small = SmallLesions(9.0, {MOSAIC: 2.0})
    given_signs = signs({DIAMETER: 9, MOSAIC: 4}, {DIAMETER: 90, MOSAIC: 4}, {DIAMETER: 9, HALO: 4})
    found = small.drawn(given_signs)
    assert value(found, "a", MOSAIC) == pytest.approx(3.0)
    assert value(found, "b", MOSAIC) == pytest.approx(4.0, abs=0.03)
    assert value(found, "c", HALO) == 4  # no sign of patches
    assert value(given_signs, "a", MOSAIC) == 4  # what was measured is not changed


def test_what_is_missing_stays_missing_and_an_unknown_size_changes_nothing():
    small = SmallLesions(9.0, {MOSAIC: 2.0})
    found = small.drawn(signs({DIAMETER: 9, MOSAIC: np.nan}, {DIAMETER: np.nan, MOSAIC: 4}))
    assert np.isnan(value(found, "a", MOSAIC)) and value(found, "b", MOSAIC) == 4


@given(
    st.floats(3, 200), st.floats(-20, 20), st.floats(-5, 5), st.floats(0.5, 50),
)  # fmt: skip
def test_what_was_measured_comes_back(diameter, measured, center, half_size):
    small = SmallLesions(half_size, {MOSAIC: center})
    taken = value(small.drawn(signs({DIAMETER: diameter, MOSAIC: measured})), "a", MOSAIC)
    assert min(center, measured) - 1e-9 <= taken <= max(center, measured) + 1e-9
    assert small.measured(MOSAIC, taken, diameter) == pytest.approx(measured, abs=1e-6)
    assert small.measured(HALO, 3.3, diameter) == 3.3


def test_the_mean_is_learned_where_it_is_known():
    learned = learn_small_lesions(signs({MOSAIC: 1}, {MOSAIC: 4}, {MOSAIC: np.nan}), 9.0)
    assert learned.center[MOSAIC] == 2.5
    assert set(learned.center) == set(PULLED)
    assert small_lesions_from_json(learned.to_json()) == learned
    assert learn_small_lesions(signs({MOSAIC: 1}), 0.0).center == {}


@pytest.fixture(scope="module")
def cohort():
    return patients(400)


def test_test_patients_do_not_teach_the_mean(cohort):
    test = set(cohort.split("test").patient_ids)
    other = replace(
        cohort.images,
        by_patient={p: v + 50.0 * (p in test) for p, v in cohort.images.by_patient.items()},
    )
    first, second = (
        train_ceus(replace(cohort, images=images), QUICK).description["small_lesions"]
        for images in (cohort.images, other)
    )
    assert first == second and first["half_size_mm"] == 9.0


def test_people_read_what_was_measured(cohort, tmp_path):
    trained = train_ceus(cohort, QUICK)
    trained.write(tmp_path / "b")
    model = CeusModel.read(tmp_path / "b")
    assert "Signs of small lesions count less, half at 9 mm" in trained.card
    test = cohort.split("test")
    column = SIGN_NAMES.index(DIAMETER)
    row = int(np.argmin(cohort.images.matrix(test.patient_ids)[:, column]))
    patient = test.patient_ids[row]
    raw = cohort.images.by_patient[patient]
    taken = model.image_values(cohort.images, None).by_patient[patient]
    at = SIGN_NAMES.index("sign.enhancement_db")
    assert abs(taken[at] - raw[at]) > 0.1
    found = model.answer(test.profiles[row], dict(zip(SIGN_NAMES, taken, strict=True)))
    told = {c.name: c.value for c in found.contributions}
    assert told["sign.enhancement_db"] == pytest.approx(raw[at])
    assert told["sign.halo_db"] == pytest.approx(raw[SIGN_NAMES.index("sign.halo_db")])


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="half_size_mm is a diameter from 0 to below 100 mm"):
        CeusSettings(half_size_mm=-1.0)
