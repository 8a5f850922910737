"""The record of a selection for survival with ultrasound: each step, and every feature's fate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.models.binary_chain_report import lasso_words, opening_steps
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.selection_chain_lasso import LassoPath
from hccsurv_core.models.selection_chain_report import SelectionStep
from hccsurv_core.models.selection_chain_settings import PENALTY_RULES
from hccsurv_core.models.standardize import Standardizer
from hccsurv_core.models.survival_chain_settings import SurvivalChainSettings
from hccsurv_core.models.univariate_concordance import UnivariateConcordance

#: Where a feature can leave, in order; "selected" is where it does not. A gate has its own name.
STEPS = ("constant", "concordance", "best", "lasso")


@dataclass(frozen=True)
class SurvivalFate:
    """What became of a feature.

    Args:
        name: of the feature.
        left_at: of :data:`STEPS`, the gate's name, or "selected".
        c_index: of its own; above 0.5 where high values go with early deaths; None where it did
            not come so far.
        p_value: of no association. The chain does not select by it.
        coef: log hazard ratio in the signature, per standard deviation; 0 where it is not in it.
    """

    name: str
    left_at: str
    c_index: float | None = None
    p_value: float | None = None
    coef: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class SurvivalCourse:
    """What the chain's steps found, before it is put into words.

    Args:
        scales: of all features.
        allowed: (p,) whether a feature came through the gate.
        tested: positions of the features with a C-index, and in ``alone`` their results.
        promising: positions of those far enough from 0.5.
        best: positions of the furthest of those.
        lasso: of the best; None where there were none.
        coef: (p,) of all features.
    """

    scales: Standardizer
    allowed: np.ndarray
    tested: np.ndarray
    alone: UnivariateConcordance
    promising: np.ndarray
    best: np.ndarray
    lasso: LassoPath | None
    coef: np.ndarray


def steps(
    course: SurvivalCourse, gate: FeatureGate | None, settings: SurvivalChainSettings
) -> tuple[SelectionStep, ...]:
    """The steps that were taken; the last is the one that left nothing, where there is one."""
    found = opening_steps(course.scales, course.allowed, gate)
    tested, promising = course.tested.size, course.promising.size
    by_chance = tested * course.alone.share_by_chance(settings.distance)
    bounds = f"above {settings.concordance:g} or below {1 - settings.concordance:g}"
    words = f"{promising} of {tested} features have a C-index {bounds} on their own; about "
    words += f"{by_chance:.0f} would by chance"
    if not promising:
        furthest = float(course.alone.c_index[np.argmax(np.abs(course.alone.c_index - 0.5))])
        words = f"no feature has a C-index {bounds} on its own (the furthest is {furthest:.3f})"
    rule = f"C-index {bounds}"
    found.append(SelectionStep("concordance", rule, tested, promising, by_chance, words))
    if course.lasso is not None:
        best, selected = course.best.size, int((course.coef != 0).sum())
        words = f"the {best} furthest from 0.5"
        if best == promising:
            words = f"no more than {settings.n_best} features came so far: all stay"
        rule = f"the {settings.n_best} with a C-index furthest from 0.5"
        found.append(SelectionStep("best", rule, promising, best, None, words))
        rule = f"LASSO Cox model, {PENALTY_RULES[settings.penalty]}, {course.lasso.n_folds} folds"
        end = course.lasso.chosen == course.lasso.penalties.size - 1
        words = lasso_words(end, selected)
        found.append(SelectionStep("lasso", rule, best, selected, None, words))
    return tuple(found)


def fates(course: SurvivalCourse, gate: FeatureGate | None) -> tuple[SurvivalFate, ...]:
    """One a feature, in the table's order."""
    place = {int(position): k for k, position in enumerate(course.tested)}
    promising, best = set(course.promising.tolist()), set(course.best.tolist())
    p_value = course.alone.p_value
    found = []
    for position, name in enumerate(course.scales.names):
        k = place.get(position)
        if gate is not None and not course.allowed[position]:
            found.append(SurvivalFate(name, gate.name))
        elif k is None:
            found.append(SurvivalFate(name, "constant"))
        else:
            left = "best" if position in promising else "concordance"
            left = "lasso" if position in best else left
            coef = float(course.coef[position])
            left = "selected" if coef else left
            own = float(course.alone.c_index[k])
            found.append(SurvivalFate(name, left, own, float(p_value[k]), coef))
    return tuple(found)
