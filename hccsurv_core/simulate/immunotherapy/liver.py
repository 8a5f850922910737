"""The upper abdomen of a patient under immunotherapy: liver with tumors, thrombosis, cirrhosis."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hccsurv_core.simulate.cohort_writer import patient_rng
from hccsurv_core.simulate.immunotherapy.causes import SYSTEM, Causes
from hccsurv_core.simulate.immunotherapy.tumors import (
    DepthMap,
    Point,
    TumorLook,
    paint_lesions,
    place_lesions,
)
from hccsurv_core.simulate.phantom import bowel, soft_tissue, vessels
from hccsurv_core.simulate.phantom.anatomy import Anatomy, draw_anatomy
from hccsurv_core.simulate.phantom.body_fields import build_fields, table_y
from hccsurv_core.simulate.phantom.canvas import Canvas, Frame
from hccsurv_core.simulate.phantom.hip_fields import hip_fields
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.muscles import (
    MuscleTissue,
    paint_body,
    paint_muscles,
    psoas_distance,
)
from hccsurv_core.simulate.phantom.shapes import Noise
from hccsurv_core.simulate.phantom.skeleton import paint_ribs
from hccsurv_core.simulate.phantom.spine_frames import Spine, build_spine
from hccsurv_core.simulate.phantom.spine_shapes import paint_spine
from hccsurv_core.simulate.phantom.tubes import paint_tube, smooth_path

#: Levels of the spine between which slices of the liver are taken.
LOWEST_LEVEL, HIGHEST_LEVEL = 1.7, 4.9
_THROMBUS_HU = 68.0
#: Where `vessels.paint_liver_vessels` lets the portal vein enter: x, y, level.
_PORTAL = ((-6.0, -48.0, 1.4), (-20.0, -36.0, 2.5))


@dataclass(frozen=True, eq=False)
class Abdomen:
    """One patient's abdomen, the same at both scans but for the tumors.

    Args:
        seed, i: which patient.
        causes: behind it.
        anatomy, spine: build.
        places: of the liver tumors, by number.
        depth: of the liver.
    """

    seed: int
    i: int
    causes: Causes
    anatomy: Anatomy
    spine: Spine
    places: dict[int, Point] = field(repr=False)
    depth: DepthMap = field(repr=False)

    def stream(self, number: int) -> np.random.Generator:
        """The patient's generator for one drawing step; the same at both scans."""
        return patient_rng(SYSTEM, self.seed, self.i, 20 + number)

    @property
    def table_mm(self) -> float:
        """Anatomical y of the table."""
        return table_y(self.anatomy, self.spine)


def build_abdomen(seed: int, i: int, causes: Causes) -> Abdomen:
    """Draw the patient's build and place the tumors in the liver."""
    rng = patient_rng(SYSTEM, seed, i, 10)
    ascites = 5.0 + 3.0 * causes.cirrhosis if causes.cirrhosis > 1.1 else 0.0
    anatomy = draw_anatomy(
        int(rng.integers(2**31)), sex=causes.sex, age_years=causes.age_years,
        phase="portal_venous", lesion_mm=0.0, ascites_mm=ascites, arms_down=False, metal_hip=False,
    )  # fmt: skip
    spine = build_spine(anatomy, rng)
    empty = DepthMap(*(np.zeros((1,) * n, np.float32) for n in (3, 1, 1, 1)))
    bare = Abdomen(seed, i, causes, anatomy, spine, {}, empty)
    depth = _liver_depth(bare)
    places = place_lesions(causes.of("liver"), depth, 22.0, rng)
    return Abdomen(seed, i, causes, anatomy, spine, places, depth)


def _liver_depth(abdomen: Abdomen) -> DepthMap:
    """Distance to the surface of the liver on a coarse grid of the slices that may be taken."""
    from scipy.ndimage import distance_transform_edt

    low, high = (
        float(abdomen.spine.level_to_z(v)) for v in (LOWEST_LEVEL - 0.3, HIGHEST_LEVEL + 0.3)
    )
    z = np.arange(low, high, 9.0)
    canvas = Canvas(z, 72, 72, 5.0, Frame(0.0, 0.0, 40.0))
    place, _ = _organ_placer(canvas, abdomen)
    soft_tissue.paint_solid_organs(place)
    inside = canvas.labels == LABELS["liver"]
    depth = distance_transform_edt(inside, sampling=(9.0, 5.0, 5.0)).astype(np.float32)
    # Slices beyond the range only tell where the liver goes on.
    kept = slice(1, -1)
    return DepthMap(depth[kept], canvas.x[0], canvas.y[:, 0], canvas.z[kept])


def _organ_placer(canvas: Canvas, abdomen: Abdomen):
    anatomy, spine = abdomen.anatomy, abdomen.spine
    hip = hip_fields(canvas, anatomy, spine)
    body = build_fields(canvas, anatomy, spine, hip, abdomen.stream(2))
    place = soft_tissue.OrganPlacer(canvas, anatomy, spine, body, abdomen.stream(4))
    causes = abdomen.causes
    for name in ("portal", "vein", "liver", "spleen", "aorta"):
        place.hu[name] *= causes.center.vein_gain
    place.hu["liver"] *= 0.76 if causes.nash else 1 - 0.015 * np.clip(causes.cirrhosis, -1, 2)
    return place, hip


