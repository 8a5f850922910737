"""The order in which the contents of the belly are painted: what comes later lies over the rest."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom import bowel, soft_tissue, vessels
from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import BodyFields
from hccsurv_core.simulate.phantom.canvas import Canvas
from hccsurv_core.simulate.phantom.hip_fields import HipFields
from hccsurv_core.simulate.phantom.muscles import psoas_distance
from hccsurv_core.simulate.phantom.spine_frames import Spine


def paint_organs(
    canvas: Canvas,
    anatomy: Anatomy,
    spine: Spine,
    body: BodyFields,
    hip: HipFields,
    rng: np.random.Generator,
) -> None:
    """Paint lungs, organs, vessels and bowel; muscles and bones follow."""
    place = soft_tissue.OrganPlacer(canvas, anatomy, spine, body, rng)
    bowel.keep_out(place, hip, psoas_distance(anatomy, spine, body, canvas.z.astype(float)))
    bowel.paint_ascites(place)
    soft_tissue.paint_lungs(place)
    soft_tissue.paint_solid_organs(place)
    soft_tissue.paint_lesion(place)
    vessels.paint_liver_vessels(place)
    bowel.paint_bladder(place)
    bowel.paint_stomach(place)
    bowel.paint_colon(place)
    bowel.paint_small_bowel(place)
    soft_tissue.paint_crura(place)
    vessels.paint_visceral_vessels(place)
    vessels.paint_great_vessels(place)
