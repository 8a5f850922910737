"""A patient of the store as system 2 takes one: the record, and both phases with what was outlined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hccsurv_core.cohort.drawn_regions import StoredRegions
from hccsurv_core.cohort.records import StudyRecord
from hccsurv_core.imaging.lesion_crops import LesionPhase
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.regions import Region
from hccsurv_core.systems.treatment.cnn_case import ROLES
from hccsurv_core.volume import Volume

#: Beginnings of a region's name, in lower case, that say what it is.
LESION_WORDS = ("lesion", "tumor", "tumour", "hcc")
LIVER_WORDS = ("liver",)
_FACTS = ("sex", "age_years", "height_m", "weight_kg")


@dataclass(frozen=True, eq=False)
class OutlinedPhase:
    """One phase of the scan with what a person outlined on it.

    Args:
        study: the scan.
        revision: of its regions.
        lesion, liver: the regions.
    """

    study: StudyRecord
    revision: int
    lesion: Region
    liver: Region


@dataclass(frozen=True, eq=False)
class OutlinedScan:
    """What there is to measure signs of a lesion on.

    Args:
        phases: by phase; those that are outlined.
        lacking: what is missing for a measurement, each a few words; empty where nothing is.
        notes: what a reader should know.
    """

    phases: Mapping[str, OutlinedPhase]
    lacking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether signs can be measured."""
        return not self.lacking

    @property
    def key(self) -> tuple[Any, ...]:
        """Of everything a measurement rests on."""
        return tuple((p.study.id, p.revision) for p in self.phases.values())


def record_of_patient(facts: PatientFacts, clinical: Mapping[str, Any]) -> dict[str, Any]:
    """Facts and clinical values under the names of a cohort table; what is not known is left out."""
    known = {name: getattr(facts, name) for name in _FACTS}
    return {name: v for name, v in known.items() if v is not None} | dict(clinical)


def find_outlines(
    studies: Sequence[StudyRecord], load_regions: Callable[[Any], StoredRegions]
) -> OutlinedScan:
    """The newest day on which both phases are outlined, else the newest scan of each phase.

    Args:
        studies: of one patient, newest first.
        load_regions: study → what was drawn in it.
    """
    outlined: dict[str, list[OutlinedPhase]] = {phase: [] for phase in ROLES}
    lacking_of: dict[str, list[str]] = {phase: [] for phase in ROLES}
    for study in studies:
        if study.phase not in outlined:
            continue
        found, why = _outlined(study, load_regions(study.id))
        if found is None:
            lacking_of[study.phase].append(why)
        else:
            outlined[study.phase].append(found)
    lacking = tuple(
        lacking_of[phase][0] if lacking_of[phase] else f"no scan of the {_words(phase)} phase"
        for phase in ROLES
        if not outlined[phase]
    )
    if lacking:
        return OutlinedScan({p: found[0] for p, found in outlined.items() if found}, lacking)
    chosen = _same_day(outlined) or {phase: found[0] for phase, found in outlined.items()}
    days = {p.study.study_date for p in chosen.values()}
    notes = () if len(days) == 1 else ("The two phases were scanned on different days.",)
    return OutlinedScan(chosen, notes=notes)


def lesion_phases(
    scan: OutlinedScan, load_volume: Callable[[Any], Volume]
) -> tuple[LesionPhase, LesionPhase]:
    """Both phases as the measurement takes them, arterial first.

    Args:
        scan: complete.
        load_volume: study → its volume.
    """
    found = []
    for phase in ROLES:
        part = scan.phases[phase]
        volume = load_volume(part.study.id)
        shape = part.study.shape
        found.append(LesionPhase(volume, part.lesion.whole(shape), part.liver.whole(shape)))
    return found[0], found[1]


def _outlined(study: StudyRecord, stored: StoredRegions) -> tuple[OutlinedPhase | None, str]:
    lesion = _largest(stored.regions, LESION_WORDS)
    liver = _largest(stored.regions, LIVER_WORDS)
    if lesion is None or liver is None:
        missing = " and ".join(
            word for word, region in (("lesion", lesion), ("liver", liver)) if region is None
        )
        return None, f"no outline of the {missing} in the {_words(str(study.phase))} phase"
    return OutlinedPhase(study, stored.revision, lesion, liver), ""


def _largest(regions: Sequence[Region], words: tuple[str, ...]) -> Region | None:
    """Of several lesions the largest: the one that models speak of."""
    named = [r for r in regions if r.n_voxels and r.name.strip().lower().startswith(words)]
    return max(named, key=lambda r: r.n_voxels, default=None)


def _same_day(
    outlined: Mapping[str, Sequence[OutlinedPhase]],
) -> dict[str, OutlinedPhase] | None:
    """The newest day of both phases; None where they have no day in common."""
    first, *others = (outlined[phase] for phase in ROLES)
    for candidate in first:
        day = candidate.study.study_date
        matched = [next((p for p in found if p.study.study_date == day), None) for found in others]
        if all(p is not None for p in matched):
            return dict(zip(ROLES, (candidate, *(p for p in matched if p)), strict=True))
    return None


def _words(phase: str) -> str:
    return phase.replace("_", " ")
