"""A clip from one call: a drawn clip whose curves are formulas, failures, and a real heart."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from perfusion_curves import lognormal

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import CancelledError, GeometryError, InputError
from hccsurv_core.features.perfusion.examination import PerfusionSettings, measure_perfusion
from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.features.perfusion.inner_region import inner_region
from hccsurv_core.imaging.ultrasound_panels import find_panels
from hccsurv_core.io.ultrasound_clip import read_clip

ROWS, COLUMNS, RANGE_DB = 130, 150, 50.0
TIMES = np.concatenate([np.arange(0, 40, 1.0), np.arange(40, 100, 4.0), np.arange(100, 361, 20.0)])
Y, X = np.mgrid[:ROWS, :COLUMNS]
LESION = (Y - 60) ** 2 + (X - 45) ** 2 < 22**2
LIVER = (Y - 60) ** 2 + (X - 110) ** 2 < 20**2
PANELS = Panels(None, Region(0, 0, ROWS, COLUMNS, (0.4, 0.4), "tissue"))
STILL = PerfusionSettings(motion=None, models=("lognormal",))


def liver_curve(t):
    return lognormal(t, arrival_s=14.0, rise_s=35.0, peak=0.01, sigma=1.1)


def lesion_curve(t):
    return lognormal(t, peak=0.03, sigma=1.1)


def drawn(curve=lesion_curve, times=TIMES):
    """A lesion in liver: power with the exponential distribution of speckle, as gray levels."""
    rng = np.random.default_rng(0)
    frames = []
    for t in times:
        mean = np.where(LESION, curve(t), liver_curve(t)) + 2e-5
        power = mean * rng.exponential(size=(ROWS, COLUMNS))
        level = 255 * (10 * np.log10(power) + RANGE_DB) / RANGE_DB
        frames.append(np.clip(np.rint(level), 0, 255).astype(np.uint8))
    return Clip(np.array(frames), np.asarray(times, float), time_zero="injection")


@pytest.fixture(scope="module")
def clip():
    return drawn()


@pytest.fixture(scope="module")
def found(clip):
    return measured(clip)


def measured(clip, **options):
    options = {"dynamic_range_db": RANGE_DB, "settings": STILL, "reference": LIVER} | options
    return measure_perfusion(clip, PANELS, LESION, 22, **options)


def test_times_intensities_and_washout_are_those_that_were_drawn(found) -> None:
    fitted = found.parameters.fitted
    assert fitted["time_to_peak_s"].value == pytest.approx(22.0, rel=0.03)
    assert fitted["peak_intensity"].value == pytest.approx(0.03, rel=0.05)
    assert abs(found.peak_frame.frame - 22) <= 1
    assert [p.degree for p in found.phases] == ["hyper", "iso", "hypo"]
    # The two formulas cross at 65.4 s.
    assert found.washout.onset_s == pytest.approx(65.4, rel=0.08)
    assert (found.washout.timing, found.washout.degree) == ("late", "mild")
    assert found.reference_parameters.observed["time_to_peak_s"].value == pytest.approx(49, abs=9)
    assert found.warnings == ()


def test_the_dynamic_range_changes_intensities_and_leaves_times(clip, found) -> None:
    other = measured(clip, dynamic_range_db=55.0).parameters
    assert other["time_to_peak_s"].value == pytest.approx(22.0, rel=0.03)
    assert other["peak_intensity"].value < 0.8 * found.parameters["peak_intensity"].value


def test_the_result_is_plain_values_with_units_in_their_names(found) -> None:
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["parameters"]["fitted"]["time_to_peak_s"]["low"] < 22.5
    assert told["peak_frame"]["frame"] == found.peak_frame.frame
    assert len(told["curve"]["lesion"]) == len(TIMES) == len(told["fit"]["lesion"])
    assert told["phases"][0]["phase"] == {"name": "arterial", "start_s": 0.0, "end_s": 30.0}
    assert told["motion"]["left_out"] == {}


def test_a_person_leaves_frames_out_and_chooses_the_peak(clip, found) -> None:
    changed = measured(clip, motion=found.motion, exclude=[21, 22, 23], peak_frame=30)
    assert np.isnan(changed.curve.lesion[21:24]).all()
    assert changed.peak_frame.frame == 30 and changed.peak_frame.chosen_by == "by hand"
    assert found.with_peak_frame(31).peak_frame.frame == 31
    told = json.loads(json.dumps(changed.to_json(), allow_nan=False))
    assert told["curve"]["lesion"][22] is None
    assert told["motion"]["left_out"]["22"] == "left out by hand"
    with pytest.raises(InputError, match="frame 900 does not exist"):
        found.with_peak_frame(900)


def test_the_injection_moves_the_clock(clip) -> None:
    later = measured(clip, injection_s=5.0)
    assert later.parameters["time_to_peak_s"].value == pytest.approx(17.0, rel=0.04)


def test_progress_runs_to_its_end_and_can_cancel(clip) -> None:
    seen = []
    measured(clip, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen) and seen[-1] == 1.0

    def cancel(fraction: float, message: str) -> None:
        raise CancelledError("the user cancelled the work")

    with pytest.raises(CancelledError):
        measured(clip, progress=cancel)


def test_a_still_and_a_clip_without_its_lesion_are_refused(clip, found) -> None:
    one = Clip(clip.frames[:1], clip.time_s[:1])
    with pytest.raises(
        InputError, match="clip: a still gives no time-intensity curve; read a clip"
    ):
        measured(one)
    everything = range(len(TIMES))
    with pytest.raises(InputError, match="no frame shows the lesion"):
        measured(clip, motion=found.motion, exclude=everything)
    with pytest.raises(InputError, match="no bolus model is called 'gauss'; use lognormal"):
        measured(clip, settings=replace(STILL, models=("gauss",)))


def test_outlines_of_another_size_are_refused(clip) -> None:
    with pytest.raises(GeometryError, match="reference: the outline has"):
        measured(clip, reference=LIVER[:-1])
    with pytest.raises(GeometryError, match="ignore: what is to be ignored has"):
        measured(clip, ignore=LIVER[:-1])


def test_a_lesion_that_takes_up_nothing_has_a_curve_and_no_fit() -> None:
    found = measured(drawn(lambda t: 0.0 * t))
    assert found.fit is None and not found.parameters.fitted
    assert any("no bolus model was fitted" in w for w in found.warnings)
    assert found.peak_frame.chosen_by == "smoothed curve"
    json.dumps(found.to_json(), allow_nan=False)


def test_a_clip_that_ends_on_the_rise_foretells_nothing() -> None:
    found = measured(drawn(times=np.arange(0, 18, 0.5)))
    assert found.fit is None
    assert any("still rises where the clip ends" in w for w in found.warnings)


def test_a_reference_at_another_depth_is_told(clip) -> None:
    deep = (Y - 115) ** 2 + (X - 110) ** 2 < 12**2
    found = measured(clip, reference=deep)
    assert any("the reference lies 22 mm deeper than the lesion" in w for w in found.warnings)


def test_the_border_of_an_outline_is_left_out_while_enough_remains() -> None:
    whole = int(LESION.sum())
    inner = inner_region(LESION, (0.4, 0.4), 2.0)  # 5 pixels
    assert inner.sum() == pytest.approx(whole * (17 / 22) ** 2, rel=0.03)
    assert not (inner & ~LESION).any()
    deep = inner_region(LESION, (0.4, 0.4), 50.0)
    assert 0.35 * whole < deep.sum() < 0.5 * whole
    assert inner_region(LESION, None).sum() == inner_region(LESION, (0.4, 0.4), 0).sum() == whole
    line = np.zeros((20, 20), bool)
    line[10, 3:17] = True
    assert inner_region(line, (0.4, 0.4)).sum() == line.sum()


def test_liver_in_the_border_delays_the_peak_and_leaving_it_out_heals_it() -> None:
    """An outline 2 mm too large: the reason for the border."""
    clip = drawn()
    large = (Y - 60) ** 2 + (X - 45) ** 2 < 27**2
    peaks = []
    for border in (0.0, 2.4):
        settings = replace(STILL, border_mm=border)
        found = measure_perfusion(
            clip, PANELS, large, 22, dynamic_range_db=RANGE_DB, settings=settings
        )
        peaks.append(found.parameters["time_to_peak_s"].value)
    assert peaks[0] > peaks[1] + 0.3 and peaks[1] == pytest.approx(22.0, abs=0.6)


def test_weights_from_noisy_frames_do_not_delay_the_peak() -> None:
    """The mean over 40 draws of 8 % noise is the true peak."""
    t = np.concatenate([np.arange(0, 40, 0.5), np.arange(40, 361, 8.0)])
    rng = np.random.default_rng(0)
    peaks = []
    for _ in range(40):
        value = lognormal(t) * (1 + 0.08 * rng.standard_normal(len(t)))
        value += 1e-5 * rng.standard_normal(len(t))
        peaks.append(fit_bolus(t, value, floor_noise=1e-5, models=["lognormal"]).peak_s)
    assert np.mean(peaks) == pytest.approx(22.0, abs=3 * np.std(peaks) / np.sqrt(40))


@pytest.mark.shared
def test_a_real_clip_without_agent_gives_a_curve_and_says_what_it_is_not(shared_data) -> None:
    """A heart, 2.4 s: nothing in it is a bolus, and nobody should be told a mean transit time."""
    clip = read_clip([shared_data / "ultrasound" / "fo-dicom_DIRW0007_65f.dcm"]).clip
    picture = find_panels(clip).grayscale
    rows, columns = np.mgrid[: clip.screen[0], : clip.screen[1]]
    region = (rows - picture.top - 189) ** 2 + (columns - picture.left - 261) ** 2 < 25**2
    found = measure_perfusion(clip, Panels(None, picture, "by hand"), region, 20)
    assert len(found.curve.lesion) == 65 and found.curve.used.sum() >= 40
    assert found.fit is None and not found.parameters.fitted
    told = " ".join(found.warnings)
    assert "the clip lasts 2.4 s, less than a bolus takes to come" in told
    assert "dynamic range" in told and "time of injection" in told
    json.dumps(found.to_json(), allow_nan=False)
