"""The choice of a cohort folder of this server, and the ways to bring one in, for any system."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import formats, job_strip
from pages._shared.session import session
from pages._shared.train_cohorts import drawing_job, unpacking_job

if TYPE_CHECKING:
    from hccsurv_core.systems.training_sources import CohortFolder

#: The page waits so long before it shows a progress bar instead.
_WAIT_S = 1.0


@dataclass(frozen=True)
class FolderKind:
    """What differs from system to system.

    Args:
        system: "muscle", …
        empty: what a cohort folder holds, for who has none (Markdown).
        zipped: what the archive must hold (Markdown).
        simulated: what is drawn (Markdown).
        simulated_n, fewest_n, most_n: patients of a simulated cohort: proposed, at least, at most.
        slowly: how long drawing takes.
        images_words: how a checkbox asks for images where it can be drawn and used without;
            "" where it cannot. images_help: what is done with them.
    """

    system: str
    empty: str
    zipped: str
    simulated: str
    simulated_n: int
    fewest_n: int
    most_n: int
    slowly: str
    images_words: str = ""
    images_help: str = ""


MUSCLE = FolderKind(
    "muscle",
    "**No cohort yet.** A cohort folder holds a table (`cohort.csv`, `cohort.json`), CT slices at L3 "
    "and the muscle's outline of each patient. Upload one as a zip, or draw a simulated cohort to "
    "see how everything works.",
    "**A zipped cohort folder**: `cohort.csv`, `cohort.json`, `images/<patient>/l3_slab/` (DICOM) "
    "and `rois/<patient>/l3_slab_muscle.nii.gz`.",
    "**Patients drawn by a computer**, with CT slices, outlines and known hazards. They show whether "
    "the method finds what is there, never how patients fare.",
    # Enough events to learn something, a minute or two to draw.
    simulated_n=300,
    fewest_n=60,
    most_n=826,
    slowly="About 15 patients a second of two processors are drawn in a minute.",
)
TREATMENT = FolderKind(
    "treatment",
    "**No cohort yet.** A cohort folder holds a table (`cohort.csv` with a column `treatment`, "
    "`cohort.json`) and, where there are any, CT of both phases with lesion and liver outlined. "
    "Upload one as a zip, draw a simulated cohort, or take a *clinical table*.",
    "**A zipped cohort folder**: `cohort.csv`, `cohort.json`; with images also "
    "`images/<patient>/arterial/` and `portal_venous/` (DICOM) and `rois/<patient>/` with "
    "`arterial_lesion.nii.gz`, `arterial_liver.nii.gz` and the same of `portal_venous`.",
    "**Patients drawn by a computer**, treated as sick patients are: whoever looks operable is "
    "operated on. What either treatment would have done is known of each of them.",
    # As many as in the paper.
    simulated_n=409,
    fewest_n=100,
    most_n=2000,
    slowly="Without images in a moment; with them about ten patients a minute of one processor.",
    images_words="With CT of both phases",
    images_help="Lesion signs are then measured on them.",
)
CEUS = FolderKind(
    "ceus",
    "**No cohort yet.** A cohort folder holds a table (`cohort.csv` with `recurrence_time_months` and "
    "`recurrence_cause`, `cohort.json`) and, where there are any, two stills of each patient, "
    "grayscale and peak enhancement, with lesion and liver outlined. Upload one as a zip, or draw a "
    "simulated cohort.",
    "**A zipped cohort folder**: `cohort.csv`, `cohort.json`; with pictures also "
    "`images/<patient>/grayscale/` and `peak/` (DICOM) and `rois/<patient>/` with "
    "`grayscale_lesion.nii.gz`, `grayscale_parenchyma.nii.gz` and the same of `peak`.",
    "**Patients drawn by a computer**, resected, with recurrence and death from causes that show on "
    "ultrasound only in part. What each could expect is known.",
    # As many as in the paper.
    simulated_n=414,
    fewest_n=100,
    most_n=2000,
    slowly="Without pictures in a moment; with them about one patient a second of one processor.",
    images_words="With both stills",
    images_help="Signs are then measured on them.",
)
IMMUNOTHERAPY = FolderKind(
    "immunotherapy",
    "**No cohort yet.** A cohort folder holds a table (`cohort.csv` with the seven values of the "
    "clinical score and `scan_interval_days`, `cohort.json`) and, where there are any, CT slices of "
    "liver and lungs before and under treatment with organ and tumors outlined. Upload one as a zip, "
    "or draw a simulated cohort.",
    "**A zipped cohort folder**: `cohort.csv`, `cohort.json`; with scans also "
    "`images/<patient>/baseline_liver/` (DICOM) and `rois/<patient>/` with "
    "`baseline_liver_organ.nii.gz` and `baseline_liver_lesions.nii.gz` (each tumor a number, the same "
    "in both scans); likewise `baseline_lung`, `followup_liver` and `followup_lung`, as far as they "
    "were scanned.",
    "**Patients drawn by a computer** under immunotherapy, with tumors that grow, shrink or appear "
    "between two scans. What each could expect is known.",
    # As many as in the paper.
    simulated_n=207,
    fewest_n=60,
    most_n=2000,
    slowly="Without scans in a moment; with them about 20 patients a minute of one processor.",
    images_words="With both scans",
    images_help="The slices are then measured, and networks may look at them.",
)


def choose_folder(kind: FolderKind) -> Path | None:
    """Draw the choice of a cohort folder; None where there is none."""
    from hccsurv_core.systems.training_sources import list_cohort_folders

    found = list_cohort_folders(kind.system)
    usable = {f.name: f for f in found if f.info is not None}
    if not usable:
        st.markdown(kind.empty)
    chosen = None
    if usable:
        state = session()
        wanted = state.training_cohort if state.training_cohort in usable else next(iter(usable))
        chosen = st.selectbox(
            "Cohort folder", list(usable), index=list(usable).index(wanted),
            format_func=lambda name: _cohort_title(usable[name]),
            key=f"train_cohort_{kind.system}_{state.training_cohort}_{len(usable)}",
        )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        _upload_popover(kind, first=not usable)
        _simulate_popover(kind)
    for folder in found:
        if folder.problem:
            st.caption(
                f":orange[:material/warning:] {formats.plain(folder.name)} cannot be used: "
                f"{formats.plain(folder.problem)}."
            )
    return None if chosen is None else usable[chosen].folder


def _cohort_title(folder: CohortFolder) -> str:
    mark = " (simulated)" if folder.info is not None and folder.info.simulated else ""
    return f"{folder.name} · {formats.plural(folder.n, 'patient')}{mark}"


def _upload_popover(kind: FolderKind, *, first: bool) -> None:
    state = session()
    with st.popover(
        "Upload a zip", icon=":material/folder_zip:", type="primary" if first else "secondary",
        key=f"train_upload_{state.uploader_round}",
    ):  # fmt: skip
        st.markdown(kind.zipped)
        file = st.file_uploader(
            "Zipped cohort folder", type=["zip", "tar", "gz", "tgz"],
            key=f"train_zip_{state.uploader_round}", label_visibility="collapsed",
        )  # fmt: skip
        st.caption(
            "Names, numbers and dates are removed from the images. What else lies in the archive "
            "is not kept."
        )
        if file is not None:
            state.uploader_round += 1
            job_strip.start_job(unpacking_job(file), wait_s=_WAIT_S)
            st.rerun()


def _simulate_popover(kind: FolderKind) -> None:
    state = session()
    # Another key closes it when the cohort is there: it would lie over what comes next.
    with st.popover(
        "Simulate a cohort", icon=":material/science:", type="secondary",
        key=f"train_simulate_{state.uploader_round}",
    ), st.form(f"train_simulate_form_{kind.system}", border=False):  # fmt: skip
        st.markdown(kind.simulated)
        n = st.number_input(
            "Patients", kind.fewest_n, kind.most_n, kind.simulated_n, step=20,
            key=f"train_simulate_n_{kind.system}", help=kind.slowly,
        )  # fmt: skip
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 1, step=1, key=f"train_simulate_seed_{kind.system}",
            help="The same seed and size give the same patients.",
        )  # fmt: skip
        images = True
        if kind.images_words:
            images = st.checkbox(
                kind.images_words, key=f"train_simulate_images_{kind.system}", help=kind.images_help
            )
        if st.form_submit_button("Draw the cohort", type="primary", key="train_simulate_go"):
            state.uploader_round += 1
            job = drawing_job(int(n), int(seed), kind.system, images=images)
            job_strip.start_job(job, wait_s=_WAIT_S)
            st.rerun()
