"""RT structure sets as treatment planning systems write them, made with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from hccsurv_core.volume import Volume

RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"

#: Corners (points, 3) in mm, or (corners, geometric type).
Contour = NDArray[np.float64] | tuple[NDArray[np.float64], str]


def contour(points: NDArray[np.float64], kind: str = "CLOSED_PLANAR", decimals: int = 3) -> Dataset:
    """One item of a ContourSequence."""
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(points)
    item.ContourData = [f"{value:.{decimals}f}" for value in np.ravel(points)]
    return item


def structure_set(
    regions: dict[str, list[Contour]],
    *,
    frame_uid: str = "1.2.3.4.9",
    series_uid: str = "1.2.3.4.2",
    decimals: int = 3,
    kinds: dict[str, str] | None = None,
) -> Dataset:
    """A structure set of named regions."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = RT_STRUCTURE_SET
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3.4.5"
    ds.Modality = "RTSTRUCT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4.1", "1.2.3.4.6"
    ds.StructureSetLabel = "test"
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = series_uid
    study.RTReferencedSeriesSequence = Sequence([series])
    frame.FrameOfReferenceUID = frame_uid
    frame.RTReferencedStudySequence = Sequence([study])
    ds.ReferencedFrameOfReferenceSequence = Sequence([frame])
    rois, drawn, observed = [], [], []
    for number, (name, contours) in enumerate(regions.items(), start=1):
        roi, lines, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID = frame_uid
        lines.ReferencedROINumber = number
        items = [c if isinstance(c, tuple) else (c, "CLOSED_PLANAR") for c in contours]
        lines.ContourSequence = Sequence([contour(p, kind, decimals) for p, kind in items])
        observation.ObservationNumber = observation.ReferencedROINumber = number
        observation.RTROIInterpretedType = (kinds or {}).get(name, "")
        rois.append(roi)
        drawn.append(lines)
        observed.append(observation)
    ds.StructureSetROISequence = Sequence(rois)
    ds.ROIContourSequence = Sequence(drawn)
    ds.RTROIObservationsSequence = Sequence(observed)
    return ds


def on_slice(volume: Volume, k: float, corners: Any) -> NDArray[np.float64]:
    """Corners given as (row, column) of slice ``k`` in LPS mm."""
    corners = np.asarray(corners, dtype=np.float64)
    return volume.index_to_world(np.column_stack([np.full(len(corners), k), corners]))


def outline_of(mask: NDArray[np.bool_], volume: Volume, k: int) -> list[NDArray[np.float64]]:
    """A square contour round every pixel of ``mask`` (rows, columns): any mask, pixel for pixel."""
    square = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)])
    return [on_slice(volume, k, square + pixel) for pixel in np.argwhere(mask)]


def box(top: float, left: float, bottom: float, right: float) -> list[tuple[float, float]]:
    """Corners (row, column) of a rectangle."""
    return [(top, left), (top, right), (bottom, right), (bottom, left)]


def save(ds: Dataset, path: Path) -> Path:
    """Write with preamble."""
    ds.save_as(path, enforce_file_format=True)
    return path
