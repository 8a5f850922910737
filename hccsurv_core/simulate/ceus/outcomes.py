"""Recurrence, retreatment and death of the simulated CEUS patients, with what might have been.

After resection a patient recurs, dies without recurrence, or is followed to the end. The hazard
of death before recurrence is Weibull with proportional hazards (``death_predictor``); after
recurrence it is multiplied by :data:`RECURRENCE_HARM`, and by ``exp(-benefit)`` if the recurrence
is retreated. The benefit depends on the patient's true class. Both futures, retreated and not,
use the same chance, so that their difference is the retreatment's.

Classes: the two predictors are split at :data:`DEATH_SPLIT` and :data:`RECURRENCE_SPLIT`. Class 1
is high risk of recurrence with low risk of death, the one in which Huang et al. (World J
Gastrointest Oncol 2022;14(12):2380-2392) found that retreatment helped (hazard ratio 7.895 of
those not retreated); the numbers of the other three are ours:
2 = both high, 3 = both low, 4 = low recurrence, high death.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.causes import MEDIAN_DIAMETER_MM, SIZE_SPREAD, Causes, Draws
from hccsurv_core.simulate.survival_times import (
    ONE_DAY_MONTHS,
    draw_event_times,
    draw_follow_up,
    observe,
)

Floats = NDArray[np.float64]

DEATH_SHAPE, DEATH_SCALE_MONTHS = 1.15, 245.0
RECURRENCE_SHAPE, RECURRENCE_SCALE_MONTHS = 0.80, 55.0
RECURRENCE_HARM = 6.0
SHORTEST_FOLLOW_UP, LONGEST_FOLLOW_UP, DROPOUT_PER_MONTH = 18.0, 90.0, 0.0025
EARLY_MONTHS, ORACLE_MONTHS = 12.0, 36.0

#: Log hazard ratio per unit of each cause.
DEATH_EFFECTS = {
    "heterogeneity": 0.42, "mosaic": 0.34, "irregularity": 0.34, "vascularity": -0.36,
    "wash_out": 0.06, "capsule": -0.25, "satellites": 0.15, "necrosis": 1.2, "fibrosis": 0.08,
    "size": 0.02, "age": 0.08, "albumin": -0.05, "bilirubin": 0.05, "afp": 0.04, "invasion": 0.04,
}  # fmt: skip
RECURRENCE_EFFECTS = {
    "satellites": 0.25, "invasion": 0.16, "wash_in": 0.28, "vascularity": 0.24, "mosaic": 0.20,
    "irregularity": 0.16, "heterogeneity": 0.15, "capsule": -0.30, "size": 0.05, "fibrosis": 0.14,
    "echo": 0.14, "afp": 0.05, "wash_out": 0.12, "age": -0.04,
}  # fmt: skip
#: Care differs between centers, whatever the tumor is like: log hazard ratio of death.
#: In the order of `causes.CENTERS`.
CENTER_EFFECT = np.array([0.12, -0.10, 0.0, -0.05])

#: Subtracted so that the predictors' median is 0.
DEATH_CENTER, RECURRENCE_CENTER = 0.10, 0.03
DEATH_SPLIT, RECURRENCE_SPLIT = 0.0, 0.0
#: Log hazard ratio that retreatment spares, by class 1 to 4; that of class 1 is published.
CLASS_BENEFIT = np.array([np.log(7.895), 0.15, 0.5, -0.10])


@dataclass(frozen=True, eq=False)
class Futures:
    """What happens to a block of patients, and what would happen otherwise; months.

    Args:
        death_predictor, recurrence_predictor: true log hazard ratios, higher = worse.
        benefit: log hazard ratio that retreatment would spare.
        true_class: 1 to 4.
        retreatment_probability: were the patient to recur.
        oracle_death: probability of death within :data:`ORACLE_MONTHS`, over all futures.
        oracle_early_recurrence: probability of recurrence within :data:`EARLY_MONTHS`.
        recurs_at: infinite for those who would die first.
        dies_if_retreated, dies_if_not: both futures; equal for those who never recur.
        follow_up: end of follow-up.
        time, event: overall survival as observed.
        recurrence_time, recurrence_cause: 0 censored, 1 recurrence, 2 death without recurrence.
        retreated: 1, 0, or NaN without an observed recurrence.
        early_recurrence: 1, 0, or NaN where follow-up ended too soon to tell.
    """

    death_predictor: Floats
    recurrence_predictor: Floats
    benefit: Floats
    true_class: NDArray[np.int64]
    retreatment_probability: Floats
    oracle_death: Floats
    oracle_early_recurrence: Floats
    recurs_at: Floats
    dies_if_retreated: Floats
    dies_if_not: Floats
    follow_up: Floats
    time: Floats
    event: NDArray[np.bool_]
    recurrence_time: Floats
    recurrence_cause: NDArray[np.int64]
    retreated: Floats
    early_recurrence: Floats


def standardized(causes: Causes, draws: Draws) -> dict[str, Floats]:
    """The causes that act on the outcomes, on comparable scales."""
    return {
        "heterogeneity": causes.heterogeneity,
        "mosaic": causes.mosaic,
        "irregularity": causes.irregularity,
        "vascularity": causes.vascularity,
        "wash_in": causes.wash_in,
        "wash_out": causes.wash_out,
        "capsule": causes.capsule.astype(float),
        "satellites": causes.satellites.astype(float),
        "necrosis": causes.necrosis,
        "fibrosis": causes.fibrosis,
        "size": np.log(causes.diameter_mm / MEDIAN_DIAMETER_MM) / SIZE_SPREAD,
        "echo": (causes.echo_db > 0).astype(float),
        "invasion": causes.invasion,
        "afp": causes.afp,
        "albumin": causes.albumin,
        "bilirubin": causes.bilirubin,
        "age": draws.normal["age"],
    }


def predictors(causes: Causes, draws: Draws) -> tuple[Floats, Floats]:
    """Log hazard ratios of death and of recurrence, zero for a typical patient."""
    value = standardized(causes, draws)
    death = np.sum([effect * value[name] for name, effect in DEATH_EFFECTS.items()], axis=0)
    recurrence = np.sum(
        [effect * value[name] for name, effect in RECURRENCE_EFFECTS.items()], axis=0
    )
    return death + CENTER_EFFECT[causes.center] - DEATH_CENTER, recurrence - RECURRENCE_CENTER


def futures_of(causes: Causes, draws: Draws) -> Futures:
    """Draw what happens, both futures, and the best prediction that was possible beforehand."""
    death, recurrence = predictors(causes, draws)
    true_class = np.select(
        [
            (recurrence > RECURRENCE_SPLIT) & (death <= DEATH_SPLIT),
            (recurrence > RECURRENCE_SPLIT) & (death > DEATH_SPLIT),
            (recurrence <= RECURRENCE_SPLIT) & (death <= DEATH_SPLIT),
        ],
        [1, 2, 3],
        4,
    )
    benefit = CLASS_BENEFIT[true_class - 1]
    # Fitter patients, and those whose tumor looks tame, are retreated more often.
    chance = 1 / (
        1 + np.exp(-(1.40 + 0.4 * causes.albumin - 0.3 * causes.bilirubin - 0.35 * death))
    )
    u = draws.uniform
    would_recur = draw_event_times(
        recurrence, RECURRENCE_SHAPE, RECURRENCE_SCALE_MONTHS, u["recurrence"]
    )
    without, recurs, deaths = _deaths(death, would_recur, benefit, u["death"])
    follow_up = draw_follow_up(
        u["entry"], u["dropout"], shortest_months=SHORTEST_FOLLOW_UP,
        longest_months=LONGEST_FOLLOW_UP, dropout_per_month=DROPOUT_PER_MONTH,
    )  # fmt: skip
    treated = u["retreated"] < chance
    dies = np.where(recurs, np.where(treated, deaths[0], deaths[1]), without)
    time, event = observe(dies, follow_up)
    recurs_at = np.where(recurs, would_recur, np.inf)
    recurrence_time = np.minimum(recurs_at, time)
    cause = np.where(recurs_at <= time, 1, np.where(event, 2, 0))
    early = np.where((cause == 1) & (recurrence_time <= EARLY_MONTHS), 1.0, 0.0)
    oracle_death, oracle_early = _oracles(death, recurrence, benefit, chance)
    return Futures(
        death, recurrence, benefit, true_class, chance, oracle_death, oracle_early, recurs_at,
        np.where(recurs, deaths[0], without), np.where(recurs, deaths[1], without), follow_up,
        time, event, recurrence_time, cause, np.where(cause == 1, treated, np.nan),
        np.where((cause == 0) & (recurrence_time < EARLY_MONTHS), np.nan, early),
    )  # fmt: skip


def _hazard(months: Floats, shape: float, scale: float) -> Floats:
    """Cumulative baseline hazard."""
    return (months / scale) ** shape


def _deaths(
    death: Floats, would_recur: Floats, benefit: Floats, uniforms: Floats
) -> tuple[Floats, NDArray[np.bool_], tuple[Floats, Floats]]:
    """Death without recurrence, who recurs before it, and death after it: retreated, not."""
    without = draw_event_times(death, DEATH_SHAPE, DEATH_SCALE_MONTHS, uniforms)
    recurs = would_recur < without
    at_recurrence = _hazard(np.minimum(would_recur, without), DEATH_SHAPE, DEATH_SCALE_MONTHS)
    left = np.maximum(-np.log(uniforms) * np.exp(-death) - at_recurrence, 0.0)
    after = []
    for spared in (benefit, 0.0):
        hazard = at_recurrence + left / (RECURRENCE_HARM * np.exp(-spared))
        time = DEATH_SCALE_MONTHS * hazard ** (1 / DEATH_SHAPE)
        # Nobody dies the moment the recurrence is found.
        after.append(np.maximum(time, would_recur + ONE_DAY_MONTHS))
    return without, recurs, (after[0], after[1])


def _oracles(
    death: Floats, recurrence: Floats, benefit: Floats, chance: Floats
) -> tuple[Floats, Floats]:
    """Probabilities of death by ORACLE_MONTHS and recurrence by EARLY_MONTHS, by integration."""
    edges = np.linspace(0, ORACLE_MONTHS, 145)
    middle = (edges[1:] + edges[:-1]) / 2
    d, r = np.exp(death)[:, None], np.exp(recurrence)[:, None]
    to_death = _hazard(middle, DEATH_SHAPE, DEATH_SCALE_MONTHS) * d
    until_end = _hazard(edges[-1:], DEATH_SHAPE, DEATH_SCALE_MONTHS) * d
    free = np.exp(-_hazard(edges, RECURRENCE_SHAPE, RECURRENCE_SCALE_MONTHS) * r)
    recurs_then = (free[:, :-1] - free[:, 1:]) * np.exp(-to_death)
    lives = np.zeros_like(recurs_then)
    for share, spared in ((chance, benefit), (1 - chance, 0.0 * benefit)):
        harm = (RECURRENCE_HARM * np.exp(-spared))[:, None]
        lives += share[:, None] * np.exp(-harm * (until_end - to_death))
    alive = free[:, -1] * np.exp(-until_end[:, 0]) + (recurs_then * lives).sum(1)
    return 1 - alive, recurs_then[:, middle < EARLY_MONTHS].sum(1)
