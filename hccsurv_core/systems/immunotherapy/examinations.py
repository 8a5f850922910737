"""Which of a patient's scans are baseline and follow-up, for the liver and for the lungs.

Scans of about the same date are one examination: chest and abdomen may be one scan or two series. The
baseline is the earliest examination that shows the liver, the follow-up the next one at a plausible
interval. Of several phases the portal venous one is taken, as in Xia et al., Insights into Imaging 2024,
doi 10.1186/s13244-024-01784-8, and the same phase at both times where that can be had.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hccsurv_core.cohort.records import StudyRecord
from hccsurv_core.errors import InputError
from hccsurv_core.imaging.organ_slices import ORGANS
from hccsurv_core.systems.immunotherapy.cohort import ROLES, TIMES

#: Scans so many days apart belong to one examination.
SAME_DAYS = 7
#: Weeks between two scans that a first assessment of response is made after.
USUAL_WEEKS = (4, 26)
#: A scan this long from end to end shows chest and abdomen whatever it is called; abdomen and pelvis
#: alone are shorter, mm.
BOTH_MM = 550.0
#: The portal venous phase is the published one; a phase that nobody named may be it.
PHASES = ("portal_venous", None, "delayed", "arterial", "noncontrast")
_CHEST = re.compile(r"chest|thora|lung|pulmo|\bcap\b|\btap\b", re.IGNORECASE)
_ABDOMEN = re.compile(r"abdom|liver|hepat|portal|venous|arterial|\bcap\b|\btap\b", re.IGNORECASE)
_WORDS = {"baseline": "baseline", "followup": "follow-up"}
_SOURCE = "scans"


@dataclass(frozen=True, eq=False)
class Examinations:
    """Two examinations of a patient, or one.

    Args:
        studies: role ("baseline_liver", …) → scan; roles that nothing was scanned for are absent.
        interval_days: from the baseline to the follow-up liver; None without one, or without dates.
        notes: what a reader should know, in sentences.
    """

    studies: Mapping[str, StudyRecord]
    interval_days: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def study_ids(self) -> dict[str, str]:
        """Role → the scan's key."""
        return {role: study.id for role, study in self.studies.items()}

    @property
    def has_followup(self) -> bool:
        """Whether there is a second examination."""
        return any(role.startswith("followup") for role in self.studies)

    def date_of(self, time: str) -> str | None:
        """ISO date of "baseline" or "followup"; None where it is not known."""
        return next((s.study_date for r, s in self.studies.items() if r.startswith(time)), None)

    def scans(self) -> tuple[StudyRecord, ...]:
        """Each scan once, in the order of the roles."""
        return tuple({s.id: s for s in self.studies.values()}.values())


def organs_in(study: StudyRecord, region_names: Sequence[str] = ()) -> frozenset[str]:
    """Which of liver and lung a scan shows, by what was outlined in it, its description and its length.

    Args:
        region_names: of what was outlined.
    """
    from hccsurv_core.systems.immunotherapy.stored_outlines import organ_named

    drawn = {organ for name in region_names if (organ := organ_named(name)) is not None}
    length = study.shape[0] * study.spacing_mm[0]
    if length >= BOTH_MM:
        return frozenset(ORGANS)
    named = {
        organ
        for organ, words in (("liver", _ABDOMEN), ("lung", _CHEST))
        if words.search(study.description)
    }
    # A scan that says nothing of itself is taken as what this program mostly gets: an abdomen.
    return frozenset(drawn | (named or ({"liver"} if not drawn else set())))


def find_examinations(
    studies: Sequence[StudyRecord],
    region_names: Mapping[str, Sequence[str]] | None = None,
    chosen: Mapping[str, str | None] | None = None,
) -> Examinations:
    """Baseline and follow-up of one patient.

    Args:
        studies: of the patient, in any order; what is no CT is left out.
        region_names: study → names of what was outlined in it.
        chosen: role → study, as a person chose; None leaves the role out. Other roles are found.

    Raises:
        InputError: there is no CT, none shows the liver, a choice is not possible, or the follow-up is
            not after the baseline.
    """
    scans = [s for s in studies if s.modality == "CT"]
    if not scans:
        raise InputError(
            "there is no CT", source=_SOURCE, remedy="upload the scan before treatment"
        )
    names = region_names or {}
    shows = {s.id: organs_in(s, names.get(s.id, ())) for s in scans}
    drawn = {key: len(found) for key, found in names.items()}
    picked = _pick(_time_points(scans), shows, drawn)
    by_hand = _by_hand(scans, chosen or {})
    if any(role in by_hand for role in ROLES):
        picked = {r: s for r, s in {**picked, **by_hand}.items() if s is not None}
    if "baseline_liver" not in picked:
        raise InputError(
            "no CT shows the liver at baseline", source=_SOURCE,
            remedy="upload the abdomen, or say which scan is the baseline",
        )  # fmt: skip
    kept = {role: picked[role] for role in ROLES if role in picked}
    days = _interval(kept)
    if days is not None and days <= 0:
        raise InputError(
            f"the follow-up scan ({kept['followup_liver'].study_date}) is not after the baseline "
            f"({kept['baseline_liver'].study_date})",
            source=_SOURCE, remedy="choose a later follow-up, or an earlier baseline",
        )  # fmt: skip
    return Examinations(kept, days, _notes(kept, days))


