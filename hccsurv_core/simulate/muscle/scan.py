"""The muscle cohort's scans: who was scanned where and how, the L3 slab, the reader's outline.

The published study read plain CT. Here most scans are plain too; some are portal venous, more of
them in centre B, and each scanner has its own kernel, noise and calibration. In centre A the sharp
scanner got the patients with more tumour: a model may learn the scanner instead of the muscle, and
centre B, where the scanner says nothing, shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.cohort_writer import patient_rng
from hccsurv_core.simulate.dicom_writer import write_dicom_series
from hccsurv_core.simulate.muscle.causes import READER, SCAN, SYSTEM, MuscleCauses
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import Anatomy, draw_anatomy
from hccsurv_core.simulate.phantom.spine_frames import build_spine
from hccsurv_core.volume import LabelMap

ROLE, OUTLINE = "l3_slab", "l3_slab_muscle"
MUSCLE, PSOAS = 1, 2
N_SLICES = 5
#: What body composition counts as muscle (Mitsiopoulos, Journal of Applied Physiology 1998).
MUSCLE_HU = (-29, 150)
#: In-plane wobble of a hand-drawn outline, and how far a reader draws outside (+) or inside, mm.
WOBBLE_MM = 0.35
READERS_MM = {"reader_1": 0.0, "reader_2": 0.12, "reader_3": -0.12}


@dataclass(frozen=True)
class Scanner:
    """One CT scanner of one centre.

    Args:
        name, kernel: as its DICOM header says.
        rows, slice_mm: image matrix and slice distance.
        noise_hu, kernel_mm: ranges, see `Acquisition`.
        bias_hu: its calibration error.
        portal_venous: share of scans taken after contrast.
        circular_fov: share of scans whose corners are padded.
        file_bytes: every slice's file is as long as this, whatever it shows.
    """

    name: str
    kernel: str
    rows: int
    slice_mm: float
    noise_hu: tuple[float, float]
    kernel_mm: tuple[float, float]
    bias_hu: float
    portal_venous: float
    circular_fov: float
    file_bytes: int


SCANNERS = {
    "center_a": (
        Scanner("Virtual CT A1", "STANDARD", 384, 5.0, (7.5, 11.0), (0.95, 1.25), 0.3, 0.04, 0.1,
                116_000),
        Scanner("Virtual CT A2", "SHARP", 448, 5.0, (11.0, 15.0), (0.6, 0.8), -0.7, 0.08, 0.3,
                184_000),
    ),
    "center_b": (
        Scanner("Virtual CT B1", "B40", 512, 4.0, (9.0, 14.0), (0.75, 1.0), 2.5, 0.35, 0.0,
                226_000),
        Scanner("Virtual CT B2", "FC08", 416, 5.0, (10.0, 16.0), (0.55, 1.1), -2.0, 0.25, 0.5,
                158_000),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Slab:
    """An L3 slab with its truth and a reader's outline.

    Args:
        scan: image, true labels and acquisition.
        outline: the reader's labels on the same grid: 1 muscle but for the psoas, 2 psoas.
        scanner: which it was taken with.
        reader: who drew the outline.
    """

    scan: SimulatedScan
    outline: LabelMap
    scanner: Scanner
    reader: str


def draw_patient_anatomy(
    causes: MuscleCauses, clinical: dict[str, Any], seed: int, i: int
) -> tuple[Anatomy, Scanner, int]:
    """The body as the phantom draws it, the scanner, and the seed of everything else in the image."""
    rng = patient_rng(SYSTEM, seed, i, SCAN)
    image_seed = int(rng.integers(2**31))
    first, second = SCANNERS[causes.center]
    chance = 0.4
    if causes.split in ("train", "internal"):
        chance = 1 / (1 + np.exp(0.5 - 0.9 * causes.tumor_burden))
    scanner = second if rng.random() < chance else first
    contrast = rng.random() < scanner.portal_venous
    anatomy = draw_anatomy(
        image_seed,
        sex=causes.sex,
        age_years=causes.age_years,
        height_m=causes.height_m,
        weight_kg=causes.bmi * causes.height_m**2,
        muscle=float(np.exp(causes.log_muscle)),
        psoas=float(np.exp(causes.log_psoas)),
        muscle_hu=causes.lean_hu,
        fat_streaks=causes.fat_streaks,
        streak_scale_mm=causes.streak_scale_mm,
        asymmetry=causes.asymmetry,
        phase="portal_venous" if contrast else "noncontrast",
        lesion_mm=float(clinical["tumor_diameter_mm"]),
        ascites_mm={"none": 0.0, "mild": 6.0, "moderate": 14.0}[clinical["ascites"]],
        metal_hip=False,
    )
    return anatomy, scanner, image_seed


def draw_acquisition_at(scanner: Scanner, image_seed: int) -> Acquisition:
    """How this scanner took this patient; the coverage is the caller's."""
    rng = np.random.default_rng([image_seed, 29])
    return Acquisition(
        rows=scanner.rows,
        slice_mm=scanner.slice_mm,
        noise_hu=float(rng.uniform(*scanner.noise_hu)),
        kernel_mm=float(rng.uniform(*scanner.kernel_mm)),
        roll_deg=float(np.clip(1.8 * rng.standard_normal(), -5, 5)),
        offset_mm=(float(6 * rng.standard_normal()), float(6 * rng.standard_normal())),
        scanner_z_mm=float(np.round(rng.uniform(-900, 300), 1)),
        gain=float(1 + 0.002 * rng.standard_normal()),
        bias_hu=float(scanner.bias_hu + 0.8 * rng.standard_normal()),
        beam_hardening=float(rng.uniform(0, 0.5)),
        circular_fov=bool(rng.random() < scanner.circular_fov),
    )


