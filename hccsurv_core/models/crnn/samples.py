"""Pictures of patients' livers and lungs at two times: what the CNN + LSTM reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError

#: Order of the organs and of the times in all arrays of this package.
ORGANS = ("liver", "lung")
TIMES = ("baseline", "followup")
#: Slices of an organ at a time.
N_SLICES = 3
_SOURCE = "scan pictures"


@dataclass(frozen=True, eq=False)
class ScanPictures:
    """Three slices of each organ at each time, of n patients.

    What was not scanned is filled in before: the last observation is carried forward.

    Args:
        patient_ids: (n,) names, each once.
        pictures: (n, times, 2 organs, 3 slices, P, P) float32; times are baseline and follow-up,
            or baseline alone. Each slice has mean 0 and standard deviation 1.
        known: (n, times, 2) whether that organ was scanned at that time; for reports, the network
            is not told.

    Raises:
        InputError: shapes do not fit, a name stands twice, or a pixel is missing.
    """

    patient_ids: tuple[str, ...]
    pictures: np.ndarray
    known: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient_ids", tuple(map(str, self.patient_ids)))
        object.__setattr__(self, "pictures", _checked_pictures(self.pictures))
        known = np.asarray(self.known)
        n, times = self.pictures.shape[:2]
        if len(self.patient_ids) != n or len(set(self.patient_ids)) != n:
            raise InputError(
                f"pictures of {n} patients but {len(set(self.patient_ids))} names", source=_SOURCE
            )
        if known.dtype != bool or known.shape != (n, times, len(ORGANS)):
            raise InputError(
                f"what was scanned is true or false in shape {(n, times, len(ORGANS))}, got "
                f"{known.dtype} in {known.shape}",
                source=_SOURCE,
            )
        object.__setattr__(self, "known", known)

    def __len__(self) -> int:
        return len(self.patient_ids)

    @property
    def n_times(self) -> int:
        """1 with baseline scans alone, 2 with follow-up."""
        return int(self.pictures.shape[1])

    @property
    def pixels(self) -> int:
        """Rows and columns of a picture."""
        return int(self.pictures.shape[-1])

    def subset(self, rows: ArrayLike) -> ScanPictures:
        """Some patients, by position, none twice."""
        at = np.arange(len(self))[np.asarray(rows)]
        names = tuple(self.patient_ids[i] for i in at)
        return ScanPictures(names, self.pictures[at], self.known[at])

    def require(self, n_times: int, pixels: int) -> None:
        """These are what a network reads.

        Raises:
            InputError: there are too few times, or pictures of another size.
        """
        if self.n_times < n_times:
            raise InputError(
                "the network reads baseline and follow-up, but only baseline is there",
                source=_SOURCE,
                remedy="give follow-up scans, or use the network that reads baseline alone",
            )
        if self.pixels != pixels:
            raise InputError(
                f"the network reads pictures of {pixels}×{pixels} pixels, got "
                f"{self.pixels}×{self.pixels}",
                source=_SOURCE,
                remedy="make the pictures with the network's own settings",
            )


def join_pictures(parts: Sequence[ScanPictures]) -> ScanPictures:
    """Patients of several sets, one after the other.

    Raises:
        InputError: there are none, or their pictures differ in shape.
    """
    shapes = {p.pictures.shape[1:] for p in parts}
    if len(shapes) != 1:
        raise InputError(
            f"pictures of {len(shapes)} shapes cannot be joined: "
            f"{', '.join(map(str, sorted(shapes)))}",
            source=_SOURCE,
            remedy="make all pictures with the same settings",
        )
    return ScanPictures(
        tuple(name for p in parts for name in p.patient_ids),
        np.concatenate([p.pictures for p in parts]),
        np.concatenate([p.known for p in parts]),
    )


def _checked_pictures(pictures: ArrayLike) -> np.ndarray:
    found = np.asarray(pictures, dtype=np.float32)
    wanted = f"(patients, 1 or 2 times, {len(ORGANS)} organs, {N_SLICES} slices, P, P)"
    if (
        found.ndim != 6
        or 0 in found.shape
        or found.shape[1] > len(TIMES)
        or found.shape[2:4] != (len(ORGANS), N_SLICES)
        or found.shape[-1] != found.shape[-2]
    ):
        raise InputError(f"pictures have shape {wanted}, got {found.shape}", source=_SOURCE)
    if not np.isfinite(found).all():
        raise InputError("a pixel is missing or infinite", source=_SOURCE)
    return found
