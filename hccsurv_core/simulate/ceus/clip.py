"""Contrast clips with known kinetics: two panels from the injection to 360 s, breathing, truth.

>>> truth = write_clip(Path("cohort"), seed=0, i=3)      # doctest: +SKIP
>>> truth.time_s, truth.lesion, truth.parenchyma         # doctest: +SKIP

The file is ``images/<patient_id>/clip/IM00001.dcm``. The outlines ``clip_lesion`` and
``clip_parenchyma`` are drawn on the contrast panel of the frame ``reference_frame``, the one of
peak enhancement; in other frames the tissue has moved by ``shift_mm - shift_mm[reference]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.ceus.causes import CLIP_STREAM
from hccsurv_core.simulate.ceus.examination import (
    CurveTruth,
    Examination,
    curve_truth,
    examine,
    expected_contrast,
    outline_mask,
    regions_of,
)
from hccsurv_core.simulate.ceus.images import Panel, Scatterers
from hccsurv_core.simulate.ceus.motion import Motion, draw_motion
from hccsurv_core.simulate.ceus.scene import Blob
from hccsurv_core.simulate.ceus.screen import Screen, double_view
from hccsurv_core.simulate.ceus.stills import (
    CLIP,
    contrast_levels,
    gray_levels,
    stored_picture,
    study_date,
    write_outlines,
)
from hccsurv_core.simulate.ceus.ultrasound_writer import Recording, write_ultrasound

Floats = NDArray[np.float64]
#: Until when (s) a frame is taken how often (s): dense while the contrast comes.
DEFAULT_SAMPLING = ((40.0, 0.5), (60.0, 1.0), (120.0, 4.0), (360.0, 10.0))
#: The machine's compression of clips.
CLIP_QUALITY = 85
TRUTH_NAME = "clip_truth.json"


@dataclass(frozen=True, eq=False)
class ClipTruth:
    """What is true about a clip, frame by frame.

    Args:
        patient_id: whose.
        time_s: (n,) after the injection.
        shift_mm: (n, 2) displacement of the liver (x to the right, y down) from rest.
        out_of_plane: (n,) slice thicknesses.
        lesion, parenchyma: (n,) mean linear intensity of the true regions, followed through the
            motion, averaged over all speckle and noise; white is 1.
        lesion_floor, parenchyma_floor: (n,) the part of it that is electronic noise.
        reference_frame: on which the outlines lie.
        pixel_mm: of the screen.
        dynamic_range_db: of the contrast panel: ``intensity = 10 ** ((gray / 255 - 1) · range / 10)``.
        curve: parameters of the tumor's curve at rest.
    """

    patient_id: str
    time_s: Floats
    shift_mm: Floats
    out_of_plane: Floats
    lesion: Floats
    parenchyma: Floats
    lesion_floor: Floats
    parenchyma_floor: Floats
    reference_frame: int
    pixel_mm: float
    dynamic_range_db: float
    curve: CurveTruth

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain: dict[str, Any] = {"simulated": True}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                plain[name] = [_rounded(v) for v in value.tolist()]
            else:
                plain[name] = value
        plain["curve"] = {k: v if np.isfinite(v) else None for k, v in asdict(self.curve).items()}
        return plain


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.7g}")


def frame_times(sampling: tuple[tuple[float, float], ...] = DEFAULT_SAMPLING) -> Floats:
    """Times after the injection, s, from 0.

    Raises:
        InputError: a step is not positive, or the ends do not rise.
    """
    times, start = [np.zeros(0)], 0.0
    for end, step in sampling:
        if step <= 0 or end <= start:
            raise InputError("steps must be positive and ends must rise", source="sampling")
        times.append(np.arange(start, end - step / 2, step))
        start = end
    return np.concatenate([*times, [start]])


def clip_truth(exam: Examination, times_s: Floats | None = None, still: bool = False) -> ClipTruth:
    """The truth of a clip without drawing it (about 15 ms a frame); ``still`` stops all motion."""
    times = frame_times() if times_s is None else np.asarray(times_s, float)
    screen = double_view(exam.settings)
    motion = clip_motion(exam)
    states = [_state(motion, t, still) for t in times]
    panel = _contrast_panel(screen)
    rows = [_means(exam, panel, t, shift) for t, (shift, _) in zip(times, states, strict=True)]
    lesion, lesion_floor, parenchyma, parenchyma_floor = np.array(rows).T
    curve = curve_truth(exam)
    return ClipTruth(
        patient_id=exam.patient_id,
        time_s=times,
        shift_mm=np.array([s for s, _ in states]),
        out_of_plane=np.array([o for _, o in states]),
        lesion=lesion,
        parenchyma=parenchyma,
        lesion_floor=lesion_floor,
        parenchyma_floor=parenchyma_floor,
        reference_frame=int(np.abs(times - curve.time_to_peak_s).argmin()),
        pixel_mm=panel.pixel_mm,
        dynamic_range_db=exam.settings.machine.contrast_range_db,
        curve=curve,
    )


def clip_motion(exam: Examination) -> Motion:
    """The breathing of the patient's clip."""
    return draw_motion(exam.rng(CLIP_STREAM), exam.scene.lesion)


