"""How to train: who is held out, and settings with good defaults, folded away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared.train_source import TrainingSource

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.covariates import Covariate

AS_IT_IS, CENTER, SHARE, NOBODY = "as the table says", "a center", "a share", "nobody"
_EFFORTS = {
    "usual": "Usual",
    "quick": "Quick look",
}
#: A first impression: fewer networks, one round of cross-validation.
QUICK: Mapping[str, Any] = {"n_members": 5, "n_repeats": 1, "fold_members": 2}
_REPRESENTATIONS = {
    "auto": "As fits the table",
    "autoencoder": "Autoencoder (as in the paper)",
    "pca": "Principal components",
    "none": "None: features as they are",
}
_HEADS = {"deep": "Deep Cox network", "linear": "Linear (ridge Cox)"}
_RIVALS = {
    "cox": "Ridge Cox regression",
    "gradient_boosting": "Gradient boosting",
    "random_forest": "Random survival forest",
}
DEVICES = {"auto": "GPU if there is one", "cpu": "Processor", "cuda": "GPU"}
USUAL_MEMBERS, USUAL_CODES = 20, 100


@dataclass(frozen=True)
class TrainingChoices:
    """What was chosen.

    Args:
        held_out: one of the four ways; ``center`` or ``share`` go with theirs.
        settings: of the model, where they differ from the usual ones.
        options: of the verb train.
    """

    held_out: str = AS_IT_IS
    center: str = ""
    share: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def ask_held_out(source: TrainingSource) -> TrainingChoices:
    """Who is kept out of the training, to see afterwards how the model does on others."""
    ways = _ways(source.as_the_cohort_says())
    way = st.radio(
        "Held out", list(ways), format_func=lambda w: ways[w], key=f"train_out_{source.key}",
        captions=[_CAPTIONS[w] for w in ways],
    )  # fmt: skip
    if way == CENTER:
        centers = sorted({c for c in source.table.labels["center"] if c})
        center = st.selectbox(
            "Center held out", centers, index=len(centers) - 1, key=f"train_center_{source.key}"
        )
        return TrainingChoices(CENTER, center=center, options={"hold-out-center": center})
    if way == SHARE:
        percent = st.slider(
            "Share held out (%)", 10, 50, 30, step=5, key=f"train_share_{source.key}"
        )
        return TrainingChoices(
            SHARE, share=percent / 100, options={"hold-out-share": percent / 100}
        )
    return TrainingChoices(way)


_CAPTIONS = {
    AS_IT_IS: "Column split: those called “train” are learned from.",
    CENTER: "The fairest test: another hospital, other scanners.",
    SHARE: "Drawn by chance, events in proportion.",
    NOBODY: "All patients are learned from; cross-validation judges.",
}


def _ways(table: FeatureTable) -> dict[str, str]:
    """The ways that the table allows, the best first."""
    ways = {}
    if "split" in table.labels:
        ways[AS_IT_IS] = "As the table says"
    if len({c for c in table.labels.get("center", ()) if c}) > 1:
        ways[CENTER] = "A center"
    ways[SHARE] = "A share"
    if "split" not in table.labels:
        ways[NOBODY] = "Nobody"
    return ways


def held_out_table(source: TrainingSource, choices: TrainingChoices, seed: int) -> FeatureTable:
    """The source's table with those held out who are asked for.

    Raises:
        HccsurvError: nobody or everybody would be.
    """
    from hccsurv_core.systems.training_sources import hold_out_center, hold_out_share

    if choices.held_out == CENTER:
        return hold_out_center(source.table, choices.center)
    if choices.held_out == SHARE:
        return hold_out_share(source.table, choices.share, seed=seed)
    return source.as_the_cohort_says()


def ask_seed(key: str) -> int:
    """The seed of a training."""
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, 0, step=1, key=key, help="Fixes everything that is drawn by chance."
    )
    return int(seed)


def ask_covariates(candidates: Sequence[Covariate], key: str, explained: str) -> dict[str, Any]:
    """Clinical covariates by hand; nothing where all are to be taken that can be.

    Args:
        candidates: of the system.
        explained: what happens without a choice.
    """
    labels = {c.name: c.label for c in candidates}
    chosen = st.multiselect(
        "Clinical covariates", list(labels), format_func=lambda n: labels[n], key=key,
        placeholder="all that are known of enough patients", help=explained,
    )  # fmt: skip
    return {"covariates": chosen} if chosen else {}


def ask_settings(source: TrainingSource) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the settings; returns those of the model that differ, and the verb's options.

    Args:
        source: who is learned from; the settings do not depend on it.
    """
    effort = st.segmented_control(
        "Effort", list(_EFFORTS), format_func=lambda e: _EFFORTS[e], default="usual",
        required=True, key="train_effort", persist_state="session",
        help="A quick look trains 5 networks and cross-validates once; the usual training 20 "
        "networks and three times.",
    )  # fmt: skip
    settings = dict(QUICK) if effort == "quick" else {}
    with st.expander("Settings", icon=":material/tune:", key="train_settings"):
        first, second = st.columns(2)
        with first:
            settings |= _ask_model()
        with second:
            settings |= _ask_ensemble(effort == "quick")
            seed = ask_seed("train_seed")
            device = st.selectbox(
                "Computed on", list(DEVICES), format_func=lambda d: DEVICES[d],
                key="train_device",
            )  # fmt: skip
    return settings, {"seed": seed, "device": device}


def _ask_model() -> dict[str, Any]:
    found: dict[str, Any] = {}
    representation = st.selectbox(
        "Features are compressed by", list(_REPRESENTATIONS), key="train_representation",
        format_func=lambda r: _REPRESENTATIONS[r],
        help="An autoencoder learns a short code from which the features can be restored, without "
        "looking at the outcome. As fits the table: an autoencoder for more than 100 features, "
        "none for fewer.",
    )  # fmt: skip
    if representation != "auto":
        found["representation"] = representation
    if representation != "none":
        codes = st.number_input(
            "Length of the code", 2, 500, USUAL_CODES, step=10, key="train_codes",
            help="100 in the paper.",
        )  # fmt: skip
        if codes != USUAL_CODES:
            found["n_codes"] = int(codes)
    head = st.selectbox(
        "Hazard is learned by", list(_HEADS), format_func=lambda h: _HEADS[h], key="train_head"
    )
    if head != "deep":
        found["head"] = head
    return found


def _ask_ensemble(quick: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    usual = QUICK["n_members"] if quick else USUAL_MEMBERS
    members = st.number_input(
        "Networks in the ensemble", 2, 100, usual, step=5, key=f"train_members_{quick}",
        help="Their mean predicts, their spread gives the interval.",
    )  # fmt: skip
    if members != USUAL_MEMBERS:
        found["n_members"] = int(members)
    rivals = st.multiselect(
        "Held against", list(_RIVALS), default=list(_RIVALS), format_func=lambda r: _RIVALS[r],
        key="train_rivals", placeholder="nothing",
        help="Simpler models on the same folds; the result says which won.",
    )  # fmt: skip
    if set(rivals) != set(_RIVALS):
        found["rivals"] = rivals
    return found
