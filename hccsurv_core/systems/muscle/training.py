"""Training of system 1: choose a recipe by cross-validation, judge it, train the ensemble.

Only training patients are looked at: where a table has a column ``split``, those of split
"train". Choosing and judging use the same folds; the winner of several is judged too kindly by
that, and the description says among how many it was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.device import choose_device
from hccsurv_core.errors import StatisticsError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.checkpoint import Checkpoint, fingerprint
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.ensemble_training import FittedEnsemble, Recipe, fit_ensemble
from hccsurv_core.models.rivals import RIVALS
from hccsurv_core.models.store import Bundle, write_bundle
from hccsurv_core.models.survival_ensemble import SurvivalEnsemble
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.stats.concordance import estimate_concordance, jackknife_concordance
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.selection_bias import concordance_of_chosen
from hccsurv_core.systems.muscle.cohort_recipe import is_cohort_table, model_features
from hccsurv_core.systems.muscle.cross_fitting import (
    CrossFitted,
    best_of,
    cross_fit_recipe,
    cross_fit_rival,
    make_folds,
)
from hccsurv_core.systems.muscle.description import describe_model, write_card
from hccsurv_core.systems.muscle.prediction import SYSTEM, MuscleModel
from hccsurv_core.systems.muscle.settings import MuscleSettings, resolve_recipes
from hccsurv_core.systems.muscle.training_curves import describe_training_curves

TRAIN = "train"
#: Fewer events than this teach a network nothing that it could be held to.
FEWEST_EVENTS = 20
#: From here on the interval of C is the jackknife's: a bootstrap would take seconds.
_LARGE = 3000


@dataclass(frozen=True, eq=False)
class TrainedMuscle:
    """A trained model and everything that was learned about it on the way.

    Args:
        model: ready to predict.
        fitted: its ensemble with the course of the training.
        recipe: what was chosen.
        cross_validation: recipe or rival → its scores of patients it had not seen.
        description: of the bundle.
        card: of the bundle.
    """

    model: MuscleModel
    fitted: FittedEnsemble
    recipe: Recipe
    cross_validation: Mapping[str, CrossFitted]
    description: Mapping[str, Any]
    card: str

    def write(self, folder: Path) -> Bundle:
        """Write the bundle.

        Raises:
            BundleError: the folder holds something else or cannot be written.
        """
        tensors = {
            **self.model.ensemble.tensors(),
            "training.risk": self.model.training_risk,
        }
        return write_bundle(
            folder, system=SYSTEM, description=self.description, tensors=tensors, card=self.card
        )


def training_part(table: FeatureTable) -> FeatureTable:
    """The patients that may be learned from: split "train" where there is a split.

    Raises:
        TableError: there is a split, but nobody is in "train".
    """
    if "split" not in table.labels:
        return table
    rows = table.where("split", TRAIN)
    if not rows.any():
        raise TableError(
            f"nobody is in split {TRAIN!r}", source=table.source,
            remedy=f"name the training patients {TRAIN!r}, or leave the column out",
        )  # fmt: skip
    return table.subset(rows)


def train_muscle(
    table: FeatureTable,
    settings: MuscleSettings | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
    checkpoint: Path | None = None,
) -> TrainedMuscle:
    """Train on a table's training patients.

    Args:
        table: features and outcome.
        settings: default :class:`MuscleSettings`.
        seed: fixes everything that is drawn.
        device: "auto", "cpu" or "cuda".
        progress: may cancel by raising.
        checkpoint: a folder that keeps what is finished; the same training goes on from there.

    Raises:
        TableError: no outcome, or nobody to train on.
        StatisticsError: too few events.
        CancelledError: ``progress`` cancelled.
    """
    settings = settings or MuscleSettings()
    part = training_part(table)
    if is_cohort_table(part.names) and not settings.clinical:
        part = part.columns(model_features(part.names))
    outcome = part.require_outcome()
    if outcome.n_events < FEWEST_EVENTS:
        raise StatisticsError(
            f"{outcome.n_events} events among {len(part)} training patients are too few to learn "
            f"from (at least {FEWEST_EVENTS})",
            source=table.source,
            remedy="use a larger cohort or an endpoint that happened more often",
        )
    recipes = resolve_recipes(settings, part.names)
    kept = Checkpoint(
        checkpoint,
        fingerprint(
            settings.to_json(), seed, list(part.names), part.values, outcome.time_months,
            outcome.event,
        ),
    )  # fmt: skip
    where = choose_device(device)
    found, chosen = _cross_validate(part, recipes, settings, seed, where, kept, progress)
    fitted = fit_ensemble(
        part.values, part.names, outcome, recipes[chosen], n_members=settings.n_members,
        seed=seed, device=where, progress=part_of(progress, 0.8, 0.98), checkpoint=kept,
    )  # fmt: skip
    trained = _finish(part, recipes, chosen, settings, fitted, found, seed, where)
    progress(1.0, "done")
    return trained


def _finish(
    part: FeatureTable,
    recipes: tuple[Recipe, ...],
    chosen: int,
    settings: MuscleSettings,
    fitted: FittedEnsemble,
    found: Mapping[str, CrossFitted],
    seed: int,
    device: str,
) -> TrainedMuscle:
    """Calibrate on scores of patients not seen, and describe."""
    outcome = part.require_outcome()
    unseen = found[recipes[chosen].name].mean_score
    slope = _slope(unseen, outcome)
    ensemble = fitted.calibrated(slope, unseen, outcome, recipes[chosen].network.ties)
    model = _model(ensemble, part, slope * unseen, settings)
    description = describe_model(
        model, part, recipes, recipes[chosen], settings, fitted.course,
        {name: _estimates(cv, outcome, seed) for name, cv in found.items()},
        concordance_of_chosen(
            outcome, {r.name: found[r.name].mean_score for r in recipes}, seed=seed
        ),
        seed, device,
    )  # fmt: skip
    curves = describe_training_curves(slope * unseen, model.cutoff, outcome)
    description["training"]["risk_groups"] = curves
    model = replace(model, description=description)
    return TrainedMuscle(
        model, fitted, recipes[chosen], found, description, write_card(description)
    )


def _cross_validate(
    part: FeatureTable,
    recipes: tuple[Recipe, ...],
    settings: MuscleSettings,
    seed: int,
    device: str,
    kept: Checkpoint,
    progress: Progress,
) -> tuple[dict[str, CrossFitted], int]:
    """Scores of every recipe and rival, and which recipe is best."""
    outcome = part.require_outcome()
    folds = make_folds(outcome, settings.n_folds, settings.repeats(len(part)), seed)
    share = 0.6 / len(recipes)
    tried = [
        cross_fit_recipe(
            part, recipe, folds, n_members=settings.fold_members, seed=seed, device=device,
            checkpoint=kept.under("recipe", asdict(recipe)),
            progress=part_of(progress, i * share, (i + 1) * share),
        )
        for i, recipe in enumerate(recipes)
    ]  # fmt: skip
    found = {recipe.name: cv for recipe, cv in zip(recipes, tried, strict=True)}
    for i, name in enumerate(settings.rivals):
        begin = 0.6 + 0.2 * i / len(settings.rivals)
        found[RIVALS[name]] = cross_fit_rival(
            part, name, folds, seed=seed, checkpoint=kept.under("rival"),
            progress=part_of(progress, begin, begin + 0.2 / len(settings.rivals)),
        )  # fmt: skip
    return found, best_of(tried)


def _slope(unseen: np.ndarray, outcome: SurvivalOutcome) -> float:
    """How much of the predicted differences is real: Cox slope on patients not seen."""
    if np.ptp(unseen) == 0:
        return 1.0
    slope = float(fit_cox(unseen, outcome, names=["log hazard"]).coef[0])
    # A model that knows nothing has a slope around 0; it must not turn its ranking round.
    return min(max(slope, 0.05), 2.0)


def _model(
    ensemble: SurvivalEnsemble, part: FeatureTable, risk: np.ndarray, settings: MuscleSettings
) -> MuscleModel:
    return MuscleModel(
        ensemble=ensemble,
        horizons_months=settings.horizons_months,
        cutoff=float(np.median(risk)),
        training_risk=np.sort(risk),
        most_outside=_most_outside(part.values),
        description={},
    )


def _most_outside(values: np.ndarray) -> int:
    """99th percentile of the features at which a patient is outside the range of all others."""
    known = values[:, ~np.isnan(values).all(axis=0)]
    alone = np.zeros(known.shape, dtype=bool)
    for end in (np.nanmin(known, axis=0), np.nanmax(known, axis=0)):
        there = known == end
        alone |= there & (there.sum(axis=0) == 1)
    return int(np.ceil(np.quantile(alone.sum(axis=1), 0.99)))


def _estimates(cv: CrossFitted, outcome: SurvivalOutcome, seed: int) -> Estimate:
    score = cv.mean_score
    if len(outcome) > _LARGE:
        return jackknife_concordance(outcome, score)
    return estimate_concordance(outcome, score, seed=seed)
