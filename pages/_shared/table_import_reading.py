"""From the upload widget to a draft: the file is spooled, and read in the background."""

from __future__ import annotations

import shutil
from pathlib import Path

from hccsurv_core.errors import CancelledError, HccsurvError
from hccsurv_core.io.tables import ReadOptions, read_table
from hccsurv_core.progress import Progress, part_of
from pages._shared import formats, routes
from pages._shared.jobs import Job
from pages._shared.session import Session
from pages._shared.table_import_model import DraftState, TableDraft, take_raw
from pages._shared.table_import_words import proposed_name
from pages._shared.uploads import UploadedFile, spool

KIND = "table"


def draft_from_upload(file: UploadedFile) -> TableDraft:
    """Write the upload to disk; it is read later, by :func:`reading_job`."""
    spooled = spool([file])
    (path,) = [p for p in (spooled.folder / "files").rglob("*") if p.is_file()]
    return TableDraft(source=spooled.names[0], file=path, name=proposed_name(spooled.names[0]))


def reading_job(draft: TableDraft, options: ReadOptions) -> Job:
    """Read the draft's file, guess what it means, and build the table once."""
    return Job(
        "Reading the table",
        lambda progress: read_draft(draft, options, progress),
        kind=KIND,
        page=routes.COHORT_IMPORT,
    )


def read_draft(draft: TableDraft, options: ReadOptions, progress: Progress) -> None:
    """The work of :func:`reading_job`; what is wrong with the file is kept in the draft.

    Raises:
        CancelledError: the user has cancelled; what was read before stays.
    """
    if draft.file is None:
        return
    try:
        raw = read_table(
            draft.file, name=draft.source, options=options, progress=part_of(progress, 0.0, 0.8)
        )
        progress(0.8, "Recognizing columns and outcomes")
        take_raw(draft, raw)
        progress(0.99, "Done")
    except CancelledError:
        raise
    except HccsurvError as error:
        draft.error = formats.error_text(error)
    draft.options = options


def draft_from_cohort(cohort_id: str) -> TableDraft:
    """A cohort of the library, to be changed.

    Raises:
        HccsurvError: it is gone, damaged, or can no longer be built.
    """
    from pages._shared.cohorts import open_library

    library = open_library()
    entry = library.entry(cohort_id)
    draft = TableDraft(
        source=entry.source,
        name=entry.name,
        simulated=entry.simulated,
        cohort_id=cohort_id,
        base=library_base(cohort_id),
    )
    state = DraftState(entry.state.mapping, entry.state.decisions)
    take_raw(draft, library.raw(cohort_id), state)
    return draft


def library_base(cohort_id: str) -> tuple[int, str, str]:
    """Which state of a cohort is in force: number of states, when, and its name.

    Raises:
        HccsurvError: the cohort is gone or damaged.
    """
    from pages._shared.cohorts import open_library

    entry = open_library().entry(cohort_id)
    return len(entry.states), entry.state.at, entry.name


def drop_table(state: Session, cohort_id: str | None = None) -> None:
    """Forget a draft and remove its spooled file."""
    draft = state.table_drafts.pop(cohort_id, None)
    if draft is not None and draft.file is not None:
        shutil.rmtree(spool_folder(draft.file), ignore_errors=True)


def spool_folder(file: Path) -> Path:
    """The private folder that an upload was spooled to."""
    return next(parent for parent in file.parents if parent.name == "files").parent
