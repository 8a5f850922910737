"""The editor as a Streamlit component: what it is made of, what it is told, what it tells."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.imaging.windows import WINDOW_PRESETS
from hccsurv_core.report.figures.palette import LEVEL_COLOR, STRUCTURE_COLORS, STRUCTURE_TITLES
from hccsurv_core.roi.editing import EXCLUSIVE, PART_OF
from pages._shared.roi_editor.access import COOKIE, GRANTS
from pages._shared.roi_editor.routes import PATH
from pages._shared.session import session
from pages._shared.views import StudyView, view_box, volume_of

if TYPE_CHECKING:
    from hccsurv_core.cohort.clips import StoredClip
    from hccsurv_core.cohort.drawn_regions import StoredRegions

ASSETS = Path(__file__).resolve().parents[3] / "assets" / "roi_editor"
#: One script, in this order; each file uses what stands before it.
SCRIPTS = (
    "masks.js", "raster.js", "view.js", "sync.js", "panel.js",
    "state.js", "pictures.js", "tools.js", "main.js",
)  # fmt: skip
KEY = "roi_editor"
#: Frames a second of a clip that does not say.
USUAL_FPS = 12.0


@cache
def _sources() -> tuple[str, str]:
    script = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return script, (ASSETS / "editor.css").read_text(encoding="utf-8")


def roi_editor(
    view: StudyView, regions: StoredRegions, clip: StoredClip | None = None
) -> int | None:
    """Draw the editor; the index of the slice on view, or None before it said so.

    Args:
        clip: of a study that is one.

    The run after a change was saved on the server is a whole one: everything that follows from the
    outline is drawn anew.
    """
    script, css = _sources()
    mount = st.components.v2.component(
        "hccsurv_roi_editor", html='<div class="roi-root"></div>', js=script, css=css
    )
    found = mount(
        key=KEY,
        data=editor_data(view, regions, clip),
        on_slice_change=lambda: None,
        on_window_change=lambda: None,
        on_saved_change=lambda: None,
        on_renew_change=lambda: _take_back(view.study.id),
        height="content",
    )
    if found.get("saved"):
        st.rerun(scope="app")
    session().window = _window(found.get("window"))
    shown = found.get("slice")
    return shown if isinstance(shown, int) and 0 <= shown < view.study.shape[0] else None


def _window(told: Any) -> tuple[float, float] | None:
    """Level and width as the browser tells them; None where it did not, or they are no window."""
    if not isinstance(told, list) or len(told) != 2:
        return session().window
    if not all(isinstance(n, int | float) and abs(n) < 1e5 for n in told) or told[1] < 1:
        return session().window
    return float(told[0]), float(told[1])


def editor_data(
    view: StudyView, regions: StoredRegions, clip: StoredClip | None = None
) -> dict[str, Any]:
    """What the editor is told; voxels and masks come over its routes."""
    state, study = session(), view.study
    level = None if view.level is None else view.level.location
    go_to = None
    if state.go_to is not None and state.go_to[0] == study.id:
        go_to = int(state.go_to[1])
    prefix = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return {
        "base": f"/{prefix}{PATH}" if prefix else PATH,
        "token": _token(study.id),
        "study": study.id,
        "kind": "clip" if study.modality == "US" else "volume",
        "fps": USUAL_FPS,
        "times_s": None if clip is None else [round(float(t), 2) for t in clip.clip.time_s],
        "shape": list(study.shape),
        "spacing_mm": list(study.spacing_mm),
        "affine": volume_of(study.id).affine.tolist(),
        "box": None if study.modality == "US" else _box(study.id),
        "windows": _windows(view.study.modality),
        "colors": STRUCTURE_COLORS,
        "titles": STRUCTURE_TITLES,
        "rules": {"exclusive": EXCLUSIVE, "parts": PART_OF},
        "level": None if level is None else _level_json(level),
        "level_color": LEVEL_COLOR,
        "spine": None if level is None else _spine(level),
        "start": _start(view, clip),
        "go_to": go_to,
        "go_round": state.go_round,
        "revision": {
            "body": 0 if view.outline is None else view.outline.revision,
            "regions": regions.revision,
        },
        "actor": state.actor,
    }


def _windows(modality: str) -> list[dict[str, Any]]:
    """What the gray of the picture spans: HU by tissue, or a clip's own 256 levels."""
    if modality == "US":
        return [{"name": "Gray levels", "level": 128, "width": 256}]
    return [
        {"name": name, "level": round(w.center_hu), "width": round(w.width_hu)}
        for name, w in WINDOW_PRESETS.items()
    ]


def _start(view: StudyView, clip: StoredClip | None) -> int:
    """The slice, or the frame, that is shown first: what was drawn or found there is to be seen."""
    if clip is not None and clip.outline_frame is not None:
        return clip.outline_frame
    return view.study.shape[0] // 2 if view.level is None else view.level.location.slice_index


def _level_json(level: Any) -> dict[str, Any]:
    return {
        "slice_index": level.slice_index,
        "vertebrae": [
            {
                "name": v.name, "slice": v.center_index, "row": v.center_row,
                "column": v.center_column,
            }
            for v in level.vertebrae
        ],
    }  # fmt: skip


def _box(study_id: str) -> list[float]:
    """Where the body lies in axial slices: left, top, right, bottom, in pixels from the corner."""
    top, bottom, left, right = view_box(study_id)
    return [left + 0.5, top + 0.5, right + 0.5, bottom + 0.5]


def _spine(level: Any) -> list[float] | None:
    """Row and column of L3's middle, through which the small planes go."""
    found = level.vertebra("L3")
    return None if found is None else [found.center_row, found.center_column]


def _token(study_id: str) -> str:
    """This session's token for the study; one at a time."""
    state, told = session(), st.context.cookies.get(COOKIE)
    cookie = told if isinstance(told, str) else None
    held = state.roi_token
    if held is not None and held[0] == study_id:
        grant = GRANTS.check(held[1], study_id, cookie)
        if grant is not None and grant.actor == state.actor:
            return held[1]
    _take_back(None)
    token = GRANTS.give(study_id, state.actor, cookie)
    state.roi_token = (study_id, token)
    return token


def _take_back(study_id: str | None) -> None:
    """End the token that is held; with a study, so that the next run gives a new one."""
    state = session()
    if state.roi_token is not None:
        GRANTS.take_back(state.roi_token[1])
        state.roi_token = None
