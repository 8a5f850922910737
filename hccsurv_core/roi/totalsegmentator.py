"""TotalSegmentator as a segmentation backend, where the package and its weights are installed.

Psoas, liver and lungs come from its task "total"; total skeletal muscle and fat from its task
"tissue_types", which needs a licence key of its own. Nothing is downloaded here.
Wasserthal et al., Radiol Artif Intell 2023;5(5):e230024.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import MissingDependencyError, SegmentationError
from hccsurv_core.progress import Progress
from hccsurv_core.roi.muscle import (
    MUSCLE_HU,
    SUBCUTANEOUS_FAT_HU,
    VISCERAL_FAT_HU,
    within,
)
from hccsurv_core.roi.results import L3Location
from hccsurv_core.volume import Volume

#: It is given this much of the body above and below the slab: it was trained on whole scans.
CONTEXT_MM = 120.0
#: Organ to the names of its parts in the task "total".
ORGAN_PARTS = {
    "liver": ("liver",),
    "lung_right": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
    "lung_left": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
}


class TotalSegmentatorBackend:
    """Adapter to the ``totalsegmentator`` package."""

    name = "totalsegmentator"

    def unavailable_because(self) -> str | None:
        """See :class:`~hccsurv_core.roi.segmentation.SegmentationBackend`."""
        if importlib.util.find_spec("totalsegmentator") is None:
            return "the package TotalSegmentator is not installed (pip install TotalSegmentator)"
        return None

    def segment(
        self, volume: Volume, location: L3Location, first: int, last: int, progress: Progress
    ) -> tuple[dict[str, NDArray[np.bool_]], tuple[str, ...]]:
        """See :class:`~hccsurv_core.roi.segmentation.SegmentationBackend`."""
        self._check_available()
        context = round(CONTEXT_MM / volume.spacing_mm[0])
        low, high = max(0, first - context), min(volume.shape[0], last + 1 + context)
        image = _to_nifti(volume, low, high)
        progress(0.1, "TotalSegmentator: psoas")
        organs = _run(image, "total", ["iliopsoas_left", "iliopsoas_right"])
        progress(0.5, "TotalSegmentator: muscle and fat")
        tissues = _run(image, "tissue_types", None)
        crop = slice(first - low, last + 1 - low)
        voxels = volume.voxels[first : last + 1]
        is_muscle = within(voxels, MUSCLE_HU)
        left = organs["iliopsoas_left"][crop] & is_muscle
        right = organs["iliopsoas_right"][crop] & is_muscle & ~left
        muscle = (tissues["skeletal_muscle"][crop] & is_muscle) | left | right
        masks = {
            "muscle": muscle,
            "psoas_left": left,
            "psoas_right": right,
            "subcutaneous_fat": tissues["subcutaneous_fat"][crop]
            & within(voxels, SUBCUTANEOUS_FAT_HU),
            "visceral_fat": tissues["torso_fat"][crop] & within(voxels, VISCERAL_FAT_HU),
        }
        if not muscle[location.slice_index - first].any():
            raise SegmentationError(
                f"TotalSegmentator found no muscle on slice {location.slice_index}",
                remedy="check the level, or use the classical segmentation",
            )
        return masks, ()

    def outline_organs(
        self, volume: Volume, organs: Sequence[str], progress: Progress
    ) -> dict[str, NDArray[np.bool_]]:
        """See :class:`~hccsurv_core.roi.organ_backends.OrganBackend`."""
        self._check_available()
        progress(0.1, "TotalSegmentator: " + ", ".join(organs))
        parts = [part for organ in organs for part in ORGAN_PARTS[organ]]
        found = _run(_to_nifti(volume, 0, volume.shape[0]), "total", parts)
        return {
            organ: np.logical_or.reduce([found[part] for part in ORGAN_PARTS[organ]])
            for organ in organs
        }

    def _check_available(self) -> None:
        reason = self.unavailable_because()
        if reason:
            raise MissingDependencyError(
                reason, source=self.name, remedy="or use the classical segmentation"
            )


def _to_nifti(volume: Volume, low: int, high: int):
    import nibabel

    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * low
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return nibabel.Nifti1Image(np.transpose(volume.voxels[low:high], (2, 1, 0)), ras)


def _run(image, task: str, subset: list[str] | None) -> dict[str, NDArray[np.bool_]]:
    """Run one task; masks as (slices, rows, columns) on the grid of ``image``."""
    from totalsegmentator.map_to_binary import class_map
    from totalsegmentator.python_api import totalsegmentator

    try:
        labels = totalsegmentator(image, task=task, roi_subset=subset, ml=True, quiet=True)
    except (RuntimeError, OSError, ValueError, SystemExit) as error:
        # It leaves by sys.exit where a licence or weights are missing: that must not end us.
        raise MissingDependencyError(
            f"task {task!r} could not run ({error})",
            source="totalsegmentator",
            remedy="install its weights and licence, or use the classical segmentation",
        ) from error
    grid = np.transpose(np.asarray(labels.dataobj), (2, 1, 0))
    return {name: grid == value for value, name in class_map[task].items()}
