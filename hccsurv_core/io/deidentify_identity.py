"""What a DICOM instance is, and what stands in where its file does not say.

Real scans come without file meta information, SOP class or UIDs; the copies
written from them are valid files all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

#: UIDs below this root are the standard's own.
DICOM_ROOT = "1.2.840.10008."


@dataclass(frozen=True)
class Identity:
    """SOP class, UIDs and transfer syntax of one instance.

    Args:
        sop_class: the standard's UID, guessed from the modality if need be.
        instance: SOP Instance UID, "" if the file has none.
        study, series: UIDs, or a text that is the same for all files that belong together.
        transfer_syntax: UID of the encoding.
    """

    sop_class: str
    instance: str
    study: str
    series: str
    transfer_syntax: str

    @classmethod
    def of(cls, dataset: Dataset) -> Identity:
        """Read it off a data set as pydicom read it, before it is changed."""
        meta = getattr(dataset, "file_meta", Dataset())
        stated = str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
        day = f"study of {dataset.get('StudyDate') or 'unknown date'}"
        parts = ("FrameOfReferenceUID", "SeriesNumber", "Modality", "Rows", "Columns")
        series = f"series {[dataset.get(part) for part in parts]}"
        return cls(
            sop_class=stated if stated.startswith(DICOM_ROOT) else _storage_class(dataset),
            instance=str(
                dataset.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID") or ""
            ),
            study=str(dataset.get("StudyInstanceUID") or day),
            series=str(dataset.get("SeriesInstanceUID") or series),
            transfer_syntax=str(meta.get("TransferSyntaxUID") or _encoding(dataset)),
        )


def _encoding(dataset: Dataset) -> str:
    """The uncompressed transfer syntax that a file without meta information was read with."""
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _storage_class(dataset: Dataset) -> str:
    modality = str(dataset.get("Modality") or "")
    many = int(dataset.get("NumberOfFrames") or 1) > 1
    if modality == "CT":
        enhanced = "PerFrameFunctionalGroupsSequence" in dataset
        return EnhancedCTImageStorage if enhanced else CTImageStorage
    if modality == "US":
        return UltrasoundMultiFrameImageStorage if many else UltrasoundImageStorage
    return MRImageStorage if modality == "MR" else SecondaryCaptureImageStorage
