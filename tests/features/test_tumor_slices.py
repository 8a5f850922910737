"""What a few slices tell of tumors, on phantoms whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hccsurv_core.features.tumor_slices import longest_diameter_mm, measure_organ
from hccsurv_core.imaging.organ_slices import OrganSlices

PIXEL = 1.5


def disk(
    radius_mm: float = 20.0, *, blur_mm: float = 1.0, core: float = 0.0, noise: float = 3.0,
    rough: float = 0.0, seed: int = 0, mottle: float = 0.0,
) -> OrganSlices:  # fmt: skip
    """Three slices of a liver of 110 HU with one dark tumor of 80 HU and a dead core of 25 HU."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :120] * PIXEL - 90.0
    away = np.hypot(x, y) - radius_mm
    share = np.clip(0.5 - away / blur_mm, 0, 1)
    from scipy.ndimage import gaussian_filter

    liver = 110 + rough * 12 * gaussian_filter(rng.normal(size=(3, 120, 120)), (0, 3, 3))
    tumor = 80 + mottle * 12 * gaussian_filter(rng.normal(size=(3, 120, 120)), (0, 3, 3))
    dead = np.hypot(x, y) < radius_mm * math.sqrt(core)
    hu = liver + share * (np.where(dead, 25.0, tumor) - liver)
    hu = hu + noise * rng.normal(size=hu.shape)
    organ = np.broadcast_to(np.hypot(x, y) < 80, hu.shape)
    lesions = np.where(np.broadcast_to(away < 0, hu.shape), 4, 0)
    return OrganSlices(hu, organ, lesions, (PIXEL, PIXEL), (0, 1, 2))


class TestSizes:
    def test_a_disk_has_its_diameter_area_and_number(self) -> None:
        found = measure_organ(disk(20.0))
        assert list(found.lesions) == [4]
        assert found.largest_mm == pytest.approx(40.0, abs=2 * PIXEL)
        assert found.tumor_cm2 == pytest.approx(math.pi * 4, rel=0.03)
        assert found.volume_ml == pytest.approx(math.pi / 6 * found.largest_mm**3 / 1000)

    def test_one_pixel_has_the_length_of_its_diagonal(self) -> None:
        one = np.zeros((9, 9), dtype=bool)
        one[4, 4] = True
        assert longest_diameter_mm(one, (3.0, 4.0)) == pytest.approx(5.0)

    def test_a_slanted_bar(self) -> None:
        bar = np.eye(30, dtype=bool)
        assert longest_diameter_mm(bar, (1.0, 1.0)) == pytest.approx(30 * math.sqrt(2))

    def test_it_is_the_longest_of_all_pairs(self) -> None:
        rng = np.random.default_rng(3)
        blob = rng.random((14, 17)) < 0.2
        corners = [
            (i + a, j + b) for i, j in zip(*np.nonzero(blob), strict=True)
            for a in (-0.5, 0.5) for b in (-0.5, 0.5)
        ]  # fmt: skip
        longest = max(
            math.hypot(2.0 * (p[0] - q[0]), 0.7 * (p[1] - q[1])) for p in corners for q in corners
        )
        assert longest_diameter_mm(blob, (2.0, 0.7)) == pytest.approx(longest)

    def test_nothing_outlined_is_nothing(self) -> None:
        bare = disk()
        empty = OrganSlices(
            bare.intensity_hu, bare.organ, np.zeros_like(bare.lesions), bare.pixel_mm, (0, 1, 2)
        )
        found = measure_organ(empty)
        assert found.lesions == {}
        assert (found.tumor_cm2, found.largest_mm, found.volume_ml) == (0.0, 0.0, 0.0)
        assert math.isnan(found.edge_mm)
        assert found.organ_hu == pytest.approx(110, abs=1)


class TestTissue:
    @pytest.mark.parametrize("core", [0.0, 0.2, 0.5, 0.7])
    def test_the_dead_share(self, core: float) -> None:
        assert measure_organ(disk(25.0, core=core)).necrosis == pytest.approx(core, abs=0.1)

    def test_a_wider_passage_is_measured_wider(self) -> None:
        widths = [measure_organ(disk(blur_mm=b)).edge_mm for b in (1.0, 4.0, 8.0)]
        assert widths[0] < widths[1] < widths[2]
        assert widths[2] == pytest.approx(8.0, rel=0.4)

    def test_noise_is_not_taken_for_a_rough_liver(self) -> None:
        smooth = measure_organ(disk(noise=6.0)).roughness_hu
        rough = measure_organ(disk(noise=6.0, rough=4.0)).roughness_hu
        assert rough > 2 * smooth

    def test_an_uneven_tumor(self) -> None:
        even, uneven = (measure_organ(disk(25.0, mottle=m)).mottle_hu for m in (0.0, 4.0))
        assert uneven > 2 * even

    def test_contrast_is_liver_above_tumor(self) -> None:
        assert measure_organ(disk(noise=1.0)).contrast_hu == pytest.approx(30, abs=3)

    def test_in_lungs_no_density_is_judged(self) -> None:
        found = measure_organ(disk(), tissue=False)
        assert found.largest_mm > 0
        assert math.isnan(found.organ_hu)
        assert math.isnan(found.necrosis)
