"""System 3 on the page Model library under AppTest: what a card says."""

from __future__ import annotations

import pytest
from ceus_studies import evaluated_with_pictures
from page_helpers import page_text

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.models.store import read_bundle
from pages._shared import routes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return evaluated_with_pictures(tmp_path_factory.mktemp("ceus"), n=300).bundle.folder


def test_a_card_says_what_it_is_on_whom_how_good_and_for_whom_not(open_page, trained, tmp_path):
    library = ModelLibrary(tmp_path / "data")
    library.publish(trained, by="Dr. Berg", name="Our CEUS")
    text = page_text(open_page(routes.MODEL_LIBRARY))
    d = read_bundle(trained).description
    training = d["training"]
    own = d["cross_validation"]["results"][-1]
    assert "System 3 · CEUS" in text
    n_signs = len(d["image_covariates"])
    assert f"{n_signs} of them measured on two ultrasound stills" in text
    assert (
        f"{training['n_recurrences']} recurrences, {training['n_early']} of them within a year "
        f"(known of {training['n_early_known']})" in text
    )
    assert f"AUC, early recurrence {own['early_recurrence_auc']['value']:.3f}" in text
    assert f"C-index, death {own['c_index']['value']:.3f}" in text
    assert f"C-index, recurrence {own['recurrence_c_index']['value']:.3f}" in text
    assert "Any real patient" in text


def test_of_real_patients_it_says_whom_it_is_not_for(trained):
    from types import SimpleNamespace

    from pages._shared.library_words import not_for

    d = read_bundle(trained).description
    said = not_for(SimpleNamespace(simulated=False), d)
    assert "patients who are not resected" in said and "contrast agents" in said
