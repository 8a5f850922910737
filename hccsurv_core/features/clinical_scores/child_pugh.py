"""Child-Pugh points and class from five findings.

Pugh et al., Br J Surg 1973. The bounds of albumin and of the prothrombin time are theirs; bilirubin
of 2 and 3 mg/dL is written as 34 and 51 µmol/L, and the INR takes the place of the prothrombin time,
as in present-day tables.
"""

from __future__ import annotations

from collections.abc import Sequence

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.result import (
    ClinicalScore,
    Level,
    ScoreDefinition,
    ScorePart,
    labels_of,
    number_part,
)
from hccsurv_core.features.clinical_scores.values import (
    ARGUMENTS,
    ASCITES,
    ASCITES_SYNONYMS,
    ENCEPHALOPATHY,
    given_text,
    known_choice,
    known_number,
)

#: Between these (both included) are 2 points; on the good side 1, on the other 3.
ALBUMIN_G_L = (28.0, 35.0)
BILIRUBIN_UMOL_L = (34.0, 51.0)
INR = (1.7, 2.3)
PROLONGED_S = (4.0, 6.0)
#: Largest number of points of classes A and B.
CLASS_A, CLASS_B = 6, 9
#: 1 mg/dL of bilirubin (molar mass 584.66 g/mol).
_UMOL_L_PER_MG_DL = 1e4 / 584.66
#: What is lost where 3.0 mg/dL was written down as 51.3 µmol/L.
_ROUNDING = 0.05

CHILD_PUGH = ScoreDefinition(
    key="child_pugh",
    title="Child-Pugh score",
    about="How far cirrhosis has taken the liver's function.",
    formula=(
        "sum of 1 to 3 points each for albumin (above 35, 28 to 35, below 28 g/L), bilirubin "
        "(below 34, 34 to 51, above 51 µmol/L), INR (below 1.7, 1.7 to 2.3, above 2.3) or else "
        "prothrombin time above control (below 4, 4 to 6, above 6 s), ascites (none, slight, "
        "moderate) and encephalopathy (none, grade 1 or 2, grade 3 or 4)"
    ),
    unit="points",
    arguments=(
        "albumin_g_l", "bilirubin_umol_l", "inr", "prothrombin_prolonged_s", "ascites",
        "encephalopathy",
    ),
    levels=(
        Level("A", "class A", "5 or 6 points"),
        Level("B", "class B", "7 to 9 points"),
        Level("C", "class C", "10 to 15 points"),
    ),
    decisions=(
        "Albumin bounds are Pugh's 28 and 35 g/L; some tables have 30 in place of 28.",
        "Where INR and prothrombin time are both known, the INR counts.",
        "Not for primary biliary cholangitis, for which Pugh's bounds of bilirubin are higher.",
    ),
    source="Pugh RN et al. Br J Surg 1973;60(8):646-649. doi:10.1002/bjs.1800600817",
    doi="10.1002/bjs.1800600817",
)  # fmt: skip


def child_pugh_class(points: float) -> str:
    """ "A", "B" or "C" of 5 to 15 points.

    Raises:
        InputError: points outside 5 to 15, not whole, or missing.
    """
    total = known_number("child_pugh_score", points)
    if total is None:
        raise InputError("points are needed", source="child_pugh_score")
    return "A" if total <= CLASS_A else "B" if total <= CLASS_B else "C"


def child_pugh(
    *,
    albumin_g_l: float | None = None,
    bilirubin_umol_l: float | None = None,
    inr: float | None = None,
    prothrombin_prolonged_s: float | None = None,
    ascites: str | None = None,
    encephalopathy: str | None = None,
) -> ClinicalScore:
    """Child-Pugh points and class.

    Args:
        albumin_g_l: serum albumin, g/L. bilirubin_umol_l: total serum bilirubin, µmol/L.
        inr: international normalized ratio.
        prothrombin_prolonged_s: prothrombin time above control, seconds; only where the INR is
            not known.
        ascites: "none", "slight" (also "mild") or "moderate" (also "severe").
        encephalopathy: "none", "grade_1_2" or "grade_3_4". None is not known.

    Raises:
        InputError: a value is not possible.
    """
    albumin = known_number("albumin_g_l", albumin_g_l)
    bilirubin = known_number("bilirubin_umol_l", bilirubin_umol_l)
    fluid = known_choice("ascites", ascites, ASCITES_SYNONYMS)
    mind = known_choice("encephalopathy", encephalopathy)
    clotting, notes = _clotting(inr, prothrombin_prolonged_s)
    parts = (
        _falling("albumin_g_l", albumin, ALBUMIN_G_L),
        _rising("bilirubin_umol_l", bilirubin, BILIRUBIN_UMOL_L),
        clotting,
        _chosen("ascites", fluid, tuple(ASCITES)),
        _chosen("encephalopathy", mind, tuple(ENCEPHALOPATHY)),
    )
    return _total(parts, (*_edge_of_units(bilirubin), *notes))


