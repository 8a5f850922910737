"""Training an ensemble of deep Cox networks by one recipe.

Members share what sees no outcome (scales, principal components, autoencoder) and are trained on
four fifths of the patients each, stopped on the last fifth. Fifths rotate, so that after every
five members each patient was left out once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from hccsurv_core.models.autoencoder import FittedAutoencoder, fit_autoencoder
from hccsurv_core.models.breslow import fit_baseline
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.coxph import Baseline
from hccsurv_core.models.deep_cox import FittedNetworks, Member, fit_networks
from hccsurv_core.models.encoder_layers import EncoderStart
from hccsurv_core.models.network import Networks, join_networks
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.prior_ridge import fit_prior_ridge
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.models.representation import (
    Representation,
    fit_pca,
    join_representations,
    no_representation,
)
from hccsurv_core.models.ridge_cox import fit_ridge_cox
from hccsurv_core.models.standardize import Standardizer, fit_standardizer
from hccsurv_core.models.survival_ensemble import SurvivalEnsemble
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent

#: What the inputs of a network that come from a representation are called, before their number.
CODE = "code "
#: Parts that the patients are cut into; a member is stopped on one of them.
N_PARTS = 5


@dataclass(frozen=True, eq=False)
class TrainingCourse:
    """How the training went, for its curves.

    Args:
        networks: losses by epoch and member, five members each; empty for a linear head.
        autoencoder: (epochs,) losses on training patients and on those to stop on; empty
            without one.
        explained: share of the features' variance that the representation keeps; 1 without one.
    """

    networks: tuple[FittedNetworks, ...]
    autoencoder: tuple[np.ndarray, np.ndarray]
    explained: float


@dataclass(frozen=True, eq=False)
class FittedEnsemble:
    """A trained ensemble and what its patients look like to members that had not seen them.

    Args:
        ensemble: the model, with a slope of 1.
        left_out_score: (n,) mean centered log hazard by the members that were not trained on
            the patient.
        members: whose data each member learned from.
        course: of the training.
    """

    ensemble: SurvivalEnsemble
    left_out_score: np.ndarray
    members: tuple[Member, ...]
    course: TrainingCourse

    def calibrated(
        self, slope: float, unseen_score: np.ndarray, outcome: SurvivalOutcome, ties: str = "efron"
    ) -> SurvivalEnsemble:
        """The model with hazards as they are for patients it has not seen.

        Args:
            slope: what the log hazard is multiplied with.
            unseen_score: (n,) mean centered log hazards of the training patients by models that
                had not seen them, before the slope.
            outcome: of the training patients.
        """
        score = slope * unseen_score
        baseline = fit_baseline(score, outcome, ties=ties)
        hazards = [
            fit_baseline(score[m.train], outcome.subset(m.train), ties=ties).at(
                baseline.time_months
            )
            for m in self.members
        ]
        return replace(
            self.ensemble, slope=float(slope), baseline=baseline, member_hazard=np.stack(hazards)
        )


def fit_ensemble(
    values: np.ndarray,
    names: Sequence[str],
    outcome: SurvivalOutcome,
    recipe: Recipe,
    *,
    n_members: int = 10,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> FittedEnsemble:
    """Train on these patients.

    Args:
        values: (n, p) features, NaN where missing.
        names: (p,) of the features.
        outcome: of the same patients.
        n_members: networks; a multiple of five leaves everybody out equally often.
        seed: fixes everything.
        progress: may cancel.
        checkpoint: keeps every five finished members.

    Raises:
        InputError: shapes do not fit.
        StatisticsError: no events, or nothing varies.
    """
    kept = (checkpoint or Checkpoint()).under(
        asdict(recipe), seed, list(names), values, outcome.time_months, outcome.event
    )
    standardizer = fit_standardizer(values, names, scaling=recipe.scalings(names))
    scaled = standardizer.apply(values)
    share = 0.4 if recipe.representation == "autoencoder" else 0.0
    prepared = _prepare(
        scaled, standardizer, recipe, seed, device, part_of(progress, 0.0, share), kept
    )
    if recipe.code_scale == "natural":
        prepared = prepared.naturally_scaled()
    prepared = replace(prepared, input_names=_input_names(standardizer, prepared.representation))
    members = rotate_parts(outcome.event, n_members, seed)
    fitted = _fit_members(
        scaled, outcome, members, prepared, recipe, seed, device,
        part_of(progress, share, 1.0), kept,
    )  # fmt: skip
    networks = join_networks([f.networks for f in fitted])
    representation = prepared.representation
    if prepared.start is not None:
        representation = join_representations(
            [f.representation for f in fitted if f.representation is not None]
        )
    course = TrainingCourse(
        tuple(f for f in fitted if f.best_epoch.size), prepared.losses, prepared.explained
    )
    return _assemble(
        (standardizer, representation, networks), scaled, outcome, members, course,
        recipe.network.ties,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What members share, learned without looking at an outcome.

    Args:
        representation: of the scaled features.
        losses: of its training, by epoch; explained: share of the variance that it keeps.
        start: where joint training of the encoder begins, or None.
        input_names: of the networks' inputs: codes by number, the others by their feature.
    """

    representation: Representation
    losses: tuple[np.ndarray, np.ndarray]
    explained: float
    start: EncoderStart | None = None
    input_names: tuple[str, ...] = ()

    def naturally_scaled(self) -> _Prepared:
        """The same with one scale for all codes."""
        start = self.start
        if start is not None:
            start = replace(start, representation=start.representation.naturally_scaled())
        return replace(self, representation=self.representation.naturally_scaled(), start=start)


