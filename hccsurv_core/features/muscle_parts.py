"""The parts of skeletal muscle on an axial slice at L3, told apart by where they lie.

Psoas, quadratus, erector spinae, lateral wall and rectus, in the frame that the two psoas give:
their middle line, their height, and the distance between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PARTS = ("psoas", "quadratus", "erector", "lateral", "rectus")
#: Gaps in an outline up to twice this wide belong to the muscle's envelope.
_CLOSE_MM = {"erector": 6.0}
_CLOSE_OTHERS_MM = 4.0
#: The border of the envelope is left out: what lies across it is another tissue.
_BORDER_MM = {"lateral": 1.0, "rectus": 1.0}
_BORDER_OTHERS_MM = 2.0
#: One psoas has at least this share of the pixels of both.
_PSOAS_SHARE = 0.1
#: A part smaller than this tells nothing of its texture.
SMALLEST_CM2 = 1.0


@dataclass(frozen=True, eq=False)
class MusclePart:
    """One part of the muscle on one slice, in a box around it.

    Args:
        hu: attenuation.
        muscle: what was outlined.
        envelope: the outline with its gaps closed, of muscle and fat.
        core: the envelope without its border.
    """

    hu: NDArray[np.float32]
    muscle: NDArray[np.bool_]
    envelope: NDArray[np.bool_]
    core: NDArray[np.bool_]


@dataclass(frozen=True)
class MuscleFrame:
    """Where the psoas lie on a slice: middle line, height and distance, pixels."""

    middle: float
    row: float
    apart: float

    @classmethod
    def of(cls, psoas: NDArray[np.bool_]) -> MuscleFrame:
        """The frame that a slice's two psoas give."""
        rows, columns = np.nonzero(psoas)
        low, high = np.percentile(columns, (2, 98))
        middle = (low + high) / 2
        left = columns < middle
        return cls(middle, rows.mean(), columns[~left].mean() - columns[left].mean())

    def places(self, shape: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """(rows, 1) and (1, columns): behind the psoas, and from the middle, in their distance."""
        rows, columns = shape
        behind = (np.arange(rows)[:, None] - self.row) / self.apart
        aside = np.abs(np.arange(columns)[None, :] - self.middle) / self.apart
        return behind, aside

    def parts(
        self, muscle: NDArray[np.bool_], psoas: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.bool_]]:
        """The five parts."""
        behind, aside = self.places(muscle.shape)  # type: ignore[arg-type]
        rest = muscle & ~psoas
        back = rest & (behind > -0.05) & (aside < 1.15)
        quadratus = back & (behind < 0.40) & (aside > 0.45)
        wall = rest & ~back
        rectus = wall & (behind < -0.6) & (aside < 0.95)
        return {
            "psoas": psoas,
            "quadratus": quadratus,
            "erector": back & ~quadratus & (behind > 0.3),
            "lateral": wall & ~rectus,
            "rectus": rectus,
        }

    def sides(self, parts: Mapping[str, NDArray[np.bool_]]) -> dict[str, tuple[int, int]]:
        """Pixels to the patient's right and left, of psoas and lateral wall.

        The psoas are told apart by the gap between them: their common middle moves toward the
        larger one. Erector, quadratus and rectus are left out: how the patient lies moves them.
        """
        return {
            name: (int(mask[:, :cut].sum()), int(mask[:, cut:].sum()))
            for name, mask, cut in (
                ("psoas", parts["psoas"], gap_between_psoas(parts["psoas"])),
                ("lateral", parts["lateral"], max(round(self.middle), 0)),
            )
        }


def gap_between_psoas(psoas: NDArray[np.bool_]) -> int:
    """The column in the middle of the gap between two psoas.

    It is the widest gap with a tenth of the pixels or more on both sides: an outline may have a
    stray pixel far off.
    """
    heights = psoas.sum(axis=0)
    columns = np.flatnonzero(heights)
    left = np.cumsum(heights[columns])[:-1] / heights.sum()
    widths = np.where((left >= _PSOAS_SHARE) & (left <= 1 - _PSOAS_SHARE), np.diff(columns), 0)
    at = int(np.argmax(widths))
    return int(columns[at] + columns[at + 1] + 1) // 2


def has_both_psoas(psoas: NDArray[np.bool_]) -> bool:
    """Whether a slice shows two psoas, apart from each other."""
    columns = np.flatnonzero(psoas.any(axis=0))
    return columns.size > 1 and bool((np.diff(columns) > 1).any())


def cut_part(
    image: NDArray[np.float32], mask: NDArray[np.bool_], pixel_mm: float, name: str
) -> MusclePart:
    """A part in its box, with its envelope.

    Args:
        image: (rows, columns) HU. mask: of the part, not empty. name: one of :data:`PARTS`.
    """
    from scipy import ndimage

    radius = _CLOSE_MM.get(name, _CLOSE_OTHERS_MM) / pixel_mm
    pad = math.ceil(radius) + 2
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (
        slice(max(rows[0] - pad, 0), rows[-1] + pad + 1),
        slice(max(columns[0] - pad, 0), columns[-1] + pad + 1),
    )
    hu, muscle = image[box], mask[box]
    grown = ndimage.distance_transform_edt(~muscle) <= radius
    inside = ndimage.distance_transform_edt(np.pad(grown, 1))[1:-1, 1:-1]
    closed = (inside > radius) | muscle
    depth = ndimage.distance_transform_edt(np.pad(closed, 1))[1:-1, 1:-1]
    # In the gaps lies fat; bone and bowel beside the muscle are none of it.
    tissue = (hu > -190) & (hu < 150) & (muscle | (hu < -20))
    border = _BORDER_MM.get(name, _BORDER_OTHERS_MM) / pixel_mm
    return MusclePart(hu, muscle, closed & tissue, closed & tissue & (depth > border))
