"""From many features to a few: the selection chain of Wei et al., step by step and on record.

Br J Hosp Med 2026, doi 10.31083/BJHM50380: correlation filter, univariate Cox regression, LASSO Cox
model. What is fitted — medians that fill gaps, scales, correlations, p-values, coefficients — comes
from the patients that are given, so give training patients alone;
:mod:`~hccsurv_core.models.selection_chain_folds` does that inside each fold.

Selection by p-value finds features in noise: of 1000 that mean nothing about 50 pass. The fate of
every feature and the number that chance alone would leave are part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import BundleError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.chain_result import ChainResult
from hccsurv_core.models.selection_chain_filters import (
    CorrelationFilter,
    UnivariateCox,
    filter_correlated,
    univariate_cox,
)
from hccsurv_core.models.selection_chain_lasso import FEWEST_EVENTS, LassoPath, fit_lasso
from hccsurv_core.models.selection_chain_report import FeatureFate, fates, steps
from hccsurv_core.models.selection_chain_settings import (
    SelectionSettings,
    selection_settings_from_json,
)
from hccsurv_core.models.standardize import Standardizer, fit_standardizer
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent


@dataclass(frozen=True, eq=False)
class Signature:
    """A weighted sum of the features that were selected; there may be none.

    Args:
        scales: of those features, as the training patients had them.
        coef: (k,) log hazard ratios per standard deviation, shrunken by the LASSO.
    """

    scales: Standardizer | None
    coef: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return () if self.scales is None else self.scales.names

    @property
    def is_empty(self) -> bool:
        """Whether no feature was selected; every patient then scores 0."""
        return not self.names

    def linear_predictor(self, values: ArrayLike) -> np.ndarray:
        """Log hazard relative to the average training patient; higher is worse.

        Args:
            values: (n, k) of the features in :attr:`names`, NaN where missing (the training median
                is taken). More than five standard deviations from the mean count as five.

        Raises:
            InputError: another number of features.
        """
        if self.scales is None:
            return np.zeros(np.asarray(values).shape[0])
        return self.scales.apply(values) @ self.coef

    def score(self, table: FeatureTable) -> np.ndarray:
        """The same for a table that holds at least these features.

        Raises:
            TableError: one is not there.
        """
        if self.is_empty:
            return np.zeros(len(table))
        return self.linear_predictor(table.columns(self.names).values)

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        scales = {} if self.scales is None else self.scales.tensors()
        return {"coef": self.coef, **{f"scales.{k}": v for k, v in scales.items()}}

    @classmethod
    def from_tensors(cls, names: tuple[str, ...], tensors: Mapping[str, np.ndarray]) -> Signature:
        """Back from a bundle.

        Raises:
            BundleError: an array is missing, or there is not one coefficient a feature.
        """
        arrays = tensors_of(tensors, "scales")
        try:
            coef = np.asarray(tensors["coef"], dtype=np.float64)
            scales = Standardizer.from_tensors(names, arrays) if names else None
        except KeyError as error:
            raise BundleError(f"array {error} is missing", source="signature") from error
        if coef.shape != (len(names),):
            raise BundleError(f"{len(names)} features but {coef.size} weights", source="signature")
        return cls(scales, coef)


@dataclass(frozen=True, eq=False, kw_only=True)
class SelectionResult(ChainResult):
    """What the chain did with every feature; ``signature`` is a log hazard ratio."""

    settings: SelectionSettings
    signature: Signature
    features: tuple[FeatureFate, ...]
    lasso: LassoPath | None


def fit_selection(
    table: FeatureTable,
    settings: SelectionSettings | None = None,
    *,
    progress: Progress = silent,
) -> SelectionResult:
    """Run the chain on training patients.

    Args:
        table: features and outcome; missing values are filled with the median, and more than five
            standard deviations from the mean count as five in every step.
        settings: default :class:`SelectionSettings`.
        progress: told as it goes; may cancel.

    Raises:
        TableError: there is no outcome.
        StatisticsError: no feature varies, or there are fewer than five events.
    """
    settings = settings or SelectionSettings()
    outcome = table.require_outcome()
    if outcome.n_events < FEWEST_EVENTS:
        raise StatisticsError(
            f"{outcome.n_events} events among {len(outcome)} patients are too few to select by",
            source="selection",
            remedy="give more patients, or longer follow-up",
        )
    scales = fit_standardizer(table.values, table.names)
    varying = np.flatnonzero(scales.used)
    scaled = scales.apply(table.values)
    distinct = filter_correlated(scaled, settings.correlation)
    alone = _alone(scaled, outcome, distinct, part_of(progress, 0.0, 0.7))
    chosen = np.flatnonzero(distinct.kept & (alone.p_value < settings.p_value))
    lasso, coef = None, np.zeros(len(table.names))
    if chosen.size:
        lasso = fit_lasso(scaled[:, chosen], outcome, settings, progress=part_of(progress, 0.7, 1))
        coef[varying[chosen]] = lasso.coef[lasso.chosen]
    selected = np.flatnonzero(coef)
    signature = Signature(scales.subset(selected) if selected.size else None, coef[selected])
    progress(1.0, "features are selected")
    return SelectionResult(
        settings=settings,
        signature=signature,
        steps=steps(scales, distinct, alone, chosen, selected, lasso, settings),
        features=fates(scales, varying, distinct, alone, chosen, coef),
        lasso=lasso,
        n=len(outcome),
        n_events=outcome.n_events,
    )


def signature_from_parts(
    data: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> tuple[SelectionSettings, Signature]:
    """Settings and signature out of :meth:`SelectionResult.to_json` and :meth:`Signature.tensors`.

    Raises:
        BundleError: they are not of a signature.
    """
    try:
        names = tuple(map(str, data["selected"]))
        settings = selection_settings_from_json(data["settings"])
    except (KeyError, TypeError) as error:
        raise BundleError(f"describes no signature ({error!r})", source="signature") from error
    return settings, Signature.from_tensors(names, tensors)


def _alone(
    scaled: np.ndarray, outcome: SurvivalOutcome, distinct: CorrelationFilter, progress: Progress
) -> UnivariateCox:
    """Univariate regressions of the features that are left; NaN for the others."""
    kept = np.flatnonzero(distinct.kept)
    found = univariate_cox(scaled[:, kept], outcome, progress=progress)
    spread = {
        name: np.full(distinct.kept.size, np.nan) for name in ("coef", "std_error", "p_value")
    }
    for name, values in spread.items():
        values[kept] = getattr(found, name)
    infinite = np.zeros(distinct.kept.size, dtype=bool)
    infinite[kept] = found.infinite
    return UnivariateCox(**spread, infinite=infinite)
