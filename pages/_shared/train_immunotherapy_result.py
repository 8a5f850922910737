"""System 4: how good each of the five models is, risk groups, what is in the models, the networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components, formats
from pages._shared import train_words as words
from pages._shared.figures import show_figure, show_plain
from pages._shared.formats import html
from pages._shared.train_manifest import run_manifest

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun


def show_immunotherapy_course(run: TrainingRun) -> None:
    """Losses of the networks so far; without networks a training takes seconds, or waits for scans."""
    from hccsurv_core.systems.immunotherapy.training_course import read_network_course
    from hccsurv_core.systems.training_record import WORK

    histories = read_network_course(run.folder / WORK)
    if histories:
        from hccsurv_core.report.figures.model_charts import training_panels

        simulated = bool(run.request.options.get("simulated"))
        show_plain(training_panels(histories, simulated=simulated), f"losses_{run.id}")
    elif run.state in ("queued", "running"):
        st.html(
            '<span class="hcc-quiet">First the slices are chosen and measured. Where networks were '
            "asked for, their curves appear when the first of them is trained; the models themselves "
            "are fitted in seconds. Then the cross-validation says how each ranks patients.</span>"
        )


def show_immunotherapy_headline(description: Mapping[str, Any], simulated: bool) -> None:
    """C of the model that uses most, and on whom."""
    training, own = description["training"], words.own_estimate(description)
    version = list(description["models"])[-1]
    found = description["versions_of"][version]
    c = "not known" if own is None else words.estimate_words(own)
    st.html(
        f'<div class="hcc-headline" data-testid="headline">{html(version)}: C-index {html(c)}<small>'
        f"{html(found['words'])}, survival {html(found['clock'])}; cross-validated, on patients not "
        "seen; 95 % interval</small></div>"
    )
    parts = [components.chip("Simulated patients", kind="sim", sign="◇")] if simulated else []
    parts += [
        components.chip(formats.plural(training["n"], "patient")),
        components.chip(formats.plural(training["n_events"], "death")),
        components.chip(formats.plural(training["n_followup"], "follow-up scan")),
        components.chip(formats.plural(training["n_features"], "covariate")),
        components.chip(f"seed {description['seed']}"),
    ]
    st.html(components.chips(parts))


def show_immunotherapy_figures(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """How well each model ranks patients, and how the networks learned."""
    from hccsurv_core.report.figures.immunotherapy_training_charts import versions_forest
    from hccsurv_core.systems.immunotherapy.training_course import network_histories

    description = bundle.description
    judged = description["cross_validation"]
    forest = versions_forest(judged["results"], method=judged["method"], simulated=simulated)
    manifest = run_manifest(run, description, "Cross-validated concordance", simulated)
    show_figure(forest, manifest, f"versions_{run.id}")
    histories = network_histories(description)
    if histories:
        from hccsurv_core.report.figures.model_charts import training_panels

        manifest = run_manifest(run, description, "Training curves", simulated)
        show_figure(
            training_panels(histories, simulated=simulated), manifest, f"curves_{run.id}"
        )  # fmt: skip


def show_immunotherapy_models(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """Risk groups of the training patients, and what a model is made of, one model at a time."""
    from hccsurv_core.report.figures.immunotherapy_training_charts import (
        coefficients_forest,
        training_groups_chart,
    )

    description = bundle.description
    versions = list(reversed(description["models"]))
    version = versions[0]
    if len(versions) > 1:
        version = st.segmented_control(
            "Model", versions, default=version, required=True, key=f"result_version_{run.id}",
            label_visibility="collapsed",
        )  # fmt: skip
    groups = run_manifest(run, description, "Risk groups of the training patients", simulated)
    show_figure(training_groups_chart(description, version), groups, f"groups_{version}_{run.id}")
    coefficients = run_manifest(run, description, "What the models are made of", simulated)
    show_figure(
        coefficients_forest(description, version), coefficients, f"coefficients_{version}_{run.id}"
    )  # fmt: skip
