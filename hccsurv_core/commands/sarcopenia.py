"""``sarcopenia``: from a scan to the five definitions."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from hccsurv_core.commands.definitions import definitions_table
from hccsurv_core.commands.shared import (
    add_common_arguments,
    add_patient_arguments,
    report_progress,
    write_answer,
)
from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import part_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "scan", nargs="+", metavar="SCAN", help="a folder, a zip, DICOM files, or a NIfTI file"
    )
    add_patient_arguments(parser, sex_required=False)
    parser.add_argument(
        "--slice",
        type=int,
        metavar="K",
        help="the slice that shows L3, counted from 0 from the feet up, instead of finding it",
    )
    parser.add_argument(
        "--backend",
        default="classical",
        help="what outlines the muscle: classical or totalsegmentator (default: classical)",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="write the masks there, as NIfTI and DICOM SEG"
    )
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read, locate, outline, measure, and write the answer.

    Raises:
        InputError: the scan, the slice or the patient's facts cannot be used.
    """
    from hccsurv_core.io.intake import Upload
    from hccsurv_core.systems.sarcopenia import analyze_scan

    check_patient_facts(PatientFacts(sex=arguments.sex, height_m=arguments.height_m))
    start = time.perf_counter()
    paths = [Path(path) for path in arguments.scan]
    with Upload(paths, progress=part_of(report_progress, 0.0, 0.3)) as upload:
        scan = upload.load()
        read_s = time.perf_counter() - start
        facts = PatientFacts(
            sex=arguments.sex or scan.patient.sex,
            age_years=scan.patient.age_years,
            height_m=arguments.height_m or scan.patient.height_m,
            weight_kg=scan.patient.weight_kg,
        )
        result = analyze_scan(
            scan.volume,
            facts,
            slice_index=arguments.slice,
            backend=arguments.backend,
            progress=part_of(report_progress, 0.3, 1.0),
        )
        answer = result.to_json()
        answer["warnings"] = [*scan.warnings, *result.warnings]
        answer["timings_s"] = {
            "read": round(read_s, 3),
            **result.timings_s,
            "total": round(time.perf_counter() - start, 3),
        }
        answer["patient"] = {"sex": facts.sex, "height_m": facts.height_m}
        if arguments.out:
            answer["masks"] = write_masks(Path(arguments.out), scan, result.segmentation)
    write_answer(answer, arguments.json, _table(result, scan))


def write_masks(folder: Path, scan, segmentation) -> list[str]:
    """Write one NIfTI file a structure and one DICOM SEG of all; return the files' names.

    Raises:
        InputError: the folder cannot be written.
    """
    from hccsurv_core.io.export import write_dicom_seg, write_nifti_labels
    from hccsurv_core.volume import LabelMap

    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        full = {}
        for name, mask in segmentation.masks.items():
            voxels = np.zeros(scan.volume.shape, np.uint8)
            first = segmentation.first_slice
            voxels[first : first + len(mask)] = mask
            full[name] = LabelMap(voxels, scan.volume.affine, {1: name})
            written.append(write_nifti_labels(folder / f"{name}.nii.gz", full[name]))
        written.append(
            write_dicom_seg(
                folder / "segmentation.dcm",
                list(full.values()),
                source_files=scan.dicom_files,
                volume=scan.volume,
                series_description="hccsurv body composition at L3",
            )
        )
    except OSError as error:
        raise InputError(
            f"the masks cannot be written ({error.strerror})",
            source=str(folder),
            remedy="choose a folder that you may write to, on a disk with room",
        ) from error
    return [path.name for path in written]


def _table(result, scan) -> str:
    location = result.location
    lines = [
        f"L3: slice {location.slice_index} at {location.position_mm:.1f} mm, "
        f"confidence {location.confidence:.2f} ({location.method})",
        definitions_table(result.definitions),
        *(f"check: {text}" for text in (*scan.warnings, *result.warnings)),
        "Research use. Not a medical device.",
    ]
    return "\n".join(lines)
