"""Patients of one study: what was known of each before treatment, and what became of them.

The systems that take clinical values and images add what is their own (:class:`StudyCohort` is
inherited from). Nothing here looks at ``truth.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.covariates import Covariate, covariate_matrix, covariate_values
from hccsurv_core.systems.patient_profile import Profile, profile_of


@dataclass(frozen=True, eq=False)
class ImageValues:
    """What images tell of some of the patients.

    Args:
        names: (q,) of the covariates.
        by_patient: patient → (q,) values, NaN where one could not be measured.
        labels, units: by name, for people.
    """

    names: tuple[str, ...]
    by_patient: Mapping[str, np.ndarray]
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def matrix(self, patient_ids: Sequence[str]) -> np.ndarray:
        """(n, q), NaN for patients without."""
        nothing = np.full(len(self.names), np.nan)
        return np.array([self.by_patient.get(p, nothing) for p in patient_ids]).reshape(
            len(patient_ids), len(self.names)
        )


def joined(first: ImageValues | None, second: ImageValues) -> ImageValues:
    """Both kinds of covariates of images."""
    if first is None:
        return second
    patients = {*first.by_patient, *second.by_patient}
    nothing = tuple(np.full(len(v.names), np.nan) for v in (first, second))
    return replace(
        first,
        names=(*first.names, *second.names),
        by_patient={
            p: np.concatenate(
                (first.by_patient.get(p, nothing[0]), second.by_patient.get(p, nothing[1]))
            )
            for p in patients
        },
        labels={**first.labels, **second.labels},
        units={**first.units, **second.units},
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class StudyCohort:
    """n patients.

    Args:
        patient_ids: n distinct names.
        profiles: n records with their scores.
        outcome: of the same patients, from treatment on.
        labels: "split" and "center" where there are any.
        source: of the study, for a model's card.
        endpoint: what the event is the end of.
        simulated: whether the patients were drawn by a computer.
        left_out: why → number of patients of the source who are not here.
        folder: of a cohort folder.
        images: what was measured on images; None where nothing was.
    """

    patient_ids: tuple[str, ...]
    profiles: tuple[Profile, ...]
    outcome: SurvivalOutcome
    labels: Mapping[str, tuple[str, ...]]
    source: str
    endpoint: str = "overall survival"
    simulated: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    folder: Path | None = None
    images: ImageValues | None = None

    def __len__(self) -> int:
        return len(self.patient_ids)

    def features(self, covariates: Sequence[Covariate], images: bool = True) -> FeatureTable:
        """What a model takes: these covariates, then what was measured on images."""
        values = covariate_matrix(self.profiles, covariates)
        names: tuple[str, ...] = tuple(c.name for c in covariates)
        if images and self.images is not None:
            values = np.column_stack((values, self.images.matrix(self.patient_ids)))
            names = (*names, *self.images.names)
        return FeatureTable(
            self.patient_ids, names, values, self.outcome, self.labels, self.source,
            simulated=self.simulated,
        )  # fmt: skip

    def subset(self, rows: ArrayLike) -> Self:
        """Some patients, by distinct positions or by boolean mask."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        return replace(
            self,
            patient_ids=tuple(self.patient_ids[i] for i in chosen),
            profiles=tuple(self.profiles[i] for i in chosen),
            outcome=self.outcome.subset(chosen),
            labels={k: tuple(v[i] for i in chosen) for k, v in self.labels.items()},
            **self._own(chosen),
        )

    def _own(self, chosen: np.ndarray) -> dict[str, Any]:
        """Some patients' part of what a system adds, by field."""
        return {}

    def where(self, label: str, value: str) -> np.ndarray:
        """(n,) mask of the patients whose ``label`` is ``value``; nobody where there is none."""
        texts = self.labels.get(label, ("",) * len(self))
        return np.array([text == value for text in texts], dtype=bool)

    def split(self, name: str | None) -> Self:
        """The patients of one split, or all where ``name`` is None.

        Raises:
            TableError: nobody is in it.
        """
        if name is None:
            return self
        rows = self.where("split", name)
        if not rows.any():
            there = sorted(set(self.labels.get("split", ())) - {""})
            raise TableError(
                f"nobody is in split {name!r}", source=self.source,
                remedy=f"choose one of {', '.join(there)}" if there else "leave the split out",
            )  # fmt: skip
        return self.subset(rows)


def profiles_of(
    rows: Sequence[Mapping[str, Any]],
    patient_ids: Sequence[str],
    source: str,
    covariates: Sequence[Covariate] = (),
) -> tuple[Profile, ...]:
    """Profiles of a table's rows.

    Args:
        covariates: that each profile must be readable by, so that a word that is none is told with
            its patient.

    Raises:
        InputError: a value is not possible; the message names table, patient and value.
    """
    profiles = []
    for row, patient in zip(rows, patient_ids, strict=True):
        try:
            profiles.append(profile_of(row))
            covariate_values(profiles[-1], covariates)
        except InputError as error:
            error.source = f"{source}, patient {patient}, {error.source}"
            raise
    return tuple(profiles)


def labels_of(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The labels that a table has, as texts; "" is missing."""
    return {
        name: tuple(_text(row.get(name)) for row in rows)
        for name in names
        if any(name in row for row in rows)
    }


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
