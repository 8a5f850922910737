"""Pages that measure CT say so when an ultrasound clip is open."""

from __future__ import annotations

from pages._shared import components, routes
from pages._shared.views import StudyView


def is_ct(view: StudyView) -> bool:
    """Whether the study on view can be measured as CT; says why not, and where to go."""
    if not view.is_clip:
        return True
    components.empty_state(
        "This study is an ultrasound clip",
        "This page measures CT; the clip with its regions and curves is on the CEUS page.",
        routes.CEUS,
        "Go to CEUS",
    )
    return False
