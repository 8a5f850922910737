"""Stills of the CEUS cohort: physics of the speckle, calibration, outlines, storage, no leaks."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.simulate.ceus.causes import causes_of, draw
from hccsurv_core.simulate.ceus.cohort import spec
from hccsurv_core.simulate.ceus.examination import (
    curve_truth,
    examine,
    expected_contrast,
    outline_mask,
    reader_outlines,
)
from hccsurv_core.simulate.ceus.images import Speckle, contrast_power
from hccsurv_core.simulate.ceus.machines import MACHINES, color_map
from hccsurv_core.simulate.ceus.screen import (
    double_view,
    palette,
    single_view,
    to_color,
    to_palette,
)
from hccsurv_core.simulate.ceus.stills import contrast_levels, write_stills
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort

SEED = 1


def patient_of(machine: int) -> int:
    """The first patient with a tumor of middle size on one machine."""
    causes = causes_of(draw(SEED, range(200)))
    middle = (causes.diameter_mm > 22) & (causes.diameter_mm < 45) & ~causes.hypovascular
    return int(np.flatnonzero((causes.machine == machine) & middle)[0])


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The stills of one patient of each machine."""
    folder = tmp_path_factory.mktemp("ceus")
    for machine in range(4):
        exam = examine(SEED, patient_of(machine))
        write_stills(folder, exam, curve_truth(exam))
    return folder


def still(folder: Path, i: int, role: str) -> pydicom.Dataset:
    return pydicom.dcmread(folder / "images" / f"CEUS-{i + 1:05d}" / role / "IM00001.dcm")


def outline(folder: Path, i: int, name: str) -> nibabel.Nifti1Image:
    return nibabel.load(folder / "rois" / f"CEUS-{i + 1:05d}" / f"{name}.nii.gz")


# -- physics ----------------------------------------------------------------------------------
def test_fully_developed_speckle_has_exponential_intensity() -> None:
    power = Speckle(1.2, 1.5).power(np.full((500, 400), 2.0, np.float32), np.random.default_rng(0))
    inner = power[20:-20, 20:-20]
    assert inner.mean() == pytest.approx(4.0, rel=0.05)
    assert inner.std() / inner.mean() == pytest.approx(1.0, abs=0.06)
    assert (inner > 8.0).mean() == pytest.approx(np.exp(-2), abs=0.012)


def test_speckle_grows_across_the_beam_with_the_point_spread() -> None:
    power = Speckle(1.0, 3.0).power(np.ones((400, 400), np.float32), np.random.default_rng(0))
    inner = power[20:-20, 20:-20] - power.mean()

    def correlation(axis: int) -> float:
        shifted = np.roll(inner, 2, axis)
        return float((inner * shifted).mean() / (inner**2).mean())

    assert correlation(1) > 0.7 > 0.3 > correlation(0)


def test_expected_power_is_the_mean_over_speckle() -> None:
    rng = np.random.default_rng(1)
    mean = np.ones((80, 60), np.float32)
    mean[30:40, 20:40] = 9.0
    speckle = Speckle(1.1, 1.4)
    found = np.mean([speckle.power(np.sqrt(mean), rng) for _ in range(400)], axis=0)
    assert np.abs(found[5:-5, 5:-5] / speckle.expected(mean)[5:-5, 5:-5] - 1).mean() < 0.05


def test_few_bubbles_do_not_change_the_mean() -> None:
    exam = examine(SEED, patient_of(0))
    early = float(exam.kinetics.arrival_s[0]) + 2.0
    mean = exam.tissue.uptake_at(exam.kinetics, early) + exam.tissue.residue
    rng = np.random.default_rng(0)
    drawn = np.mean(
        [
            contrast_power(exam.tissue, exam.speckle, exam.kinetics, early, 2, rng)
            for _ in range(12)
        ],
        axis=0,
    )
    assert drawn.mean() == pytest.approx(exam.speckle.expected(mean).mean(), rel=0.03)


@pytest.mark.parametrize("machine", range(4))
def test_gray_levels_invert_to_the_true_linear_intensity(machine: int) -> None:
    exam = examine(SEED, patient_of(machine))
    screen = double_view(exam.settings)
    time = curve_truth(exam).time_to_peak_s
    rng = np.random.default_rng(3)
    expected, floor = expected_contrast(exam, screen.contrast, time, (0.0, 0.0))
    span = exam.settings.machine.contrast_range_db
    linear = [
        10 ** ((contrast_levels(exam, screen, time, (0.0, 0.0), rng) / 255 - 1) * span / 10)
        for _ in range(3)
    ]
    x, y = screen.contrast.tissue_position(exam.scene.wall_mm, (0.0, 0.0))
    for blob in (exam.scene.lesion, exam.scene.reference):
        inside = blob.relative(x, y) < 1
        assert np.mean(linear, 0)[inside].mean() == pytest.approx(expected[inside].mean(), rel=0.06)
        assert (floor[inside] < 0.1 * expected[inside]).mean() > 0.9


