"""Which panel shows contrast, where the fans are, and what text hides: on simulated screens of all
four machines, whose layout is known, and on real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.ultrasound_panels import (
    calibrated_like,
    fan_mask,
    find_panels,
    uncalibrated_warning,
)
from hccsurv_core.imaging.ultrasound_text import text_mask, text_warning
from hccsurv_core.io.ultrasound_clip import read_clip
from hccsurv_core.simulate.ceus.causes import causes_of, draw
from hccsurv_core.simulate.ceus.clip import write_clip
from hccsurv_core.simulate.ceus.examination import curve_truth, examine
from hccsurv_core.simulate.ceus.machines import MACHINE_NAMES, MACHINES
from hccsurv_core.simulate.ceus.screen import Screen, double_view, single_view
from hccsurv_core.simulate.ceus.stills import write_stills

SEED = 3
GRAY_MACHINE = "ECHOFAKE 70"
#: From before the agent arrives until it is gone.
TIMES = np.array([0.0, 6, 12, 16, 20, 25, 40, 90])


def patient_of(machine: str) -> int:
    """The first patient on a machine."""
    machines = causes_of(draw(SEED, range(60))).machine
    return int(np.flatnonzero(np.asarray(machines) == MACHINE_NAMES.index(machine))[0])


@pytest.fixture(scope="module", params=MACHINE_NAMES)
def stills(request, tmp_path_factory) -> tuple[str, dict[str, tuple[Clip, Screen]]]:
    """(machine, {role: (still, its layout)})."""
    folder = tmp_path_factory.mktemp("stills")
    exam = examine(SEED, patient_of(request.param))
    write_stills(folder, exam, curve_truth(exam))
    images = folder / "images" / exam.patient_id
    return request.param, {
        role: (read_clip([images / role]).clip, view(exam.settings))
        for role, view in (("grayscale", single_view), ("peak", double_view))
    }


@pytest.fixture(scope="module", params=["ECHOFAKE 70", "VIRTUAL LX"])
def clip(request, tmp_path_factory) -> tuple[str, Clip, Screen]:
    folder = tmp_path_factory.mktemp("clips")
    i = patient_of(request.param)
    write_clip(folder, SEED, i, times_s=TIMES)
    loaded = read_clip([folder / "images"])
    return request.param, loaded.clip, double_view(examine(SEED, i).settings)


def without_regions(clip: Clip) -> Clip:
    return replace(clip, regions=())


def on_screen(clip: Clip, box: Region, mask: np.ndarray) -> np.ndarray:
    whole = np.zeros(clip.screen, bool)
    whole[box.box] = mask
    return whole


def true_fan(clip: Clip, panel) -> np.ndarray:
    return on_screen(clip, Region(panel.top, panel.left, panel.rows, panel.columns), panel.inside)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def test_the_simulated_machines_differ_as_they_should():
    """Contrast left and right, tinted and gray: else the tests below would show little."""
    assert {m.contrast_left for m in MACHINES} == {True, False}
    assert sum(m.color == "gray" for m in MACHINES) == 1


@pytest.mark.parametrize("regions", [True, False])
def test_stills_of_two_panels(stills, regions):
    machine, pictures = stills
    still, screen = pictures["peak"]
    clip = still if regions else without_regions(still)
    panels = find_panels(clip)
    for found, true in ((panels.grayscale, screen.gray), (panels.contrast, screen.contrast)):
        assert found is not None
        assert dice(on_screen(clip, found, fan_mask(clip, found)), true_fan(clip, true)) > 0.985
    assert len(panels.found) == 2
    # A gray contrast picture is told by its near field only: a person should confirm it.
    assert panels.sure == (machine != GRAY_MACHINE)
    assert panels.is_calibrated == regions
    assert (uncalibrated_warning(panels) is None) == regions


@pytest.mark.parametrize("regions", [True, False])
def test_stills_of_one_panel_without_contrast(stills, regions):
    _, pictures = stills
    still, screen = pictures["grayscale"]
    clip = still if regions else without_regions(still)
    panels = find_panels(clip)
    assert panels.contrast is None
    assert panels.sure
    box = panels.grayscale
    assert dice(on_screen(clip, box, fan_mask(clip, box)), true_fan(clip, screen.gray)) > 0.985
    if regions:
        assert box.spacing_mm == pytest.approx((screen.gray.pixel_mm,) * 2)


def test_text_is_masked_and_tissue_is_not(stills):
    _, pictures = stills
    for still, screen in pictures.values():
        mask = text_mask(still)
        fans = np.any([true_fan(still, p) for p in screen.panels], axis=0)
        text = (screen.background > 100) & ~fans
        assert np.count_nonzero(text & ~mask) == 0
        assert np.count_nonzero(mask & fans) < 0.002 * np.count_nonzero(fans)
        assert "top edge" in text_warning(still)


def test_two_panels_have_one_size_so_that_a_shift_holds_on_both(stills):
    _, pictures = stills
    for clip in (pictures["peak"][0], without_regions(pictures["peak"][0])):
        gray, contrast = find_panels(clip).grayscale, find_panels(clip).contrast
        assert (gray.rows, gray.columns, gray.top) == (
            contrast.rows,
            contrast.columns,
            contrast.top,
        )
        np.testing.assert_array_equal(fan_mask(clip, gray), fan_mask(clip, contrast))


@pytest.mark.parametrize("regions", [True, False])
def test_clips_are_told_by_what_brightens(clip, regions):
    _machine, whole, screen = clip
    shown = whole if regions else without_regions(whole)
    panels = find_panels(shown)
    assert "brightens" in panels.found_by
    assert panels.sure
    contrast = on_screen(shown, panels.contrast, fan_mask(shown, panels.contrast))
    assert dice(contrast, true_fan(shown, screen.contrast)) > 0.98
    gray = on_screen(shown, panels.grayscale, fan_mask(shown, panels.grayscale))
    assert dice(gray, true_fan(shown, screen.gray)) > 0.98


def test_the_clock_is_masked_in_every_frame(clip):
    _, shown, screen = clip
    mask = text_mask(shown)
    fans = np.any([true_fan(shown, p) for p in screen.panels], axis=0)
    for k in range(len(shown)):
        assert np.count_nonzero((shown.brightness(k) > 60) & ~fans & ~mask) == 0
    # Frames that were not looked at have other digits in the same place.
    half = replace(shown, frames=shown.frames[:4], time_s=shown.time_s[:4])
    later = (shown.brightness(7) > 60) & ~fans
    assert np.count_nonzero(later & ~text_mask(half)) == 0


def test_before_the_agent_arrives_the_dark_panel_is_contrast(clip):
    _, shown, screen = clip
    first = replace(shown, frames=shown.frames[:1], time_s=shown.time_s[:1])
    panels = find_panels(first)
    assert panels.contrast.left == pytest.approx(screen.contrast.left)
    assert not panels.sure
    # Its fan is known from its neighbor.
    fan = on_screen(first, panels.contrast, fan_mask(first, panels.contrast))
    assert dice(fan, true_fan(first, screen.contrast)) > 0.98


def test_one_panel_that_brightens_is_contrast(clip):
    _machine, shown, screen = clip
    p = screen.contrast
    half = (slice(0, shown.screen[0]), slice(max(p.left - 4, 0), p.left + p.columns + 4))
    alone = Clip(np.ascontiguousarray(shown.frames[:, half[0], half[1]]), shown.time_s)
    panels = find_panels(alone)
    assert panels.grayscale is None
    assert panels.contrast is not None


# -- screens made here ---------------------------------------------------------------------------
def fan(
    rows: int = 200, columns: int = 240, apex: float = -60.0, reach: float = 250.0
) -> np.ndarray:
    row, column = np.mgrid[0:rows, 0:columns]
    down, across = row - apex, column - columns / 2 + 0.5
    radius = np.hypot(down, across)
    return (radius > 70) & (radius < reach) & (np.abs(np.arctan2(across, down)) < 0.45)


def speckled(mask: np.ndarray, level: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(level, 12, mask.shape).clip(10, 250)
    return np.where(mask, noise, 0).astype(np.uint8)


def screen_of(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two pictures side by side with a gap."""
    gap = np.zeros((len(left), 20, *left.shape[2:]), left.dtype)
    return np.concatenate([left, gap, right], axis=1)


