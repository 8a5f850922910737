"""A selection chain inside each fold: scores of patients by signatures that never saw them.

Selected and scored on the same patients a signature flatters itself, all the more the more features
there were (Ambroise & McLachlan, PNAS 2002;99:6562-6566). Here each fold's signature is selected and
fitted on the other folds alone, and how often a feature is selected shows how stable the choice is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.progress import Progress, part_of, silent


class ChainSignature(Protocol):
    """What came out of a chain."""

    @property
    def names(self) -> tuple[str, ...]:
        """The features it uses."""

    @property
    def is_empty(self) -> bool:
        """Whether it uses none."""

    def score(self, table: FeatureTable) -> np.ndarray:
        """(n,) its score of patients, higher is worse."""


class ChainResult(Protocol):
    """What a chain did."""

    @property
    def signature(self) -> ChainSignature:
        """What came out."""

    @property
    def words(self) -> str:
        """How, in a sentence."""


Result = TypeVar("Result", bound=ChainResult)


@dataclass(frozen=True, eq=False)
class CrossFitted(Generic[Result]):
    """Signatures of all folds.

    Args:
        linear_predictor: (n,) of each patient by the signature of the other folds; higher is worse.
            Where that signature is empty all patients of the fold have the same.
        part: (n,) fold of each patient.
        results: one a fold.
    """

    linear_predictor: np.ndarray
    part: np.ndarray
    results: tuple[Result, ...]

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


def cross_fit(
    table: FeatureTable,
    event: np.ndarray,
    fit: Callable[[np.ndarray, Progress], Result],
    *,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> CrossFitted[Result]:
    """Select inside each fold and score those outside.

    Args:
        table: features of the training patients.
        event: (n,) whom to spread evenly over the folds.
        fit: takes the (n,) mask of the patients to fit on, and a progress.
        n_folds, seed: of these folds.
        progress: told as it goes; may cancel.

    Raises:
        InputError: fewer than two folds. Whatever ``fit`` raises.
    """
    if n_folds < 2:
        raise InputError(f"{n_folds} folds cannot leave anybody out", source="selection")
    part = stratified_parts(event, n_folds, seed)
    predictor, results = np.empty(len(table)), []
    for fold in range(n_folds):
        result = fit(part != fold, part_of(progress, fold / n_folds, (fold + 1) / n_folds))
        predictor[part == fold] = result.signature.score(table.subset(part == fold))
        results.append(result)
    return CrossFitted(predictor, part, tuple(results))
