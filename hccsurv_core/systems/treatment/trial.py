"""Values of one patient that can be tried: which, from where to where, and the record they make.

What is moved are values that a person reads off a report: albumin and bilirubin, not the ALBI score;
the parts of the Child-Pugh score where they are known. Scores, stages, models and rules follow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hccsurv_core.cohort.clinical_values import BY_NAME
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.patient_profile import Profile, profile_of
from hccsurv_core.systems.treatment.ranges import TrainingRanges

Kind = Literal["number", "steps", "yes_no", "choice"]
Group = Literal["liver", "tumor", "patient", "lesion"]
#: What is in the record; signs of the lesion on CT ("lesion") are measured.
GROUP_TITLES: dict[Group, str] = {"liver": "Liver", "tumor": "Tumor", "patient": "Patient"}
#: What is tried instead of portal and macrovascular invasion, which say one thing in two ways.
VESSELS = "vessels"
_VESSEL_LEVELS = {
    "none": "None", "branch": "Branch or other large vessel", "main": "Portal trunk"
}  # fmt: skip
_PUGH_PARTS = ("albumin_g_l", "bilirubin_umol_l", "inr", "ascites", "encephalopathy")
#: Where a slider goes, and its step: what is met in such patients, not what is possible. A value
#: of the patient beyond widens it.
_SLIDERS: dict[str, tuple[float, float, float]] = {
    "albumin_g_l": (20.0, 55.0, 0.5),
    "bilirubin_umol_l": (3.0, 120.0, 1.0),
    "inr": (0.8, 2.6, 0.05),
    "platelets_10e9_l": (20.0, 500.0, 5.0),
    "child_pugh_score": (5.0, 15.0, 1.0),
    "tumor_diameter_mm": (10.0, 200.0, 1.0),
    "age_years": (18.0, 90.0, 1.0),
}
#: Where the same factor matters the same, and numbers spread over powers of ten.
_STEPS: dict[str, tuple[float, ...]] = {
    "tumor_number": tuple(float(n) for n in range(1, 11)),
    "afp_ng_ml": (1, 2, 5, 10, 20, 50, 100, 200, 400, 1000, 2000, 5000, 10000, 20000, 50000, 100000),
}  # fmt: skip


@dataclass(frozen=True)
class TrialValue:
    """One value that can be tried.

    Args:
        name: of the record, or :data:`VESSELS`.
        label, unit: for people.
        group: where it stands.
        kind: a number on an even scale ("number") or among steps, yes or no, one of some words.
        known: the patient's own value; None where it is not known.
        low, high, step: of a number. steps: of "steps", rising, the patient's own among them.
        levels: of a choice: code → word.
    """

    name: str
    label: str
    unit: str
    group: Group
    kind: Kind
    known: Any
    low: float = math.nan
    high: float = math.nan
    step: float = math.nan
    steps: tuple[float, ...] = ()
    levels: Mapping[str, str] | None = None

    @property
    def title(self) -> str:
        """The label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def text(self, value: Any) -> str:
        """A value as a person reads it."""
        if value is None:
            return "not known"
        if self.kind == "yes_no":
            return "yes" if value else "no"
        if self.levels is not None:
            return self.levels[str(value)].lower()
        digits = "{:,.3g}" if self.group == "lesion" else "{:,.6g}"
        return f"{digits.format(float(value))} {self.unit}".rstrip()


def trial_values(covariates: Sequence[Covariate], profile: Profile) -> tuple[TrialValue, ...]:
    """What can be tried: everything that these models, the stages and the rules look at.

    Args:
        covariates: clinical ones of the models.
        profile: the patient.
    """
    takes = {c.name for c in covariates}
    names: list[str] = []
    if {"albi", "child_pugh_score"} & takes:
        names += ["albumin_g_l", "bilirubin_umol_l"]
    if _pugh_by_parts(profile):
        names += _PUGH_PARTS
    else:
        names.append("child_pugh_score")
    names += [n for n in ("platelets_10e9_l", "cirrhosis") if n in takes]
    names += ["tumor_diameter_mm", "tumor_number"]
    names += ["tumor_location"] if "central" in takes else []
    names.append(VESSELS)
    names += ["afp_ng_ml"] if "afp_ng_ml" in takes else []
    names += ["extrahepatic_spread", "ecog"]
    names += ["age_years"] if "age_years" in takes else []
    return tuple(_value(name, profile) for name in dict.fromkeys(names))


