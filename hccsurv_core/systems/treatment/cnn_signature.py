"""From crops to an image signature of each arm, whole and inside each fold.

One network learns from all patients, whichever way they were treated; its features then go through
the selection chain in each arm alone, so that every patient has a score for either treatment. A
network separates its own training patients far better than new ones, and so do its features: scores
that a later model learns from, or that are judged, must come from :func:`cross_fit_images`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.cnn.samples import CnnSamples, checked_images
from hccsurv_core.models.cnn.settings import CnnSettings
from hccsurv_core.models.cnn.training import FittedCnn, fit_cnn
from hccsurv_core.models.cnn.weights_file import PretrainedWeights
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.selection_chain import SelectionResult, SelectionSettings, fit_selection
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.treatment.cnn_labels import HorizonLabels, horizon_labels

#: The name of the only group where patients are not divided.
ALL = "all"
#: Of the progress of a fit, what the network takes.
_NETWORK_PART = 0.9


@dataclass(frozen=True, eq=False)
class ImageCohort:
    """Crops of n patients and what became of them.

    Args:
        patient_ids: n names.
        images: (n, slices, channels, P, P).
        outcome: of the same patients.
        arm: n names of treatments, or None: one signature for all.
    """

    patient_ids: tuple[str, ...]
    images: np.ndarray
    outcome: SurvivalOutcome
    arm: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", checked_images(self.images))
        n = len(self.patient_ids)
        given = (len(self.images), len(self.outcome), n if self.arm is None else len(self.arm))
        if given != (n, n, n):
            raise InputError(
                f"{n} patients but {given[0]} crops, {given[1]} outcomes and {given[2]} arms",
                source="image cohort",
            )

    def __len__(self) -> int:
        return len(self.patient_ids)

    @property
    def groups(self) -> np.ndarray:
        """(n,) arm of each patient, :data:`ALL` where there are none."""
        return np.array([ALL] * len(self) if self.arm is None else self.arm)

    def subset(self, rows: np.ndarray) -> ImageCohort:
        """Some patients, by boolean mask or positions."""
        chosen = np.arange(len(self))[rows]
        return ImageCohort(
            tuple(self.patient_ids[k] for k in chosen), self.images[chosen],
            self.outcome.subset(chosen),
            None if self.arm is None else tuple(self.arm[k] for k in chosen),
        )  # fmt: skip


@dataclass(frozen=True)
class ImageSettings:
    """How a signature is made.

    Args:
        crop: how the images were cropped.
        network, selection: settings of the network and of the chain.
        horizon_months: what the network is trained to tell.
        censoring: see :data:`~hccsurv_core.systems.treatment.cnn_labels.SCHEMES`; learned in each
            arm.
    """

    crop: CropSettings = field(default_factory=CropSettings)
    network: CnnSettings = field(default_factory=CnnSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    horizon_months: float = 36.0
    censoring: str = "ipcw"


@dataclass(frozen=True, eq=False)
class ImageSignature:
    """A network and, for each arm, the features that were selected of it.

    Args:
        network: trained on all patients.
        selections: arm → result of the chain in that arm.
        labels: what the network was trained to tell, of whom.
    """

    network: FittedCnn
    selections: Mapping[str, SelectionResult]
    labels: HorizonLabels

    def features(self, images: np.ndarray) -> np.ndarray:
        """(n, p) features of new patients."""
        return self.network.classifier.features(images)

    def scores(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """arm → (n,) log hazard relative to the average patient of that arm; higher is worse.

        Args:
            images: (n, slices, channels, P, P) of patients that were not trained on.
        """
        names = self.network.classifier.feature_names
        place = {name: k for k, name in enumerate(names)}
        found = self.features(images)
        return {
            arm: result.signature.linear_predictor(
                found[:, [place[name] for name in result.signature.names]]
            )
            for arm, result in self.selections.items()
        }

    def describe(self) -> dict[str, Any]:
        """For a bundle or a report: plain values."""
        return {
            "cnn": self.network.describe(),
            "labels": self.labels.to_json(),
            "selections": {arm: result.to_json() for arm, result in self.selections.items()},
        }


@dataclass(frozen=True, eq=False)
class CrossFittedImages:
    """Every training patient by a network and signatures that never saw that patient.

    Args:
        part: (n,) fold of each patient.
        scores: arm → (n,) log hazard by that arm's signature; 0 where it is empty.
        probability_alive: (n,) beyond the horizon, by the network.
        folds: what was fitted in each fold, as :meth:`ImageSignature.describe` has it.
    """

    part: np.ndarray
    scores: Mapping[str, np.ndarray]
    probability_alive: np.ndarray
    folds: tuple[dict[str, Any], ...]

    def selected(self, arm: str) -> list[list[str]]:
        """The features that each fold selected in an arm."""
        return [list(fold["selections"][arm]["selected"]) for fold in self.folds]


def fit_image_signature(
    cohort: ImageCohort,
    settings: ImageSettings | None = None,
    *,
    pretrained: PretrainedWeights | None = None,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> ImageSignature:
    """Train a network, take its features, select in each arm.

    Args:
        cohort: training patients.
        settings: default :class:`ImageSettings`.
        pretrained, seed, device, checkpoint, progress: as for
            :func:`~hccsurv_core.models.cnn.training.fit_cnn`.

    Raises:
        InputError: crops of other settings.
        StatisticsError: too few patients or events in all or in an arm; the message names the arm.
    """
    settings = settings or ImageSettings()
    groups = cohort.groups
    labels = horizon_labels(
        cohort.outcome, settings.horizon_months, scheme=settings.censoring, group=groups.tolist()
    )
    network = fit_cnn(
        CnnSamples(cohort.images, labels.alive, labels.weight), settings.crop, settings.network,
        horizon_months=settings.horizon_months, pretrained=pretrained, seed=seed, device=device,
        checkpoint=checkpoint, progress=part_of(progress, 0.0, _NETWORK_PART),
    )  # fmt: skip
    table = feature_table(network, cohort)
    arms = sorted(set(groups.tolist()))
    selections = {}
    for number, arm in enumerate(arms):
        step = (1 - _NETWORK_PART) / len(arms)
        begin = _NETWORK_PART + number * step
        try:
            selections[arm] = fit_selection(
                table.subset(groups == arm), settings.selection,
                progress=part_of(progress, begin, begin + step),
            )  # fmt: skip
        except StatisticsError as error:
            raise StatisticsError(
                error.what, source=f"image signature, {arm}", remedy=error.remedy
            ) from error
    progress(1.0, "the image signature is made")
    return ImageSignature(network, selections, labels)


def feature_table(network: FittedCnn, cohort: ImageCohort) -> FeatureTable:
    """A network's features of patients, with their outcome."""
    classifier = network.classifier
    return FeatureTable(
        cohort.patient_ids, classifier.feature_names, classifier.features(cohort.images),
        cohort.outcome, source="image features",
    )  # fmt: skip


