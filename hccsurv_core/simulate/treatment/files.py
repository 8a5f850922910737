"""A two-phase liver scan as files of a cohort folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import IMAGES, ROIS
from hccsurv_core.io.export import write_nifti_labels
from hccsurv_core.simulate.dicom_writer import write_dicom_series
from hccsurv_core.simulate.treatment.images import LiverScan
from hccsurv_core.simulate.treatment.scanner import LiverScanSettings

#: Compressed files are padded to a multiple of this, by scanner: their size tells nothing else.
_FILE_BYTES = {True: 53_248, False: 49_152}


def write_liver_scan(
    folder: Path, patient_id: str, scan: LiverScan, settings: LiverScanSettings, seed: int
) -> Mapping[str, Any]:
    """Write DICOM series and outlines of one patient under the cohort folder.

    Returns:
        what was measured on the drawn tumor, for ``truth.csv``.
    """
    rng = np.random.default_rng([seed, int(patient_id[1:]), 41])
    for number, (phase, volume) in enumerate(scan.volumes.items(), start=2):
        write_dicom_series(
            volume,
            folder / IMAGES / patient_id / phase,
            facts=scan.facts,
            # The seed keeps identifiers of two cohorts apart.
            patient_id=f"SIM-{seed}-{patient_id}",
            study_date="2020-01-01",
            description=f"Liver {phase.replace('_', ' ')} simulated",
            shuffle_seed=int(rng.integers(2**31)),
            tags={
                "SeriesNumber": number,
                "ManufacturerModelName": "sim sharp" if settings.sharp else "sim soft",
                "ConvolutionKernel": "sharp" if settings.sharp else "soft",
                "ContrastBolusAgent": "iodinated",
            },
            compress=True,
            even_bytes=_FILE_BYTES[settings.sharp],
        )
        outlines = folder / ROIS / patient_id
        write_nifti_labels(outlines / f"{phase}_lesion.nii.gz", scan.lesions[phase])
        write_nifti_labels(outlines / f"{phase}_liver.nii.gz", scan.livers[phase])
    return {"scan_sharp": settings.sharp, **measured(scan)}


def measured(scan: LiverScan) -> dict[str, Any]:
    """Size and contrast of the index tumor as drawn (HU against the liver about it, by phase)."""
    found: dict[str, Any] = {"scan_tumors_in_view": scan.tumors_in_view}
    for phase, volume in scan.volumes.items():
        inside = scan.lesions[phase].voxels > 0
        liver = (scan.livers[phase].voxels > 0) & ~inside
        contrast = float(volume.voxels[inside].mean()) - float(np.median(volume.voxels[liver]))
        found[f"scan_contrast_{phase}_hu"] = round(contrast, 2)
    area = float((scan.lesions["arterial"].voxels > 0).sum((1, 2)).max())
    found["scan_area_cm2"] = round(area * scan.volumes["arterial"].pixel_area_cm2, 3)
    return found
