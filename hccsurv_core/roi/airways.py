"""The trachea and the main bronchi, followed from the top downward slice by slice.

On a slice above the carina the trachea is a round piece of air of its own between the lungs. Each
slice below takes the air that continues it, as long as it stays as small as airways are; where it
would run into the lung it is looked for again in the darkest air, and else it ends.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from hccsurv_core.roi.solid_morphology import Map, Mask, Steps, grown

#: Cross-section of a trachea, cm² (tracheomegaly included); of all airways on a slice at most.
TRACHEA_CM2, MOST_CM2 = (0.5, 6.5), 9.0
#: The middle of a trachea is darker than this; the lung about a bronchus is not darker than those.
TRACHEA_HU = -880.0
LEVELS_HU = (-890.0, -910.0, -930.0, -950.0)
#: A chain of slices with a trachea that is shorter than this, mm, is something else, where the
#: scan is that long.
SHORTEST_MM = 12.0
#: The wall, which goes with the airway, mm.
_WALL_MM = 2.6
#: A trachea fills this much of the box about it; a bubble or a bulla's crescent may not.
_COMPACT = 0.55


def find_airways(hu: Map, air: Mask, step_mm: Steps) -> Mask:
    """The larger airways with their wall.

    Args:
        hu: (slices, rows, columns), slices from inferior to superior.
        air: lungs, airways and bowel gas inside the body.
        step_mm: distance between neighbors, mm.
    """
    seeds = _tracheas(hu, air, step_mm)
    airways = seeds.copy()
    most = MOST_CM2 * 100 / (step_mm[1] * step_mm[2])
    for k in range(len(hu) - 2, -1, -1):
        if airways[k + 1].any() and not seeds[k].any():
            airways[k] = _continued(airways[k + 1], hu[k], air[k], most)
    return grown(airways, _WALL_MM, step_mm)


def _tracheas(hu: Map, air: Mask, step_mm: Steps) -> Mask:
    """Pieces of air between the lungs that make a chain of slices."""
    found = np.zeros_like(air)
    for k, plane in enumerate(air):
        columns = np.flatnonzero(plane.any(axis=0))
        if len(columns):
            found[k] = _round_pieces(hu[k], plane, (columns[0], columns[-1]), step_mm[1:])
    labels, _ = ndi.label(found)
    shortest = min(SHORTEST_MM, (len(hu) - 1) * step_mm[0])
    for label, place in enumerate(ndi.find_objects(labels), start=1):
        if (place[0].stop - place[0].start) * step_mm[0] < shortest:
            found[labels == label] = False
    return found


def _round_pieces(
    hu: Map, plane: Mask, reach: tuple[int, int], step_mm: tuple[float, float]
) -> Mask:
    pixel_cm2 = step_mm[0] * step_mm[1] / 100
    labels, _ = ndi.label(plane)
    kept = np.zeros_like(plane)
    for label, place in enumerate(ndi.find_objects(labels), start=1):
        piece = labels[place] == label
        area = piece.sum() * pixel_cm2
        # The lungs must go further out on either side than the trachea does.
        room = 0.15 * (reach[1] - reach[0])
        between = place[1].start > reach[0] + room and place[1].stop < reach[1] - room
        dark = hu[place][piece].min() < TRACHEA_HU
        compact = piece.mean() >= _COMPACT
        if TRACHEA_CM2[0] <= area <= TRACHEA_CM2[1] and between and dark and compact:
            kept[place] |= piece
    return kept


def _continued(above: Mask, hu: Map, air: Mask, most: float) -> Mask:
    """The air on a slice that continues the airways of the slice above."""
    near = ndi.binary_dilation(above)
    for level in LEVELS_HU:
        labels, _ = ndi.label(air & (hu < level))
        touched = np.unique(labels[near])
        piece = np.isin(labels, touched[touched > 0])
        if piece.sum() <= most:
            return piece
    return np.zeros_like(above)
