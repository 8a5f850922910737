"""A store of its own for each test, a small measured scan in it, and the app under AppTest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from page_helpers import level, small_segmentation, small_volume
from streamlit.testing.v1 import AppTest

from hccsurv_core.patient import PatientFacts
from pages._shared import measuring, views
from pages._shared.session import Session

APP = Path(__file__).resolve().parents[2] / "app.py"


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
        while (job := at.session_state["hccsurv"].job) is not None:
            job.join(120)
            assert not job.active, f"{job.title} has not ended: {job.message}"
            at.run()
            assert not at.exception, at.exception
        return at

    return finish
