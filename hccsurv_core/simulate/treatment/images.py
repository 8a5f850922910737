"""Arterial and portal venous CT of the liver about the index tumor, with a reader's outlines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.phantom import acquisition as scanner
from hccsurv_core.simulate.phantom import bowel, soft_tissue, vessels
from hccsurv_core.simulate.phantom.anatomy import Anatomy, draw_anatomy
from hccsurv_core.simulate.phantom.body_fields import build_fields, table_y
from hccsurv_core.simulate.phantom.canvas import Array, Frame
from hccsurv_core.simulate.phantom.hip_fields import HipFields, hip_fields
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
from hccsurv_core.simulate.treatment.canvas import (
    PHASES,
    TwoPhaseCanvas,
    TwoPhasePlacer,
    two_phase_hu,
)
from hccsurv_core.simulate.treatment.causes import TreatmentCauses
from hccsurv_core.simulate.treatment.liver import (
    liver_tissue,
    paint_thrombus,
    place_index_tumor,
    place_other_tumors,
    reshaped_liver,
    reshaped_spleen,
    segment_level,
)
from hccsurv_core.simulate.treatment.liver_lesion import Tumor, TumorPainter
from hccsurv_core.simulate.treatment.scanner import SLICES, LiverScanSettings
from hccsurv_core.volume import LabelMap, Volume

#: Outlines by their label.
LESION, LIVER = {1: "lesion"}, {1: "liver"}
_ASCITES_MM = {"none": 0.0, "slight": 8.0, "moderate": 17.0}
#: Colon and renal vessels come into slices below these chain levels.
_COLON_LEVEL, _RENAL_LEVEL = 2.6, 2.1
#: What a reader's line about a tumor may cover.
_OUTLINED = [LABELS[name] for name in ("liver", "liver_lesion", "vessel", "visceral_fat")]


@dataclass(frozen=True, eq=False)
class LiverScan:
    """A two-phase scan and what a reader would outline on it; keys are the phases.

    Args:
        volumes: CT, HU.
        lesions: the index tumor as a reader outlines it.
        livers: the liver with its tumors and vessels.
        facts: sex, age, height, weight.
        tumors_in_view: tumors that were painted, the index tumor included.
    """

    volumes: Mapping[str, Volume]
    lesions: Mapping[str, LabelMap]
    livers: Mapping[str, LabelMap]
    facts: PatientFacts
    tumors_in_view: int


def simulate_liver_scan(
    causes: TreatmentCauses, settings: LiverScanSettings, rng: np.random.Generator
) -> LiverScan:
    """Draw one patient's liver and scan it in two phases.

    Args:
        causes: what is seen follows from these alone, besides chance that nothing else depends on.
        settings: how it is scanned.
        rng: of everything left open: build, shapes, textures, noise.
    """
    seed = int(rng.integers(2**31))
    anatomy = _anatomy(causes, seed)
    acquisition = settings.acquisition
    spine = build_spine(anatomy, np.random.default_rng([seed, 1]))
    canvas, width = _canvas(anatomy, settings, spine, segment_level(causes.segment), rng)
    outline, count = _paint(canvas, anatomy, spine, causes, settings.arterial_delay, seed)
    reader = _reader_outline(canvas, outline, rng)
    liver = np.isin(canvas.labels, (LABELS["liver"], LABELS["liver_lesion"])) | reader
    labels = canvas.labels
    volumes: dict[str, Volume] = {}
    lesions: dict[str, LabelMap] = {}
    livers: dict[str, LabelMap] = {}
    affine = np.diag([canvas.pixel_mm, canvas.pixel_mm, acquisition.slice_mm, 1.0])
    affine[:3, 3] = (
        canvas.scanner_x[0], canvas.scanner_y[0], float(canvas.z[0]) + acquisition.scanner_z_mm,
    )  # fmt: skip
    for phase, image in zip(PHASES, (canvas.hu, canvas.portal_hu), strict=True):
        portal = phase == "portal_venous"
        shift = settings.breath_pixels if portal else (0, 0)
        noise = acquisition.noise_hu * (settings.portal_noise if portal else 1.0)
        canvas.hu = np.roll(image, shift, axis=(1, 2))
        canvas.labels = np.roll(labels, shift, axis=(1, 2))
        _scan(canvas, anatomy, spine, acquisition, noise, width, rng)
        volumes[phase] = Volume(scanner.to_int16(canvas, acquisition), affine)
        for masks, mask, names in ((lesions, reader, LESION), (livers, liver, LIVER)):
            masks[phase] = LabelMap(np.roll(mask, shift, (1, 2)).astype(np.uint8), affine, names)
    return LiverScan(volumes, lesions, livers, anatomy.facts, count)


def _anatomy(causes: TreatmentCauses, seed: int) -> Anatomy:
    return draw_anatomy(
        seed, sex=causes.sex, age_years=causes.age_years, height_m=causes.height_m,
        weight_kg=causes.weight_kg, phase="arterial", lesion_mm=0.0, arms_down=False,
        ascites_mm=_ASCITES_MM[causes.ascites], metal_hip=False,
    )  # fmt: skip


def _canvas(
    anatomy: Anatomy, settings: LiverScanSettings, spine: Spine, level: float,
    rng: np.random.Generator,
) -> tuple[TwoPhaseCanvas, float]:  # fmt: skip
    """A canvas of a few slices about ``level``, and the body's width (mm)."""
    acquisition = settings.acquisition
    middle = float(spine.level_to_z(level)) + rng.uniform(-6, 6)
    z = middle + (np.arange(SLICES) - (SLICES - 1) / 2) * acquisition.slice_mm
    back_y = table_y(anatomy, spine)
    front_y = -anatomy.belly_depth_mm - 1.2 * anatomy.subcutaneous_mm
    half = max(anatomy.waist_half_width_mm, 150 * anatomy.cross_scale)
    width = 2 * (half + 1.7 * anatomy.subcutaneous_mm)
    pixel = max(width + 26, back_y - front_y + 60) / acquisition.rows
    x, y = acquisition.offset_mm
    frame = Frame(acquisition.roll_deg, x, y - (front_y + back_y) / 2)
    return TwoPhaseCanvas(z, acquisition.rows, acquisition.rows, pixel, frame), width


