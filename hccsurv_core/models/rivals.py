"""What a deep network must beat: penalized Cox regression, gradient boosting, a random forest.

Each is fitted as its own literature would: Cox with a ridge chosen by cross-validated partial
likelihood; boosting of
Cox's partial likelihood with 100 trees of depth 3 (Ridgeway, Comput Sci Stat 1999;31:172-181), as
scikit-survival's GradientBoostingSurvivalAnalysis has it; random survival forests (Ishwaran et
al., Ann Appl Stat 2008;2:841-860) by scikit-survival.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.models.ridge_cox import choose_penalty, fit_ridge_cox
from hccsurv_core.models.risk_sets import build_risk_sets, expected_events, sum_risks
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent

#: name → what reports call it.
RIVALS = {
    "cox": "ridge Cox regression",
    "gradient_boosting": "gradient boosting",
    "random_forest": "random survival forest",
}
#: Ridges that are tried, per event.
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
#: A forest grows on at most this many patients a tree: its cost rises with patients × times.
_FOREST_PATIENTS = 1000


@dataclass(frozen=True, eq=False)
class Rival:
    """A fitted rival.

    Args:
        name: key of :data:`RIVALS`.
        risk_score: (m, p) scaled features → (m,) higher is worse.
    """

    name: str
    risk_score: Callable[[np.ndarray], np.ndarray]


def fit_rival(
    name: str,
    scaled: np.ndarray,
    outcome: SurvivalOutcome,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Rival:
    """Fit one rival.

    Args:
        name: "cox", "gradient_boosting" or "random_forest".
        scaled: (n, p) finite features on one scale.
        outcome: of the same patients.
        seed: of trees and folds.

    Raises:
        InputError: an unknown name.
        StatisticsError: there are no events.
    """
    if name == "cox":
        penalty = choose_penalty(scaled, outcome, PENALTIES, seed=seed)
        coef = fit_ridge_cox(scaled, outcome, penalty)
        return Rival(name, lambda x: x @ coef)
    if name == "gradient_boosting":
        boosted = boost_cox(scaled, outcome, seed=seed, progress=progress)
        return Rival(name, boosted)
    if name == "random_forest":
        return Rival(name, _forest(scaled, outcome, seed))
    raise InputError(
        f"no rival is called {name!r}", source="rivals", remedy=f"use one of {', '.join(RIVALS)}"
    )


def boost_cox(
    x: np.ndarray,
    outcome: SurvivalOutcome,
    *,
    n_trees: int = 100,
    depth: int = 3,
    learning_rate: float = 0.1,
    seed: int = 0,
    progress: Progress = silent,
) -> Callable[[np.ndarray], np.ndarray]:
    """Gradient boosting of Cox's partial likelihood.

    Scikit-survival's own needs a minute for 7000 patients, because its gradient compares every
    patient with every other; here it is a running sum, the rest is the same.

    Returns:
        (m, p) features → (m,) log hazards.
    """
    from sklearn.tree import DecisionTreeRegressor

    sets = build_risk_sets(outcome.time_months, outcome.event, ties="breslow")
    ones = np.ones(sets.event_position.size)
    chance = np.random.RandomState(seed)
    features = np.asarray(x, dtype=np.float32)
    score, trees = np.zeros(len(outcome)), []
    for i in range(n_trees):
        if i % 10 == 0:
            progress(i / n_trees, f"gradient boosting, tree {i} of {n_trees}")
        residual = np.empty(len(outcome))
        expected = expected_events(sets, sum_risks(sets, score[sets.order]), ones)
        residual[sets.order] = sets.event - expected
        tree = DecisionTreeRegressor(
            criterion="squared_error", max_depth=depth, random_state=chance
        ).fit(features, residual)
        score = score + learning_rate * tree.predict(features)
        trees.append(tree)

    def predict(new: np.ndarray) -> np.ndarray:
        rows = np.asarray(new, dtype=np.float32)
        return learning_rate * np.sum([tree.predict(rows) for tree in trees], axis=0)

    return predict


def _forest(
    x: np.ndarray, outcome: SurvivalOutcome, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.util import Surv

    n = len(outcome)
    forest = RandomSurvivalForest(
        n_estimators=100,
        min_samples_leaf=15,
        max_features="sqrt",
        max_samples=None if n <= _FOREST_PATIENTS else _FOREST_PATIENTS,
        low_memory=True,
        random_state=seed,
    )
    forest.fit(x, Surv.from_arrays(outcome.event, outcome.time_months))
    return lambda new: np.asarray(forest.predict(new))
