"""What can be chosen about a training of system 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.binary_chain_settings import (
    BinaryChainSettings,
    binary_chain_settings_from_json,
)
from hccsurv_core.models.cox_settings import CoxSettings, cox_settings_from_json
from hccsurv_core.models.logistic_posterior_fit import (
    LogisticSettings,
    logistic_settings_from_json,
)
from hccsurv_core.models.survival_chain_settings import (
    SurvivalChainSettings,
    survival_chain_settings_from_json,
)
from hccsurv_core.settings_json import Parts, read_settings
from hccsurv_core.systems.ceus.covariates import clinical_covariates
from hccsurv_core.systems.ceus.image_features import (
    ImageFeatureSettings,
    image_settings_from_json,
)
from hccsurv_core.systems.ceus.risk_classes_cutoffs import CutoffSettings

#: The versions of a model: from clinical values, from the pictures (deep learning and radiomics, as
#: the paper calls it), and from both.
CLINICAL, DLR, COMBINED = "clinical", "dlr", "combined"
VERSIONS = (CLINICAL, DLR, COMBINED)
VERSION_WORDS: Mapping[str, str] = {
    CLINICAL: "clinical values",
    DLR: "pictures",
    COMBINED: "clinical values and pictures",
}
_SOURCE = "training settings"


@dataclass(frozen=True)
class CeusSettings:
    """Settings of :func:`~hccsurv_core.systems.ceus.training.train_ceus`.

    Args:
        covariates: clinical ones by name; None takes all that are known of enough patients.
        min_known: so large a share of the training patients must have a value.
        images: whether the pictures are measured where a cohort has them.
        signatures: whether radiomics and deep features are selected from, too, by the paper's
            chains; without, the measured signs stand alone.
        stills: which features these are.
        least_icc: where lesions of the cohort are outlined twice, a feature is selected from only if
            its ICC(A,1) is this or more, by the lower bound of its interval; None asks for none.
        n_repeats: so many patients are measured twice at most.
        early_chain, death_chain: of that selection.
        early, death: of the two models.
        horizons_months: at which survival is told.
        cutoffs: how classes are divided.
        n_folds, n_rounds: of the cross-validation.
    """

    covariates: tuple[str, ...] | None = None
    min_known: float = 0.5
    images: bool = True
    signatures: bool = True
    stills: ImageFeatureSettings = field(default_factory=ImageFeatureSettings)
    least_icc: float | None = 0.75
    n_repeats: int = 60
    early_chain: BinaryChainSettings = field(default_factory=BinaryChainSettings)
    death_chain: SurvivalChainSettings = field(default_factory=SurvivalChainSettings)
    early: LogisticSettings = field(default_factory=LogisticSettings)
    death: CoxSettings = field(default_factory=CoxSettings)
    horizons_months: tuple[float, ...] = (12.0, 36.0, 60.0)
    cutoffs: CutoffSettings = field(default_factory=CutoffSettings)
    n_folds: int = 5
    n_rounds: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizons_months", tuple(float(h) for h in self.horizons_months))
        if self.covariates is not None:
            object.__setattr__(self, "covariates", tuple(self.covariates))
            clinical_covariates(self.covariates)  # refuses names that are not known
            if not self.covariates:
                raise InputError("at least one covariate is needed", source=_SOURCE)
        if not 0 < self.min_known <= 1:
            raise InputError("min_known is a share above 0", source=_SOURCE)
        horizons = self.horizons_months
        if not horizons or min(horizons) <= 0 or list(horizons) != sorted(set(horizons)):
            raise InputError("horizons are positive, rising months", source=_SOURCE)
        if self.least_icc is not None and not 0 <= self.least_icc < 1:
            raise InputError("least_icc is a correlation from 0 to below 1", source=_SOURCE)
        if self.n_repeats < 0:
            raise InputError("n_repeats is a number of patients", source=_SOURCE)
        if self.n_folds < 2 or self.n_rounds < 1:
            raise InputError("at least 2 folds and 1 round are needed", source=_SOURCE)

    @property
    def measured(self) -> ImageFeatureSettings:
        """What is measured on the pictures: the signs in any case."""
        return self.stills if self.signatures else ImageFeatureSettings(preset=None, deep=None)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v.to_json() if k in _PARTS else v for k, v in found.items()}


def _stills(found: Mapping[str, Any]) -> ImageFeatureSettings:
    weights = found.get("weights")
    return image_settings_from_json(
        {**ImageFeatureSettings().to_json(), **found}, None if weights is None else Path(weights)
    )


def _cutoffs(found: Mapping[str, Any]) -> CutoffSettings:
    return read_settings(CutoffSettings, found, "cut-offs")


#: How a part of the settings comes back from plain values.
_PARTS: Parts = {
    "stills": _stills,
    "early_chain": binary_chain_settings_from_json,
    "death_chain": survival_chain_settings_from_json,
    "early": logistic_settings_from_json,
    "death": cox_settings_from_json,
    "cutoffs": _cutoffs,
}


def settings_from_json(found: Mapping[str, Any]) -> CeusSettings:
    """Back from a bundle, a file or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(CeusSettings, found, _SOURCE, _PARTS)