def _state(motion: Motion, time_s: float, still: bool) -> tuple[tuple[float, float], float]:
    return ((0.0, 0.0), 0.0) if still else motion.at(float(time_s))


def _contrast_panel(screen: Screen) -> Panel:
    return screen.contrast or screen.gray


def _means(
    exam: Examination, panel: Panel, time_s: float, shift: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Mean expected intensity and its noise in the true tumor and in the reference."""
    expected, floor = expected_contrast(exam, panel, float(time_s), shift)
    x, y = panel.tissue_position(exam.scene.wall_mm, shift)
    found: list[float] = []
    for blob in (exam.scene.lesion, exam.scene.reference):
        inside = _inside(blob, x, y)
        found += [float(expected[inside].mean()), float(floor[inside].mean())]
    return found[0], found[1], found[2], found[3]


def _inside(blob: Blob, x: NDArray, y: NDArray) -> NDArray[np.int64]:
    near = np.flatnonzero((np.abs(x - blob.x) < blob.reach) & (np.abs(y - blob.y) < blob.reach))
    return near[blob.relative(x[near], y[near]) < 1]


def true_masks(
    exam: Examination, truth: ClipTruth, frame: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The true tumor and the reference (rows, columns) on the contrast panel of one frame."""
    screen = double_view(exam.settings)
    panel = _contrast_panel(screen)
    x, y = (float(v) for v in truth.shift_mm[frame])
    return (
        outline_mask(exam, screen, panel, exam.scene.lesion, (x, y)),
        outline_mask(exam, screen, panel, exam.scene.reference, (x, y)),
    )


def clip_pictures(exam: Examination, truth: ClipTruth) -> Iterator[NDArray[np.uint8]]:
    """The screens (rows, columns) as gray levels, frame by frame."""
    screen = double_view(exam.settings)
    rng = exam.rng(CLIP_STREAM)
    draw_motion(rng, exam.scene.lesion)
    scatterers = Scatterers(exam.tissue, exam.speckle, exam.settings.machine.looks, rng)
    for time_s, (x, y), out in zip(truth.time_s, truth.shift_mm, truth.out_of_plane, strict=True):
        shift = (float(x), float(y))
        gray = gray_levels(exam, screen, scatterers, shift, float(out), rng)
        contrast = contrast_levels(exam, screen, float(time_s), shift, rng)
        yield screen.picture(gray, contrast, float(time_s))


def write_clip(
    folder: Path,
    seed: int,
    i: int,
    *,
    times_s: Floats | None = None,
    still: bool = False,
    progress: Progress = silent,
) -> ClipTruth:
    """Draw the clip of patient ``i`` and write it with its outlines under a cohort folder.

    Args:
        folder: the cohort's; also ``rois/<patient_id>/clip_truth.json`` goes there, which no
            pipeline reads.
        seed, i: of the cohort and patient.
        times_s: frame times, rising; None takes `frame_times`.
        still: no motion.
        progress: called per frame; may raise to cancel.
    """
    exam = examine(seed, i)
    truth = clip_truth(exam, times_s, still)
    screen = double_view(exam.settings)
    storage = exam.settings.machine.storage
    storage = storage if storage == "jpeg_gray" else "jpeg"

    def frames() -> Iterator[NDArray[np.uint8]]:
        for k, picture in enumerate(clip_pictures(exam, truth)):
            progress(k / len(truth.time_s), f"frame {k + 1} of {len(truth.time_s)}")
            yield stored_picture(screen, picture, storage)

    recording = Recording(
        patient_id=exam.patient_id,
        description="contrast clip simulated",
        model=exam.settings.machine.name,
        regions=regions_of(screen),
        frame_times_s=truth.time_s,
        facts=exam.facts,
        study_date=study_date(exam),
        contrast=True,
        comments="The first frame is the injection.",
    )
    path = folder / "images" / exam.patient_id / CLIP / "IM00001.dcm"
    write_ultrasound(path, frames(), recording, quality=CLIP_QUALITY, even_bytes=1 << 20)
    x, y = (float(v) for v in truth.shift_mm[truth.reference_frame])
    write_outlines(folder, exam, screen, CLIP, (x, y))
    text = json.dumps(truth.to_json(), indent=1, allow_nan=False)
    (folder / "rois" / exam.patient_id / TRUTH_NAME).write_text(text + "\n", encoding="utf-8")
    progress(1.0, "done")
    return truth
