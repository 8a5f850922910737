"""The slices of a cohort or a patient: read, measured, and made into what the networks see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.cohort.folder import IMAGES, ROIS, Cohort
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import InputError
from hccsurv_core.features.tumor_slices import OrganMeasure, measure_organ
from hccsurv_core.imaging.organ_slices import (
    ORGANS,
    WINDOWS,
    OrganSlices,
    choose_organ_slices,
    slice_outlines,
    slice_pictures,
    take_slices,
)
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.systems.immunotherapy.cohort import (
    INTERVAL,
    LESIONS,
    NEW_LESION,
    ORGAN,
    ROLES,
    TIMES,
)
from hccsurv_core.systems.immunotherapy.signs import measure_signs
from hccsurv_core.volume import LabelMap

if TYPE_CHECKING:
    from hccsurv_core.models.crnn.samples import ScanPictures

_FIRST = "baseline_liver"


@dataclass(frozen=True, eq=False)
class ScannedPatient:
    """The chosen slices of one patient.

    Args:
        slices: role → slices; roles that were not scanned are absent.
        interval_months: between the scans; None without a follow-up.
        new_lesion_seen: by a reader; None where nobody said.
    """

    slices: Mapping[str, OrganSlices]
    interval_months: float | None = None
    new_lesion_seen: bool | None = None

    @property
    def has_followup(self) -> bool:
        """Whether there is anything of a second scan."""
        return any(role.startswith("followup") for role in self.slices)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was carried forward or is missing, in words."""
        found = []
        if "baseline_lung" not in self.slices:
            found.append("The chest was not scanned at baseline: nothing is said of the lungs.")
        elif self.has_followup and "followup_lung" not in self.slices:
            found.append(
                "The chest was not scanned at follow-up: the baseline lungs are carried forward."
            )
        return tuple(found)

    def measures(self) -> dict[str, OrganMeasure]:
        """By role."""
        return {
            role: measure_organ(found, tissue=role.endswith("liver"))
            for role, found in self.slices.items()
        }

    def signs(self) -> dict[str, float]:
        """Covariates by name."""
        return measure_signs(self.measures(), self.interval_months, self.new_lesion_seen)

    def pictures(self, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        """(2 times, 2 organs, 3 slices, pixels, pixels) and (2, 2) what was scanned.

        What was not scanned at follow-up is carried forward; lungs that were never scanned are blank.
        """
        shape = (len(TIMES), len(ORGANS))
        known = np.zeros(shape, dtype=bool)
        found = np.zeros((*shape, 3, pixels, pixels), dtype=np.float32)
        for t, time in enumerate(TIMES):
            for o, organ in enumerate(ORGANS):
                own = self.slices.get(f"{time}_{organ}")
                if own is not None:
                    found[t, o], known[t, o] = slice_pictures(own, WINDOWS[organ], pixels), True
                elif t:
                    found[t, o] = found[0, o]
        return found, known

    def outlines(self, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        """Tumors and organs on :meth:`pictures`, each (2, 2, 3, pixels, pixels) bool."""
        shape = (len(TIMES), len(ORGANS), 3, pixels, pixels)
        tumor, inside = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for t, time in enumerate(TIMES):
            for o, organ in enumerate(ORGANS):
                own = self.slices.get(f"{time}_{organ}")
                if own is not None:
                    tumor[t, o], inside[t, o] = slice_outlines(own, pixels)
                elif t:
                    tumor[t, o], inside[t, o] = tumor[0, o], inside[0, o]
        return tumor, inside


def patient_files(folder: Path, patient: str) -> dict[str, Path]:
    """Where a cohort folder keeps a patient's series and outlines, by role."""
    files = {role: folder / IMAGES / patient / role for role in ROLES}
    for role in ROLES:
        for part in (ORGAN, LESIONS):
            files[f"{role}_{part}"] = folder / ROIS / patient / f"{role}_{part}.nii.gz"
    return files


def scan_tasks(cohort: Cohort) -> tuple[PatientTask, ...]:
    """One task a patient, in the table's order; see :mod:`hccsurv_core.batch`."""
    rows = cohort.table.to_dict("records")
    return tuple(
        PatientTask(
            patient, patient_files(cohort.folder, patient),
            {name: _plain(row.get(name)) for name in (INTERVAL, NEW_LESION)},
        )
        for patient, row in zip(cohort.patient_ids, rows, strict=True)
    )  # fmt: skip


def extract_signs(task: PatientTask) -> Mapping[str, float]:
    """The signs of one patient.

    Raises:
        InputError: a file cannot be read, an outline does not fit, or the baseline liver is missing.
    """
    return read_patient(task).signs()


def read_patient(task: PatientTask) -> ScannedPatient:
    """The chosen slices of a patient of a cohort folder.

    Raises:
        InputError: as for :func:`extract_signs`.
    """
    slices = {role: read_slices(task.files, role) for role in ROLES if task.files[role].is_dir()}
    if _FIRST not in slices:
        raise InputError(
            "the baseline liver is missing", source=str(task.files[_FIRST].name),
            remedy="give the venous CT before treatment",
        )  # fmt: skip
    days, seen = task.settings[INTERVAL], task.settings[NEW_LESION]
    return ScannedPatient(
        slices,
        None if days is None else days / DAYS_PER_MONTH,
        None if seen is None else bool(seen),
    )


def read_slices(files: Mapping[str, Path], role: str) -> OrganSlices:
    """The slices of one organ at one time, by the published rule.

    Raises:
        InputError: a file is missing or cannot be read, or an outline does not fit.
    """
    from hccsurv_core.systems.muscle.case_images import read_series

    volume, _, _ = read_series(files[role], chest=role.endswith("lung"))
    organ, lesions = (_outline(files[f"{role}_{part}"]) for part in (ORGAN, LESIONS))
    try:
        return take_slices(volume, organ, lesions, choose_organ_slices(volume, organ, lesions))
    except InputError as error:
        raise error.with_source(f"{role}, {error.source}" if error.source else role) from error


def read_pictures(
    cohort: Cohort, patients: tuple[str, ...], pixels: int, progress: Any
) -> ScanPictures:
    """Pictures of some patients of a cohort folder; those that cannot be read are left out."""
    from hccsurv_core.models.crnn.samples import ScanPictures

    wanted, names, pictures, known = set(patients), [], [], []
    tasks = [task for task in scan_tasks(cohort) if task.patient_id in wanted]
    for number, task in enumerate(tasks):
        progress(number / len(tasks), f"slices of patient {number + 1} of {len(tasks)}")
        try:
            seen, there = read_patient(task).pictures(pixels)
        except InputError:
            continue  # the batch that measured the signs told why
        names.append(task.patient_id)
        pictures.append(seen)
        known.append(there)
    progress(1.0, f"slices of {len(names)} patients")
    return ScanPictures(tuple(names), np.stack(pictures), np.stack(known))


def _outline(path: Path) -> LabelMap:
    from hccsurv_core.io.nifti import read_nifti

    if not path.is_file():
        raise InputError(
            "is missing", source=path.name, remedy="outline the organ, and each tumor by a number"
        )
    drawn, _ = read_nifti(path)
    return LabelMap(np.round(drawn.voxels).astype(np.int32), drawn.affine)


def _plain(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
