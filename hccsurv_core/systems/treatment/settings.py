"""What can be chosen about a training of system 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.settings_json import read_settings
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_settings import settings_from_json as arms_from_json
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.covariates import clinical_covariates
from hccsurv_core.systems.treatment.deep_settings import DeepSettings
from hccsurv_core.systems.treatment.recommendation_settings import (
    RecommendationSettings,
    recommendation_settings_from_json,
)
from hccsurv_core.systems.treatment.unexplained import UnexplainedSpread

#: The two versions of a model: without what images show, and with it.
CLINICAL, COMBINED = "clinical", "combined"
#: Where a bundle keeps the network.
DEEP_PART = "cnn"
#: How far patients with the same covariates lie apart, log hazard, unless the settings say otherwise.
DECLARED_SPREAD: Mapping[str, Mapping[str, float]] = {
    CLINICAL: {"hepatectomy": 1.2, "tace": 1.4},
    COMBINED: {"hepatectomy": 0.35, "tace": 0.3},
}
DECLARED_WHY = (
    "about what clinical values, with or without lesion signs, left unexplained in simulated patients "
    "(seeds 1 to 3); of real patients nobody knows it"
)
_SOURCE = "training settings"


@dataclass(frozen=True)
class TreatmentSettings:
    """Settings of :func:`~hccsurv_core.systems.treatment.training.train_treatment`.

    Args:
        covariates: clinical ones by name; None takes all that are known of enough patients.
        min_known: so large a share of the training patients of each arm must have a value.
        images: whether lesion signs are measured where a cohort has the images.
        cnn: networks to be trained on lesion crops beside them; None for none.
        arms: of the survival models.
        limits: of a recommendation.
        spread: standard deviation of the log hazard between patients with the same covariates, by
            arm, for the wider interval of a single patient; None takes :data:`DECLARED_SPREAD`.
        spread_why: where that number is from.
        n_folds, n_rounds: of the cross-validation.
    """

    covariates: tuple[str, ...] | None = None
    min_known: float = 0.5
    images: bool = True
    cnn: DeepSettings | None = None
    arms: ArmSettings = field(default_factory=ArmSettings)
    limits: RecommendationSettings = field(default_factory=RecommendationSettings)
    spread: Mapping[str, float] | None = None
    spread_why: str = "declared in the settings"
    n_folds: int = 5
    n_rounds: int = 4

    def __post_init__(self) -> None:
        if self.covariates is not None:
            object.__setattr__(self, "covariates", tuple(self.covariates))
            clinical_covariates(self.covariates)  # refuses names that are not known
            if not self.covariates:
                raise InputError("at least one covariate is needed", source=_SOURCE)
        if not 0 < self.min_known <= 1:
            raise InputError("min_known is a share above 0", source=_SOURCE)
        if self.n_folds < 2 or self.n_rounds < 1:
            raise InputError("at least 2 folds and 1 round are needed", source=_SOURCE)
        if self.spread is not None and set(self.spread) != set(ARMS):
            raise InputError(
                f"spread is needed of {' and '.join(ARMS)}", source=_SOURCE,
                remedy='write {"hepatectomy": 0.5, "tace": 0.5}',
            )  # fmt: skip

    def unexplained(self, version: str) -> UnexplainedSpread:
        """The declared spread of a version, checked."""
        if self.spread is not None:
            return UnexplainedSpread(self.spread, self.spread_why)
        return UnexplainedSpread(DECLARED_SPREAD[version], DECLARED_WHY)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = asdict(self)
        return plain | {
            "arms": self.arms.to_json(),
            "limits": self.limits.to_json(),
            "cnn": None if self.cnn is None else self.cnn.to_json(),
        }


def settings_from_json(found: Mapping[str, Any]) -> TreatmentSettings:
    """Back from a bundle, a file or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(TreatmentSettings, found, _SOURCE, _PARTS)


def _deep(found: Mapping[str, Any]) -> DeepSettings:
    return read_settings(DeepSettings, found, "network settings")


#: How a part of the settings comes back from plain values.
_PARTS = {"arms": arms_from_json, "limits": recommendation_settings_from_json, "cnn": _deep}
