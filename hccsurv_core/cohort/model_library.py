"""The models of this server: those that come with the program, and those that were published.

A published model is a copy of a bundle in the data folder, ``models/<id>/``, whole or not at all.
It is never deleted or changed: retiring takes it out of use and activating brings it back. Its
hash was recorded when it was published and is checked when it is read, so that a model that was
changed since is not used, and no other one in its place without a person's decision.

Usage::

    library = ModelLibrary()
    entry = library.publish(run.bundle, by="Dr. A")
    library.activate(entry.id, by="Dr. A")
    bundle = library.bundle(library.active("muscle").id)
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import hccsurv_core
from hccsurv_core.cohort.file_lock import holding
from hccsurv_core.cohort.model_entry import (
    BUNDLE_FILES,
    STATES,
    BundleFacts,
    HeadlineMetric,
    ModelEntry,
    facts_reader,
    headline_metrics,
    is_simulated,
    read_as_published,
    trained_on,
)
from hccsurv_core.cohort.model_history import (
    HISTORY,
    ModelDecision,
    ShippedModel,
    Standing,
    add_decision,
    read_history,
    standing,
    time_now,
)
from hccsurv_core.cohort.settings import data_folder
from hccsurv_core.errors import InputError, NotFoundError, StoreError
from hccsurv_core.models.store import MODEL, Bundle, read_bundle

__all__ = ["STATES", "HeadlineMetric", "ModelDecision", "ModelEntry", "ModelLibrary"]

FOLDER = "models"
_LOCK = "models.lock"
#: Systems whose key is no word.
_TITLES = {"ceus": "CEUS"}
_SHIPPED = "demo-"


class ModelLibrary:
    """Models under one data folder, beside those that come with the program.

    Args:
        folder: the data folder; default as for the patient store.
        shipped: the folder of models that come with the program; default is this package's.
    """

    def __init__(self, folder: Path | str | None = None, *, shipped: Path | None = None) -> None:
        self.folder = data_folder(folder) / FOLDER
        self._shipped = shipped or Path(hccsurv_core.__file__).parents[1] / "assets" / FOLDER

    # -- what there is --------------------------------------------------------------------
    def models(self, system: str | None = None) -> tuple[ModelEntry, ...]:
        """All models: the active ones first, then the newest, those that are shipped last.

        Raises:
            StoreError: the history is damaged.
        """
        now = self._standing()
        found = [self._published_entry(d, now) for d in reversed(list(now.published.values()))]
        found += [self._shipped_entry(m, now) for m in self._shipped_models()]
        found.sort(key=lambda e: STATES.index(e.state))
        return tuple(e for e in found if system in (None, e.system))

    def model(self, model_id: str) -> ModelEntry:
        """One model.

        Raises:
            NotFoundError: there is none of this key. StoreError: the history is damaged.
        """
        for entry in self.models():
            if entry.id == model_id:
                return entry
        raise NotFoundError(f"there is no model {model_id!r}", source="model library")

    def active(self, system: str) -> ModelEntry | None:
        """The model that the clinicians' pages use, or None. Look at its ``problem``.

        Raises:
            StoreError: the history is damaged.
        """
        for entry in self.models(system):
            if entry.state == "active":
                return entry
        return None

    def bundle(self, model_id: str) -> Bundle:
        """Read a model, checking every byte of it.

        Raises:
            NotFoundError: there is none of this key.
            BundleError: it is not what was published. StoreError: the history is damaged.
        """
        entry = self.model(model_id)
        return read_as_published(entry.folder, "" if entry.shipped else entry.sha256)

    def verify(self, model_id: str) -> ModelEntry:
        """Read all of a model's files again; ``problem`` says what is wrong with them.

        Raises:
            NotFoundError: there is none of this key. StoreError: the history is damaged.
        """
        facts_reader.forget(self.model(model_id).folder)
        return self.model(model_id)

    def history(self, model_id: str | None = None) -> list[ModelDecision]:
        """Who did what when, oldest first, of all models or of one.

        Raises:
            StoreError: the history is damaged.
        """
        found = read_history(self.folder / HISTORY)
        return [d for d in found if model_id in (None, d.model_id)]

    # -- decisions ------------------------------------------------------------------------
    def publish(
        self,
        folder: Path,
        *,
        by: str,
        name: str | None = None,
        simulated: bool = False,
        note: str = "",
    ) -> ModelEntry:
        """Copy a bundle into the library.

        Args:
            folder: the bundle.
            by: who decides.
            name: as shown; by default what it was trained on.
            simulated: it learned from simulated patients; not asked where the bundle says so.
            note: why.

        Raises:
            BundleError: it is incomplete or was changed.
            InputError: it is published already, or nobody is named.
            StoreError: the data folder cannot be written.
        """
        by = _named(by)
        bundle = read_bundle(Path(folder))
        model_id = f"{bundle.system}-{bundle.sha256[:16]}"
        title = " ".join((name or trained_on(bundle.description)[0]).split())[:80]
        decision = ModelDecision(
            time_now(), by, "published", model_id, bundle.system, title or model_id,
            bundle.sha256, simulated or is_simulated(bundle.description), note,
        )  # fmt: skip
        with self._deciding():
            if model_id in self._standing().published:
                raise InputError(
                    "this model is published already",
                    source=str(folder),
                    remedy="activate it in the model library",
                )
            self._copy(bundle, model_id)
            add_decision(self.folder / HISTORY, decision)
        return self.model(model_id)

    def activate(self, model_id: str, by: str, *, note: str = "") -> ModelEntry:
        """Let the clinicians' pages use a model; one that was retired comes back.

        Raises:
            NotFoundError: there is none of this key.
            BundleError: it is not what was published; nothing is changed.
            InputError: nobody is named.
            StoreError: the data folder cannot be written.
        """
        self.bundle(model_id)
        return self._decide("activated", model_id, by, note)

    def retire(self, model_id: str, by: str, *, note: str = "") -> ModelEntry:
        """Take a model out of use; its files stay. See :func:`~.model_history.standing` for what
        is active afterwards.

        Raises:
            NotFoundError: there is none of this key.
            InputError: it is retired already, or nobody is named.
            StoreError: the data folder cannot be written.
        """
        return self._decide("retired", model_id, by, note)

    def _decide(self, action: str, model_id: str, by: str, note: str) -> ModelEntry:
        by = _named(by)
        with self._deciding():
            entry = self.model(model_id)
            if action == "retired" and entry.state == "retired":
                raise InputError("this model is retired already", source=entry.name)
            add_decision(
                self.folder / HISTORY,
                ModelDecision(time_now(), by, action, model_id, entry.system, note=note),
            )
        return self.model(model_id)

    # -- inside ---------------------------------------------------------------------------
    @contextmanager
    def _deciding(self) -> Iterator[None]:
        """Be the only one, in any process, who decides."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with holding(self.folder / _LOCK):
                yield
        except OSError as error:
            raise StoreError(
                f"cannot be written ({error.strerror})",
                source=str(self.folder),
                remedy="check the data folder",
            ) from error

    def _copy(self, bundle: Bundle, model_id: str) -> None:
        """Put a copy in its place in one step, after reading it back."""
        target = self.folder / model_id
        draft = self.folder / f".new-{secrets.token_hex(6)}"
        try:
            draft.mkdir(mode=0o700)
            for name in BUNDLE_FILES:
                _copy_file(bundle.folder / name, draft / name)
            read_as_published(draft, bundle.sha256)
            # Left by a publication that was killed before it was written down.
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
            _sync_folder(self.folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _standing(self) -> Standing:
        return standing(read_history(self.folder / HISTORY), self._shipped_models())

    def _shipped_models(self) -> list[ShippedModel]:
        places = sorted(p.parent for p in self._shipped.glob(f"*/{MODEL}"))
        # The folder is called like its system, so that this is known even of a damaged one.
        return [ShippedModel(f"{_SHIPPED}{p.name}", p.name.split("-")[0]) for p in places]

    def _shipped_entry(self, model: ShippedModel, now: Standing) -> ModelEntry:
        folder = self._shipped / model.model_id.removeprefix(_SHIPPED)
        facts = facts_reader.of(folder, "")
        return _entry(
            facts, model.model_id, model.system, now, folder,
            name=f"Demonstration model, {_TITLES.get(model.system, model.system)}",
            simulated=True, shipped=True, sha256=facts.sha256,
        )  # fmt: skip

    def _published_entry(self, decision: ModelDecision, now: Standing) -> ModelEntry:
        folder = self.folder / decision.model_id
        return _entry(
            facts_reader.of(folder, decision.sha256), decision.model_id, decision.system, now, folder,
            name=decision.name, simulated=decision.simulated, shipped=False,
            sha256=decision.sha256, published_at=datetime.fromisoformat(decision.at),
            by=decision.by,
        )  # fmt: skip


def _entry(
    facts: BundleFacts,
    model_id: str,
    system: str,
    now: Standing,
    folder: Path,
    *,
    name: str,
    simulated: bool,
    shipped: bool,
    sha256: str,
    published_at: datetime | None = None,
    by: str = "",
) -> ModelEntry:
    words, n, n_events = trained_on(facts.description, simulated=simulated)
    state = "retired" if model_id in now.retired else "available"
    return ModelEntry(
        id=model_id,
        system=system,
        name=name,
        simulated=simulated,
        shipped=shipped,
        trained_on=words,
        n=n,
        n_events=n_events,
        metrics=headline_metrics(facts.description),
        published_at=published_at,
        by=by,
        state="active" if now.active.get(system) == model_id else state,
        problem=facts.problem,
        sha256=sha256,
        folder=folder,
    )


def _named(by: str) -> str:
    text = " ".join(by.split())[:80]
    if not text:
        raise InputError("somebody must be named who decides", source="by")
    return text


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file to the disk, not only to the system's memory."""
    with source.open("rb") as file, target.open("xb") as out:
        shutil.copyfileobj(file, out)
        out.flush()
        os.fsync(out.fileno())
