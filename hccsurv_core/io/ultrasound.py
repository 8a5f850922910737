"""Recognise ultrasound and describe it. Reading clips for perfusion is another room's job."""

from __future__ import annotations

from hccsurv_core.errors import WrongModalityError
from hccsurv_core.io.dicom_header import FileHeader

#: PS3.4 B.5: ultrasound (multi-frame) image storage, retired forms, and enhanced volumes.
US_SOP_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.3",
        "1.2.840.10008.5.1.4.1.1.3.1",
        "1.2.840.10008.5.1.4.1.1.6",
        "1.2.840.10008.5.1.4.1.1.6.1",
        "1.2.840.10008.5.1.4.1.1.6.2",
        "1.2.840.10008.5.1.4.1.1.6.3",
    }
)


def is_ultrasound(header: FileHeader) -> bool:
    """True by modality, SOP class, or by the regions that only ultrasound has."""
    return (
        header.modality in ("US", "IVUS")
        or header.sop_class in US_SOP_CLASSES
        or (header.regions > 0 and header.modality not in ("CT", "MR", "PT"))
    )


def describe_ultrasound(header: FileHeader) -> str:
    """For the listing: "clip, 65 frames of 576×456, 2 regions"."""
    size = f"{header.columns}×{header.rows}"
    kind = f"clip, {header.n_frames} frames of {size}" if header.n_frames > 1 else f"still, {size}"
    regions = f", {header.regions} regions" if header.regions > 1 else ""
    return f"{kind}{regions}"


def refuse_ultrasound(header: FileHeader) -> WrongModalityError:
    """The refusal for a job that needs CT."""
    return WrongModalityError(
        f"this is ultrasound ({describe_ultrasound(header)})",
        remedy="body composition needs a CT of the abdomen: upload the patient's CT instead",
    )
