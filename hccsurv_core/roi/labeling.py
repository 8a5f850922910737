"""Which vertebra is which: every landmark votes on the label of the lowest disk found.

Places along the spine are *levels*: 0 at the disk L5–S1, 1 at L4–L5, 2 at L3–L4
and so on upward, so that L3 spans 2 to 3 and T12 spans 5 to 6. The chain of disks
gives levels up to a whole number, the *shift*; each landmark gives a likelihood
for every shift, with a floor, so that no single one can overrule the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Names by level: index 0 is S1 (levels −1 to 0), 1 is L5 (0 to 1), 3 is L3.
NAMES = ("S1", "L5", "L4", "L3", "L2", "L1", *(f"T{n}" for n in range(12, 0, -1)))
#: Shifts considered: from the lowest disk being S1–S2 to it being T6–T7.
SHIFTS = np.arange(-1, 12)

#: How likely at most a whole group of landmarks misleads (a lumbar vertebra too many or too few,
#: a missing twelfth rib), as a share of its best answer.
GROUP_FLOORS = {"pelvis": 0.03, "ribs": 0.04, "other": 0.05}

#: Mean forward tilt of disks in the supine, from S1–S2 upward, degrees (anterior edge down).
DISK_TILT_DEG = np.array([45, 32, 14, 3, -5, -10, -11, -9, -7, -4, -1, 2, 4, 6, 8, 10, 12, 14, 16])
#: Scatter of one disk, of the whole patient's lie, and of the lordosis as a share of itself.
TILT_SIGMA_DEG, LIE_SIGMA_DEG, LORDOSIS_SIGMA = 8.0, 7.0, 0.3


@dataclass(frozen=True, eq=False)
class Vote:
    """One landmark's say.

    Args:
        name: short name.
        group: "pelvis", "ribs" or "other": landmarks of a group err together.
        log_likelihood: per shift of :data:`SHIFTS`, 0 for the best.
        sentence: what was seen, given the shift chosen.
        strong: whether this landmark alone can carry a label.
    """

    name: str
    group: str
    log_likelihood: NDArray[np.float64]
    sentence: Callable[[int], str]
    strong: bool


def level_name(level: float) -> str:
    """ "0.4 of L4", "T12" … for messages: where a level lies."""
    index = int(np.floor(level)) + 1
    if not 0 <= index < len(NAMES):
        return "the sacrum" if index < 0 else "the upper chest"
    return f"{level - np.floor(level):.1f} of {NAMES[index]}"


def _log_votes(likelihood: NDArray[np.floating], floor: float) -> NDArray[np.float64]:
    """Likelihoods scaled to a maximum of 1, floored, as logarithms with maximum 0."""
    scaled = np.asarray(likelihood, dtype=np.float64)
    scaled = scaled / max(float(scaled.max()), 1e-300)
    return np.log(floor + (1.0 - floor) * scaled)


def _bell(level: NDArray[np.floating], mean: float, sigma: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * ((level - mean) / sigma) ** 2) / sigma


def _step_up(level: NDArray[np.floating], middle: float, width: float) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip((level - middle) / width, -50, 50)))


def vote_crest(levels: list[float], sides: list[str]) -> Vote:
    """Iliac crests' tops: L4 or the disk below in 87 % (Chakraverty 2007, 10.1111/j.1469-7580.2006.00686.x).

    In men most often L4 or its lower endplate, in women L5's upper part (Spine 2008,
    10.1097/BRS.0b013e318166f58c); the sex is not known here, so both are allowed for.
    """
    mean = float(np.mean(levels))
    likelihood = _bell(mean + SHIFTS, 1.35, 0.45) + 0.6 * _bell(mean + SHIFTS, 0.9, 0.45)
    where = " and ".join(sides)
    return Vote(
        "iliac crest",
        "pelvis",
        _log_votes(likelihood, 0.04),
        lambda shift: (
            f"The top of the {where} iliac crest lies at {level_name(mean + shift)} "
            "(expected: lower half of L4)."
        ),
        strong=True,
    )


def vote_no_crest(bottom_level: float) -> Vote:
    """No crest in view: the scan ends above it."""
    likelihood = _step_up(bottom_level + SHIFTS, 1.1, 0.3)
    return Vote(
        "no iliac crest",
        "pelvis",
        _log_votes(likelihood, 0.03),
        lambda shift: (
            f"No iliac crest is in view; the scan ends at {level_name(bottom_level + shift)}."
        ),
        strong=False,
    )


def vote_wing(level: float) -> Vote:
    """Sacral wings begin at the disk L5–S1."""
    return Vote(
        "sacral wings",
        "pelvis",
        _log_votes(_bell(level + SHIFTS, -0.1, 0.35), 0.06),
        lambda shift: (
            f"The sacral wings begin at {level_name(level + shift)} (expected: top of S1)."
        ),
        strong=True,
    )


def vote_chain_end() -> Vote:
    """The disks end although the scan goes on: the lowest is L5–S1, or next to it."""
    chance = {-1: 0.12, 0: 0.72, 1: 0.13}
    likelihood = np.array([chance.get(int(shift), 0.01) for shift in SHIFTS])
    names = {-1: "S1–S2", 0: "L5–S1", 1: "L4–L5"}
    return Vote(
        "end of the disks",
        "pelvis",
        _log_votes(likelihood, 0.01),
        lambda shift: (
            "Below the lowest disk, named "
            f"{names.get(shift, 'otherwise')} here, the scan shows no further one "
            "(expected: L5–S1 is the last)."
        ),
        strong=False,
    )


def vote_tilt(levels: NDArray[np.floating], tilts_deg: NDArray[np.floating]) -> Vote:
    """The lordosis: disks tip forward steeply at L5–S1, lie level at L3–L4, tip back above."""
    log_likelihood = np.empty(len(SHIFTS))
    for n, shift in enumerate(SHIFTS):
        mean = np.interp(levels + shift, np.arange(len(DISK_TILT_DEG)) - 1, DISK_TILT_DEG)
        spread = (
            TILT_SIGMA_DEG**2 * np.eye(len(levels))
            + LIE_SIGMA_DEG**2
            + LORDOSIS_SIGMA**2 * np.outer(mean, mean)
        )
        off = tilts_deg - mean
        log_likelihood[n] = -0.5 * (
            off @ np.linalg.solve(spread, off) + np.linalg.slogdet(spread)[1]
        )
    # Neighbouring tilts are one curve, so that they count for less than their number.
    likelihood = np.exp(0.6 * (log_likelihood - log_likelihood.max()))
    steepest = int(np.argmax(tilts_deg))
    return Vote(
        "lordosis",
        "other",
        _log_votes(likelihood, 0.04),
        lambda shift: (
            f"The disk that tips forward most ({tilts_deg[steepest]:.0f}°) is the lower "
            f"one of {level_name(levels[steepest] + shift + 0.01).split(' of ')[-1]} "
            "(expected, where in view: L5, 30°)."
        ),
        strong=False,
    )


def vote_ribs(
    levels: dict[str, float], reach_share: float | None, reach_mm: float, n_pairs: int
) -> Vote:
    """The lowest rib's head: upper half of T12, unless the twelfth is missing or a lumbar one is there.

    Args:
        levels: level of the lowest rib's head by side.
        reach_share: its reach as a share of the widest rib's; a twelfth rib stays below 0.85
            as a rule.
        reach_mm: its reach, mm.
        n_pairs: ribs with their heads in view, as pairs.
    """
    lowest = min(levels.values())
    one_sided = len(levels) == 1 or max(levels.values()) - lowest > 0.6
    level = lowest if one_sided else float(np.mean(list(levels.values())))
    lumbar, missing = (0.10, 0.06) if one_sided else (0.03, 0.05)
    if reach_share is not None and reach_share > 0.85:
        missing = 0.12
    elif reach_mm < 70.0:
        lumbar = max(lumbar, 0.12)
    at = level + SHIFTS
    likelihood = (
        (1 - lumbar - missing) * _bell(at, 5.5, 0.33)
        + missing * _bell(at, 6.5, 0.33)
        + lumbar * _bell(at, 4.5, 0.33)
    )
    side = f"{next(iter(levels))} side only" if len(levels) == 1 else "both sides"
    return Vote(
        "last rib",
        "ribs",
        _log_votes(likelihood, 0.02),
        lambda shift: (
            f"The lowest rib ({side}, {n_pairs} pair(s) with heads in view, reaching "
            f"{reach_mm:.0f} mm from the midline) joins the spine at {level_name(level + shift)} "
            "(expected: upper half of T12)."
        ),
        strong=True,
    )


def vote_no_ribs(top_level: float) -> Vote:
    """No rib joins the spine in view: the scan ends below T12, or the twelfth rib is missing."""
    likelihood = 1.0 - _step_up(top_level + SHIFTS, 5.7, 0.3)
    return Vote(
        "no ribs",
        "ribs",
        _log_votes(likelihood, 0.06),
        lambda shift: (
            f"No rib joins the spine in view; the scan ends at {level_name(top_level + shift)}."
        ),
        strong=False,
    )


def vote_lung(level: float) -> Vote:
    """The lungs' lower edge behind: about T12 to L1, moving with the breath."""
    return Vote(
        "lung base",
        "other",
        _log_votes(_bell(level + SHIFTS, 5.3, 0.9), 0.10),
        lambda shift: (
            f"The lungs reach down to {level_name(level + shift)} "
            "(expected: T12 or L1, with the breath)."
        ),
        strong=False,
    )


