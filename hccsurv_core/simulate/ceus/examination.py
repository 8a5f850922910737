"""One patient under one probe: everything a still or a clip is rendered from, and its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.ceus.causes import (
    OUTLINE_STREAM,
    SCENE_STREAM,
    Causes,
    causes_of,
    draw,
)
from hccsurv_core.simulate.ceus.images import Panel, Speckle, floor_power, level_db
from hccsurv_core.simulate.ceus.machines import MACHINES, Settings, draw_settings
from hccsurv_core.simulate.ceus.perfusion import Kinetics, kinetics_of
from hccsurv_core.simulate.ceus.scene import Array, Blob, Scene, draw_scene
from hccsurv_core.simulate.ceus.screen import Screen
from hccsurv_core.simulate.ceus.table import patient_name
from hccsurv_core.simulate.ceus.tissue import Tissue, build_tissue
from hccsurv_core.simulate.ceus.ultrasound_writer import Region
from hccsurv_core.simulate.cohort_writer import patient_rng

#: How a person's outline differs from the true one: size and wobble, mm.
_READER_SIZE_MM, _READER_WOBBLE_MM = 0.35, 0.40
#: Dense times on which a curve's peak and slopes are found, s.
_DENSE_S = np.concatenate([np.arange(0, 70, 0.25), np.arange(70, 362, 2.0)])


@dataclass(frozen=True, eq=False)
class Examination:
    """One patient's ultrasound, before any picture is taken.

    Args:
        seed, index: of the patient.
        causes, kinetics: blocks of one patient.
        settings: the machine's.
        scene, tissue: what lies under the probe.
        speckle: the machine's point-spread function on the tissue's grid.
        facts: sex and age.
    """

    seed: int
    index: int
    causes: Causes
    kinetics: Kinetics
    settings: Settings
    scene: Scene
    tissue: Tissue
    speckle: Speckle
    facts: PatientFacts

    @property
    def patient_id(self) -> str:
        """Name of the patient's folders."""
        return patient_name(self.index)

    def rng(self, stream: int) -> np.random.Generator:
        """A generator for one purpose."""
        return patient_rng("ceus", self.seed, self.index, stream)


def examine(seed: int, i: int) -> Examination:
    """Put patient ``i`` under the probe (tens of milliseconds)."""
    draws = draw(seed, [i])
    causes = causes_of(draws)
    machine = MACHINES[int(causes.machine[0])]
    rng = patient_rng("ceus", seed, i, SCENE_STREAM)
    settings = draw_settings(machine, rng, float(causes.diameter_mm[0]))
    scene = draw_scene(causes, settings, rng)
    tissue = build_tissue(scene, causes, settings, rng)
    age = float(np.clip(np.round(52.4 + 11.9 * draws.normal["age"][0]), 20, 84))
    sex = "male" if draws.uniform["sex"][0] < 0.906 else "female"
    return Examination(
        seed, i, causes, kinetics_of(causes), settings, scene, tissue,
        Speckle.of(machine, tissue.grid), PatientFacts(sex=sex, age_years=age),
    )  # fmt: skip


def reader_outlines(exam: Examination) -> tuple[Blob, Blob]:
    """The tumor as a reader draws it, and as the reader draws it again weeks later."""
    rng = exam.rng(OUTLINE_STREAM)
    first, second = (
        exam.scene.lesion.redrawn(rng, _READER_SIZE_MM, _READER_WOBBLE_MM) for _ in range(2)
    )
    return first, second


def outline_mask(
    exam: Examination, screen: Screen, panel: Panel, blob: Blob, shift: tuple[float, float]
) -> NDArray[np.bool_]:
    """(rows, columns) of the screen: True inside an outline, moved by ``shift``, in one fan."""
    x, y = panel.tissue_position(exam.scene.wall_mm, shift)
    box = np.zeros((panel.rows, panel.columns), bool)
    box[panel.inside] = blob.relative(x, y) < 1
    mask = np.zeros(screen.background.shape, bool)
    mask[panel.top : panel.top + panel.rows, panel.left : panel.left + panel.columns] = box
    return mask


