"""The patients in three dimensions: principal components of the features, learned in training.

The published figure colors the patients' radiomic features by each definition: where low and not
low mix, the features hold something that the definition does not. Scaling and directions are
learned from training patients alone; the others are only placed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError

N_COMPONENTS = 3


@dataclass(frozen=True, eq=False)
class FeatureProjection:
    """Standardization and directions.

    Args:
        mean, scale: (p,) of the training patients; scale is 1 where a feature does not vary.
        components: (3, p) orthonormal directions; each one's largest weight is positive, so that
            the picture does not flip between machines.
        explained: (3,) share of the training patients' variance.
        n_training: how many they were.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    explained: np.ndarray
    n_training: int

    def apply(self, features: np.ndarray) -> np.ndarray:
        """(n, p) features → (n, 3) places; a missing feature stands at the training mean.

        Raises:
            InputError: another number of features.
        """
        values = np.asarray(features, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.mean.size:
            raise InputError(
                f"{self.mean.size} features are needed, got shape {values.shape}",
                source="features",
            )
        standard = (values - self.mean) / self.scale
        return np.where(np.isfinite(standard), standard, 0.0) @ self.components.T

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Arrays by name, for a bundle; :meth:`from_tensors` takes them back."""
        return {
            "projection.mean": self.mean,
            "projection.scale": self.scale,
            "projection.components": self.components,
            "projection.explained": self.explained,
            "projection.n_training": np.array([self.n_training], dtype=np.int64),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> FeatureProjection | None:
        """From a bundle's arrays; None where it holds no projection."""
        if "projection.components" not in tensors:
            return None
        mean, scale, components, explained, n = (
            np.asarray(tensors[f"projection.{name}"])
            for name in ("mean", "scale", "components", "explained", "n_training")
        )
        return cls(mean, scale, components, explained, int(n[0]))


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Where patients stand.

    Args:
        places: (n, 3) scores on the components.
        explained: (3,) share of the training patients' variance.
        n_training: patients the directions were learned from; n_features: features used.
        note: what a reader must know, or empty.
    """

    places: np.ndarray
    explained: np.ndarray
    n_training: int
    n_features: int
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values, places left out (they stand in the table of the figure)."""
        return {
            "explained_variance": self.explained.tolist(),
            "n_training": self.n_training,
            "n_features": self.n_features,
            "n": len(self.places),
            "note": self.note,
        }


def fit_projection(features: np.ndarray) -> FeatureProjection:
    """Standardize the training patients' features and find their three main directions.

    Args:
        features: (n, p) of training patients; NaN is missing and stands at the mean.

    Raises:
        StatisticsError: fewer than four patients, or than three features that vary.
    """
    values = np.asarray(features, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    seen = np.isfinite(values).sum(0)
    if len(values) <= N_COMPONENTS:
        raise StatisticsError(
            f"{len(values)} training patients cannot span {N_COMPONENTS} components",
            source="principal components",
        )
    filled = np.where(np.isnan(values), 0.0, values)
    mean = filled.sum(0) / np.maximum(seen, 1)
    centered = np.where(np.isnan(values), 0.0, values - mean)
    spread = np.sqrt((centered**2).sum(0) / np.maximum(seen - 1, 1))
    varies = spread > 1e-12 * np.maximum(1.0, np.abs(mean))
    if varies.sum() < N_COMPONENTS:
        raise StatisticsError(
            f"only {int(varies.sum())} features vary among the training patients",
            source="principal components",
        )
    scale = np.where(varies, spread, 1.0)
    standard = np.where(varies, centered / scale, 0.0)
    _, singular, directions = np.linalg.svd(standard, full_matrices=False)
    components = directions[:N_COMPONENTS]
    largest = np.abs(components).argmax(1)
    components = components * np.sign(components[np.arange(N_COMPONENTS), largest])[:, None]
    explained = singular[:N_COMPONENTS] ** 2 / (singular**2).sum()
    return FeatureProjection(mean, scale, components, explained, len(values))


def place_features(
    features: np.ndarray, training_rows: np.ndarray, projection: FeatureProjection | None = None
) -> FeatureSpace:
    """Place all patients in the space of the training patients.

    Args:
        features: (n, p) of all patients.
        training_rows: (n,) who of them was trained on.
        projection: of a model's own training patients; it takes precedence.

    Raises:
        StatisticsError: as :func:`fit_projection`.
    """
    note = ""
    if projection is None:
        rows = np.asarray(training_rows, bool)
        if not rows.any():
            note = (
                "No training patients are among these: the components were learned from these "
                "patients themselves."
            )
            rows = np.ones(len(features), bool)
        projection = fit_projection(features[rows])
    return FeatureSpace(
        projection.apply(features), projection.explained, projection.n_training,
        projection.mean.size, note,
    )  # fmt: skip
