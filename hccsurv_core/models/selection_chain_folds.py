"""The selection chain inside each fold: scores of patients by signatures that never saw them.

Selected and scored on the same patients a signature flatters itself, all the more the more features
there were (Ambroise & McLachlan, PNAS 2002;99:6562-6566). Here each fold's signature is selected and
fitted on the other folds alone, and how often a feature is selected shows how stable the choice is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.selection_chain import SelectionResult, fit_selection
from hccsurv_core.models.selection_chain_settings import SelectionSettings
from hccsurv_core.progress import Progress, part_of, silent


@dataclass(frozen=True, eq=False)
class CrossFittedSelection:
    """Signatures of all folds.

    Args:
        linear_predictor: (n,) of each patient by the signature of the other folds; higher is worse.
            0 where that signature is empty.
        part: (n,) fold of each patient.
        results: one a fold.
    """

    linear_predictor: np.ndarray
    part: np.ndarray
    results: tuple[SelectionResult, ...]

    @property
    def n_empty(self) -> int:
        """Folds whose signature is empty."""
        return sum(result.signature.is_empty for result in self.results)

    def frequency(self) -> dict[str, float]:
        """Share of the folds that selected a feature, the most stable first."""
        counts = Counter(name for result in self.results for name in result.signature.names)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return {name: count / len(self.results) for name, count in ordered}

    def to_json(self) -> dict[str, Any]:
        """Plain values: every fold's selection and the frequencies."""
        return {
            "n_folds": len(self.results),
            "n_empty": self.n_empty,
            "frequency": self.frequency(),
            "folds": [
                {"words": r.words, "selected": list(r.signature.names)} for r in self.results
            ],
        }


def cross_fit_selection(
    table: FeatureTable,
    settings: SelectionSettings | None = None,
    *,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> CrossFittedSelection:
    """Select inside each fold and score those outside.

    Args:
        table: features and outcome of the training patients.
        settings: of the chain.
        n_folds: events are spread evenly over them.
        seed: of these folds; the chain's own are of ``settings.seed``.
        progress: told as it goes; may cancel.

    Raises:
        InputError: fewer than two folds.
        TableError, StatisticsError: as for
            :func:`~hccsurv_core.models.selection_chain.fit_selection`.
    """
    if n_folds < 2:
        raise InputError(f"{n_folds} folds cannot leave anybody out", source="selection")
    part = stratified_parts(table.require_outcome().event, n_folds, seed)
    predictor, results = np.empty(len(table)), []
    for fold in range(n_folds):
        inner = part_of(progress, fold / n_folds, (fold + 1) / n_folds)
        result = fit_selection(table.subset(part != fold), settings, progress=inner)
        predictor[part == fold] = result.signature.score(table.subset(part == fold))
        results.append(result)
    return CrossFittedSelection(predictor, part, tuple(results))
