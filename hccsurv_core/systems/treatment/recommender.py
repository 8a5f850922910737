"""All that a recommendation rests on: arms, propensity, ranges, limits; fitted together, kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.models.nomogram_curves import TRANSFORMS
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import TreatmentTable
from hccsurv_core.systems.treatment.arms import ArmModels, FitArm, fit_arms
from hccsurv_core.systems.treatment.overlap import OverlapModel, fit_overlap
from hccsurv_core.systems.treatment.ranges import TrainingRanges, training_ranges
from hccsurv_core.systems.treatment.recommendation_settings import (
    RecommendationSettings,
    recommendation_settings_from_json,
)

_PARTS = ("arms", "overlap", "ranges")
#: Training quantiles that stand for a low and a high value of what is missing.
_LOW_HIGH = (0.1, 0.9)


@dataclass(frozen=True, eq=False)
class Recommender:
    """What :func:`~hccsurv_core.systems.treatment.recommendation.recommend` asks.

    Args:
        arms: survival under each treatment.
        overlap: who was given which; its covariates are some of the arms'.
        ranges: of the arms' covariates.
        low_high: (2, p) training quantiles of the arms' covariates, for what is missing.
        settings: limits.
        labels: covariate → what sentences call it; others go by their name.
        scales: covariate → (transform, unit) of what a person reads; others are read as they are.
    """

    arms: ArmModels
    overlap: OverlapModel
    ranges: TrainingRanges
    low_high: np.ndarray
    settings: RecommendationSettings = field(default_factory=RecommendationSettings)
    labels: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lacking = [name for name in self.overlap.names if name not in self.arms.names]
        if lacking:
            raise InputError(
                f"the propensity takes {lacking[0]!r}, which is no covariate of the arms",
                source="recommender",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) covariates of the arms."""
        return self.arms.names

    @property
    def overlap_columns(self) -> list[int]:
        """Where the propensity's covariates are among the arms'."""
        return [self.names.index(name) for name in self.overlap.names]

    def label(self, name: str) -> str:
        """What a covariate is called in a sentence."""
        return self.labels.get(name, name)

    def value_text(self, name: str, value: float) -> str:
        """A covariate's value as a person reads it, with its unit."""
        transform, unit = self.scales.get(name, ("identity", ""))
        return f"{TRANSFORMS[transform].inverse(value):.3g} {unit}".rstrip()

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle; names are ``part.name``."""
        parts = {part: getattr(self, part).tensors() for part in _PARTS}
        found = {f"{part}.{k}": v for part, arrays in parts.items() for k, v in arrays.items()}
        return found | {"missing.low_high": self.low_high}

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""
        return {
            "arms": self.arms.describe(),
            "overlap": self.overlap.describe(),
            "ranges": {"names": list(self.ranges.names)},
            "recommendation": self.settings.to_json(),
            "labels": dict(self.labels),
            "scales": {name: list(scale) for name, scale in self.scales.items()},
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> Recommender:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            BundleError: a part is missing.
        """
        part = {name: tensors_of(tensors, name) for name in (*_PARTS, "missing")}
        try:
            return cls(
                ArmModels.from_parts(description["arms"], part["arms"]),
                OverlapModel.from_parts(description["overlap"], part["overlap"]),
                TrainingRanges.from_parts(description["ranges"], part["ranges"]),
                part["missing"]["low_high"],
                recommendation_settings_from_json(description["recommendation"]),
                dict(description["labels"]),
                {name: (scale[0], scale[1]) for name, scale in description["scales"].items()},
            )
        except KeyError as error:
            raise BundleError(
                f"lacks a part of the recommendation ({error})", source="recommender",
                remedy="train it again with this version",
            ) from error  # fmt: skip


def fit_recommender(
    table: TreatmentTable,
    settings: ArmSettings | None = None,
    seed: int = 0,
    *,
    propensity: Sequence[str] | None = None,
    limits: RecommendationSettings | None = None,
    labels: Mapping[str, str] | None = None,
    scales: Mapping[str, tuple[str, str]] | None = None,
    fit_arm: FitArm | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Recommender:
    """Fit everything on the same training patients.

    Args:
        table: training patients.
        settings, seed, fit_arm, executor: see :func:`~hccsurv_core.systems.treatment.arms.fit_arms`.
        propensity: covariates that the choice of treatment may have depended on; None for all.
        limits: of a recommendation.
        labels: covariate → what sentences call it.
        scales: covariate → (transform, unit) of what a person reads.
        progress: may cancel.

    Raises:
        TableError: a covariate of the propensity is not in the table.
        StatisticsError: an arm cannot carry a model, or the propensity cannot be fitted.
    """
    chosen = table if propensity is None else table.columns(propensity)
    overlap = fit_overlap(chosen)
    arms = fit_arms(
        table, settings, seed, fit_arm=fit_arm, executor=executor,
        progress=part_of(progress, 0.05, 1.0),
    )  # fmt: skip
    known = np.isfinite(table.values).any(axis=0)
    low_high = np.full((2, len(table.names)), np.nan)
    low_high[:, known] = np.nanquantile(table.values[:, known], _LOW_HIGH, axis=0)
    return Recommender(
        arms, overlap, training_ranges(table), low_high, limits or RecommendationSettings(),
        dict(labels or {}), dict(scales or {}),
    )  # fmt: skip
