"""The session's state: one typed object, kept under one key."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from hccsurv_core.progress import Progress, silent
from pages._shared.jobs import Job

_KEY = "hccsurv"
DEFAULT_ACTOR = "local"


class ProgressRelay:
    """A progress whose listener can be changed: an upload outlives the job that opened it."""

    def __init__(self) -> None:
        self.listener: Progress = silent

    def __call__(self, fraction: float, message: str) -> None:
        """Pass on to whoever listens now."""
        self.listener(fraction, message)


@dataclass
class UploadDraft:
    """An upload between its arrival and the store.

    Args:
        folder: where its files were spooled; removed when the draft is dropped.
        names: what the user chose, for messages.
        upload: the core's `Upload`, once opened.
        inspection: what is in it, once known.
        clips: ultrasound in it (`ClipSummary`), also what cannot be opened.
        seen: clips that were read to be looked at, by name (`SeenClip`).
        unseen: why others could not be read, by name.
        error: why it cannot be used, if it cannot.
        relay: what the upload reports to.
    """

    folder: Path
    names: tuple[str, ...]
    upload: Any = None
    inspection: Any = None
    clips: tuple[Any, ...] = ()
    seen: dict[str, Any] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    relay: ProgressRelay = field(default_factory=ProgressRelay)


@dataclass(frozen=True)
class ClinicalUpload:
    """A clinical table of system 2 as it was uploaded.

    Args:
        name: of the file. content: of it.
        patients: what was read of it (a TreatmentCohort).
    """

    name: str
    content: bytes
    patients: Any


@dataclass
class Session:
    """Everything a session remembers.

    Args:
        study_id: the study on view; None = no patient is open.
        cohort_id: the cohort on view in the explorer; None = no cohort is open.
        editing_cohort_id: the cohort whose mapping the import page changes; None = a new table.
        actor: who edits, for the record of changes.
        backend: which segmentation backend new measurements use.
        draft: an upload being worked on.
        table_drafts: clinical tables being imported (key None) or changed (key: their cohort).
        training_cohort: name of the cohort folder last brought in on the page Train.
        training_table: the feature table last uploaded there, as (name, table).
        training_clinical: the clinical table of system 2 last uploaded there.
        training_store: what was gathered there of this server's own patients (a StoreTable).
        evaluate_run: the training run that the page Model evaluation begins with.
        evaluate_model: the model of the library that it begins with.
        asked_about_model: the decision on a model that waits for an answer: (verb, model's key).
        evaluation: the evaluation on view there; None = none was made yet.
        job: long work under way, or ended and not yet taken up.
        notice: one message to show at the next run: (kind, text).
        uploader_round: counts up to reset the upload widget.
        asked_to_delete: the patient whose deletion waits for an answer.
        go_to: slice to show next, as (study, slice index); go_round counts up with each.
        roi_token: leave of the ROI editor to ask for a study's voxels, as (study, token).
        window: level and width that the editor was left with (HU); None = soft tissue.
        cache: small results by key (study, revision), so that a click need not read the disk.
    """

    study_id: Any = None
    cohort_id: str | None = None
    editing_cohort_id: str | None = None
    actor: str = DEFAULT_ACTOR
    backend: str = "classical"
    draft: UploadDraft | None = None
    table_drafts: dict[str | None, Any] = field(default_factory=dict)
    training_cohort: str | None = None
    training_table: tuple[str, Any] | None = None
    training_clinical: ClinicalUpload | None = None
    training_store: Any = None
    evaluate_run: str | None = None
    evaluate_model: str | None = None
    asked_about_model: tuple[str, str] | None = None
    evaluation: Any = None
    job: Job | None = None
    notice: tuple[str, str] | None = None
    uploader_round: int = 0
    asked_to_delete: Any = None
    go_to: tuple[Any, int] | None = None
    go_round: int = 0
    roi_token: tuple[str, str] | None = None
    window: tuple[float, float] | None = None
    cache: OrderedDict[Any, Any] = field(default_factory=OrderedDict)

    CACHE_ENTRIES = 12

    def remember(self, key: Any, value: Any) -> Any:
        """Keep a small result; the oldest goes first."""
        self.cache[key] = value
        while len(self.cache) > self.CACHE_ENTRIES:
            self.cache.popitem(last=False)
        return value


def session() -> Session:
    """This browser session's state."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session()
    return st.session_state[_KEY]
