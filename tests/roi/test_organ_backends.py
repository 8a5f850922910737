"""Organs from TotalSegmentator, against the stand-in of its own tests (its weights are not here)."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from test_totalsegmentator import CLASS_MAP, a_scan, install

from hccsurv_core.errors import InputError, MissingDependencyError
from hccsurv_core.roi.liver import segment_liver
from hccsurv_core.roi.lungs import segment_lungs
from hccsurv_core.roi.organ_backends import organ_backends
from hccsurv_core.systems.immunotherapy.stored_outlines import outline_organ

TOTAL = {
    1: "liver",
    2: "lung_upper_lobe_left",
    3: "lung_lower_lobe_left",
    4: "lung_upper_lobe_right",
    5: "lung_middle_lobe_right",
    6: "lung_lower_lobe_right",
}


def lobes(image, task):
    """Labels by place: axes of the image are columns, rows, slices."""
    labels = np.zeros(image.shape, np.uint8)
    labels[2:9, 5:20, :10] = 1
    labels[12:18, 5:20, 20:30], labels[12:18, 5:20, 10:20] = 2, 3
    labels[2:9, 5:20, 30:38], labels[2:9, 5:20, 20:30], labels[2:9, 5:20, 12:20] = 4, 5, 6
    return labels


@pytest.fixture
def package(monkeypatch):
    monkeypatch.setitem(CLASS_MAP, "total", TOTAL)
    return install(monkeypatch, lobes)


def test_lobes_are_joined_to_right_and_left(package):
    found = segment_lungs(a_scan(), backend="totalsegmentator")
    assert found.method == "totalsegmentator"
    # Voxels of 2×2×5 mm.
    assert found.right_ml == pytest.approx(7 * 15 * 26 * 0.02)
    assert found.left_ml == pytest.approx(6 * 15 * 20 * 0.02)
    assert set(package[0]["roi_subset"]) == set(TOTAL.values()) - {"liver"}


def test_the_liver_is_taken_as_it_is_and_judged(package):
    found = segment_liver(a_scan(), backend="totalsegmentator")
    assert found.method == "totalsegmentator"
    assert found.volume_ml == pytest.approx(7 * 15 * 10 * 0.02)
    assert "The liver is cut off at the lower end of the scan." in found.warnings


def test_a_network_that_finds_nothing_says_so(monkeypatch):
    monkeypatch.setitem(CLASS_MAP, "total", TOTAL)
    install(monkeypatch, lambda image, task: np.zeros(image.shape, np.uint8))
    found = segment_liver(a_scan(), backend="totalsegmentator")
    assert not found.found and found.warnings == ("totalsegmentator found no liver.",)


def test_without_the_package_it_says_what_to_install():
    if (
        "totalsegmentator" in sys.modules
        or organ_backends()["totalsegmentator"].unavailable_because() is None
    ):
        pytest.skip("TotalSegmentator is installed here")
    with pytest.raises(MissingDependencyError, match=r"pip install TotalSegmentator.*classical"):
        segment_liver(a_scan(), backend="totalsegmentator")


def test_the_store_keeps_an_outline_by_the_backend_that_was_asked_for(package):
    region, _ = outline_organ("liver", a_scan(), backend="totalsegmentator")
    assert region is not None and "(totalsegmentator, " in region.method
    with pytest.raises(InputError, match="no organ segmentation called 'x'"):
        outline_organ("liver", a_scan(), backend="x")
