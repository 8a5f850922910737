"""CT of one patient under immunotherapy: three liver and three lung slices at two times, or all.

A scan is one grid of 5 mm slices from the kidneys to the apex of the lungs. The series of the
cohort are three neighboring slices of it: those about the largest cross-section of tumor, or of
the organ where there is no tumor (Xia et al. take the three slices with the largest tumor area;
ours are neighbors so that they make a regular series). :func:`full_scan` draws all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.immunotherapy.causes import Causes, draw_causes
from hccsurv_core.simulate.immunotherapy.chest import Chest, build_chest, paint_wall
from hccsurv_core.simulate.immunotherapy.liver import (
    HIGHEST_LEVEL,
    LOWEST_LEVEL,
    Abdomen,
    build_abdomen,
    paint_abdomen,
    tumor_look,
)
from hccsurv_core.simulate.immunotherapy.lungs import Lungs, build_lungs, lung_depth, paint_contents
from hccsurv_core.simulate.immunotherapy.tumors import (
    LESION_LABEL,
    DepthMap,
    Point,
    TumorLook,
    choose_slices,
    paint_lesions,
    place_lesions,
    tumor_area_mm2,
)
from hccsurv_core.simulate.phantom import acquisition as scanner
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise
from hccsurv_core.volume import LabelMap, Volume

SLICE_MM, ROWS = 5.0, 256
ORGANS, TIMES = ("liver", "lung"), ("baseline", "followup")
#: Lung slices lie between these heights above the seam: the dome of the liver is out of view.
LUNG_LOW, LUNG_HIGH = 45.0, 185.0
#: A full scan reaches from this level of the spine to this height of the chest.
FULL_LOW_LEVEL, FULL_HIGH = 0.0, 225.0
_DOME_MM = 42.0


@dataclass(frozen=True, eq=False)
class Patient:
    """Everything that is drawn of one patient.

    Args:
        causes: behind it.
        abdomen, lungs: drawn from them.
        nodules: places of the lung tumors, by number.
        lung_depth: of the lungs.
    """

    causes: Causes
    abdomen: Abdomen
    lungs: Lungs
    nodules: dict[int, Point] = field(repr=False)
    lung_depth: DepthMap = field(repr=False)

    @property
    def chest(self) -> Chest:
        """The chest."""
        return self.lungs.chest


@dataclass(frozen=True, eq=False)
class Scan:
    """One series and the truth on its grid.

    Args:
        volume: int16 HU.
        organ: label 1 liver or lung of a slice series; 1 liver and 2 lung of a full scan;
            tumors and vessels of the organ included.
        lesions: labels are the tumors' numbers.
    """

    volume: Volume
    organ: LabelMap
    lesions: LabelMap


def build_patient(seed: int, i: int) -> Patient:
    """Draw patient ``i``: build, tumors' places, lungs. The same whatever is scanned."""
    causes = draw_causes(seed, i)
    abdomen = build_abdomen(seed, i, causes)
    rng = abdomen.stream(30)
    lungs = build_lungs(build_chest(abdomen.anatomy, abdomen.spine, rng), rng)
    heights = np.arange(LUNG_LOW + 5, LUNG_HIGH - 5, 10.0)
    depth = DepthMap(*lung_depth(lungs, list(heights)))
    nodules = place_lesions(causes.of("lung"), depth, 30.0, rng) if causes.of("lung") else {}
    return Patient(causes, abdomen, lungs, nodules, depth)


def scan_slices(patient: Patient, time: int, organ: str) -> Scan:
    """The three slices of ``organ`` ("liver" or "lung") at ``time`` 0 (baseline) or 1.

    Raises:
        InputError: no such organ or time.
    """
    if organ not in ORGANS or time not in (0, 1):
        raise InputError("organ must be liver or lung and time 0 or 1", source="simulate")
    acquisition = draw_acquisition(patient, time)
    z = _grid(patient, time)
    chosen = z[_slab(patient, time, organ, z)]
    canvas = _canvas(patient, acquisition, chosen)
    if organ == "liver":
        mask = paint_abdomen(canvas, patient.abdomen, time)
    else:
        mask = _paint_chest(canvas, patient, time)
    rng = patient.abdomen.stream(50 + 2 * time + ORGANS.index(organ))
    voxels = _scan(canvas, patient, acquisition, organ, rng)
    return _package(canvas, acquisition, voxels, mask.astype(np.uint8), {1: organ}, (organ,))


