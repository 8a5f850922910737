"""The two treatments, and a table of patients who were given one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome

#: The treatments, by the names they have everywhere. Differences are the first minus the second.
ARMS = ("hepatectomy", "tace")
#: No recommendation.
NONE = "none"
#: What sentences call them.
ARM_WORDS = {"hepatectomy": "hepatectomy", "tace": "TACE"}


@dataclass(frozen=True, eq=False)
class TreatmentTable:
    """Covariates, outcome and treatment of n patients.

    Args:
        features: numeric covariates, NaN where missing, with the outcome.
        treatment: n names of :data:`ARMS`.

    Raises:
        InputError: a treatment is not one of the two (names the patient), or there are more or
            fewer of them than patients.
        TableError: there is no outcome.
    """

    features: FeatureTable
    treatment: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "treatment", tuple(str(name) for name in self.treatment))
        self.features.require_outcome()
        if len(self.treatment) != len(self.features):
            raise InputError(
                f"{len(self.features)} patients but {len(self.treatment)} treatments",
                source="treatment",
            )
        for patient, name in zip(self.features.patient_ids, self.treatment, strict=True):
            if name not in ARMS:
                raise InputError(
                    f"{name!r} of patient {patient} is no treatment that is compared here",
                    source="treatment",
                    remedy=f"use {' or '.join(ARMS)}, or leave the patient out",
                )

    def __len__(self) -> int:
        return len(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        """Covariates."""
        return self.features.names

    @property
    def values(self) -> np.ndarray:
        """(n, p) covariates, NaN where missing."""
        return self.features.values

    @property
    def outcome(self) -> SurvivalOutcome:
        """Of the same patients."""
        return self.features.require_outcome()

    @property
    def tace(self) -> np.ndarray:
        """(n,) True for those who were given TACE."""
        return self.given("tace")

    def given(self, arm: str) -> np.ndarray:
        """(n,) True for those who were given ``arm``.

        Raises:
            InputError: no such treatment.
        """
        checked_arm_name(arm)
        return np.array([name == arm for name in self.treatment], dtype=bool)

    def subset(self, rows: ArrayLike) -> TreatmentTable:
        """Some patients, by distinct positions or by boolean mask."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        return TreatmentTable(
            self.features.subset(chosen), tuple(self.treatment[i] for i in chosen)
        )

    def columns(self, names: Sequence[str]) -> TreatmentTable:
        """These covariates in this order.

        Raises:
            TableError: some are not there.
        """
        return TreatmentTable(self.features.columns(names), self.treatment)


def checked_arm_name(name: str) -> str:
    """A treatment's name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in ARMS:
        raise InputError(
            f"no treatment is called {name!r}", source="treatment",
            remedy=f"use {' or '.join(ARMS)}",
        )  # fmt: skip
    return name


def other_arm(name: str) -> str:
    """The treatment that is not ``name``.

    Raises:
        InputError: there is none of that name.
    """
    return ARMS[1 - ARMS.index(checked_arm_name(name))]