def _fit_members(
    scaled: np.ndarray,
    outcome: SurvivalOutcome,
    members: Sequence[Member],
    prepared: _Prepared,
    recipe: Recipe,
    seed: int,
    device: str,
    progress: Progress,
    kept: Checkpoint,
) -> list[FittedNetworks]:
    """Networks of all members, five at a time."""
    inputs = prepared.representation.apply(scaled)
    found: list[FittedNetworks] = []
    for begin in range(0, len(members), N_PARTS):
        chosen = members[begin : begin + N_PARTS]
        linear = None
        if recipe.head == "linear" or recipe.linear_start:
            linear = _linear_start(inputs, outcome, chosen, recipe, prepared)
        if recipe.head == "linear" and linear is not None:
            found.append(_linear_members(linear, recipe.network.activation))
            continue
        key = f"members {begin} to {begin + len(chosen)}"
        arrays = kept.get(key)
        if arrays is not None:
            found.append(FittedNetworks.from_tensors(arrays, recipe.network.activation))
            continue
        report = part_of(progress, begin / len(members), (begin + len(chosen)) / len(members))
        found.append(
            fit_networks(
                inputs if prepared.start is None else scaled, outcome, chosen, recipe.network,
                start=linear, encoder=prepared.start, seed=seed + 104_729 * begin, device=device,
                progress=report, watch=_noting(kept, "networks", begin),
            )
        )  # fmt: skip
        kept.put(key, found[-1].tensors())
    progress(1.0, "trained")
    return found


def _linear_members(coef: np.ndarray, activation: str) -> FittedNetworks:
    """(K, p) coefficients as networks without a hidden layer, which took no epochs."""
    none = np.zeros((0, len(coef)))
    networks = Networks((coef[:, :, None],), (), activation)
    return FittedNetworks(networks, np.zeros(0, dtype=np.int64), none, none)


def _noting(kept: Checkpoint, what: str, first: int) -> Callable[[int, Any, Any], None] | None:
    """Notes the losses of each epoch in the course; ``first`` is the number of the first member."""
    if kept.folder is None:
        return None

    def note(epoch: int, train: Any, stop: Any) -> None:
        losses = {
            name: [round(float(x), 5) if np.isfinite(x) else None for x in np.atleast_1d(loss)]
            for name, loss in (("train", train), ("stop", stop))
        }
        kept.note(what, epoch=epoch, first=first, **losses)

    return note


def _linear_start(
    inputs: np.ndarray,
    outcome: SurvivalOutcome,
    members: Sequence[Member],
    recipe: Recipe,
    prepared: _Prepared,
) -> np.ndarray:
    """(K, p) ridge Cox coefficients of each member's training patients."""
    ties = recipe.network.ties
    if recipe.prior is None:
        return np.stack(
            [
                fit_ridge_cox(inputs[m.train], outcome.subset(m.train), recipe.penalty, ties=ties)
                for m in members
            ]
        )
    scale = _code_scale(prepared.representation, recipe.prior.free_scale)
    prior = recipe.prior.matrix(prepared.input_names, scale)
    return np.stack(
        [
            fit_prior_ridge(
                inputs[m.train], outcome.subset(m.train), prior, recipe.penalty, ties=ties
            )
            for m in members
        ]
    )


