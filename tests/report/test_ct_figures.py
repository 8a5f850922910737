"""CT figures show the right pixels, outlines, level and labels."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.windows import IntensityWindow
from hccsurv_core.report.figures.ct_print import plot_slice_for_print, save_figure
from hccsurv_core.report.figures.ct_screen import (
    body_box,
    displayed_masks,
    plot_axial,
)
from hccsurv_core.report.figures.palette import STRUCTURE_COLORS, STRUCTURE_TITLES, with_opacity
from hccsurv_core.roi.results import STRUCTURES, BodySegmentation, L3Location, Vertebra
from hccsurv_core.volume import Volume

WINDOW = IntensityWindow(50, 400)


@pytest.fixture
def volume() -> Volume:
    voxels = np.full((6, 60, 80), -1000, dtype=np.int16)
    voxels[:, 20:50, 10:70] = 40
    return Volume(voxels, np.diag([1.0, 1.0, 4.0, 1.0]))


@pytest.fixture
def segmentation() -> BodySegmentation:
    masks = {name: np.zeros((2, 60, 80), dtype=bool) for name in STRUCTURES}
    masks["muscle"][:, 25:45, 20:40] = True
    masks["psoas_left"][:, 30:35, 25:30] = True
    return BodySegmentation(first_slice=2, slice_index=3, masks=masks, method="classical")


@pytest.fixture
def location() -> L3Location:
    vertebrae = (
        Vertebra("L4", 0.0, 1.0, 2.0, 40.0, 42.0),
        Vertebra("L3", 2.0, 3.0, 4.0, 40.0, 44.0),
    )
    return L3Location(3, 12.0, 0.95, "automatic", vertebrae)


def test_an_axial_figure_carries_hounsfield_units_and_the_window(volume):
    figure = plot_axial(volume, 2, WINDOW)
    picture = figure.data[0]
    assert np.asarray(picture.z).dtype == np.int16
    assert np.asarray(picture.z)[30, 30] == 40
    assert (picture.zmin, picture.zmax) == (-150, 250)
    assert "HU" in picture.hovertemplate


def test_outlines_are_drawn_only_where_the_slab_is(volume, segmentation):
    inside = plot_axial(volume, 3, WINDOW, segmentation=segmentation, structures=STRUCTURES)
    outside = plot_axial(volume, 0, WINDOW, segmentation=segmentation, structures=STRUCTURES)
    assert [trace.name for trace in inside.data[1:]] == ["Skeletal muscle", "Psoas left"]
    assert len(outside.data) == 1


def test_muscle_is_drawn_without_the_psoas_that_is_drawn(segmentation):
    both = displayed_masks(segmentation, 3, ("muscle", "psoas_left"))
    alone = displayed_masks(segmentation, 3, ("muscle",))
    assert not (both["muscle"] & both["psoas_left"]).any()
    assert alone["muscle"].sum() == both["muscle"].sum() + both["psoas_left"].sum()
    assert segmentation.masks["muscle"].sum() == 2 * alone["muscle"].sum()


def test_a_box_crops_what_travels_to_the_browser_and_keeps_its_place(volume):
    picture = plot_axial(volume, 2, WINDOW, box=(18.5, 51.5, 8.5, 71.5)).data[0]
    assert np.asarray(picture.z).shape == (35, 65)
    assert (picture.y0, picture.x0) == (18, 8)
    assert np.asarray(picture.z)[20 - 18, 10 - 8] == 40


def test_the_body_box_leaves_air_out_but_not_the_body(volume):
    row_0, row_1, column_0, column_1 = body_box(volume, margin_mm=3)
    assert 10 < row_0 < 20 and 49 < row_1 < 59
    assert 0 < column_0 < 10 and 69 < column_1 < 79


def test_the_body_box_leaves_a_thin_table_out(volume):
    voxels = volume.voxels.copy()
    voxels[:, 57, 5:75] = 200
    assert body_box(Volume(voxels, volume.affine), 2) == body_box(volume, 2)


def test_the_body_box_of_air_is_everything():
    air = Volume(np.full((2, 8, 9), -1000, dtype=np.int16), np.eye(4))
    assert body_box(air) == (-0.5, 7.5, -0.5, 8.5)


@pytest.mark.parametrize(("file_format", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_print_figures_say_what_they_are(volume, segmentation, file_format, magic):
    figure = plot_slice_for_print(
        volume,
        3,
        WINDOW,
        segmentation=segmentation,
        structures=STRUCTURES,
        title="Demo",
        captions=["Simulated patient"],
    )
    assert save_figure(figure, file_format).startswith(magic)
    words = figure._supxlabel.get_text()
    assert "Simulated patient" in words and "Not a medical device" in words


def test_another_print_format_is_refused(volume):
    figure = plot_slice_for_print(volume, 0, WINDOW)
    with pytest.raises(InputError, match="png or svg, not 'bmp'"):
        save_figure(figure, "bmp")


def test_each_structure_has_its_own_color_and_title():
    assert set(STRUCTURE_COLORS) == set(STRUCTURE_TITLES) == set(STRUCTURES)
    assert len(set(STRUCTURE_COLORS.values())) == len(STRUCTURES)
    assert with_opacity("#FF8000", 0.5) == "rgba(255, 128, 0, 0.5)"
