"""A patient of the store as system 4 takes one: the slices of two scans, and every lesion's sizes.

Slices of 5 mm are chosen by the published rule (most tumor, else most organ) unless a person chose
others. Diameters and volumes are measured on the scans as they are, not on the thicker slices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.cohort.followup_readings import FollowupReading
from hccsurv_core.errors import InputError
from hccsurv_core.features.recist_lesions import LesionSizes
from hccsurv_core.imaging.organ_slices import (
    ORGANS,
    OrganSlices,
    choose_organ_slices,
    take_slices,
    to_5_mm,
)
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.regions import Region
from hccsurv_core.systems.immunotherapy.cohort import ROLES, TIMES
from hccsurv_core.systems.immunotherapy.examinations import Examinations, role_words
from hccsurv_core.systems.immunotherapy.pictures import ScannedPatient
from hccsurv_core.systems.immunotherapy.stored_outlines import (
    OutlinedStudy,
    number_lesions,
    organ_of_lesion,
    union,
)
from hccsurv_core.volume import LabelMap, Volume

#: Where a lesion lies that is in neither organ: no slices are chosen for it, RECIST counts it.
OTHER = "other"


@dataclass(frozen=True, eq=False)
class PreparedScan:
    """One scan with its outlines.

    Args:
        volume: on slices of 5 mm, or thicker ones as they are.
        organs: organ → outline on that grid.
        lesions: organ → lesions by number on that grid.
        whole: organ ("other" too) → lesions by number on the scan's own grid, cut to their box.
        viable: the same of what was outlined as enhancing; organs without any are absent.
    """

    volume: Volume
    organs: Mapping[str, LabelMap]
    lesions: Mapping[str, LabelMap]
    whole: Mapping[str, LabelMap]
    viable: Mapping[str, LabelMap]


@dataclass(frozen=True, eq=False)
class FollowedPatient:
    """Both examinations, prepared.

    Args:
        examinations: which scans they are.
        scans: scan's key → prepared.
        numbers: lesion → its number, the same at both times.
        organs: number → "liver", "lung" or "other".
        slices: role → chosen slices; roles without an outlined organ are absent.
        by_hand: roles whose slices a person chose.
        read: whether lesions at follow-up are known: some are outlined, or a person said that all
            are gone.
        sizes: of every lesion, as measured.
        volumes_ml: time ("baseline", "followup") → number → volume.
        notes: what a reader should know, in sentences.
    """

    examinations: Examinations
    scans: Mapping[str, PreparedScan]
    numbers: Mapping[str, int]
    organs: Mapping[int, str]
    slices: Mapping[str, OrganSlices]
    by_hand: tuple[str, ...]
    read: bool
    sizes: tuple[LesionSizes, ...]
    volumes_ml: Mapping[str, Mapping[int, float]]
    notes: tuple[str, ...]

    @property
    def has_lesions(self) -> bool:
        """Whether any lesion is outlined at baseline."""
        return bool(self.volumes_ml["baseline"])

    @property
    def followed(self) -> bool:
        """Whether the models may look at the follow-up scan."""
        return self.read and any(role.startswith("followup") for role in self.slices)

    def scan_of(self, role: str) -> PreparedScan:
        """The scan of a role."""
        return self.scans[self.examinations.studies[role].id]

    def position_mm(self, role: str, index: int) -> float:
        """Height (LPS z) of a slice of a role's scan."""
        return self.scan_of(role).volume.slice_position_mm(index)

    def name_of(self, number: int) -> str:
        """The lesion of a number."""
        return next(name for name, own in self.numbers.items() if own == number)

    def scanned(self, new_lesion: bool | None = None) -> ScannedPatient:
        """As the models take it; a follow-up whose lesions are not known is left out.

        Args:
            new_lesion: whether a reader saw one that is not outlined; None where nobody said.

        Raises:
            InputError: the baseline liver is not outlined, or no lesion is.
        """
        if "baseline_liver" not in self.slices or not self.has_lesions:
            raise InputError(
                "no lesion is outlined at baseline"
                if "baseline_liver" in self.slices
                else "the liver is not outlined at baseline",
                source="scans", remedy="outline it on the page Scan & ROIs",
            )  # fmt: skip
        kept = {r: s for r, s in self.slices.items() if self.followed or r.startswith("baseline")}
        days = self.examinations.interval_days
        months = None if days is None or not self.followed else days / DAYS_PER_MONTH
        fresh = any(self.organs[one.label or 0] != OTHER and one.is_new for one in self.sizes)
        seen = True if new_lesion or fresh else new_lesion
        return ScannedPatient(kept, months, seen if self.followed else None)


