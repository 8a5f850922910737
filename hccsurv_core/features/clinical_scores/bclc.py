"""Barcelona Clinic Liver Cancer stage, from 0 to D, by the update of 2022.

Reig et al., J Hepatol 2022. The worst of four findings decides: number and size of the tumors,
spread beyond them, performance status, and the liver's function.
"""

from __future__ import annotations

from dataclasses import replace

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

#: Largest diameter of a single tumor of stage 0, and of each of several of stage A; both included.
VERY_EARLY_MM, SEVERAL_EARLY_MM = 20.0, 30.0
#: Most tumors of stage A.
SEVERAL = 3
#: Above this a single tumor is what some centers called B before 2022.
_LARGE_MM = 50.0

BCLC = ScoreDefinition(
    key="bclc",
    title="BCLC stage",
    about="Barcelona Clinic Liver Cancer stage: tumor, spread, fitness and liver function.",
    formula=(
        "the worst of: a single tumor up to 20 mm is 0; a single tumor of any size, or up to three "
        "of at most 30 mm each, A; more or larger ones B; macrovascular invasion, extrahepatic "
        "spread or ECOG 1 or 2 C; ECOG 3 or 4 or end-stage liver function D"
    ),
    unit="",
    arguments=(
        "tumor_number", "tumor_diameter_mm", "macrovascular_invasion", "extrahepatic_spread", "ecog",
        "child_pugh_class",
    ),
    levels=(
        Level("0", "stage 0 (very early)", "single tumor up to 20 mm"),
        Level("A", "stage A (early)", "single tumor, or up to three of at most 30 mm each"),
        Level("B", "stage B (intermediate)", "more or larger tumors"),
        Level("C", "stage C (advanced)", "vascular invasion, extrahepatic spread, or ECOG 1 to 2"),
        Level("D", "stage D (terminal)", "ECOG 3 to 4, or end-stage liver function"),
    ),
    decisions=(
        "A single tumor is A whatever its size, also above 50 mm.",
        "Two or three tumors of at most 30 mm each are A; of two or three with one larger, B.",
        "ECOG 1 or 2 makes C, because it is put down to the tumor unless the caller says that "
        "another illness is behind it.",
        "Child-Pugh C stands for end-stage liver function and makes D, unless the caller says that "
        "transplantation is open to the patient: then the tumor decides.",
        "Child-Pugh B changes no stage, though the treatments of stages 0 to C ask for preserved "
        "liver function.",
        "Invasion is that of large vessels on imaging, not what the microscope finds in a specimen.",
    ),
    source="Reig M et al. J Hepatol 2022;76(3):681-693. doi:10.1016/j.jhep.2021.11.018",
    doi="10.1016/j.jhep.2021.11.018",
)  # fmt: skip


def bclc(
    *,
    tumor_number: float | None = None,
    tumor_diameter_mm: float | None = None,
    macrovascular_invasion: bool | None = None,
    extrahepatic_spread: bool | None = None,
    ecog: float | None = None,
    child_pugh_class: str | None = None,
    ecog_from_tumor: bool = True,
    transplant_candidate: bool = False,
) -> ClinicalScore:
    """BCLC stage.

    Args:
        tumor_number: tumors in the liver, 1 or more.
        tumor_diameter_mm: largest diameter of the largest tumor, mm.
        macrovascular_invasion: tumor in a portal or hepatic vein on imaging.
        extrahepatic_spread: metastases beyond the liver, lymph nodes among them.
        ecog: performance status, 0 to 4.
        child_pugh_class: "A", "B" or "C". None is not known.
        ecog_from_tumor: False where ECOG 1 or 2 is due to another illness: it then makes no stage.
        transplant_candidate: True where a liver transplantation is open in spite of Child-Pugh C.

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
            (VERY_EARLY_MM, SEVERAL_EARLY_MM, SEVERAL_EARLY_MM + 1), BCLC.codes,
        ),
        _invasion("macrovascular_invasion", vessels),
        _invasion("extrahepatic_spread", spread),
        _by_fitness(fitness, ecog_from_tumor),
        _by_liver(liver, transplant_candidate),
    )  # fmt: skip
    missing = missing_of(
        tumor_number=number,
        tumor_diameter_mm=diameter,
        macrovascular_invasion=vessels,
        extrahepatic_spread=spread,
        ecog=fitness,
        child_pugh_class=liver,
    )
    found = stage_of(BCLC, parts, missing, _notes(liver))
    if found.code == "A" and number == 1 and diameter is not None and diameter > _LARGE_MM:
        note = "a single tumor above 50 mm is stage A because it is single; some centers say B"
        return replace(found, notes=(*found.notes, note))
    return found


def _by_burden(number: int, diameter_mm: float) -> str:
    if number == 1:
        return "0" if diameter_mm <= VERY_EARLY_MM else "A"
    return "A" if number <= SEVERAL and diameter_mm <= SEVERAL_EARLY_MM else "B"


def _invasion(name: str, found: bool | None) -> ScorePart:
    return finding(
        name, found, "C" if found else "0", ("0", "C"),
        "makes stage C" if found else "none, makes no stage",
    )  # fmt: skip


def _by_fitness(ecog: float | None, from_tumor: bool) -> ScorePart:
    counts = from_tumor or (ecog is not None and ecog >= 3)
    stage = "0" if not ecog or not counts else "C" if ecog <= 2 else "D"
    reason = {
        "0": "makes no stage" if not ecog else "put down to another illness, makes no stage",
        "C": "symptoms of the tumor make stage C",
        "D": "in bed or a chair for more than half of the day, makes stage D",
    }[stage]
    return finding("ecog", ecog, stage, ("0", "C", "D") if from_tumor else ("0", "D"), reason)


def _by_liver(child_pugh: str | None, transplant_candidate: bool) -> ScorePart:
    end_stage = child_pugh == "C" and not transplant_candidate
    if end_stage:
        reason = "end-stage liver function makes stage D"
    elif child_pugh == "C":
        reason = "end-stage liver function, but transplantation is open: makes no stage"
    else:
        reason = "no end-stage liver function, makes no stage"
    options = ("0",) if transplant_candidate else ("0", "D")
    return finding("child_pugh_class", child_pugh, "D" if end_stage else "0", options, reason)


def _notes(child_pugh: str | None) -> tuple[str, ...]:
    if child_pugh != "B":
        return ()
    return ("Child-Pugh B: the treatments of stages 0 to C ask for preserved liver function",)
