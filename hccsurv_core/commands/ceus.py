"""``ceus``: perfusion of a lesion on a contrast-enhanced ultrasound clip: peak frame, curve, parameters."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import (
    add_common_arguments,
    number,
    write_answer,
)
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hccsurv_core.clip import Clip, Panels, Region
    from hccsurv_core.features.perfusion.examination import Perfusion
    from hccsurv_core.imaging.panels_by_hand import Box


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("clip", metavar="CLIP", help="DICOM (file, folder or archive) or a video")
    parser.add_argument(
        "--roi", required=True, metavar="FILE",
        help="outline of the lesion on the clip's pixels: NIfTI, or a PNG that is black outside",
    )  # fmt: skip
    parser.add_argument(
        "--reference", metavar="FILE", help="outline of liver beside it, on the same frame"
    )
    parser.add_argument(
        "--frame", type=int, metavar="K",
        help="the frame that the outlines were drawn on, from 0 (default: what the file says, else "
        "the one on which the outlined lesion is brightest)",
    )  # fmt: skip
    parser.add_argument(
        "--dynamic-range-db", type=number, metavar="DB",
        help="of the contrast picture, from black to white (default: a usual one, with a warning)",
    )  # fmt: skip
    parser.add_argument(
        "--injection-s", type=number, metavar="S",
        help="when the agent was injected, on the clip's clock (default: its beginning)",
    )  # fmt: skip
    parser.add_argument(
        "--frame-interval-s", type=number, metavar="S",
        help="seconds between frames, where the file does not say or says it wrongly",
    )  # fmt: skip
    parser.add_argument(
        "--exclude", type=_frames, default=(), metavar="K,K-K", help="frames to leave out"
    )
    parser.add_argument("--peak-frame", type=int, metavar="K", help="the peak frame, as you see it")
    parser.add_argument(
        "--swap-panels", action="store_true",
        help="the panel taken for grayscale is the contrast picture, and the other way round",
    )  # fmt: skip
    for name in ("grayscale", "contrast"):
        parser.add_argument(
            f"--{name}-panel", type=_box, metavar="LEFT,TOP,WIDTH,HEIGHT",
            help=f"where the {name} picture is on the screen, in pixels (default: it is found)",
        )  # fmt: skip
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Measure and write the answer.

    Raises:
        InputError: clip or outline cannot be used.
    """
    from hccsurv_core.features.perfusion.examination import measure_perfusion
    from hccsurv_core.imaging.ultrasound_text import text_mask, text_warning
    from hccsurv_core.io.outline_file import read_screen_outline
    from hccsurv_core.io.ultrasound_clip import read_clip

    start = time.perf_counter()
    loaded = read_clip([Path(arguments.clip)], frame_interval_s=arguments.frame_interval_s)
    clip, read_s = loaded.clip, time.perf_counter() - start
    panels, doubts = _panels(clip, loaded.source, arguments)
    lesion, drawn_on = read_screen_outline(Path(arguments.roi), clip.screen)
    reference = None
    if arguments.reference is not None:
        reference, other = read_screen_outline(Path(arguments.reference), clip.screen)
        _same_frame(drawn_on, other, arguments.reference)
    frame, notes = _frame(arguments.frame, drawn_on, clip, panels, lesion)
    found = measure_perfusion(
        clip, panels, lesion, frame, reference=reference,
        dynamic_range_db=arguments.dynamic_range_db, injection_s=arguments.injection_s,
        exclude=arguments.exclude, peak_frame=arguments.peak_frame, ignore=text_mask(clip),
        progress=progress_by_percent(),
    )  # fmt: skip
    told = found.to_json()
    burned = text_warning(clip)
    warnings = [
        *clip.warnings,
        *([burned] if burned else []),
        *doubts,
        *notes,
        *told.pop("warnings"),
    ]
    answer: dict[str, Any] = {
        "clip": _describe(clip, panels, loaded.source),
        "peak_frame": told.pop("peak_frame"),
        "time_intensity": told.pop("curve"),
        "parameters": told.pop("parameters"),
        **told,
        "outlined_on_frame": frame,
        "warnings": warnings,
        "timings_s": {
            "read": round(read_s, 3), "total": round(time.perf_counter() - start, 3),
        },
    }  # fmt: skip
    write_answer(answer, arguments.json, _report(found, warnings))


