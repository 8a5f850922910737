"""What tests of the page Treatment share: a model library of their own, and the text of one block."""

from __future__ import annotations

import re
from html import unescape

from hccsurv_core.cohort.model_library import ModelLibrary
from pages._shared import model_store, treatment_answer
from pages._shared.treatment_answer import Answered, answer_patient


def library_of_tests(tmp_path, monkeypatch) -> ModelLibrary:
    """A library without any model, not even one that comes with the program, for all pages."""
    library = ModelLibrary(shipped=tmp_path / "none shipped")
    monkeypatch.setattr(model_store, "open_models", lambda: library)
    monkeypatch.setattr(treatment_answer, "open_models", lambda: library)
    return library


def publish(library: ModelLibrary, bundle, name: str) -> ModelLibrary:
    """Publish a bundle and make it the active one."""
    entry = library.publish(bundle.folder, by="test", name=name, simulated=True)
    library.activate(entry.id, by="test")
    return library


def element(at, test_id: str) -> str:
    """The plain text of one block."""
    (found,) = [h.value for h in at.get("html") if f'data-testid="{test_id}"' in h.value]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", found)))


def answered(view) -> Answered:
    """The answer for a study on view."""
    found = answer_patient(view)
    assert isinstance(found, Answered)
    return found


def widget(at, kind: str, name: str):
    """A control of the area "Try values"."""
    (found,) = [w for w in at.get(kind) if w.key.startswith("try_") and w.key.endswith(f"_{name}")]
    return found
