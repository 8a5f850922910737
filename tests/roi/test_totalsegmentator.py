"""The TotalSegmentator backend, against a stand-in for the package (its weights are not here).

The stand-in answers as the package does: a NIfTI of labels on the grid it was given.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import nibabel
import numpy as np
import pytest

from hccsurv_core.errors import MissingDependencyError, SegmentationError
from hccsurv_core.roi.results import L3Location
from hccsurv_core.roi.segmentation import backends, segment_body
from hccsurv_core.volume import Volume

CLASS_MAP = {
    "total": {1: "iliopsoas_left", 2: "iliopsoas_right"},
    "tissue_types": {1: "subcutaneous_fat", 2: "torso_fat", 3: "skeletal_muscle"},
}
SHAPE = (40, 30, 20)


def a_scan() -> Volume:
    voxels = np.full(SHAPE, 50, np.int16)
    voxels[:, :4] = -100
    voxels[:, 26:] = -100
    return Volume(voxels, np.diag([2.0, 2.0, 5.0, 1.0]))


def install(monkeypatch, answer) -> list[dict]:
    """Put a package called totalsegmentator in place; returns the calls it gets."""
    calls: list[dict] = []
    package, api, maps = (
        ModuleType(name)
        for name in (
            "totalsegmentator",
            "totalsegmentator.python_api",
            "totalsegmentator.map_to_binary",
        )
    )
    package.__spec__ = ModuleSpec("totalsegmentator", loader=None)
    maps.class_map = CLASS_MAP

    def totalsegmentator(image, **options):
        calls.append({"image": image, **options})
        return nibabel.Nifti1Image(answer(image, options["task"]), image.affine)

    api.totalsegmentator = totalsegmentator
    for module in (package, api, maps):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


def labels_by_world_position(image, task):
    """Left psoas where x (RAS) is negative, that is the patient's left; muscle in the middle rows."""
    i, j, k = np.meshgrid(*(np.arange(n) for n in image.shape), indexing="ij")
    x = (image.affine @ np.stack([i, j, k, np.ones_like(i)]).reshape(4, -1))[0].reshape(i.shape)
    middle = x.mean()
    labels = np.zeros(image.shape, np.uint8)
    if task == "total":
        labels[(j > 10) & (j < 15) & (x < middle - 4)] = 1
        labels[(j > 10) & (j < 15) & (x > middle + 4)] = 2
    else:
        labels[j < 4] = 1
        labels[j >= 26] = 2
        labels[(j >= 4) & (j < 20)] = 3
    return labels


def test_without_the_package_it_says_what_to_install():
    if (
        "totalsegmentator" in sys.modules
        or backends()["totalsegmentator"].unavailable_because() is None
    ):
        pytest.skip("TotalSegmentator is installed here")
    with pytest.raises(MissingDependencyError, match=r"pip install TotalSegmentator.*classical"):
        segment_body(a_scan(), L3Location(20, 0, 1.0, "manual"), backend="totalsegmentator")


def test_its_labels_land_on_the_right_slices_and_the_right_side(monkeypatch):
    calls = install(monkeypatch, labels_by_world_position)
    scan = a_scan()
    found = segment_body(scan, L3Location(20, 0, 1.0, "manual"), backend="totalsegmentator")
    assert [call["task"] for call in calls] == ["total", "tissue_types"]
    assert found.method == "totalsegmentator"
    assert found.first_slice <= 20 < found.first_slice + found.n_slices
    left, right = found.mask_at("psoas_left"), found.mask_at("psoas_right")
    # Columns run to the patient's left.
    assert np.nonzero(left)[1].min() > np.nonzero(right)[1].max()
    assert found.mask_at("muscle")[(left | right)].all()
    assert found.mask_at("subcutaneous_fat")[:4].all()
    assert found.mask_at("muscle")[4:20].all()


def test_the_scan_around_the_slab_is_handed_over_in_its_true_place(monkeypatch):
    calls = install(monkeypatch, labels_by_world_position)
    scan = a_scan()
    segment_body(scan, L3Location(2, 0, 1.0, "manual"), backend="totalsegmentator")
    image = calls[0]["image"]
    assert image.shape[2] < SHAPE[0]
    np.testing.assert_allclose(image.affine[:3, 3], [0, 0, 0])
    np.testing.assert_allclose(np.diag(image.affine)[:3], [-2, -2, 5])


def test_a_missing_licence_ends_in_one_message_not_in_our_end(monkeypatch):
    def no_licence(image, task):
        raise SystemExit(1)

    install(monkeypatch, no_licence)
    with pytest.raises(MissingDependencyError, match="task 'total' could not run"):
        segment_body(a_scan(), L3Location(20, 0, 1.0, "manual"), backend="totalsegmentator")


def test_no_muscle_on_the_slice_is_refused(monkeypatch):
    install(monkeypatch, lambda image, task: np.zeros(image.shape, np.uint8))
    with pytest.raises(SegmentationError, match="TotalSegmentator found no muscle on slice 20"):
        segment_body(a_scan(), L3Location(20, 0, 1.0, "manual"), backend="totalsegmentator")