def full_scan(
    seed: int, i: int, time: int, *, rows: int = ROWS, progress: Progress = silent
) -> Scan:
    """Chest and upper abdomen of one patient at ``time`` 0 or 1, 5 mm slices, soft kernel.

    The slices of :func:`scan_slices` are among its slices, but for kernel and noise.

    Raises:
        InputError: ``time`` is neither 0 nor 1.
    """
    if time not in (0, 1):
        raise InputError("time must be 0 (baseline) or 1 (follow-up)", source="simulate")
    patient = build_patient(seed, i)
    acquisition = replace(draw_acquisition(patient, time), rows=rows)
    z = _grid(patient, time)
    seam = int(np.searchsorted(z, patient.chest.seam_mm))
    progress(0.05, "abdomen")
    low = _canvas(patient, acquisition, z[:seam])
    liver = paint_abdomen(low, patient.abdomen, time)
    progress(0.5, "chest")
    high = _canvas(patient, acquisition, z[seam:])
    lung = _paint_chest(high, patient, time)
    lung &= ~_below_dome(low, high)
    risen = _raise_dome(low, high, liver[-1], patient, time)
    canvas = _canvas(patient, acquisition, z)
    canvas.hu = np.concatenate([low.hu, high.hu])
    canvas.labels = np.concatenate([low.labels, high.labels])
    organ = np.concatenate([
        np.where(liver, 1, np.where(low.labels == LABELS["lung"], 2, 0)),
        np.where(risen, 1, np.where(lung, 2, 0)),
    ]).astype(np.uint8)  # fmt: skip
    progress(0.8, "scanning")
    voxels = _scan(canvas, patient, acquisition, "liver", patient.abdomen.stream(60 + time), "lung")
    progress(1.0, "done")
    return _package(canvas, acquisition, voxels, organ, {1: "liver", 2: "lung"}, ORGANS)


def draw_acquisition(patient: Patient, time: int) -> Acquisition:
    """How the scan at ``time`` is taken: the center's scanner, another position on the table."""
    center = patient.causes.center
    rng = patient.abdomen.stream(40 + time)
    noise = 19.0 * center.noise_factor * (1.2 if center.thin else 1.0)
    anatomy = patient.abdomen.anatomy
    half = max(anatomy.waist_half_width_mm, 165 * anatomy.cross_scale)
    width = 2 * (half + 1.2 * anatomy.subcutaneous_mm) + 20
    return Acquisition(
        rows=ROWS,
        pixel_mm=float(width / ROWS * rng.uniform(1.0, 1.1)),
        slice_mm=SLICE_MM,
        noise_hu=float(noise * rng.uniform(0.9, 1.1)),
        kernel_mm=center.kernel_mm,
        roll_deg=float(np.clip(1.5 * rng.standard_normal(), -4, 4)),
        offset_mm=(float(4 * rng.standard_normal()), float(4 * rng.standard_normal())),
        scanner_z_mm=float(np.round(rng.uniform(-900, 300), 1)),
        gain=float(1 + 0.003 * rng.standard_normal()),
        bias_hu=float(1.5 * rng.standard_normal()),
    )


def _grid(patient: Patient, time: int) -> np.ndarray:
    """Heights of all slices of the scan at ``time``."""
    low = float(patient.abdomen.spine.level_to_z(FULL_LOW_LEVEL))
    high = patient.chest.z_of(FULL_HIGH)
    phase = patient.abdomen.stream(45 + time).uniform(0, SLICE_MM)
    return np.arange(low + phase, high, SLICE_MM)


def _slab(patient: Patient, time: int, organ: str, z: np.ndarray) -> slice:
    """Which three slices of the scan belong to the series of ``organ``."""
    if organ == "liver":
        level = patient.abdomen.spine.level_to_z
        low, high = float(level(LOWEST_LEVEL)), float(level(HIGHEST_LEVEL))
        places, depth = patient.abdomen.places, patient.abdomen.depth
    else:
        low, high = patient.chest.z_of(LUNG_LOW), patient.chest.z_of(LUNG_HIGH)
        places, depth = patient.nodules, patient.lung_depth
    first, last = np.searchsorted(z, (low, high))
    seen = z[first:last]
    tumor = tumor_area_mm2(patient.causes.of(organ), places, time, seen)
    middle = int(first) + choose_slices(seen, tumor, np.interp(seen, depth.z, depth.area_cm2()))
    return slice(middle - 1, middle + 2)


def _back_mm(patient: Patient, organ: str) -> float:
    """Anatomical y of the table: under the abdomen's back, or the chest's too."""
    if organ == "liver":
        return patient.abdomen.table_mm
    chest = patient.chest
    _, y = chest.spine_at(chest.z_of(90.0))
    fat = 2.0 + 0.5 * patient.abdomen.anatomy.subcutaneous_mm
    return max(patient.abdomen.table_mm, float(y) + 76.0 * chest.depth_scale + fat)


def _canvas(patient: Patient, acquisition: Acquisition, z: np.ndarray) -> Canvas:
    pixel = (acquisition.pixel_mm or 1.5) * ROWS / acquisition.rows
    back = _back_mm(patient, "lung")
    front = -patient.abdomen.anatomy.belly_depth_mm - 1.2 * patient.abdomen.anatomy.subcutaneous_mm
    return scanner.make_canvas(acquisition, z, pixel, (front + back) / 2 + 8)


