"""A timer's run of a page that is not shown any more is dropped; every other one goes through."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from pages._shared.late_ticks import drop_late_ticks


@pytest.fixture
def runs(monkeypatch):
    """Whether Streamlit itself gets to run what is asked, in a session that shows page "new"."""
    reached = []
    monkeypatch.setattr(ScriptRunner, "_run_script", lambda self, data: reached.append(data))
    drop_late_ticks()
    drop_late_ticks()
    runner = object.__new__(ScriptRunner)
    runner._pages_manager = SimpleNamespace(current_page_script_hash="new")

    def ask(data):
        reached.clear()
        runner._run_script(data)
        return len(reached)

    return ask


@pytest.mark.parametrize(
    ("timer", "page", "fragments", "times"),
    [
        (True, "old", ["strip"], 0),
        (True, "", ["strip"], 0),
        (True, "new", ["strip"], 1),
        (False, "old", ["strip"], 1),
        (True, "old", [], 1),  # a whole run that a tick has joined
        (False, "old", [], 1),
    ],
)
def test_only_a_timers_run_of_another_page_is_dropped(runs, timer, page, fragments, times):
    asked = RerunData(page_script_hash=page, fragment_id_queue=fragments, is_auto_rerun=timer)
    assert runs(asked) == times


def test_streamlit_still_keeps_what_the_guard_looks_at():
    assert isinstance(PagesManager.current_page_script_hash, property)
    assert "_pages_manager" in ScriptRunner.__init__.__code__.co_names
    assert "_run_script" in ScriptRunner._run_script_thread.__code__.co_names
