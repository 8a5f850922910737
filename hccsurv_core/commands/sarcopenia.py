"""``sarcopenia``: from a scan to the five definitions."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

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
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="move outline and level a little, and tell which verdicts would flip",
    )
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read, locate, outline, measure, and write the answer.

    Raises:
        InputError: the scan, the slice or the patient's facts cannot be used.
    """
    from hccsurv_core.io.intake import Upload
    from hccsurv_core.systems.outline_uncertainty import outline_uncertainty
    from hccsurv_core.systems.sarcopenia import analyze_scan

    check_patient_facts(PatientFacts(sex=arguments.sex, height_m=arguments.height_m))
    start = time.perf_counter()
    paths = [Path(path) for path in arguments.scan]
    with Upload(paths, progress=part_of(report_progress, 0.0, 0.3)) as upload:
        scan = upload.load()
        read_s = time.perf_counter() - start
        facts = _facts(arguments, scan)
        try:
            result = analyze_scan(
                scan.volume,
                facts,
                slice_index=arguments.slice,
                backend=arguments.backend,
                progress=part_of(report_progress, 0.3, 1.0),
            )
        except InputError as error:
            raise error.with_source(paths[0].name) from error
        answer = result.to_json()
        uncertainty = None
        if arguments.uncertainty:
            uncertainty = outline_uncertainty(scan.volume, result.segmentation, facts)
            answer["uncertainty"] = uncertainty.to_json()
        answer["warnings"] = [*scan.warnings, *result.warnings]
        answer["timings_s"] = {
            "read": round(read_s, 3),
            **result.timings_s,
            "total": round(time.perf_counter() - start, 3),
        }
        answer["patient"] = {"sex": facts.sex, "height_m": facts.height_m}
        if arguments.out:
            answer["masks"] = _write(Path(arguments.out), scan, result.segmentation)
    write_answer(answer, arguments.json, _table(result, scan, uncertainty))


def _facts(arguments: argparse.Namespace, scan) -> PatientFacts:
    """What is given, and else what the scan says."""
    return PatientFacts(
        sex=arguments.sex or scan.patient.sex,
        age_years=scan.patient.age_years,
        height_m=arguments.height_m or scan.patient.height_m,
        weight_kg=scan.patient.weight_kg,
    )


def _write(folder: Path, scan, segmentation) -> dict[str, str]:
    """The masks; returns the files' names."""
    from hccsurv_core.io.export import write_masks

    written = write_masks(
        folder,
        scan.volume,
        segmentation.masks,
        first_slice=segmentation.first_slice,
        source_files=scan.dicom_files,
        method=segmentation.method,
        axes=scan.source_axes,
    )
    return {name: path.name for name, path in written.items()}


def _table(result, scan, uncertainty) -> str:
    location = result.location
    lines = [
        f"L3: slice {location.slice_index} at {location.position_mm:.1f} mm, "
        f"confidence {location.confidence:.2f} ({location.method})",
        definitions_table(result.definitions),
        *([f"moved a little: {uncertainty.sentence}"] if uncertainty else []),
        *(f"check: {text}" for text in (*scan.warnings, *result.warnings)),
        "Research use. Not a medical device.",
    ]
    return "\n".join(lines)