def build_patient(
    examinations: Examinations,
    outlines: Mapping[str, OutlinedStudy],
    load_volume: Callable[[str], Volume],
    reading: FollowupReading | None = None,
    *,
    scans: Mapping[str, PreparedScan] | None = None,
    progress: Progress = silent,
) -> FollowedPatient:
    """Prepare a patient.

    Args:
        examinations: see :func:`~hccsurv_core.systems.immunotherapy.examinations.find_examinations`.
        outlines: scan's key → what was outlined in it.
        load_volume: scan's key → canonical CT.
        reading: what a person said of slices and of what is gone.
        scans: those that were prepared before, of the same outlines.

    Raises:
        InputError: a slice that was chosen is not there.
        GeometryError: a scan is not canonical.
    """
    said = reading or FollowupReading()
    ordered = [outlines[study.id] for study in examinations.scans()]
    numbers = number_lesions(name for found in ordered for name in found.lesions)
    organs: dict[int, str] = {}
    prepared: dict[str, PreparedScan] = {}
    for k, found in enumerate(ordered):
        progress(k / len(ordered), f"slices of scan {k + 1} of {len(ordered)}")
        known = (scans or {}).get(found.study_id)
        prepared[found.study_id] = known or prepare_scan(
            load_volume(found.study_id), found, numbers, organs
        )
        for organ, drawn in prepared[found.study_id].whole.items():
            for number in np.unique(drawn.voxels[drawn.voxels > 0]):
                organs.setdefault(int(number), organ)
    progress(1.0, "measuring lesions")
    slices = _choose(examinations, prepared, said)
    volumes = {time: _volumes(examinations, prepared, time) for time in TIMES}
    read = bool(volumes["followup"]) or (said.all_gone and examinations.has_followup)
    patient = FollowedPatient(
        examinations, prepared, numbers, organs, slices,
        tuple(role for role in said.slices if role in slices), read, (), volumes, (),
    )  # fmt: skip
    sizes = _sizes(patient)
    return replace(patient, sizes=sizes, notes=_notes(patient, outlines))


def prepare_scan(
    volume: Volume,
    outlined: OutlinedStudy,
    numbers: Mapping[str, int],
    organs_of: Mapping[int, str] | None = None,
) -> PreparedScan:
    """One scan on slices of 5 mm with its outlines.

    Args:
        numbers: lesion → number, see
            :func:`~hccsurv_core.systems.immunotherapy.stored_outlines.number_lesions`.
        organs_of: number → organ, where an earlier scan told.
    """
    masks = {organ: union(found, volume.shape) for organ, found in outlined.organs.items()}
    folded = {name.casefold(): number for name, number in numbers.items()}
    by_organ: dict[str, dict[int, Region]] = {}
    viable: dict[str, dict[int, Region]] = {}
    parts = {name.casefold(): region for name, region in outlined.viable.items()}
    for name, region in outlined.lesions.items():
        number = folded[name.casefold()]
        organ = (organs_of or {}).get(number) or (
            organ_of_lesion(region, masks, volume.spacing_mm) or OTHER
        )
        by_organ.setdefault(organ, {})[number] = region
        if name.casefold() in parts:
            viable.setdefault(organ, {})[number] = parts[name.casefold()]
    names = {number: name for name, number in numbers.items()}
    order = [organ for organ in ORGANS if organ in masks]
    maps = [LabelMap(masks[organ].astype(np.uint8), volume.affine) for organ in order]
    maps += [_on_grid(volume, by_organ.get(organ, {}), names) for organ in order]
    thick, thick_maps = to_5_mm(volume, maps)
    if thick is not volume:
        thick = Volume(np.rint(thick.voxels).astype(np.int16), thick.affine)
    n = len(order)
    return PreparedScan(
        thick,
        dict(zip(order, thick_maps[:n], strict=True)),
        dict(zip(order, thick_maps[n:], strict=True)),
        {organ: _in_box(volume, found, names) for organ, found in by_organ.items()},
        {organ: _in_box(volume, found, names) for organ, found in viable.items()},
    )


def _on_grid(volume: Volume, regions: Mapping[int, Region], names: Mapping[int, str]) -> LabelMap:
    voxels = np.zeros(volume.shape, dtype=np.uint8)
    for number, region in regions.items():
        box = tuple(slice(o, o + n) for o, n in zip(region.offset, region.mask.shape, strict=True))
        voxels[box][region.mask] = number
    return LabelMap(voxels, volume.affine, dict(names))


