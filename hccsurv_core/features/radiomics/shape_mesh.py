"""The surface through a mask, as PyRadiomics draws it: a pattern of triangles for each 2×2×2 cube.

The surface passes halfway between a voxel inside and a neighbor outside. What it looks like within
a cube of eight voxels depends on which of them are inside; its area and its volume are sums over
how often each of the 256 patterns occurs, and where. In some textbook tables a pattern with two
corners of a face inside, diagonally, can be joined in two ways: the table below is the one that
PyRadiomics 3.0.1 uses, measured by ``tests/reference/surface_mesh.py``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Corner c of a cube lies at (c // 4, c // 2 % 2, c % 2) in (slice, row, column); pattern p has the
#: corners whose bit is set in p inside. Edge e joins these two corners.
EDGES = (
    *((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 3)),
    *((2, 6), (3, 7), (4, 5), (4, 6), (5, 7), (6, 7)),
)

#: Triangles of the patterns 1 to 127, three digits each: the edges (hexadecimal) on whose middles
#: their corners lie, counterclockwise seen from outside. Pattern 255 − p has those of p, inside out.
TRIANGLES = (
    "021 034 132342 165 025265 034165 264654534 357 021357 054574 152572742 163673 023267273 "
    "014164674 264674 289 081891 034289 139349489 165289 085895965 034165289 345485895965 289357 "
    "081891357 054574289 159574549489 163673289 083893963673 014164674289 486896467 4a8 0214a8 "
    "0383a8 13a1a2a82 1654a8 0252654a8 0383a8165 2686585383a8 3574a8 0213574a8 0585787a8 "
    "1525727a2a82 1636734a8 0232672734a8 0181671787a8 2672787a8 2494a9 0414a1a91 0323a9392 "
    "1393a9 1652494a9 0454a9495965 0323a9392165 3a9395965 2494a9357 0414a1a91357 0525727a2a92 "
    "15a57a1a9 1636732494a9 04a0a9096067073 01606707a0a9092 6797a9 69b 02b29b0b1b61 03469b "
    "13b34b42b29b1b6 1959b5 02b29b0b5 0141949b4b54534 2949b5954534 3595693979b7 0232939b3b73156 "
    "0595690949b7974 1562979b7274 1939b3b73 0232939b3b73 01419b1b4b74 2979b7274 2868b6 08b0b1b61 "
    "03234838b3b6362 1363464868b6 1252858b5 0858b5 0123454858b5 3454858b5 2838b3b73236356 "
    "08b0b3b73156 0525624878b7 1564878b7 12328b2b3b73 08b0b3b73 0124878b7 4878b7 4a6ab6468698 "
    "0414a1ab1b61298 0363a6ab6068698 13a1a6ab6298 1949841454ab4b5 04b4ab0b5298 0181983a5ab5 "
    "2983a5ab5 3545646949847ab 0431562987ab 0585686987ab 1562987ab 1939838437ab 0432987ab "
    "0181987ab 2987ab 2464a6ab6 0414a1ab1b61 0323ab3b2b62 13a1a6ab6 12524a2a5ab5 04b4ab0b5 "
    "0123a5ab5 3a5ab5 2464363567ab 0431567ab 0525627ab 1567ab 1232437ab 0437ab 0127ab 7ab"
)


class CubePatterns(NamedTuple):
    """What each pattern adds, in units of half a voxel, exactly.

    Args:
        triangle_pattern: the pattern of each triangle, (triangles,).
        triangle_normal: twice its area vector along (slice, row, column), (triangles, 3).
        determinant: sum over a pattern's triangles of the determinant of their corners, relative to
            the cube's first voxel: six times the signed volume below them, (256,).
        normal: sum over a pattern's triangles of their ``triangle_normal``, (256, 3).
    """

    triangle_pattern: NDArray[np.int64]
    triangle_normal: NDArray[np.int64]
    determinant: NDArray[np.int64]
    normal: NDArray[np.int64]


@lru_cache(maxsize=1)
def cube_patterns() -> CubePatterns:
    """The table above as numbers."""
    corners = np.array([[c >> 2, c >> 1 & 1, c & 1] for c in range(8)])
    middles = np.array([corners[a] + corners[b] for a, b in EDGES])
    words = TRIANGLES.split()
    digits = [int(digit, 16) for word in words for digit in word]
    pattern = np.repeat(np.arange(1, 128), [len(word) // 3 for word in words])
    a, b, c = np.moveaxis(middles[np.array(digits).reshape(-1, 3)], 1, 0)
    triangle_normal = np.cross(b - a, c - a)
    determinant = np.zeros(256, dtype=np.int64)
    normal = np.zeros((256, 3), dtype=np.int64)
    np.add.at(determinant, pattern, (a * np.cross(b, c)).sum(axis=1))
    np.add.at(normal, pattern, triangle_normal)
    # The complement of a pattern has the same triangles, seen from the other side.
    determinant[128:], normal[128:] = -determinant[127::-1], -normal[127::-1]
    return CubePatterns(
        np.concatenate([pattern, 255 - pattern]),
        np.concatenate([triangle_normal, -triangle_normal]),
        determinant,
        normal,
    )


def mesh_measures(
    counts: NDArray[np.int64], places: NDArray[np.int64], spacing_mm: NDArray[np.float64]
) -> tuple[float, float]:
    """Area (mm²) and volume (mm³) of the surface.

    Args:
        counts: how many cubes show each pattern, (256,).
        places: the sum of their first voxels' indices (slice, row, column), (256, 3).
        spacing_mm: distance between neighbors along (slice, row, column), (3,).
    """
    patterns = cube_patterns()
    # In half voxels; the corner of a cube at index k is 2k.
    moved = 2 * (places * patterns.normal).sum()
    volume_halves = int((counts * patterns.determinant).sum() + moved)
    depth, height, width = spacing_mm
    faces = np.array([height * width, depth * width, depth * height])
    areas = np.linalg.norm(patterns.triangle_normal * faces, axis=1) / 8
    area = float(counts[patterns.triangle_pattern] @ areas)
    return area, volume_halves / 48 * float(depth * height * width)
