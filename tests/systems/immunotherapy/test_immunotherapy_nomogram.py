"""The nomogram of scans and clinical score is the model itself, only written otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from immunotherapy_studies import evaluated_with_scans

from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from hccsurv_core.systems.immunotherapy.nomogram import (
    RADIOLOGY,
    nomogram_values,
    points_of,
    version_nomogram,
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return evaluated_with_scans(tmp_path_factory.mktemp("study"), n=260)


@pytest.fixture(scope="module")
def model(judged):
    return ImmunotherapyModel.from_bundle(judged.bundle)


def answers(judged, model, version):
    """Answers of one version of patients with two scans."""
    names, cohort = judged.cohort.images.names, judged.cohort
    for i in np.flatnonzero(cohort.has_followup)[:20]:
        values = cohort.images.by_patient[cohort.patient_ids[i]]
        own = dict(zip(names, values, strict=True))
        yield model.answer(cohort.profiles[i], own, followup=True).versions[version]


@pytest.mark.parametrize("version", ["RadCLN-S", "Rad-D", "RadCLN-D", "CLN"])
def test_points_give_the_models_own_survival(judged, model, version):
    drawn = version_nomogram(model, version)
    assert [h.months for h in drawn.horizons] == [12.0, 24.0]
    for answer in answers(judged, model, version):
        scored = drawn.points(nomogram_values(answer))
        np.testing.assert_allclose(scored.survival, answer.survival_at.value, rtol=1e-9)
        assert points_of(drawn, answer)["total"] == pytest.approx(
            sum(points_of(drawn, answer)["points"].values())
        )


def test_the_axes_are_the_scans_and_the_clinical_score(model):
    drawn = version_nomogram(model, "RadCLN-D")
    assert {v.label for v in drawn.variables} == {"Radiology score", "CLN score"}
    assert drawn.training.n == model.description["versions_of"]["RadCLN-D"]["n"]
    assert drawn.training.simulated and "from the follow-up scan" in drawn.title
    assert [v.name for v in version_nomogram(model, "CLN").variables] == ["clinical_score"]


def test_what_scans_add_is_one_score(judged, model):
    for answer in answers(judged, model, "RadCLN-D"):
        found = nomogram_values(answer)
        clinical = next(c for c in answer.contributions if c.part == "clinical")
        assert found[RADIOLOGY] + clinical.log_hazard == pytest.approx(answer.risk_score)
        assert math.isfinite(found["clinical_score"])
