"""What is known of a patient besides the images, after de-identification."""

from __future__ import annotations

from dataclasses import dataclass

from hccsurv_core.errors import InputError

SEXES = ("male", "female")
#: Outside these an entry is a slip of the unit or of the keyboard (a height of 172 m, a weight of 7 kg).
HEIGHT_RANGE_M = (0.5, 2.6)
WEIGHT_RANGE_KG = (15.0, 400.0)
AGE_RANGE_YEARS = (0.0, 120.0)


@dataclass(frozen=True)
class PatientFacts:
    """Sex, age, height and weight; ``None`` is *not known*, never a default.

    Args:
        sex: "male", "female" or None.
        age_years: age at the study, years; 90 and above is stored as 90 (HIPAA's safe harbour).
        height_m: standing height, metres.
        weight_kg: body weight, kilograms.
    """

    sex: str | None = None
    age_years: float | None = None
    height_m: float | None = None
    weight_kg: float | None = None

    @property
    def bmi(self) -> float | None:
        """Body-mass index, kg/m²."""
        if self.height_m is None or self.weight_kg is None:
            return None
        return self.weight_kg / self.height_m**2


def check_patient_facts(facts: PatientFacts) -> PatientFacts:
    """Return ``facts`` if every entry is possible.

    Raises:
        InputError: an entry is out of range, naming it, its unit and the range.
    """
    if facts.sex is not None and facts.sex not in SEXES:
        raise InputError(
            f"sex must be male or female, got {facts.sex!r}",
            source="sex",
            remedy="leave it out if it is not known",
        )
    for name, value, (low, high), unit in (
        ("height", facts.height_m, HEIGHT_RANGE_M, "m"),
        ("weight", facts.weight_kg, WEIGHT_RANGE_KG, "kg"),
        ("age", facts.age_years, AGE_RANGE_YEARS, "years"),
    ):
        if value is not None and not low <= value <= high:
            raise InputError(
                f"{value:g} {unit} is not between {low:g} and {high:g} {unit}",
                source=name,
                remedy=f"give it in {unit}",
            )
    return facts
