"""A result as files: figures, tables, every number, and how they came about; as a zip or a folder.

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.report.figures.ct_print import FORMATS, save_figure
from hccsurv_core.report.figures.drawing import AnyFigure, draw_figure_for_print
from hccsurv_core.report.manifest import SIMULATED, Manifest

if TYPE_CHECKING:
    from pandas import DataFrame

#: Two archives of the same result are the same bytes, but for the last digits of where parts of a
#: figure stand (the layout's solver is not exact).
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Contents:
    """What is written.

    Args:
        readme: what is in it, for people.
        manifest: what stands behind it.
        numbers: all of them, as JSON values.
        figures, tables: by file name.
        card: the model card, Markdown; empty for none.
    """

    readme: str
    manifest: Manifest
    numbers: Mapping[str, Any]
    figures: Mapping[str, AnyFigure]
    tables: Mapping[str, DataFrame]
    card: str = ""


def check_formats(formats: Sequence[str]) -> None:
    """Refuse what figures cannot be saved as.

    Raises:
        InputError: an unknown format.
    """
    unknown = [f for f in formats if f not in FORMATS]
    if unknown:
        raise InputError(
            f"figures are saved as {' or '.join(FORMATS)}, not {unknown[0]!r}", source="format"
        )


def archive_files(
    contents: Contents, *, formats: Sequence[str] = FORMATS, progress: Progress = silent
) -> Iterator[tuple[str, bytes]]:
    """Every file's name in the archive, and its content.

    Args:
        formats: of the figures, "svg" and "png"; none leaves the figures' points only.
        progress: told how far it is; may cancel.
    """
    manifest = contents.manifest
    yield "README.txt", contents.readme.encode()
    yield "manifest.json", manifest.to_text().encode()
    text = json.dumps(contents.numbers, indent=1, ensure_ascii=False, allow_nan=False)
    yield "evaluation.json", f"{text}\n".encode()
    if contents.card:
        yield "model_card.md", contents.card.encode()
    comment = manifest.csv_comment()
    for name, table in contents.tables.items():
        yield f"tables/{name}.csv", (table.to_csv(index=False) + comment).encode()
    # The figures' own captions begin with who the patients are.
    captions = [line for line in manifest.caption() if line != SIMULATED]
    for i, (name, figure) in enumerate(contents.figures.items()):
        progress(i / len(contents.figures), f"drawing {name.replace('_', ' ')}")
        yield f"figures/{name}.csv", (figure.to_frame().to_csv(index=False) + comment).encode()
        if formats:
            drawn = draw_figure_for_print(figure, captions=captions)
            for file_format in formats:
                yield f"figures/{name}.{file_format}", save_figure(drawn, file_format)
                drawn.set_layout_engine("none")  # it is laid out now
    progress(1.0, "done")


def zip_contents(
    contents: Contents, *, formats: Sequence[str] = FORMATS, progress: Progress = silent
) -> bytes:
    """All files as one zip.

    Args:
        formats: of the figures, "svg" and "png"; none leaves the figures' points only.

    Raises:
        InputError: an unknown format.
    """
    check_formats(formats)
    return zip_files(archive_files(contents, formats=formats, progress=progress))


def write_contents(
    folder: Path,
    contents: Contents,
    *,
    formats: Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> list[Path]:
    """All files into a folder, which is made; returns their paths.

    Raises:
        InputError: the folder cannot be written, or an unknown format.
    """
    check_formats(formats)
    return write_files(folder, archive_files(contents, formats=formats, progress=progress))


def zip_files(files: Iterable[tuple[str, bytes]]) -> bytes:
    """All files as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """All files into a folder, which is made; returns their paths.

    Raises:
        InputError: the folder cannot be written.
    """
    written = []
    try:
        for name, content in files:
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