def sign_trials(
    described: Sequence[Mapping[str, str]], ranges: TrainingRanges, measured: Mapping[str, float]
) -> tuple[TrialValue, ...]:
    """Signs of the lesion that can be tried: those that were measured.

    Args:
        described: "name", "label" and "unit" of each sign that the models take.
        ranges: of the training patients; a slider goes from end to end of both arms'.
        measured: name → value of this patient, NaN where it could not be measured.
    """
    found = []
    for sign in described:
        value = float(measured.get(sign["name"], math.nan))
        if not math.isfinite(value):
            continue
        column = ranges.names.index(sign["name"])
        ends = np.array([*ranges.low[:, column], *ranges.high[:, column], value])
        low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
        # About a hundred steps of 1, or of a tenth, a hundredth …
        step = 10.0 ** math.floor(math.log10(max(high - low, 1e-6) / 50))
        found.append(
            TrialValue(
                sign["name"], sign["label"], sign["unit"], "lesion", "number", value,
                math.floor(low / step) * step, math.ceil(high / step) * step, step,
            )
        )  # fmt: skip
    return tuple(found)


def tried_profile(profile: Profile, changes: Mapping[str, Any]) -> Profile:
    """The patient with other values.

    Args:
        profile: as recorded.
        changes: name of a :class:`TrialValue` → value; None makes it unknown. Others stay.

    Raises:
        InputError: a value is not possible.
    """
    if not changes:
        return profile
    record = dict(profile.record)
    for name, value in changes.items():
        if name == VESSELS:
            _set_vessels(record, value)
        elif value is None:
            record.pop(name, None)
        else:
            record[name] = value
    # What was recorded as a sum of other values does not follow them: their parts do, where known.
    if _pugh_by_parts(profile):
        record.pop("child_pugh_score", None)
        record.pop("child_pugh_class", None)
    tried = profile_of(record)
    stale = [
        name
        for key, name in (("bclc", "bclc_stage"), ("cnlc", "cnlc_stage"))
        if tried.scores[key].code is not None and name in record
    ]
    return profile_of({k: v for k, v in record.items() if k not in stale}) if stale else tried


def values_to_ask(covariates: Sequence[Covariate], profile: Profile) -> tuple[str, ...]:
    """Names of values that are not known, and that the models or the stages need.

    Clinical values, and "age_years".

    Args:
        covariates: clinical ones of the models.
        profile: the patient.
    """
    asked: list[str] = []
    for covariate in covariates:
        if covariate.value(profile) != covariate.value(profile):
            asked += [name for name in covariate.needs if profile.record.get(name) is None]
    if all(name not in profile.facts for name in ("bclc_stage", "cnlc_stage")):
        asked += [n for n in profile.scores["bclc"].missing if n in BY_NAME]
    if all(name not in profile.facts for name in ("child_pugh_score", "child_pugh_class")):
        asked.append("child_pugh_score")
    return tuple(dict.fromkeys(asked))


def _pugh_by_parts(profile: Profile) -> bool:
    return profile.scores["child_pugh"].value is not None


def _value(name: str, profile: Profile) -> TrialValue:
    known = profile.record.get(name)
    if name == VESSELS:
        return TrialValue(
            name, "Vascular invasion", "", "tumor", "choice", _vessels(profile),
            levels=_VESSEL_LEVELS,
        )  # fmt: skip
    if name == "age_years":
        return _number(name, "Age", "years", "patient", known)
    about = BY_NAME[name]
    group: Group = "patient" if name == "ecog" else "liver" if about.group == "liver" else "tumor"
    if about.kind == "number":
        return _number(name, about.label, about.unit, group, known)
    if about.kind == "yes_no":
        return TrialValue(name, about.label, "", group, "yes_no", known)
    code = None if known is None else str(known)
    if name == "ascites":
        # Tables and forms have other words for the same levels.
        code = {"slight": "mild", "severe": "moderate"}.get(code or "", code)
    return TrialValue(name, about.label, "", group, "choice", code, levels=about.levels)


def _number(name: str, label: str, unit: str, group: Group, known: Any) -> TrialValue:
    number = None if known is None else float(known)
    if name in _STEPS:
        own = () if number is None else (number,)
        steps = tuple(sorted({*_STEPS[name], *own}))
        return TrialValue(name, label, unit, group, "steps", number, steps=steps)
    low, high, step = _SLIDERS[name]
    if number is not None:
        low, high = min(low, number), max(high, number)
    return TrialValue(name, label, unit, group, "number", number, low, high, step)


def _vessels(profile: Profile) -> str | None:
    portal = profile.record.get("portal_invasion")
    if portal in ("branch", "main"):
        return str(portal)
    invaded = profile.record.get("macrovascular_invasion")
    if invaded is None:
        return None if portal is None else str(portal)
    return "branch" if invaded else "none"


def _set_vessels(record: dict[str, Any], level: str | None) -> None:
    for name in ("portal_invasion", "macrovascular_invasion"):
        record.pop(name, None)
    if level is not None:
        record |= {"portal_invasion": level, "macrovascular_invasion": level != "none"}
