"""A whole evaluation of system 3 as files (:mod:`~hccsurv_core.report.archive` says which)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hccsurv_core.report.archive import Contents
from hccsurv_core.report.ceus_figures import ceus_figures
from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.ceus_tables import ceus_tables
from hccsurv_core.report.figures.ceus_style import VERSION_TITLES
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.manifest import RESEARCH_USE, SIMULATED, Manifest
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT
from hccsurv_core.systems.ceus.settings import VERSION_WORDS


def ceus_manifest(report: CeusReport, source: Mapping[str, Any] | None = None) -> Manifest:
    """What stands behind the evaluation.

    Args:
        source: more about data and model (file, digest, bundle).
    """
    named = {"name": report.source, "model": report.model, **(source or {})}
    asked = {"version": report.evaluation.version, **report.settings}
    return Manifest("Evaluation of system 3", named, asked, report.simulated)


def ceus_contents(
    report: CeusReport, *, source: Mapping[str, Any] | None = None, card: str = ""
) -> Contents:
    """All that is written.

    Args:
        source: as for :func:`ceus_manifest`.
        card: the model card, Markdown.
    """
    figures, tables = ceus_figures(report), ceus_tables(report)
    numbers = {
        "model": report.model, "source": report.source, "endpoint": report.endpoint,
        "simulated": report.simulated, "warnings": list(report.warnings),
        **report.evaluation.to_json(),
        "reader_study": None if report.readers is None else report.readers.to_json(),
    }  # fmt: skip
    return Contents(
        _readme(report, list(tables), list(figures)), ceus_manifest(report, source), numbers,
        figures, tables, card,
    )  # fmt: skip


def _readme(report: CeusReport, tables: Sequence[str], figures: Sequence[str]) -> str:
    found = report.evaluation
    lines = [
        f"Evaluation of {report.model} on {report.source}",
        *([SIMULATED] if report.simulated else []),
        RESEARCH_USE,
        "",
        f"{found.n} patients, {found.n_events} deaths; answered from {VERSION_WORDS[found.version]}",
        *(
            f"  {VERSION_TITLES[version]}: early recurrence, AUC "
            f"{estimate_words(one.early.area, digits=3)} ({one.early.n_events} of {one.early.n})"
            for version, one in found.versions.items()
        ),
        "",
        "evaluation.json  every number of the evaluation",
        "manifest.json    data, settings, versions",
        "tables/          " + ", ".join(tables),
        "figures/         " + ", ".join(figures),
        "                 each as SVG, PNG (300 dpi) and the points drawn (CSV)",
        "",
        "Lines of a CSV that begin with # are comments.",
        "",
        CAVEAT,
        *(f"Note: {note}" for note in (*report.warnings, *found.notes)),
    ]
    return "\n".join(lines) + "\n"