def _by_hand(
    scans: Sequence[StudyRecord], chosen: Mapping[str, str | None]
) -> dict[str, StudyRecord | None]:
    known = {s.id: s for s in scans}
    for role, key in chosen.items():
        if role not in ROLES:
            raise InputError(f"there is no role {role!r}", source=_SOURCE)
        if key is not None and key not in known:
            raise InputError(
                f"the scan chosen for {role_words(role)} is not there", source=_SOURCE,
                remedy="choose among the CT of this patient",
            )  # fmt: skip
    return {role: None if key is None else known[key] for role, key in chosen.items()}


def role_words(role: str) -> str:
    """ "baseline_liver" in words."""
    time, organ = role.split("_")
    return f"{_WORDS[time]} {organ}"


def _time_points(scans: Sequence[StudyRecord]) -> list[list[StudyRecord]]:
    """Scans of about one date together, the earliest first; without any date all are one."""
    dated = sorted((s for s in scans if s.study_date), key=lambda s: (str(s.study_date), s.id))
    if not dated:
        return [list(scans)]
    points = [[dated[0]]]
    for study in dated[1:]:
        if _days(points[-1][0], study) <= SAME_DAYS:
            points[-1].append(study)
        else:
            points.append([study])
    return points


def _pick(
    points: Sequence[Sequence[StudyRecord]],
    shows: Mapping[str, frozenset[str]],
    drawn: Mapping[str, int],
) -> dict[str, StudyRecord]:
    livers = [[s for s in point if "liver" in shows[s.id]] for point in points]
    able = [k for k, found in enumerate(livers) if found]
    if not able:
        return {}
    first = able[0]
    later = able[1:]
    usual = [k for k in later if _is_usual(_days(points[first][0], points[k][0]))]
    pairs = dict(zip(TIMES, [first, *(usual or later)[:1]], strict=False))
    phase = _common_phase([livers[k] for k in pairs.values()])
    found = {}
    for time, k in pairs.items():
        liver = min(livers[k], key=lambda s: (s.phase != phase, *_rank(s, drawn)))
        found[f"{time}_liver"] = liver
        chests = [s for s in points[k] if "lung" in shows[s.id]]
        if chests:
            # A series of its own was made for the lungs; else the scan that shows both.
            found[f"{time}_lung"] = min(
                chests, key=lambda s: ("liver" in shows[s.id], s.id != liver.id, *_rank(s, drawn))
            )
    return found


def _rank(study: StudyRecord, drawn: Mapping[str, int]) -> tuple[int, bool, float]:
    """What is outlined goes first within a phase, then thinner slices."""
    phase = study.phase if study.phase in PHASES else None
    return PHASES.index(phase), not drawn.get(study.id), study.spacing_mm[0]


def _common_phase(candidates: Sequence[Sequence[StudyRecord]]) -> str | None:
    """The best phase that every examination has; where there is none, the published one."""
    for phase in PHASES:
        if all(any(s.phase == phase for s in found) for found in candidates):
            return phase
    return PHASES[0]


def are_apart(first: str, second: str) -> bool:
    """Whether two ISO dates are of two examinations, not of one."""
    return (date.fromisoformat(second) - date.fromisoformat(first)).days > SAME_DAYS


def _days(first: StudyRecord, second: StudyRecord) -> int:
    return (
        date.fromisoformat(str(second.study_date)) - date.fromisoformat(str(first.study_date))
    ).days


def _is_usual(days: float) -> bool:
    low, high = USUAL_WEEKS
    return 7 * low <= days <= 7 * high


def _interval(studies: Mapping[str, StudyRecord]) -> float | None:
    for organ in ORGANS:
        pair = [studies.get(f"{time}_{organ}") for time in TIMES]
        if all(s is not None and s.study_date for s in pair):
            return float(_days(pair[0], pair[1]))  # type: ignore[arg-type]
    return None


def _notes(studies: Mapping[str, StudyRecord], days: float | None) -> tuple[str, ...]:
    found = []
    followed = any(role.startswith("followup") for role in studies)
    if not followed:
        found.append("There is one examination only: nothing can be said of change.")
    elif "followup_liver" not in studies:
        found.append(
            "The liver was not scanned at follow-up: its baseline slices are carried forward."
        )
    if "baseline_lung" not in studies:
        found.append("The chest was not scanned at baseline: nothing is said of the lungs.")
    elif followed and "followup_lung" not in studies:
        found.append(
            "The chest was not scanned at follow-up: the baseline lungs are carried forward."
        )
    phases = [studies[f"{t}_liver"].phase for t in TIMES if f"{t}_liver" in studies]
    if len(set(phases)) > 1:
        told = " and ".join(_phase_words(p) for p in phases)
        found.append(
            f"The phases of the liver differ: {told}. Sizes and densities may differ by that."
        )
    elif phases and phases[0] not in (PHASES[0], None):
        found.append(
            f"The liver was scanned in the {_phase_words(phases[0])} phase, not the portal venous."
        )
    if followed and days is None:
        found.append("A date is missing: the interval is not known, nor is any rate of growth.")
    if days is not None and not _is_usual(days):
        low, high = USUAL_WEEKS
        found.append(
            f"The scans are {days / 7:.0f} weeks apart, outside of {low} to {high}: check whether "
            "they are the right ones."
        )
    return tuple(found)


def _phase_words(phase: str | None) -> str:
    return "not named" if phase is None else phase.replace("_", " ")
