"""Findings with which no recommendation is made, or one treatment is not recommended.

The rules are data: what is looked at, which treatments it bars, why, where that is from, and how the
source was checked. They are deliberately few and coarse; a tumor board knows more. What guidelines
say of a stage is in :mod:`~hccsurv_core.systems.treatment.guidelines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hccsurv_core.checks import checked_number
from hccsurv_core.systems.patient_profile import is_missing
from hccsurv_core.systems.treatment.arm_table import ARMS

BCLC_2022 = "Reig et al., J Hepatol 2022;76:681-693, doi:10.1016/j.jhep.2021.11.018"
AASLD_2023 = "Singal et al. (AASLD), Hepatology 2023, doi:10.1097/HEP.0000000000000466"
CHINA_2026 = (
    "National Health Commission of China, guideline for primary liver cancer, 2026 edition "
    "(Med J Peking Union Med Coll Hosp 2026;17:735-770)"
)
#: How sources were checked: the originals were not at hand.
SECOND_HAND = "read in digests and reviews, not in the original"


@dataclass(frozen=True)
class Condition:
    """One thing that is looked at.

    Args:
        fact: name of a clinical value.
        test: "is" one of ``values``, or "at_least" / "above" the first of them.
        values: what it is held against; texts are compared without regard to case.
    """

    fact: str
    test: Literal["is", "at_least", "above"]
    values: tuple[Any, ...]

    def holds(self, record: Mapping[str, Any]) -> bool | None:
        """Whether it does; None where the value is not known.

        Raises:
            InputError: a number is asked for, and the value is none.
        """
        value = record.get(self.fact)
        if is_missing(value):
            return None
        if self.test == "is":
            return _plain(value) in {_plain(v) for v in self.values}
        number, limit = checked_number(value, self.fact), float(self.values[0])
        return number > limit if self.test == "above" else number >= limit


@dataclass(frozen=True)
class StopRule:
    """A finding that bars treatments.

    Args:
        name: short.
        any_of: it is there when one of these holds.
        bars: treatments that are then not recommended; both: no recommendation at all.
        what: the finding in words.
        why: a sentence.
        source: where that is from. checked: how that was looked up.
    """

    name: str
    any_of: tuple[Condition, ...]
    bars: tuple[str, ...]
    what: str
    why: str
    source: str
    checked: str = SECOND_HAND

    def holds(self, record: Mapping[str, Any]) -> bool | None:
        """Whether the finding is there; None where nothing that is known tells."""
        found = [condition.holds(record) for condition in self.any_of]
        if any(found):
            return True
        return None if all(answer is None for answer in found) else False

    @property
    def sentence(self) -> str:
        """The finding and why it matters."""
        return f"{self.what}: {self.why}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "bars": list(self.bars),
            "what": self.what,
            "why": self.why,
            "source": self.source,
            "checked": self.checked,
        }


_YES = (True, 1, "yes")

STOP_RULES: tuple[StopRule, ...] = (
    StopRule(
        "child_pugh_c",
        (
            Condition("child_pugh_class", "is", ("C",)),
            Condition("child_pugh_score", "at_least", (10,)),
        ),
        ARMS,
        "Child-Pugh C",
        "end-stage liver function calls for supportive care or transplantation; it is an absolute "
        "contraindication of TACE, and resection asks for Child-Pugh A",
        f"{BCLC_2022}; {CHINA_2026}",
    ),
    StopRule(
        "bclc_d",
        (Condition("bclc_stage", "is", ("D",)), Condition("ecog", "at_least", (3,))),
        ARMS,
        "BCLC stage D or ECOG 3 to 4",
        "supportive care, or transplantation where the liver is the reason",
        f"{BCLC_2022}; {CHINA_2026}",
    ),
    StopRule(
        "extrahepatic_spread",
        (Condition("extrahepatic_spread", "is", _YES), Condition("cnlc_stage", "is", ("IIIb",))),
        ARMS,
        "Extrahepatic spread",
        "systemic treatment comes first; the Chinese guideline lists TACE among what may be added",
        f"{BCLC_2022}; {CHINA_2026}",
    ),
    StopRule(
        "main_portal_vein",
        (Condition("portal_invasion", "is", ("main", "main trunk", "vp4")),),
        ARMS,
        "Tumor in the main portal vein",
        "direct surgery is not advised, and TACE only where the trunk is not fully closed or has "
        "collaterals; by BCLC this is systemic treatment",
        f"{CHINA_2026}; {BCLC_2022}",
    ),
    StopRule(
        "child_pugh_b",
        (
            Condition("child_pugh_class", "is", ("B",)),
            Condition("child_pugh_score", "at_least", (7,)),
        ),
        ("hepatectomy",),
        "Child-Pugh B",
        "guidelines reserve resection for Child-Pugh A",
        f"{AASLD_2023}; {CHINA_2026}",
    ),
    StopRule(
        "high_bilirubin",
        (Condition("bilirubin_umol_l", "above", (51.0,)),),
        ("tace",),
        "Bilirubin above 51 µmol/L (3 mg/dL)",
        "a relative contraindication of TACE, except where few segments are treated",
        CHINA_2026,
    ),
)


@dataclass(frozen=True)
class RuleCheck:
    """What the rules say of one patient.

    Args:
        hit: rules whose finding is there.
        unknown: rules that could not be checked, because nothing is known of the finding.
    """

    hit: tuple[StopRule, ...]
    unknown: tuple[StopRule, ...]

    @property
    def barred(self) -> frozenset[str]:
        """Treatments that are not recommended."""
        return frozenset(arm for rule in self.hit for arm in rule.bars)


def check_rules(record: Mapping[str, Any], rules: tuple[StopRule, ...] = STOP_RULES) -> RuleCheck:
    """Hold one patient's values against the rules.

    Args:
        record: values by name; absent, None or NaN is not known.
    """
    answers = [(rule, rule.holds(record)) for rule in rules]
    hit = [rule for rule, answer in answers if answer]
    # Child-Pugh C is not also told as "B or worse".
    if any(rule.name == "child_pugh_c" for rule in hit):
        hit = [rule for rule in hit if rule.name != "child_pugh_b"]
    return RuleCheck(tuple(hit), tuple(rule for rule, answer in answers if answer is None))


def _plain(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value
