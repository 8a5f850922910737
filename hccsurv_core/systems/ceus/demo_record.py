"""A simulated demo patient of system 3 as the store keeps one: clip, outlines, facts and values."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Panels
from hccsurv_core.cohort.clinical_values import BY_NAME
from hccsurv_core.imaging.ultrasound_panels import find_panels
from hccsurv_core.io.ultrasound_clip import LoadedClip, read_clip
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.simulate.ceus.demo import DEMO_SEED, CeusDemo
from hccsurv_core.systems.case_record import checked_record
from hccsurv_core.systems.ceus.cohort import DYNAMIC_RANGE
from hccsurv_core.systems.patient_profile import ALIASES

#: Until when (s) a frame is taken how often (s): 83 frames, dense while the contrast comes.
DEMO_SAMPLING = ((36.0, 0.8), (60.0, 2.0), (120.0, 6.0), (360.0, 16.0))


@dataclass(frozen=True, eq=False)
class DemoClip:
    """A demo patient's clip.

    Args:
        loaded: the clip; its 0 s is the injection.
        panels: as they are found on it.
        dynamic_range_db: of its contrast picture.
        frame: of peak enhancement, counted from 0: on it a reader drew the outlines.
        lesion, parenchyma: (rows, columns) outlines.
    """

    loaded: LoadedClip
    panels: Panels
    dynamic_range_db: float
    frame: int
    lesion: NDArray[np.bool_]
    parenchyma: NDArray[np.bool_]


def build_demo_clip(demo: CeusDemo, progress: Progress = silent) -> DemoClip:
    """Draw a demo patient's clip (about five seconds) and read it as an upload is read."""
    from hccsurv_core.simulate.ceus.clip import frame_times, write_clip

    with tempfile.TemporaryDirectory(prefix="hccsurv-demo-") as name:
        folder = Path(name)
        truth = write_clip(
            folder, DEMO_SEED, demo.index, times_s=frame_times(DEMO_SAMPLING),
            progress=part_of(progress, 0.0, 0.85),
        )  # fmt: skip
        masks = folder / "rois" / truth.patient_id
        loaded = read_clip(
            [folder / "images" / truth.patient_id / "clip"], progress=part_of(progress, 0.85, 1.0)
        )
        outlines = {part: _outline(masks / f"clip_{part}.nii.gz") for part in _PARTS}
    # A file cannot say it in a header; the simulated machine writes it into the comments.
    loaded = replace(loaded, clip=replace(loaded.clip, time_zero="injection"))
    return DemoClip(
        loaded, find_panels(loaded.clip), float(_row(demo)[DYNAMIC_RANGE]), truth.reference_frame,
        outlines["lesion"], outlines["parenchyma"],
    )  # fmt: skip


_PARTS = ("lesion", "parenchyma")


def _outline(path: Path) -> NDArray[np.bool_]:
    """An outline (rows, columns) as the simulated reader saved it."""
    import nibabel

    return np.asarray(nibabel.load(path).dataobj)[:, :, 0].T > 0  # type: ignore[attr-defined]


def demo_facts(demo: CeusDemo) -> PatientFacts:
    """Sex and age."""
    row = _row(demo)
    return PatientFacts(sex=row["sex"], age_years=row["age_years"])


def demo_values(demo: CeusDemo) -> dict[str, Any]:
    """Clinical values, as far as the store keeps them; what was lost is not known."""
    row = _row(demo)
    given = {k: v for k, v in row.items() if ALIASES.get(k, k) in BY_NAME}
    return checked_record({**given, "child_pugh_score": float(row["child_pugh"][1:])})


def _row(demo: CeusDemo) -> dict[str, Any]:
    from hccsurv_core.simulate.ceus.cohort import draw_patients

    return dict(draw_patients(DEMO_SEED, [demo.index])[0].row)
