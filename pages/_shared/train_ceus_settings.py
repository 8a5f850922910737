"""System 3: settings of a training with good defaults, folded away."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._shared.train_ceus_source import CeusSource
from pages._shared.train_settings import ask_covariates, ask_seed

HORIZONS = (6, 12, 24, 36, 48, 60, 84)
USUAL_HORIZONS = (12, 36, 60)
USUAL_RECURRENCE, USUAL_SURVIVAL = "median", "x-tile"
_RECURRENCE = {"median": "Median", "youden": "Youden's index"}
_SURVIVAL = {"x-tile": "X-tile (as in the paper)", "median": "Median"}


def ask_ceus_settings(source: CeusSource) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the settings; returns those of the model that differ, and the verb's options."""
    from hccsurv_core.systems.ceus.covariates import CLINICAL_COVARIATES

    settings: dict[str, Any] = {}
    if source.has_images:
        settings |= _ask_images()
    with st.expander("Settings", icon=":material/tune:", key="train_settings_ceus"):
        settings |= ask_covariates(
            CLINICAL_COVARIATES, "train_covariates_ceus",
            "Choose before you look at any result. Without a choice all are taken that are known before "
            "the resection, that at least half of the patients have, and that vary.",
        )  # fmt: skip
        first, second = st.columns(2)
        with first:
            settings |= _ask_horizons()
            seed = ask_seed("train_seed_ceus")
        with second:
            settings |= _ask_cutoffs()
    return settings, {"seed": seed}


def _ask_images() -> dict[str, Any]:
    """What is learned from the two stills."""
    signs = st.toggle(
        "Measure signs on both stills", value=True, key="train_signs_ceus",
        help="Enhancement, patchiness, rim, halo, outline, satellites and more, against liver at the "
        "same depth. A version of pictures alone and one with clinical values are trained beside one "
        "from clinical values alone.",
    )  # fmt: skip
    if not signs:
        return {"images": False}
    signatures = st.toggle(
        "Select signatures, as in the paper", value=True, key="train_signatures_ceus",
        help="Radiomics and deep features of both stills (4670), selected for early recurrence and "
        "for death inside folds. Takes seconds a patient to measure. Without, the signs stand alone.",
    )  # fmt: skip
    if not signatures:
        return {"signatures": False}
    path = st.text_input(
        "Weights of the network, a file on this server", key="train_weights_ceus", max_chars=300,
        placeholder="none: random weights",
        help="Of the network whose channels are the deep features, trained elsewhere. The model keeps "
        "the network: nobody needs the file afterwards. Optional.",
    )  # fmt: skip
    return {"stills": {"weights": path.strip()}} if path.strip() else {}


def _ask_horizons() -> dict[str, Any]:
    horizons = st.multiselect(
        "Survival is told at (months)", HORIZONS, default=USUAL_HORIZONS, key="train_horizons_ceus",
        help="Follow-up must reach the last of them.",
    )  # fmt: skip
    told = tuple(sorted(horizons)) or USUAL_HORIZONS
    return {} if told == USUAL_HORIZONS else {"horizons_months": [float(h) for h in told]}


def _ask_cutoffs() -> dict[str, Any]:
    """How predicted recurrence and risk of death are divided into four classes."""
    recurrence = st.selectbox(
        "Likely to recur: cut-off", list(_RECURRENCE), format_func=lambda r: _RECURRENCE[r],
        key="train_cutoff_recurrence",
        help="Median: half of the training patients are called likely; it hardly moves when other "
        "patients are drawn. Youden's index: the largest sensitivity + specificity in the training "
        "patients; it jumps where prediction is weak.",
    )  # fmt: skip
    survival = st.selectbox(
        "High risk of death: cut-off", list(_SURVIVAL), format_func=lambda r: _SURVIVAL[r],
        key="train_cutoff_survival",
        help="X-tile: the largest log-rank statistic of all cuts, at least a fifth of the patients on "
        "either side; p is corrected for the search. It lies where deaths are. Median: half of the "
        "training patients. The paper's 0.52 belongs to the paper's score and is not used.",
    )  # fmt: skip
    found = {}
    if recurrence != USUAL_RECURRENCE:
        found["recurrence"] = recurrence
    if survival != USUAL_SURVIVAL:
        found["survival"] = survival
    return {"cutoffs": found} if found else {}
