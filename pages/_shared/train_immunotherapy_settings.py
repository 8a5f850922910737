"""System 4: settings of a training with good defaults, folded away."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._shared.train_immunotherapy_source import ImmunotherapySource
from pages._shared.train_settings import DEVICES, ask_seed

HORIZONS = (3, 6, 12, 18, 24, 36, 48)
USUAL_HORIZONS = (12, 24)
USUAL_FOLDS, USUAL_ROUNDS = 5, 4
SIZES = (64, 96, 128, 160, 224)
USUAL_SIZE, USUAL_MEMBERS, USUAL_EPOCHS = 96, 5, 40
EXTRACTORS = {
    "small": "Small network, from nothing", "efficientnet-b0": "EfficientNet-b0 (as in the paper)",
}  # fmt: skip
USUAL_EXTRACTOR = "small"


def ask_immunotherapy_settings(source: ImmunotherapySource) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Draw the settings; returns those of the model that differ, and the verb's options."""
    settings: dict[str, Any] = _ask_images() if source.has_images else {}
    networks = source.has_images and settings.get("images", True)
    networks = networks and settings.get("network", True) is not None
    with st.expander("Settings", icon=":material/tune:", key="train_settings_immunotherapy"):
        first, second = st.columns(2)
        with first:
            settings |= _ask_horizons()
            settings |= _ask_folds()
            seed = ask_seed("train_seed_immunotherapy")
        with second:
            if networks:
                settings |= _ask_network()
            device = st.selectbox(
                "Computed on", list(DEVICES), format_func=lambda d: DEVICES[d],
                key="train_device_immunotherapy", help="Only networks need a GPU.",
            )  # fmt: skip
    return settings, {"seed": seed, "device": device}


def _ask_images() -> dict[str, Any]:
    """What is learned from the scans."""
    images = st.toggle(
        "Look at the scans", value=True, key="train_images_immunotherapy",
        help="Up to four more models beside the clinical score: of the baseline scan, of both scans, "
        "and of each with the score. Without, the clinical score is the only model.",
    )  # fmt: skip
    if not images:
        return {"images": False}
    signs = st.toggle(
        "Measure sizes, edges and growth", value=True, key="train_measures_immunotherapy",
        help="Inside the outlines of liver, lungs and tumors, on the slices chosen by the published "
        "rule: diameters, areas, numbers, edges, dead tumor, and how fast they change.",
    )  # fmt: skip
    if not signs:
        st.caption("Networks look at the slices alone, as in the paper.")
        return {"signs": False}
    network = st.toggle(
        "Train networks on the slices", value=True, key="train_networks_immunotherapy",
        help="A CNN sees three liver and three lung slices of each scan, an LSTM compares the scans, as "
        "in the paper. Their scores enter beside what is measured. Takes long on processors; without, "
        "training takes less than a minute once the scans are measured.",
    )  # fmt: skip
    return {} if network else {"network": None}


def _ask_network() -> dict[str, Any]:
    """How the networks look and learn."""
    chosen = {
        "extractor": st.selectbox(
            "Slices are read by", list(EXTRACTORS), format_func=lambda e: EXTRACTORS[e],
            key="train_extractor_immunotherapy",
            help="EfficientNet-b0 begins at random weights here; it is slow on processors.",
        ),
        "pixels": st.select_slider(
            "Size of a picture (pixels)", SIZES, USUAL_SIZE, key="train_pixels_immunotherapy",
            help="Slices are reduced to squares of so many pixels a side. 224 in the paper; time "
            "grows with the square.",
        ),
        "n_members": int(st.number_input(
            "Networks in the ensemble", 1, 20, USUAL_MEMBERS, key="train_members_immunotherapy",
            help="Their mean is the score. More are steadier and take longer.",
        )),
        "max_epochs": int(st.number_input(
            "Passes over the patients, at most", 1, 400, USUAL_EPOCHS, step=10,
            key="train_epochs_immunotherapy",
            help="Training ends earlier where patients kept aside are told no better.",
        )),
    }  # fmt: skip
    usual = {
        "extractor": USUAL_EXTRACTOR, "pixels": USUAL_SIZE, "n_members": USUAL_MEMBERS,
        "max_epochs": USUAL_EPOCHS,
    }  # fmt: skip
    differ = {name: value for name, value in chosen.items() if value != usual[name]}
    return {"network": differ} if differ else {}


def _ask_horizons() -> dict[str, Any]:
    horizons = st.multiselect(
        "Survival is told at (months)", HORIZONS, default=USUAL_HORIZONS,
        key="train_horizons_immunotherapy",
        help="Counted from the scan that a model looks at last. Follow-up must reach the last of them.",
    )  # fmt: skip
    told = tuple(sorted(horizons)) or USUAL_HORIZONS
    return {} if told == USUAL_HORIZONS else {"horizons_months": [float(h) for h in told]}


def _ask_folds() -> dict[str, Any]:
    folds = st.number_input(
        "Folds of the cross-validation", 2, 10, USUAL_FOLDS, key="train_folds_immunotherapy",
        help="The patients of a center stay together, where there are at least two centers a fold.",
    )  # fmt: skip
    rounds = st.number_input(
        "Rounds of the cross-validation", 1, 10, USUAL_ROUNDS, key="train_rounds_immunotherapy",
        help="Folds are drawn anew in each round, and scores are averaged.",
    )  # fmt: skip
    found: dict[str, Any] = {}
    if folds != USUAL_FOLDS:
        found["n_folds"] = int(folds)
    if rounds != USUAL_ROUNDS:
        found["n_rounds"] = int(rounds)
    return found
