"""Lesions as RECIST and mRECIST see them: their sizes at two times, and which become targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.wording import count_of

#: Smallest target at baseline: longest diameter, and short axis of a lymph node (Eisenhauer 2009).
TARGET_MM, TARGET_NODE_MM = 10.0, 15.0
#: A lymph node whose short axis is below this is no disease.
NORMAL_NODE_MM = 10.0
#: Targets in all, and by organ.
MOST_TARGETS, MOST_BY_ORGAN = 5, 2
LIVER = "liver"
#: Lesions of this organ are measured in their short axis.
LYMPH_NODE = "lymph node"
_NODES = ("lymph nodes", "lymphnode", "node", "nodes")
#: What may be measured of a lesion.
SIZES = ("baseline_mm", "followup_mm", "viable_baseline_mm", "viable_followup_mm")
_DECIMALS = 4
#: Beyond this a diameter is a slip of the keyboard.
_LARGEST_MM = 500.0


@dataclass(frozen=True)
class LesionSizes:
    """One lesion at baseline and follow-up.

    Args:
        name: distinct among the patient's lesions.
        organ: "liver", "lung", "lymph node", or another; capitals make no difference.
        baseline_mm: longest diameter in the axial plane, of a lymph node its short axis, mm; 0 where
            the lesion was not there. RECIST 1.1 writes 5 mm for what is seen but too small to
            measure.
        followup_mm: the same at follow-up; 0 is gone, None not evaluated.
        viable_baseline_mm, viable_followup_mm: longest diameter of what enhances in the arterial
            phase; 0 where nothing does, None not known.
        by_hand: which of these four a person typed, see :meth:`typed`.
        label: its number in the outlines; None where there are none.

    Raises:
        InputError: a diameter is no number of 0 to 500 mm, or the name or the organ is empty.
    """

    name: str
    organ: str
    baseline_mm: float
    followup_mm: float | None = None
    viable_baseline_mm: float | None = None
    viable_followup_mm: float | None = None
    by_hand: tuple[str, ...] = ()
    label: int | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.organ.strip():
            raise InputError("a lesion needs a name and an organ", source=self.name or "lesion")
        organ = self.organ.strip().lower()
        object.__setattr__(self, "organ", LYMPH_NODE if organ in _NODES else organ)
        for field in SIZES:
            value = getattr(self, field)
            if value is None and field != "baseline_mm":
                continue
            source = f"{field} of {self.name}"
            object.__setattr__(
                self, field, checked_number(value, source, low=0.0, high=_LARGEST_MM)
            )

    @property
    def is_new(self) -> bool:
        """It was not there at baseline and is at follow-up."""
        return self.baseline_mm == 0 and bool(self.followup_mm)

    @property
    def is_node(self) -> bool:
        """Measured in its short axis."""
        return self.organ == LYMPH_NODE

    def typed(self, **diameters_mm: float | None) -> LesionSizes:
        """The lesion with diameters that a person typed in place of measured ones.

        Args:
            diameters_mm: by the names of :data:`SIZES`.

        Raises:
            InputError: there is no such diameter, or it is not possible.
        """
        for field in diameters_mm:
            if field not in SIZES:
                raise InputError(
                    f"there is no diameter called {field!r}",
                    source=self.name,
                    remedy=f"give one of {', '.join(SIZES)}",
                )
        by_hand = tuple(f for f in SIZES if f in diameters_mm or f in self.by_hand)
        return replace(self, **diameters_mm, by_hand=by_hand)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return self.__dict__ | {"by_hand": list(self.by_hand), "is_new": self.is_new}


@dataclass(frozen=True)
class Target:
    """A lesion by the diameters that a criterion looks at.

    Args:
        name, organ: of the lesion.
        baseline_mm: at baseline; 0 where the criterion sees nothing of it.
        followup_mm: at follow-up; None where it is not known.
        by_hand: which of the two a person typed, by the names of :data:`SIZES`.
    """

    name: str
    organ: str
    baseline_mm: float
    followup_mm: float | None
    by_hand: tuple[str, ...] = ()

    @property
    def change_mm(self) -> float | None:
        """Follow-up less baseline."""
        return None if self.followup_mm is None else self.followup_mm - self.baseline_mm

    @property
    def change_percent(self) -> float | None:
        """The change in percent of baseline; None where that is 0."""
        if self.change_mm is None or self.baseline_mm == 0:
            return None
        return 100 * self.change_mm / self.baseline_mm

    @property
    def gone(self) -> bool:
        """No disease is left of it."""
        if self.followup_mm is None:
            return False
        is_node = self.organ == LYMPH_NODE
        return self.followup_mm < NORMAL_NODE_MM if is_node else self.followup_mm == 0

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return self.__dict__ | {
            "by_hand": list(self.by_hand),
            "change_mm": self.change_mm,
            "change_percent": self.change_percent,
        }


@dataclass(frozen=True)
class NonTarget:
    """A lesion that is not measured for the sum, and why."""

    lesion: Target
    reason: str

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**self.lesion.to_json(), "reason": self.reason}


def distinct_names(lesions: Sequence[LesionSizes]) -> None:
    """Check that every lesion has a name of its own.

    Raises:
        InputError: two have the same.
    """
    twice = [name for name, n in Counter(lesion.name for lesion in lesions).items() if n > 1]
    if twice:
        raise InputError(
            f"two lesions are called {twice[0]}",
            source="lesions",
            remedy="give each lesion a name of its own",
        )


def too_small(organ: str, longest_mm: float) -> str | None:
    """Why a lesion of this size cannot be a target, in words; None where it can."""
    least = TARGET_NODE_MM if organ == LYMPH_NODE else TARGET_MM
    # A file that holds its pixel size in single precision must not make 10 mm 9.9999998.
    if round(longest_mm, _DECIMALS) >= least:
        return None
    axis = "short axis" if organ == LYMPH_NODE else "longest diameter"
    return f"{axis} of {longest_mm:.1f} mm at baseline, below {least:g} mm"


def choose_targets(
    candidates: Sequence[Target], chosen: Sequence[str] | None = None
) -> tuple[tuple[Target, ...], tuple[NonTarget, ...]]:
    """At most five targets, two by organ: the largest at baseline, or those a person chose.

    Args:
        candidates: lesions that can be targets.
        chosen: names of the targets; None takes the largest.

    Returns:
        Targets, largest first, and the others with the reason.

    Raises:
        InputError: a chosen lesion cannot be one, or too many are chosen.
    """
    if chosen is not None:
        return _as_chosen(candidates, chosen)
    targets: list[Target] = []
    others: list[NonTarget] = []
    for lesion in sorted(candidates, key=lambda one: -one.baseline_mm):
        if sum(t.organ == lesion.organ for t in targets) >= MOST_BY_ORGAN:
            others.append(NonTarget(lesion, f"two larger ones of the {lesion.organ} are targets"))
        elif len(targets) >= MOST_TARGETS:
            others.append(NonTarget(lesion, "five larger ones are targets"))
        else:
            targets.append(lesion)
    return tuple(targets), tuple(others)


def _as_chosen(
    candidates: Sequence[Target], chosen: Sequence[str]
) -> tuple[tuple[Target, ...], tuple[NonTarget, ...]]:
    unfit = sorted(set(chosen) - {lesion.name for lesion in candidates})
    if unfit:
        raise InputError(
            f"{', '.join(unfit)} cannot be a target",
            source="targets",
            remedy=f"choose measurable lesions, at least {TARGET_MM:g} mm at baseline",
        )
    targets = tuple(lesion for lesion in candidates if lesion.name in chosen)
    organs = Counter(lesion.organ for lesion in targets)
    if len(targets) > MOST_TARGETS or any(n > MOST_BY_ORGAN for n in organs.values()):
        raise InputError(
            f"{count_of(len(targets), 'target is', 'targets are')} chosen, "
            f"up to {max(organs.values())} in one organ",
            source="targets",
            remedy=f"choose at most {MOST_TARGETS}, and {MOST_BY_ORGAN} in one organ",
        )
    others = (NonTarget(c, "not chosen") for c in candidates if c.name not in chosen)
    return targets, tuple(others)
