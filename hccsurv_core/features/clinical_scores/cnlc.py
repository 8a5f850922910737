"""China liver cancer stage, from Ia to IV, by the guideline's edition of 2022.

Zhou et al., Liver Cancer 2023. The worst of four findings decides: number and size of the tumors,
spread beyond them, performance status, and the liver's function.
"""

from __future__ import annotations

from hccsurv_core.features.clinical_scores.result import (
    ClinicalScore,
    Level,
    ScoreDefinition,
    ScorePart,
)
from hccsurv_core.features.clinical_scores.staging import burden, finding, stage_of
from hccsurv_core.features.clinical_scores.values import (
    known_choice,
    known_number,
    known_truth,
    missing_of,
)

#: Largest diameter of a single tumor of stage Ia, and of two or three of stage Ib; both included.
SINGLE_MM, SEVERAL_MM = 50.0, 30.0
#: Most tumors of stages Ib and IIa.
SEVERAL = 3
#: Largest ECOG status of stages I to III.
FIT = 2

CNLC = ScoreDefinition(
    key="cnlc",
    title="CNLC stage",
    about="China liver cancer stage: tumor, spread, fitness and liver function.",
    formula=(
        "the worst of: a single tumor up to 50 mm is Ia; a larger single one, or two or three of at "
        "most 30 mm each, Ib; two or three with one larger IIa; four or more IIb; vascular invasion "
        "IIIa; extrahepatic metastasis IIIb; ECOG 3 or 4 or Child-Pugh C IV"
    ),
    unit="",
    arguments=(
        "tumor_number", "tumor_diameter_mm", "macrovascular_invasion", "extrahepatic_spread", "ecog",
        "child_pugh_class",
    ),
    levels=(
        Level("Ia", "stage Ia", "single tumor up to 50 mm"),
        Level("Ib", "stage Ib", "single tumor above 50 mm, or 2 to 3 of at most 30 mm each"),
        Level("IIa", "stage IIa", "2 to 3 tumors, the largest above 30 mm"),
        Level("IIb", "stage IIb", "4 tumors or more, of any size"),
        Level("IIIa", "stage IIIa", "vascular invasion, any tumor"),
        Level("IIIb", "stage IIIb", "extrahepatic metastasis, any tumor"),
        Level("IV", "stage IV", "ECOG 3 to 4, or Child-Pugh C, any tumor"),
    ),
    decisions=(
        "ECOG 0 to 2 and Child-Pugh A or B change no stage: unlike BCLC, ECOG 1 is not advanced.",
        "Invasion is that of vessels on imaging, not what the microscope finds in a specimen.",
    ),
    source=(
        "Zhou J et al. Guidelines for the diagnosis and treatment of primary liver cancer (2022 "
        "edition). Liver Cancer 2023;12(5):405-444. doi:10.1159/000530495"
    ),
    doi="10.1159/000530495",
)  # fmt: skip


def cnlc(
    *,
    tumor_number: float | None = None,
    tumor_diameter_mm: float | None = None,
    macrovascular_invasion: bool | None = None,
    extrahepatic_spread: bool | None = None,
    ecog: float | None = None,
    child_pugh_class: str | None = None,
) -> ClinicalScore:
    """CNLC stage.

    Args:
        tumor_number: tumors in the liver, 1 or more.
        tumor_diameter_mm: largest diameter of the largest tumor, mm.
        macrovascular_invasion: tumor in a vein on imaging.
        extrahepatic_spread: metastases beyond the liver, lymph nodes among them.
        ecog: performance status, 0 to 4.
        child_pugh_class: "A", "B" or "C". None is not known.

    Raises:
        InputError: a value is not possible.
    """
    number = known_number("tumor_number", tumor_number)
    diameter = known_number("tumor_diameter_mm", tumor_diameter_mm)
    vessels = known_truth("macrovascular_invasion", macrovascular_invasion)
    spread = known_truth("extrahepatic_spread", extrahepatic_spread)
    fitness = known_number("ecog", ecog)
    liver = known_choice("child_pugh_class", child_pugh_class)
    parts = (
        burden(
            number, diameter, _by_burden, (1, 2, SEVERAL + 1),
            (SEVERAL_MM, SINGLE_MM, SINGLE_MM + 1), CNLC.codes,
        ),
        _either("macrovascular_invasion", vessels, bool(vessels), "IIIa"),
        _either("extrahepatic_spread", spread, bool(spread), "IIIb"),
        _either("ecog", fitness, fitness is not None and fitness > FIT, "IV"),
        _either("child_pugh_class", liver, liver == "C", "IV"),
    )  # fmt: skip
    missing = missing_of(
        tumor_number=number,
        tumor_diameter_mm=diameter,
        macrovascular_invasion=vessels,
        extrahepatic_spread=spread,
        ecog=fitness,
        child_pugh_class=liver,
    )
    return stage_of(CNLC, parts, missing)


def _by_burden(number: int, diameter_mm: float) -> str:
    if number == 1:
        return "Ia" if diameter_mm <= SINGLE_MM else "Ib"
    if number > SEVERAL:
        return "IIb"
    return "Ib" if diameter_mm <= SEVERAL_MM else "IIa"


def _either(name: str, value: object, bad: bool, stage: str) -> ScorePart:
    """A finding that makes ``stage`` or none."""
    reason = f"makes stage {stage}" if bad else "makes no stage"
    return finding(name, value, stage if bad else "Ia", ("Ia", stage), reason)
