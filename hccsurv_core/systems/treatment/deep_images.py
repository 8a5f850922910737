"""The paper's image signature as covariates: a network's features, selected in each arm, as a score.

Networks are compared on patients that they have not seen; the best one is trained again on all. The
scores that the arms' models learn from are out of fold, those of new patients are by the final
network: see :mod:`~hccsurv_core.systems.treatment.cnn_signature`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.cohort.folder import Cohort
from hccsurv_core.errors import BundleError, InputError, StatisticsError
from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.cnn.weights_file import read_weights
from hccsurv_core.models.selection_chain import Signature
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.study_cohort import ImageValues
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS
from hccsurv_core.systems.treatment.cnn_case import read_case_crops
from hccsurv_core.systems.treatment.cnn_evaluation import evaluate_network, learn_threshold
from hccsurv_core.systems.treatment.cnn_signature import (
    CrossFittedImages,
    ImageCohort,
    cross_fit_images,
    fit_image_signature,
)
from hccsurv_core.systems.treatment.cohort import TreatmentCohort
from hccsurv_core.systems.treatment.deep_settings import DEEP, DEEP_NAMES, DeepSettings

if TYPE_CHECKING:
    from hccsurv_core.models.cnn.classifier import CnnClassifier


@dataclass(frozen=True, eq=False)
class DeepImages:
    """A network and each arm's signature of its features.

    Args:
        classifier: the network.
        signatures: by arm; an empty one scores everybody 0.
    """

    classifier: CnnClassifier
    signatures: Mapping[str, Signature]

    def values(self, images: np.ndarray) -> np.ndarray:
        """(n, slices, channels, P, P) crops → (n, 2) log hazards, by the arms' signatures."""
        features = self.classifier.features(images)
        place = {name: k for k, name in enumerate(self.classifier.feature_names)}
        return np.column_stack(
            [
                s.linear_predictor(features[:, [place[name] for name in s.names]])
                for s in (self.signatures[arm] for arm in ARMS)
            ]
        )

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        found = {f"network.{k}": _halved(v) for k, v in self.classifier.tensors().items()}
        for arm, signature in self.signatures.items():
            found |= {f"signature.{arm}.{k}": v for k, v in signature.tensors().items()}
        return found

    def describe(self) -> dict[str, Any]:
        """For a bundle."""
        return {
            "network": self.classifier.to_json(),
            "signatures": {arm: list(s.names) for arm, s in self.signatures.items()},
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> DeepImages:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            BundleError: a part is missing.
        """
        from hccsurv_core.models.cnn.classifier import classifier_from_parts

        def under(start: str) -> dict[str, np.ndarray]:
            return {
                k[len(start) :]: v.astype(np.float32) if v.dtype == np.float16 else v
                for k, v in tensors.items()
                if k.startswith(start)
            }

        try:
            names = {arm: tuple(description["signatures"][arm]) for arm in ARMS}
            network = description["network"]
        except (KeyError, TypeError) as error:
            raise BundleError(f"lacks a part of the image signature ({error})") from error
        return cls(
            classifier_from_parts(network, under("network.")),
            {arm: Signature.from_tensors(names[arm], under(f"signature.{arm}.")) for arm in ARMS},
        )


@dataclass(frozen=True, eq=False)
class TrainedDeep:
    """What came out of a training.

    Args:
        deep: for new patients.
        values: of the training patients, by networks that had not seen them.
        report: how each network did out of fold, and what the chain selected.
    """

    deep: DeepImages
    values: ImageValues
    report: Mapping[str, Any]


def train_deep(
    cohort: TreatmentCohort,
    crops: Mapping[str, np.ndarray],
    settings: DeepSettings,
    *,
    horizon_months: float = 36.0,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> TrainedDeep:
    """Cross-fit every network, keep the best, and train it on all.

    Args:
        cohort: training patients.
        crops: patient → (slices, channels, P, P); patients without take no part.
        horizon_months: the networks tell who is alive beyond it.
        seed, device, checkpoint, progress: as for
            :func:`~hccsurv_core.models.cnn.training.fit_cnn`.

    Raises:
        InputError: nobody has crops, or the weights' file cannot be used.
        StatisticsError: too few patients, deaths or survivors in an arm.
    """
    mine = _image_cohort(cohort, crops)
    kept = checkpoint or Checkpoint()
    pretrained = None if settings.weights is None else read_weights(Path(settings.weights))
    share = 0.85 / len(settings.networks)
    found: dict[str, CrossFittedImages] = {}
    for number, name in enumerate(settings.networks):
        found[name] = cross_fit_images(
            mine, settings.of(name, horizon_months), n_folds=settings.n_folds,
            pretrained=pretrained if number == 0 else None, seed=seed, device=device,
            checkpoint=kept.under("network", name),
            progress=part_of(progress, number * share, (number + 1) * share),
        )  # fmt: skip
    judged = {name: _judged(name, f, mine, horizon_months) for name, f in found.items()}
    best = max(judged, key=lambda name: judged[name]["area_all"]["value"])
    final = fit_image_signature(
        mine, settings.of(best, horizon_months),
        pretrained=pretrained if best == settings.networks[0] else None, seed=seed, device=device,
        checkpoint=kept.under("final", best), progress=part_of(progress, 0.85, 1.0),
    )  # fmt: skip
    trained = DeepImages(
        final.network.classifier, {arm: r.signature for arm, r in final.selections.items()}
    )
    # What is used from here on is what a bundle keeps.
    deep = DeepImages.from_parts(trained.describe(), trained.tensors())
    scores = np.column_stack([found[best].scores[arm] for arm in ARMS])
    return TrainedDeep(
        deep,
        deep_values(dict(zip(mine.patient_ids, scores, strict=True))),
        {
            "settings": settings.to_json(),
            "networks": judged,
            "best": best,
            "selected_in_folds": {arm: found[best].selected(arm) for arm in ARMS},
            "chain": {arm: _short(r.to_json()) for arm, r in final.selections.items()},
        },
    )


def deep_values(by_patient: Mapping[str, np.ndarray]) -> ImageValues:
    """(2,) scores of patients as covariates."""
    return ImageValues(
        DEEP_NAMES,
        by_patient,
        {DEEP + arm: f"Network's score for {ARM_WORDS[arm]}" for arm in ARMS},
        dict.fromkeys(DEEP_NAMES, ""),
    )


def read_crops(
    cohort: Cohort, patient_ids: Sequence[str], crop: CropSettings, progress: Progress = silent
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Lesion crops of a cohort folder's patients.

    Returns:
        patient → (slices, channels, P, P), and patient → why there are none.
    """
    crops, failures = {}, {}
    for number, patient in enumerate(patient_ids):
        progress(number / len(patient_ids), f"lesion crops: {number + 1} of {len(patient_ids)}")
        try:
            crops[patient] = read_case_crops(cohort, patient, crop).images
        except InputError as error:
            failures[patient] = str(error)
    return crops, failures


def _halved(array: np.ndarray) -> np.ndarray:
    """Kernels in half precision: a bundle of half the size, and the same answers to three digits."""
    return array.astype(np.float16) if array.dtype == np.float32 and array.ndim == 4 else array


def _image_cohort(cohort: TreatmentCohort, crops: Mapping[str, np.ndarray]) -> ImageCohort:
    rows = np.array([p in crops for p in cohort.patient_ids], dtype=bool)
    if not rows.any():
        raise InputError(
            "no patient has lesion crops", source=cohort.source,
            remedy="outline lesion and liver in both phases, or train without networks",
        )  # fmt: skip
    part = cohort.subset(rows)
    images = np.stack([crops[p] for p in part.patient_ids])
    return ImageCohort(part.patient_ids, images, part.outcome, part.treatment)


def _judged(
    name: str, found: CrossFittedImages, cohort: ImageCohort, horizon_months: float
) -> dict[str, Any]:
    """Out of fold; each fold's threshold is learned on the others."""
    probability, outcome = found.probability_alive, cohort.outcome
    # One threshold for all is enough where it is a mean of those learned without each fold.
    thresholds = []
    for fold in np.unique(found.part):
        rows = found.part != fold
        try:
            thresholds.append(
                learn_threshold(probability[rows], outcome.subset(rows), horizon_months)
            )
        except StatisticsError:
            continue
    threshold = float(np.clip(np.mean(thresholds), 0, 1)) if thresholds else 0.5
    told = evaluate_network(
        name, probability, outcome, threshold=threshold, horizon_months=horizon_months
    )
    return told.to_json()


def _short(chain: dict[str, Any]) -> dict[str, Any]:
    """The chain without the fate of each of a thousand features that was dropped."""
    kept = [f for f in chain["features"] if f.get("name") in chain["selected"]]
    return chain | {"features": kept}
