"""Scores of training patients by models that have not seen them: recipes and rivals on equal folds.

Everything that is learned (scales, medians, representation, network) is learned anew in each fold
from the patients outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.ensemble_training import fit_ensemble
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.models.rivals import RIVALS, fit_rival
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.concordance import harrell_c


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """What models say of patients they were not trained on.

    Args:
        scores: (R, n) in each repeat, centered on the mean of the fold's training patients.
        fold: (R, n) in which fold each patient was left out.
        fold_c: (R, folds) Harrell's C among the patients of each fold.
    """

    scores: np.ndarray
    fold: np.ndarray
    fold_c: np.ndarray

    @property
    def mean_score(self) -> np.ndarray:
        """(n,) over the repeats."""
        return self.scores.mean(axis=0)

    @property
    def mean_c(self) -> float:
        """Over folds and repeats: what recipes are chosen by."""
        return float(np.nanmean(self.fold_c))


def make_folds(outcome: SurvivalOutcome, n_folds: int, n_repeats: int, seed: int) -> np.ndarray:
    """(R, n) fold of each patient, events spread evenly."""
    return np.stack(
        [
            stratified_parts(outcome.event, n_folds, seed + 1_000_003 * repeat)
            for repeat in range(n_repeats)
        ]
    )


def cross_fit_recipe(
    table: FeatureTable,
    recipe: Recipe,
    folds: np.ndarray,
    *,
    n_members: int,
    seed: int,
    device: str,
    checkpoint: Checkpoint,
    progress: Progress = silent,
) -> CrossFitted:
    """An ensemble for each fold, asked about the patients left out."""

    def fit_and_ask(train: np.ndarray, left: np.ndarray, salt: int, report: Progress) -> np.ndarray:
        outcome = table.require_outcome().subset(train)
        fitted = fit_ensemble(
            table.values[train], table.names, outcome, recipe, n_members=n_members,
            seed=seed + salt, device=device, progress=report,
        )  # fmt: skip
        return fitted.ensemble.member_scores(table.values[left]).mean(axis=0)

    return _cross_fit(table, folds, fit_and_ask, checkpoint, progress, recipe.name)


def cross_fit_rival(
    table: FeatureTable,
    name: str,
    folds: np.ndarray,
    *,
    seed: int,
    checkpoint: Checkpoint,
    progress: Progress = silent,
) -> CrossFitted:
    """The same for a rival, on z-scores."""

    def fit_and_ask(train: np.ndarray, left: np.ndarray, salt: int, report: Progress) -> np.ndarray:
        standardizer = fit_standardizer(table.values[train], table.names)
        inputs = standardizer.apply(table.values[train])
        rival = fit_rival(
            name, inputs, table.require_outcome().subset(train),
            seed=seed + salt, progress=report,
        )  # fmt: skip
        center = float(rival.risk_score(inputs).mean())
        return rival.risk_score(standardizer.apply(table.values[left])) - center

    return _cross_fit(table, folds, fit_and_ask, checkpoint, progress, name)


def _cross_fit(
    table: FeatureTable,
    folds: np.ndarray,
    fit_and_ask,
    checkpoint: Checkpoint,
    progress: Progress,
    what: str,
) -> CrossFitted:
    outcome, title = table.require_outcome(), RIVALS.get(what, what)
    n_repeats, n_folds = folds.shape[0], int(folds.max()) + 1
    scores = np.empty(folds.shape)
    fold_c = np.full((n_repeats, n_folds), np.nan)
    for turn in range(n_repeats * n_folds):
        repeat, fold = divmod(turn, n_folds)
        left = np.flatnonzero(folds[repeat] == fold)
        key = f"{what}, repeat {repeat}, fold {fold}"
        report = _saying(
            f"{title}: fold {turn + 1} of {fold_c.size}",
            part_of(progress, turn / fold_c.size, (turn + 1) / fold_c.size),
        )
        kept = checkpoint.get(key)
        if kept is None:
            train = np.flatnonzero(folds[repeat] != fold)
            kept = {"score": fit_and_ask(train, left, 7 * turn, report)}
            checkpoint.put(key, kept)
        report(1.0, "")
        scores[repeat, left] = kept["score"]
        fold_c[repeat, fold] = _concordance(outcome.subset(left), kept["score"])
        c = fold_c[repeat, fold]
        checkpoint.note(
            "fold", name=title, repeat=repeat, fold=fold, n=left.size,
            n_events=int(outcome.event[left].sum()),
            c_index=round(float(c), 5) if np.isfinite(c) else None,
        )  # fmt: skip
    return CrossFitted(scores, folds, fold_c)


def _saying(message: str, progress: Progress) -> Progress:
    """A progress that says the same whatever the work inside it says."""
    return lambda fraction, _: progress(fraction, message)


def _concordance(outcome: SurvivalOutcome, score: np.ndarray) -> float:
    """C of a fold; NaN where nobody can be compared."""
    from hccsurv_core.errors import StatisticsError

    try:
        return harrell_c(outcome, score)
    except StatisticsError:
        return float("nan")


def best_of(fitted: Sequence[CrossFitted]) -> int:
    """Which has the highest mean C; the first of equals."""
    return int(np.argmax([f.mean_c for f in fitted]))
