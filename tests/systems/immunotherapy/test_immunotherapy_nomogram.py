"""The nomogram of scans and clinical score is the model itself, only written otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from immunotherapy_studies import evaluated_with_scans

from hccsurv_core.models.nomogram_json import nomogram_from_json
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from hccsurv_core.systems.immunotherapy.nomogram import (
    COMBINED,
    RADIOLOGY,
    nomogram_record,
    radiology_score,
)
from hccsurv_core.systems.immunotherapy.tables import version_tables


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return evaluated_with_scans(tmp_path_factory.mktemp("study"), n=260)


@pytest.mark.parametrize("version", COMBINED)
def test_points_give_the_models_own_survival(judged, version):
    model = ImmunotherapyModel.from_bundle(judged.bundle)
    fitted = model.models[version]
    drawn = nomogram_from_json(model.description["nomograms"][version])
    values = version_tables(judged.cohort)[version].table.columns(fitted.names).values
    horizons = [h.months for h in drawn.horizons]
    assert horizons == [12.0, 24.0]
    for row in values[:25]:
        survival = drawn.points(nomogram_record(fitted, row)).survival
        np.testing.assert_allclose(survival, fitted.survival(row[None], horizons)[0], rtol=1e-9)


def test_the_axes_are_the_scans_and_the_clinical_score(judged):
    d = ImmunotherapyModel.from_bundle(judged.bundle).description
    drawn = nomogram_from_json(d["nomograms"]["RadCLN-D"])
    assert [v.label for v in drawn.variables] == ["Radiology score", "CLN score"]
    assert drawn.training.n == d["versions_of"]["RadCLN-D"]["n"]
    assert drawn.training.simulated and set(d["nomograms"]) == set(COMBINED)


def test_a_score_that_is_not_known_is_the_training_median(judged):
    model = ImmunotherapyModel.from_bundle(judged.bundle)
    fitted = model.models["RadCLN-D"]
    row = np.full(len(fitted.names), math.nan)
    found = nomogram_record(fitted, row)
    at = fitted.names.index("clinical_score")
    assert found["clinical_score"] == fitted.standardizer.median[at]
    # Radiology and clinical parts add up to the model's score.
    clinical = (found["clinical_score"] - fitted.standardizer.mean[at]) / fitted.standardizer.scale[at]  # fmt: skip
    total = found[RADIOLOGY] + clinical * fitted.coef[at]
    assert total == pytest.approx(float(fitted.risk_score(row[None])[0]))


def test_the_radiology_score_of_the_training_patients_is_centered(judged):
    model = ImmunotherapyModel.from_bundle(judged.bundle).models["RadCLN-S"]
    mean = model.standardizer.mean[None]
    assert radiology_score(model, mean)[0] == pytest.approx(0.0, abs=1e-12)
