"""What the two arms' models may take from a patient's record, and in which form.

Few, each with a known place in the choice or the outcome of hepatectomy and TACE, so that some fifty
deaths in an arm can carry them. Stages are left to rules and guidelines: they are made of the same
values, more coarsely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.models.nomogram_curves import TRANSFORMS
from hccsurv_core.systems.treatment.record import Profile

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

    def text(self, value: float) -> str:
        """What the model takes, as a person reads it, with its unit."""
        if self.kind == "yes_no" and value in (0.0, 1.0):
            return "yes" if value else "no"
        shown = TRANSFORMS[self.transform].inverse(value)
        return f"{shown:.3g} {self.unit}".rstrip()


def _of(name: str) -> Callable[[Profile], Any]:
    return lambda profile: profile.record.get(name)


def _score(key: str) -> Callable[[Profile], Any]:
    return lambda profile: profile.scores[key].value


def _points(profile: Profile) -> Any:
    return profile.facts.get("child_pugh_score")


def _afp(profile: Profile) -> Any:
    found = profile.record.get("afp_ng_ml")
    # Below what assays tell apart; a logarithm of 0 does not exist.
    return None if found is None else max(float(found), 1.0)


def _central(profile: Profile) -> Any:
    place = profile.record.get("tumor_location")
    return None if place is None else place == "central"


_C = Covariate
CLINICAL_COVARIATES: tuple[Covariate, ...] = (
    _C("albi", "ALBI score", "liver", _score("albi"), ("albumin_g_l", "bilirubin_umol_l"),
       reason="liver function from albumin and bilirubin (Johnson 2015); in the paper's hepatectomy arm as a grade, here not cut"),
    _C("child_pugh_score", "Child-Pugh score", "liver", _points, ("child_pugh_score",), "points", whole=True,
       reason="who is resected depends on it; from its parts, else as recorded"),
    _C("cirrhosis", "Cirrhosis", "liver", _of("cirrhosis"), ("cirrhosis",), kind="yes_no",
       reason="in both arms of the paper"),
    _C("platelets_10e9_l", "Platelets", "liver", _of("platelets_10e9_l"), ("platelets_10e9_l",), "10⁹/L",
       reason="stands for portal hypertension, which speaks against resection"),
    _C("tumor_diameter_mm", "Largest diameter", "tumor", _of("tumor_diameter_mm"), ("tumor_diameter_mm",), "mm", "log",
       reason="in the paper's hepatectomy arm; logarithm, from 2 to 4 cm matters like from 5 to 10"),
    _C("tumor_number", "Number of tumors", "tumor", _of("tumor_number"), ("tumor_number",), "", "log2", whole=True,
       reason="makes the intermediate stage; logarithm, the second tumor matters more than the fourth"),
    _C("central", "Central location", "tumor", _central, ("tumor_location",), kind="yes_no",
       reason="in the paper's TACE arm; by the hilum a resection costs more liver"),
    _C("macrovascular_invasion", "Macrovascular invasion", "tumor", _of("macrovascular_invasion"), ("macrovascular_invasion",), kind="yes_no",
       reason="makes stage C of BCLC (Reig 2022)"),
    _C("afp_ng_ml", "AFP", "tumor", _afp, ("afp_ng_ml",), "ng/mL", "log10",
       reason="logarithm: values spread over five powers of ten; below 1 it is taken as 1"),
    _C("ecog", "ECOG status", "patient", _of("ecog"), ("ecog",), whole=True,
       reason="makes stage C and D of BCLC (Reig 2022)"),
    _C("age_years", "Age", "patient", _of("age_years"), ("age_years",), "years", whole=True,
       reason="who is operated on depends on it"),
)  # fmt: skip
BY_NAME: Mapping[str, Covariate] = {c.name: c for c in CLINICAL_COVARIATES}


def clinical_covariates(names: Sequence[str]) -> tuple[Covariate, ...]:
    """Covariates by name.

    Raises:
        InputError: there is none of that name.
    """
    for name in names:
        if name not in BY_NAME:
            raise InputError(
                f"no covariate is called {name!r}", source="covariates",
                remedy=f"choose among {', '.join(BY_NAME)}",
            )  # fmt: skip
    return tuple(BY_NAME[name] for name in names)


def covariate_values(profile: Profile, covariates: Sequence[Covariate]) -> dict[str, float]:
    """By name, what the models take of one patient; NaN where it is not known."""
    return {c.name: c.value(profile) for c in covariates}


def covariate_matrix(profiles: Sequence[Profile], covariates: Sequence[Covariate]) -> np.ndarray:
    """(n, p) what the models take; NaN where it is not known."""
    rows = [[c.value(profile) for c in covariates] for profile in profiles]
    return np.array(rows, dtype=np.float64).reshape(len(profiles), len(covariates))
