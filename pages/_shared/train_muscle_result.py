"""System 1: how good a trained model is, which candidate won, how it learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared import train_words as words
from pages._shared.figures import show_figure
from pages._shared.formats import html
from pages._shared.train_manifest import run_manifest

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun


def show_headline(description: Mapping[str, Any], simulated: bool) -> None:
    """C of the model, whom it learned from, and who won."""
    training, own = description["training"], words.own_estimate(description)
    c = "not known" if own is None else words.estimate_words(own)
    luck = ", without the luck of having been chosen" if words.is_corrected(description) else ""
    parts = [components.chip("Simulated patients", kind="sim", sign="◇")] if simulated else []
    parts += [
        components.chip(formats.plural(training["n"], "patient")),
        components.chip(formats.plural(training["n_events"], "event")),
        components.chip(formats.plural(training["n_features"], "feature")),
        components.chip(f"seed {description['seed']}"),
    ]
    st.html(
        f'<div class="hcc-headline" data-testid="headline">C-index {html(c)}<small>'
        f"cross-validated, on patients not seen{luck}; 95 % interval</small></div>"
    )
    st.html(components.chips(parts))
    won, sentence = words.winner_words(description)
    if sentence:
        (st.success if won else st.warning)(
            formats.plain(sentence),
            icon=":material/trophy:" if won else ":material/balance:",
        )


def show_figures(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """The candidates and the training curves."""
    _candidates(run, bundle.description, simulated)
    _curves(run, bundle.description, simulated)


def _candidates(run: TrainingRun, description: Mapping[str, Any], simulated: bool) -> None:
    from hccsurv_core.report.figures.training_charts import candidate_forest

    judged = description["cross_validation"]
    forest = candidate_forest(judged["results"], method=judged["method"], simulated=simulated)
    manifest = run_manifest(run, description, "Cross-validated concordance", simulated)
    show_figure(forest, manifest, f"candidates_{run.id}")


def _curves(run: TrainingRun, description: Mapping[str, Any], simulated: bool) -> None:
    from hccsurv_core.systems.muscle.model_evaluation import training_histories

    histories = training_histories(description)
    if not histories:
        return
    from hccsurv_core.report.figures.model_charts import training_panels

    panels = training_panels(histories, simulated=simulated)
    show_figure(
        panels, run_manifest(run, description, "Training curves", simulated), f"curves_{run.id}"
    )
