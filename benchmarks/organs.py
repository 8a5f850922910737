"""Lungs and liver against truth: `python -m benchmarks.organs [--patients N] [--shared DIR]`.

Full scans and three-slice series of simulated patients are drawn from a seed that no development
run used. The shared scan (folder ct_abdomen_pelvis) is measured against its label, which is
another model's outline.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hccsurv_core.roi.agreement import dice, hausdorff_95_mm
from hccsurv_core.roi.liver import segment_liver
from hccsurv_core.roi.lungs import segment_lungs
from hccsurv_core.simulate.immunotherapy.images import build_patient, full_scan, scan_slices
from hccsurv_core.volume import Volume

SEED = 9100


@dataclass(frozen=True)
class Score:
    """How one organ of one scan came out."""

    what: str
    dice: float
    hd95_mm: float
    volume_error: float
    lesion_recall: float
    confidence: float
    seconds: float


def score(
    what: str, organ: str, volume: Volume, truth: np.ndarray, lesions: np.ndarray | None = None
) -> Score:
    """Outline and compare; ``lesions`` of any organ, those in the truth count."""
    start = time.perf_counter()
    result = segment_liver(volume) if organ == "liver" else segment_lungs(volume)
    seconds = time.perf_counter() - start
    inside = truth & (lesions > 0) if lesions is not None else np.zeros_like(truth)
    return Score(
        what,
        dice(result.mask, truth),
        hausdorff_95_mm(result.mask, truth, volume.spacing_mm),
        float(result.mask.sum() / truth.sum() - 1),
        float((result.mask & inside).sum() / inside.sum()) if inside.any() else float("nan"),
        result.confidence,
        seconds,
    )


def simulated(n_patients: int) -> Iterator[Score]:
    """Both organs on full scans of both times, and on the series of three slices."""
    for i in range(n_patients):
        scan = full_scan(SEED, i, i % 2)
        lesions = scan.lesions.voxels
        for value, organ in ((1, "liver"), (2, "lung")):
            truth = scan.organ.voxels == value
            yield score(f"{organ}, full scan", organ, scan.volume, truth, lesions)
        patient = build_patient(SEED, i)
        for organ in ("liver", "lung"):
            few = scan_slices(patient, i % 2, organ)
            truth = few.organ.voxels > 0
            yield score(f"{organ}, three slices", organ, few.volume, truth, few.lesions.voxels)


def print_simulated(scores: list[Score]) -> None:
    """Median and worst by organ and kind of scan."""
    print("| what | n | Dice: median (worst) | HD95, mm | volume error | lesions covered | s |")
    print("|---|---|---|---|---|---|---|")
    for what in sorted({s.what for s in scores}):
        own = [s for s in scores if s.what == what]
        overlap = [s.dice for s in own]
        covered = [s.lesion_recall for s in own if np.isfinite(s.lesion_recall)]
        print(
            f"| {what} | {len(own)} | {np.median(overlap):.3f} ({min(overlap):.3f}) "
            f"| {np.median([s.hd95_mm for s in own]):.1f} "
            f"| {np.median([s.volume_error for s in own]):+.1%} "
            f"| {np.mean(covered) if covered else float('nan'):.1%} "
            f"| {np.median([s.seconds for s in own]):.1f} |"
        )


def print_shared(folder: Path) -> None:
    """The shared scan's liver."""
    from hccsurv_core.io.nifti import read_nifti

    volume = read_nifti(folder / "ct.nii.gz")[0].to_canonical()
    label = read_nifti(folder / "labels" / "liver.nii.gz")[0].to_canonical().voxels > 0
    found = score("liver", "liver", volume, label)
    print(
        f"shared scan: Dice {found.dice:.3f}, HD95 {found.hd95_mm:.1f} mm, volume "
        f"{found.volume_error:+.1%}, confidence {found.confidence:.2f}, {found.seconds:.1f} s"
    )


def print_time() -> None:
    """A scan as large as they come in this system: 512×512×120 or so."""
    small = full_scan(SEED, 0, 0, rows=512).volume
    thin = np.repeat(small.voxels, 2, axis=0)[:120]
    volume = Volume(np.ascontiguousarray(thin), small.affine @ np.diag([1, 1, 0.5, 1]))
    for name, segment in (("lungs", segment_lungs), ("liver", segment_liver)):
        start = time.perf_counter()
        segment(volume)
        print(f"{name} on {volume.shape}: {time.perf_counter() - start:.1f} s")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--shared", type=Path, help="the folder ct_abdomen_pelvis")
    arguments = parser.parse_args()
    print_simulated(list(simulated(arguments.patients)))
    if arguments.shared:
        print_shared(arguments.shared)
    print_time()


if __name__ == "__main__":
    main()