@dataclass(frozen=True, eq=False)
class Verdict:
    """How likely each shift is.

    Args:
        probability: per shift of :data:`SHIFTS`; sums to 1.
        votes: what it rests on.
    """

    probability: NDArray[np.float64]
    votes: tuple[Vote, ...]

    @property
    def shift(self) -> int:
        """The likeliest level of the lowest disk of the chain."""
        return int(SHIFTS[int(self.probability.argmax())])

    def of(self, shift: int) -> float:
        """Probability of one shift."""
        return float(self.probability[shift - int(SHIFTS[0])])

    def against(self, shift: int) -> tuple[Vote, ...]:
        """The landmarks that clearly favor another shift."""
        place = shift - int(SHIFTS[0])
        return tuple(v for v in self.votes if v.log_likelihood[place] < np.log(0.35))


def combine_votes(votes: list[Vote]) -> Verdict:
    """Multiply the votes, group by group, with a floor for each group."""
    total = np.zeros(len(SHIFTS))
    for group, floor in GROUP_FLOORS.items():
        said = sum(
            (v.log_likelihood for v in votes if v.group == group), start=np.zeros(len(SHIFTS))
        )
        total += _log_votes(np.exp(said - said.max()), floor)
    probability = np.exp(total - total.max())
    return Verdict(probability / probability.sum(), tuple(votes))
