"""Cohort folders of this server for training: an archive is unpacked, a simulated one is drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

from hccsurv_core.progress import Progress
from pages._shared import routes
from pages._shared.jobs import Job
from pages._shared.session import UploadDraft
from pages._shared.uploads import UploadedFile, spool

#: Jobs whose result is the name of a cohort folder.
COHORT_KIND = "training_cohort"
SYSTEM = "muscle"


def unpacking_job(file: UploadedFile) -> Job:
    """Unpack, de-identify and keep an uploaded cohort; its result is the folder's name."""
    draft = spool([file])
    return Job(
        "Reading the cohort",
        lambda progress: _unpack(draft, progress),
        kind=COHORT_KIND,
        page=routes.TRAIN,
    )


def _unpack(draft: UploadDraft, progress: Progress) -> str:
    from hccsurv_core.cohort.folder_upload import keep_cohort_archive
    from hccsurv_core.systems.training_sources import cohort_root

    try:
        (archive,) = (p for p in (draft.folder / "files").rglob("*") if p.is_file())
        kept = keep_cohort_archive(
            archive, cohort_root(), name=Path(draft.names[0]).name, progress=progress
        )
    finally:
        shutil.rmtree(draft.folder, ignore_errors=True)
    return kept.cohort.folder.name


def drawing_job(n: int, seed: int, system: str = SYSTEM, *, images: bool = True) -> Job:
    """Draw a simulated cohort, with its images or without; its result is the folder's name."""
    return Job(
        "Drawing a simulated cohort",
        lambda progress: draw_cohort(n, seed, progress, system, images=images),
        kind=COHORT_KIND,
        page=routes.TRAIN,
    )


def draw_cohort(
    n: int, seed: int, progress: Progress, system: str = SYSTEM, *, images: bool = True
) -> str:
    """Draw it where there is none of this size and seed yet; return the folder's name."""
    from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
    from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
    from hccsurv_core.systems.training_sources import cohort_root

    ending = "" if images else "-tables"
    folder = cohort_root() / f"simulated-{system}-{n}-seed{seed}{ending}"
    if not (folder / SCHEMA_FILE).is_file():
        write_simulated_cohort(
            folder, cohort_spec(system), n, seed, progress=progress, images=images
        )
    return folder.name
