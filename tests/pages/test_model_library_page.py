"""The page Model library under AppTest: cards, decisions, refused models, models from elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from page_helpers import page_text

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.models.store import write_bundle
from pages._shared import library_words as words
from pages._shared import routes


def write_model(folder, *, seed=0, simulated=False, centers=("north",), features=None):
    """A bundle that says what every trained model says of itself."""
    return write_bundle(
        folder, system="muscle",
        description={
            "architecture": {
                "features": features or [f"original_glcm_F{i}" for i in range(1343)],
                "representation": "autoencoder",
                "n_codes": 100, "n_members": 20, "hidden": [32],
            },
            "training": {
                "source": "hospital.csv", "simulated": simulated, "n": 345, "n_events": 148,
                "last_month": 91.6, "labels": {"center": dict.fromkeys(centers, 100)},
            },
            "cross_validation": {
                "method": "5-fold, 3 rounds",
                "results": [
                    {"name": "deep", "kind": "model",
                     "c_index": {"value": 0.712, "ci_low": 0.66, "ci_high": 0.76}},
                    {"name": "ridge Cox regression", "kind": "rival",
                     "c_index": {"value": 0.987, "ci_low": 0.98, "ci_high": 0.99}},
                ],
            },
        },
        tensors={"w": np.full(3, float(seed))}, card=f"# Card of model {seed}\n",
    )  # fmt: skip


@pytest.fixture
def library(tmp_path):
    return ModelLibrary(tmp_path / "data")


@pytest.fixture
def add_model(library, tmp_path):
    def add(name="Hospital model", **options):
        folder = tmp_path / f"bundle-{len(library.models())}-{name}"
        bundle = write_model(folder, **options)
        return library.publish(bundle.folder, by="Dr. Berg", name=name, note="first")

    return add


def press(at, key):
    next(b for b in at.button if b.key == key).click().run()
    assert not at.exception, at.exception
    return at


def decide(at, verb, entry, by, note=""):
    """Open the question, and answer it."""
    press(at, f"{verb.lower()}_{entry.id}")
    at.text_input(key=f"decide_by_{verb}_{entry.id}").set_value(by)
    at.text_input(key=f"decide_note_{verb}_{entry.id}").set_value(note)
    return press(at, f"decide_go_{verb}_{entry.id}")


def test_a_card_says_what_on_whom_how_good_and_for_whom_not(open_page, add_model):
    entry = add_model()
    text = page_text(open_page(routes.MODEL_LIBRARY))
    assert "Survival from 1343 features, compressed to 100 by an autoencoder" in text
    assert "345 patients, 148 events (hospital.csv); 1 center; followed for up to 92 months" in text
    assert "C-index 0.712 (0.660–0.760) by 5-fold, 3 rounds" in text
    assert "Patients of other hospitals and scanners" in text
    assert "choosing or withholding a treatment" in text
    assert "Published by Dr. Berg" in text and f"Verified {entry.sha256[:8]}" in text
    assert "0.987" not in text  # the rival's result is not the model's


def test_a_model_of_simulated_patients_says_so_on_every_line_that_counts(open_page, add_model):
    entry = add_model(simulated=True)
    at = open_page(routes.MODEL_LIBRARY)
    text = page_text(at)
    assert "Trained on simulated patients" in text
    assert "Any real patient" in text
    press(at, f"activate_{entry.id}")
    assert "its numbers on real patients mean nothing" in page_text(at)


def test_a_model_is_activated_and_retired_by_somebody_and_it_is_on_record(
    open_page, add_model, library
):
    first, second = add_model("First", seed=1), add_model("Second", seed=2)
    at = decide(open_page(routes.MODEL_LIBRARY), "Activate", first, "Dr. Adler", "better abroad")
    assert library.active("muscle").id == first.id
    assert "On the patients" in page_text(at) and "<b>First</b>" in page_text(at)
    decide(at, "Retire", second, "Dr. Adler", "obsolete")
    assert library.model(second.id).state == "retired"
    text = page_text(at)
    assert "better abroad" in text and "obsolete" in text and "Retired" in text
    assert text.index("obsolete") < text.index("better abroad")  # the newest first
    actions = [(d.action, d.by) for d in library.history()]
    assert actions == [
        ("published", "Dr. Berg"), ("published", "Dr. Berg"), ("activated", "Dr. Adler"),
        ("retired", "Dr. Adler"),
    ]  # fmt: skip


def test_nobody_is_nobody(open_page, add_model, library):
    add_model("One", seed=1)
    entry = add_model("Two", seed=2)
    at = decide(open_page(routes.MODEL_LIBRARY), "Retire", entry, "  ")
    assert "Somebody must be named" in page_text(at)
    assert library.model(entry.id).state != "retired"


def test_a_model_that_was_changed_is_refused_with_the_reason(open_page, add_model):
    entry = add_model()
    (entry.folder / "card.md").write_text("# Much better\n", encoding="utf-8")
    at = open_page(routes.MODEL_LIBRARY)
    text = page_text(at)
    assert "It is not used" in text and "card.md is not what was written" in text.replace("\\", "")
    assert "is active but refused" in text
    keys = {b.key for b in at.button}
    assert f"model_card_{entry.id}" not in keys and f"evaluate_{entry.id}" not in keys
    assert f"activate_{entry.id}" not in keys
    # Put right from a backup, it is taken again.
    (entry.folder / "card.md").write_text("# Card of model 0\n", encoding="utf-8")
    press(at, f"verify_{entry.id}")
    assert "It is not used" not in page_text(at)


def test_the_card_and_the_evaluation_are_a_click_away(open_page, add_model):
    entry = add_model(seed=4)
    at = open_page(routes.MODEL_LIBRARY)
    press(at, f"model_card_{entry.id}")
    assert "Card of model 4" in page_text(at)
    at = press(open_page(routes.MODEL_LIBRARY), f"evaluate_{entry.id}")
    assert "Model evaluation" in [h.value for h in at.header]
    assert at.query_params["model"] == f"model:{entry.id}"


def test_a_model_of_features_not_measured_here_is_evaluated_and_answers_nowhere(
    open_page, add_model, library, tmp_path
):
    from pages._shared.model_store import publish_model

    good = add_model("Measured", seed=1)
    bundle = write_model(tmp_path / "foreign", seed=2, features=["f0", "f1", "ma_hu"])
    foreign = publish_model(bundle.folder, by="Dr. Berg", name="Foreign", simulated=False)
    assert library.active("muscle").id == good.id
    assert "stays active" in library.history()[-1].note
    at = open_page(routes.MODEL_LIBRARY)
    assert "2 features (f0, f1) are not measured on scans here" in page_text(at)
    keys = {b.key for b in at.button}
    assert f"activate_{foreign.id}" not in keys
    assert f"evaluate_{foreign.id}" in keys


def test_what_is_not_stated_is_not_made_up():
    entry = SimpleNamespace(
        trained_on="not known", metrics=(), simulated=False, shipped=False, by="", published_at=None
    )
    assert words.what({}) == ""
    assert words.on_whom(entry, {}) == "Not known."
    assert words.how_good(entry) == "Not stated."
    assert "other hospitals" in words.not_for(entry, {})


def test_a_history_that_is_damaged_is_said(open_page, library):
    library.folder.mkdir(parents=True)
    (library.folder / "history.jsonl").write_text("nonsense\n", encoding="utf-8")
    at = open_page(routes.MODEL_LIBRARY)
    assert "line 1 is damaged" in page_text(at).replace("Line", "line")
