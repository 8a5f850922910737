"""What a response criterion says of a follow-up, and the tables by which it says so.

Tables 1 and 2 of RECIST 1.1 (Eisenhauer et al., Eur J Cancer 2009, doi:10.1016/j.ejca.2008.10.026),
which mRECIST shares: only the diameters differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.features.recist_lesions import TARGET_MM, NonTarget, Target
from hccsurv_core.wording import agree

#: A fall from baseline that is a response; a rise from the nadir, relative and in mm, that is
#: progression. All bounds are included.
RESPONSE_PERCENT, PROGRESSION_PERCENT, PROGRESSION_MM = -30.0, 20.0, 5.0
CATEGORIES = {
    "CR": "complete response",
    "PR": "partial response",
    "SD": "stable disease",
    "PD": "progressive disease",
    "NE": "not evaluable",
}
#: What a reader may say of the lesions that are no targets.
NON_TARGET = ("complete", "not complete", "not evaluated", "progression")
#: Percent and mm are compared after rounding to this many decimals, so that what is 30 % on paper is
#: not 29.999999 % because a file holds its pixel size in single precision.
_DECIMALS = 4


@dataclass(frozen=True)
class Criterion:
    """A published rule and where it stands."""

    title: str
    source: str
    doi: str


@dataclass(frozen=True)
class Response:
    """What a criterion says of the follow-up.

    Args:
        criterion: the rule.
        category: a key of :data:`CATEGORIES`; None where a diameter that the criterion needs is not
            known.
        reason: for the category, or for its lack, in words.
        targets: with their diameters, largest first.
        non_targets: lesions that were there and are no targets, and why.
        non_target: status of those, one of :data:`NON_TARGET`, or "none".
        new_lesions: their names, "seen by the reader" among them.
        baseline_sum_mm, followup_sum_mm: sums over the targets, mm; None where one is not known.
        nadir_mm: smallest sum so far, baseline included.
        notes: what a reader should know.
    """

    criterion: Criterion
    category: str | None
    reason: str
    targets: tuple[Target, ...] = ()
    non_targets: tuple[NonTarget, ...] = ()
    non_target: str = "none"
    new_lesions: tuple[str, ...] = ()
    baseline_sum_mm: float | None = None
    followup_sum_mm: float | None = None
    nadir_mm: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def word(self) -> str | None:
        """The category in words, or None."""
        return None if self.category is None else CATEGORIES[self.category]

    @property
    def change_mm(self) -> float | None:
        """Sum at follow-up less sum at baseline."""
        return _difference(self.followup_sum_mm, self.baseline_sum_mm)

    @property
    def change_percent(self) -> float | None:
        """The change in percent of the baseline's sum."""
        return _percent(self.followup_sum_mm, self.baseline_sum_mm)

    @property
    def change_from_nadir_mm(self) -> float | None:
        """Sum at follow-up less nadir."""
        return _difference(self.followup_sum_mm, self.nadir_mm)

    @property
    def change_from_nadir_percent(self) -> float | None:
        """The same in percent of the nadir; None where that is 0."""
        return _percent(self.followup_sum_mm, self.nadir_mm)

    @property
    def by_hand(self) -> tuple[str, ...]:
        """Diameters of targets that a person typed: "lesion 2: followup_mm"."""
        return tuple(f"{t.name}: {field}" for t in self.targets for field in t.by_hand)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        names = (
            "category", "word", "reason", "non_target", "baseline_sum_mm", "followup_sum_mm",
            "nadir_mm", "change_mm", "change_percent", "change_from_nadir_mm",
            "change_from_nadir_percent",
        )  # fmt: skip
        return {
            "criterion": self.criterion.title,
            **{name: getattr(self, name) for name in names},
            "targets": [target.to_json() for target in self.targets],
            "non_targets": [one.to_json() for one in self.non_targets],
            "new_lesions": list(self.new_lesions),
            "by_hand": list(self.by_hand),
            "notes": list(self.notes),
            "source": self.criterion.source,
            "doi": self.criterion.doi,
        }


