"""Enhancement of a lesion against the liver, phase by phase, and when and how it washes out.

Phases as in Huang et al. 2022 (doi 10.4251/wjgo.v14.i12.2380): arterial to 30 s, portal venous to
120 s, late to 360 s. Guidelines let the arterial phase end between 30 and 45 s.

Washout as CEUS LI-RADS 2017 uses it (American College of Radiology; Yang HK et al.,
Ultrasonography 2019;38(4):289-301, doi 10.14366/usg.19006): the lesion becomes darker than the liver
after having been as bright or brighter; early is before 60 s; marked is next to no enhancement
within 120 s, otherwise it is mild. Readers judge this by eye. In numbers, which no guideline gives,
ours are: 2 dB brighter or darker is a difference; marked is 10 dB darker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.perfusion.curve import TimeIntensity
from hccsurv_core.features.perfusion.smooth import running_median

Floats = NDArray[np.float64]
#: Lesion over reference within this, dB, is as bright. Ours.
DIFFERENT_DB = 2.0
#: Darker by this within `MARKED_BY_S` is next to no enhancement. Ours.
MARKED_DB = 10.0
#: CEUS LI-RADS 2017.
EARLY_BEFORE_S, MARKED_BY_S = 60.0, 120.0
#: Frames about the lesion's brightest that the arterial phase is judged by, and a running median's.
_WIDTH = 5
#: The reference must stand out of its floor this many times for a ratio.
_ABOVE_NOISE = 3.0
#: Washout must last this long, or to the clip's end, over at least this many frames.
_LASTS_S, _LASTS_FRAMES = 20.0, 2


@dataclass(frozen=True)
class Phase:
    """A span of time after the injection, s; the end belongs to it, the start does not."""

    name: str
    start_s: float
    end_s: float


PHASES = (
    Phase("arterial", 0.0, 30.0),
    Phase("portal venous", 30.0, 120.0),
    Phase("late", 120.0, 360.0),
)
#: What a report calls the portal phase: its part after :data:`EARLY_BEFORE_S`, when washout is judged.
#: Before, most carcinomas are on their way down from the arterial peak.
REPORTED_PORTAL = Phase("portal venous, from 60 s", EARLY_BEFORE_S, 120.0)


@dataclass(frozen=True)
class Enhancement:
    """How bright the lesion is in one phase.

    Args:
        phase: which.
        ratio_db: lesion over reference: in the arterial phase about the lesion's brightest frame,
            in the others the mean over the phase; None where the clip does not show it.
        low_db, high_db: 95 % interval from the scatter of the frames; None for fewer than three.
        degree: "hyper", "iso" or "hypo"; "" where not known.
        sure: False where the interval reaches into another degree.
        n_frames: that were looked at.
    """

    phase: Phase
    ratio_db: float | None
    low_db: float | None
    high_db: float | None
    degree: str
    sure: bool
    n_frames: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self) | {"phase": vars(self.phase)}


@dataclass(frozen=True)
class Washout:
    """Whether the lesion becomes darker than the liver.

    Args:
        onset_s: when it first is, for good; None without washout.
        timing: "early" or "late"; "" without.
        degree: "marked" or "mild"; "" without, or where the clip ends before it can be told.
        deepest_db: lowest lesion over reference afterwards.
        seen_until_s: end of what was looked at; None where nothing was.
        sentence: all of it in words.
    """

    onset_s: float | None
    timing: str
    degree: str
    deepest_db: float | None
    seen_until_s: float | None
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def lesion_over_reference(curve: TimeIntensity) -> Floats:
    """(n,) dB; NaN where the reference does not stand out of its floor.

    A lesion that is lost in its own noise counts as that noise, so that a black lesion in a bright
    liver is dark and not unknown.
    """
    n = len(curve.time_s)
    reference, floor = curve.reference_enhancement, curve.reference_floor
    if reference is None or floor is None:
        return np.full(n, np.nan)
    least = max(curve.lesion_floor.noise or 0.0, 1e-12)
    lesion = np.maximum(curve.lesion_enhancement, least)
    clear = curve.used & np.isfinite(reference) & (reference > _ABOVE_NOISE * (floor.noise or 0.0))
    clear &= reference > 0
    ratio = np.full(n, np.nan)
    ratio[clear] = 10 * np.log10(lesion[clear] / reference[clear])
    return ratio


def enhancement_by_phase(
    curve: TimeIntensity,
    phases: tuple[Phase, ...] = PHASES,
    *,
    peak_s: float | None = None,
    different_db: float = DIFFERENT_DB,
) -> tuple[Enhancement, ...]:
    """The degree of enhancement in every phase; all unknown where no reference was outlined.

    Args:
        curve: of lesion and reference.
        phases: the first is judged where the lesion is brightest, the others as a whole.
        peak_s: when the fitted curve is highest; None takes the smoothed curve.
        different_db: below this the lesion is as bright as the reference.
    """
    ratio = lesion_over_reference(curve)
    if peak_s is None and curve.used.any():
        used = np.flatnonzero(curve.used)
        smooth = running_median(curve.lesion_enhancement[used], _WIDTH)
        peak_s = float(curve.time_s[used[int(smooth.argmax())]])
    return tuple(
        _in_phase(curve.time_s, ratio, p, peak_s if k == 0 else None, different_db)
        for k, p in enumerate(phases)
    )


def enhancement_in(
    curve: TimeIntensity, phase: Phase, different_db: float = DIFFERENT_DB
) -> Enhancement:
    """The degree over one span of time as a whole; unknown where no reference was outlined.

    Args:
        different_db: below this the lesion is as bright as the reference.
    """
    return _in_phase(curve.time_s, lesion_over_reference(curve), phase, None, different_db)


def _in_phase(
    time_s: Floats, ratio: Floats, phase: Phase, peak_s: float | None, different_db: float
) -> Enhancement:
    inside = (time_s > phase.start_s) & (time_s <= phase.end_s) & np.isfinite(ratio)
    frames = np.flatnonzero(inside)
    if peak_s is not None:
        near = np.argsort(np.abs(time_s[frames] - peak_s), kind="stable")[:_WIDTH]
        frames = np.sort(frames[near])
    if not len(frames):
        return Enhancement(phase, None, None, None, "", False, 0)
    values = ratio[frames]
    weight = _spans(time_s[frames])
    mean = float(np.average(values, weights=weight))
    low = high = None
    if len(values) >= 3:
        from scipy.stats import t

        # Frames of unequal spans count as fewer.
        n = float(weight.sum() ** 2 / (weight**2).sum())
        spread = np.sqrt(np.average((values - mean) ** 2, weights=weight) / max(n - 1, 1.0))
        reach = float(t.ppf(0.975, max(n - 1, 1.0)) * spread)
        low, high = mean - reach, mean + reach
    degree = _degree(mean, different_db)
    sure = low is not None and high is not None
    sure = sure and {_degree(v, different_db) for v in (low, high) if v is not None} == {degree}
    return Enhancement(phase, mean, low, high, degree, sure, len(frames))


def _spans(time: Floats) -> Floats:
    """How much of the time each frame stands for."""
    return np.ones(len(time)) if len(time) < 2 else np.abs(np.gradient(time))


def _degree(ratio_db: float, different_db: float) -> str:
    if ratio_db > different_db:
        return "hyper"
    return "hypo" if ratio_db < -different_db else "iso"


def find_washout(curve: TimeIntensity, different_db: float = DIFFERENT_DB) -> Washout:
    """When the lesion becomes darker than the reference, and stays so.

    The onset is when lesion and reference are equal for the last time before the lesion is darker
    by ``different_db`` and stays darker for 20 s or to the clip's end.
    """
    ratio = lesion_over_reference(curve)
    known = np.flatnonzero(np.isfinite(ratio) & (curve.time_s > 0))
    if len(known) < _WIDTH:
        why = (
            "no reference was outlined"
            if curve.reference is None
            else "lesion and reference are hardly seen together"
        )
        return Washout(None, "", "", None, None, f"Washout cannot be told: {why}.")
    time, smooth = curve.time_s[known], running_median(ratio[known], _WIDTH)
    top = int(running_median(curve.lesion_enhancement[known], _WIDTH).argmax())
    end = float(time[-1])
    if smooth[: top + 1].max() < -different_db:
        text = "There is no washout: the lesion is darker than the liver from the beginning."
        return Washout(None, "", "", None, end, text)
    start = _lasting(time, smooth, top, different_db)
    if start is None:
        text = f"There is no washout until {end:.0f} s, where what was looked at ends."
        return Washout(None, "", "", None, end, text)
    return _described(time, smooth, start, end)


def _lasting(time: Floats, smooth: Floats, top: int, different_db: float) -> int | None:
    """First frame below equal brightness from which the lesion gets darker for good."""
    for k in np.flatnonzero(smooth < -different_db):
        if k <= top:
            continue
        until = (time >= time[k]) & (time <= time[k] + _LASTS_S)
        if np.count_nonzero(time >= time[k]) < _LASTS_FRAMES or (smooth[until] >= 0).any():
            continue
        equal = np.flatnonzero(smooth[: k + 1] >= 0)
        return int(equal[-1]) + 1 if len(equal) else int(k)
    return None


def _described(time: Floats, smooth: Floats, start: int, end: float) -> Washout:
    onset = float(time[start])
    if start > 0 and smooth[start - 1] >= 0:
        onset = float(
            np.interp(0.0, smooth[start - 1 : start + 1][::-1], time[start - 1 : start + 1][::-1])
        )
    timing = "early" if onset < EARLY_BEFORE_S else "late"
    dark = (np.arange(len(time)) >= start) & (smooth <= -MARKED_DB)
    marked = bool((dark & (time <= MARKED_BY_S)).any())
    degree = "marked" if marked else "mild" if end >= MARKED_BY_S else ""
    deepest = float(smooth[start:].min())
    text = (
        f"{timing.capitalize()} washout: the lesion is darker than the liver from {onset:.0f} s on"
    )
    text += f", by up to {-deepest:.1f} dB"
    text += (
        f"; it is {degree}."
        if degree
        else f". The clip ends at {end:.0f} s: marked or mild is open."
    )
    return Washout(onset, timing, degree, deepest, end, text)
