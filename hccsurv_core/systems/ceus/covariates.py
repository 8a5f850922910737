"""What the CEUS models may take from a patient's record, and in which form.

Candidates are the clinical variables of Table 1 of Huang et al., World J Gastrointest Oncol
2022;14(12):2380-2392 (doi 10.4251/wjgo.v14.i12.2380) that have a known place in what follows a
resection, with albumin and bilirubin (as ALBI), which it lacks. What the two stills show is measured,
not read off a report, and is no covariate here. Washout comes later than either still: it is taken from
the report, or from the curves of a clip. Sex, BMI and white cells are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hccsurv_core.errors import InputError
from hccsurv_core.systems.covariates import Covariate, at_least, covariates_named, recorded, scored
from hccsurv_core.systems.patient_profile import Profile
from hccsurv_core.systems.study_cohort import StudyCohort
from hccsurv_core.systems.training_part import choose_covariates

#: How bright a tumor is against the liver, as reports write it, by the first letters.
_DEGREES = {"hypo": 1.0, "iso": 0.0, "hyper": 0.0}
PORTAL_PHASE, PORTAL_WASHOUT = "portal_phase", "portal_washout"


def _washout(profile: Profile) -> float | None:
    """1 where the tumor is darker than the liver in the portal phase, 0 where it is not.

    Raises:
        InputError: the report says something else.
    """
    told = profile.record.get(PORTAL_PHASE)
    if told is None:
        return None
    for begins, value in _DEGREES.items():
        if str(told).strip().lower().startswith(begins):
            return value
    raise InputError(
        f"{told!r} is no degree of enhancement", source=PORTAL_PHASE,
        remedy="write hypoenhancement, isoenhancement or hyperenhancement",
    )  # fmt: skip


_C = Covariate
CLINICAL_COVARIATES: tuple[Covariate, ...] = (
    _C("albi", "ALBI score", "liver", scored("albi"), ("albumin_g_l", "bilirubin_umol_l"),
       reason="liver function from albumin and bilirubin (Johnson 2015)"),
    _C("cirrhosis", "Cirrhosis", "liver", recorded("cirrhosis"), ("cirrhosis",), kind="yes_no",
       reason="where new tumors arise"),
    _C("hbsag", "Hepatitis B", "liver", recorded("hbsag"), ("hbsag",), kind="yes_no",
       reason="in the paper's Table 1; an active infection goes with late recurrence"),
    _C("alt_u_l", "ALT", "liver", at_least("alt_u_l", 1.0), ("alt_u_l",), "U/L", "log",
       reason="inflammation; logarithm, it spreads over powers of ten"),
    _C("ast_u_l", "AST", "liver", at_least("ast_u_l", 1.0), ("ast_u_l",), "U/L", "log",
       reason="inflammation and fibrosis; logarithm"),
    _C("tumor_diameter_mm", "Largest diameter", "tumor", recorded("tumor_diameter_mm"),
       ("tumor_diameter_mm",), "mm", "log",
       reason="logarithm, from 2 to 4 cm matters like from 5 to 10"),
    _C("tumor_number", "Number of tumors", "tumor", recorded("tumor_number"), ("tumor_number",), "",
       "log2", whole=True,
       reason="logarithm, the second tumor matters more than the fourth"),
    _C(PORTAL_WASHOUT, "Washout in the portal phase", "tumor", _washout, (PORTAL_PHASE,),
       kind="yes_no",
       reason="darker than the liver 30 to 120 s after the agent, which neither still shows; in the "
       "paper's Table 1, and what CEUS LI-RADS 2017 grades by"),
    _C("microvascular_invasion", "Microvascular invasion", "tumor",
       recorded("microvascular_invasion"), ("microvascular_invasion",), kind="yes_no",
       reason="in the paper's Table 1; from the specimen, so known only after resection"),
    _C("afp_ng_ml", "AFP", "tumor", at_least("afp_ng_ml", 1.0), ("afp_ng_ml",), "ng/mL", "log10",
       reason="logarithm: values spread over five powers of ten; below 1 it is taken as 1"),
    _C("age_years", "Age", "patient", recorded("age_years"), ("age_years",), "years", whole=True,
       reason="part of every published score of survival after hepatectomy"),
)  # fmt: skip
#: Known from the specimen: taken only where they are asked for, since models answer before a resection.
AFTER_RESECTION = ("microvascular_invasion",)
BY_NAME: Mapping[str, Covariate] = {c.name: c for c in CLINICAL_COVARIATES}


def clinical_covariates(names: Sequence[str]) -> tuple[Covariate, ...]:
    """Covariates by name.

    Raises:
        InputError: there is none of that name.
    """
    return covariates_named(BY_NAME, names)


def choose_clinical(
    cohort: StudyCohort, asked: Sequence[str] | None, min_known: float
) -> tuple[tuple[Covariate, ...], dict[str, str]]:
    """The clinical covariates of a training, and by name why others are none.

    Args:
        cohort: training patients.
        asked: covariates by name; None takes all that are known before a resection, of enough patients.
        min_known: so large a share of the patients must have a value.

    Raises:
        InputError: there is none of that name.
        StatisticsError: none can be used, or one that was asked for cannot.
    """
    if asked is not None:
        return choose_covariates(cohort, clinical_covariates(asked), min_known, asked=True)
    before = [c for c in CLINICAL_COVARIATES if c.name not in AFTER_RESECTION]
    chosen, left_out = choose_covariates(cohort, before, min_known)
    late = dict.fromkeys(
        AFTER_RESECTION, "known only after the resection; taken if asked for by name"
    )
    return chosen, {**left_out, **late}
