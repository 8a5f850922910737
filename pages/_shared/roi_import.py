"""Imported masks into the study on view, and what to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pages._shared import formats, views
from pages._shared.session import session
from pages._shared.views import StudyView

if TYPE_CHECKING:
    from hccsurv_core.io.roi_files import RoiFile


def import_masks(view: StudyView, roi: RoiFile, mapping: Mapping[str, str]) -> None:
    """Save regions of a mask file as a new revision of the outline and as lesions; measure again.

    Args:
        view: the study.
        roi: what was read, on the study's grid.
        mapping: name in the file to a structure or "lesion".

    Raises:
        InputError: a rule of :func:`hccsurv_core.systems.roi_import.import_masks` is broken;
            nothing is stored then.
        StoreError: the disk is full.
    """
    from hccsurv_core.systems.roi_import import import_masks as take_over

    state = session()
    told = take_over(views.open_store(), view.study.id, roi, mapping, actor=state.actor)
    parts = [name.replace("_", " ") for name in told.structures] + list(told.lesions)
    said = [f"{', '.join(parts)} imported", *told.notes]
    text = " ".join(formats.plain(formats.sentence(sentence)) for sentence in said)
    # What is only good news goes away by itself; what was left out stays to be read.
    state.notice = ("info" if told.notes else "success", text)
