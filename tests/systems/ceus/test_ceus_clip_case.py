"""What the models need of a clip: regions by their names, and the portal phase where no report tells it."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from hccsurv_core.features.perfusion.curve import TimeIntensity
from hccsurv_core.features.perfusion.floor import Floor
from hccsurv_core.roi.regions import Region
from hccsurv_core.systems.ceus.clip_case import outlined_clip, record_with_clip

SHAPE = (4, 40, 50)


def perfusion(portal_db: float, until_s: float = 240.0, noise_db: float = 0.2):
    """A lesion 9 dB above the liver until 60 s, then so far above it; all that is looked at."""
    time_s = np.arange(0.0, until_s, 4.0)
    liver = np.where(time_s > 12, 0.02, 0.0)
    ratio_db = np.where(time_s > 60, portal_db, 9.0)
    ratio_db = ratio_db + noise_db * np.random.default_rng(0).standard_normal(len(time_s))
    lesion = liver * 10 ** (ratio_db / 10)
    floor = Floor(1e-5, 1e-6, 3)
    curve = TimeIntensity(
        time_s=time_s, lesion=lesion + 1e-5, reference=liver + 1e-5, lesion_floor=floor,
        reference_floor=floor, saturated=0 * time_s, inside=0 * time_s + 1, dynamic_range_db=50.0,
    )  # fmt: skip
    return SimpleNamespace(curve=curve)


def region(name: str, *drawn: tuple[int, int]) -> Region:
    """A region with a square of so many pixels on so many frames: (frame, side)."""
    frames = [frame for frame, _ in drawn]
    mask = np.zeros((max(frames) - min(frames) + 1, 30, 30), bool)
    for frame, side in drawn:
        mask[frame - min(frames), :side, :side] = True
    return Region(id=name, name=name, mask=mask, offset=(min(frames), 4, 6))


def test_lesion_and_liver_are_found_by_their_names() -> None:
    found = outlined_clip([region("Liver", (2, 20)), region("HCC segment 6", (2, 12))], SHAPE)
    assert found.frame == 2 and found.lacking == () and found.notes == ()
    # What both claim is lesion.
    assert found.lesion.sum() == 144 and found.reference.sum() == 400 - 144


def test_a_reference_within_the_lesion_is_none() -> None:
    found = outlined_clip([region("Liver", (2, 8)), region("Lesion", (2, 12))], SHAPE)
    assert found.reference is None
    assert found.notes == (
        "The reference lies within the lesion: draw it beside the lesion, at the same depth.",
    )


def test_the_frame_with_the_largest_outline_counts_and_the_liver_must_be_drawn_there() -> None:
    found = outlined_clip([region("Lesion", (0, 5), (3, 9)), region("Reference", (0, 3))], SHAPE)
    assert found.frame == 3 and found.reference is None
    assert found.notes == (
        "The lesion is drawn on 2 frames; the outline of frame 3 is followed.",
        "The reference is not drawn on frame 3, where the lesion is: draw it there.",
    )


def test_without_a_lesion_there_is_no_curve() -> None:
    assert outlined_clip([region("Vessel", (1, 4))], SHAPE).lacking == ("no outline of the lesion",)


@pytest.mark.parametrize(("portal_db", "degree"), [(-4.0, "hypo"), (0.5, "iso"), (5.0, "hyper")])
def test_the_portal_phase_is_taken_from_the_clip_where_nobody_reported_it(
    portal_db, degree
) -> None:
    """From 60 s on: a lesion still bright from its arterial peak may wash out in the portal phase."""
    given = {"age_years": 61.0}
    record, told = record_with_clip(given, perfusion(portal_db))
    assert record == {"age_years": 61.0, "portal_phase": f"{degree}enhancement"}
    assert given == {"age_years": 61.0}
    level = re.search(rf"{degree}enhancement from 60 to 120 s \((.*) dB against the ref", told)
    assert float(level[1].replace("−", "-")) == pytest.approx(portal_db, abs=0.3)
    assert told.endswith("as this clip shows it.")


def test_a_degree_in_doubt_is_told_as_such() -> None:
    _, told = record_with_clip({}, perfusion(-2.1, noise_db=1.5))
    assert told.endswith("its interval reaches into another degree.")


def test_a_report_goes_before_the_clip_and_a_difference_is_told() -> None:
    reported = {"portal_phase": "isoenhancement"}
    record, told = record_with_clip(reported, perfusion(-4.2))
    assert record == reported
    assert told.startswith(
        "Portal phase: isoenhancement is reported and taken; this clip shows hypo"
    )
    assert record_with_clip(reported, perfusion(0.4)) == (reported, "")


@pytest.mark.parametrize("found", [None, perfusion(-4.0, until_s=50.0)])
def test_a_clip_that_ends_before_adds_nothing(found) -> None:
    assert record_with_clip({"age_years": 61.0}, found) == ({"age_years": 61.0}, "")
