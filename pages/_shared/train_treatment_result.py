"""System 2: how good each arm's model is, what is in it, and both nomograms."""

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

_VERSIONS = {"combined": "With lesion signs", "clinical": "Clinical values alone"}


def show_treatment_course(run: TrainingRun) -> None:
    """What can be seen of a training that has not ended: it takes seconds, or waits for images."""
    if run.state in ("queued", "running"):
        st.html(
            '<span class="hcc-quiet">Both arms are fitted in seconds once what is asked for was '
            "measured on the images; then the cross-validation says how they rank patients.</span>"
        )


def show_treatment_headline(description: Mapping[str, Any], simulated: bool) -> None:
    """C of each arm's model, and whom they learned from."""
    training = description["training"]
    told = " · ".join(f"{arm} {text}" for arm, text in words.estimates_by_arm(description))
    st.html(
        f'<div class="hcc-headline" data-testid="headline">C-index {html(told)}<small>'
        "cross-validated, on patients not seen; 95 % interval</small></div>"
    )
    parts = [components.chip("Simulated patients", kind="sim", sign="◇")] if simulated else []
    parts += [
        components.chip(
            f"{words.ARM_TITLES[arm]}: {formats.plural(found['n'], 'patient')}, "
            f"{formats.plural(found['n_events'], 'death')}"
        )
        for arm, found in training["arms"].items()
    ]
    parts += [
        components.chip(formats.plural(training["n_features"], "covariate")),
        components.chip(f"seed {description['seed']}"),
    ]
    st.html(components.chips(parts))
    st.info(
        "How well patients are ranked within a treatment says nothing about whether the right "
        "treatment is recommended. *Evaluate* it on patients held out.",
        icon=":material/balance:",
    )


def show_treatment_figures(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """How well each arm's model ranks patients, and which values it looks at."""
    from hccsurv_core.report.figures.arm_training_charts import arm_forest

    description = bundle.description
    judged = description["cross_validation"]
    forest = arm_forest(judged["results"], method=judged["method"], simulated=simulated)
    manifest = run_manifest(run, description, "Cross-validated concordance", simulated)
    show_figure(forest, manifest, f"arms_{run.id}")
    _left_out(description)


def show_treatment_models(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """What is in each arm's model, and both nomograms."""
    from hccsurv_core.report.figures.arm_training_charts import coefficient_forest

    description = bundle.description
    versions = list(reversed(description["recommenders"]))
    version = versions[0]
    if len(versions) > 1:
        version = st.segmented_control(
            "Version", versions, default=version, required=True, key=f"result_version_{run.id}",
            format_func=lambda v: _VERSIONS.get(v, v), label_visibility="collapsed",
        )  # fmt: skip
    coefficients = run_manifest(run, description, "What the models are made of", simulated)
    show_figure(
        coefficient_forest(description, version), coefficients, f"coefficients_{version}_{run.id}"
    )
    _nomograms(run, bundle, version, simulated)


def _left_out(description: Mapping[str, Any]) -> None:
    if not description["left_out"]:
        return
    told = "; ".join(f"{name.replace('_', ' ')}: {why}" for name, why in description["left_out"].items())  # fmt: skip
    st.html(f'<p class="hcc-quiet" style="margin:0">Not used: {html(told)}.</p>')


def _nomograms(run: TrainingRun, bundle: Bundle, version: str, simulated: bool) -> None:
    """Both nomograms on one scale of points, an arm at a time."""
    from hccsurv_core.models.nomogram_json import nomogram_from_json
    from hccsurv_core.report.figures.treatment_charts import arm_nomogram_charts

    found = {
        arm: nomogram_from_json(told)
        for arm, told in bundle.description["nomograms"][version].items()
    }
    charts = dict(zip(found, arm_nomogram_charts(found, None, arms=list(found)), strict=True))
    arm = st.segmented_control(
        "Nomogram", list(charts), default=next(iter(charts)), required=True,
        key=f"result_nomogram_{run.id}", format_func=lambda a: f"Nomogram: {words.ARM_TITLES[a]}",
        label_visibility="collapsed",
    )  # fmt: skip
    manifest = run_manifest(
        run, bundle.description, f"Nomogram, {words.ARM_TITLES[arm]}", simulated
    )
    show_figure(charts[arm], manifest, f"nomogram_{arm}_{version}_{run.id}")
