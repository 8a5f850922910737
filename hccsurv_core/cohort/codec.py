"""Levels, masks and measures as JSON and bytes, and back. No pickles."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError, StoreError
from hccsurv_core.roi.results import BodySegmentation, L3Location, Vertebra


def encode_location(location: L3Location) -> dict[str, Any]:
    """A level as JSON values; a canal point that was not found becomes null.

    Raises:
        InputError: another number of the level is not finite.
    """
    canal = None
    if location.canal is not None:
        canal = [
            [float(x) if math.isfinite(x) else None for x in point] for point in location.canal
        ]
    values = {
        "slice_index": int(location.slice_index),
        "position_mm": float(location.position_mm),
        "confidence": float(location.confidence),
        "method": location.method,
        "vertebrae": [
            {
                "name": v.name,
                "inferior_index": float(v.inferior_index),
                "center_index": float(v.center_index),
                "superior_index": float(v.superior_index),
                "center_row": float(v.center_row),
                "center_column": float(v.center_column),
            }
            for v in location.vertebrae
        ],
        "alternatives": {str(k): float(v) for k, v in location.alternatives.items()},
        "evidence": [str(e) for e in location.evidence],
        "warnings": [str(w) for w in location.warnings],
        "canal": canal,
    }
    return plain_json(values, "level")


def decode_location(data: dict[str, Any]) -> L3Location:
    """The inverse of :func:`encode_location`."""
    canal = data.get("canal")
    return L3Location(
        slice_index=data["slice_index"],
        position_mm=data["position_mm"],
        confidence=data["confidence"],
        method=data["method"],
        vertebrae=tuple(Vertebra(**v) for v in data["vertebrae"]),
        alternatives={int(k): v for k, v in data["alternatives"].items()},
        evidence=tuple(data["evidence"]),
        warnings=tuple(data["warnings"]),
        canal=None if canal is None else np.array(canal, dtype=np.float64).reshape(-1, 2),
    )


def pack_masks(segmentation: BodySegmentation) -> tuple[bytes, list[str], tuple[int, ...]]:
    """Masks as a compressed archive of bits, with their names in order and their common shape.

    Raises:
        InputError: there are no masks, or they differ in shape.
    """
    shapes = {np.shape(mask) for mask in segmentation.masks.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise InputError(
            f"masks must share one shape (slices, rows, columns), got {sorted(shapes)}",
            source="segmentation",
        )
    data = pack_bits(list(segmentation.masks.values()))
    return data, list(segmentation.masks), next(iter(shapes))


def pack_bits(masks: Sequence[NDArray[np.bool_]]) -> bytes:
    """Masks of any shapes as a compressed archive of bits."""
    buffer = io.BytesIO()
    # The archive's member names are ours (numbers); what people call them is in the database.
    bits = {
        f"m{number}": np.packbits(np.ascontiguousarray(mask, dtype=bool), axis=None)
        for number, mask in enumerate(masks)
    }
    np.savez_compressed(buffer, **bits)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack_masks(
    data: bytes, names: Sequence[str], shape: tuple[int, ...]
) -> dict[str, NDArray[np.bool_]]:
    """The inverse of :func:`pack_masks`.

    Raises:
        StoreError: the archive does not hold what its row says.
    """
    return dict(zip(names, unpack_bits(data, [shape] * len(names)), strict=True))


def unpack_bits(data: bytes, shapes: Sequence[tuple[int, ...]]) -> list[NDArray[np.bool_]]:
    """The inverse of :func:`pack_bits`.

    Raises:
        StoreError: the archive does not hold masks of these shapes.
    """
    masks = []
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            for number, shape in enumerate(shapes):
                bits = np.unpackbits(archive[f"m{number}"], count=math.prod(shape))
                masks.append(bits.view(bool).reshape(shape))
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"the outlines in the data folder are damaged ({error})") from error
    return masks


def plain_json(value: Any, source: str = "measures") -> Any:
    """``value`` with NumPy's numbers and tuples turned into JSON's.

    Raises:
        InputError: a number is not finite, or a value has no JSON form, naming where.
    """
    if isinstance(value, dict):
        return {str(k): plain_json(v, f"{source}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(v, f"{source}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{value} is not a number to keep", source=source, remedy="use None")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"a {type(value).__name__} cannot be stored as JSON", source=source)
