"""Which frame shows the lesion at its brightest: the one that stands for the clip.

Speckle changes the mean of a small lesion by several percent from frame to frame, so the brightest
frame itself is a matter of luck. The frame nearest to the peak of the fitted curve is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_count, checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.features.perfusion.bolus_fit import BolusFit
from hccsurv_core.features.perfusion.curve import TimeIntensity
from hccsurv_core.features.perfusion.smooth import running_median

Floats = NDArray[np.float64]
#: Huang et al. 2022 (doi 10.4251/wjgo.v14.i12.2380) look for the peak from 0 to 360 s.
UNTIL_S = 360.0
#: A fit that explains less of the variance does not choose.
_LEAST_R2 = 0.8
_WIDTH = 5
_TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class PeakFrame:
    """The chosen frame.

    Args:
        frame: counted from 0.
        time_s: after the injection.
        chosen_by: "fitted curve", "smoothed curve" or "by hand".
        earliest, latest: frames that the noise leaves open (95 %), if the model is right; None
            without a fit.
        sentence: all of it in words.
    """

    frame: int
    time_s: float
    chosen_by: str
    earliest: int | None
    latest: int | None
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def choose_peak_frame(
    curve: TimeIntensity,
    fit: BolusFit | None,
    *,
    by_hand: int | None = None,
    until_s: float = UNTIL_S,
) -> PeakFrame:
    """Choose the frame of peak enhancement.

    Args:
        curve: whose frames are chosen from; those that are left out never are.
        fit: of the lesion's curve; None, a poor one, or one whose peak lies outside the frames
            leaves the choice to the smoothed curve.
        by_hand: a person's choice; it may be a frame that was left out.
        until_s: no frame after this is chosen.

    Raises:
        InputError: no usable frame, or a frame that does not exist.
    """
    latest_s = checked_number(until_s, "end of the search (s)", low=0)
    if by_hand is not None:
        return _by_hand(curve, by_hand)
    usable = np.flatnonzero(curve.used & (curve.time_s >= 0) & (curve.time_s <= latest_s))
    if not len(usable):
        raise InputError(
            f"no usable frame lies between the injection and {latest_s:g} s",
            source="peak frame",
            remedy="take frames in again, or check the time of injection",
        )
    time = curve.time_s[usable]
    if fit is not None and fit.r2 >= _LEAST_R2 and time[0] <= fit.peak_s <= time[-1]:
        return _from_fit(curve, fit, usable)
    smooth = running_median(curve.lesion_enhancement[usable], _WIDTH)
    frame = int(usable[int(smooth.argmax())])
    text = (
        f"Frame {frame} of 0 to {len(curve.time_s) - 1} ({curve.time_s[frame]:.1f} s) is where the "
        "smoothed curve is highest; no fitted curve vouches for it: look at the frames about it."
    )
    return PeakFrame(frame, float(curve.time_s[frame]), "smoothed curve", None, None, text)


def _by_hand(curve: TimeIntensity, frame: int) -> PeakFrame:
    chosen = checked_count(frame, "peak frame")
    if chosen >= len(curve.time_s):
        raise InputError(
            f"frame {chosen} does not exist; the clip has frames 0 to {len(curve.time_s) - 1}",
            source="peak frame",
        )
    text = (
        f"Frame {chosen} of 0 to {len(curve.time_s) - 1} ({curve.time_s[chosen]:.1f} s) was chosen by "
        "hand."
    )
    if not curve.used[chosen]:
        text += " It is left out of the curve."
    return PeakFrame(chosen, float(curve.time_s[chosen]), "by hand", None, None, text)


def _from_fit(curve: TimeIntensity, fit: BolusFit, usable: NDArray[np.int64]) -> PeakFrame:
    time = curve.time_s[usable]
    (peak_s,), (error,) = fit.derived(lambda f: [f.peak_s])
    frame = int(usable[int(np.abs(time - peak_s).argmin())])
    reach = _TWO_SIDED_95 * float(error)
    ends = [int(usable[int(np.abs(time - peak_s - sign * reach).argmin())]) for sign in (-1, 1)]
    text = (
        f"Frame {frame} of 0 to {len(curve.time_s) - 1} ({curve.time_s[frame]:.1f} s) is the usable "
        f"frame nearest to the peak of the fitted curve ({peak_s:.1f} s; noise leaves "
        f"{peak_s - reach:.1f} to {peak_s + reach:.1f} s open)."
    )
    return PeakFrame(frame, float(curve.time_s[frame]), "fitted curve", ends[0], ends[1], text)
