"""Radiomics by the fast engine against PyRadiomics, in one run, each feature compared.

`python -m benchmarks.radiomics [--repeats N] [--parts slab,cohort,liver]`. The scan is simulated
(97 slices of 512×512), so that anyone can repeat it: an L3 slab of 13 slices with both psoas
muscles (30 436 pixels), all muscle on five slices as a cohort has it, and the liver (1 042 819
voxels). PyRadiomics runs as a user would call it, on the slab and on the whole CT, with its own
cropping; what takes it minutes runs once. Both use all cores unless `--threads` says otherwise.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.agreement import find_disagreements
from hccsurv_core.features.radiomics.extract import RadiomicsResult, extract_radiomics
from hccsurv_core.features.radiomics.presets import PRESETS, RadiomicsPreset
from hccsurv_core.features.radiomics.warmup import warm_up
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.volume import Volume

SEED = 3
PARTS = ("slab", "cohort", "liver")
Mask = NDArray[np.bool_]


def simulate() -> SimulatedScan:
    """The scan that all parts use."""
    return simulate_abdomen(draw_anatomy(SEED), Acquisition(), SEED)


def mask_of(scan: SimulatedScan, *names: str) -> Mask:
    """The voxels of some structures."""
    return np.isin(scan.truth.voxels, [LABELS[name] for name in names])


def cut(volume: Volume, mask: Mask, middle: int, slices: int) -> tuple[Volume, Mask]:
    """A slab of ``slices`` around slice ``middle``."""
    first = middle - slices // 2
    part = slice(first, first + slices)
    return (
        Volume(np.ascontiguousarray(volume.voxels[part]), volume.affine),
        np.ascontiguousarray(mask[part]),
    )


def seconds(
    work: Callable[[], RadiomicsResult], repeats: int
) -> tuple[list[float], RadiomicsResult]:
    """The times of ``repeats`` runs, ascending, and the last answer."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - began)
    return sorted(times), answer


def report(name: str, times: list[float]) -> float:
    """Print median, least and most; the median."""
    median = statistics.median(times)
    runs = f"{len(times)} run" + "s" * (len(times) > 1)
    print(f"  {name:<44} {median:>8.3f} s   ({times[0]:.3f}–{times[-1]:.3f}, {runs})")
    return median


def compare(
    volume: Volume, mask: Mask, preset: RadiomicsPreset, where: str, repeats: tuple[int, int]
) -> None:
    """Time both engines on the same region and compare every feature."""
    ours, found = seconds(lambda: extract_radiomics(volume, mask, preset), repeats[0])
    theirs, reference = seconds(
        lambda: extract_radiomics(volume, mask, preset, engine="pyradiomics"), repeats[1]
    )
    mine, peer = report(f"fast engine, {where}", ours), report(f"PyRadiomics, {where}", theirs)
    differing = find_disagreements(found.features, reference.features)
    scale = np.maximum(np.abs(reference.vector()), 1e-12)
    largest = float((np.abs(found.vector() - reference.vector()) / scale).max())
    print(
        f"  {'ratio':<44} {peer / mine:>8.1f}     {len(found.features)} features,"
        f" {len(differing)} disagree, largest relative difference {largest:.1e}"
    )
    for d in differing:
        print(f"    {d.name}: {d.found!r} against {d.reference!r}")


def measure_slab(scan: SimulatedScan, repeats: int) -> None:
    """`muscle-1343` of both psoas muscles on 13 slices: given the slab, and given the whole CT."""
    middle = scan.l3_slice_index or 0
    volume, psoas = scan.volume, mask_of(scan, "psoas_left", "psoas_right")
    slab, slab_mask = cut(volume, psoas, middle, 13)
    within = np.zeros_like(psoas)
    within[middle - 6 : middle + 7] = slab_mask
    print(f"\nL3 slab, muscle-1343, {slab_mask.sum()} pixels on 13 slices of {slab.shape[1:]}")
    preset = PRESETS["muscle-1343"]
    compare(slab, slab_mask, preset, "given the slab", (repeats, max(1, repeats // 3)))
    compare(volume, within, preset, f"given the whole CT ({volume.shape[0]} slices)", (repeats, 1))


def measure_cohort(scan: SimulatedScan, repeats: int) -> None:
    """One patient of a cohort: all muscle on five slices, one thread, as in a pool of processes."""
    slab, mask = cut(scan.volume, scan.muscle_mask(), scan.l3_slice_index or 0, 5)
    print(f"\nOne patient of a cohort, one thread, {mask.sum()} pixels on 5 slices")
    given = os.environ.get("NUMBA_NUM_THREADS")
    os.environ["NUMBA_NUM_THREADS"] = "1"
    for name in ("muscle-1343", "muscle-full"):
        report(name, seconds(lambda n=name: extract_radiomics(slab, mask, n), repeats)[0])  # type: ignore[misc]
    if given is None:
        del os.environ["NUMBA_NUM_THREADS"]
    else:
        os.environ["NUMBA_NUM_THREADS"] = given


def measure_liver(scan: SimulatedScan, repeats: int) -> None:
    """`lesion` of the whole liver, with shape and without."""
    liver = mask_of(scan, "liver", "liver_lesion")
    print(f"\nLiver, {liver.sum()} voxels in the whole CT")
    preset = PRESETS["lesion"]
    texture = replace(preset, classes=preset.texture_classes)
    compare(scan.volume, liver, texture, "all classes but shape", (max(1, repeats // 2), 1))
    compare(scan.volume, liver, preset, "all classes", (max(1, repeats // 2), 1))


def main() -> None:
    """Print every part as lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--threads", type=int, help="threads of both engines")
    given = parser.parse_args()
    if given.threads:
        import SimpleITK as sitk

        os.environ["NUMBA_NUM_THREADS"] = str(given.threads)
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(given.threads)
    names = ("numpy", "numba", "pyradiomics", "SimpleITK", "PyWavelets")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        + ", ".join(f"{name} {version(name)}" for name in names)
    )
    print(f"engine compiled or loaded in {warm_up():.1f} s")
    scan = simulate()
    for part in given.parts.split(","):
        {"slab": measure_slab, "cohort": measure_cohort, "liver": measure_liver}[part](
            scan, given.repeats
        )


if __name__ == "__main__":
    main()