def cross_fit_images(
    cohort: ImageCohort,
    settings: ImageSettings | None = None,
    *,
    n_folds: int = 5,
    pretrained: PretrainedWeights | None = None,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> CrossFittedImages:
    """Fit network and signatures without each fold, and score the fold.

    Args:
        cohort: training patients.
        n_folds: events of each arm are spread evenly over them.
        seed: of the folds and of everything inside.

    Raises:
        InputError: fewer than two folds.
        StatisticsError: as for :func:`fit_image_signature`.
    """
    if n_folds < 2:
        raise InputError(f"{n_folds} folds cannot leave anybody out", source="image signature")
    groups = cohort.groups
    part = _parts(cohort, n_folds, seed)
    scores = {arm: np.zeros(len(cohort)) for arm in sorted(set(groups.tolist()))}
    alive, folds = np.empty(len(cohort)), []
    for fold in range(n_folds):
        out = part == fold
        fitted = fit_image_signature(
            cohort.subset(~out), settings, pretrained=pretrained, seed=seed, device=device,
            checkpoint=checkpoint,
            progress=part_of(progress, fold / n_folds, (fold + 1) / n_folds),
        )  # fmt: skip
        for arm, found in fitted.scores(cohort.images[out]).items():
            scores[arm][out] = found
        alive[out] = fitted.network.classifier.probability_alive(cohort.images[out])
        folds.append(fitted.describe())
    return CrossFittedImages(part, scores, alive, tuple(folds))


def _parts(cohort: ImageCohort, n_folds: int, seed: int) -> np.ndarray:
    """(n,) fold of each patient, arms and their events spread evenly."""
    groups, part = cohort.groups, np.empty(len(cohort), dtype=np.int64)
    for number, arm in enumerate(sorted(set(groups.tolist()))):
        rows = groups == arm
        part[rows] = stratified_parts(cohort.outcome.event[rows], n_folds, seed + number)
    return part