def _in_box(volume: Volume, regions: Mapping[int, Region], names: Mapping[int, str]) -> LabelMap:
    """Lesions on the scan's own grid, cut to the box that holds them all."""
    low = np.min([r.offset for r in regions.values()], axis=0)
    high = np.max([np.add(r.offset, r.mask.shape) for r in regions.values()], axis=0)
    voxels = np.zeros(tuple(high - low), dtype=np.uint8)
    for number, region in regions.items():
        start = np.subtract(region.offset, low)
        box = tuple(slice(s, s + n) for s, n in zip(start, region.mask.shape, strict=True))
        voxels[box][region.mask] = number
    affine = volume.affine.copy()
    affine[:3, 3] = volume.index_to_world(low.astype(float))
    return LabelMap(voxels, affine, dict(names))


def _choose(
    examinations: Examinations, scans: Mapping[str, PreparedScan], said: FollowupReading
) -> dict[str, OrganSlices]:
    found = {}
    for role, study in examinations.studies.items():
        organ, scan = role.split("_")[1], scans[study.id]
        if organ not in scan.organs:
            continue
        outline, lesions = scan.organs[organ], scan.lesions[organ]
        chosen = said.slices.get(role) or choose_organ_slices(scan.volume, outline, lesions)
        try:
            found[role] = take_slices(scan.volume, outline, lesions, sorted(chosen))
        except InputError as error:
            raise InputError(error.what, source=role_words(role), remedy=error.remedy) from error
    return found


def _volumes(
    examinations: Examinations, scans: Mapping[str, PreparedScan], time: str
) -> dict[int, float]:
    """Number → mL of every lesion at one time, each from the scan of its organ."""
    from hccsurv_core.features.tumor_growth import label_volumes_ml

    found: dict[int, float] = {}
    for organ in (*ORGANS, OTHER):
        scan = _scan_for(examinations, scans, time, organ)
        if scan is not None and organ in scan.whole:
            found |= label_volumes_ml(scan.whole[organ])
    return found


def _scan_for(
    examinations: Examinations, scans: Mapping[str, PreparedScan], time: str, organ: str
) -> PreparedScan | None:
    """The scan that shows an organ; what lies elsewhere is looked for on that of the liver."""
    role = f"{time}_{'liver' if organ == OTHER else organ}"
    study = examinations.studies.get(role)
    return None if study is None else scans[study.id]


def _sizes(patient: FollowedPatient) -> tuple[LesionSizes, ...]:
    from hccsurv_core.features.recist_measure import measure_lesions

    found: list[LesionSizes] = []
    for organ in (*ORGANS, OTHER):
        before, after = (
            _scan_for(patient.examinations, patient.scans, time, organ) for time in TIMES
        )
        if before is None or not any(organ in s.whole for s in (before, after) if s):
            continue
        empty = LabelMap(np.zeros((1, 1, 1), dtype=np.uint8), np.eye(4))
        seen = after is not None and patient.read
        measured = measure_lesions(
            before.whole.get(organ, empty),
            after.whole.get(organ, empty) if after is not None and seen else None,
            viable_baseline=before.viable.get(organ),
            viable_followup=after.viable.get(organ) if after is not None and seen else None,
            organ=organ,
        )
        own = {number: name for name, number in patient.numbers.items()}
        found += [replace(one, name=own[one.label or 0]) for one in measured.lesions]
    return tuple(sorted(found, key=lambda one: one.label or 0))


def _notes(patient: FollowedPatient, outlines: Mapping[str, OutlinedStudy]) -> tuple[str, ...]:
    found = list(patient.examinations.notes)
    for role in ROLES:
        study = patient.examinations.studies.get(role)
        if study is not None and role not in patient.slices:
            organ = role.split("_")[1]
            found.append(
                f"The {role_words(role)} is not outlined: "
                + ("nothing can be measured." if organ == "liver" else "its slices are left out.")
            )
    automatic = _automatic(patient, outlines)
    if automatic:
        found.append(f"Outlined by the program, to be checked: {', '.join(automatic)}.")
    others = [name for name, k in patient.numbers.items() if patient.organs.get(k) == OTHER]
    if others:
        found.append(
            f"Neither in the liver nor in the lungs: {', '.join(others)}; no slice is chosen for it, "
            "the response counts it."
        )
    if patient.examinations.has_followup and not patient.read:
        found.append(
            "No lesion is outlined at follow-up: the follow-up scan is not judged until lesions are "
            "outlined there, or said to be gone."
        )
    return tuple(found)


def _automatic(patient: FollowedPatient, outlines: Mapping[str, OutlinedStudy]) -> Sequence[str]:
    return [
        role_words(role)
        for role in patient.slices
        if outlines[patient.examinations.studies[role].id].automatic(role.split("_")[1])
    ]