def draw_slab(causes: MuscleCauses, clinical: dict[str, Any], seed: int, i: int) -> Slab:
    """Five slices about the middle of L3, within a few millimetres of it."""
    anatomy, scanner, image_seed = draw_patient_anatomy(causes, clinical, seed, i)
    acquisition = draw_acquisition_at(scanner, image_seed)
    spine = build_spine(anatomy, np.random.default_rng([image_seed, 1]))
    rng = np.random.default_rng([image_seed, 31])
    middle = float(spine.level_to_z(anatomy.n_lumbar - 5)) + float(rng.uniform(-4, 4))
    low = middle - (N_SLICES - 1) / 2 * acquisition.slice_mm
    high = low + (N_SLICES - 0.5) * acquisition.slice_mm
    bottom, top = (float(spine.z_to_level(z)) for z in (low, high))
    acquisition = replace(acquisition, bottom_level=bottom, top_level=top)
    scan = simulate_abdomen(anatomy, acquisition, image_seed)
    reader_rng = patient_rng(SYSTEM, seed, i, READER)
    reader = list(READERS_MM)[int(reader_rng.integers(len(READERS_MM)))]
    return Slab(scan, draw_outline(scan, READERS_MM[reader], reader_rng), scanner, reader)


def draw_whole_abdomen(
    causes: MuscleCauses,
    clinical: dict[str, Any],
    seed: int,
    i: int,
    rows: int | None = None,
    progress: Progress = silent,
) -> SimulatedScan:
    """The same patient from the diaphragm to the pelvis, by the same scanner, at 3 mm."""
    anatomy, scanner, image_seed = draw_patient_anatomy(causes, clinical, seed, i)
    acquisition = replace(
        draw_acquisition_at(scanner, image_seed), slice_mm=3.0, rows=rows or scanner.rows
    )
    return simulate_abdomen(anatomy, acquisition, image_seed, progress)