def paint_abdomen(canvas: Canvas, abdomen: Abdomen, time: int) -> np.ndarray:
    """Paint the abdomen as it is at ``time`` (0 baseline, 1 follow-up).

    Returns:
        the liver with its tumors and vessels, a boolean mask on the canvas.
    """
    anatomy, spine = abdomen.anatomy, abdomen.spine
    place, hip = _organ_placer(canvas, abdomen)
    body = place.body
    paint_body(canvas, anatomy, body, abdomen.stream(3))
    rng = place.rng
    bowel.keep_out(place, hip, psoas_distance(anatomy, spine, body, canvas.z.astype(float)))
    bowel.paint_ascites(place)
    soft_tissue.paint_lungs(place)
    soft_tissue.paint_solid_organs(place)
    _enlarge_spleen(place, abdomen)
    liver = canvas.labels == LABELS["liver"]
    _paint_background(place, abdomen, liver)
    paint_lesions(
        canvas,
        abdomen.causes.of("liver"),
        abdomen.places,
        time,
        tumor_look(abdomen, place.hu["liver"]),
    )
    vessels.paint_liver_vessels(place)
    if abdomen.causes.pvtt:
        _paint_thrombus(place, abdomen)
    liver |= canvas.labels >= 100
    place.rng = rng
    bowel.paint_stomach(place)
    bowel.paint_colon(place)
    bowel.paint_small_bowel(place)
    soft_tissue.paint_crura(place)
    vessels.paint_visceral_vessels(place)
    vessels.paint_great_vessels(place)
    paint_muscles(
        canvas, anatomy, spine, body, hip, MuscleTissue(canvas, anatomy, abdomen.stream(5))
    )
    paint_ribs(canvas, anatomy, spine)
    paint_spine(canvas, anatomy, spine, abdomen.stream(7))
    own = (LABELS["liver"], LABELS["vessel"])
    return liver & (np.isin(canvas.labels, own) | (canvas.labels >= 100))


def _enlarge_spleen(place: soft_tissue.OrganPlacer, abdomen: Abdomen) -> None:
    """Portal hypertension enlarges the spleen."""
    grow = 1 + 0.17 * float(np.clip(abdomen.causes.cirrhosis + 0.4, 0, 3))
    if grow < 1.03:
        return
    spleen = place.ellipsoid(3.45, 98, 4, (30 * grow, 50 * grow, 52 * grow)) + 3 * place.wobble
    spleen = np.maximum(spleen, place.limit + 0.8)
    fat = np.maximum(spleen, -(place.occupied + 1.0))
    own = place.ellipsoid(3.5, 100, 6, (30, 50, 50)) + 3 * place.wobble
    place.place(np.minimum(fat, np.maximum(own, place.limit + 0.8)), place.textured(place.hu["spleen"], 3),
                "spleen", 1.5)  # fmt: skip


def _paint_background(place: soft_tissue.OrganPlacer, abdomen: Abdomen, liver: np.ndarray) -> None:
    """Regenerative nodules roughen a cirrhotic liver; a thrombosed vein darkens what it feeds."""
    canvas = place.canvas
    amount = 1.5 + 3.5 * float(np.clip(abdomen.causes.cirrhosis + 0.3, 0, 2.5))
    nodules = Noise(abdomen.stream(8), (7.0, 7.0, 7.0), (48, 48, 32))
    side = abdomen.stream(9).random() < 0.75
    for k in map(int, np.flatnonzero(liver.any((1, 2)))):
        x, y, z = canvas.x, canvas.y, float(canvas.z[k])
        change = amount * np.tanh(nodules.smooth(x, y, z))
        if abdomen.causes.pvtt:
            line = (x + 42 + 0.35 * (y + 40)) * (1 if side else -1)
            change = change - 11 * np.clip(0.5 - line / 14, 0, 1)
        canvas.hu[k] += change * liver[k]


def tumor_look(abdomen: Abdomen, liver: float) -> TumorLook:
    """Washed-out tumors in a ``liver`` (HU): encapsulated and even, or infiltrative and patchy."""
    infiltration = abdomen.causes.infiltration
    rng = abdomen.stream(11)
    dark = 26.0 + 5.0 * rng.standard_normal()
    blurred = float(np.clip(infiltration, 0, 2))
    return TumorLook(
        viable_hu=liver - dark * (1 - 0.12 * blurred),
        necrotic_hu=28.0 + 4.0 * rng.standard_normal(),
        capsule_hu=liver + 14 if infiltration < 0.2 else None,
        mosaic_hu=6.0 + 5.0 * float(np.clip(infiltration + 1, 0, 3)),
        blur_mm=1.5 + 4.0 * blurred,
        ragged=0.03 + 0.035 * float(np.clip(infiltration + 0.5, 0, 2)),
        over=tuple(
            LABELS[n] for n in ("liver", "visceral_fat", "gallbladder", "ascites", "vessel")
        ),
        shape=Noise(rng, (14.0, 14.0, 14.0), (32, 32, 16)),
        mosaic=Noise(rng, (8.0, 8.0, 8.0), (32, 32, 16)),
    )


def _paint_thrombus(place: soft_tissue.OrganPlacer, abdomen: Abdomen) -> None:
    """Tumor in the portal vein: the branch to the largest tumor is wide and does not enhance."""
    level = abdomen.spine.level_to_z
    root, hilum = (np.array([x, y, float(level(v))]) for x, y, v in _PORTAL)
    index = max(abdomen.causes.of("liver"), key=lambda one: one.baseline_mm)
    tip = np.array(abdomen.places[index.number])
    # It climbs beside the hilum, then runs across to the tumor: slices through that show it.
    bend = np.array([hilum[0] - 14.0, hilum[1] - 4.0, tip[2]])
    over = (LABELS["liver"], LABELS["vessel"])
    path = smooth_path(np.array([root + 0.6 * (hilum - root), hilum, bend, tip]), 14)
    paint_tube(place.canvas, path, np.linspace(8.5, 5.5, 14), _THROMBUS_HU, LABELS["vessel"], over)
