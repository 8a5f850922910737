"""How strong an unmeasured confounder would have to be to explain an association away.

VanderWeele & Ding, Ann Intern Med 2017;167:268-274, doi:10.7326/M16-2607. The E-value is on the scale
of risk ratios: so strong, at least, its association with the treatment and with the outcome, above and
beyond the measured covariates. A hazard ratio is taken as a risk ratio where the outcome is rare, and
converted approximately where it is common. There is none for a difference in restricted means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hccsurv_core.errors import InputError

#: An outcome that this share of patients or more have is not rare (the paper's 15 %).
COMMON = 0.15


@dataclass(frozen=True)
class EValue:
    """The E-value of an association.

    Args:
        risk_ratio: of the association, perhaps converted.
        point: of the estimate.
        limit: of the confidence limit nearer to 1; 1 where the interval includes 1, NaN where
            there is no interval.
        converted: whether a hazard ratio was converted because the outcome is common.
    """

    risk_ratio: float
    point: float
    limit: float
    converted: bool

    @property
    def sentence(self) -> str:
        """In words."""
        if self.point == 1.0:
            return "There is no association to explain away (E-value 1)."
        text = (
            f"To explain the association away, an unmeasured confounder would have to be tied to "
            f"both treatment and death by a risk ratio of {self.point:.2f} or more"
        )
        if math.isnan(self.limit):
            return f"{text}."
        if self.limit == 1.0:
            return f"{text}; the interval includes no association already (E-value 1)."
        return f"{text}; to move the interval to no association, by {self.limit:.2f}."

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "risk_ratio": self.risk_ratio,
            "e_value": self.point,
            "e_value_limit": None if math.isnan(self.limit) else self.limit,
            "converted_from_hazard_ratio": self.converted,
            "sentence": self.sentence,
        }


def e_value(risk_ratio: float, ci_low: float = math.nan, ci_high: float = math.nan) -> EValue:
    """E-value of a risk ratio.

    Args:
        risk_ratio: positive; below 1 its inverse counts.
        ci_low, ci_high: confidence limits; NaN where there are none.

    Raises:
        InputError: a ratio is not positive, or the limits do not enclose it.
    """
    _check(risk_ratio, ci_low, ci_high)
    nearer = ci_low if risk_ratio >= 1 else ci_high
    limit = math.nan
    if not math.isnan(nearer):
        reaches_one = (nearer <= 1) if risk_ratio >= 1 else (nearer >= 1)
        limit = 1.0 if reaches_one else _from_ratio(nearer)
    return EValue(float(risk_ratio), _from_ratio(risk_ratio), limit, False)


def e_value_of_hazard_ratio(
    hazard_ratio: float,
    ci_low: float = math.nan,
    ci_high: float = math.nan,
    *,
    share_with_event: float,
) -> EValue:
    """E-value of a hazard ratio.

    With a common outcome the risk ratio is about (1 − 0.5^√HR) / (1 − 0.5^√(1/HR)).

    Args:
        hazard_ratio, ci_low, ci_high: as in :func:`e_value`.
        share_with_event: of the patients at the end of follow-up, 0 to 1.

    Raises:
        InputError: as :func:`e_value`, or the share is none.
    """
    _check(hazard_ratio, ci_low, ci_high)
    if not 0 <= share_with_event <= 1:
        raise InputError(
            f"a share of patients lies from 0 to 1, got {share_with_event}",
            source="share_with_event",
        )
    if share_with_event < COMMON:
        return e_value(hazard_ratio, ci_low, ci_high)
    found = e_value(*(_as_risk_ratio(x) for x in (hazard_ratio, ci_low, ci_high)))
    return EValue(found.risk_ratio, found.point, found.limit, True)


def _from_ratio(ratio: float) -> float:
    above = ratio if ratio >= 1 else 1.0 / ratio
    return above + math.sqrt(above * (above - 1.0))


def _as_risk_ratio(hazard_ratio: float) -> float:
    if math.isnan(hazard_ratio) or math.isinf(hazard_ratio):
        return hazard_ratio
    return (1.0 - 0.5 ** math.sqrt(hazard_ratio)) / (1.0 - 0.5 ** math.sqrt(1.0 / hazard_ratio))


def _check(ratio: float, low: float, high: float) -> None:
    if not (math.isfinite(ratio) and ratio > 0):
        raise InputError(f"a ratio must be a positive number, got {ratio}", source="ratio")
    if not math.isnan(low) and not 0 < low <= ratio:
        raise InputError(f"the lower limit {low:g} does not lie below {ratio:g}", source="ci_low")
    if not math.isnan(high) and not high >= ratio:
        raise InputError(f"the upper limit {high:g} does not lie above {ratio:g}", source="ci_high")
