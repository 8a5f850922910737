"""A whole evaluation as files: tables, figures, the numbers as JSON, and how they came about.

::

    README.txt            what is in it
    manifest.json         data, settings, versions
    evaluation.json       every number
    model_card.md         where one is given
    tables/NAME.csv
    figures/NAME.svg, NAME.png, NAME.csv (the points drawn)
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.report.evaluation_figures import evaluation_figures
from hccsurv_core.report.evaluation_tables import evaluation_tables
from hccsurv_core.report.figures.ct_print import FORMATS, save_figure
from hccsurv_core.report.figures.drawing import draw_figure_for_print
from hccsurv_core.report.manifest import RESEARCH_USE, SIMULATED, Manifest
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation

#: Two archives of the same evaluation are the same bytes, but for the last digits of where parts of
#: a figure stand (the layout's solver is not exact).
_DATE = (1980, 1, 1, 0, 0, 0)


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
    unknown = [f for f in formats if f not in FORMATS]
    if unknown:
        raise InputError(
            f"figures are saved as {' or '.join(FORMATS)}, not {unknown[0]!r}", source="format"
        )
    manifest = evaluation_manifest(evaluation, source)
    figures, tables = evaluation_figures(evaluation), evaluation_tables(evaluation)
    yield "README.txt", _readme(evaluation, list(tables), list(figures)).encode()
    yield "manifest.json", manifest.to_text().encode()
    text = json.dumps(evaluation.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    yield "evaluation.json", f"{text}\n".encode()
    if card:
        yield "model_card.md", card.encode()
    comment = manifest.csv_comment()
    for name, table in tables.items():
        yield f"tables/{name}.csv", (table.to_csv(index=False) + comment).encode()
    # The figures' own captions begin with who the patients are.
    captions = [line for line in manifest.caption() if line != SIMULATED]
    for i, (name, figure) in enumerate(figures.items()):
        progress(i / len(figures), f"drawing {name.replace('_', ' ')}")
        yield f"figures/{name}.csv", (figure.to_frame().to_csv(index=False) + comment).encode()
        if formats:
            drawn = draw_figure_for_print(figure, captions=captions)
            for file_format in formats:
                yield f"figures/{name}.{file_format}", save_figure(drawn, file_format)
                drawn.set_layout_engine("none")  # it is laid out now
    progress(1.0, "done")


def zip_evaluation(
    evaluation: MuscleEvaluation,
    *,
    source: Mapping[str, Any] | None = None,
    card: str = "",
    formats: Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> bytes:
    """All files as one zip; arguments as for :func:`evaluation_files`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in evaluation_files(
            evaluation, source=source, card=card, formats=formats, progress=progress
        ):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


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
    written = []
    try:
        for name, content in evaluation_files(
            evaluation, source=source, card=card, formats=formats, progress=progress
        ):
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(path)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", source=str(folder),
            remedy="choose a folder that you may write to",
        ) from error  # fmt: skip
    return written


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
