"""Albumin-bilirubin score and its grades, three as published and four as refined in Japan.

Johnson et al., J Clin Oncol 2015: made for patients with hepatocellular carcinoma. Hiraoka et al.,
Liver Cancer 2017 divide grade 2 at −2.27, which stands for an indocyanine green retention of 30 %.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hccsurv_core.features.clinical_scores.result import (
    ClinicalScore,
    Level,
    ScoreDefinition,
    number_part,
)
from hccsurv_core.features.clinical_scores.values import known_number, missing_of

#: Upper bounds of grades 1, 2a and 2.
GRADE_1, GRADE_2A, GRADE_2 = -2.60, -2.27, -1.39
#: A score is compared after rounding to this many decimals, so that what is −2.60 on paper is not
#: −2.5999999999999996.
_DECIMALS = 9
_FORMULA = "0.66 × log₁₀ bilirubin (µmol/L) − 0.085 × albumin (g/L)"
_BILIRUBIN, _ALBUMIN = 0.66, -0.085

ALBI = ScoreDefinition(
    key="albi",
    title="ALBI score",
    about="Liver function from two laboratory values, without anyone's judgment.",
    formula=_FORMULA,
    unit="",
    arguments=("albumin_g_l", "bilirubin_umol_l"),
    levels=(
        Level("1", "grade 1", "−2.60 or less"),
        Level("2", "grade 2", "above −2.60 to −1.39"),
        Level("3", "grade 3", "above −1.39"),
    ),
    decisions=("A score on a bound has the better grade, as published.",),
    source="Johnson PJ et al. J Clin Oncol 2015;33(6):550-558. doi:10.1200/JCO.2014.57.9151",
    doi="10.1200/JCO.2014.57.9151",
)
MODIFIED_ALBI = replace(
    ALBI,
    key="modified_albi",
    title="Modified ALBI grade",
    about="The ALBI score with its wide middle grade in two.",
    levels=(
        Level("1", "grade 1", "−2.60 or less"),
        Level("2a", "grade 2a", "above −2.60 to −2.27"),
        Level("2b", "grade 2b", "above −2.27 to −1.39"),
        Level("3", "grade 3", "above −1.39"),
    ),
    decisions=(
        "A score on a bound has the better grade. Papers write both ≤ and < for −2.27; two decimals "
        "of a score make no difference that matters.",
    ),
    source="Hiraoka A et al. Liver Cancer 2017;6(4):325-336. doi:10.1159/000479984",
    doi="10.1159/000479984",
)


def albi_value(bilirubin_umol_l: float, albumin_g_l: float) -> float:
    """The score alone, of any two numbers; NaN where bilirubin has no logarithm.

    For models that take it as a covariate; :func:`albi` checks what it is given.
    """
    if not bilirubin_umol_l > 0:
        return math.nan
    # In this order of operations the values of models trained before are met to the last bit.
    return _BILIRUBIN * math.log(bilirubin_umol_l) / math.log(10) + _ALBUMIN * albumin_g_l


def albi_grade(score: float) -> str:
    """ "1", "2" or "3"."""
    exact = round(score, _DECIMALS)
    return "1" if exact <= GRADE_1 else "2" if exact <= GRADE_2 else "3"


def modified_albi_grade(score: float) -> str:
    """ "1", "2a", "2b" or "3"."""
    grade = albi_grade(score)
    if grade != "2":
        return grade
    return "2a" if round(score, _DECIMALS) <= GRADE_2A else "2b"


def albi(
    *, albumin_g_l: float | None = None, bilirubin_umol_l: float | None = None
) -> ClinicalScore:
    """ALBI score and grade.

    Args:
        albumin_g_l: serum albumin, g/L.
        bilirubin_umol_l: total serum bilirubin, µmol/L. None is not known.

    Raises:
        InputError: a value is not possible.
    """
    return _albi(ALBI, albumin_g_l, bilirubin_umol_l)


def modified_albi(
    *, albumin_g_l: float | None = None, bilirubin_umol_l: float | None = None
) -> ClinicalScore:
    """ALBI score and modified grade; as :func:`albi`."""
    return _albi(MODIFIED_ALBI, albumin_g_l, bilirubin_umol_l)


def _albi(definition: ScoreDefinition, albumin: object, bilirubin: object) -> ClinicalScore:
    g_l = known_number("albumin_g_l", albumin)
    umol_l = known_number("bilirubin_umol_l", bilirubin)
    from_albumin = None if g_l is None else _ALBUMIN * g_l
    from_bilirubin = None if umol_l is None else albi_value(umol_l, 0.0)
    parts = (
        number_part("albumin_g_l", g_l, from_albumin, "−0.085 × albumin"),
        number_part("bilirubin_umol_l", umol_l, from_bilirubin, "0.66 × log₁₀ bilirubin"),
    )
    missing = missing_of(albumin_g_l=g_l, bilirubin_umol_l=umol_l)
    if g_l is None or umol_l is None:
        return ClinicalScore(definition, None, None, parts, missing, definition.codes)
    value = albi_value(umol_l, g_l)
    code = albi_grade(value) if definition is ALBI else modified_albi_grade(value)
    return ClinicalScore(definition, value, code, parts, (), (code,))
