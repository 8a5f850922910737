"""System 4 on the page Model library under AppTest: what a card says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from immunotherapy_studies import evaluated_with_scans
from page_helpers import page_text

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.models.store import read_bundle
from pages._shared import routes
from pages._shared.library_words import not_for, what


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return evaluated_with_scans(tmp_path_factory.mktemp("study"), n=260).bundle.folder


def test_a_card_says_what_it_is_on_whom_how_good_and_for_whom_not(open_page, trained, tmp_path):
    library = ModelLibrary(tmp_path / "data")
    entry = library.publish(trained, by="Dr. Berg", name="Our follow-up")
    library.activate(entry.id, by="Dr. Berg")
    at = open_page(routes.MODEL_LIBRARY)
    text = page_text(at)
    d = read_bundle(trained).description
    training = d["training"]
    assert "System 4 · immunotherapy" in text
    assert "5 models (CLN, Rad-S, RadCLN-S, Rad-D, RadCLN-D)" in text
    assert f"{len(d['image_covariates'])} values measured on CT" in text
    assert f"{training['n_followup']} follow-up scans" in text
    c = d["cross_validation"]["results"][-1]["c_index"]
    assert f"C-index {c['value']:.3f} ({c['ci_low']:.3f}–{c['ci_high']:.3f})" in text
    assert "Any real patient" in text
    assert "about survival under immunotherapy" in text
    next(b for b in at.button if (b.key or "").startswith("model_card_")).click().run()
    assert not at.exception and "the day of that scan" in page_text(at)


def test_of_real_patients_it_says_whom_it_is_not_for(trained):
    d = read_bundle(trained).description
    said = not_for(SimpleNamespace(simulated=False), d)
    assert "other treatments than immunotherapy" in said and "venous phase" in said


def test_networks_and_signs_are_told_apart(trained):
    d = dict(read_bundle(trained).description)
    n = len(d["image_covariates"])
    d["image_covariates"] = [*d["image_covariates"], {"name": "network.both", "label": "Network"}]
    d["networks"] = {"pixels": 96, "kinds": {}}
    said = what(d)
    assert f"{n} values measured on CT" in said and "slices of 96 pixels" in said
    bare = what({**d, "image_covariates": [], "networks": None, "models": {"CLN": {}}})
    assert "1 model (CLN) from the clinical score; ridge" in bare
