"""System 3: how good each version is, what is in the models, the four classes, the signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import ceus_tables as tables
from pages._shared import components, formats
from pages._shared import train_words as words
from pages._shared.figures import show_figure, show_table
from pages._shared.formats import html
from pages._shared.train_manifest import run_manifest

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun


def show_ceus_course(run: TrainingRun) -> None:
    """What can be seen of a training that has not ended: it takes seconds, or waits for pictures."""
    if run.state in ("queued", "running"):
        st.html(
            '<span class="hcc-quiet">Models are fitted in seconds once what is asked for was measured '
            "on the stills; selecting signatures takes a minute more. Then the cross-validation says "
            "how each version ranks patients.</span>"
        )


def show_ceus_headline(description: Mapping[str, Any], simulated: bool) -> None:
    """AUC of early recurrence, C of death and recurrence, version by version, and on whom."""
    training = description["training"]
    told = tables.unbroken(f"{a} {b}" for a, b in words.estimates_by_endpoint(description))
    version = tables.version_title(list(description["models"])[-1])
    st.html(
        f'<div class="hcc-headline" data-testid="headline">{told}<small>{html(version)}, '
        "cross-validated, on patients not seen; 95 % interval</small></div>"
    )
    parts = [components.chip("Simulated patients", kind="sim", sign="◇")] if simulated else []
    known = training["n_early_known"]
    parts += [
        components.chip(formats.plural(training["n"], "patient")),
        components.chip(
            f"{formats.plural(training['n_early'], 'early recurrence')} of {known} known"
        ),
        components.chip(formats.plural(training["n_events"], "death")),
        components.chip(
            f"{formats.plural(training['n_recurrences'], 'recurrence')}, "
            f"{formats.plural(training['n_deaths_first'], 'death')} without one"
        ),
        components.chip(formats.plural(training["n_features"], "covariate")),
        components.chip(f"seed {description['seed']}"),
    ]
    st.html(components.chips(parts))


def show_ceus_figures(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """How well each version ranks patients, and which values it looks at."""
    from hccsurv_core.report.figures.ceus_training_charts import versions_forest

    description = bundle.description
    judged = description["cross_validation"]
    forest = versions_forest(judged["results"], method=judged["method"], simulated=simulated)
    manifest = run_manifest(run, description, "Cross-validated AUC and concordance", simulated)
    show_figure(forest, manifest, f"versions_{run.id}")
    if description["left_out"]:
        told = "; ".join(f"{n.replace('_', ' ')}: {why}" for n, why in description["left_out"].items())  # fmt: skip
        st.html(f'<p class="hcc-quiet" style="margin:0">Not used: {html(told)}.</p>')


def show_ceus_models(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """The four classes, both models' coefficients, and the signatures."""
    description = bundle.description
    versions = list(reversed(description["models"]))
    version = versions[0]
    if len(versions) > 1:
        version = st.segmented_control(
            "Version", versions, default=version, required=True, key=f"result_version_{run.id}",
            format_func=tables.version_title, label_visibility="collapsed",
        )  # fmt: skip
    _classes(run, description, version, simulated)
    _coefficients(run, description, version, simulated)
    _signatures(run, description, simulated)


def _classes(
    run: TrainingRun, description: Mapping[str, Any], version: str, simulated: bool
) -> None:
    """How patients are put into classes, and how the training patients fared."""
    found = description["classes"][version]
    manifest = run_manifest(run, description, "The four classes", simulated)
    show_table(
        tables.classes_from_bundle(found, description["horizons_months"]),
        tables.classes_frame(found, description["horizons_months"]), manifest,
        f"classes_{version}_{run.id}",
        title=f"The four classes · {description['training']['n']} training patients",
    )  # fmt: skip
    st.html(tables.rule_words(found["rule"], version))


def _coefficients(
    run: TrainingRun, description: Mapping[str, Any], version: str, simulated: bool
) -> None:
    from hccsurv_core.report.figures.ceus_training_charts import MODELS, coefficients_forest

    model = st.segmented_control(
        "Model", list(MODELS), default="early", required=True, key=f"result_model_{run.id}",
        format_func=lambda m: f"Model of {MODELS[m].lower()}", label_visibility="collapsed",
    )  # fmt: skip
    manifest = run_manifest(run, description, f"Model of {MODELS[model].lower()}", simulated)
    show_figure(
        coefficients_forest(description, version, model), manifest,
        f"coefficients_{model}_{version}_{run.id}",
    )  # fmt: skip


def _signatures(run: TrainingRun, description: Mapping[str, Any], simulated: bool) -> None:
    """How many features of how many, and how often each was selected in the folds."""
    found = description["signatures"]
    if found is None:
        return
    manifest = run_manifest(run, description, "Signatures of the pictures", simulated)
    st.html(tables.signature_words(found))
    for key, title in tables.SIGNATURES.items():
        show_table(
            tables.signature(found, key), tables.signature_frame(found, key), manifest,
            f"signature_{key}_{run.id}", title=title,
        )  # fmt: skip
