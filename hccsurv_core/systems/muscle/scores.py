"""All that ranks patients: the models, their rivals, and the definitions in each of their forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hccsurv_core.systems.muscle.evaluation_input import DefinitionScores, ModelScores
from hccsurv_core.systems.muscle.evaluation_settings import FORM_WORDS, DefinitionForm

ScoreKind = Literal["model", "rival", "oracle", "definition"]


@dataclass(frozen=True, eq=False)
class ScoreColumn:
    """One score.

    Args:
        name: unique; a definition's form is named in it ("SMI (measure)").
        kind: what made it.
        definition, form: of a definition, else empty.
        risk_score: (n,) higher is worse, NaN where a patient has none.
        reason: why patients have none, else empty.
    """

    name: str
    kind: ScoreKind
    risk_score: np.ndarray
    definition: str = ""
    form: str = ""
    reason: str = ""


def score_columns(
    models: Sequence[ModelScores],
    definitions: Sequence[DefinitionScores],
    forms: Sequence[DefinitionForm],
) -> tuple[ScoreColumn, ...]:
    """Models in the order given, then every form of every definition.

    A small or fatty muscle is worse: measures count with their sign turned.
    """
    columns = [ScoreColumn(m.name, m.kind, np.asarray(m.risk_score, float)) for m in models]
    for form in forms:
        for d in definitions:
            values = {"measure": -d.value, "verdict": d.positive, "relative": -d.relative}[form]
            columns.append(
                ScoreColumn(
                    f"{d.name} ({FORM_WORDS[form]})", "definition", values, d.name, form, d.reason
                )
            )
    return tuple(columns)
