"""The bounds within which an upload is unpacked and decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hccsurv_core.errors import GeometryError

_MIB = 1024**2
_GIB = 1024**3


@dataclass(frozen=True)
class IntakeLimits:
    """Bounds on one upload. All sizes are counted on bytes produced, never on sizes declared.

    Args:
        max_total_bytes: bytes unpacked from all archives together, and bytes of loose files.
        max_files: files in the upload, archives' members included.
        max_ratio: bytes unpacked for one byte packed, per member (see ``ratio_grace_bytes``).
        ratio_grace_bytes: a member may grow to this size whatever its ratio: a blank
            512×512 slice packs a thousandfold and is harmless.
        max_depth: archives within archives; 1 is an archive of plain files.
        max_voxels: voxels of one series.
        max_side: rows or columns of one image.
        decode_seconds: wall time of one command to the decoder (inspect, load).
        file_seconds: wall time without a sign of life, which is the time one file may take.
        decode_bytes: address space of the decoder process.
        max_restarts: how often a decoder that died is started again during one inspection.
    """

    max_total_bytes: int = 6 * _GIB
    max_files: int = 20_000
    max_ratio: float = 200.0
    ratio_grace_bytes: int = 16 * _MIB
    max_depth: int = 3
    max_voxels: int = 600_000_000
    max_side: int = 4096
    decode_seconds: float = 600.0
    file_seconds: float = 60.0
    decode_bytes: int = 4 * _GIB
    max_restarts: int = 3

    def to_dict(self) -> dict[str, float]:
        """The limits as JSON values."""
        return asdict(self)


def check_voxel_count(shape: Sequence[int], limits: IntakeLimits) -> None:
    """Check the size of a series before room is made for it.

    Raises:
        GeometryError: it is larger than allowed.
    """
    count = 1
    for n in shape:
        count *= int(n)
    if count > limits.max_voxels:
        size = "×".join(str(int(n)) for n in reversed(list(shape)))
        raise GeometryError(
            f"the series has {size} voxels, more than {limits.max_voxels / 1e6:.0f} million",
            remedy="upload a thicker reconstruction",
        )
