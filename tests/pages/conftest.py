"""A store of its own for each test, a small measured scan in it, and the app under AppTest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation, L3Location, Vertebra
from hccsurv_core.volume import Volume
from pages._shared import measuring, views
from pages._shared.session import Session

APP = Path(__file__).resolve().parents[2] / "app.py"
SHAPE = (12, 48, 64)


@pytest.fixture(autouse=True)
def navigation_called_before(monkeypatch) -> None:
    """AppTest forgets before each run that `st.navigation` was called; a server remembers.

    The first run of a server, a bookmark, is tested in the browser.
    """
    from streamlit.runtime.pages_manager import PagesManager

    original = PagesManager.__init__

    def remembering(self, *args, **kwargs) -> None:
        original(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", remembering)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Iterator[object]:
    """An empty store in a temporary folder."""
    monkeypatch.setenv("HCCSURV_DATA", str(tmp_path / "data"))
    st.cache_resource.clear()
    opened = views.open_store()
    yield opened
    opened.close()
    st.cache_resource.clear()


def small_volume() -> Volume:
    """A body of fat with two psoas, back muscle and a vertebra, 5 mm pixels."""
    voxels = np.full(SHAPE, -1000, dtype=np.int16)
    voxels[:, 6:44, 6:58] = -100
    voxels[:, 20:30, 28:36] = 300
    for columns in (slice(20, 27), slice(37, 44)):
        voxels[:, 20:30, columns] = 45
    voxels[:, 34:42, 16:48] = 30
    affine = np.diag([5.0, 5.0, 4.0, 1.0])
    return Volume(voxels, affine)


def small_segmentation() -> BodySegmentation:
    """True outlines of :func:`small_volume` on its slices 4 to 8."""
    hu = small_volume().voxels[4:9]
    masks = {name: np.zeros(hu.shape, dtype=bool) for name in ("psoas_left", "psoas_right")}
    masks["psoas_right"][:, 20:30, 20:27] = True
    masks["psoas_left"][:, 20:30, 37:44] = True
    masks["muscle"] = (hu >= -29) & (hu <= 150)
    masks["subcutaneous_fat"] = hu == -100
    masks["visceral_fat"] = np.zeros(hu.shape, dtype=bool)
    return BodySegmentation(
        first_slice=4, slice_index=6, masks=masks, method="classical", warnings=("Look twice.",)
    )


def level(confidence: float = 0.95) -> L3Location:
    """L3 on slice 6, with two named vertebrae."""
    return L3Location(
        slice_index=6,
        position_mm=24.0,
        confidence=confidence,
        method="automatic",
        vertebrae=(
            Vertebra("L4", 0.0, 2.0, 4.0, 25.0, 32.0),
            Vertebra("L3", 4.5, 6.0, 8.0, 25.0, 32.0),
        ),
        alternatives={0: confidence, 1: 1 - confidence},
        evidence=("The iliac crest meets L4.",),
        warnings=() if confidence > 0.8 else ("Ribs and pelvis disagree.",),
    )


@pytest.fixture
def add_study(store) -> Callable[..., SimpleNamespace]:
    """Add a measured (or unmeasured) patient to the store."""

    def add(
        facts: PatientFacts | None = None,
        *,
        confidence: float = 0.95,
        measured: bool = True,
        simulated: bool = False,
        pseudonym: str | None = None,
    ) -> SimpleNamespace:
        facts = facts or PatientFacts(sex="male", age_years=61, height_m=1.75, weight_kg=78)
        patient = store.add_patient(pseudonym, facts, simulated=simulated)
        study = store.add_study(
            patient.id,
            small_volume(),
            modality="CT",
            study_date="2024-05-03",
            description="Abdomen",
        )
        if measured:
            store.save_level(study.id, level(confidence), state="automatic")
            store.save_segmentation(study.id, small_segmentation(), state="automatic")
            measuring.refresh_measures(study.id, actor="local")
        return SimpleNamespace(patient=patient, id=study.id)

    return add


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Open a page, with a study on view or without."""

    def open_it(page: str | None = None, study_id: str | None = None) -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=60)
        at.session_state["hccsurv"] = Session(study_id=study_id)
        at.run()
        if page is not None:
            at.switch_page(page).run()
        assert not at.exception, at.exception
        return at

    return open_it


@pytest.fixture
def finish_job() -> Callable[[AppTest], AppTest]:
    """Wait for long work to end, then let the page take it up."""

    def finish(at: AppTest) -> AppTest:
        job = at.session_state["hccsurv"].job
        if job is not None:
            job.join(120)
            at.run()
        assert not at.exception, at.exception
        return at

    return finish


def page_text(at: AppTest) -> str:
    """All Markdown, HTML and messages of the page as one text."""
    parts: list[str] = []
    for kind in ("markdown", "html", "caption", "warning", "error", "info", "header", "subheader"):
        parts += [str(element.value) for element in at.get(kind)]
    return "\n".join(parts)
