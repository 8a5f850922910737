"""The selection chain of Wei et al. inside each fold; see :mod:`~hccsurv_core.models.chain_folds`."""

from __future__ import annotations

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.chain_folds import CrossFitted, cross_fit
from hccsurv_core.models.selection_chain import SelectionResult, fit_selection
from hccsurv_core.models.selection_chain_settings import SelectionSettings
from hccsurv_core.progress import Progress, silent

#: Signatures of all folds; the linear predictor is 0 where a fold's signature is empty.
CrossFittedSelection = CrossFitted[SelectionResult]


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
    return cross_fit(
        table,
        table.require_outcome().event,
        lambda rows, inner: fit_selection(table.subset(rows), settings, progress=inner),
        n_folds=n_folds,
        seed=seed,
        progress=progress,
    )
