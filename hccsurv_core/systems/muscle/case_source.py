"""A patient as a scan of any kind: the slab at L3, its outline, and what is known of the patient.

The outline is a file (label map or DICOM SEG) or the automatic one. What is known stands in a JSON
file by the names of a cohort table: ``{"sex": "male", "age_years": 61, "height_m": 1.7,
"albumin_g_l": 38, …}``; what the DICOM header says is taken where the file says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.clinical_values import BY_NAME, check_clinical_values
from hccsurv_core.errors import InputError
from hccsurv_core.io.grids import MaskFile
from hccsurv_core.io.json_object import read_json_object
from hccsurv_core.io.label_masks import masks_of
from hccsurv_core.patient import PatientFacts, check_patient_facts
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.muscle.case_images import CaseImages, split_outline
from hccsurv_core.systems.muscle.case_slab import FEWEST_SLICES, slab_from_scan
from hccsurv_core.volume import LabelMap, Volume

#: A folder's file with what is known of the patient.
RECORD_FILE = "case.json"
_FACTS = ("sex", "age_years", "height_m", "weight_kg")
_REMEDY = "label muscle without psoas 1 and both psoas 2, or give a DICOM SEG with named segments"


@dataclass(frozen=True, eq=False)
class CaseSource:
    """One patient, ready for feature extraction.

    Args:
        name: of the patient or the scan, for reports.
        images: slab and outline.
        record: facts and clinical values by their names in a cohort table.
        warnings: what a reader must check.
    """

    name: str
    images: CaseImages
    record: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def read_scan_case(
    scan: Path,
    *,
    mask: Path | None = None,
    record: Path | None = None,
    slice_index: int | None = None,
    fewest: int = FEWEST_SLICES,
    progress: Progress = silent,
) -> CaseSource:
    """Read a scan, outline it or read its outline, and cut the slab.

    Args:
        scan: a folder, a zip, a DICOM file or a NIfTI.
        mask: an outline on the scan's grid; None outlines L3 automatically.
        record: JSON with what is known; None takes ``case.json`` in the scan's folder, if there
            is one.
        slice_index: the measured slice, from 0 from the feet up; default the middle of the
            outline, or L3 as it is found.
        fewest: slices that the features need.

    Raises:
        InputError: a file cannot be read, L3 cannot be found or outlined, or the outline is not
            enough.
    """
    from hccsurv_core.io.intake import Upload

    known = read_record(record) if record else _record_beside(scan)
    with ExitStack() as stack:
        # Two processes parse them side by side; only the outline's grid waits for the scan's.
        aside = stack.enter_context(ThreadPoolExecutor(1))
        parsing = None if mask is None else aside.submit(MaskFile, mask)
        if parsing is not None:
            stack.callback(_close, parsing)
        with Upload([scan], progress=part_of(progress, 0.0, 0.3)) as upload:
            loaded = upload.load()
        masks = None if parsing is None else _masks(parsing.result(), loaded.volume)
    of_header = {k: v for k, v in asdict(loaded.patient).items() if k in _FACTS and v is not None}
    known = {**of_header, **known}
    contrast = None if loaded.series.phase is None else loaded.series.phase != "noncontrast"
    reading = part_of(progress, 0.3, 1.0)
    cut: dict[str, Any]
    if masks is not None and mask is not None:
        cut = {"masks": masks, "slice_index": _level(masks, slice_index, mask.name)}
        warnings: tuple[str, ...] = ()
    else:
        cut, warnings = _outlined(loaded.volume, known, slice_index, reading)
    images = slab_from_scan(loaded.volume, **cut, contrast=contrast, fewest=fewest)
    name = scan.resolve().name
    told = (*loaded.warnings, *warnings, *images.warnings)
    return CaseSource(name, replace(images, warnings=()), known, told)


def _outlined(
    volume: Volume, known: Mapping[str, Any], slice_index: int | None, progress: Progress
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The automatic outline, as :func:`slab_from_scan` takes it, and what to check."""
    from hccsurv_core.systems.sarcopenia import analyze_scan

    facts = PatientFacts(**{k: v for k, v in known.items() if k in _FACTS})
    found = analyze_scan(volume, facts, slice_index=slice_index, progress=progress)
    outline = found.segmentation
    return {
        "masks": outline.masks,
        "slice_index": outline.slice_index,
        "first_slice": outline.first_slice,
    }, found.warnings


def _close(parsing: Future[MaskFile]) -> None:
    if parsing.exception() is None:
        parsing.result().close()


