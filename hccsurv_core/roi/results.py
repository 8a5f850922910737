"""What locating and outlining return: plain values that can be stored, shown and edited."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: Structures a body-composition segmentation holds. `muscle` is total skeletal muscle and
#: includes both psoas; the fats are context.
STRUCTURES = ("muscle", "psoas_left", "psoas_right", "subcutaneous_fat", "visceral_fat")

#: An automatic level of less confidence than this is put to the user as a question.
SURE_LEVEL = 0.8
#: How the warning that says so begins.
UNCERTAIN = "The level is uncertain"


@dataclass(frozen=True)
class Vertebra:
    """One vertebra on the slices of a canonical volume.

    Args:
        name: "L3", "T12", "S1" …
        inferior_index, center_index, superior_index: continuous slice indices of
            the lower endplate, the middle and the upper endplate of the body.
        center_row, center_column: continuous in-plane index of the body's centre.
    """

    name: str
    inferior_index: float
    center_index: float
    superior_index: float
    center_row: float
    center_column: float


@dataclass(frozen=True)
class L3Location:
    """Where L3 is, and how sure that is.

    Args:
        slice_index: slice nearest to the middle of L3's body, in the canonical volume.
        position_mm: LPS z of that slice.
        confidence: probability (0 to 1) that the labelled vertebra is L3, from the votes of the
            landmarks with a floor for each, capped where they are few or disagree; checked on
            simulated and perturbed scans, not formally calibrated. 1.0 where a person gave it.
        method: "automatic", "manual" or "single_slice".
        vertebrae: labelled vertebrae from inferior to superior; empty if not found.
        alternatives: probability of each label shift; key +1 means that the true L3 is
            one vertebra *above* the one labelled here.
        evidence: one sentence per anchor used ("left iliac crest top at 0.3 of L4 …").
        warnings: what a reader must check, in plain words.
        canal: (slices, 2) row and column of the spinal canal's centre per slice, or None.
    """

    slice_index: int
    position_mm: float
    confidence: float
    method: str
    vertebrae: tuple[Vertebra, ...] = ()
    alternatives: dict[int, float] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    canal: NDArray[np.float64] | None = None

    @property
    def is_uncertain(self) -> bool:
        """True where nobody chose the level and its evidence is thin."""
        return self.method == "automatic" and self.confidence < SURE_LEVEL

    def vertebra(self, name: str) -> Vertebra | None:
        """The vertebra called ``name``, or None."""
        return next((v for v in self.vertebrae if v.name == name), None)


@dataclass(frozen=True)
class BodySegmentation:
    """Masks over a slab of consecutive slices of a canonical volume.

    Args:
        first_slice: index of the slab's first slice in the volume.
        slice_index: the measured slice, an index into the volume inside the slab.
        masks: structure name (see :data:`STRUCTURES`) to boolean (slab slices, rows, columns).
            `muscle`, `psoas_*` hold only pixels of −29 to 150 HU.
        method: name of the backend ("classical", "totalsegmentator", "edited").
        warnings: what a reader must check, in plain words.
    """

    first_slice: int
    slice_index: int
    masks: dict[str, NDArray[np.bool_]]
    method: str
    warnings: tuple[str, ...] = ()

    @property
    def n_slices(self) -> int:
        """Slices in the slab."""
        return next(iter(self.masks.values())).shape[0]

    def mask_at(self, name: str, slice_index: int | None = None) -> NDArray[np.bool_]:
        """The 2-D mask of ``name`` on a volume slice (default: the measured one)."""
        index = self.slice_index if slice_index is None else slice_index
        return self.masks[name][index - self.first_slice]
