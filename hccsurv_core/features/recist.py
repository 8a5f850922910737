"""Response by RECIST 1.1, and by mRECIST for hepatocellular carcinoma.

RECIST 1.1 (Eisenhauer et al., Eur J Cancer 2009) sums the longest diameters of up to five targets.
mRECIST (Lencioni and Llovet, Semin Liver Dis 2010) takes, of lesions in the liver, the diameter of
what enhances in the arterial phase; that is never guessed from the whole lesion. Lesions elsewhere
count with their whole diameter there too (Llovet and Lencioni, J Hepatol 2020,
doi:10.1016/j.jhep.2019.09.026).

Not judged here: tumor markers, effusions, nodes of the porta hepatis (for which mRECIST asks 20 mm),
and confirmation by a later scan, which RECIST 1.1 asks of a response where that is the endpoint and
iRECIST of progression under immunotherapy.
"""

from __future__ import annotations

from collections.abc import Sequence

from hccsurv_core.features.recist_lesions import (
    LIVER,
    TARGET_MM,
    LesionSizes,
    NonTarget,
    Target,
    choose_targets,
    distinct_names,
    too_small,
)
from hccsurv_core.features.recist_response import Criterion, Response, judge
from hccsurv_core.wording import agree

RECIST_1_1 = Criterion(
    "RECIST 1.1",
    "Eisenhauer EA et al. Eur J Cancer 2009;45(2):228-247. doi:10.1016/j.ejca.2008.10.026",
    "10.1016/j.ejca.2008.10.026",
)
MRECIST = Criterion(
    "mRECIST",
    "Lencioni R, Llovet JM. Semin Liver Dis 2010;30(1):52-60. doi:10.1055/s-0030-1247132",
    "10.1055/s-0030-1247132",
)


def recist(
    lesions: Sequence[LesionSizes],
    *,
    new_lesion: bool = False,
    non_target: str | None = None,
    nadir_mm: float | None = None,
    targets: Sequence[str] | None = None,
) -> Response:
    """Response by RECIST 1.1.

    Args:
        lesions: all that are known, new ones among them.
        new_lesion: the reader saw one that is not among ``lesions``.
        non_target: what the reader says of the lesions that are no targets, one of
            :data:`~hccsurv_core.features.recist_response.NON_TARGET`; None: "complete" where all of
            them are gone, "not evaluated" where one is not known, else "not complete".
        nadir_mm: smallest sum of the targets before this follow-up; None: the baseline's.
        targets: names of the targets; None takes the largest.

    Raises:
        InputError: a value is not possible, or a lesion that was chosen cannot be a target.
    """
    distinct_names(lesions)
    candidates: list[Target] = []
    small: list[NonTarget] = []
    for lesion in lesions:
        if lesion.baseline_mm > 0:
            _sort(_whole(lesion), too_small(lesion.organ, lesion.baseline_mm), candidates, small)
    chosen, others = choose_targets(candidates, targets)
    fresh = [lesion.name for lesion in lesions if lesion.is_new]
    return judge(RECIST_1_1, chosen, (*others, *small), fresh, new_lesion, non_target, nadir_mm)


def mrecist(
    lesions: Sequence[LesionSizes],
    *,
    new_lesion: bool = False,
    non_target: str | None = None,
    nadir_mm: float | None = None,
    targets: Sequence[str] | None = None,
) -> Response:
    """Response by mRECIST; arguments and errors as of :func:`recist`.

    A target in the liver measures 10 mm or more as a whole and enhances. A new lesion in the liver
    counts from 10 mm on, and not where it is known not to enhance. Nothing is answered where viable
    diameters lack, even if a new lesion would make progression whatever they are.

    Returns:
        ``category`` None where the viable diameter of a lesion in the liver is not known that could
        be a target, or was chosen as one.
    """
    distinct_names(lesions)
    needed = [lesion for lesion in lesions if targets is None or lesion.name in targets]
    unknown = [lesion.name for lesion in needed if _lacks_viable(lesion)]
    if unknown:
        verb = agree(len(unknown), "diameter is", "diameters are")
        reason = (
            f"not known, because the viable {verb} missing: {', '.join(unknown)}; it is what "
            "enhances in the arterial phase, to be outlined or typed"
        )
        return Response(MRECIST, None, reason)
    candidates: list[Target] = []
    small: list[NonTarget] = []
    notes: list[str] = []
    for lesion in lesions:
        if lesion.baseline_mm > 0:
            view = _viable(lesion) if lesion.organ == LIVER else _whole(lesion)
            why = too_small(lesion.organ, lesion.baseline_mm)
            if why is None and view.baseline_mm == 0:
                why = "nothing of it enhances in the arterial phase at baseline"
            _sort(view, why, candidates, small)
        notes += _larger_than_whole(lesion)
    fresh = [one for one in lesions if one.is_new]
    counted = [one.name for one in fresh if _counts_as_new(one)]
    notes += [
        f"{one.name} is new, but below {TARGET_MM:g} mm or without arterial enhancement: not counted"
        for one in fresh
        if one.name not in counted
    ]
    chosen, others = choose_targets(candidates, targets)
    return judge(
        MRECIST, chosen, (*others, *small), counted, new_lesion, non_target, nadir_mm, notes
    )


def _sort(
    view: Target, why_not: str | None, candidates: list[Target], small: list[NonTarget]
) -> None:
    if why_not is None:
        candidates.append(view)
    else:
        small.append(NonTarget(view, why_not))


def _whole(lesion: LesionSizes) -> Target:
    typed = tuple(f for f in lesion.by_hand if not f.startswith("viable"))
    return Target(lesion.name, lesion.organ, lesion.baseline_mm, lesion.followup_mm, typed)


def _viable(lesion: LesionSizes) -> Target:
    """Its enhancing part, and the whole at baseline where that part is not known.

    What is gone as a whole has no such part, whatever is known of it.
    """
    before = lesion.baseline_mm if lesion.viable_baseline_mm is None else lesion.viable_baseline_mm
    after = lesion.viable_followup_mm if lesion.followup_mm else lesion.followup_mm
    typed = tuple(f for f in lesion.by_hand if f.startswith("viable"))
    return Target(lesion.name, lesion.organ, before, after, typed)


def _lacks_viable(lesion: LesionSizes) -> bool:
    """A lesion of the liver that could be a target, of which mRECIST does not know enough."""
    if lesion.organ != LIVER or too_small(lesion.organ, lesion.baseline_mm):
        return False
    return lesion.viable_baseline_mm is None or (
        bool(lesion.followup_mm) and lesion.viable_followup_mm is None
    )


def _counts_as_new(lesion: LesionSizes) -> bool:
    if lesion.organ != LIVER:
        return True
    return (lesion.followup_mm or 0.0) >= TARGET_MM and lesion.viable_followup_mm != 0


def _larger_than_whole(lesion: LesionSizes) -> list[str]:
    pairs = (
        ("baseline", lesion.baseline_mm, lesion.viable_baseline_mm),
        ("follow-up", lesion.followup_mm, lesion.viable_followup_mm),
    )
    return [
        f"{lesion.name} at {when}: the viable diameter ({viable:.1f} mm) is larger than the whole "
        f"({whole:.1f} mm); check both"
        for when, whole, viable in pairs
        if whole is not None and viable is not None and round(viable - whole, 1) > 0
    ]