def _paint_chest(canvas: Canvas, patient: Patient, time: int) -> np.ndarray:
    """Paint the chest; returns the mask of the lungs with nodules and vessels."""
    stream = patient.abdomen.stream
    cavity = paint_wall(canvas, patient.chest, stream(31))
    nodules = patient.causes.of("lung")
    look = _nodule_look(stream(32))

    def paint(on: Canvas) -> None:
        paint_lesions(on, nodules, patient.nodules, time, look)

    paint_contents(canvas, patient.lungs, cavity, paint)
    own = (canvas.labels == LABELS["lung"]) | (canvas.labels >= LESION_LABEL["lung"])
    return np.asarray(own)


def _nodule_look(rng: np.random.Generator) -> TumorLook:
    return TumorLook(
        viable_hu=62.0 + 8.0 * rng.standard_normal(),
        necrotic_hu=20.0,
        capsule_hu=None,
        mosaic_hu=4.0,
        blur_mm=1.2,
        ragged=0.04,
        over=(LABELS["lung"],),
        shape=Noise(rng, (14.0, 14.0, 14.0), (32, 32, 16)),
        mosaic=Noise(rng, (8.0, 8.0, 8.0), (32, 32, 16)),
    )


def _scan(
    canvas: Canvas,
    patient: Patient,
    acquisition: Acquisition,
    organ: str,
    rng: np.random.Generator,
    table: str | None = None,
) -> np.ndarray:
    """Table (under ``table``, else under ``organ``), kernel, noise and rounding."""
    scanner.paint_table(canvas, _back_mm(patient, table or organ))
    center = patient.causes.center
    if organ == "lung":
        _sharpen(canvas.hu, 0.6)
        acquisition = replace(
            acquisition, noise_hu=1.9 * acquisition.noise_hu, kernel_mm=center.lung_kernel_mm
        )
    width = 2.1 * max(patient.abdomen.anatomy.waist_half_width_mm, 140.0)
    scanner.add_noise(canvas, acquisition, rng, width)
    return scanner.to_int16(canvas, acquisition)


def _sharpen(hu: Array, amount: float) -> None:
    """A lung kernel lifts the edges (in place)."""
    from scipy.ndimage import gaussian_filter

    for plane in hu:
        plane += amount * (plane - gaussian_filter(plane, 0.8))


def _package(
    canvas: Canvas, acquisition: Acquisition, voxels: np.ndarray, organ: np.ndarray,
    names: dict[int, str], lesions_of: tuple[str, ...],
) -> Scan:  # fmt: skip
    affine = np.diag([canvas.pixel_mm, canvas.pixel_mm, acquisition.slice_mm, 1.0])
    affine[:3, 3] = (
        canvas.scanner_x[0], canvas.scanner_y[0], float(canvas.z[0]) + acquisition.scanner_z_mm,
    )  # fmt: skip
    found = np.zeros(canvas.labels.shape, np.uint8)
    for name in lesions_of:
        base = LESION_LABEL[name]
        own = (canvas.labels > base) & (canvas.labels < base + 50)
        found[own] = canvas.labels[own] - base
    tumors = {int(v): f"lesion_{v}" for v in np.unique(found) if v}
    return Scan(
        Volume(voxels, affine), LabelMap(organ, affine, names), LabelMap(found, affine, tumors)
    )


# -- the dome of the diaphragm, in full scans only -----------------------------------------------
def _dome(low: Canvas, high: Canvas) -> np.ndarray:
    """Distance (mm, negative inside) to what the diaphragm covers, on the chest's slices.

    What is not lung on the highest slice of the abdomen narrows upward and ends.
    """
    from scipy.ndimage import distance_transform_edt

    wall = ("skin", "subcutaneous_fat", "chest_wall_muscle", "rib", "intermuscular_fat")
    inner = ~np.isin(low.labels[-1], [0, *(LABELS[n] for n in wall), LABELS["lung"]])
    depth = low.pixel_mm * (distance_transform_edt(~inner) - distance_transform_edt(inner))
    rise = (high.z - low.z[-1]) / _DOME_MM
    most = float(-depth.min())
    return depth[None] + np.float32(most) * (rise**2)[:, None, None]


def _below_dome(low: Canvas, high: Canvas) -> np.ndarray:
    return _dome(low, high) < 0


def _raise_dome(
    low: Canvas, high: Canvas, liver: np.ndarray, patient: Patient, time: int
) -> np.ndarray:
    """Draw what lies under the dome into the chest's lungs; returns the liver there.

    The highest slice of the abdomen goes up with the dome, but for its tumors, which are drawn
    where they are.
    """
    top, labels = low.hu[-1].copy(), low.labels[-1].copy()
    plain = labels == LABELS["liver"]
    base = float(np.median(top[plain])) if plain.any() else 100.0
    tumor = labels > LESION_LABEL["liver"]
    top[tumor], labels[tumor] = base, LABELS["liver"]
    below = _below_dome(low, high) & (high.labels == LABELS["lung"])
    for k in map(int, np.flatnonzero(below.any((1, 2)))):
        high.hu[k][below[k]] = top[below[k]]
        high.labels[k][below[k]] = labels[below[k]]
    look = replace(tumor_look(patient.abdomen, base), over=(LABELS["liver"], LABELS["vessel"]))
    paint_lesions(high, patient.causes.of("liver"), patient.abdomen.places, time, look)
    return below & liver[None]