def _paint(
    canvas: TwoPhaseCanvas, anatomy: Anatomy, spine: Spine, causes: TreatmentCauses,
    arterial_delay: float, seed: int,
) -> tuple[Array, int]:  # fmt: skip
    """Paint the patient; returns the index tumor's signed distance and how many tumors there are."""

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([seed, number])

    hip = hip_fields(canvas, anatomy, spine)
    body = build_fields(canvas, anatomy, spine, hip, stream(2))
    paint_body(canvas, anatomy, body, stream(3))
    place = TwoPhasePlacer(
        canvas, anatomy, spine, body, stream(4), two_phase_hu(stream(11), arterial_delay),
        {"liver": reshaped_liver(causes), "spleen": reshaped_spleen(causes)},
        {"liver": liver_tissue(causes)},
    )  # fmt: skip
    outline, count = _paint_organs(place, hip, causes, arterial_delay, stream(12))
    paint_muscles(canvas, anatomy, spine, body, hip, MuscleTissue(canvas, anatomy, stream(5)))
    paint_ribs(canvas, anatomy, spine)
    paint_spine(canvas, anatomy, spine, stream(7))
    return outline, count


def _paint_organs(
    place: TwoPhasePlacer, hip: HipFields, causes: TreatmentCauses, arterial_delay: float,
    rng: np.random.Generator,
) -> tuple[Array, int]:  # fmt: skip
    z = place.canvas.z.astype(float)
    bowel.keep_out(place, hip, psoas_distance(place.anatomy, place.spine, place.body, z))
    bowel.paint_ascites(place)
    soft_tissue.paint_lungs(place)
    soft_tissue.paint_solid_organs(place)
    center = place_index_tumor(place, causes, rng)
    sizes = [(center, causes.diameter_mm)]
    sizes += place_other_tumors(place, center, causes.diameter_mm, causes.lesion_count - 1, rng)
    painter = TumorPainter(place, rng, arterial_delay)
    outlines = [painter.paint(_tumor(causes, c, size, rng)) for c, size in sizes]
    tumor = place.hu["liver"] + complex(20 + 20 * causes.vascularity, -30)
    vessels.paint_liver_vessels(place)
    if causes.vascular_invasion:
        paint_thrombus(place, center, tumor)
    bowel.paint_stomach(place)
    bottom = float(place.spine.z_to_level(z[0]))
    if bottom < _COLON_LEVEL:
        bowel.paint_colon(place)
    soft_tissue.paint_crura(place)
    if bottom < _RENAL_LEVEL:
        vessels.paint_visceral_vessels(place)
    vessels.paint_great_vessels(place)
    return outlines[0], len(outlines)


def _tumor(
    causes: TreatmentCauses, center: tuple[float, float, float], size: float,
    rng: np.random.Generator,
) -> Tumor:  # fmt: skip
    """A tumor of this patient; small ones are not yet dead inside."""
    grown = float(np.clip((size - 12) / 20, 0, 1)) if size < causes.diameter_mm else 1.0
    return Tumor(
        center, size, float(rng.uniform(0, 180)), causes.infiltration, causes.corona,
        causes.capsule, causes.necrosis * grown, causes.vascularity, causes.washout,
    )  # fmt: skip


def _reader_outline(
    canvas: TwoPhaseCanvas, distance: Array, rng: np.random.Generator
) -> np.ndarray:
    """The index tumor as a reader draws it: a smooth line, about a millimeter off here and there."""
    from scipy.ndimage import gaussian_filter

    wander = Noise(rng, (14.0, 14.0, 14.0), (32, 32, 16))
    bias = 0.5 * rng.standard_normal()
    mask = np.zeros(distance.shape, bool)
    for k in map(int, np.flatnonzero((distance < 0).any((1, 2)))):
        off = bias + 0.7 * wander.smooth(canvas.x, canvas.y, float(canvas.z[k]))
        smooth = gaussian_filter(np.clip(distance[k], -12, 12), 1.4 / canvas.pixel_mm)
        mask[k] = smooth < off
    return mask & np.isin(canvas.labels, _OUTLINED)


def _scan(
    canvas: TwoPhaseCanvas, anatomy: Anatomy, spine: Spine, acquisition: scanner.Acquisition,
    noise_hu: float, width: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Table, slice profile, beam hardening and noise, on ``canvas.hu`` in place."""
    from dataclasses import replace

    scanner.paint_table(canvas, table_y(anatomy, spine))
    scanner.blur_slices(canvas.hu, acquisition.slice_mm)
    scanner.add_beam_hardening(canvas, acquisition.beam_hardening)
    scanner.add_noise(canvas, replace(acquisition, noise_hu=noise_hu), rng, width)
