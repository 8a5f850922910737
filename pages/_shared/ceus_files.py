"""Everything measured on a clip, to take away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from pages._shared.ceus_measuring import MeasuredClip
    from pages._shared.views import StudyView


def clip_download(view: StudyView, measured: MeasuredClip) -> None:
    """One JSON file with curves, fit, parameters, phases, motion and warnings."""
    st.download_button(
        "All numbers", icon=":material/download:", type="tertiary", key="ceus_download",
        data=lambda: clip_json(view, measured), mime="application/json",
        file_name=f"{view.patient.pseudonym}_ceus.json",
    )  # fmt: skip


def clip_json(view: StudyView, measured: MeasuredClip) -> str:
    """As a file; units are in the names."""
    from hccsurv_core import __version__

    signs = measured.image_values
    told = {
        "patient": view.patient.pseudonym,
        "simulated": view.simulated,
        "hccsurv": __version__,
        "note": "Research use. Not a medical device.",
        **measured.perfusion.to_json(),
        "image_values": None
        if signs is None
        else {name: v if v == v else None for name, v in signs.items()},
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