def draw_outline(scan: SimulatedScan, outside_mm: float, rng: np.random.Generator) -> LabelMap:
    """A reader's outline: the true muscle, off by a wobbling third of a millimetre, within −29 to 150 HU.

    Args:
        scan: the slab.
        outside_mm: how far this reader draws outside (+) or inside the true edge.
        rng: of the wobble.
    """
    from scipy import ndimage

    pixel = scan.volume.spacing_mm[1]
    psoas = scan.truth.mask("psoas_left") | scan.truth.mask("psoas_right")
    hu = scan.volume.voxels
    inside = (hu >= MUSCLE_HU[0]) & (hu <= MUSCLE_HU[1])
    labels = np.zeros(scan.volume.shape, np.uint8)
    muscle = scan.muscle_mask()
    for k in range(len(labels)):
        # A smoothed mask is one half at its edge and falls about 0.4 / sigma a pixel across it.
        sigma = 1.2
        wobble = ndimage.gaussian_filter(rng.standard_normal(hu.shape[1:]), 5.0 / pixel)
        shift = (outside_mm + WOBBLE_MM * wobble / wobble.std()) / pixel * 0.4 / sigma
        for mask, value in ((muscle[k], MUSCLE), (psoas[k], PSOAS)):
            drawn = ndimage.gaussian_filter(mask.astype(np.float32), sigma) + shift > 0.5
            # What the other structures are stays theirs: a reader knows bone and bowel.
            labels[k][drawn & inside[k] & (muscle[k] | _soft_edge(scan, k))] = value
    return LabelMap(labels, scan.volume.affine, {MUSCLE: "muscle_without_psoas", PSOAS: "psoas"})


def _soft_edge(scan: SimulatedScan, k: int) -> NDArray[np.bool_]:
    """Fat of slice ``k``: where an outline may run over the muscle's edge."""
    names = ("subcutaneous_fat", "visceral_fat", "intermuscular_fat")
    return np.logical_or.reduce([scan.truth.mask(name)[k] for name in names])


def measure_truth(scan: SimulatedScan) -> dict[str, float]:
    """Areas and attenuations on the true masks of the slice nearest the middle of L3."""
    k = scan.l3_slice_index
    k = len(scan.volume.voxels) // 2 if k is None else k
    hu = scan.volume.voxels[k].astype(np.float64)
    inside = (hu >= MUSCLE_HU[0]) & (hu <= MUSCLE_HU[1])
    muscle = scan.muscle_mask(k) & inside
    psoas = (scan.truth.mask("psoas_left")[k] | scan.truth.mask("psoas_right")[k]) & inside
    area, height = scan.volume.pixel_area_cm2, scan.anatomy.height_m
    measured = {
        "sma_cm2": muscle.sum() * area,
        "pma_cm2": psoas.sum() * area,
        "pd_hu": hu[psoas].mean(),
        "ma_hu": hu[muscle].mean(),
    }
    measured["smi"] = measured["sma_cm2"] / height**2
    measured["pmi"] = measured["pma_cm2"] / height**2
    return {name: round(float(value), 4) for name, value in measured.items()}


def write_slab(folder: Path, patient_id: str, slab: Slab, facts: PatientFacts, seed: int) -> None:
    """Write the slab as DICOM and the outline as NIfTI under the cohort folder."""
    rng = np.random.default_rng([slab.scan.seed, 37])
    scanner, contrast = slab.scanner, slab.scan.anatomy.phase != "noncontrast"
    # Dates are shifted as de-identification does: they say nothing about follow-up.
    day = date(2015, 1, 1) + timedelta(days=int(rng.integers(0, 2190)))
    write_dicom_series(
        slab.scan.volume,
        folder / "images" / patient_id / ROLE,
        facts=facts,
        patient_id=patient_id,
        study_date=day.isoformat(),
        description="L3 slab simulated",
        shuffle_seed=int(rng.integers(2**31)),
        tags={
            "ManufacturerModelName": scanner.name,
            "ConvolutionKernel": scanner.kernel,
            "ContrastBolusAgent": "iodinated" if contrast else "",
        },
        compress=True,
        even_bytes=scanner.file_bytes,
    )
    write_labels(folder / "rois" / patient_id / f"{OUTLINE}.nii.gz", slab.outline)


def write_labels(path: Path, labels: LabelMap) -> None:
    """Write labels as NIfTI (whose x and y run against DICOM's)."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ labels.affine
    image = nibabel.Nifti1Image(np.transpose(labels.voxels, (2, 1, 0)), ras, dtype=np.uint8)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(ras, code=1)
    image.set_qform(ras, code=1)
    nibabel.save(image, path)
