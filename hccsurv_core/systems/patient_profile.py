"""What is known of a patient before treatment, under one set of names, and the scores that follow.

Names are those of :mod:`~hccsurv_core.cohort.clinical_values` and of the patient's facts. A cohort
table may call some of them otherwise (:data:`ALIASES`). What is missing is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.child_pugh import child_pugh_class
from hccsurv_core.features.clinical_scores.registry import score_patient
from hccsurv_core.features.clinical_scores.result import ClinicalScore
from hccsurv_core.features.clinical_scores.values import ARGUMENTS

#: Name in a cohort table → name here.
ALIASES: Mapping[str, str] = {
    "lesion_count": "tumor_number",
    "vascular_invasion": "macrovascular_invasion",
    "hepatitis_b": "hbsag",
}
YES_NO = ("cirrhosis", "hbsag", "macrovascular_invasion", "extrahepatic_spread")
#: Whole numbers that a form keeps as the text of a choice.
_WHOLE = ("ecog",)
#: Stages and classes: the very early stage of BCLC is called 0, which a table holds as a number.
_NAMES = ("bclc_stage", "cnlc_stage", "child_pugh_class")
#: Of portal invasion: what is macrovascular invasion as well.
_INVADED = ("branch", "main")
_TRUE, _FALSE = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")


@dataclass(frozen=True, eq=False)
class Profile:
    """One patient's record and scores.

    Args:
        record: values by name; what is not known is absent.
        scores: key → score, see :mod:`hccsurv_core.features.clinical_scores.registry`.
        without_spread: stage → its code if there is no extrahepatic spread, of stages that are open
            only because that is not known. As rules take spread that nobody mentions as absent, so
            do these.
    """

    record: Mapping[str, Any]
    scores: Mapping[str, ClinicalScore]
    without_spread: Mapping[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """The record with what rules and guidelines look at.

        A class or stage that its parts decide goes before one that was recorded.
        """
        found = dict(self.record)
        pugh = self.scores["child_pugh"]
        if pugh.value is not None:
            found["child_pugh_score"] = pugh.value
        if pugh.code is not None:
            found["child_pugh_class"] = pugh.code
        elif "child_pugh_class" not in found and "child_pugh_score" in found:
            found["child_pugh_class"] = child_pugh_class(float(found["child_pugh_score"]))
        for key in ("bclc", "cnlc"):
            name = f"{key}_stage"
            code = self.scores[key].code or (
                None if name in self.record else self.without_spread.get(key)
            )
            if code is not None:
                found[name] = code
        return found

    @property
    def assumed(self) -> tuple[str, ...]:
        """Stages that were taken without knowing of spread, in words."""
        return tuple(
            f"{self.scores[key].definition.title} {code} if there is no extrahepatic spread, of "
            "which nothing is known"
            for key, code in self.without_spread.items()
            if f"{key}_stage" not in self.record
        )

    @property
    def disagreements(self) -> tuple[str, ...]:
        """Where what was recorded is not what its parts make, in words."""
        told = []
        for key, name in (("bclc", "bclc_stage"), ("cnlc", "cnlc_stage")):
            score, recorded = self.scores[key], self.record.get(name)
            if recorded is not None and score.code is not None and score.code != recorded:
                told.append(
                    f"{score.definition.title} is {score.code} by its parts, but {recorded} was "
                    "recorded; the former is taken"
                )
        recorded, pugh = self.record.get("child_pugh_score"), self.scores["child_pugh"]
        if recorded is not None and pugh.value is not None and pugh.value != recorded:
            told.append(
                f"Child-Pugh is {pugh.value:g} points by its parts, but {recorded:g} were "
                "recorded; the former is taken"
            )
        return tuple(told)


def profile_of(row: Mapping[str, Any]) -> Profile:
    """A patient's record under the names of here, and every score of it.

    Args:
        row: of a cohort table, a form or a JSON file; None and NaN are missing, names that are not
            known here are kept as they are.

    Raises:
        InputError: a value is not possible; the message names it.
    """
    record: dict[str, Any] = {}
    for given, value in row.items():
        name = ALIASES.get(given, given)
        if is_missing(value) or value == "":
            continue
        if name in YES_NO:
            value = _yes_no(name, value)
        elif name in _WHOLE:
            value = _whole(name, value)
        elif name in _NAMES:
            value = _name(value)
        record[name] = value
    invaded = record.get("portal_invasion")
    if invaded in _INVADED:
        record["macrovascular_invasion"] = True
    arguments = {name: record.get(name) for name in ARGUMENTS}
    scores = score_patient(arguments)
    return Profile(record, scores, _without_spread(arguments, scores))


def _without_spread(
    arguments: Mapping[str, Any], scores: Mapping[str, ClinicalScore]
) -> dict[str, str]:
    if arguments.get("extrahepatic_spread") is not None:
        return {}
    assumed = score_patient({**arguments, "extrahepatic_spread": False})
    return {
        key: str(assumed[key].code)
        for key in ("bclc", "cnlc")
        if scores[key].code is None and assumed[key].code is not None
    }


def _yes_no(name: str, value: Any) -> bool:
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InputError(f"{value!r} is neither yes nor no", source=name, remedy="write 1 or 0")


def _name(value: Any) -> str:
    """ "0" of 0.0; a text stays."""
    if isinstance(value, int | float) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _whole(name: str, value: Any) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{value!r} is no whole number", source=name) from error
    if number != int(number):
        raise InputError(f"{number:g} is not a whole number", source=name, remedy="give a grade")
    return int(number)


def is_missing(value: Any) -> bool:
    """Whether a value is None or not a number."""
    return value is None or (isinstance(value, float) and value != value)