def _masks(file: MaskFile, volume: Volume) -> dict[str, NDArray[np.bool_]]:
    """Muscle and psoas of an outline file, on the volume's grid.

    Args:
        file: DICOM SEG with segments named as here, a NIfTI that this package wrote (its JSON
            beside it), or one with 1 for muscle without psoas and 2 for both psoas.

    Raises:
        InputError: it lies on another grid, or does not say what is what.
    """
    path, labels = file.path, file.on(volume)
    names = labels.names or _names_beside(path)
    if names:
        found = masks_of(LabelMap(labels.voxels, labels.affine, names))
        parts = [
            m for n in ("psoas", "psoas_left", "psoas_right") if (m := found.get(n)) is not None
        ]
        muscle = found.get("muscle")
        if muscle is None or not parts:
            shown = ", ".join(sorted(names.values())) or "none"
            raise InputError(
                f"muscle and psoas are not among its structures ({shown})",
                source=path.name, remedy=_REMEDY,
            )  # fmt: skip
        psoas = np.logical_or.reduce(parts)
        return {"muscle": np.asarray(muscle | psoas), "psoas": np.asarray(psoas)}
    more = sorted(int(v) for v in np.unique(labels.voxels) if v not in (0, 1, 2))
    if more:
        raise InputError(
            f"has a label {more[0]} that nothing names", source=path.name, remedy=_REMEDY
        )
    whole, inner = split_outline(labels.voxels, None, path.name)
    return {"muscle": whole, "psoas": inner}


def _names_beside(path: Path) -> dict[int, str]:
    """Labels as the JSON beside a NIfTI of ours names them; empty where there is none."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    sidecar = path.with_name(f"{stem}.json")
    if stem == path.name or not sidecar.is_file():
        return {}
    labels = read_json_object(sidecar, '{"labels": {"1": "muscle", …}}').get("labels")
    if not isinstance(labels, Mapping) or not all(str(k).isdigit() for k in labels):
        raise InputError("does not name the mask's labels", source=sidecar.name, remedy=_REMEDY)
    return {int(k): str(v) for k, v in labels.items()}


def _level(masks: Mapping[str, NDArray[np.bool_]], asked: int | None, source: str) -> int:
    if asked is not None:
        return asked
    slices = np.flatnonzero(masks["psoas"].any(axis=(1, 2)))
    if not slices.size:
        raise InputError("psoas is not outlined", source=source, remedy=_REMEDY)
    return int(slices[slices.size // 2])


def _record_beside(scan: Path) -> dict[str, Any]:
    inside = scan / RECORD_FILE
    return read_record(inside) if scan.is_dir() and inside.is_file() else {}


def read_record(path: Path) -> dict[str, Any]:
    """What is known of a patient, checked; null is not known.

    Raises:
        InputError: it is no JSON object, a name is not known, or a value is impossible.
    """
    given = {
        name: value
        for name, value in read_json_object(path, '{"sex": "male", …}').items()
        if value is not None
    }
    facts = {name: given.pop(name) for name in _FACTS if name in given}
    for name, value in facts.items():
        if name != "sex" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{name} {value!r} is not a number", source=path.name)
    for name, value in given.items():
        # Cohort tables write yes and no as 1 and 0.
        if name in BY_NAME and BY_NAME[name].kind == "yes_no" and value in (0, 1):
            given[name] = bool(value)
    try:
        check_patient_facts(PatientFacts(**facts))
        return {**facts, **check_clinical_values(given)}
    except InputError as error:
        # The file's name stands where the form's field or section does; the value is told.
        told = (
            error.what
            if error.source in (None, "clinical values")
            else f"{error.source}: {error.what}"
        )
        raise InputError(told, source=path.name, remedy=error.remedy) from error


def read_cohort_case(folder: Path, patient: str | None = None) -> CaseSource:
    """One patient of a cohort folder.

    Args:
        folder: with ``cohort.csv``.
        patient: whose; None where there is one only.

    Raises:
        InputError: there is no such patient or no such outline, or the files cannot be read.
    """
    from hccsurv_core.cohort.folder_schema import PATIENT_ID
    from hccsurv_core.systems.muscle.case_images import read_case_images
    from hccsurv_core.systems.muscle.cohort import case_tasks, read_muscle_cohort

    cohort = read_muscle_cohort(folder)
    ids = cohort.patient_ids
    if patient is None and len(ids) == 1:
        patient = ids[0]
    if patient not in ids:
        raise InputError(
            f"there is no patient {patient!r}" if patient else f"holds {len(ids)} patients",
            source=str(folder), remedy=f"give --patient, for example {ids[0]}",
        )  # fmt: skip
    at = ids.index(patient)
    task = case_tasks(cohort)[at]
    images = read_case_images(task.files["series"], task.files["outline"], task.settings["labels"])
    record = cohort.table.drop(columns=[PATIENT_ID]).iloc[at].to_dict()
    return CaseSource(str(patient), replace(images, warnings=()), record, images.warnings)
