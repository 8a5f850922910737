"""Shape features of a large mask against PyRadiomics' shape class, in one run.

`python -m benchmarks.radiomics_shape [--scan LABELS.nii.gz]`. Without a scan the mask is a lumpy
ellipsoid of a million voxels; the liver label of the shared CT, three times finer, is taken where
the folder of real scans lies beside the checkout. PyRadiomics compares every pair of the surface's
points (a minute at this size), so it runs once; ours runs five times.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.shape import shape_features

LIVER = Path(__file__).resolve().parents[2] / "shared/data/ct_abdomen_pelvis/labels/liver.nii.gz"
FINER = 3
REPEATS = 5
#: Largest relative difference between the two; anything above is a defect.
TOLERANCE = 1e-6


def lumpy_ellipsoid(seed: int = 0) -> NDArray[np.bool_]:
    """About a million voxels of 1 mm with a surface of smooth lumps."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(150, 200, 240)), 6)
    z, y, x = np.ogrid[-1:1:150j, -1:1:200j, -1:1:240j]
    return np.asarray(z**2 + y**2 + x**2 + 0.15 * noise / noise.std() < 0.42)


def finer_label(path: Path) -> tuple[NDArray[np.bool_], tuple[float, float, float]]:
    """A label resampled to a third of its spacing, and that spacing."""
    import SimpleITK as sitk
    from scipy.ndimage import zoom

    image = sitk.ReadImage(str(path))
    label = (sitk.GetArrayFromImage(image) > 0).astype(np.float32)
    z, y, x = (s / FINER for s in image.GetSpacing()[::-1])
    return zoom(label, FINER, order=1) > 0.5, (z, y, x)


def by_pyradiomics(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> dict[str, float]:
    """All features of PyRadiomics' shape class on the mask's bounding box."""
    import radiomics
    import SimpleITK as sitk
    from radiomics.shape import RadiomicsShape

    radiomics.setVerbosity(60)
    drawn = np.argwhere(mask)
    box = tuple(slice(a, b) for a, b in zip(drawn.min(0), drawn.max(0) + 1, strict=True))
    image = sitk.GetImageFromArray(mask[box].astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    features = RadiomicsShape(image, image, label=1)
    features.enableAllFeatures()
    return {name: float(np.real(value)) for name, value in features.execute().items()}


def main() -> None:
    """Time both, compare every value, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan", type=Path, default=LIVER, help="a label as NIfTI")
    arguments = parser.parse_args()
    if arguments.scan.is_file():
        mask, spacing = finer_label(arguments.scan)
        what = f"{arguments.scan.name} {FINER} times finer"
    else:
        mask, spacing, what = lumpy_ellipsoid(), (1.0, 1.0, 1.0), "lumpy ellipsoid"
    print(f"{what}: {np.count_nonzero(mask)} voxels in a grid of {mask.shape}")

    shape_features(mask, spacing)  # compiled now, or read from the cache
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        ours = shape_features(mask, spacing)
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    theirs = by_pyradiomics(mask, spacing)
    theirs_s = time.perf_counter() - start
    difference = max(abs(ours[name] / theirs[name] - 1) for name in theirs)
    ours_s = statistics.median(times)
    print(f"ours         {ours_s:8.3f} s (median of {REPEATS}, {min(times):.3f}-{max(times):.3f})")
    print(f"PyRadiomics  {theirs_s:8.3f} s")
    print(f"ratio        {theirs_s / ours_s:8.0f}")
    print(f"largest relative difference of {len(theirs)} features: {difference:.1e}")
    if difference > TOLERANCE:
        raise SystemExit(f"the features differ by more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
