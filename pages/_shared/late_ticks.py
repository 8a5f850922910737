"""Ticks of a timer that belong to a page already left are dropped.

The browser asks for a fragment with `run_every` by a timer of its own. Until it has heard that another
page is shown (after a click, or `st.switch_page`), it goes on asking in the old page's name. Streamlit
1.67 keeps such a tick until the new page is out, and announces it as a run of the old page: the browser
clears what the new page has drawn, and nobody draws it again. On a busy machine one of three demo
patients opened to an empty page. (Streamlit drops ticks of fragments that are gone, its issues 9080 and
9921; while the new page is being drawn the old page's are still known to it.)
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

_MARK = "drops_late_ticks"


def drop_late_ticks() -> None:
    """From now on; once is enough for a server, and again does nothing."""
    run = ScriptRunner._run_script
    if hasattr(run, _MARK):
        return

    @wraps(run)
    def run_script(self: ScriptRunner, rerun_data: RerunData) -> None:
        if not is_late(rerun_data, self._pages_manager.current_page_script_hash):
            run(self, rerun_data)

    setattr(run_script, _MARK, True)
    ScriptRunner._run_script = run_script  # type: ignore[method-assign]


def is_late(rerun_data: RerunData, shown: str) -> bool:
    """Whether a run is a timer's, of another page than the one shown last (their hashes)."""
    of_fragments = bool(rerun_data.fragment_id_queue)
    return of_fragments and rerun_data.is_auto_rerun and rerun_data.page_script_hash != shown