def judge(
    criterion: Criterion,
    targets: tuple[Target, ...],
    others: tuple[NonTarget, ...],
    fresh: Sequence[str],
    new_lesion: bool,
    non_target: str | None,
    nadir_mm: float | None,
    notes: Sequence[str] = (),
) -> Response:
    """The response that targets, other lesions and new ones make together.

    Args:
        criterion: the rule, whose diameters ``targets`` hold.
        targets, others: lesions that were there at baseline.
        fresh: names of new lesions. new_lesion: the reader saw another one.
        non_target, nadir_mm: as given; None where not.
        notes: what a reader should know.

    Raises:
        InputError: the status or the nadir is not possible.
    """
    names = (*fresh, *(("seen by the reader",) if new_lesion else ()))
    rest = _status_of_rest(non_target, others)
    before = sum(t.baseline_mm for t in targets) if targets else None
    nadir = _nadir(nadir_mm, before)
    known = [t.followup_mm for t in targets if t.followup_mm is not None]
    after = sum(known) if targets and len(known) == len(targets) else None
    category, reason = _category(targets, sum(known), nadir, names, rest)
    return Response(
        criterion, category, reason, targets, others, rest, names, before, after, nadir, tuple(notes)
    )  # fmt: skip


def _status_of_rest(given: str | None, others: Sequence[NonTarget]) -> str:
    if given is not None:
        if given not in NON_TARGET:
            raise InputError(
                f"{given!r} is not possible",
                source="non-target lesions",
                remedy=f"give one of {', '.join(NON_TARGET)}",
            )
        return given
    if not others:
        return "none"
    if any(one.lesion.followup_mm is None for one in others):
        return "not evaluated"
    return "complete" if all(one.lesion.gone for one in others) else "not complete"


def _nadir(given: float | None, baseline: float | None) -> float | None:
    if given is None or baseline is None:
        return baseline
    nadir = checked_number(given, "nadir", low=0.0)
    if round(nadir - baseline, _DECIMALS) > 0:
        raise InputError(
            f"{nadir:.1f} mm is more than the {baseline:.1f} mm at baseline",
            source="nadir",
            remedy="give the smallest sum of the targets so far, baseline included",
        )
    return nadir


def _category(
    targets: Sequence[Target], known_mm: float, nadir: float | None, fresh: Sequence[str], rest: str
) -> tuple[str, str]:
    """Tables 1 and 2 of RECIST 1.1.

    Args:
        known_mm: sum of the targets at follow-up, those that are known.
    """
    if fresh:
        return "PD", f"new {agree(len(fresh), 'lesion', 'lesions')}: {', '.join(fresh)}"
    if rest == "progression":
        return "PD", "unequivocal progression of lesions that are no targets"
    if nadir is None:
        return _without_targets(rest)
    unknown = [t.name for t in targets if t.followup_mm is None]
    gone = all(t.gone for t in targets)
    # Targets that were not seen can only add to a sum that is progression already.
    if not gone and (why := _progression(known_mm, nadir)):
        return "PD", why
    if unknown:
        return "NE", f"not measured at follow-up: {', '.join(unknown)}"
    return _of_known(targets, known_mm, gone, rest)


def _of_known(targets: Sequence[Target], after: float, gone: bool, rest: str) -> tuple[str, str]:
    if gone and rest in ("none", "complete"):
        others = "" if rest == "none" else ", and so are the lesions that are no targets"
        return "CR", f"all targets are gone{others}"
    if gone:
        state = "were not evaluated" if rest == "not evaluated" else "are not all gone"
        return "PR", f"all targets are gone, but the lesions that are no targets {state}"
    before = sum(t.baseline_mm for t in targets)
    change = round(100 * (after - before) / before, _DECIMALS)
    told = f"the sum went from {before:.1f} to {after:.1f} mm ({change:+.1f} %)"
    if change <= RESPONSE_PERCENT:
        return "PR", f"{told}, which is 30 % or more below baseline"
    return "SD", f"{told}, neither 30 % below baseline nor 20 % and 5 mm above the nadir"


def _progression(after: float, nadir: float) -> str | None:
    """Why a sum is progression, in words; None where it is not."""
    if nadir == 0:
        return "targets that were gone are there again" if after > 0 else None
    rise = round(after - nadir, _DECIMALS)
    percent = round(100 * (after - nadir) / nadir, _DECIMALS)
    if percent < PROGRESSION_PERCENT or rise < PROGRESSION_MM:
        return None
    return (
        f"the sum of {after:.1f} mm is {percent:.1f} % and {rise:.1f} mm above the nadir of "
        f"{nadir:.1f} mm (20 % and 5 mm or more)"
    )


def _without_targets(rest: str) -> tuple[str, str]:
    if rest == "complete":
        return "CR", "there was no target, and all other lesions are gone"
    why = f"no lesion of {TARGET_MM:g} mm or more was measurable at baseline"
    if rest == "not complete":
        why += "; other lesions are still there, without unequivocal progression (non-CR/non-PD)"
    return "NE", why


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _percent(after: float | None, before: float | None) -> float | None:
    change = _difference(after, before)
    return None if change is None or not before else 100 * change / before
