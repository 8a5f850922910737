"""A minimal JPEG lossless (process 14, selection value 1) encoder, for test data only.

ITU-T T.81 annex H: each pixel is predicted by its left neighbour (the one above in the first
column), and the difference is written as a Huffman-coded magnitude class and its bits.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray


def _differences(image: NDArray[np.uint16]) -> NDArray[np.int64]:
    wide = image.astype(np.int64)
    predicted = np.empty_like(wide)
    predicted[:, 1:] = wide[:, :-1]
    predicted[1:, 0] = wide[:-1, 0]
    predicted[0, 0] = 1 << 15
    difference = (wide - predicted) & 0xFFFF
    return np.where(difference > 32768, difference - 65536, difference)


def encode(image: NDArray[np.uint16]) -> bytes:
    """Encode one 16-bit grey image."""
    rows, columns = image.shape
    bits: list[str] = []
    # All 17 magnitude classes get codes of 5 bits: legal, and simple.
    for value in _differences(image).ravel():
        size = int(abs(value)).bit_length()
        bits.append(f"{size:05b}")
        if 0 < size < 16:
            coded = value if value > 0 else value + (1 << size) - 1
            bits.append(f"{coded:0{size}b}")
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    data = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\x00")
    counts = [0] * 16
    counts[4] = 17
    table = bytes([0, *counts, *range(17)])
    return b"".join(
        (
            b"\xff\xd8",
            b"\xff\xc3" + struct.pack(">HBHHB", 11, 16, rows, columns, 1) + bytes([1, 0x11, 0]),
            b"\xff\xc4" + struct.pack(">H", 2 + len(table)) + table,
            b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes([1, 0, 1, 0, 0]),
            data,
            b"\xff\xd9",
        )
    )
