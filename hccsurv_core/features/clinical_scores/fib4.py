"""FIB-4 index of liver fibrosis.

Sterling et al., Hepatology 2006: made in patients with HIV and hepatitis C, against biopsy.
"""

from __future__ import annotations

import math

from hccsurv_core.features.clinical_scores.result import (
    ClinicalScore,
    Level,
    ScoreDefinition,
    number_part,
)
from hccsurv_core.features.clinical_scores.values import known_number, missing_of

#: Between these (both included) the index does not tell.
LOW, HIGH = 1.45, 3.25
#: Outside these ages the bounds are known to mislead (McPherson et al. 2017).
_YOUNG, _OLD = 35, 65
_DECIMALS = 9

FIB4 = ScoreDefinition(
    key="fib4",
    title="FIB-4 index",
    about="How likely advanced fibrosis is, from age and three laboratory values.",
    formula="age (years) × AST (U/L) / (platelets (10⁹/L) × √ALT (U/L))",
    unit="",
    arguments=("age_years", "ast_u_l", "alt_u_l", "platelets_10e9_l"),
    levels=(
        Level("low", "advanced fibrosis unlikely", "below 1.45"),
        Level("indeterminate", "indeterminate", "1.45 to 3.25"),
        Level("high", "advanced fibrosis likely", "above 3.25"),
    ),
    decisions=(
        "A value on a bound is indeterminate.",
        "The bounds are those of 2006, made in chronic hepatitis C; fatty liver has others (1.30 and "
        "2.67). Below 35 and above 65 years they mislead (McPherson 2017, doi:10.1038/ajg.2016.453).",
    ),
    source="Sterling RK et al. Hepatology 2006;43(6):1317-1325. doi:10.1002/hep.21178",
    doi="10.1002/hep.21178",
)


def fib4(
    *,
    age_years: float | None = None,
    ast_u_l: float | None = None,
    alt_u_l: float | None = None,
    platelets_10e9_l: float | None = None,
) -> ClinicalScore:
    """FIB-4 index and what it says of advanced fibrosis.

    Args:
        age_years: age. ast_u_l, alt_u_l: aminotransferases, U/L.
        platelets_10e9_l: platelets, 10⁹/L. None is not known.

    Raises:
        InputError: a value is not possible.
    """
    age = known_number("age_years", age_years)
    ast = known_number("ast_u_l", ast_u_l)
    alt = known_number("alt_u_l", alt_u_l)
    platelets = known_number("platelets_10e9_l", platelets_10e9_l)
    parts = (
        number_part("age_years", age, None, "multiplies"),
        number_part("ast_u_l", ast, None, "multiplies"),
        number_part("alt_u_l", alt, None, "its square root divides"),
        number_part("platelets_10e9_l", platelets, None, "divides"),
    )
    missing = missing_of(age_years=age, ast_u_l=ast, alt_u_l=alt, platelets_10e9_l=platelets)
    if age is None or ast is None or alt is None or platelets is None:
        return ClinicalScore(FIB4, None, None, parts, missing, FIB4.codes)
    value = age * ast / (platelets * math.sqrt(alt))
    exact = round(value, _DECIMALS)
    code = "low" if exact < LOW else "indeterminate" if exact <= HIGH else "high"
    notes: tuple[str, ...] = ()
    if not _YOUNG <= age <= _OLD:
        notes = (f"at {age:g} years the bounds mislead; they were made for 35 to 65",)
    return ClinicalScore(FIB4, value, code, parts, (), (code,), notes)
