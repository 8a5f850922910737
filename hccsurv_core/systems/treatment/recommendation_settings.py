"""When a difference between the arms is told as a recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError
from hccsurv_core.settings_json import read_settings

_SOURCE = "recommendation settings"


@dataclass(frozen=True)
class RecommendationSettings:
    """Limits of a recommendation; all are choices, to be declared before patients are looked at.

    Args:
        min_probability: that the better arm is better, for patients like this one on average. On
            400 simulated patients (seed 2, for development) 0.8 answered 48 % and chose the worse
            arm for 4 % of those, 0.7 answered 54 % and chose it for 6 %; either cost two days of 36
            months on average.
        min_months: difference in restricted mean survival, at least.
        level: of the intervals.
        max_missing: share of the covariates that may be missing.
        required_facts: groups of clinical values of which at least one must be known.
    """

    min_probability: float = 0.70
    min_months: float = 1.0
    level: float = 0.95
    max_missing: float = 0.5
    required_facts: tuple[tuple[str, ...], ...] = (
        ("child_pugh_score", "child_pugh_class"),
        ("bclc_stage", "cnlc_stage"),
    )

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "required_facts", tuple(tuple(group) for group in self.required_facts)
        )
        checked_level(self.level)
        if not 0.5 <= self.min_probability < 1:
            raise InputError("the probability asked for lies from 0.5 to 1", source=_SOURCE)
        if self.min_months < 0 or not 0 <= self.max_missing <= 1:
            raise InputError(
                "months are not negative, and a share lies from 0 to 1", source=_SOURCE
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def recommendation_settings_from_json(found: Mapping[str, Any]) -> RecommendationSettings:
    """Back from a bundle or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(RecommendationSettings, found, _SOURCE)