def _input_names(standardizer: Standardizer, representation: Representation) -> tuple[str, ...]:
    names = [standardizer.names[i] for i in standardizer.owner]
    beside = [n for n, coded in zip(names, representation.encoded, strict=True) if not coded]
    return (*(f"{CODE}{i + 1}" for i in range(representation.n_codes)), *beside)


def _code_scale(representation: Representation, free_scale: float) -> dict[str, float]:
    """How far each code's coefficient may move: what hardly varies in patients, hardly at all."""
    if representation.scale is None:
        return {}
    spread = np.sqrt(representation.scale / representation.scale.max())
    return {f"{CODE}{i + 1}": free_scale * float(s) for i, s in enumerate(spread)}


def rotate_parts(event: np.ndarray, n_members: int, seed: int) -> list[Member]:
    """Whom each member is trained and stopped on; events are spread evenly over the parts."""
    members: list[Member] = []
    turn = 0
    while len(members) < n_members:
        part = stratified_parts(event, N_PARTS, seed + 7919 * turn)
        turn += 1
        members += [
            Member(np.flatnonzero(part != k), np.flatnonzero(part == k))
            for k in range(min(N_PARTS, n_members - len(members)))
        ]
    return members


def _prepare(
    scaled: np.ndarray,
    standardizer: Standardizer,
    recipe: Recipe,
    seed: int,
    device: str,
    progress: Progress,
    kept: Checkpoint,
) -> _Prepared:
    """The representation of the training patients."""
    empty = (np.zeros(0), np.zeros(0))
    passing = set(recipe.bypass)
    encoded = np.array([standardizer.names[i] not in passing for i in standardizer.owner])
    if recipe.representation == "none" or not encoded.any():
        return _Prepared(no_representation(scaled.shape[1]), empty, 1.0)
    if recipe.representation == "pca":
        found = fit_pca(scaled, recipe.n_codes, encoded)
        spread = 0.0 if found.scale is None else float((found.scale**2).sum())
        return _Prepared(found, empty, spread / float(scaled[:, encoded].var(axis=0).sum()))
    arrays = kept.get("autoencoder")
    if arrays is None:
        fitted = fit_autoencoder(
            scaled, encoded, recipe.autoencoder, seed=seed, device=device, progress=progress,
            watch=_noting(kept, "autoencoder", 0),
        )  # fmt: skip
        kept.put("autoencoder", fitted.tensors())
    else:
        fitted = FittedAutoencoder.from_tensors(arrays)
    start = None
    if recipe.joint:
        start = EncoderStart(
            fitted.representation, fitted.decoder, recipe.reconstruction
        )  # fmt: skip
    return _Prepared(
        fitted.representation, (fitted.train_loss, fitted.stop_loss), fitted.explained, start
    )


def _assemble(
    parts: tuple[Standardizer, Representation, Networks],
    scaled: np.ndarray,
    outcome: SurvivalOutcome,
    members: Sequence[Member],
    course: TrainingCourse,
    ties: str,
) -> FittedEnsemble:
    standardizer, representation, networks = parts
    scores = networks.log_hazard(representation.apply(scaled))
    center = scores.mean(axis=1)
    scores = scores - center[:, None]
    left_out = np.full(scores.shape, np.nan)
    for row, member in enumerate(members):
        left_out[row, member.stop] = scores[row, member.stop]
    unseen = ~np.isnan(left_out)
    mean = np.where(unseen, left_out, 0.0).sum(axis=0) / np.maximum(unseen.sum(axis=0), 1)
    # With fewer members than parts some patients were never left out.
    left_out_score = np.where(unseen.any(axis=0), mean, scores.mean(axis=0))
    start = SurvivalEnsemble(
        standardizer, representation, networks, center, 1.0, Baseline(np.zeros(0), np.zeros(0)),
        np.zeros((len(members), 0)), float(np.sqrt(members[0].train.size / members[0].stop.size)),
    )  # fmt: skip
    fitted = FittedEnsemble(start, left_out_score, tuple(members), course)
    return replace(fitted, ensemble=fitted.calibrated(1.0, left_out_score, outcome, ties))
