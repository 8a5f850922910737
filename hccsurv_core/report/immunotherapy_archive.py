"""A whole evaluation of system 4 as files (:mod:`~hccsurv_core.report.archive` says which)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import StatisticsError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.report.archive import Contents, write_contents
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.immunotherapy_card import card_with_evaluation
from hccsurv_core.report.immunotherapy_figures import immunotherapy_figures
from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport
from hccsurv_core.report.immunotherapy_tables import immunotherapy_tables
from hccsurv_core.report.manifest import RESEARCH_USE, SIMULATED, Manifest
from hccsurv_core.systems.immunotherapy.nomogram import version_nomogram
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
    from hccsurv_core.systems.immunotherapy.evaluation import ImmunotherapyEvaluation
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel


def immunotherapy_report(
    found: ImmunotherapyEvaluation,
    model: ImmunotherapyModel,
    cohort: ImmunotherapyCohort,
    *,
    name: str,
    warnings: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> ImmunotherapyReport:
    """What figures, tables and files are made of.

    Args:
        found: of this model on this cohort.
        name: of the model, for people.
        warnings: about these patients and this model.
        settings: of the evaluation, plain values.
    """
    try:
        nomogram = version_nomogram(model, found.version)
    except StatisticsError:
        nomogram = None  # nothing has an effect: there is no axis
    return ImmunotherapyReport(
        found, name, cohort.source, cohort.endpoint, cohort.simulated, tuple(warnings),
        dict(settings or {}), nomogram,
    )  # fmt: skip


def write_immunotherapy_report(
    folder: Path,
    found: ImmunotherapyEvaluation,
    model: ImmunotherapyModel,
    bundle: Bundle,
    cohort: ImmunotherapyCohort,
    warnings: Sequence[str] = (),
    *,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> None:
    """Write an evaluation's figures, tables, numbers and card into a folder.

    Args:
        folder: is made where it does not exist. The others as for :func:`immunotherapy_report`.
        progress: may cancel.

    Raises:
        InputError: the folder cannot be written.
    """
    report = immunotherapy_report(
        found, model, cohort, name=bundle.folder.name, warnings=warnings, settings=settings
    )
    note = "trained on simulated patients" if model.simulated else ""
    source = {
        "name": f"{cohort.source}; model: {report.model}{f', {note}' if note else ''}",
        "cohort": cohort.source, "model_sha256": bundle.sha256, "model_note": note,
    }  # fmt: skip
    card = card_with_evaluation(bundle.card, report)
    contents = immunotherapy_contents(report, source=source, card=card)
    write_contents(folder, contents, progress=progress)


def immunotherapy_manifest(
    report: ImmunotherapyReport, source: Mapping[str, Any] | None = None
) -> Manifest:
    """What stands behind the evaluation.

    Args:
        source: more about data and model (file, digest, bundle).
    """
    named = {"name": report.source, "model": report.model, **(source or {})}
    asked = {"version": report.evaluation.version, **report.settings}
    return Manifest("Evaluation of system 4", named, asked, report.simulated)


def immunotherapy_contents(
    report: ImmunotherapyReport, *, source: Mapping[str, Any] | None = None, card: str = ""
) -> Contents:
    """All that is written.

    Args:
        source: as for :func:`immunotherapy_manifest`.
        card: the model card, Markdown.
    """
    figures, tables = immunotherapy_figures(report), immunotherapy_tables(report)
    numbers = {
        "model": report.model, "source": report.source, "endpoint": report.endpoint,
        "simulated": report.simulated, "warnings": list(report.warnings),
        **report.evaluation.to_json(),
    }  # fmt: skip
    return Contents(
        _readme(report, list(tables), list(figures)), immunotherapy_manifest(report, source),
        numbers, figures, tables, card,
    )  # fmt: skip


def _readme(report: ImmunotherapyReport, tables: Sequence[str], figures: Sequence[str]) -> str:
    found = report.evaluation
    lines = [
        f"Evaluation of {report.model} on {report.source}",
        *([SIMULATED] if report.simulated else []),
        RESEARCH_USE,
        "",
        f"{found.n} patients, {found.n_events} deaths; the model that uses most: {found.version}",
        *(_told(version, report) for version in found.versions),
        "",
        "evaluation.json  every number of the evaluation",
        "manifest.json    data, settings, versions",
        "tables/          " + ", ".join(tables),
        "figures/         " + ", ".join(figures),
        "                 each as SVG, PNG (300 dpi) and the points drawn (CSV)",
        "",
        "Lines of a CSV that begin with # are comments.",
        *(f"Note: {note}" for note in (*report.warnings, *found.notes)),
    ]
    return "\n".join(lines) + "\n"


def _told(version: str, report: ImmunotherapyReport) -> str:
    one = report.evaluation.versions[version]
    c = one.performance.metrics.get("c_index")
    told = "not known" if c is None else estimate_words(c, digits=3)
    return (
        f"  {version} ({VERSION_WORDS[version]}, {clock_words(version)}): C-index {told}; {one.n} "
        f"patients, {one.n_events} deaths"
    )
