"""Does the network answer by the warm area? It is deleted, and so are others of its size and shape.

A map can look convincing and have nothing to do with the answer (Adebayo et al., NeurIPS 2018).
The hottest area is painted over with what surrounds it, and the change of the score is held against
the changes that areas of the same size and shape elsewhere cause: a randomization test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_count, checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent

Mask = NDArray[np.bool_]
#: (b, channels, P, P) → (b,) scores.
Score = Callable[[NDArray[np.float32]], NDArray[np.floating]]
#: Pictures that are scored at once.
_AT_ONCE = 16
#: Changes below this are rounding, relative to the score.
_ROUNDING = 1e-5
#: At or below this the area is said to matter more than others.
_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """What deleting the hottest area did.

    Args:
        score: of the picture as it is.
        change: of the score when the hottest area is deleted; random_changes: (n_random,) when
            others are.
        p: share of the random areas, with the hottest among them, that change the score at least as
            much, up or down: (1 + how many) / (1 + n_random). None where the map has no hottest
            area.
        n_random, seed: of the random areas.
        area_pixels: size of each area.
        area: (P, P) the hottest area.
        reason: why there is no test, or "".
    """

    score: float
    change: float
    random_changes: NDArray[np.float64]
    p: float | None
    n_random: int
    seed: int
    area_pixels: int
    area: Mask
    reason: str = ""

    @property
    def depends(self) -> bool:
        """Whether any deletion at all changed the score."""
        largest = max(abs(self.change), float(np.abs(self.random_changes).max(initial=0.0)))
        return largest > _ROUNDING * max(1.0, abs(self.score))

    @property
    def words(self) -> str:
        """The result in a sentence."""
        if self.p is None:
            return f"Not tested: {self.reason}."
        if not self.depends:
            return (
                "The answer does not change whichever area is deleted: this map explains nothing."
            )
        numbers = f"p = {self.p:.3g}, {self.n_random} random areas, seed {self.seed}"
        if self.p <= _LEVEL:
            return f"Deleting the hottest area changes the answer more than others do ({numbers})."
        return (
            "Deleting the hottest area does not change the answer more than deleting others: "
            f"do not rely on this map ({numbers})."
        )

    def to_json(self) -> dict[str, object]:
        """Plain values, without the area."""
        return {
            "score": self.score,
            "change": self.change,
            "median_random_change": float(np.median(np.abs(self.random_changes)))
            if self.random_changes.size
            else None,
            "p": self.p,
            "n_random": self.n_random,
            "seed": self.seed,
            "area_pixels": self.area_pixels,
            "words": self.words,
        }


def check_faithfulness(
    score: Score,
    picture: NDArray[np.floating],
    heat: NDArray[np.floating],
    *,
    tissue: Mask | None = None,
    channels: Sequence[int] | None = None,
    area_share: float = 0.05,
    n_random: int = 99,
    seed: int = 0,
    progress: Progress = silent,
) -> Faithfulness:
    """Delete the hottest area and random ones of its size and shape.

    An area is deleted by putting the local mean of what is not deleted in its place, channel by
    channel. Random areas are the hottest one turned by right angles, mirrored and moved anywhere
    (over the edge it comes in on the other side), as long as they hold at least as much tissue as
    it does: air beside the patient would be too easy a rival.

    Args:
        score: of pictures.
        picture: (channels, P, P).
        heat: (P, P) 0 or more.
        tissue: (P, P) where areas may be compared; default everywhere.
        channels: that are deleted; default all. An outline should stay: without it a network may
            answer as if there were no lesion.
        area_share: of the picture, that the area covers at most; it never covers pixels without
            heat.
        n_random: areas; the smallest p is 1 / (n_random + 1).
        seed: of the areas.
        progress: told as pictures are scored; may cancel.

    Raises:
        InputError: shapes do not fit, or a share or number cannot be.
    """
    x, warmth = np.asarray(picture, np.float32), np.asarray(heat, np.float64)
    if x.ndim != 3 or warmth.shape != x.shape[1:] or x.shape[1] != x.shape[2]:
        raise InputError(
            f"a picture of shape {x.shape} and heat of {warmth.shape} do not fit", source="heat map"
        )
    checked_number(area_share, "area_share", low=1e-4, high=0.5)
    checked_count(n_random, "n_random", at_least=1)
    allowed = np.ones(warmth.shape, bool) if tissue is None else np.asarray(tissue, bool)
    if allowed.shape != warmth.shape:
        raise InputError(f"tissue has shape {allowed.shape}", source="tissue")
    whole = float(score(x[None])[0])
    area, reason = _hottest(warmth, area_share)
    if reason:
        return Faithfulness(whole, 0.0, np.empty(0), None, n_random, seed, 0, area, reason)
    chosen = list(range(x.shape[0])) if channels is None else list(channels)
    areas = [area, *_random_areas(area, allowed, n_random, seed)]
    scores = _score_all(score, x, areas, chosen, progress)
    changes = scores - whole
    slack = _ROUNDING * max(1.0, abs(whole))
    as_large = int((np.abs(changes[1:]) >= abs(changes[0]) - slack).sum())
    return Faithfulness(
        score=whole,
        change=float(changes[0]),
        random_changes=changes[1:],
        p=(1 + as_large) / (1 + n_random),
        n_random=n_random,
        seed=seed,
        area_pixels=int(area.sum()),
        area=area,
    )


def _hottest(heat: NDArray[np.float64], share: float) -> tuple[Mask, str]:
    """The hottest pixels, or why there are none."""
    none = np.zeros(heat.shape, bool)
    if not heat.max() > 0:
        return none, "the map has no heat"
    if heat.max() - heat.min() <= 1e-6 * heat.max():
        return none, "the map is even, so no area is the hottest"
    count = min(max(1, round(share * heat.size)), int((heat > 0).sum()))
    order = np.argsort(-heat, axis=None, kind="stable")
    none.flat[order[:count]] = True
    return none, ""


def _random_areas(area: Mask, allowed: Mask, n: int, seed: int) -> list[Mask]:
    """The area turned, mirrored and moved at random, where there is as much tissue."""
    rng = np.random.default_rng(seed)
    shapes = [np.rot90(flipped, k) for flipped in (area, area[:, ::-1]) for k in range(4)]
    ground = np.fft.rfft2(allowed.astype(np.float64))
    # How much tissue each shape covers at each displacement: a circular correlation.
    covered = np.stack(
        [
            np.fft.irfft2(ground * np.conj(np.fft.rfft2(s.astype(np.float64))), s=s.shape)
            for s in shapes
        ]
    ).round()
    own = float((area & allowed).sum())
    places = np.flatnonzero(covered >= own)
    if places.size < n:  # the hottest area lies in the only tissue that is so large
        places = np.argsort(-covered, axis=None, kind="stable")[: max(n, places.size)]
    picked = rng.choice(places, size=n, replace=places.size < n)
    found = []
    for place in picked:
        number, down, along = np.unravel_index(int(place), covered.shape)
        found.append(np.roll(shapes[int(number)], (int(down), int(along)), (0, 1)))
    return found


def _score_all(
    score: Score, x: NDArray[np.float32], areas: list[Mask], channels: list[int], progress: Progress
) -> NDArray[np.float64]:
    found: list[NDArray[np.float64]] = []
    for first in range(0, len(areas), _AT_ONCE):
        progress(first / len(areas), "areas are deleted")
        batch = np.stack([_deleted(x, a, channels) for a in areas[first : first + _AT_ONCE]])
        found.append(np.asarray(score(batch), dtype=np.float64))
    progress(1.0, "areas are deleted")
    return np.concatenate(found)


def _deleted(x: NDArray[np.float32], area: Mask, channels: list[int]) -> NDArray[np.float32]:
    """The picture with the local mean of what is not deleted in the area's place.

    The mean is Gaussian, as wide as a disk of the area's size; what is deleted has no part in it.
    """
    from scipy.ndimage import gaussian_filter

    kept = (~area).astype(np.float64)
    sigma = max(1.0, math.sqrt(area.sum() / math.pi))
    weight = gaussian_filter(kept, sigma, mode="nearest")
    found = x.copy()
    for k in channels:
        near = gaussian_filter(x[k] * kept, sigma, mode="nearest")
        everywhere = float(x[k][~area].mean()) if (~area).any() else 0.0
        fill = np.where(weight > 1e-6, near / np.maximum(weight, 1e-6), everywhere)
        found[k][area] = fill[area]
    return found