# -- files ------------------------------------------------------------------------------------
@pytest.mark.parametrize("machine", range(4))
def test_stills_are_ultrasound_that_says_it_is_simulated(written: Path, machine: int) -> None:
    i = patient_of(machine)
    for role, panels in (("grayscale", 1), ("peak", 2)):
        data = still(written, i, role)
        assert data.SOPClassUID.name == "Ultrasound Image Storage"
        assert data.ManufacturerModelName == MACHINES[machine].name
        assert "SIMULATED" in str(data.PatientName) and "SIMULATED" in data.ImageComments
        assert data.pixel_array.shape[:2] == (data.Rows, data.Columns) == MACHINES[machine].screen
        assert len(data.SequenceOfUltrasoundRegions) == panels
        for region in data.SequenceOfUltrasoundRegions:
            assert 0 <= region.RegionLocationMinX0 < region.RegionLocationMaxX1 < data.Columns
            assert 0 <= region.RegionLocationMinY0 < region.RegionLocationMaxY1 < data.Rows
            assert region.PhysicalDeltaX == region.PhysicalDeltaY
        assert ("ContrastBolusAgent" in data) == (role == "peak")
    left, right = still(written, i, "peak").SequenceOfUltrasoundRegions
    assert left.RegionLocationMaxX1 < right.RegionLocationMinX0
    stored = {still(written, patient_of(m), "peak").PhotometricInterpretation for m in range(4)}
    assert stored == {"YBR_FULL_422", "PALETTE COLOR", "MONOCHROME2", "YBR_RCT"}


@pytest.mark.parametrize("machine", range(4))
def test_the_probe_sits_where_the_region_says(written: Path, machine: int) -> None:
    """Above the face of the probe on the middle beam nothing is lit; below it something is."""
    data = still(written, patient_of(machine), "grayscale")
    (region,) = data.SequenceOfUltrasoundRegions
    column = region.RegionLocationMinX0 + region.ReferencePixelX0
    face = region.RegionLocationMinY0 + region.ReferencePixelY0
    pixels = data.pixel_array
    beam = pixels[:, column] if pixels.ndim == 2 else pixels[:, column].max(1)
    # JPEG smears an edge over its blocks.
    assert beam[face - 20 : face - 10].max() < 12
    assert beam[face + 3 : face + 40].mean() > 30
    depth = (region.RegionLocationMaxY1 + 1 - face) * region.PhysicalDeltaY * 10
    assert depth >= 100


@pytest.mark.parametrize("machine", range(4))
@pytest.mark.parametrize("role", ["grayscale", "peak"])
def test_outlines_lie_on_the_pixels_and_keep_the_size(written, machine, role) -> None:
    i = patient_of(machine)
    exam, data = examine(SEED, i), still(written, i, role)
    pixel_mm = 10 * data.SequenceOfUltrasoundRegions[0].PhysicalDeltaX
    image = outline(written, i, f"{role}_lesion")
    assert image.shape == (data.Columns, data.Rows, 1)
    assert image.header.get_zooms()[:2] == pytest.approx((pixel_mm, pixel_mm), rel=1e-5)
    mask = np.asarray(image.dataobj)[:, :, 0].T > 0
    turn = 2 * np.pi / len(exam.scene.lesion.radius)
    true_mm2 = 0.5 * turn * (exam.scene.lesion.radius**2).sum()
    # A reader's outline is a few percent off; the scan conversion is not.
    assert mask.sum() * pixel_mm**2 == pytest.approx(true_mm2, rel=0.15)
    screen = single_view(exam.settings) if role == "grayscale" else double_view(exam.settings)
    panel = screen.contrast or screen.gray
    exact = outline_mask(exam, screen, panel, exam.scene.lesion, (0.0, 0.0))
    assert exact.sum() * pixel_mm**2 == pytest.approx(true_mm2, rel=0.02)
    lit = np.zeros_like(mask)
    lit[panel.top : panel.top + panel.rows, panel.left : panel.left + panel.columns] = panel.inside
    for name in ("lesion", "lesion_repeat", "parenchyma"):
        drawn = np.asarray(outline(written, i, f"{role}_{name}").dataobj)[:, :, 0].T > 0
        assert drawn.any() and not (drawn & ~lit).any()
    first, second = (
        np.asarray(outline(written, i, f"{role}_{n}").dataobj) > 0
        for n in ("lesion", "lesion_repeat")
    )
    assert 0.85 < 2 * (first & second).sum() / (first.sum() + second.sum()) < 1
    reference = np.asarray(outline(written, i, f"{role}_parenchyma").dataobj) > 0
    assert not (first & reference).any()


