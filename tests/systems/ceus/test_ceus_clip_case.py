"""What the models need of a clip: regions by their names, and the portal phase where no report tells it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hccsurv_core.features.perfusion.phases import PHASES, Enhancement
from hccsurv_core.roi.regions import Region
from hccsurv_core.systems.ceus.clip_case import outlined_clip, record_with_clip

SHAPE = (4, 40, 50)


def perfusion(ratio_db: float | None, degree: str, sure: bool = True):
    """Of a clip whose lesion lies so far above the liver in the portal phase; all that is looked at."""
    phases = (
        Enhancement(PHASES[0], 8.0, 7.5, 8.5, "hyper", True, 5),
        Enhancement(PHASES[1], ratio_db, None, None, degree, sure, 20),
    )
    return SimpleNamespace(phases=phases)


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


@pytest.mark.parametrize(("ratio_db", "degree"), [(-4.2, "hypo"), (0.3, "iso"), (5.0, "hyper")])
def test_the_portal_phase_is_taken_from_the_clip_where_nobody_reported_it(ratio_db, degree) -> None:
    given = {"age_years": 61.0}
    record, told = record_with_clip(given, perfusion(ratio_db, degree))
    assert record == {"age_years": 61.0, "portal_phase": f"{degree}enhancement"}
    assert given == {"age_years": 61.0}
    assert f"{degree}enhancement" in told and "as this clip shows it." in told
    assert f"{abs(ratio_db):.1f} dB" in told and "-" not in told


def test_a_degree_in_doubt_is_told_as_such() -> None:
    _, told = record_with_clip({}, perfusion(-2.2, "hypo", sure=False))
    assert told.endswith("its interval reaches into another degree.")


def test_a_report_goes_before_the_clip_and_a_difference_is_told() -> None:
    reported = {"portal_phase": "isoenhancement"}
    record, told = record_with_clip(reported, perfusion(-4.2, "hypo"))
    assert record == reported
    assert told.startswith(
        "Portal phase: isoenhancement is reported and taken; this clip shows hypo"
    )
    assert record_with_clip(reported, perfusion(0.4, "iso")) == (reported, "")


@pytest.mark.parametrize("found", [None, perfusion(None, "")])
def test_a_clip_without_a_portal_phase_adds_nothing(found) -> None:
    assert record_with_clip({"age_years": 61.0}, found) == ({"age_years": 61.0}, "")
