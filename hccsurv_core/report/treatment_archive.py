"""A whole evaluation of system 2 as files (:mod:`~hccsurv_core.report.archive` says which)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hccsurv_core.progress import Progress, silent
from hccsurv_core.report.archive import Contents, write_contents, zip_contents
from hccsurv_core.report.figures.arm_charts import arm_words
from hccsurv_core.report.figures.ct_print import FORMATS
from hccsurv_core.report.manifest import RESEARCH_USE, SIMULATED, Manifest
from hccsurv_core.report.treatment_figures import treatment_figures
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.report.treatment_tables import treatment_tables
from hccsurv_core.systems.treatment.recommendation import CAVEAT


def treatment_manifest(
    report: TreatmentReport, source: Mapping[str, Any] | None = None
) -> Manifest:
    """What stands behind the evaluation.

    Args:
        source: more about data and model (file, digest, bundle).
    """
    named = {"name": report.source, "model": report.model, **(source or {})}
    asked = {"version": report.evaluation.version, **report.settings}
    return Manifest("Evaluation of system 2", named, asked, report.simulated)


def treatment_contents(
    report: TreatmentReport, *, source: Mapping[str, Any] | None = None, card: str = ""
) -> Contents:
    """All that is written.

    Args:
        source: as for :func:`treatment_manifest`.
        card: the model card, Markdown.
    """
    figures, tables = treatment_figures(report), treatment_tables(report)
    numbers = {
        "model": report.model, "source": report.source, "endpoint": report.endpoint,
        "simulated": report.simulated, "warnings": list(report.warnings),
        **report.evaluation.to_json(),
    }  # fmt: skip
    return Contents(
        _readme(report, list(tables), list(figures)), treatment_manifest(report, source), numbers,
        figures, tables, card,
    )  # fmt: skip


def zip_treatment(
    report: TreatmentReport,
    *,
    source: Mapping[str, Any] | None = None,
    card: str = "",
    formats: Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> bytes:
    """All files as one zip.

    Args:
        formats: of the figures, "svg" and "png"; none leaves the figures' points only.

    Raises:
        InputError: an unknown format.
    """
    contents = treatment_contents(report, source=source, card=card)
    return zip_contents(contents, formats=formats, progress=progress)


def write_treatment(
    folder: Path,
    report: TreatmentReport,
    *,
    source: Mapping[str, Any] | None = None,
    card: str = "",
    formats: Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> list[Path]:
    """All files into a folder, which is made; returns their paths.

    Raises:
        InputError: the folder cannot be written, or an unknown format.
    """
    contents = treatment_contents(report, source=source, card=card)
    return write_contents(folder, contents, formats=formats, progress=progress)


def _readme(report: TreatmentReport, tables: Sequence[str], figures: Sequence[str]) -> str:
    found = report.evaluation
    not_validated = f"Not validated: {found.why_not_validated}." if found.why_not_validated else ""
    lines = [
        f"Evaluation of {report.model} on {report.source}",
        *([SIMULATED] if report.simulated else []),
        RESEARCH_USE,
        "",
        f"{found.n} patients, {found.n_events} deaths; answered by the {found.version} version",
        *(f"  {arm_words(arm, one)}" for arm, one in found.arms.items()),
        "",
        "evaluation.json  every number of the evaluation",
        "manifest.json    data, settings, versions",
        "tables/          " + ", ".join(tables),
        "figures/         " + ", ".join(figures),
        "                 each as SVG, PNG (300 dpi) and the points drawn (CSV)",
        "",
        "Lines of a CSV that begin with # are comments.",
        "",
        found.validation.caveat if found.validation is not None else CAVEAT,
        *([not_validated] if not_validated else []),
        *(f"Note: {note}" for note in (*report.warnings, *found.notes)),
    ]
    return "\n".join(lines) + "\n"
