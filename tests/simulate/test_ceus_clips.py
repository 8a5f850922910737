"""Contrast clips: valid DICOM, times, motion, and a curve that the true mask gives back."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from hccsurv_core.errors import CancelledError, InputError, NotFoundError
from hccsurv_core.simulate.ceus.causes import causes_of, draw
from hccsurv_core.simulate.ceus.clip import (
    ClipTruth,
    clip_pictures,
    clip_truth,
    frame_times,
    true_masks,
    write_clip,
)
from hccsurv_core.simulate.ceus.cohort import draw_patients
from hccsurv_core.simulate.ceus.demo import DEMO_CLIPS, DEMO_SEED, ceus_demo
from hccsurv_core.simulate.ceus.examination import curve_truth, examine, tumor_curve
from hccsurv_core.simulate.ceus.machines import MACHINES, color_map
from hccsurv_core.simulate.ceus.perfusion import bolus, kinetics_of
from hccsurv_core.simulate.ceus.screen import double_view

#: A typical carcinoma on the machine with amber contrast.
PATIENT = ceus_demo("typical").index
#: Few frames: enough for the order of things.
TIMES = np.array([0.0, 8, 14, 17, 19, 21, 23, 25, 27, 29, 33, 40, 50, 70, 120, 240, 350])


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> tuple[Path, ClipTruth, pydicom.Dataset]:
    folder = tmp_path_factory.mktemp("clip")
    truth = write_clip(folder, DEMO_SEED, PATIENT, times_s=TIMES)
    data = pydicom.dcmread(folder / "images" / truth.patient_id / "clip" / "IM00001.dcm")
    return folder, truth, data


def measured(data: pydicom.Dataset, truth: ClipTruth) -> tuple[np.ndarray, np.ndarray]:
    """Mean linear intensity of tumor and reference in the stored pixels, by the true masks."""
    exam = examine(DEMO_SEED, PATIENT)
    weights = np.array([0.299, 0.587, 0.114])
    brightness = color_map(exam.settings.machine.color) @ weights
    frames, curves = data.pixel_array, []
    for k, frame in enumerate(frames):
        levels = np.interp(frame @ weights, brightness, np.arange(256))
        linear = 10 ** ((levels / 255 - 1) * truth.dynamic_range_db / 10)
        curves.append([linear[mask].mean() for mask in true_masks(exam, truth, k)])
    lesion, parenchyma = np.array(curves).T
    return lesion, parenchyma


def test_a_clip_is_a_valid_multi_frame(clip) -> None:
    _, truth, data = clip
    assert data.SOPClassUID.name == "Ultrasound Multi-frame Image Storage"
    assert data.NumberOfFrames == len(TIMES) == len(truth.time_s)
    assert data.pixel_array.shape == (len(TIMES), data.Rows, data.Columns, 3)
    vector = np.array([float(v) for v in data.FrameTimeVector])
    assert vector.sum() == pytest.approx(1000 * (TIMES[-1] - TIMES[0]))
    assert np.cumsum(vector) / 1000 == pytest.approx(TIMES)
    assert data.FrameIncrementPointer == pydicom.tag.Tag("FrameTimeVector")
    left, right = data.SequenceOfUltrasoundRegions
    for region in (left, right):
        assert region.PhysicalDeltaX == region.PhysicalDeltaY == pytest.approx(truth.pixel_mm / 10)
    assert "SIMULATED" in data.ImageComments


def test_the_true_mask_gives_back_the_true_curve(clip) -> None:
    """Through speckle, log compression, color, JPEG and back, while the liver moves."""
    _, truth, data = clip
    lesion, parenchyma = measured(data, truth)
    filled = truth.time_s > truth.curve.arrival_s + 2
    for found, true in ((lesion, truth.lesion), (parenchyma, truth.parenchyma)):
        ratio = found[filled] / true[filled]
        assert ratio.mean() == pytest.approx(1, abs=0.05)
        assert ratio.std() < 0.12
    before = truth.time_s < truth.curve.arrival_s - 2
    assert (lesion[before] < 0.1 * lesion.max()).all()


def test_the_measured_order_is_the_kinetics(clip) -> None:
    _, truth, data = clip
    lesion, parenchyma = measured(data, truth)
    peak, liver_peak = truth.time_s[lesion.argmax()], truth.time_s[parenchyma.argmax()]
    assert abs(peak - truth.curve.time_to_peak_s) <= 4
    assert peak < liver_peak
    # Arterial hyperenhancement, then washout.
    assert lesion[lesion.argmax()] > 2.5 * parenchyma[lesion.argmax()]
    assert lesion[-1] < parenchyma[-1]
    assert 70 < truth.curve.washout_s < 240


def test_the_outline_lies_on_the_peak_frame(clip) -> None:
    folder, truth, data = clip
    assert truth.reference_frame == int(np.abs(TIMES - truth.curve.time_to_peak_s).argmin())
    image = nibabel.load(folder / "rois" / truth.patient_id / "clip_lesion.nii.gz")
    assert image.shape == (data.Columns, data.Rows, 1)
    drawn = np.asarray(image.dataobj)[:, :, 0].T > 0
    exact, reference = true_masks(examine(DEMO_SEED, PATIENT), truth, truth.reference_frame)
    assert 2 * (drawn & exact).sum() / (drawn.sum() + exact.sum()) > 0.9
    # On the contrast panel, which this machine shows on the left.
    assert np.nonzero(exact | reference)[1].max() < data.Columns / 2


def test_the_truth_is_written_as_plain_json(clip) -> None:
    folder, truth, _ = clip
    path = folder / "rois" / truth.patient_id / "clip_truth.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["simulated"] is True
    assert stored["lesion"] == pytest.approx(truth.lesion.tolist(), rel=1e-6)
    assert np.shape(stored["shift_mm"]) == (len(TIMES), 2)
    assert stored["curve"]["time_to_peak_s"] == truth.curve.time_to_peak_s


def test_breathing_moves_the_tumor_and_its_speckle() -> None:
    exam = examine(DEMO_SEED, PATIENT)
    times = np.arange(20.0, 26.0, 0.5)
    truth = clip_truth(exam, times)
    assert 1.5 < np.ptp(truth.shift_mm[:, 0]) < 12
    assert np.ptp(truth.shift_mm[:, 1]) < 5
    centers = []
    for k in range(len(times)):
        lesion, _ = true_masks(exam, truth, k)
        rows, columns = np.nonzero(lesion)
        centers.append((columns.mean() * truth.pixel_mm, rows.mean() * truth.pixel_mm))
    moved = np.array(centers) - centers[0]
    assert moved == pytest.approx(truth.shift_mm - truth.shift_mm[0], abs=0.25)


def test_without_motion_only_the_contrast_changes() -> None:
    exam = examine(DEMO_SEED, PATIENT)
    truth = clip_truth(exam, np.array([30.0, 60.0]), still=True)
    assert not truth.shift_mm.any() and not truth.out_of_plane.any()
    one, two = (p.astype(float) for p in clip_pictures(exam, truth))
    screen = double_view(exam.settings)

    def alike(panel) -> float:
        a, b = (
            p[panel.top : panel.top + panel.rows, panel.left : panel.left + panel.columns][
                panel.inside
            ]
            for p in (one, two)
        )
        liver = exam.scene.reference.relative(panel.x, panel.y) < 1
        return float(np.corrcoef(a[liver], b[liver])[0, 1])

    assert alike(screen.gray) > 0.9
    assert abs(alike(screen.contrast)) < 0.3


def test_a_clip_is_the_same_every_time(tmp_path: Path) -> None:
    times = np.array([0.0, 20.0])
    files = []
    for name in ("a", "b"):
        truth = write_clip(tmp_path / name, DEMO_SEED, PATIENT, times_s=times)
        path = tmp_path / name / "images" / truth.patient_id / "clip" / "IM00001.dcm"
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_a_clip_can_be_cancelled(tmp_path: Path) -> None:
    def stop(fraction: float, message: str) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        write_clip(tmp_path, DEMO_SEED, PATIENT, times_s=np.array([0.0, 1.0]), progress=stop)
    assert not list(tmp_path.rglob("*.dcm"))


def test_frame_times_cover_the_six_minutes() -> None:
    times = frame_times()
    assert times[0] == 0 and times[-1] == 360
    assert (np.diff(times) > 0).all()
    assert np.diff(times[times <= 40]).max() == 0.5
    assert frame_times(((2.0, 1.0), (10.0, 4.0))).tolist() == [0, 1, 2, 6, 10]


@pytest.mark.parametrize("sampling", [((10.0, 0.0),), ((10.0, 1.0), (10.0, 1.0))])
def test_impossible_samplings_are_refused(sampling) -> None:
    with pytest.raises(InputError, match="steps must be positive and ends must rise"):
        frame_times(sampling)


# -- kinetics ---------------------------------------------------------------------------------
def test_a_bolus_peaks_when_it_says() -> None:
    t = np.arange(-5, 100, 0.01)
    for rise, spread in ((8.0, 0.8), (14.0, 1.3)):
        curve = bolus(t, rise, spread)
        assert t[curve.argmax()] == pytest.approx(rise, abs=0.02)
        assert curve.max() == pytest.approx(1)
        assert not curve[t <= 0].any()
        # The lognormal density by its usual parameters, up to scale.
        mu = np.log(rise) + spread**2
        late = t > 0.5
        density = np.exp(-((np.log(t[late]) - mu) ** 2) / (2 * spread**2)) / t[late]
        assert curve[late] == pytest.approx(density / density.max(), abs=1e-5)


def test_causes_turn_the_knobs_they_are_named_for() -> None:
    causes = causes_of(draw(3, range(3000)))
    kinetics = kinetics_of(causes)

    def related(cause: np.ndarray, value: np.ndarray) -> float:
        return float(np.corrcoef(cause, value)[0, 1])

    assert related(causes.wash_in, kinetics.tumor_rise_s) < -0.95
    usual = ~causes.hypovascular
    arterial = kinetics.difference_db(kinetics.peak_s)
    assert related(causes.vascularity[usual], arterial[usual]) > 0.999
    assert arterial[~usual].max() < np.median(arterial[usual])
    assert related(causes.wash_out, kinetics.difference_db(240.0)) < -0.9


def test_curve_parameters_are_those_of_the_curve() -> None:
    exam = examine(DEMO_SEED, PATIENT)
    truth = curve_truth(exam)
    times = np.arange(0, 60, 0.25)
    curve = tumor_curve(exam, times)
    assert times[curve.argmax()] == truth.time_to_peak_s
    assert curve.max() == pytest.approx(truth.peak)
    assert truth.arrival_s < truth.time_to_peak_s < truth.washout_s
    steepest = np.gradient(curve, times).max()
    assert 0.5 * steepest < truth.wash_in_per_s <= steepest


# -- demo patients ----------------------------------------------------------------------------
def test_demo_patients_are_what_their_stories_say() -> None:
    rows = {d.key: draw_patients(DEMO_SEED, [d.index])[0] for d in DEMO_CLIPS}
    curves = {d.key: curve_truth(examine(DEMO_SEED, d.index)) for d in DEMO_CLIPS}
    assert curves["typical"].peak_difference_db > 5 and curves["typical"].time_to_peak_s < 30
    assert rows["typical"].row["late_phase"] == "hypoenhancement"
    assert rows["typical"].truth["capsule"] == 1
    patchy = rows["patchy_with_satellites"].truth
    assert patchy["satellites"] >= 1 and patchy["necrosis"] > 0.1 and patchy["heterogeneity"] > 1
    assert patchy["true_class"] == 2
    assert curves["hypovascular"].peak_difference_db < 0
    assert rows["retreatment_helps"].truth["true_class"] == 1
    assert rows["retreatment_helps"].row["retreated"] == 1
    for demo in DEMO_CLIPS:
        stated = [int(w) for w in demo.story.split() if w.isdigit()]
        diameter = rows[demo.key].truth["diameter_mm"]
        assert not stated or any(abs(s - diameter) < 1 for s in stated), demo.key


def test_an_unknown_demo_names_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="hypovascular"):
        ceus_demo("no such")


def test_demo_machine_is_the_first(clip) -> None:
    assert clip[2].ManufacturerModelName == MACHINES[0].name
