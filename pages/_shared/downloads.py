"""What a reader takes away: masks, pictures, tables. Files are made when they are asked for."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core import __version__
from pages._shared import viewer, views
from pages._shared.formats import OPERATOR_SIGNS
from pages._shared.views import StudyView

if TYPE_CHECKING:
    from hccsurv_core.imaging.windows import IntensityWindow
    from hccsurv_core.volume import Volume

PICTURE_STRUCTURES = ("muscle", "psoas_left", "psoas_right")
RESEARCH_USE = "Research use. Not a medical device."


def file_stem(view: StudyView) -> str:
    """A file name from the pseudonym and date, safe on every system."""
    text = f"{view.patient.pseudonym}_{view.study.study_date or 'nodate'}"
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)


def masks_file(
    view: StudyView, kind: str, *, volume: Volume, source_files: Sequence[Path]
) -> bytes:
    """The outlines as "nifti" (one label map), "seg" (DICOM), or "zip" (both, and each mask)."""
    from hccsurv_core.io import export

    segmentation = view.require_outline().segmentation
    with tempfile.TemporaryDirectory(prefix="hccsurv-export-") as name:
        folder = Path(name) / "masks"
        if kind == "nifti":
            labels = export.label_map_from_masks(
                volume, segmentation.masks, segmentation.first_slice
            )
            return export.write_nifti_labels(folder / "labels.nii.gz", labels).read_bytes()
        written = export.write_masks(
            folder,
            volume,
            segmentation.masks,
            first_slice=segmentation.first_slice,
            source_files=source_files,
            method=segmentation.method,
            edited=view.edited,
            series_description="Body composition at L3",
        )
        if kind == "seg":
            return written["dicom_seg"].read_bytes()
        return Path(shutil.make_archive(str(folder), "zip", folder)).read_bytes()


def picture(view: StudyView, file_format: str, *, volume: Volume, window: IntensityWindow) -> bytes:
    """The measured slice with its outlines, for print."""
    from hccsurv_core.report.figures.ct_print import plot_slice_for_print, save_figure

    segmentation = view.require_outline().segmentation
    date = view.study.study_date or "no date"
    captions = [provenance_words(view)]
    if view.simulated:
        captions.insert(0, "Simulated patient")
    figure = plot_slice_for_print(
        volume,
        segmentation.slice_index,
        window,
        segmentation=segmentation,
        structures=PICTURE_STRUCTURES,
        title=f"{view.patient.pseudonym} · {date} · L3, slice {segmentation.slice_index + 1}",
        captions=captions,
    )
    return save_figure(figure, file_format)


def provenance_words(view: StudyView) -> str:
    """Where the numbers come from, in a line."""
    if view.outline is None:
        return "not measured"
    origin = f"outline edited by {view.outline.actor}" if view.edited else "automatic outline"
    level = view.level.state if view.level else "unknown"
    words = {"automatic": "level found automatically", "confirmed": "level confirmed"}.get(
        level, "level set by hand"
    )
    if view.level and level != "automatic":
        words += f" by {view.level.actor}"
    return f"{origin} (revision {view.outline.revision}), {words}, hccsurv {__version__}"


def definitions_csv(view: StudyView) -> str:
    """The five definitions as CSV (UTF-8, comma)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["definition", "measure", "value", "unit", "operator", "cutoff", "low", "reason", "source"]
    )
    for d in view.definitions:
        low = {True: "yes", False: "no", None: "not known"}[d.positive]
        value = "" if d.value is None else repr(round(d.value, 6))
        cutoff = "" if d.cutoff is None else d.cutoff
        writer.writerow(
            [d.name, d.measure, value, d.unit, d.operator, cutoff, low, d.reason or "", d.source]
        )
    writer.writerow([])
    simulated = "simulated patient; " if view.simulated else ""
    writer.writerow([f"# {simulated}{provenance_words(view)}. {RESEARCH_USE}"])
    return out.getvalue()


def result_json(view: StudyView) -> str:
    """Everything measured, as JSON."""
    facts = view.patient.facts
    measures = view.body_measures
    return json.dumps(
        {
            "patient": view.patient.pseudonym,
            "simulated": view.simulated,
            "study_date": view.study.study_date,
            "sex": facts.sex,
            "height_m": facts.height_m,
            "l3": dict(view.measures or {}).get("l3"),
            "level_state": view.level.state if view.level else None,
            "outline_state": view.outline.state if view.outline else None,
            "measures": measures.to_json() if measures else None,
            "areas_cm2": dict(view.areas_cm2),
            "definitions": [d.to_json() for d in view.definitions],
            "warnings": list(view.warnings),
            "provenance": provenance_words(view),
            "note": RESEARCH_USE,
        },
        indent=2,
        ensure_ascii=False,
    )


def verdict_words(view: StudyView) -> list[str]:
    """One line per definition, for reading aloud or pasting."""
    lines = []
    for d in view.definitions:
        if d.positive is None:
            lines.append(f"{d.name}: {d.reason}")
        else:
            word = "low" if d.positive else "not low"
            sign = OPERATOR_SIGNS[d.operator]
            lines.append(f"{d.name} {d.value:.1f} {d.unit}: {word} ({sign} {d.cutoff:g})")
    return lines


def file_button(
    label: str, name: str, mime: str, make: Callable[[], bytes | str], key: str
) -> None:
    st.download_button(
        label, data=make, file_name=name, mime=mime, key=key, on_click="ignore", width="stretch"
    )


def scan_downloads(view: StudyView) -> None:
    """Masks out and in, and the picture.

    Files are made when they are asked for, outside of the session: what they need of it is
    taken beforehand.
    """
    from pages._shared import roi_files, roi_import

    volume, window = views.volume_of(view.study.id), viewer.current_window()
    regions = views.open_store().load_regions(view.study.id).regions
    with st.container(horizontal=True, gap="small"):
        if view.outline is not None or any(region.n_voxels for region in regions):
            with st.popover("Download", icon=":material/download:", key="scan_downloads"):
                roi_files.export_panel(view, regions)
                if view.outline is not None:
                    file_button(
                        "Picture of the L3 slice (PNG)", f"{file_stem(view)}_L3.png", "image/png",
                        lambda: picture(view, "png", volume=volume, window=window), "get_scan_png",
                    )  # fmt: skip
        with st.popover("Import masks", icon=":material/upload_file:", key="scan_imports"):
            roi_files.import_panel(
                view, lambda roi, mapping: roi_import.import_masks(view, roi, mapping)
            )


def muscle_downloads(view: StudyView) -> None:
    """The table and the figure."""
    stem, volume, window = file_stem(view), views.volume_of(view.study.id), viewer.current_window()

    def figure(file_format: str) -> Callable[[], bytes]:
        return lambda: picture(view, file_format, volume=volume, window=window)

    with st.popover("Download", icon=":material/download:", key="muscle_downloads"):
        file_button("Table (CSV)", f"{stem}_muscle.csv", "text/csv", lambda: definitions_csv(view), "get_csv")  # fmt: skip
        file_button("Everything (JSON)", f"{stem}_muscle.json", "application/json", lambda: result_json(view), "get_json")  # fmt: skip
        file_button(
            "Figure (PNG, 300 dpi)", f"{stem}_L3.png", "image/png", figure("png"), "get_png"
        )
        file_button("Figure (SVG)", f"{stem}_L3.svg", "image/svg+xml", figure("svg"), "get_svg")
