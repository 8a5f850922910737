"""The numbers of an answer as rows: survival of both treatments, months lived, and the differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.contrast import TreatmentContrast
from hccsurv_core.systems.treatment.stop_rules import STOP_RULES, RuleCheck, StopRule

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.systems.treatment.model import TreatmentAnswer


@dataclass(frozen=True)
class Interval:
    """A number and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AnswerRow:
    """One line of the table.

    Args:
        what: "survival" (probabilities) or "months" (lived up to that month).
        months: after treatment.
        arms: by treatment.
        difference: hepatectomy minus TACE, for patients like this one on average.
        individual: the same with the interval of a single patient; None where nothing was assumed.
    """

    what: Literal["survival", "months"]
    months: float
    arms: Mapping[str, Interval]
    difference: Interval
    individual: Interval | None = None


def answer_rows(contrast: TreatmentContrast) -> tuple[AnswerRow, ...]:
    """Survival at each horizon, then months lived.

    Args:
        contrast: of one patient.
    """
    rows = [
        AnswerRow(
            "survival",
            horizon,
            {arm: _at(contrast.arms[arm].survival, i) for arm in ARMS},
            _at(contrast.survival_difference, i),
            None if contrast.individual is None else _at(contrast.individual, i),
        )
        for i, horizon in enumerate(contrast.horizons_months)
    ]
    rows.append(
        AnswerRow(
            "months",
            contrast.rmst_months,
            {arm: _at(contrast.arms[arm].months) for arm in ARMS},
            _at(contrast.months_difference),
            None if contrast.individual_months is None else _at(contrast.individual_months),
        )
    )
    return tuple(rows)


def answer_frame(contrast: TreatmentContrast) -> DataFrame:
    """The rows in long form: what, months, of, value, low, high, unit, level."""
    import pandas as pd

    found = []
    for row in answer_rows(contrast):
        unit = "probability" if row.what == "survival" else "months"
        parts: dict[str, Interval | None] = {
            **row.arms,
            "difference (hepatectomy − TACE)": row.difference,
            "difference, single patient": row.individual,
        }
        found += [
            {
                "what": row.what, "months": row.months, "of": of, "value": part.value,
                "low": part.low, "high": part.high, "unit": unit, "level": contrast.level,
            }
            for of, part in parts.items() if part is not None
        ]  # fmt: skip
    return pd.DataFrame(found)


def curves_frame(answer: TreatmentAnswer) -> DataFrame:
    """Both curves: months, and survival with interval of each treatment."""
    import pandas as pd

    columns: dict[str, np.ndarray] = {"months": answer.months}
    for arm in ARMS:
        band = answer.curves[arm]
        columns |= {
            f"survival_{arm}": band.value, f"low_{arm}": band.low, f"high_{arm}": band.high
        }  # fmt: skip
    return pd.DataFrame(columns)


def rules_looked_at(
    check: RuleCheck,
) -> tuple[tuple[StopRule, Literal["hit", "clear", "unknown"]], ...]:
    """Every rule with what became of it; one that a graver one makes needless is left out."""
    hit, unknown = {r.name for r in check.hit}, {r.name for r in check.unknown}
    found: list[tuple[StopRule, Literal["hit", "clear", "unknown"]]] = []
    for rule in STOP_RULES:
        if rule.name == "child_pugh_b" and "child_pugh_c" in hit:
            continue
        if rule.name in hit:
            found.append((rule, "hit"))
        else:
            found.append((rule, "unknown" if rule.name in unknown else "clear"))
    return tuple(found)


def _at(band: Banded, column: int | None = None) -> Interval:
    """One number of the only patient."""
    place = (0,) if column is None else (0, column)
    return Interval(float(band.value[place]), float(band.low[place]), float(band.high[place]))
