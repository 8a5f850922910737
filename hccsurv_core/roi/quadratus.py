"""The quadratus lumborum: a flat muscle in front of the transverse processes, lateral to the psoas.

Fat often parts it from the erector spinae behind, and nothing from a kidney or
the bowel in front; so its front border is sought on its own, column by column,
at the depth that the muscle has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi import polar
from hccsurv_core.roi.abdominal_wall import muscle_likeness
from hccsurv_core.roi.patient_frame import AIR_HU, PatientFrame
from hccsurv_core.roi.psoas import PsoasOutline
from hccsurv_core.roi.vertebra_geometry import MuscleTone, VertebraGeometry

#: Lateral columns beside the vertebral body, and depths in front of the processes' plane, mm.
BESIDE_MM = np.arange(4.0, 58.0)
DEPTH_MM = np.arange(0.0, 31.0)
#: How far the front border lies before the plane, by the distance beside the body, and its spread.
_PRIOR_BESIDE_MM, _PRIOR_DEPTH_MM, _PRIOR_SD_MM = (4, 12, 38, 50, 58), (6, 12, 12, 7, 0), 6.0

#: Fat counts this much against: a few millimetres of it lie between the processes and the muscle.
FAT_COST = -0.6
#: A column with less muscle than this between border and plane ends the quadratus, mm.
MIN_MUSCLE_MM = 2.0


@dataclass(frozen=True, eq=False)
class QuadratusBorder:
    """The front border of one quadratus over a slab.

    Args:
        side: +1 = patient's left, −1 = right.
        lateral_mm: (columns,) lateral coordinate of each column.
        front_mm: (slices, columns) posterior coordinate of the front border.
    """

    side: int
    lateral_mm: NDArray[np.float64]
    front_mm: NDArray[np.float64]

    def contains(
        self, k: int, posterior_mm: NDArray, lateral_mm: NDArray, behind: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Points of slice ``k`` between the front border and the plane of the processes."""
        beside, front = self.side * self.lateral_mm, self.front_mm[k]
        x = self.side * lateral_mm
        in_reach = (x >= beside[0]) & (x <= beside[-1])
        return in_reach & ~behind & (posterior_mm > np.interp(x, beside, front))


def find_quadratus(
    frame_images: NDArray,
    frame: PatientFrame,
    vertebra: VertebraGeometry,
    psoas: PsoasOutline,
    tone: MuscleTone,
) -> QuadratusBorder:
    """Find the front border on the side of ``psoas``.

    Args:
        frame_images: (n, frame rows, frame columns) HU.
    """
    lateral = psoas.side * (vertebra.half_width(psoas.side) + BESIDE_MM)
    plane = vertebra.process_plane_mm(lateral)
    post = plane[:, None] - DEPTH_MM
    lat = np.broadcast_to(lateral[:, None], post.shape)
    columns = np.stack([_sample(image, frame, post, lat) for image in frame_images])
    columns = ndi.gaussian_filter1d(columns, max(0.3, 2.5 / frame.slice_mm), axis=0)
    like = muscle_likeness(columns, tone)
    too_bright = np.clip((columns - tone.mean_hu - 2.5 * tone.sd_hu) / 40.0, 0, 1)
    like = np.clip(np.maximum(like, FAT_COST) - 1.5 * too_bright, -1.5, 0.8)
    slope = np.clip(-ndi.gaussian_filter1d(columns, 1.2, axis=2, order=1) / 12.0, 0, 1.5)
    # What is psoas is neither for nor against.
    in_psoas = np.stack(
        [
            polar.inside_curve(radii, post - center[0], lat - center[1])
            for radii, center in zip(psoas.radii_mm, psoas.centers_mm, strict=True)
        ]
    )
    like[in_psoas] = 0
    slope[in_psoas] = 0
    prior = np.interp(BESIDE_MM, _PRIOR_BESIDE_MM, _PRIOR_DEPTH_MM)[:, None]
    score = 0.6 * np.cumsum(like, axis=2) + 1.5 * slope - ((DEPTH_MM - prior) / _PRIOR_SD_MM) ** 2
    index = polar.best_open_curve(score.astype(np.float32), 2, 0.3)
    depth = np.where(_joined(like > 0.2, in_psoas, index), DEPTH_MM[index], 0.0)
    return QuadratusBorder(psoas.side, lateral, plane - ndi.gaussian_filter1d(depth, 1.0, axis=1))


def _joined(
    muscle: NDArray[np.bool_], in_psoas: NDArray[np.bool_], index: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Columns (slices, columns) that muscle joins to the psoas without a gap.

    What follows laterally after columns of fat is a kidney or the colon.
    """
    within = np.arange(muscle.shape[2]) <= np.maximum(index, MIN_MUSCLE_MM)[..., None]
    muscle_mm = (muscle & within).sum(axis=2)
    gap = ndi.uniform_filter1d(muscle_mm.astype(float), 3, axis=1) < MIN_MUSCLE_MM
    gap &= ~in_psoas.any(axis=2)
    gap[:, BESIDE_MM < 16] = False
    return ~np.logical_or.accumulate(gap, axis=1)


def _sample(image: NDArray, frame: PatientFrame, post: NDArray, lat: NDArray) -> NDArray:
    points = (
        (post - frame.posterior_mm[0]) / frame.spacing_mm,
        (lat - frame.lateral_mm[0]) / frame.spacing_mm,
    )
    return ndi.map_coordinates(image, points, order=1, cval=AIR_HU, prefilter=False)
