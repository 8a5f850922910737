"""The record of a selection: what each step did, and what became of every feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.checks import normal_quantile
from hccsurv_core.models.selection_chain_filters import CorrelationFilter, UnivariateCox
from hccsurv_core.models.selection_chain_lasso import LassoPath
from hccsurv_core.models.selection_chain_settings import PENALTY_RULES, SelectionSettings
from hccsurv_core.models.standardize import Standardizer

#: Where a feature can leave, in order; "selected" is where it does not.
STEPS = ("constant", "correlation", "univariate", "lasso")


@dataclass(frozen=True)
class SelectionStep:
    """One step of the chain.

    Args:
        name: of :data:`STEPS`.
        rule: in words, with its threshold.
        before, after: how many features went in and stayed.
        by_chance: how many would stay if none of them meant anything; None where chance decides
            nothing.
        words: how it came out.
    """

    name: str
    rule: str
    before: int
    after: int
    by_chance: float | None
    words: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class FeatureFate:
    """What became of a feature.

    Args:
        name: of the feature.
        left_at: of :data:`STEPS`, or "selected".
        stands_for: the feature that stands for one that left for its correlation; r: with it.
        hazard_ratio, ci_low, ci_high, p_value: of its own Cox regression, per standard deviation;
            None where it did not come so far.
        infinite: the feature orders the deaths perfectly: no finite ratio, p of the score test.
        coef: in the signature, per standard deviation; 0 where it is not in it.
    """

    name: str
    left_at: str
    stands_for: str | None = None
    r: float | None = None
    hazard_ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    infinite: bool = False
    coef: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def steps(
    scales: Standardizer,
    distinct: CorrelationFilter,
    alone: UnivariateCox,
    chosen: np.ndarray,
    selected: np.ndarray,
    lasso: LassoPath | None,
    settings: SelectionSettings,
) -> tuple[SelectionStep, ...]:
    """The steps that were taken; the last is the one that left nothing, where there is one."""
    total, varying = len(scales.names), distinct.kept.size
    different, promising = int(distinct.kept.sum()), chosen.size
    lowest = float(np.nanmin(alone.p_value))
    found = [
        SelectionStep(
            "constant", "the same value in every patient, or no value at all", total, varying,
            None, f"{total - varying} features never vary",
        ),
        SelectionStep(
            "correlation",
            f"|r| of {settings.correlation:g} or more with a feature that is less redundant (lower "
            "mean |r| with all others)",
            varying, different, None, f"{varying - different} features have another that stands for them",
        ),
        SelectionStep(
            "univariate", f"Cox regression, p < {settings.p_value:g}", different, promising,
            different * settings.p_value,
            f"{promising} of {different} features have p < {settings.p_value:g} on their own; about "
            f"{different * settings.p_value:.0f} would by chance"
            if promising
            else f"no feature has p < {settings.p_value:g} on its own (the lowest is {lowest:.2g})",
        ),
    ]  # fmt: skip
    if lasso is not None:
        rule = f"LASSO Cox model, {PENALTY_RULES[settings.penalty]}, {lasso.n_folds} folds"
        words = f"{selected.size} features have a coefficient"
        if not selected.size:
            words = "cross-validation found no combination of features better than none"
        if lasso.chosen == lasso.penalties.size - 1:
            words += "; the weakest penalty was taken, so a weaker one may be better"
        found.append(SelectionStep("lasso", rule, promising, selected.size, None, words))
    return tuple(found)


def fates(
    scales: Standardizer,
    varying: np.ndarray,
    distinct: CorrelationFilter,
    alone: UnivariateCox,
    chosen: np.ndarray,
    coef: np.ndarray,
) -> tuple[FeatureFate, ...]:
    """One a feature, in the table's order.

    Args:
        varying: positions, in the table, of the features that the other arguments are about.
        chosen: positions, among those, that came to the LASSO.
        coef: (p,) of all features.
    """
    place = {int(position): k for k, position in enumerate(varying)}
    reached = set(chosen.tolist())
    found = []
    for position, name in enumerate(scales.names):
        k = place.get(position)
        if k is None:
            found.append(FeatureFate(name, "constant"))
        elif not distinct.kept[k]:
            partner = scales.names[int(varying[distinct.stands_for[k]])]
            found.append(FeatureFate(name, "correlation", partner, float(distinct.r[k])))
        else:
            weight = float(coef[position])
            left = "univariate" if k not in reached else "selected" if weight else "lasso"
            found.append(_regressed(name, left, alone, k, weight))
    return tuple(found)


def _regressed(name: str, left: str, alone: UnivariateCox, k: int, coef: float) -> FeatureFate:
    """The fate of a feature that had a Cox regression of its own."""
    ratios: list[float | None] = [None, None, None]
    if not alone.infinite[k]:
        reach = normal_quantile(0.95) * float(alone.std_error[k])
        center = float(alone.coef[k])
        ratios = [math.exp(min(center + side * reach, 700.0)) for side in (0, -1, 1)]
    return FeatureFate(
        name, left, None, None, ratios[0], ratios[1], ratios[2], float(alone.p_value[k]),
        bool(alone.infinite[k]), coef,
    )  # fmt: skip
