"""A whole evaluation of system 1 as files (:mod:`~hccsurv_core.report.archive` says which)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hccsurv_core.progress import Progress, silent
from hccsurv_core.report.archive import (
    Contents,
    archive_files,
    check_formats,
    write_files,
    zip_files,
)
from hccsurv_core.report.evaluation_figures import evaluation_figures
from hccsurv_core.report.evaluation_tables import evaluation_tables
from hccsurv_core.report.figures.ct_print import FORMATS
from hccsurv_core.report.manifest import RESEARCH_USE, SIMULATED, Manifest
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation


def evaluation_manifest(
    evaluation: MuscleEvaluation, source: Mapping[str, Any] | None = None
) -> Manifest:
    """What stands behind the evaluation.

    Args:
        source: more about data and model (file, digest, bundle).
    """
    named = {"name": evaluation.source, **(source or {})}
    return Manifest(
        "Evaluation of system 1", named, evaluation.settings.to_json(), evaluation.simulated
    )


def evaluation_files(
    evaluation: MuscleEvaluation,
    *,
    source: Mapping[str, Any] | None = None,
    card: str = "",
    formats: Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> Iterator[tuple[str, bytes]]:
    """Every file's name in the archive, and its content.

    Args:
        source: as for :func:`evaluation_manifest`.
        card: the model card, Markdown.
        formats: of the figures, "svg" and "png"; none leaves the figures' points only.
        progress: told how far it is; may cancel.

    Raises:
        InputError: an unknown format.
    """
    check_formats(formats)
    figures, tables = evaluation_figures(evaluation), evaluation_tables(evaluation)
    contents = Contents(
        _readme(evaluation, list(tables), list(figures)),
        evaluation_manifest(evaluation, source),
        evaluation.to_json(),
        figures,
        tables,
        card,
    )
    yield from archive_files(contents, formats=formats, progress=progress)


def zip_evaluation(
    evaluation: MuscleEvaluation,
    *,
    source: Mapping[str, Any] | None = None,
    card: str = "",
    formats: Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> bytes:
    """All files as one zip; arguments as for :func:`evaluation_files`."""
    return zip_files(
        evaluation_files(evaluation, source=source, card=card, formats=formats, progress=progress)
    )


def write_evaluation(
    folder: Path,
    evaluation: MuscleEvaluation,
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
    return write_files(
        folder,
        evaluation_files(evaluation, source=source, card=card, formats=formats, progress=progress),
    )


def _readme(evaluation: MuscleEvaluation, tables: Sequence[str], figures: Sequence[str]) -> str:
    parts = [f"  {s.title}: {s.n} patients, {s.n_events} events" for s in evaluation.sets]
    lines = [
        f"Evaluation of {', '.join(name for name, _ in evaluation.models)} on {evaluation.source}",
        *([SIMULATED] if evaluation.simulated else []),
        RESEARCH_USE,
        "",
        "Parts of the study:",
        *parts,
        "",
        "evaluation.json  every number of the evaluation",
        "manifest.json    data, settings, versions",
        "tables/          " + ", ".join(tables),
        "figures/         " + ", ".join(figures),
        "                 each as SVG, PNG (300 dpi) and the points drawn (CSV)",
        "",
        "Lines of a CSV that begin with # are comments.",
        *([""] if evaluation.notes else []),
        *(f"Note: {note}" for note in evaluation.notes),
    ]
    return "\n".join(lines) + "\n"
