"""What guidelines say of a stage, where they differ, and which treatments they leave open.

Short paraphrases. The originals were not at hand: each statement tells how it was checked. They are
shown beside a recommendation and can withhold one; they never make one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hccsurv_core.systems.patient_profile import is_missing
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS
from hccsurv_core.systems.treatment.stop_rules import (
    AASLD_2023,
    BCLC_2022,
    CHINA_2026,
    SECOND_HAND,
)

System = Literal["bclc_stage", "cnlc_stage"]
SYSTEM_WORDS: dict[System, str] = {"bclc_stage": "BCLC", "cnlc_stage": "CNLC"}


@dataclass(frozen=True)
class GuidelineStatement:
    """What one guideline says of one or more stages.

    Args:
        guideline: whose.
        system: whose stages.
        stages: those it is about.
        says: in words.
        first: which of the two treatments is a first choice there, if any.
        open_to: which of the two are possible at all.
        source: the document. checked: how the statement was looked up.
    """

    guideline: str
    system: System
    stages: tuple[str, ...]
    says: str
    first: tuple[str, ...]
    open_to: tuple[str, ...]
    source: str
    checked: str = SECOND_HAND

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "guideline": self.guideline,
            "stages": [f"{SYSTEM_WORDS[self.system]} {stage}" for stage in self.stages],
            "says": self.says,
            "first_choice": list(self.first),
            "possible": list(self.open_to),
            "source": self.source,
            "checked": self.checked,
        }


_SURGERY, _TACE = ("hepatectomy",), ("tace",)


def _bclc(
    stages: str, says: str, first: tuple[str, ...], open_to: tuple[str, ...]
) -> GuidelineStatement:
    return GuidelineStatement(
        "BCLC 2022", "bclc_stage", tuple(stages), says, first, open_to, BCLC_2022
    )


def _china(
    stage: str, says: str, first: tuple[str, ...], open_to: tuple[str, ...]
) -> GuidelineStatement:
    return GuidelineStatement(
        "China 2026", "cnlc_stage", (stage,), says, first, open_to, CHINA_2026
    )


STATEMENTS: tuple[GuidelineStatement, ...] = (
    _bclc("0", "ablation or resection; TACE where neither can be done", _SURGERY, ARMS),
    _bclc(
        "A",
        "resection of a single tumor; ablation or transplantation of up to three small ones; TACE "
        "where none of these can be done",
        _SURGERY,
        ARMS,
    ),
    _bclc(
        "B",
        "TACE for well-defined tumors with preserved portal flow and selective access; "
        "transplantation for some; systemic treatment of diffuse tumors; no resection",
        _TACE,
        _TACE,
    ),
    _bclc("C", "systemic treatment; neither resection nor TACE", (), ()),
    _bclc("D", "supportive care", (), ()),
    GuidelineStatement(
        "AASLD 2023", "bclc_stage", ("0", "A"),
        "resection with Child-Pugh A, a single tumor, no clinically significant portal "
        "hypertension and enough liver left",
        _SURGERY, ARMS, AASLD_2023,
    ),
    GuidelineStatement(
        "AASLD 2023", "bclc_stage", ("B",),
        "resection of selected patients of stage B is among what may be done", (), ARMS, AASLD_2023,
    ),
    _china("Ia", "resection or ablation; TACE where neither can be done", _SURGERY, ARMS),
    _china("Ib", "resection; ablation or TACE otherwise", _SURGERY, ARMS),
    _china("IIa", "resection; TACE or ablation otherwise", _SURGERY, ARMS),
    _china(
        "IIb",
        "TACE, with or without systemic treatment; resection where all tumors lie in one lobe, "
        "after a tumor board",
        _TACE,
        ARMS,
    ),
    _china(
        "IIIa",
        "TACE or arterial infusion with systemic treatment; resection where the thrombus does not "
        "reach the main trunk",
        _TACE,
        ARMS,
    ),
    _china("IIIb", "systemic treatment; TACE or arterial infusion may be added", (), _TACE),
    _china("IV", "supportive care", (), ()),
)  # fmt: skip


@dataclass(frozen=True)
class GuidelineView:
    """What guidelines say of one patient.

    Args:
        statements: those about the patient's stages.
        open_to: treatments that at least one of them leaves open; all where none applies.
        conflict: a sentence where they do not agree, else "".
    """

    statements: tuple[GuidelineStatement, ...]
    open_to: frozenset[str]
    conflict: str

    def about(self, arm: str) -> str:
        """How a treatment stands with them, in a sentence; "" where none applies."""
        if not self.statements:
            return ""
        first = [s.guideline for s in self.statements if arm in s.first]
        closed = [s.guideline for s in self.statements if arm not in s.open_to]
        parts = []
        if first:
            parts.append(f"a first choice of {_listed(first)}")
        if closed:
            parts.append(f"not what {_listed(closed)} would do at this stage")
        if not parts:
            parts.append("possible, but no first choice, at this stage")
        return f"{ARM_WORDS[arm][0].upper()}{ARM_WORDS[arm][1:]} is {' and '.join(parts)}."


def guideline_view(
    record: Mapping[str, Any], statements: tuple[GuidelineStatement, ...] = STATEMENTS
) -> GuidelineView:
    """What the guidelines say of a patient's BCLC and CNLC stage.

    Args:
        record: values by name; "bclc_stage" and "cnlc_stage" are looked at.
    """
    found = tuple(s for s in statements if _is_stage(record.get(s.system), s.stages))
    if not found:
        return GuidelineView((), frozenset(ARMS), "")
    open_to = frozenset(arm for s in found for arm in s.open_to)
    return GuidelineView(found, open_to, _conflict(found))


def _conflict(found: tuple[GuidelineStatement, ...]) -> str:
    """A sentence where guidelines name other first choices, or one bars what another allows."""
    differ = len({s.first for s in found if s.first}) > 1
    bars = any(arm not in s.open_to for s in found for arm in ARMS)
    allows = any(
        arm in s.open_to and any(arm not in t.open_to for t in found) for s in found for arm in ARMS
    )
    if not differ and not (bars and allows):
        return ""
    told = "; ".join(
        f"{s.guideline} ({SYSTEM_WORDS[s.system]} {'/'.join(s.stages)}): {s.says}" for s in found
    )
    return f"Guidelines do not agree. {told}."


def _is_stage(value: Any, stages: tuple[str, ...]) -> bool:
    if is_missing(value):
        return False
    return str(value).strip().lower() in {stage.lower() for stage in stages}


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
