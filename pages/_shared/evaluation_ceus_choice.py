"""System 3: on whom a model is judged, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared.evaluation_choice import Judged
from pages._shared.evaluation_study_choice import (
    StudyWish,
    ask_part,
    hold_out_of,
    own_study_patients,
)
from pages._shared.session import session
from pages._shared.train_ceus_source import CeusSource, read_ceus_place

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun


@dataclass(frozen=True)
class CeusWish(StudyWish[CeusSource]):
    """What was asked for on the page.

    Args:
        weights: the file of the network's weights, where the model needs one; "" otherwise.
    """

    weights: str = ""


def own_ceus_patients(run: TrainingRun) -> CeusSource:
    """The cohort that a run learned from, those held out included.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return own_study_patients(run, read_ceus_place)


def ask_ceus_wish(judged: Judged, patients: CeusSource, own: bool) -> CeusWish:
    """Which of the patients, and where the network's weights lie if the model needs them."""
    part = ask_part(judged, patients, own)
    wanted, weights = _weights_name(judged), ""
    if wanted and patients.has_images:
        weights = st.text_input(
            f"Weights of the network ({wanted}), a file on this server", _weights_path(judged),
            key=f"evaluate_weights_{judged.key}", max_chars=300,
            help="The file that the model's deep features were made with.",
        )  # fmt: skip
    return CeusWish(judged, patients, own, part, hold_out_of(judged, own), weights=weights.strip())


def _weights_name(judged: Judged) -> str:
    """Of the file that a model's deep features were made with; "" where it needs none.

    Raises:
        HccsurvError: the model cannot be read.
    """
    state, key = session(), ("ceus weights", judged.key)
    if key not in state.cache:
        d = judged.read().description
        signatures = d.get("signatures") or {}
        names = (*signatures.get("early", ()), *signatures.get("death", ()))
        needed = any(".deep." in name for name in names)
        stills: Mapping[str, Any] = d.get("settings", {}).get("stills", {})
        state.remember(key, str(stills.get("weights") or "") if needed else "")
    return state.cache[key]


def _weights_path(judged: Judged) -> str:
    """Where the training run was told that they lie."""
    if judged.run is None:
        return ""
    return str(judged.run.request.settings.get("stills", {}).get("weights") or "")
