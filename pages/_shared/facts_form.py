"""The widgets for sex, age, height and weight: the same when uploading and when editing."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from hccsurv_core.patient import (
    AGE_RANGE_YEARS,
    HEIGHT_RANGE_M,
    SEXES,
    WEIGHT_RANGE_KG,
    PatientFacts,
)


def sex_input(sex: str | None, key: str) -> str | None:
    """Female, male, or nothing chosen."""
    return st.segmented_control(
        "Sex",
        list(SEXES),
        default=sex,
        format_func=str.capitalize,
        key=key,
        help="The cut-offs of four of the five definitions differ by sex.",
    )


def height_input(
    height_m: float | None, key: str, width: int | Literal["stretch"] = "stretch"
) -> float | None:
    """A height asked for in cm, returned in m."""
    height_cm: float | None = st.number_input(
        "Height (cm)",
        min_value=HEIGHT_RANGE_M[0] * 100,
        max_value=HEIGHT_RANGE_M[1] * 100,
        value=None if height_m is None else round(height_m * 100, 1),
        step=1.0,
        format="%g",
        key=key,
        placeholder="not known",
        help="SMI and PMI divide by height².",
        width=width,
    )
    return None if height_cm is None else round(height_cm / 100, 4)


def facts_inputs(facts: PatientFacts, key: str) -> PatientFacts:
    """Draw the inputs, prefilled with ``facts``; return what they hold. Empty is *not known*.

    Args:
        facts: what is known.
        key: prefix of the widgets' keys.
    """
    sex = sex_input(facts.sex, f"{key}_sex")
    left, middle, right = st.columns(3)
    age = left.number_input(
        "Age (years)",
        min_value=AGE_RANGE_YEARS[0],
        max_value=AGE_RANGE_YEARS[1],
        value=None if facts.age_years is None else float(round(facts.age_years)),
        step=1.0,
        format="%.0f",
        key=f"{key}_age",
        placeholder="not known",
    )
    with middle:
        height_m = height_input(facts.height_m, f"{key}_height")
    weight = right.number_input(
        "Weight (kg)",
        min_value=WEIGHT_RANGE_KG[0],
        max_value=WEIGHT_RANGE_KG[1],
        value=facts.weight_kg,
        step=1.0,
        format="%g",
        key=f"{key}_weight",
        placeholder="not known",
    )
    return PatientFacts(sex=sex, age_years=age, height_m=height_m, weight_kg=weight)


def missing_facts(facts: PatientFacts) -> list[str]:
    """Names of what the definitions need and do not have."""
    missing = []
    if facts.sex is None:
        missing.append("sex")
    if facts.height_m is None:
        missing.append("height")
    return missing
