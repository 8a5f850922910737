"""A feature table of this server's own patients: measured here, their outcome in an imported table.

The store knows scans, outlines and clinical values, and no outcome. A table that was imported into
the cohort library knows outcomes. A patient's pseudonym in the store and the patient column of the
table are what joins them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import HccsurvError, StoreError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.systems.muscle.case_checks import SCAN
from hccsurv_core.systems.muscle.case_features import image_features, measure_with_record
from hccsurv_core.systems.muscle.case_slab import FEWEST_SLICES, slab_from_scan
from hccsurv_core.systems.muscle.cohort import PRESET

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_table import ClinicalTable
    from hccsurv_core.cohort.library import CohortLibrary
    from hccsurv_core.cohort.records import PatientRow
    from hccsurv_core.cohort.store import PatientStore

#: Columns of an imported table that say where a patient belongs, by what they may be called.
_LABELS = {
    "center": ("center", "centre", "hospital", "site", "clinic"),
    "split": ("split", "set", "subset"),
}


@dataclass(frozen=True)
class StoreOutcome:
    """An outcome in the library that measured patients have.

    Args:
        cohort_id, cohort: the imported table; endpoint, label: the outcome, its name for people.
        n, n_events: measured patients who have it, and their events.
    """

    cohort_id: str
    cohort: str
    endpoint: str
    label: str
    n: int
    n_events: int


@dataclass(frozen=True)
class StoreContents:
    """What the store and the library have for a training.

    Args:
        n_patients: in the store; n_measured: with an outline at L3; n_simulated: of those,
            drawn by a computer.
        outcomes: those that measured patients have, most events first.
        n_tables: imported tables that were looked through.
    """

    n_patients: int
    n_measured: int
    n_simulated: int
    outcomes: tuple[StoreOutcome, ...]
    n_tables: int


@dataclass(frozen=True, eq=False)
class StoreTable:
    """The table, and who gave no features.

    Args:
        table: of those who gave features.
        endpoint: what the event is the end of.
        failures: pseudonym → why not.
    """

    table: FeatureTable
    endpoint: str
    failures: Mapping[str, str]


def look_at_store(store: PatientStore, library: CohortLibrary) -> StoreContents:
    """Who is measured, and which imported outcomes they have."""
    rows = store.list_patients("", "pseudonym")
    measured = {r.patient.pseudonym: r for r in rows if _is_measured(r)}
    found, n_tables = [], 0
    for entry in library.entries():
        try:
            table = library.table(entry.id)
        except HccsurvError:
            continue
        n_tables += 1
        for endpoint in table.endpoints:
            chosen = _joined(table, endpoint.name, measured)
            if chosen:
                n_events = sum(event for _, event in chosen.values())
                found.append(
                    StoreOutcome(
                        entry.id, entry.name, endpoint.name, endpoint.label, len(chosen),
                        int(n_events),
                    )
                )  # fmt: skip
    return StoreContents(
        n_patients=len(rows),
        n_measured=len(measured),
        n_simulated=sum(_is_simulated(r) for r in measured.values()),
        outcomes=tuple(sorted(found, key=lambda o: (-o.n_events, o.cohort))),
        n_tables=n_tables,
    )


def store_feature_table(
    store: PatientStore,
    library: CohortLibrary,
    outcome: StoreOutcome,
    *,
    preset: str | None = PRESET,
    progress: Progress = silent,
) -> StoreTable:
    """Measure every patient who has the outcome, one after the other.

    Args:
        outcome: of :func:`look_at_store`.
        preset: of the radiomics; None leaves them out.
        progress: told after each patient; may cancel.

    Raises:
        TableError: nobody has features and outcome.
        StoreError, NotFoundError: the cohort is gone.
    """
    rows = {r.patient.pseudonym: r for r in store.list_patients("", "pseudonym") if _is_measured(r)}
    clinical = library.table(outcome.cohort_id)
    chosen = _joined(clinical, outcome.endpoint, rows)
    features: dict[str, dict[str, float]] = {}
    failures: dict[str, str] = {}
    for i, name in enumerate(chosen):
        progress(i / len(chosen), f"{i} of {len(chosen)} patients")
        try:
            features[name] = _features(store, rows[name], preset)
        except (HccsurvError, StoreError) as error:
            failures[name] = str(error)
    source = f"patients of this server, {outcome.label} of {outcome.cohort}"
    if not features:
        why = next(iter(failures.values()), "nobody has the outcome")
        raise TableError(f"no patient gave features ({why})", source=source)
    names = [n for n in next(iter(features.values())) if not n.startswith(SCAN)]
    kept = {name: chosen[name] for name in features}
    return StoreTable(
        FeatureTable(
            tuple(features),
            tuple(names),
            np.array([[f[n] for n in names] for f in features.values()], dtype=np.float64),
            SurvivalOutcome(
                np.array([months for months, _ in kept.values()]),
                np.array([event for _, event in kept.values()], dtype=bool),
            ),
            _labels(clinical, tuple(features)),
            source,
            simulated=all(_is_simulated(rows[name]) for name in features),
        ),
        outcome.label,
        failures,
    )


def _is_measured(row: PatientRow) -> bool:
    return row.latest_study is not None and row.done.get("segmentation") is not None


def _is_simulated(row: PatientRow) -> bool:
    return row.patient.simulated


def _joined(
    table: ClinicalTable, endpoint: str, measured: Mapping[str, Any]
) -> dict[str, tuple[float, bool]]:
    """Pseudonym → (months, event) of measured patients who have the outcome, in their order."""
    if table.mapping.with_role("patient_id") is None:
        return {}  # rows without names are numbered, and a number may be somebody's pseudonym
    try:
        outcome, rows = table.outcome(endpoint)
    except HccsurvError:
        return {}
    ids = table.frame["patient_id"].astype(str).to_numpy()[rows]
    known = {
        name: (float(months), bool(event))
        for name, months, event in zip(ids, outcome.time_months, outcome.event, strict=True)
    }
    return {name: known[name] for name in measured if name in known}


def _labels(table: ClinicalTable, patients: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Center and split, where the imported table has such columns."""
    place = {str(name): i for i, name in enumerate(table.frame["patient_id"])}
    rows = [place[name] for name in patients]
    found = {}
    for label, words in _LABELS.items():
        column = next((c.name for c in table.columns if c.name.lower() in words), None)
        if column is not None:
            texts = table.frame[column].astype(object).iloc[rows]
            found[label] = tuple("" if v is None or v != v else str(v) for v in texts)
    if "train" not in found.get("split", ()):
        found.pop("split", None)
    return found


def _features(store: PatientStore, row: PatientRow, preset: str | None) -> dict[str, float]:
    """One patient's features, of the newest scan as it is outlined now."""
    study = row.latest_study
    outlined = None if study is None else store.load_segmentation(study.id)
    if study is None or outlined is None:
        raise StoreError("has no outline any more", source=row.patient.pseudonym)
    segmentation = outlined.segmentation
    slab = slab_from_scan(
        store.load_volume(study.id),
        segmentation.masks,
        slice_index=segmentation.slice_index,
        first_slice=segmentation.first_slice,
        contrast=None if study.phase is None else study.phase != "noncontrast",
        fewest=1 if preset is None else FEWEST_SLICES,
    )
    return measure_with_record(image_features(slab, preset), _record(store, row))


def _record(store: PatientStore, row: PatientRow) -> dict[str, Any]:
    """What is known of the patient, by the names of a cohort table."""
    facts = row.patient.facts
    known = {
        "sex": facts.sex,
        "age_years": facts.age_years,
        "height_m": facts.height_m,
        "weight_kg": facts.weight_kg,
    }
    clinical = store.load_clinical_values(row.patient.id)
    return {k: v for k, v in known.items() if v is not None} | dict(
        {} if clinical is None else clinical.values
    )
