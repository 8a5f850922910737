"""A clip's panels, machine and warnings as JSON and words of the patient store, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.wording import count_of

#: In place of a pixel's size where no file tells it.
UNKNOWN_PIXEL = (
    "the size of a pixel is not known and is taken as 1 mm: sizes and areas of this clip are counted "
    "in pixels"
)
_TEXT_HIDDEN = "what is outside the ultrasound picture was blacked out before the clip was stored"
_LEFT_OUT = re.compile(r".* was left out: it .*", re.DOTALL)
_LONGEST_WORDS = 64


def region_to_json(region: Region) -> dict[str, Any]:
    """Plain values of a region."""
    plain = asdict(region)
    plain["spacing_mm"] = None if region.spacing_mm is None else list(region.spacing_mm)
    return plain


def region_from_json(plain: Mapping[str, Any]) -> Region:
    """The inverse of :func:`region_to_json`."""
    spacing = plain["spacing_mm"]
    return Region(**{**plain, "spacing_mm": None if spacing is None else tuple(spacing)})


def panels_to_json(panels: Panels) -> dict[str, Any]:
    """Plain values of panels."""

    def one(region: Region | None) -> dict[str, Any] | None:
        return None if region is None else region_to_json(region)

    return {
        "grayscale": one(panels.grayscale),
        "contrast": one(panels.contrast),
        "found_by": panels.found_by,
        "sure": panels.sure,
        "found": [region_to_json(region) for region in panels.found],
    }


def panels_from_json(plain: Mapping[str, Any]) -> Panels:
    """The inverse of :func:`panels_to_json`."""

    def one(region: Mapping[str, Any] | None) -> Region | None:
        return None if region is None else region_from_json(region)

    return Panels(
        one(plain["grayscale"]),
        one(plain["contrast"]),
        plain["found_by"],
        plain["sure"],
        tuple(region_from_json(region) for region in plain["found"]),
    )


def machine_of(manufacturer: str, model: str) -> dict[str, str]:
    """What is known of the machine, as short printable words."""
    words = {"manufacturer": manufacturer, "model": model}
    clean = {
        name: " ".join("".join(c if c.isprintable() else " " for c in text).split())
        for name, text in words.items()
    }
    return {name: text[:_LONGEST_WORDS] for name, text in clean.items() if text}


def spacing_of(panels: Panels) -> tuple[float, float] | None:
    """Size of a pixel (row, column), mm, of the contrast panel, else of the grayscale one."""
    for panel in (panels.contrast, panels.grayscale):
        if panel is not None and panel.spacing_mm is not None:
            return panel.spacing_mm
    return None


def warnings_of(clip: Clip, more: Sequence[str], *, calibrated: bool) -> list[str]:
    """What a user should know of a clip, each once, without names of the upload's files."""
    from hccsurv_core.imaging.ultrasound_text import text_warning
    from hccsurv_core.io.ultrasound_job import NO_CALIBRATION

    # Files are often called after the patient.
    told = [w for w in clip.warnings if not _LEFT_OUT.fullmatch(w)]
    n_left_out = len(clip.warnings) - len(told)
    if n_left_out:
        told.append(f"{count_of(n_left_out, 'other file')} of the upload could not be used")
    text = text_warning(clip)
    if text is not None:
        told += [text, _TEXT_HIDDEN]
    if not calibrated:
        told = [w for w in told if w != NO_CALIBRATION] + [UNKNOWN_PIXEL]
    return list(dict.fromkeys([*told, *more]))


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Name to [old, new] of what differs."""
    return {name: [old[name], new[name]] for name in new if old[name] != new[name]}


def told_changes(changes: Mapping[str, Sequence[Any]]) -> str:
    """Changes as a person reads them."""
    return "; ".join(_WORDS[name](*pair) for name, pair in changes.items())


def _panels(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if (old["grayscale"], old["contrast"]) == (new["contrast"], new["grayscale"]):
        return "grayscale and contrast panel swapped"
    if (old["grayscale"], old["contrast"]) == (new["grayscale"], new["contrast"]):
        return "panels confirmed" if new["sure"] else "panels marked as not sure"
    return "panels moved"


def _excluded(old: Sequence[int], new: Sequence[int]) -> str:
    out, back = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    parts = [(out, "left out"), (back, "taken in again")]
    return ", ".join(f"{_frames(frames)} {what}" for frames, what in parts if frames)


def _frames(frames: Sequence[int]) -> str:
    """Frames count from 0, as the player shows them."""
    if len(frames) == 1:
        return f"frame {frames[0]}"
    if len(frames) <= 4:
        return "frames " + ", ".join(str(k) for k in frames)
    return f"{len(frames)} frames"


def _frame(what: str, none: str, old: int | None, new: int | None) -> str:
    shown = [none if k is None else str(k) for k in (old, new)]
    return f"{what} {shown[0]} → {shown[1]}"


def _range(old: float | None, new: float | None) -> str:
    shown = ["not known" if v is None else f"{v:g} dB" for v in (old, new)]
    return f"dynamic range {shown[0]} → {shown[1]}"


def _injection(old: float | None, new: float | None) -> str:
    shown = ["the clip's 0 s" if v is None else f"{v:g} s" for v in (old, new)]
    return f"injection {shown[0]} → {shown[1]}"


_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "panels": _panels,
    "dynamic_range_db": _range,
    "excluded": _excluded,
    "peak_frame": lambda old, new: _frame("peak frame", "from the curve", old, new),
    "injection_s": _injection,
    "outline_frame": lambda old, new: _frame("outlines' frame", "not said", old, new),
}
