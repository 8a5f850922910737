"""A body-composition segmentation as one label map on the grid of its scan, for export."""

from __future__ import annotations

import numpy as np

from hccsurv_core.errors import GeometryMismatchError
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import LabelMap, Volume

#: Label values; a psoas pixel carries the psoas's label, "muscle" is the rest of the muscle.
LABELS: dict[int, str] = {
    1: "muscle",
    2: "psoas_left",
    3: "psoas_right",
    4: "subcutaneous_fat",
    5: "visceral_fat",
}


def build_label_map(volume: Volume, segmentation: BodySegmentation) -> LabelMap:
    """Labels (slices, rows, columns) on the grid of ``volume``; 0 outside of every structure.

    Total skeletal muscle is the union of the labels 1, 2 and 3.

    Raises:
        GeometryMismatchError: the masks do not fit the volume.
    """
    labels = np.zeros(volume.shape, dtype=np.uint8)
    first, last = segmentation.first_slice, segmentation.first_slice + segmentation.n_slices
    for value, name in LABELS.items():
        mask = segmentation.masks.get(name)
        if mask is None:
            continue
        if last > volume.shape[0] or mask.shape[1:] != volume.shape[1:]:
            raise GeometryMismatchError(
                f"masks of {mask.shape} from slice {first} do not fit a scan of {volume.shape}",
                remedy="outline the scan again",
            )
        labels[first:last][mask] = value
    return LabelMap(labels, volume.affine, names=dict(LABELS))