def expected_contrast(
    exam: Examination, panel: Panel, time_s: float, shift: tuple[float, float]
) -> tuple[Array, Array]:
    """Mean linear intensity at the fan's pixels (1-D), and the part of it that is noise.

    Averaged over all speckle and electronic noise, as displayed: power 1 is white.
    """
    power = exam.tissue.uptake_at(exam.kinetics, time_s) + exam.tissue.residue
    position = panel.tissue_position(exam.scene.wall_mm, shift)
    value = panel.sampled(exam.tissue.grid, exam.speckle.expected(power), position)
    gain = 10 ** (level_db(exam.settings, panel.depth_mm, contrast=True) / 10)
    floor = floor_power(exam.settings, panel.depth_mm, contrast=True)
    return value * gain + floor, floor


def regions_of(screen: Screen) -> tuple[Region, ...]:
    """The calibrated parts of a screen, from left to right."""
    return tuple(
        Region(
            left=p.left, top=p.top, right=p.left + p.columns - 1, bottom=p.top + p.rows - 1,
            pixel_mm=p.pixel_mm, reference_column=round(p.apex_column),
            reference_row=round(p.face_row), frequency_mhz=p.settings.machine.frequency_mhz,
        )
        for p in screen.panels
    )  # fmt: skip


@dataclass(frozen=True)
class CurveTruth:
    """True parameters of the tumor's mean time-intensity curve, linear, without noise.

    Args:
        arrival_s: first time at 5 % of the peak, after injection.
        time_to_peak_s: of the highest intensity, after injection.
        peak: highest intensity; the liver's portal peak is 1.
        wash_in_per_s: slope between 10 % and 90 % of the peak on the way up.
        area: under the curve until 360 s.
        mean_transit_s: center of gravity of the curve until 360 s, after arrival.
        washout_s: first time after the peak below the reference, NaN if never until 360 s.
        peak_difference_db: tumor over reference at the tumor's peak.
    """

    arrival_s: float
    time_to_peak_s: float
    peak: float
    wash_in_per_s: float
    area: float
    mean_transit_s: float
    washout_s: float
    peak_difference_db: float


def tumor_curve(exam: Examination, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean intensity of the true tumor at rest (n_times,), the liver's portal peak is 1."""
    tissue, grid = exam.tissue, exam.tissue.grid
    x, y = (a.reshape(-1)[tissue.rows] for a in (grid.x, grid.y))
    inside = np.flatnonzero(exam.scene.lesion.relative(x, y) < 1)
    chosen = inside[:: max(len(inside) // 4000, 1)]
    # Samples along a beam are denser in millimeters near the probe: weigh them by their area.
    weight = np.hypot(x[chosen], y[chosen] + grid.radius_mm)
    return np.array(
        [
            float(np.average(tissue.nodule_uptake(exam.kinetics, t, chosen), weights=weight))
            for t in times_s
        ]
    )


def curve_truth(exam: Examination) -> CurveTruth:
    """True parameters of the tumor's curve; the reference is the liver's own curve."""
    t, curve = _DENSE_S, tumor_curve(exam, _DENSE_S)
    liver = exam.kinetics.liver(t)
    top = int(curve.argmax())
    peak = float(curve[top])

    def rises_to(share: float) -> float:
        above = int(np.argmax(curve >= share * peak))
        return float(
            np.interp(share * peak, curve[above - 1 : above + 1], t[above - 1 : above + 1])
        )

    arrival = rises_to(0.05)
    after = t >= arrival
    area = float(np.trapezoid(curve, t))
    center = float(
        np.trapezoid((curve * t)[after], t[after]) / np.trapezoid(curve[after], t[after])
    )
    below = np.flatnonzero((np.arange(len(t)) > top) & (curve < liver))
    return CurveTruth(
        arrival, float(t[top]), peak, 0.8 * peak / (rises_to(0.9) - rises_to(0.1)), area,
        center - arrival, float(t[below[0]]) if len(below) else float("nan"),
        float(10 * np.log10(peak / liver[top])),
    )  # fmt: skip
