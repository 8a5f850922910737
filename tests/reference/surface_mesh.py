"""The triangles of a 2×2×2 cube of mask voxels as PyRadiomics 3.0.1 draws them, measured from outside.

    python tests/reference/surface_mesh.py     (from the repository's root; takes two minutes)

Prints the table of hccsurv_core/features/radiomics/shape_mesh.py. PyRadiomics is only asked for the
area and the signed volume of single cubes. For each of the 127 patterns, every surface through the
midpoints of the crossed edges is tried (both ways to join the four crossings of a checkered face,
every way to cut a loop into triangles) until area at four spacings and volume agree; surfaces that
agree have the same triangle normals, so the first is as good as any. A pattern and its complement
share a surface, turned inside out.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import numpy as np
from radiomics import cShape

Segment = tuple[int, int]
Triangle = tuple[int, int, int]

SPACINGS = np.array([[1, 1, 1], [3.1, 1.7, 0.6], [0.9, 2.3, 1.31], [1.2, 0.41, 2.77]])
#: Corner c of a cube lies at (c // 4, c // 2 % 2, c % 2) in (slice, row, column).
CORNERS = np.array([[c >> 2, c >> 1 & 1, c & 1] for c in range(8)])
#: Edges join corners that differ in one coordinate, in order of their corners.
EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1]
MIDPOINTS = np.array([(CORNERS[a] + CORNERS[b]) / 2 for a, b in EDGES])


def faces() -> list[list[int]]:
    """The four corners of each face, counterclockwise seen from outside."""
    found = []
    for axis, side in itertools.product(range(3), (0, 1)):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        ring = []
        for p, q in ((0, 0), (1, 0), (1, 1), (0, 1)):
            place = np.zeros(3, dtype=int)
            place[[axis, u, v]] = side, p, q
            ring.append(int(place @ (4, 2, 1)))
        found.append(ring if side else ring[::-1])
    return found


def face_segments(pattern: int, ring: list[int]) -> list[list[Segment]]:
    """Ways to join a face's crossings, each as directed segments from edge to edge."""
    into, out_of = [], []
    for a, b in itertools.pairwise([*ring, ring[0]]):
        edge = EDGES.index((min(a, b), max(a, b)))
        if pattern >> a & 1 and not pattern >> b & 1:
            out_of.append(edge)
        elif pattern >> b & 1 and not pattern >> a & 1:
            into.append(edge)
    return [list(zip(into, order, strict=True)) for order in itertools.permutations(out_of)]


def loops(segments: list[Segment]) -> list[list[int]]:
    """Closed walks along directed segments, each edge being left once."""
    after, found = dict(segments), []
    while after:
        walk = [min(after)]
        while (step := after.pop(walk[-1])) != walk[0]:
            walk.append(step)
        found.append(walk)
    return found


def triangulations(loop: list[int]) -> Iterator[list[Triangle]]:
    """Every way to cut a polygon along its diagonals."""
    if len(loop) < 3:
        yield []
        return
    for k in range(1, len(loop) - 1):
        for left in triangulations(loop[: k + 1]):
            for right in triangulations(loop[k:]):
                yield [*left, (loop[0], loop[k], loop[-1]), *right]


def surfaces(pattern: int) -> Iterator[list[Triangle]]:
    """Every surface that separates the pattern's corners from the others."""
    for choice in itertools.product(*[face_segments(pattern, ring) for ring in faces()]):
        parts = loops([segment for segments in choice for segment in segments])
        for cut in itertools.product(*[list(triangulations(loop)) for loop in parts]):
            yield [triangle for part in cut for triangle in part]


def area(triangles: list[Triangle], spacing: np.ndarray) -> float:
    """Area of the triangles."""
    a, b, c = np.moveaxis(MIDPOINTS[np.array(triangles)] * spacing, 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def volume(triangles: list[Triangle]) -> float:
    """Signed volume between the triangles and corner 0."""
    a, b, c = np.moveaxis(MIDPOINTS[np.array(triangles)], 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


def agreeing_surface(pattern: int) -> list[Triangle]:
    """The first surface with PyRadiomics' areas and volume."""
    cube = np.array([pattern >> c & 1 for c in range(8)], dtype=bool).reshape(2, 2, 2)
    answers = [cShape.calculate_coefficients(cube, spacing)[:2] for spacing in SPACINGS]
    for triangles in surfaces(pattern):
        if abs(volume(triangles) - answers[0][1]) < 1e-12 and all(
            abs(area(triangles, spacing) - answer[0]) < 1e-9
            for spacing, answer in zip(SPACINGS, answers, strict=True)
        ):
            return triangles
    sys.exit(f"no surface of pattern {pattern} agrees")


def main() -> None:
    """Print the table, a word per pattern, a hexadecimal digit per triangle corner."""
    words = ["".join(f"{e:x}" for t in agreeing_surface(n) for e in t) for n in range(1, 128)]
    print(f"EDGES = {EDGES}")
    line = ""
    for word in words:
        if len(line) + len(word) > 91:
            print(f'    "{line}"')
            line = ""
        line += word + " "
    print(f'    "{line.rstrip()}"')


if __name__ == "__main__":
    main()
