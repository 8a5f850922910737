"""Motion and time-intensity curves of a simulated clip whose truth is known; bolus models by integration."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from hccsurv_core.clip import Clip
from hccsurv_core.errors import InputError
from hccsurv_core.features.perfusion.curve import time_intensity
from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.features.perfusion.intensity import linear_power
from hccsurv_core.features.perfusion.models import bolus_model
from hccsurv_core.imaging.clip_motion import follow_region
from hccsurv_core.imaging.ultrasound_panels import find_panels
from hccsurv_core.io.ultrasound_clip import read_clip
from hccsurv_core.simulate.ceus.clip import write_clip

MODELS = ("lognormal", "gamma_variate", "random_walk")


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A breathing patient, one frame a second."""
    import nibabel

    folder = tmp_path_factory.mktemp("ceus")
    times = np.concatenate([np.arange(0, 40, 1.0), np.arange(40, 120, 10.0)])
    truth = write_clip(folder, 71, 1, times_s=times)
    rois = folder / "rois" / truth.patient_id

    def mask(name):
        return np.asarray(nibabel.load(rois / f"{name}.nii.gz").dataobj)[:, :, 0].T > 0

    clip = read_clip([folder / "images" / truth.patient_id / "clip"]).clip
    told = json.loads((rois / "clip_truth.json").read_text(encoding="utf-8"))
    panels = find_panels(clip)
    lesion, liver = mask("clip_lesion"), mask("clip_parenchyma")
    motion = follow_region(clip, panels, lesion, truth.reference_frame)
    curve = time_intensity(
        clip, panels, lesion, motion, reference=liver, dynamic_range_db=truth.dynamic_range_db
    )
    return SimpleNamespace(
        clip=clip, panels=panels, lesion=lesion, truth=truth, told=told, motion=motion, curve=curve
    )


def test_the_lesion_is_followed_to_a_fraction_of_a_millimeter(patient) -> None:
    true = patient.truth.shift_mm - patient.truth.shift_mm[patient.truth.reference_frame]
    error = np.hypot(*(patient.motion.shift_mm[:, ::-1] - true).T)
    moved = np.hypot(*true.T)
    assert moved.max() > 2.0  # else there would be nothing to follow
    assert np.median(error[~patient.motion.excluded]) < 0.25


def test_the_curve_is_the_true_mean_intensity(patient) -> None:
    true = patient.truth.lesion - patient.truth.lesion_floor
    seen = patient.curve.lesion_enhancement
    bright = (true > 0.2 * true.max()) & np.isfinite(seen)
    ratio = seen[bright] / true[bright]
    # The outline is a reader's: a constant factor is allowed, a change over time is not.
    assert abs(np.median(ratio) - 1) < 0.15
    assert np.std(ratio) / np.mean(ratio) < 0.10


def test_averaging_gray_levels_would_tell_another_curve(patient) -> None:
    """The classical mistake, so that the test above would notice it."""
    power = linear_power(np.array([0.0, 255.0]), patient.truth.dynamic_range_db)
    assert power.mean() > 100 * linear_power(127.5, patient.truth.dynamic_range_db)


def test_an_excluded_frame_is_a_gap(patient) -> None:
    motion = patient.motion.with_frames(exclude=[5, 6])
    curve = time_intensity(
        patient.clip, patient.panels, patient.lesion, motion,
        dynamic_range_db=patient.truth.dynamic_range_db,
    )  # fmt: skip
    assert np.isnan(curve.lesion[[5, 6]]).all() and np.isfinite(curve.lesion[7])


def test_an_unknown_dynamic_range_is_taken_and_said(patient) -> None:
    curve = time_intensity(patient.clip, patient.panels, patient.lesion, patient.motion)
    assert any("dynamic range" in warning for warning in curve.warnings)


def test_a_motion_of_another_clip_is_refused(patient) -> None:
    shorter = Clip(patient.clip.frames[:9], patient.clip.time_s[:9])
    with pytest.raises(InputError, match="the motion has 48 frames, the clip 9"):
        time_intensity(shorter, patient.panels, patient.lesion, patient.motion)


@pytest.mark.parametrize("name", MODELS)
def test_area_and_mean_transit_time_are_those_of_the_curve(name) -> None:
    model = bolus_model(name)
    shape = model.shape_starts[0]
    t = np.concatenate([np.linspace(0, 200, 400_001), np.geomspace(200, 1e7, 400_000)[1:]])
    y = model.value(t, 10.0, 2.0, shape)
    area = np.trapezoid(y, t)
    assert model.area(10.0, 2.0, shape) == pytest.approx(area, rel=1e-3)
    assert model.mean_transit_s(10.0, shape) == pytest.approx(
        np.trapezoid(y * t, t) / area, rel=1e-2
    )
    assert y.max() == pytest.approx(2.0, rel=1e-6) and t[y.argmax()] == pytest.approx(
        10.0, abs=0.01
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_curve_that_is_a_bolus_is_found_again(name) -> None:
    model = bolus_model(name)
    t = np.arange(0, 180, 1.0)
    y = model.value(t - 12.0, 9.0, 3.0, model.shape_starts[0])
    fit = fit_bolus(t, y + 1e-3 * np.sin(17 * t), models=[name])
    assert fit.peak_s == pytest.approx(21.0, rel=0.02)
    assert fit.curve(21.0) == pytest.approx(3.0, rel=0.02) and fit.r2 > 0.999
