"""How well a model ranks the patients of each part of a study, and of each center."""

from __future__ import annotations

from typing import Any

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.systems.muscle.answers import attempt
from hccsurv_core.systems.muscle.model_evaluation import trained_rows
from hccsurv_core.systems.muscle.prediction import MuscleModel

#: Fewer events rank nobody.
_FEWEST_EVENTS = 2


def c_index_by_label(
    model: MuscleModel, table: FeatureTable, risk_score: np.ndarray, seed: int
) -> dict[str, dict[str, Any]]:
    """Harrell's C by label ("split", "center") and its value.

    Args:
        table: with outcome; risk_score: (n,) of its patients.
        seed: of the bootstrap.

    Returns:
        Each with interval, patients and events, and how many of the patients the model was trained
        on: of those its C is flattered.
    """
    outcome = table.require_outcome()
    trained = trained_rows(model, table.columns(model.feature_names))
    found: dict[str, dict[str, Any]] = {}
    for label, texts in table.labels.items():
        found[label] = {}
        for text in sorted(set(texts)):
            rows = table.where(label, text)
            part = outcome.subset(rows)
            counts = {"n_trained_on": int(trained[rows].sum())}
            if part.n_events < _FEWEST_EVENTS:
                told: dict[str, Any] = {
                    "value": None, "n": len(part), "n_events": part.n_events,
                    "reason": f"{part.n_events} events are too few",
                }  # fmt: skip
            else:
                told = attempt(estimate_concordance, part, risk_score[rows], seed=seed).to_json()
            found[label][text or "not known"] = {**told, **counts}
    return found
