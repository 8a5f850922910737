"""System 2: settings of a training with good defaults, folded away."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._shared.train_settings import ask_covariates, ask_seed
from pages._shared.train_treatment_source import TreatmentSource

HORIZONS = (6, 12, 18, 24, 36, 48, 60)
USUAL_HORIZONS, USUAL_COUNTED = (12, 24, 36), 36
USUAL_PROBABILITY, USUAL_MONTHS = 0.70, 1.0
_SPREAD = 0.5
_NETWORKS = {
    "resnet50": "ResNet50 (best in the paper)", "resnet18": "ResNet18", "densenet121": "DenseNet121",
    "shufflenet_v2_x0_5": "ShuffleNet (small)",
}  # fmt: skip
_DEVICES = {"auto": "GPU if there is one", "cpu": "Processor", "cuda": "GPU"}


def ask_treatment_settings(source: TreatmentSource) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the settings; returns those of the model that differ, and the verb's options."""
    from hccsurv_core.systems.treatment.covariates import CLINICAL_COVARIATES

    settings: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if source.has_images:
        settings |= _ask_images(options)
    with st.expander("Settings", icon=":material/tune:", key="train_settings_treatment"):
        settings |= ask_covariates(
            CLINICAL_COVARIATES, "train_covariates",
            "Choose before you look at any result. Without a choice all are taken that at least "
            "half of each arm's patients have, and that vary.",
        )  # fmt: skip
        first, second = st.columns(2)
        with first:
            settings |= _ask_horizons()
            seed = ask_seed("train_seed_treatment")
        with second:
            settings |= _ask_limits()
        settings |= _ask_spread()
    return settings, {"seed": seed, **options}


def _ask_images(options: dict[str, Any]) -> dict[str, Any]:
    """What is learned from images; the device is an option of the verb."""
    found: dict[str, Any] = {}
    signs = st.toggle(
        "Measure lesion signs on CT", value=True, key="train_signs",
        help="Enhancement, washout, capsule, necrosis and more, in both phases. A version with them "
        "is trained beside one from clinical values alone, and answers where both phases are there.",
    )  # fmt: skip
    if not signs:
        found["images"] = False
    networks = st.multiselect(
        "Networks on lesion crops", list(_NETWORKS), format_func=lambda n: _NETWORKS[n],
        key="train_networks", placeholder="none",
        help="The paper's image signature: a network classifies survival, its features are selected "
        "in each arm. Takes hours without a GPU; the small one is not the paper's and takes minutes. Of several "
        "the best on patients not seen is kept.",
    )  # fmt: skip
    if networks:
        found["cnn"] = {"networks": networks}
        options["device"] = st.selectbox(
            "Computed on", list(_DEVICES), format_func=lambda d: _DEVICES[d],
            key="train_device_treatment",
        )  # fmt: skip
    return found


def _ask_horizons() -> dict[str, Any]:
    horizons = st.multiselect(
        "Survival is told at (months)", HORIZONS, default=USUAL_HORIZONS, key="train_horizons",
        help="Follow-up of each arm must reach the last of them.",
    )  # fmt: skip
    told = tuple(sorted(horizons)) or USUAL_HORIZONS
    counted = st.number_input(
        "Months lived are counted up to", told[-1], 120, max(told[-1], USUAL_COUNTED), step=6,
        key=f"train_counted_{told[-1]}",
        help="The difference between the treatments is told in months lived up to here.",
    )  # fmt: skip
    if told == USUAL_HORIZONS and counted == USUAL_COUNTED:
        return {}
    return {"arms": {"horizons_months": [float(h) for h in told], "rmst_months": float(counted)}}


def _ask_limits() -> dict[str, Any]:
    probability = st.slider(
        "Recommend from a probability of", 0.50, 0.99, USUAL_PROBABILITY, step=0.01,
        key="train_probability",
        help="That the better treatment is better, for patients with these values on average. Below "
        "it there is no recommendation. Choose before you look at any result.",
    )  # fmt: skip
    months = st.number_input(
        "and a gain of at least (months)", 0.0, 24.0, USUAL_MONTHS, step=0.5, key="train_months",
        help="A smaller gain is called small and not recommended.",
    )  # fmt: skip
    found: dict[str, Any] = {}
    if probability != USUAL_PROBABILITY:
        found["min_probability"] = round(float(probability), 2)
    if months != USUAL_MONTHS:
        found["min_months"] = float(months)
    return {"limits": found} if found else {}


def _ask_spread() -> dict[str, Any]:
    """An assumption about what no value shows, for the interval of a single patient."""
    declared = st.toggle(
        "Say how much no value shows", key="train_spread",
        help="Intervals are about the average of patients with the same values; beside them stands "
        "a wider one of a single patient. How much wider is an assumption that the data cannot "
        "tell: about what was left unexplained in simulated patients, unless you say otherwise. "
        "0 leaves it out.",
    )  # fmt: skip
    if not declared:
        return {}
    columns = st.columns(2)
    spread = {
        arm: columns[k].number_input(
            f"SD of the log hazard, {title}", 0.0, 3.0, _SPREAD, step=0.1, key=f"train_spread_{arm}"
        )
        for k, (arm, title) in enumerate((("hepatectomy", "hepatectomy"), ("tace", "TACE")))
    }
    why = st.text_input(
        "Where these numbers are from", key="train_spread_why", max_chars=200,
        placeholder="stands beside every interval that uses them",
    )  # fmt: skip
    found: dict[str, Any] = {"spread": {arm: float(sd) for arm, sd in spread.items()}}
    if why.strip():
        found["spread_why"] = why.strip()
    return found