def tinted(picture: np.ndarray) -> np.ndarray:
    return np.stack([picture, picture // 2, picture // 5], -1)


def as_rgb(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture[..., None], 3, -1)


def test_color_that_contradicts_the_change_is_for_a_person():
    """A tinted grayscale panel beside a gray contrast panel."""
    f = fan()
    frames = [
        screen_of(tinted(speckled(f, 90, k)), as_rgb(speckled(f, level, 50 + k)))
        for k, level in enumerate((20, 25, 80, 150, 140, 120))
    ]
    clip = Clip(np.array(frames), np.arange(6.0))
    panels = find_panels(clip)
    assert panels.contrast.left > panels.grayscale.left
    assert not panels.sure
    assert "contradicts" in panels.found_by


def test_both_panels_tinted_are_told_by_change():
    f = fan()
    frames = [
        screen_of(tinted(speckled(f, level, 50 + k)), tinted(speckled(f, 90, k)))
        for k, level in enumerate((20, 25, 80, 150, 140, 120))
    ]
    panels = find_panels(Clip(np.array(frames), np.arange(6.0)))
    assert panels.contrast.left < panels.grayscale.left
    assert panels.sure


def test_a_tinted_still_alone_may_be_tinted_grayscale():
    clip = Clip(tinted(speckled(fan(), 120, 1))[None], np.zeros(1))
    panels = find_panels(clip)
    assert panels.contrast is not None
    assert not panels.sure


def test_dark_bites_and_holes_belong_to_the_fan():
    f = fan()
    picture = speckled(f, 100, 1)
    picture[120:160, 90:150] = 0  # a cyst
    picture[60:140, 150:170] = 0  # a shadow at the side
    picture[170:, 40:90] = 0  # nothing comes back from the depth
    clip = Clip(picture[None], np.zeros(1))
    panels = find_panels(clip)
    box = panels.grayscale
    assert dice(on_screen(clip, box, fan_mask(clip, box)), f) > 0.97


def test_a_linear_probe_is_a_rectangle():
    shape = np.zeros((200, 240), bool)
    shape[20:180, 30:210] = True
    picture = speckled(shape, 100, 1)
    picture[90:120, 100:140] = 0
    clip = Clip(picture[None], np.zeros(1))
    box = find_panels(clip).grayscale
    assert dice(on_screen(clip, box, fan_mask(clip, box)), shape) > 0.97


def test_colored_calipers_on_gray_tissue_are_masked():
    f = fan()
    picture = as_rgb(speckled(f, 100, 1))
    picture[100:102, 90:140] = (255, 255, 0)
    clip = Clip(picture[None], np.zeros(1))
    box = find_panels(clip).grayscale
    drawn = np.zeros(f.shape, bool)
    drawn[100:102, 90:140] = True
    assert not (on_screen(clip, box, fan_mask(clip, box)) & drawn).any()
    assert text_mask(clip)[drawn].all()


def test_letters_over_tissue_in_the_screens_text_color_are_masked():
    from PIL import Image, ImageDraw, ImageFont

    f = fan(260, 320)
    picture = speckled(f, 90, 1)
    canvas = Image.fromarray(picture)
    font = ImageFont.load_default_imagefont()
    for place in ((4, 2), (110, 150)):
        ImageDraw.Draw(canvas).text(place, "MULLER 1954", fill=235, font=font)
    written = np.asarray(canvas)
    clip = Clip(written[None], np.zeros(1))
    letters = written != picture
    letters[:140] = False
    assert np.count_nonzero(letters) > 100
    assert text_mask(clip)[letters].mean() > 0.95
    box = find_panels(clip).grayscale
    assert on_screen(clip, box, fan_mask(clip, box))[letters].mean() < 0.05


def test_a_screen_without_a_picture():
    clip = Clip(np.zeros((2, 100, 120), np.uint8), np.array([0.0, 1.0]))
    with pytest.raises(GeometryError, match=r"no ultrasound picture .*; mark the panels by hand"):
        find_panels(clip)
    assert not text_mask(clip).any()
    assert text_warning(clip) is None
    assert not fan_mask(clip, Region(0, 0, 100, 120)).any()


def test_a_panel_by_hand_gets_its_fan_and_the_files_spacing():
    f = fan()
    whole = screen_of(speckled(f, 90, 1), speckled(f, 90, 2))
    file_region = Region(0, 0, 200, 240, (0.2, 0.2), "tissue")
    clip = Clip(whole[None], np.zeros(1), (file_region,))
    box = calibrated_like(clip, Region(5, 4, 190, 232))
    assert (box.spacing_mm, box.kind) == ((0.2, 0.2), "tissue")
    assert dice(on_screen(clip, box, fan_mask(clip, box))[:, :240], f) > 0.97
    assert calibrated_like(clip, Region(0, 260, 200, 240)).spacing_mm is None


def test_panels_can_be_swapped():
    a, b = Region(0, 0, 5, 5), Region(0, 5, 5, 5)
    swapped = Panels(a, b, "color", False, (a, b)).swapped()
    assert (swapped.grayscale, swapped.contrast, swapped.sure) == (b, a, True)
    assert swapped.found_by == "by hand"


# -- real files ----------------------------------------------------------------------------------
@pytest.mark.shared
@pytest.mark.parametrize("regions", [True, False])
def test_a_real_screen_of_two_planes_splits_and_neither_is_contrast(shared_data: Path, regions):
    still = read_clip([shared_data / "ultrasound" / "gdcm-US-ALOKA-16.dcm"]).clip
    clip = still if regions else without_regions(still)
    panels = find_panels(clip)
    # The seam lies between columns 335 and 336.
    assert [abs(box.left - at) <= 2 for box, at in zip(panels.found, (32, 336), strict=True)] == [
        True, True
    ]  # fmt: skip
    assert panels.contrast is None
    assert not panels.sure
    assert "neither looks like contrast" in panels.found_by


@pytest.mark.shared
def test_a_real_heart(shared_data: Path):
    clip = read_clip([shared_data / "ultrasound" / "fo-dicom_DIRW0007_65f.dcm"]).clip
    panels = find_panels(clip)
    assert panels.contrast is None
    assert panels.grayscale.spacing_mm == pytest.approx((0.52478, 0.52478), abs=1e-5)
    mask = text_mask(clip)
    # The patient's number, the clock, the text beside the fan, and the ECG.
    for box in ((2, 24, 22, 130), (32, 46, 500, 548), (66, 80, 450, 500), (385, 425, 50, 180)):
        bright = clip.brightness(0)[box[0] : box[1], box[2] : box[3]] > 120
        assert bright.any()
        assert mask[box[0] : box[1], box[2] : box[3]][bright].all()
    fan = on_screen(clip, panels.grayscale, fan_mask(clip, panels.grayscale))
    assert fan[200, 280]
    assert not fan[100, 60]
    assert not fan[410, 280]
    assert "top edge" in text_warning(clip)