def _total(parts: Sequence[ScorePart], notes: Sequence[str]) -> ClinicalScore:
    known = [part.points for part in parts if part.points is not None]
    missing = tuple(part.name for part in parts if part.points is None)
    low, high = sum(known) + len(missing), sum(known) + 3 * len(missing)
    codes = CHILD_PUGH.codes
    first, last = codes.index(child_pugh_class(low)), codes.index(child_pugh_class(high))
    possible = codes[first : last + 1]
    code = possible[0] if len(possible) == 1 else None
    told = list(notes)
    if missing and known:
        told.append(f"{low:g} to {high:g} points, depending on {labels_of(missing)}")
        if code is not None:
            told.append(f"class {code} whatever {labels_of(missing)} would be")
    value = None if missing else float(low)
    return ClinicalScore(CHILD_PUGH, value, code, tuple(parts), missing, possible, tuple(told))


def _rising(name: str, value: float | None, bounds: tuple[float, float]) -> ScorePart:
    """More is worse."""
    if value is None:
        return number_part(name, None, None, "")
    points = 1 if value < bounds[0] else 2 if value <= bounds[1] else 3
    reason = (f"below {bounds[0]:g}", _between(bounds), f"above {bounds[1]:g}")[points - 1]
    return number_part(name, value, points, _with_points(reason, points))


def _falling(name: str, value: float | None, bounds: tuple[float, float]) -> ScorePart:
    """Less is worse."""
    if value is None:
        return number_part(name, None, None, "")
    points = 1 if value > bounds[1] else 2 if value >= bounds[0] else 3
    reason = (f"above {bounds[1]:g}", _between(bounds), f"below {bounds[0]:g}")[points - 1]
    return number_part(name, value, points, _with_points(reason, points))


def _chosen(name: str, code: str | None, codes: Sequence[str]) -> ScorePart:
    label, given = ARGUMENTS[name].label, given_text(name, code)
    if code is None:
        return ScorePart(name, label, given, None, "not known")
    points = codes.index(code) + 1
    return ScorePart(name, label, given, points, _with_points(given, points))


def _clotting(inr: object, prolonged_s: object) -> tuple[ScorePart, tuple[str, ...]]:
    """INR, or the prothrombin time where it is not known; a note where they disagree."""
    ratio = known_number("inr", inr)
    seconds = known_number("prothrombin_prolonged_s", prolonged_s)
    by_time = _rising("prothrombin_prolonged_s", seconds, PROLONGED_S)
    if ratio is None and seconds is not None:
        return by_time, ()
    by_ratio = _rising("inr", ratio, INR)
    if seconds is None or by_time.points == by_ratio.points:
        return by_ratio, ()
    return by_ratio, (
        f"by the prothrombin time clotting would have {_points(by_time.points)}, "
        f"by the INR it has {_points(by_ratio.points)}",
    )


def _edge_of_units(bilirubin: float | None) -> tuple[str, ...]:
    """34 and 51 µmol/L are a little less than 2 and 3 mg/dL: in between, the two tables differ."""
    if bilirubin is None:
        return ()
    two, three = 2 * _UMOL_L_PER_MG_DL, 3 * _UMOL_L_PER_MG_DL
    if BILIRUBIN_UMOL_L[0] <= bilirubin < two - _ROUNDING:
        where, by_mg_dl, by_umol_l = "between 34 µmol/L and 2 mg/dL", 1, 2
    elif BILIRUBIN_UMOL_L[1] < bilirubin <= three + _ROUNDING:
        where, by_mg_dl, by_umol_l = "between 51 µmol/L and 3 mg/dL", 2, 3
    else:
        return ()
    return (
        f"bilirubin lies {where}: the table in mg/dL gives {_points(by_mg_dl)}, the one in µmol/L, "
        f"which is used here, {_points(by_umol_l)}",
    )


def _between(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:g} to {bounds[1]:g}"


def _with_points(reason: str, points: int) -> str:
    return f"{reason}: {_points(points)}"


def _points(points: float | None) -> str:
    return "1 point" if points == 1 else f"{points:g} points"
