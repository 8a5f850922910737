"""Masks in and out: what a file holds, what each region is to be, and downloads for other programs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from hccsurv_core.errors import HccsurvError
from hccsurv_core.io.roi_files import RoiFile, merge_roi_files, read_roi_file
from hccsurv_core.io.roi_names import STRUCTURE_CHOICES, match_structures
from hccsurv_core.report.figures.palette import STRUCTURE_TITLES
from pages._shared import components, downloads, formats, views
from pages._shared.formats import html
from pages._shared.uploads import UploadedFile, spool
from pages._shared.views import StudyView

if TYPE_CHECKING:
    from hccsurv_core.io.cropped_mask import CroppedMask
    from hccsurv_core.roi.regions import Region
    from hccsurv_core.volume import Volume

LEAVE_OUT = ""
TITLES = {LEAVE_OUT: "Leave out", **STRUCTURE_TITLES, "lesion": "Lesion"}
_MAX_MB = 1000
_NAME_SUFFIXES = (".json", ".txt", ".label")
#: What is not recognized is folded away where a file holds more regions than this.
_MANY = 8


@dataclass
class ImportDraft:
    """Masks between their arrival and the study.

    Args:
        arrived: which files the upload widget held when they were read.
        round: counts up to reset the widgets.
        found: what was read, or None.
        errors: what could not be read.
    """

    arrived: tuple[str, ...] = ()
    round: int = 0
    found: RoiFile | None = None
    errors: list[HccsurvError] = field(default_factory=list)


def _draft(study_id: str) -> ImportDraft:
    key = f"roi_import_{study_id}"
    if key not in st.session_state:
        st.session_state[key] = ImportDraft()
    return st.session_state[key]


# -- import --------------------------------------------------------------------------------------
@st.fragment
def import_panel(view: StudyView, on_masks: Callable[[RoiFile, Mapping[str, str]], None]) -> None:
    """Drop mask files, see what they hold, say what it is, and take it over.

    Args:
        view: the study on view; masks must lie on its grid.
        on_masks: takes the regions and, for each that is wanted, a name of
            :data:`~hccsurv_core.io.roi_names.STRUCTURE_CHOICES`. An error it raises is shown and
            nothing is lost; after it the page is drawn anew, so it need not do that itself.
    """
    draft = _draft(view.study.id)
    files = st.file_uploader(
        "Masks of this scan",
        accept_multiple_files=True,
        key=f"roi_files_{view.study.id}_{draft.round}",
        max_upload_size=_MAX_MB,
        help="NIfTI (with the JSON of its names, if there is one), DICOM SEG or RTSTRUCT, on the "
        "grid of this scan. What lies on another grid is refused, not resampled.",
    )
    arrived = tuple(str(file.file_id) for file in files)
    if arrived != draft.arrived:
        draft.arrived = arrived
        with st.spinner("Reading the masks"):
            draft.found, draft.errors = read_masks(view, files)
    for error in draft.errors:
        components.show_error(error)
    if draft.found is None:
        return
    mapping = _mapping(draft, views.volume_of(view.study.id).voxel_volume_ml)
    chosen = {name: what for name, what in mapping.items() if what != LEAVE_OUT}
    if st.button(
        "Take over", type="primary", key="roi_take_over", disabled=not chosen,
        icon=":material/check:",
    ):  # fmt: skip
        try:
            on_masks(draft.found, chosen)
        except HccsurvError as error:
            components.show_error(error)
            return
        st.session_state[f"roi_import_{view.study.id}"] = ImportDraft(round=draft.round + 1)
        st.rerun(scope="app")


def read_masks(
    view: StudyView, files: Sequence[UploadedFile]
) -> tuple[RoiFile | None, list[HccsurvError]]:
    """What the files hold together, and what could not be read of them."""
    from hccsurv_core.systems.roi_import import image_source

    if not files:
        return None, []
    errors: list[HccsurvError] = []
    found: list[RoiFile] = []
    upload = spool(files)
    try:
        volume = views.volume_of(view.study.id)
        source = image_source(views.open_store(), view.study.id)
        paths = sorted(p for p in (upload.folder / "files").rglob("*") if p.is_file())
        names = [p for p in paths if p.suffix.lower() in _NAME_SUFFIXES]
        masks = [p for p in paths if p not in names]
        for path in masks:
            try:
                sidecar = _names_of(path, masks, names)
                if view.study.modality == "US":
                    found.append(_read_frames(path, volume, sidecar))
                else:
                    found.append(read_roi_file(path, volume, sidecar=sidecar, source=source))
            except HccsurvError as error:
                errors.append(error)
        return (merge_roi_files(found) if found else None), errors
    except HccsurvError as error:
        return None, [*errors, error]
    finally:
        shutil.rmtree(upload.folder, ignore_errors=True)


def _read_frames(path: Path, clip: Volume, sidecar: Path | None) -> RoiFile:
    from hccsurv_core.io.frame_masks import read_frame_masks, regions_of_frames

    found = read_frame_masks(
        path, clip.shape, pixel_spacing_mm=_pixel_spacing_mm(clip), sidecar=sidecar
    )
    return regions_of_frames(found, path.name)


def _pixel_spacing_mm(clip: Volume) -> tuple[float, float] | None:
    """(row, column) spacing of a clip; None where it states none and is kept with 1."""
    _, row, column = clip.spacing_mm
    return None if (row, column) == (1.0, 1.0) else (row, column)


def _names_of(mask: Path, masks: Sequence[Path], names: Sequence[Path]) -> Path | None:
    """The names that came with a mask: of the same stem, or the only ones for the only mask."""
    stem = mask.name.partition(".")[0]
    same = [path for path in names if path.name.partition(".")[0] == stem]
    if same:
        return same[0]
    return names[0] if len(names) == len(masks) == 1 else None


def _mapping(draft: ImportDraft, voxel_ml: float) -> dict[str, str]:
    """One line for each region, with what it is to be; returns what was chosen."""
    found = draft.found
    if found is None:
        return {}
    proposed = match_structures(found.regions, found.hints)
    count = formats.plural(len(found.regions), "region")
    st.markdown(f"**{formats.plain(found.source)}** ({found.kind_name}): {count}")
    for warning in found.warnings:
        st.warning(formats.plain(formats.sentence(warning)), icon=":material/warning:")
    names = list(found.regions)
    first = names if len(names) <= _MANY else [name for name in names if name in proposed]
    mapping = {name: _region_row(draft, found, name, proposed, voxel_ml) for name in first}
    rest = [name for name in names if name not in mapping]
    if rest:
        with st.expander(f"{formats.plural(len(rest), 'other region')}", expanded=not first):
            for name in rest:
                mapping[name] = _region_row(draft, found, name, proposed, voxel_ml)
    return mapping


def _region_row(
    draft: ImportDraft, found: RoiFile, name: str, proposed: Mapping[str, str], voxel_ml: float
) -> str:
    region = found.regions[name]
    low, high = region.slices
    where = f"slice {low + 1}" if low == high else f"slices {low + 1} to {high + 1}"
    hint = found.hints.get(name, "")
    more = f" · {hint}" if hint and hint != name else ""
    size = formats.number(region.n_voxels * voxel_ml, "ml")
    words, choice = st.columns([3, 2], vertical_alignment="center")
    words.html(f"{html(name)}<br><span class='hcc-quiet'>{html(f'{size}, {where}{more}')}</span>")
    options = (LEAVE_OUT, *STRUCTURE_CHOICES)
    return choice.selectbox(
        f"What {name} is",
        options,
        index=options.index(proposed.get(name, LEAVE_OUT)),
        format_func=lambda what: TITLES[what],
        key=f"roi_is_{draft.round}_{len(draft.arrived)}_{name}",
        label_visibility="collapsed",
    )


# -- export --------------------------------------------------------------------------------------
def export_panel(view: StudyView, regions: Sequence[Region] = ()) -> None:
    """Downloads of the outline and of drawn regions for other programs; files are made on demand.

    Args:
        view: the study on view.
        regions: lesions and other regions of the study; empty ones are left out.
    """
    stem, volume = downloads.file_stem(view), views.volume_of(view.study.id)
    store, study_id = views.open_store(), view.study.id

    def masks(kind: str) -> Callable[[], bytes]:
        return lambda: downloads.masks_file(
            view, kind, volume=volume, source_files=store.dicom_files(study_id)
        )

    def lesions(kind: str) -> Callable[[], bytes]:
        return lambda: lesions_file(
            regions, kind, volume=volume, source_files=store.dicom_files(study_id)
        )

    button, zipped, dicom = downloads.file_button, "application/zip", "application/dicom"
    if view.study.modality == "US":
        if any(region.n_voxels for region in regions):
            button("Masks as PNG (zip)", f"{stem}_masks_png.zip", zipped, lesions("png"), "get_frames_png")  # fmt: skip
            button("Masks as NIfTI (zip)", f"{stem}_masks.zip", zipped, lesions("frames"), "get_frames_nifti")  # fmt: skip
        return
    if view.outline is not None:
        button("Masks as NIfTI", f"{stem}_masks.nii.gz", "application/gzip", masks("nifti"), "get_nifti")  # fmt: skip
        button("Masks as DICOM SEG", f"{stem}_masks.dcm", dicom, masks("seg"), "get_seg")
        button("All masks, both formats (zip)", f"{stem}_masks.zip", zipped, masks("zip"), "get_zip")  # fmt: skip
    if any(region.n_voxels for region in regions):
        button("Lesions as NIfTI (zip)", f"{stem}_lesions.zip", zipped, lesions("nifti"), "get_lesion_nifti")  # fmt: skip
        button("Lesions as DICOM SEG", f"{stem}_lesions.dcm", dicom, lesions("seg"), "get_lesion_seg")  # fmt: skip


def lesions_file(
    regions: Sequence[Region], kind: str, *, volume: Volume, source_files: Sequence[Path]
) -> bytes:
    """Regions as "nifti" (a zip with the names beside the masks) or "seg" (DICOM); those of a clip
    as "frames" (NIfTI) or "png" (a picture for each frame), a zip."""
    from hccsurv_core.io.cropped_mask import CroppedMask
    from hccsurv_core.io.export_lesions import write_lesion_niftis, write_lesion_seg

    named: dict[str, Any] = {r.name: CroppedMask.of(r.mask, r.offset) for r in regions}
    with tempfile.TemporaryDirectory(prefix="hccsurv-export-") as name:
        folder = Path(name) / "lesions"
        if kind == "seg":
            drawn = [region.name for region in regions if region.method == "drawn"]
            return write_lesion_seg(
                folder / "lesions.dcm", volume, named, source_files=source_files, manual=drawn
            ).read_bytes()
        if kind in ("png", "frames"):
            _write_frames(folder, kind, volume, named)
        else:
            write_lesion_niftis(folder, volume, named)
        return Path(shutil.make_archive(str(folder), "zip", folder)).read_bytes()


def _write_frames(folder: Path, kind: str, clip: Volume, named: Mapping[str, CroppedMask]) -> None:
    """Masks of a clip: one label map, or, where regions overlap, a file for each."""
    from hccsurv_core.io.export_lesions import file_name, lesions_overlap
    from hccsurv_core.io.frame_masks import write_frame_masks_nifti, write_frame_masks_png
    from hccsurv_core.io.label_names import unique

    filled = {name: mask for name, mask in named.items() if mask.n_voxels}
    together = (
        [filled] if not lesions_overlap(filled.values()) else [{n: m} for n, m in filled.items()]
    )
    files = unique("masks" if len(part) > 1 else file_name(next(iter(part))) for part in together)
    folder.mkdir(parents=True)
    for file, part in zip(files, together, strict=True):
        labels = np.zeros(clip.shape, dtype=np.uint8)
        for value, mask in enumerate(part.values(), start=1):
            labels[mask.whole(clip.shape)] = value
        names = dict(enumerate(part, start=1))
        if kind == "png":
            write_frame_masks_png(folder / f"{file}.zip", labels, names=names)
        else:
            write_frame_masks_nifti(
                folder / f"{file}.nii.gz",
                labels,
                pixel_spacing_mm=_pixel_spacing_mm(clip),
                names=names,
            )
