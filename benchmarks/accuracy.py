"""Level and outline against truth: `python -m benchmarks.accuracy [--patients N] [--shared DIR]`.

Simulated patients are drawn from seeds that no development run used (from 5000 on), with all the
variants the simulator knows (four and six lumbar vertebrae, missing ribs, contrast phases,
ascites, metal). The shared scan is measured where its folder is given.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hccsurv_core.errors import LevelNotFoundError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.muscle import MUSCLE_HU, within
from hccsurv_core.roi.results import L3Location
from hccsurv_core.roi.spine import locate_l3
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import draw_acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy
from hccsurv_core.systems.sarcopenia import analyze_scan
from hccsurv_core.volume import Volume

FIRST_SEED = 5000
ORGANS = ("liver", "spleen", "kidney_left", "kidney_right", "colon", "small_bowel", "aorta")


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice overlap."""
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


@dataclass(frozen=True)
class PatientScore:
    """How one simulated patient came out; outlines are scored on the true L3 slice."""

    lumbar: int
    level_mm: float | None
    confidence: float
    muscle_error: float
    muscle_dice: float
    psoas_dice: float
    psoas_error: float
    erector_recall: float
    organ_share: float


def score_patient(seed: int) -> PatientScore:
    """Simulate, locate, outline, compare."""
    anatomy = draw_anatomy(seed)
    scan = simulate_abdomen(anatomy, draw_acquisition(seed, rows=384, slice_mm=2.5), seed)
    index = scan.l3_slice_index
    if index is None:
        raise SystemExit(f"seed {seed}: L3 is out of view")
    location: L3Location | None
    try:
        location = locate_l3(scan.volume)
    except LevelNotFoundError:
        location = None
    result = analyze_scan(scan.volume, PatientFacts(), slice_index=index)
    found = result.segmentation
    tissue = within(scan.volume.voxels[index], MUSCLE_HU)
    muscle, true = found.mask_at("muscle"), scan.muscle_mask(index) & tissue
    psoas = found.mask_at("psoas_left") | found.mask_at("psoas_right")
    true_psoas = _at(scan, index, "psoas_left", "psoas_right") & tissue
    erector = _at(scan, index, "erector_spinae_left", "erector_spinae_right") & tissue
    spacing = scan.volume.spacing_mm[0]
    return PatientScore(
        lumbar=anatomy.n_lumbar,
        level_mm=None if location is None else (location.slice_index - index) * spacing,
        confidence=0.0 if location is None else location.confidence,
        muscle_error=muscle.sum() / true.sum() - 1,
        muscle_dice=dice(muscle, true),
        psoas_dice=dice(psoas, true_psoas),
        psoas_error=psoas.sum() / true_psoas.sum() - 1,
        erector_recall=float((muscle & erector).sum() / erector.sum()),
        organ_share=float((muscle & _at(scan, index, *ORGANS)).sum() / muscle.sum()),
    )


def _at(scan: SimulatedScan, index: int, *names: str) -> np.ndarray:
    return np.logical_or.reduce([scan.truth.mask(name)[index] for name in names])


def print_simulated(scores: list[PatientScore]) -> None:
    """The table of simulated patients."""
    usual = [s for s in scores if s.lumbar == 5]
    right = [s for s in usual if s.level_mm is not None and abs(s.level_mm) <= 5]
    sure = [s for s in scores if s.confidence >= 0.8]
    sure_right = [s for s in sure if s.level_mm is not None and abs(s.level_mm) <= 15]
    print(
        f"{len(scores)} simulated patients, {len(scores) - len(usual)} with 4 or 6 lumbar vertebrae"
    )
    print("| what | result |\n|---|---|")
    print(f"| level within 5 mm, five lumbar vertebrae | {len(right)} of {len(usual)} |")
    print(f"| right vertebra where confidence ≥ 0.8, all | {len(sure_right)} of {len(sure)} |")
    for label, name, scale in (
        ("total muscle, error %", "muscle_error", 100),
        ("total muscle, Dice", "muscle_dice", 1),
        ("psoas area, error %", "psoas_error", 100),
        ("psoas, Dice", "psoas_dice", 1),
        ("erector spinae, recall", "erector_recall", 1),
        ("organs in muscle, %", "organ_share", 100),
    ):
        values = np.array([getattr(s, name) for s in scores]) * scale
        low, middle, high = np.percentile(values, [5, 50, 95])
        print(
            f"| {label}: median (5th to 95th percentile) | {middle:.3g} ({low:.3g} to {high:.3g}) |"
        )


def print_shared(folder: Path) -> None:
    """The table of the shared scan."""
    from hccsurv_core.io.nifti import read_nifti

    volume: Volume = read_nifti(folder / "ct.nii.gz")[0].to_canonical()
    reference = np.load(folder / "muscle_reference.npz")
    location = locate_l3(volume)
    result = analyze_scan(volume, PatientFacts(), location=location)
    print("| shared scan | result |\n|---|---|")
    print(
        f"| L3 slice (reference centroid 73) | {location.slice_index}, {location.confidence:.2f} |"
    )
    for z, true in zip(reference["z_index"], reference["muscle"] > 0, strict=True):
        found = result.segmentation.mask_at("muscle", int(z))
        error = found.sum() / true.sum() - 1
        print(f"| muscle on slice {z}: error, Dice | {error:+.1%}, {dice(found, true):.3f} |")
    first = result.segmentation.first_slice
    low, high = max(64, first), min(80, first + result.segmentation.n_slices)
    for side in ("left", "right"):
        label = read_nifti(folder / "labels" / f"iliopsoas_{side}.nii.gz")[0].to_canonical()
        mask = result.segmentation.masks[f"psoas_{side}"][low - first : high - first]
        overlap = dice(mask, label.voxels[low:high] > 0)
        print(f"| psoas {side} against the label, slices {low}–{high - 1}: Dice | {overlap:.3f} |")
    print(f"| psoas area on the measured slice | {result.measures.pma_cm2:.1f} cm² |")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--shared", type=Path, help="the folder ct_abdomen_pelvis")
    arguments = parser.parse_args()
    print_simulated([score_patient(FIRST_SEED + i) for i in range(arguments.patients)])
    if arguments.shared:
        print_shared(arguments.shared)


if __name__ == "__main__":
    main()