@pytest.mark.parametrize("machine", range(4))
def test_the_tumor_is_dark_without_contrast_and_bright_with_it(written, machine) -> None:
    i = patient_of(machine)
    exam = examine(SEED, i)

    def difference(role: str) -> float:
        data = still(written, i, role)
        pixels = data.pixel_array
        if data.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, data) >> 8
        levels = pixels.mean(2) if pixels.ndim == 3 else pixels
        lesion, parenchyma = (
            np.asarray(outline(written, i, f"{role}_{n}").dataobj)[:, :, 0].T > 0
            for n in ("lesion", "parenchyma")
        )
        return float(levels[lesion].mean() - levels[parenchyma].mean())

    assert difference("peak") > 5
    assert np.sign(difference("grayscale")) == np.sign(exam.causes.echo_db[0])


def test_colors_can_be_read_back() -> None:
    weights = np.array([0.299, 0.587, 0.114])
    for machine in MACHINES:
        brightness = color_map(machine.color) @ weights
        assert (np.diff(brightness) >= 0).all() and brightness[-1] > 240


def test_palette_and_color_show_the_same_picture() -> None:
    exam = examine(SEED, patient_of(1))
    screen = double_view(exam.settings)
    rng = np.random.default_rng(0)
    picture = screen.picture(
        np.full(len(screen.gray.x), 90, np.uint8), contrast_levels(exam, screen, 25.0, (0, 0), rng)
    )
    by_palette = palette(exam.settings.machine)[to_palette(screen, picture)]
    assert np.abs(by_palette.astype(int) - to_color(screen, picture)).max() <= 6


# -- reproducibility and leaks ----------------------------------------------------------------
def test_the_same_patient_gives_the_same_files(written: Path, tmp_path: Path) -> None:
    i = patient_of(2)
    exam = examine(SEED, i)
    write_stills(tmp_path, exam, curve_truth(exam))
    again = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.*") if p.is_file())
    assert len(again) == 8
    for name in again:
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes(), name


def test_headers_and_sizes_say_nothing_of_the_tumor(tmp_path: Path) -> None:
    """Patients of one machine: files differ by identity, facts, time and depth only."""
    causes = causes_of(draw(SEED, range(60)))
    same = np.flatnonzero((causes.machine == 2) & (causes.diameter_mm < 45))[:3]
    own = {
        "PatientID", "PatientSex", "PatientAge", "StudyDate", "SeriesDate", "ContentDate",
        "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PixelData",
        "SequenceOfUltrasoundRegions", "DataSetTrailingPadding",
    }  # fmt: skip
    seen: dict[str, list] = {"grayscale": [], "peak": []}
    for i in same:
        exam = examine(SEED, int(i))
        write_stills(tmp_path, exam, curve_truth(exam))
        for role, found in seen.items():
            path = tmp_path / "images" / exam.patient_id / role / "IM00001.dcm"
            data = pydicom.dcmread(path)
            header = {e.keyword: str(e.value) for e in data if e.keyword not in own}
            found.append((path.stat().st_size, header))
    for found in seen.values():
        assert len({size for size, _ in found}) == 1
        assert all(header == found[0][1] for _, header in found)


def test_readers_draw_near_the_truth() -> None:
    exam = examine(SEED, patient_of(3))
    truth = exam.scene.lesion
    for drawn in reader_outlines(exam):
        off = drawn.radius - truth.radius
        assert 0 < np.abs(off).mean() < 1.6
        assert (drawn.x, drawn.y) == (truth.x, truth.y)


def test_a_small_cohort_is_written_and_read(tmp_path: Path) -> None:
    found = write_simulated_cohort(tmp_path / "c", spec(clips=0), n=3, seed=9, workers=1)
    cohort = read_cohort(tmp_path / "c")
    assert len(cohort) == 3 and cohort.info.system == "ceus"
    for name in cohort.patient_ids:
        for role in ("grayscale", "peak"):
            assert [p.name for p in cohort.image_folder(name, role).iterdir()] == ["IM00001.dcm"]
            for structure in ("lesion", "lesion_repeat", "parenchyma"):
                assert cohort.roi_file(name, role, structure).stat().st_size < 10_000
    assert found["n"] == 3
    truth = (tmp_path / "c" / "truth.csv").read_text(encoding="utf-8").splitlines()
    assert "curve_time_to_peak_s" in truth[0] and len(truth) == 4
    size = sum(p.stat().st_size for p in (tmp_path / "c" / "images").rglob("*.dcm")) / 3
    assert size < 550_000
