"""Which part of an uploaded ultrasound screen shows what: as found, swapped, or marked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import InputError
from pages._shared import formats
from pages._shared.upload_clips import SeenClip

if TYPE_CHECKING:
    from hccsurv_core.clip import Clip, Panels
    from hccsurv_core.imaging.panels_by_hand import Box

_BOTH, _CONTRAST, _GRAYSCALE = "Grayscale and contrast", "Contrast alone", "Grayscale alone"
_HAND_HELP = (
    "Turn this on where a box in the picture is not where a panel is. What is outside the boxes is "
    "not stored."
)


def choose_panels(name: str, seen: SeenClip) -> Panels | None:
    """The panels as they were found or as the user says; None while what is marked cannot be."""
    found = seen.panels
    if found is None:
        st.warning(
            f"{formats.plain(formats.sentence(seen.no_panels or ''))} Mark the panels by hand.",
            icon=":material/crop:",
        )
        return _marked(name, seen.loaded.clip, None)
    if st.toggle("Mark the panels by hand", key=f"upload_by_hand_{name}", help=_HAND_HELP):
        return _marked(name, seen.loaded.clip, found)
    if len(found.found) == 2 and None in (found.grayscale, found.contrast):
        return _which_of_two(name, found)
    swapped = st.toggle(
        "Swap grayscale and contrast",
        key=f"upload_swap_{name}",
        help="Turn this on where the words in the picture are the wrong way round.",
    )
    return found.swapped() if swapped else found


def shown_frame(name: str, clip: Clip) -> int:
    """The frame to look at: at first the first one."""
    if len(clip) < 2:
        return 0
    return int(
        st.slider(
            "Frame to look at", 0, len(clip) - 1, 0, key=f"upload_frame_{name}",
            help="Contrast is dark before the agent arrives: look at a later frame.",
        )
    )  # fmt: skip


def _which_of_two(name: str, found: Panels) -> Panels:
    """Two panels that look alike: a person knows whether one of them shows contrast."""
    first, second = found.found
    beside = first.left != second.left
    choices = {
        "Both without contrast": found,
        f"Contrast {'left' if beside else 'above'}": replace(
            found, grayscale=second, contrast=first, found_by="by hand", sure=True
        ),
        f"Contrast {'right' if beside else 'below'}": replace(
            found, grayscale=first, contrast=second, found_by="by hand", sure=True
        ),
    }
    said = st.segmented_control(
        "What the two panels show",
        list(choices),
        default="Both without contrast",
        required=True,
        key=f"upload_which_{name}",
    )
    return choices.get(str(said), found)


def _marked(name: str, clip: Clip, found: Panels | None) -> Panels | None:
    """Boxes that the user sets; the reason is shown where they cannot be panels."""
    from hccsurv_core.imaging.panels_by_hand import panels_by_hand

    begin = _begin(clip, found)
    shows = st.segmented_control(
        "The screen shows", list(begin.options), default=begin.shows, required=True,
        key=f"upload_shows_{name}",
    )  # fmt: skip
    grayscale, contrast = begin.options[str(shows)]
    if grayscale is not None:
        grayscale = _box(name, "Grayscale", grayscale, clip)
        if contrast is not None:
            left, top = _corner(name, contrast, clip)
            # One size: what is outlined on one panel is then found on the other.
            contrast = grayscale._replace(left=left, top=top)
    elif contrast is not None:
        contrast = _box(name, "Contrast", contrast, clip)
    try:
        panels = panels_by_hand(clip, grayscale=grayscale, contrast=contrast)
    except InputError as error:
        st.error(formats.error_text(error), icon=":material/error:")
        return None
    return panels if _may_be_kept(name, clip, panels) else None


def _may_be_kept(name: str, clip: Clip, panels: Panels) -> bool:
    """Whether nothing but picture would be stored, or a person has looked that no name is."""
    from hccsurv_core.imaging.ultrasound_panels import fan_mask

    if all(fan_mask(clip, panel).any() for panel in panels.found):
        return True
    st.warning(
        "The outline of an ultrasound picture is not seen in every box: all that is inside would be "
        "stored, but for what looks like text.",
        icon=":material/visibility:",
    )
    return st.checkbox(
        "I have looked: no name, number or date of the patient is inside the boxes",
        key=f"upload_looked_{name}",
    )


class _Begin:
    """Where the boxes are before anybody moved them.

    Args:
        shows: what the screen is taken to show. options: what it may show → the boxes to begin with.
    """

    def __init__(self, shows: str, grayscale: Box, contrast: Box) -> None:
        self.shows = shows
        self.options = {
            _BOTH: (grayscale, contrast),
            _CONTRAST: (None, contrast),
            _GRAYSCALE: (grayscale, None),
        }


def _begin(clip: Clip, found: Panels | None) -> _Begin:
    """As they were found; the screen's halves where nothing was."""
    from hccsurv_core.imaging.panels_by_hand import Box, box_of

    rows, columns = clip.screen
    half = columns // 2
    left, right = Box(0, 0, half, rows), Box(half, 0, half, rows)
    if found is None:
        return _Begin(_BOTH, left, right)
    if found.grayscale is not None and found.contrast is not None:
        return _Begin(_BOTH, box_of(found.grayscale), box_of(found.contrast))
    if len(found.found) == 2:
        return _Begin(_BOTH, *map(box_of, found.found))
    if found.contrast is not None:
        return _Begin(_CONTRAST, left, box_of(found.contrast))
    return _Begin(_GRAYSCALE, box_of(found.found[0]), right)


def _box(name: str, word: str, box: Box, clip: Clip) -> Box:
    """Two sliders: columns and rows, in pixels."""
    rows, columns = clip.screen
    key = f"upload_{word.lower()}"
    across, down = st.columns(2)
    left, right = across.slider(
        f"{word}: columns (px)", 0, columns, (box.left, box.left + box.columns),
        key=f"{key}_columns_{name}",
    )  # fmt: skip
    top, bottom = down.slider(
        f"{word}: rows (px)", 0, rows, (box.top, box.top + box.rows), key=f"{key}_rows_{name}"
    )
    return type(box)(left, top, right - left, bottom - top)


def _corner(name: str, box: Box, clip: Clip) -> tuple[int, int]:
    """Where the other panel, of the same size, begins."""
    rows, columns = clip.screen
    across, down = st.columns(2)
    left = across.slider(
        "Contrast: first column (px)", 0, columns - 1, box.left, key=f"upload_contrast_left_{name}",
        help="The contrast panel has the grayscale panel's size.",
    )  # fmt: skip
    top = down.slider(
        "Contrast: first row (px)", 0, rows - 1, box.top, key=f"upload_contrast_top_{name}"
    )
    return left, top
