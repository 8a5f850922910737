"""What the two arms' models may take from a patient's record, and in which form.

Few, each with a known place in the choice or the outcome of hepatectomy and TACE, so that some fifty
deaths in an arm can carry them. Stages are left to rules and guidelines: they are made of the same
values, more coarsely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hccsurv_core.systems.covariates import Covariate, at_least, covariates_named, recorded, scored
from hccsurv_core.systems.patient_profile import Profile


def _points(profile: Profile) -> Any:
    return profile.facts.get("child_pugh_score")


def _central(profile: Profile) -> Any:
    place = profile.record.get("tumor_location")
    return None if place is None else place == "central"


_C = Covariate
CLINICAL_COVARIATES: tuple[Covariate, ...] = (
    _C("albi", "ALBI score", "liver", scored("albi"), ("albumin_g_l", "bilirubin_umol_l"),
       reason="liver function from albumin and bilirubin (Johnson 2015); in the paper's hepatectomy arm as a grade, here not cut"),
    _C("child_pugh_score", "Child-Pugh score", "liver", _points, ("child_pugh_score",), "points", whole=True,
       reason="who is resected depends on it; from its parts, else as recorded"),
    _C("cirrhosis", "Cirrhosis", "liver", recorded("cirrhosis"), ("cirrhosis",), kind="yes_no",
       reason="in both arms of the paper"),
    _C("platelets_10e9_l", "Platelets", "liver", recorded("platelets_10e9_l"), ("platelets_10e9_l",), "10⁹/L",
       reason="stands for portal hypertension, which speaks against resection"),
    _C("tumor_diameter_mm", "Largest diameter", "tumor", recorded("tumor_diameter_mm"), ("tumor_diameter_mm",), "mm", "log",
       reason="in the paper's hepatectomy arm; logarithm, from 2 to 4 cm matters like from 5 to 10"),
    _C("tumor_number", "Number of tumors", "tumor", recorded("tumor_number"), ("tumor_number",), "", "log2", whole=True,
       reason="makes the intermediate stage; logarithm, the second tumor matters more than the fourth"),
    _C("central", "Central location", "tumor", _central, ("tumor_location",), kind="yes_no",
       reason="in the paper's TACE arm; by the hilum a resection costs more liver"),
    _C("macrovascular_invasion", "Macrovascular invasion", "tumor", recorded("macrovascular_invasion"), ("macrovascular_invasion",), kind="yes_no",
       reason="makes stage C of BCLC (Reig 2022)"),
    _C("afp_ng_ml", "AFP", "tumor", at_least("afp_ng_ml", 1.0), ("afp_ng_ml",), "ng/mL", "log10",
       reason="logarithm: values spread over five powers of ten; below 1 it is taken as 1"),
    _C("ecog", "ECOG status", "patient", recorded("ecog"), ("ecog",), whole=True,
       reason="makes stage C and D of BCLC (Reig 2022)"),
    _C("age_years", "Age", "patient", recorded("age_years"), ("age_years",), "years", whole=True,
       reason="who is operated on depends on it"),
)  # fmt: skip
BY_NAME: Mapping[str, Covariate] = {c.name: c for c in CLINICAL_COVARIATES}


def clinical_covariates(names: Sequence[str]) -> tuple[Covariate, ...]:
    """Covariates by name.

    Raises:
        InputError: there is none of that name.
    """
    return covariates_named(BY_NAME, names)
