"""What a model of the library is, as its bundle says and as it was published."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hccsurv_core.errors import BundleError
from hccsurv_core.models.store import CARD, MODEL, WEIGHTS, Bundle, read_bundle
from hccsurv_core.wording import count_of

#: "active": the clinicians' pages use it; "available": they could; "retired": out of use.
STATES = ("active", "available", "retired")
BUNDLE_FILES = (WEIGHTS, MODEL, CARD)


@dataclass(frozen=True)
class HeadlineMetric:
    """How good a model is, in one number of patients it had not seen.

    Args:
        name: of the metric ("C-index"); how: how it was found ("5-fold, …").
        value, ci_low, ci_high: None where not known.
    """

    name: str
    how: str
    value: float | None
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class ModelEntry:
    """One model of the library.

    Args:
        id: its key.
        system: what it is for ("muscle").
        name: as shown.
        simulated: it learned from simulated patients.
        shipped: it comes with the program.
        trained_on: who it learned from, in words.
        n, n_events: patients and events it learned from; None where not known.
        metrics: how good it is.
        published_at, by: when (UTC) and by whom; None and "" for one that is shipped.
        state: one of :data:`STATES`.
        problem: why it cannot be used, or "". The active model stays active with a problem: no
            other one takes its place unseen.
        sha256: of the bundle as it was published, or as it is shipped.
        folder: where it lies.
    """

    id: str
    system: str
    name: str
    simulated: bool
    shipped: bool
    trained_on: str
    n: int | None
    n_events: int | None
    metrics: tuple[HeadlineMetric, ...]
    published_at: datetime | None
    by: str
    state: str
    problem: str
    sha256: str
    folder: Path


@dataclass(frozen=True)
class BundleFacts:
    """What a bundle says of itself, or what is wrong with it."""

    description: Mapping[str, Any]
    sha256: str
    problem: str


class BundleFactsReader:
    """Reads a bundle once for as long as its files stay the same."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[object, BundleFacts]] = {}
        self._lock = threading.Lock()

    def of(self, folder: Path, sha256: str) -> BundleFacts:
        signs = (sha256, *(_sign(folder / name) for name in BUNDLE_FILES))
        with self._lock:
            known = self._known.get(folder)
            if known is None or known[0] != signs:
                known = signs, _read_facts(folder, sha256)
                self._known[folder] = known
            return known[1]

    def forget(self, folder: Path) -> None:
        with self._lock:
            self._known.pop(folder, None)


#: Shared by all libraries of this process.
facts_reader = BundleFactsReader()


def _sign(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _read_facts(folder: Path, sha256: str) -> BundleFacts:
    try:
        bundle = read_as_published(folder, sha256)
    except BundleError as error:
        return BundleFacts({}, "", f"{error.what}; {error.remedy}" if error.remedy else error.what)
    return BundleFacts(bundle.description, bundle.sha256, "")


def read_as_published(folder: Path, sha256: str) -> Bundle:
    """A bundle, which must have this hash if one is given."""
    bundle = read_bundle(folder)
    if sha256 and bundle.sha256 != sha256:
        raise BundleError(
            "is another model than the one that was published",
            source=str(folder),
            remedy="restore the data folder from a backup, or retire this model",
        )
    return bundle


def trained_on(
    description: Mapping[str, Any], *, simulated: bool = False
) -> tuple[str, int | None, int | None]:
    """Who a model learned from, in words, and how many patients and events."""
    training = description.get("training")
    if not isinstance(training, Mapping):
        return "not known", None, None
    n, n_events = training.get("n"), training.get("n_events")
    if not isinstance(n, int) or not isinstance(n_events, int):
        return "not known", None, None
    kind = "simulated patient" if simulated else "patient"
    words = f"{count_of(n, kind)}, {count_of(n_events, 'event')}"
    source = training.get("source")
    return f"{words} ({source})" if source else words, n, n_events


def is_simulated(description: Mapping[str, Any]) -> bool:
    """Whether the bundle says that its patients were simulated, of itself or of its training."""
    training = description.get("training")
    places = (description, training if isinstance(training, Mapping) else {})
    return any(place.get("simulated") is True for place in places)


#: Measures of a model that tells several endpoints, in a line of its cross-validation.
EARLY, RECURRENCE = "early_recurrence_auc", "recurrence_c_index"


def headline_metrics(description: Mapping[str, Any]) -> tuple[HeadlineMetric, ...]:
    """How good the model is by its cross-validation, without the luck it was chosen by if known.

    Its own lines, not those of its rivals.
    """
    judged = description.get("cross_validation")
    if not isinstance(judged, Mapping):
        return ()
    how = str(judged.get("method", ""))
    corrected = judged.get("corrected")
    if isinstance(corrected, Mapping) and corrected.get("value") is not None:
        return (_c_index(corrected, f"{how}; without the luck of having been chosen"),)
    rows = (r for r in judged.get("results", ()) if isinstance(r, Mapping))
    return tuple(
        metric for row in rows if row.get("kind") == "model" for metric in _of_row(row, how)
    )


def _of_row(row: Mapping[str, Any], how: str) -> Iterator[HeadlineMetric]:
    """What a line of a cross-validation tells: of one endpoint, or of several."""
    several = isinstance(row.get(EARLY), Mapping)
    if several:
        yield _metric("AUC, early recurrence", row[EARLY], how)
    if isinstance(row.get("c_index"), Mapping):
        of = str(row["name"]) if "arm" in row else "death" if several else ""
        yield _c_index(row["c_index"], how, of=of)
    if several and isinstance(row.get(RECURRENCE), Mapping):
        yield _c_index(row[RECURRENCE], how, of="recurrence")


def _c_index(estimate: Mapping[str, Any], how: str, *, of: str = "") -> HeadlineMetric:
    """The estimate with whom or what it ranks, where a model ranks several."""
    return _metric(f"C-index, {of}" if of else "C-index", estimate, how)


def _metric(name: str, estimate: Mapping[str, Any], how: str) -> HeadlineMetric:
    low, high = estimate.get("ci_low"), estimate.get("ci_high")
    return HeadlineMetric(name, how, estimate.get("value"), low, high)
