"""What following a region found, which frames can be used, and how well it went, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_count
from hccsurv_core.errors import InputError
from hccsurv_core.wording import agree, count_of

Mask = NDArray[np.bool_]
#: Reasons for leaving a frame out.
UNLIKE = (
    "the picture is unlike the reference frame, as when breathing moves the lesion out of plane"
)
TOO_FAR = "the region moved farther than was searched"
LOST = "the region could not be followed here"
BY_HAND = "left out by hand"
#: Where both halves of the patch disagree by more, a rigid displacement does not describe it, mm.
_AGREE_MM = 1.0
_AGREE_PX = 3.0


@dataclass(frozen=True)
class MotionCheck:
    """How well the followed region agrees.

    Args:
        correlation: median over the followed frames, between the followed neighborhood and the
            reference frame; None where nothing was followed.
        unmoved: the same without following.
        largest_mm: largest displacement from the reference; pixels where not calibrated.
        halves_mm: median distance between the displacements that the left and the right half of
            the neighborhood give on their own; pixels where not calibrated.
        sentence: all of it in words.
    """

    correlation: float | None
    unmoved: float | None
    largest_mm: float
    halves_mm: float | None
    sentence: str


@dataclass(frozen=True, eq=False)
class Motion:
    """Where a region lies in every frame.

    Args:
        shift_px: (n, 2) displacement (row, column) from the reference frame, pixels.
        quality: (n,) correlation of the followed neighborhood with the reference, −1 to 1.
        followed: (n,) False where the displacement is not found but filled in from its neighbors.
        reasons: (n,) why a frame is left out; "" where it is used.
        reference_frame: frame the outline was drawn on.
        panel: what was looked at: "grayscale", "contrast", or "none".
        spacing_mm: size of a pixel along (row, column); None where not calibrated.
        check: how well it went.
    """

    shift_px: NDArray[np.float64]
    quality: NDArray[np.float64]
    followed: Mask
    reasons: tuple[str, ...]
    reference_frame: int
    panel: str
    spacing_mm: tuple[float, float] | None
    check: MotionCheck

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def excluded(self) -> Mask:
        """(n,) True for frames that are left out."""
        return np.array([bool(r) for r in self.reasons], bool)

    @property
    def shift_mm(self) -> NDArray[np.float64] | None:
        """(n, 2) displacement (row, column) in mm; None where not calibrated."""
        return None if self.spacing_mm is None else self.shift_px * np.asarray(self.spacing_mm)

    def with_frames(self, *, exclude: Iterable[int] = (), include: Iterable[int] = ()) -> Motion:
        """The same motion with frames left out or taken in by a person.

        Raises:
            InputError: a frame does not exist, or is in both lists.
        """
        left_out, taken = ({self._frame(k) for k in frames} for frames in (exclude, include))
        if left_out & taken:
            raise InputError(
                f"frame {min(left_out & taken)} is both left out and taken in", source="frames"
            )
        reasons = [
            BY_HAND if k in left_out else "" if k in taken else r
            for k, r in enumerate(self.reasons)
        ]
        return replace(self, reasons=tuple(reasons))

    def _frame(self, k: int) -> int:
        found = checked_count(k, "frame")
        if found >= len(self):
            raise InputError(
                f"frame {found} does not exist; the clip has frames 0 to {len(self) - 1}",
                source="frames",
            )
        return found


@dataclass(frozen=True, eq=False)
class Found:
    """What the search gave, frame by frame.

    Args:
        shift_px: (n, 2).
        quality: (n,).
        at_limit: (n,) True where the search met the end of its range.
    """

    shift_px: NDArray[np.float64]
    quality: NDArray[np.float64]
    at_limit: Mask


def usable(
    found: Found, time_s: NDArray[np.float64], reference: int, dark: Mask,
    lowest: float, lowest_share: float,
) -> tuple[NDArray[np.float64], Mask, tuple[str, ...]]:  # fmt: skip
    """Displacements with gaps filled in, which were found, and why frames are left out.

    Args:
        dark: (n,) frames of a contrast panel that show nothing yet: they are used, wherever the
            region lies in them.
        lowest, lowest_share: correlation below which a frame is left out, and the share of the
            clip's median below which it is.
    """
    n = len(found.quality)
    others = np.arange(n) != reference
    bright = others & ~dark
    usual = float(np.median(found.quality[bright])) if bright.any() else 1.0
    unlike = others & (found.quality < max(lowest, lowest_share * usual))
    lost = (unlike | (found.at_limit & others)) | (dark & others & (found.quality < 0.8))
    shift = found.shift_px.copy()
    if lost.any():
        for axis in range(2):
            shift[lost, axis] = np.interp(time_s[lost], time_s[~lost], found.shift_px[~lost, axis])
    reasons = [
        "" if not lost[k] or dark[k] else TOO_FAR if found.at_limit[k] and not unlike[k] else UNLIKE
        for k in range(n)
    ]
    return shift, ~lost, tuple(reasons)


def judged(
    motion: Motion, unmoved: NDArray[np.float64], halves_px: NDArray[np.float64]
) -> MotionCheck:
    """The check of a motion.

    Args:
        unmoved: (m,) correlations without following.
        halves_px: (k, 2) differences (row, column) between the displacements of both halves.
    """
    size = np.asarray(motion.spacing_mm or (1.0, 1.0))
    used = motion.followed & ~motion.excluded
    used[motion.reference_frame] = False
    correlation = float(np.median(motion.quality[used])) if used.any() else None
    largest = float(np.hypot(*(motion.shift_px * size).T).max()) if len(motion) else 0.0
    halves = float(np.median(np.hypot(*(halves_px * size).T))) if len(halves_px) else None
    before = float(np.median(unmoved)) if len(unmoved) else None
    sentence = _sentence(motion, correlation, before, largest, halves)
    return MotionCheck(correlation, before, largest, halves, sentence)


def _sentence(
    motion: Motion, correlation: float | None, unmoved: float | None, largest: float,
    halves: float | None,
) -> str:  # fmt: skip
    unit = "mm" if motion.spacing_mm else "pixels"
    left_out = int(motion.excluded.sum())
    used = count_of(len(motion) - left_out, "frame")
    text = (
        f"The region was followed on the {motion.panel} panel; {used} of {len(motion)} "
        f"{agree(len(motion) - left_out, 'is', 'are')} used. It moves by up to {largest:.1f} {unit}."
    )
    if correlation is None:
        return f"{text} It was found in no other frame: check the outline and the panels."
    text += f" Followed, it resembles the reference frame with a correlation of {correlation:.2f}"
    text += f" (without following {unmoved:.2f})." if unmoved is not None else "."
    if halves is not None:
        limit = _AGREE_MM if motion.spacing_mm else _AGREE_PX
        verdict = (
            "agree"
            if halves <= limit
            else "disagree: the tissue turns or is compressed, look at it"
        )
        text += f" Its left and right half {verdict} ({halves:.1f} {unit})."
    return text
