"""The upload page's look at an ultrasound clip: its first frame with the panels, and what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import formats, routes, upload_clips
from pages._shared.formats import html
from pages._shared.job_strip import start_job
from pages._shared.jobs import Job
from pages._shared.session import UploadDraft, session
from pages._shared.upload_clip_panels import choose_panels, shown_frame
from pages._shared.upload_clips import SeenClip

if TYPE_CHECKING:
    import numpy as np

    from hccsurv_core.clip import Clip, Panels
    from hccsurv_core.io.ultrasound_clip import ClipSummary

#: Okabe-Ito: sky blue and orange.
GRAYSCALE_COLOR, CONTRAST_COLOR = (86, 180, 233), (230, 159, 0)
_LONGEST_INTERVAL_S = 60.0
_RANGE_HELP = (
    "How many decibels lie between the lowest and the highest gray level of the contrast picture. "
    "The machine shows it, often as “DR 50 dB” or “DR 60”. The picture shows the logarithm of the echo; "
    "with the dynamic range it is turned back into intensity, which is what time-intensity curves are "
    "measured on. If you leave it empty, a usual one is taken, and the curves say so."
)
_INTERVAL_HELP = (
    "The time from one frame to the next. Leave it empty where the file tells when its frames were "
    "taken; a number here takes the place of the file's times."
)


def clip_line(clip: ClipSummary) -> str:
    """One line about a clip, for choosing."""
    kind = {"dicom": "DICOM ultrasound", "video": "Video", "picture": "Picture"}[clip.kind]
    return kind if clip.description == clip.kind else f"{kind} · {clip.description}"


def panels_picture(clip: Clip, panels: Panels | None, frame: int = 0) -> np.ndarray:
    """A frame (rows, columns, 3) with a box and a word on each panel, where there are any."""
    import numpy as np
    from PIL import Image, ImageDraw

    picture = Image.fromarray(np.array(clip.rgb(frame)))
    draw = ImageDraw.Draw(picture)
    size = max(round(0.026 * clip.screen[1]), 11)
    named = () if panels is None else (
        (panels.grayscale, "Grayscale", GRAYSCALE_COLOR),
        (panels.contrast, "Contrast", CONTRAST_COLOR),
    )  # fmt: skip
    for panel, word, color in named:
        if panel is None:
            continue
        left, top = panel.left, panel.top
        right, bottom = left + panel.columns - 1, top + panel.rows - 1
        draw.rectangle((left, top, right, bottom), outline=color, width=max(size // 7, 2))
        box = draw.textbbox((left + size // 2, top + size // 3), word, font_size=size)
        around = (box[0] - size // 3, box[1] - size // 4, box[2] + size // 3, box[3] + size // 4)
        draw.rectangle(around, fill=(0, 0, 0))
        draw.text((left + size // 2, top + size // 3), word, fill=color, font_size=size)
    return np.asarray(picture)


def look_first(draft: UploadDraft, name: str) -> SeenClip | None:
    """The clip if it was read; else why not, and a button that reads it."""
    seen = draft.seen.get(name)
    if seen is not None:
        return seen
    problem = draft.unseen.get(name)
    if problem is not None:
        st.error(problem, icon=":material/error:")
    job = session().job
    busy = job is not None and job.active
    if st.button(
        "Read this clip" if problem is None else "Try again",
        key=f"upload_look_{name}",
        type="primary" if problem is None else "secondary",
        icon=":material/visibility:",
        disabled=busy,
    ):
        start_job(
            Job(
                "Reading the clip",
                lambda progress: upload_clips.look_at(draft, name, progress=progress),
                kind="look",
                page=routes.UPLOAD,
            ),
            wait_s=0.5,
        )
        st.rerun()
    return None


def check_picture(draft: UploadDraft, name: str, seen: SeenClip) -> dict[str, Any] | None:
    """Step 2: panels, dynamic range and frame times.

    Returns:
        Fields of a `ClipWish`; None while something that is needed is missing.
    """
    st.subheader("2 · Check the picture", anchor=False)
    clip, above = seen.loaded.clip, st.container()
    frame = shown_frame(name, clip)
    panels = choose_panels(name, seen)
    above.image(panels_picture(clip, panels, frame), width="stretch")
    above.caption(_caption(seen, panels, frame))
    if panels is not None and not panels.sure:
        st.warning(
            f"Please check which panel shows contrast: {formats.plain(panels.found_by)}.",
            icon=":material/warning:",
        )
    with st.container(horizontal=True):
        range_db = st.number_input(
            "Dynamic range (dB)",
            min_value=10.0,
            max_value=120.0,
            value=upload_clips.told_range_db(_texts(draft, name)),
            step=1.0,
            format="%g",
            placeholder="not known",
            key=f"upload_range_{name}",
            help=_RANGE_HELP,
        )
        interval_s = _interval(name, seen)
    for text in clip.warnings:
        st.warning(formats.plain(formats.sentence(text)), icon=":material/warning:")
    if seen.no_times is not None and interval_s is None:
        st.warning(
            f"{formats.plain(formats.sentence(seen.no_times))} Give the seconds between frames.",
            icon=":material/schedule:",
        )
        return None
    if panels is None:
        return None
    return {"dynamic_range_db": range_db, "interval_s": interval_s, "panels": panels}


def _interval(name: str, seen: SeenClip) -> float | None:
    if len(seen.loaded.clip) < 2:
        return None
    needed = seen.no_times is not None
    return st.number_input(
        "Seconds between frames" + (" (required)" if needed else ""),
        min_value=0.001,
        max_value=_LONGEST_INTERVAL_S,
        value=None,
        step=0.1,
        format="%g",
        placeholder="needed" if needed else "as in the file",
        key=f"upload_interval_{name}",
        help=_INTERVAL_HELP,
    )


def _caption(seen: SeenClip, panels: Panels | None, frame: int) -> str:
    clip = seen.loaded.clip
    which = f"Frame {frame} of {len(clip)}, from 0" if frame else f"First of {len(clip)} frames"
    parts = [which if len(clip) > 1 else "The still"]
    if len(clip) > 1 and seen.no_times is None:
        parts.append(f"{clip.time_s[-1] - clip.time_s[0]:.3g} s long")
    how = "Panels as you say"
    if panels is not None and panels is seen.panels:
        how = f"Panels found by: {formats.plain(panels.found_by)}"
    return (
        f"{', '.join(parts)}. {how}. Only what is inside the ultrasound picture is stored; text "
        "beside it is blacked out."
    )


def _texts(draft: UploadDraft, name: str) -> list[str]:
    descriptions = [s.description for s in draft.inspection.series if upload_clips.is_ultrasound(s)]
    return [name, *descriptions] if len(descriptions) == 1 else [name]


def other_stills(draft: UploadDraft, name: str) -> tuple[str, ...]:
    """Further stills of the upload that the user wants stored with the chosen one."""
    clips = {clip.name: clip for clip in upload_clips.usable_clips(draft)}
    others = [n for n, clip in clips.items() if n != name and upload_clips.is_still(clip)]
    if not others or not upload_clips.is_still(clips[name]):
        return ()
    chosen = st.multiselect(
        "Stills stored with it",
        others,
        default=others,
        format_func=formats.plain,
        key=f"upload_others_{name}",
        help="Of the same patient, for example the frame of peak enhancement beside the one without "
        "contrast. Each becomes a study of its own.",
    )
    return tuple(chosen)


def refused_rows(clips: tuple[ClipSummary, ...]) -> str:
    """Table rows (HTML) of ultrasound that cannot be opened."""
    return "".join(
        f"<tr><td>{html(clip.name)}<span class='sub'>{html(clip_line(clip))}</span></td>"
        f"<td>{html(formats.sentence(clip.refusal))}</td></tr>"
        for clip in clips
        if clip.refusal is not None and "ultrasound volume" in clip.refusal
    )
