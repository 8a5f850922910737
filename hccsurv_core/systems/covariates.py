"""A covariate of a survival model: what it takes from a patient's record, and in which form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.models.nomogram_curves import TRANSFORMS
from hccsurv_core.systems.patient_profile import Profile

Kind = Literal["number", "yes_no"]
Group = Literal["liver", "tumor", "patient", "image"]


@dataclass(frozen=True)
class Covariate:
    """One covariate.

    Args:
        name: in the model.
        label: at the beginning of a sentence.
        group: what it is about.
        read: the value as a person reads it, from a profile; None where it is not known.
        needs: values of the record that it is made of.
        unit: of that value.
        transform: from it to what the model takes, of
            :data:`~hccsurv_core.models.nomogram_curves.TRANSFORMS`.
        kind: whether it is a number, or yes (1) or no (0).
        whole: only whole numbers occur.
        reason: why it is here, and in this form.
        chosen_by: whether the choice of treatment may have depended on it.
    """

    name: str
    label: str
    group: Group
    read: Callable[[Profile], Any]
    needs: tuple[str, ...] = ()
    unit: str = ""
    transform: str = "identity"
    kind: Kind = "number"
    whole: bool = False
    reason: str = ""
    chosen_by: bool = True

    def shown(self, profile: Profile) -> float:
        """The value as a person reads it; NaN where it is not known."""
        found = self.read(profile)
        return math.nan if found is None else float(found)

    def value(self, profile: Profile) -> float:
        """What the model takes; NaN where it is not known or the transform does not exist."""
        return self.to_model(self.shown(profile))

    def to_model(self, shown: float) -> float:
        """From what a person reads to what the model takes."""
        transform = TRANSFORMS[self.transform]
        if shown != shown or not transform.accepts(shown):
            return math.nan
        return transform.forward(shown)

    def from_model(self, value: float) -> float:
        """From what the model takes to what a person reads."""
        return float(TRANSFORMS[self.transform].inverse(value))

    def text(self, value: float) -> str:
        """What the model takes, as a person reads it, with its unit."""
        if self.kind == "yes_no" and value in (0.0, 1.0):
            return "yes" if value else "no"
        return f"{self.from_model(value):.3g} {self.unit}".rstrip()


def recorded(name: str) -> Callable[[Profile], Any]:
    """A value as it stands in the record."""
    return lambda profile: profile.record.get(name)


def at_least(name: str, lowest: float) -> Callable[[Profile], Any]:
    """A laboratory value, raised to what assays tell apart: a logarithm of 0 does not exist."""

    def read(profile: Profile) -> Any:
        found = profile.record.get(name)
        return None if found is None else max(float(found), lowest)

    return read


def scored(key: str) -> Callable[[Profile], Any]:
    """A score of the record, see :mod:`hccsurv_core.features.clinical_scores.registry`."""
    return lambda profile: profile.scores[key].value


def covariates_named(known: Mapping[str, Covariate], names: Sequence[str]) -> tuple[Covariate, ...]:
    """Covariates by name.

    Raises:
        InputError: there is none of that name.
    """
    for name in names:
        if name not in known:
            raise InputError(
                f"no covariate is called {name!r}", source="covariates",
                remedy=f"choose among {', '.join(known)}",
            )  # fmt: skip
    return tuple(known[name] for name in names)


def covariate_values(profile: Profile, covariates: Sequence[Covariate]) -> dict[str, float]:
    """By name, what the models take of one patient; NaN where it is not known."""
    return {c.name: c.value(profile) for c in covariates}


def covariate_matrix(profiles: Sequence[Profile], covariates: Sequence[Covariate]) -> np.ndarray:
    """(n, p) what the models take; NaN where it is not known."""
    rows = [[c.value(profile) for c in covariates] for profile in profiles]
    return np.array(rows, dtype=np.float64).reshape(len(profiles), len(covariates))
