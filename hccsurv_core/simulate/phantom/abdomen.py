"""A whole simulated abdominal CT with its truth: `simulate_abdomen`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.phantom import acquisition as scanner
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import build_fields, table_y
from hccsurv_core.simulate.phantom.canvas import Canvas
from hccsurv_core.simulate.phantom.hip_fields import hip_fields
from hccsurv_core.simulate.phantom.labels import LABELS, SKELETAL_MUSCLE
from hccsurv_core.simulate.phantom.limbs import paint_arms, paint_hip_joints, paint_hip_muscles
from hccsurv_core.simulate.phantom.muscles import MuscleTissue, paint_body, paint_muscles
from hccsurv_core.simulate.phantom.organs import paint_organs
from hccsurv_core.simulate.phantom.shapes import Noise
from hccsurv_core.simulate.phantom.skeleton import paint_hip_bones, paint_ribs
from hccsurv_core.simulate.phantom.spine_frames import Spine, build_spine
from hccsurv_core.simulate.phantom.spine_shapes import paint_spine
from hccsurv_core.volume import LabelMap, Volume


@dataclass(frozen=True)
class TrueVertebra:
    """Where a vertebral body truly is: continuous slice indices, rows and columns."""

    name: str
    inferior_index: float
    center_index: float
    superior_index: float
    center_row: float
    center_column: float


@dataclass(frozen=True, eq=False)
class SimulatedScan:
    """A simulated CT and everything true about it.

    Args:
        volume: canonical, int16 HU.
        truth: one label per voxel on the same grid; see `labels.STRUCTURES`.
        vertebrae: those whose body's middle is in view, inferior to superior.
        l3_slice_index: slice nearest to the middle of L3's body; None if out of view.
        facts: sex, age, height, weight.
        anatomy: the causes.
        acquisition: how it was scanned.
        seed: of everything random.
    """

    volume: Volume
    truth: LabelMap
    vertebrae: tuple[TrueVertebra, ...]
    l3_slice_index: int | None
    facts: PatientFacts
    anatomy: Anatomy
    acquisition: Acquisition
    seed: int

    def muscle_mask(self, slice_index: int | None = None) -> np.ndarray:
        """True skeletal muscle (all HU) of the volume or of one slice."""
        voxels = self.truth.voxels if slice_index is None else self.truth.voxels[slice_index]
        lookup = np.zeros(256, bool)
        lookup[[LABELS[name] for name in SKELETAL_MUSCLE]] = True
        return lookup[voxels]

    def vertebra(self, name: str) -> TrueVertebra | None:
        """The vertebra called ``name``, or None if it is out of view."""
        return next((v for v in self.vertebrae if v.name == name), None)


def simulate_abdomen(
    anatomy: Anatomy,
    acquisition: Acquisition | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> SimulatedScan:
    """Draw one patient and scan them.

    Args:
        anatomy: the causes; see `draw_anatomy`.
        acquisition: the scan; default 512 × 512 at 3 mm.
        seed: of shapes, textures and noise that the anatomy leaves open.
        progress: told how far it is.
    """
    acquisition = acquisition or Acquisition()
    _check_coverage(acquisition, anatomy)
    spine = build_spine(anatomy, np.random.default_rng([seed, 1]))
    z = _slice_positions(acquisition, spine)
    back_y = table_y(anatomy, spine)
    front_y = -anatomy.belly_depth_mm - 1.2 * anatomy.subcutaneous_mm
    half = max(anatomy.waist_half_width_mm, 150 * anatomy.cross_scale)
    half += 70.0 * anatomy.arms_down
    width = 2 * (half + 1.7 * anatomy.subcutaneous_mm)
    pixel = acquisition.pixel_mm or max(width + 26, back_y - front_y + 60) / acquisition.rows
    canvas = scanner.make_canvas(acquisition, z, pixel, (front_y + back_y) / 2)
    _paint_patient(canvas, anatomy, spine, seed, progress)
    progress(0.8, "scanning")
    scanner.paint_table(canvas, back_y)
    scanner.blur_slices(canvas.hu, acquisition.slice_mm)
    scanner.add_beam_hardening(canvas, acquisition.beam_hardening)
    scanner.add_metal_streaks(canvas, np.random.default_rng([seed, 10]))
    scanner.add_noise(canvas, acquisition, np.random.default_rng([seed, 9]), width)
    progress(1.0, "done")
    return _package(canvas, anatomy, acquisition, spine, seed)


def _check_coverage(acquisition: Acquisition, anatomy: Anatomy) -> None:
    # Vertebrae are drawn up to T8, which is four above T12, the n-th above L1.
    highest = anatomy.n_lumbar + 2
    if acquisition.top_level >= highest:
        raise InputError(
            f"top_level {acquisition.top_level:g} lies above T8, the highest vertebra drawn",
            source="acquisition",
            remedy=f"stay below {highest} for {anatomy.n_lumbar} lumbar vertebrae",
        )


def _slice_positions(acquisition: Acquisition, spine: Spine) -> np.ndarray:
    low, high = (
        float(spine.level_to_z(v)) for v in (acquisition.bottom_level, acquisition.top_level)
    )
    return np.arange(low, high, acquisition.slice_mm)


def _paint_patient(
    canvas: Canvas, anatomy: Anatomy, spine: Spine, seed: int, progress: Progress
) -> None:
    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([seed, number])

    progress(0.02, "body")
    hip = hip_fields(canvas, anatomy, spine)
    body = build_fields(canvas, anatomy, spine, hip, stream(2))
    paint_body(canvas, anatomy, body, stream(3))
    progress(0.2, "organs")
    paint_organs(canvas, anatomy, spine, body, hip, stream(4))
    progress(0.45, "muscles")
    paint_muscles(canvas, anatomy, spine, body, hip, MuscleTissue(canvas, anatomy, stream(5)))
    paint_hip_muscles(canvas, anatomy, body, hip)
    progress(0.65, "bones")
    paint_ribs(canvas, anatomy, spine)
    bone = Noise(stream(6), (3.0, 3.0, 5.0), (48, 48, 32))
    paint_hip_bones(canvas, anatomy, hip, bone)
    paint_hip_joints(canvas, anatomy, hip, bone)
    paint_spine(canvas, anatomy, spine, stream(7))
    if anatomy.arms_down:
        paint_arms(canvas, anatomy, spine)


def _package(canvas: Canvas, anatomy: Anatomy, acquisition: Acquisition, spine: Spine, seed: int):
    affine = np.diag([canvas.pixel_mm, canvas.pixel_mm, acquisition.slice_mm, 1.0])
    affine[:3, 3] = (
        canvas.scanner_x[0], canvas.scanner_y[0], float(canvas.z[0]) + acquisition.scanner_z_mm,
    )  # fmt: skip
    vertebrae = _true_vertebrae(canvas, spine)
    l3 = next((v for v in vertebrae if v.name == "L3"), None)
    names = {value: name for name, value in LABELS.items()}
    return SimulatedScan(
        volume=Volume(scanner.to_int16(canvas, acquisition), affine),
        truth=LabelMap(canvas.labels, affine, names),
        vertebrae=vertebrae,
        l3_slice_index=None if l3 is None else round(l3.center_index),
        facts=anatomy.facts,
        anatomy=anatomy,
        acquisition=acquisition,
        seed=seed,
    )


def _true_vertebrae(canvas: Canvas, spine: Spine) -> tuple[TrueVertebra, ...]:
    def slice_index(z: float) -> float:
        return (z - float(canvas.z[0])) / canvas.slice_mm

    found = []
    for frame in spine.frames:
        low, middle, high = (frame.to_world(0, 0, h * frame.height)[2] for h in (-0.5, 0, 0.5))
        if not 0 <= slice_index(middle) <= len(canvas.z) - 1:
            continue
        x, y = canvas.frame.to_scanner(frame.center[0], frame.center[1])
        found.append(
            TrueVertebra(
                frame.name, slice_index(low), slice_index(middle), slice_index(high),
                float((y - canvas.scanner_y[0]) / canvas.pixel_mm),
                float((x - canvas.scanner_x[0]) / canvas.pixel_mm),
            )
        )  # fmt: skip
    return tuple(found)
