"""What tests of pages share: a small measured body, and the text of a page."""

from __future__ import annotations

import numpy as np
from streamlit.testing.v1 import AppTest

from hccsurv_core.roi.results import BodySegmentation, L3Location, Vertebra
from hccsurv_core.volume import Volume

SHAPE = (12, 48, 64)


def small_volume() -> Volume:
    """A body of fat with two psoas, back muscle and a vertebra, 5 mm pixels."""
    voxels = np.full(SHAPE, -1000, dtype=np.int16)
    voxels[:, 6:44, 6:58] = -100
    voxels[:, 20:30, 28:36] = 300
    for columns in (slice(20, 27), slice(37, 44)):
        voxels[:, 20:30, columns] = 45
    voxels[:, 34:42, 16:48] = 30
    affine = np.diag([5.0, 5.0, 4.0, 1.0])
    return Volume(voxels, affine)


def small_segmentation() -> BodySegmentation:
    """True outlines of :func:`small_volume` on its slices 4 to 8."""
    hu = small_volume().voxels[4:9]
    masks = {name: np.zeros(hu.shape, dtype=bool) for name in ("psoas_left", "psoas_right")}
    masks["psoas_right"][:, 20:30, 20:27] = True
    masks["psoas_left"][:, 20:30, 37:44] = True
    masks["muscle"] = (hu >= -29) & (hu <= 150)
    masks["subcutaneous_fat"] = hu == -100
    masks["visceral_fat"] = np.zeros(hu.shape, dtype=bool)
    return BodySegmentation(
        first_slice=4, slice_index=6, masks=masks, method="classical", warnings=("Look twice.",)
    )


def level(confidence: float = 0.95) -> L3Location:
    """L3 on slice 6, with two named vertebrae."""
    return L3Location(
        slice_index=6,
        position_mm=24.0,
        confidence=confidence,
        method="automatic",
        vertebrae=(
            Vertebra("L4", 0.0, 2.0, 4.0, 25.0, 32.0),
            Vertebra("L3", 4.5, 6.0, 8.0, 25.0, 32.0),
        ),
        alternatives={0: confidence, 1: 1 - confidence},
        evidence=("The iliac crest meets L4.",),
        warnings=() if confidence > 0.8 else ("Ribs and pelvis disagree.",),
    )


def page_text(at: AppTest) -> str:
    """All Markdown, HTML and messages of the page as one text."""
    parts: list[str] = []
    for kind in ("markdown", "html", "caption", "warning", "error", "info", "header", "subheader"):
        parts += [str(element.value) for element in at.get(kind)]
    return "\n".join(parts)


def erase(store, study_id, structure, rows, columns, *, slice_index=6, actor="Dr. Who"):
    """Erase a rectangle of a structure, as the editor does."""
    from hccsurv_core.roi.runs import to_runs
    from hccsurv_core.systems.roi_edits import apply_command

    mask = np.zeros(store.get_study(study_id).shape[1:], dtype=bool)
    mask[rows, columns] = True
    remove = {str(slice_index): to_runs(mask)}
    command = {"do": "stroke", "label": structure, "remove": remove, "note": "erased"}
    return apply_command(store, study_id, command, actor=actor)
