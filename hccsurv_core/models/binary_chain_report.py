"""The record of a selection for a yes-or-no outcome: each step, and what became of every feature."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hccsurv_core.checks import normal_quantile
from hccsurv_core.models.binary_chain_settings import BinaryChainSettings
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.lasso_logistic import LogisticPath
from hccsurv_core.models.mrmr import SCHEMES, MrmrRanking
from hccsurv_core.models.selection_chain_report import SelectionStep
from hccsurv_core.models.selection_chain_settings import PENALTY_RULES
from hccsurv_core.models.standardize import Standardizer
from hccsurv_core.models.univariate_logistic import UnivariateLogistic

#: Where a feature can leave, in order; "selected" is where it does not. A gate has its own name.
STEPS = ("constant", "univariate", "mrmr", "lasso")
#: Exponents beyond this overflow.
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class BinaryFate:
    """What became of a feature.

    Args:
        name: of the feature.
        left_at: of :data:`STEPS`, the gate's name, or "selected".
        odds_ratio, ci_low, ci_high, p_value: of its own logistic regression, per standard
            deviation; None where it did not come so far.
        infinite: the feature separates the patients: no finite ratio, p of the score test.
        mrmr_rank: the place at which mRMR took it, from 1; mrmr_score: its merit then.
        coef: log odds ratio in the signature, per standard deviation; 0 where it is not in it.
    """

    name: str
    left_at: str
    odds_ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    infinite: bool = False
    mrmr_rank: int | None = None
    mrmr_score: float | None = None
    coef: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class BinaryCourse:
    """What the chain's steps found, before it is put into words.

    Args:
        scales: of all features.
        allowed: (p,) whether a feature came through the gate.
        tested: positions of the features that had a regression, and in ``alone`` their results.
        promising: positions of those with a small p-value.
        ranking: of the promising features; None where there were none.
        lasso: of the ranked features; None likewise.
        coef: (p,) of all features.
    """

    scales: Standardizer
    allowed: np.ndarray
    tested: np.ndarray
    alone: UnivariateLogistic
    promising: np.ndarray
    ranking: MrmrRanking | None = None
    lasso: LogisticPath | None = None
    coef: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def ranked(self) -> np.ndarray:
        """Positions of the features that mRMR took, in its order."""
        return self.promising[:0] if self.ranking is None else self.promising[self.ranking.order]


def opening_steps(
    scales: Standardizer, allowed: np.ndarray, gate: FeatureGate | None
) -> list[SelectionStep]:
    """The steps before any outcome is looked at: the gate, and features that never vary."""
    total, open_ = len(scales.names), int(allowed.sum())
    varying = int((allowed & scales.used).sum())
    found = []
    if gate is not None:
        words = f"{total - open_} features do not pass"
        found.append(SelectionStep(gate.name, gate.rule, total, open_, None, words))
    found.append(
        SelectionStep(
            "constant", "the same value in every patient, or no value at all", open_, varying,
            None, f"{open_ - varying} features never vary",
        )
    )  # fmt: skip
    return found


def lasso_words(path_end: bool, n_selected: int) -> str:
    """How an L1 step came out."""
    words = f"{n_selected} features have a coefficient"
    if not n_selected:
        words = "cross-validation found no combination of features better than none"
    if path_end:
        words += "; the weakest penalty was taken, so a weaker one may be better"
    return words


def steps(
    course: BinaryCourse, gate: FeatureGate | None, settings: BinaryChainSettings
) -> tuple[SelectionStep, ...]:
    """The steps that were taken; the last is the one that left nothing, where there is one."""
    found = opening_steps(course.scales, course.allowed, gate)
    tested, promising = course.tested.size, course.promising.size
    by_chance = tested * settings.p_value
    words = (
        f"{promising} of {tested} features have p < {settings.p_value:g} on their own; about "
        f"{by_chance:.0f} would by chance"
    )
    if not promising:
        lowest = float(course.alone.p_value.min())
        words = f"no feature has p < {settings.p_value:g} on its own (the lowest is {lowest:.2g})"
    rule = f"logistic regression, p < {settings.p_value:g}"
    found.append(SelectionStep("univariate", rule, tested, promising, by_chance, words))
    if course.lasso is not None:
        ranked, selected = course.ranked.size, int((course.coef != 0).sum())
        words = f"the {ranked} that say most about the outcome and least about each other"
        if ranked == promising:
            words = f"no more than {settings.n_features} features came so far: all stay"
        rule = (
            f"mRMR, {settings.n_features} features, {settings.scheme}: {SCHEMES[settings.scheme]}"
        )
        found.append(SelectionStep("mrmr", rule, promising, ranked, None, words))
        rule = f"L1 logistic model, {PENALTY_RULES[settings.penalty]}, {course.lasso.n_folds} folds"
        end = course.lasso.chosen == course.lasso.penalties.size - 1
        words = lasso_words(end, selected)
        found.append(SelectionStep("lasso", rule, ranked, selected, None, words))
    return tuple(found)


def fates(course: BinaryCourse, gate: FeatureGate | None) -> tuple[BinaryFate, ...]:
    """One a feature, in the table's order."""
    place = {int(position): k for k, position in enumerate(course.tested)}
    promising = set(course.promising.tolist())
    rank = {int(position): k for k, position in enumerate(course.ranked)}
    found = []
    for position, name in enumerate(course.scales.names):
        k = place.get(position)
        if gate is not None and not course.allowed[position]:
            found.append(BinaryFate(name, gate.name))
        elif k is None:
            found.append(BinaryFate(name, "constant"))
        else:
            left = "univariate"
            if position in promising:
                left = "mrmr" if position not in rank else "lasso"
            if course.coef[position]:
                left = "selected"
            found.append(_regressed(name, left, course, k, position, rank.get(position)))
    return tuple(found)


def _regressed(
    name: str, left: str, course: BinaryCourse, k: int, position: int, rank: int | None
) -> BinaryFate:
    """The fate of a feature that had a regression of its own."""
    alone = course.alone
    ratios: list[float | None] = [None, None, None]
    if not alone.infinite[k]:
        reach = normal_quantile(0.95) * float(alone.std_error[k])
        ratios = [
            math.exp(min(float(alone.coef[k]) + side * reach, _LARGEST_EXPONENT))
            for side in (0, -1, 1)
        ]
    score = None
    if rank is not None and course.ranking is not None:
        score = float(course.ranking.score[rank])
    return BinaryFate(
        name, left, ratios[0], ratios[1], ratios[2], float(alone.p_value[k]),
        bool(alone.infinite[k]), None if rank is None else rank + 1, score,
        float(course.coef[position]),
    )  # fmt: skip