def _panels(
    clip: Clip, source: str, arguments: argparse.Namespace
) -> tuple[Panels, tuple[str, ...]]:
    """The panels of a clip, and what is doubtful about them.

    Raises:
        InputError: it is a still, shows no ultrasound, or the panels that were given cannot be.
    """
    from hccsurv_core.imaging.panels_by_hand import panels_by_hand
    from hccsurv_core.imaging.ultrasound_panels import find_panels

    grayscale, contrast = arguments.grayscale_panel, arguments.contrast_panel
    if len(clip) < 2:
        raise InputError(
            "is a still, which gives no time-intensity curve", source=source,
            remedy="give a clip of the contrast agent's passage",
        )  # fmt: skip
    if contrast is not None and not arguments.swap_panels:
        return panels_by_hand(clip, grayscale=grayscale, contrast=contrast), ()
    if contrast is not None or grayscale is not None:
        raise InputError(
            "panels are given by hand, and to be swapped" if contrast is not None else
            "a grayscale panel alone gives no time-intensity curve",
            source="arguments",
            remedy="leave --swap-panels out" if contrast is not None else "add --contrast-panel",
        )  # fmt: skip
    try:
        panels = find_panels(clip)
    except InputError as error:
        raise error.with_source(source) from error
    if arguments.swap_panels:
        return panels.swapped(), ()
    if panels.contrast is None:
        return panels.swapped(), (
            "no part of the screen looks like a contrast picture: the only picture is measured as one",
        )
    return panels, ()


def _box(text: str) -> Box:
    """A rectangle out of "400,60,380,420", for argparse."""
    from hccsurv_core.imaging.panels_by_hand import Box

    match = re.fullmatch(r"\s*" + r"\s*,\s*".join([r"(\d{1,5})"] * 4) + r"\s*", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,WIDTH,HEIGHT in whole pixels")
    return Box(*map(int, match.groups()))


def _frames(text: str) -> tuple[int, ...]:
    """Frames out of "3,10-20", for argparse."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        if match is None:
            raise argparse.ArgumentTypeError(f"{part!r} is no frame and no range of frames")
        first = int(match[1])
        found += range(first, int(match[2] or first) + 1)
    return tuple(found)


def _same_frame(lesion: int | None, reference: int | None, file: str) -> None:
    if lesion is not None and reference is not None and lesion != reference:
        raise InputError(
            f"is drawn on frame {reference}, the lesion on frame {lesion}", source=file,
            remedy="draw both on one frame",
        )  # fmt: skip


def _frame(
    asked: int | None, drawn_on: int | None, clip: Clip, panels: Panels, lesion: NDArray[np.bool_]
) -> tuple[int, tuple[str, ...]]:
    """The frame that the outline belongs to, and a note where nobody said it."""
    import numpy as np

    frame = asked if asked is not None else drawn_on
    if frame is not None:
        return frame, ()
    shown = panels.contrast or panels.grayscale
    box = _lesion_box(shown, panels, lesion)
    levels = [
        float(clip.brightness(k, shown)[box].mean()) if box is not None else 0.0
        for k in range(len(clip))
    ]
    brightest = int(np.argmax(levels))
    return brightest, (
        f"no file says which frame the lesion was outlined on: frame {brightest} is taken, on which "
        "it is brightest (--frame says it)",
    )


def _lesion_box(
    shown: Region | None, panels: Panels, lesion: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """The lesion on the contrast panel, drawn there or on the other one, which shows the same."""
    for panel in (shown, panels.grayscale):
        if panel is None or shown is None:
            continue
        found = lesion[panel.box]
        if found.any() and (found.shape == (shown.rows, shown.columns)):
            return found
    return None


def _describe(clip: Clip, panels: Panels, source: str) -> dict[str, Any]:
    return {
        "source": source,
        "n_frames": len(clip),
        "screen": list(clip.screen),
        "duration_s": float(clip.time_s[-1] - clip.time_s[0]),
        "panels": {
            name: None if panel is None else vars(panel)
            for name, panel in (("grayscale", panels.grayscale), ("contrast", panels.contrast))
        },
        "panels_found_by": panels.found_by,
        "panels_sure": panels.sure,
    }


def _report(found: Perfusion, warnings: list[str]) -> str:
    from hccsurv_core.features.perfusion.parameters import PARAMETERS

    p = found.parameters
    lines = [found.peak_frame.sentence]
    for name, one in (p.fitted or p.observed).items():
        label, unit = PARAMETERS[name]
        spread = "" if one.low is None else f" ({one.low:.3g} to {one.high:.3g})"
        lines.append(f"  {label}: {one.value:.3g}{spread} {unit}")
    for phase in found.phases:
        ratio = "not shown" if phase.ratio_db is None else f"{phase.ratio_db:+.1f} dB"
        degree = f", {phase.degree}enhancement" if phase.degree else ""
        lines.append(f"  {phase.phase.name} phase, lesion over reference: {ratio}{degree}")
    lines.append(f"  {found.washout.sentence}")
    lines += [f"  check: {text}" for text in warnings]
    return "\n".join(lines)
