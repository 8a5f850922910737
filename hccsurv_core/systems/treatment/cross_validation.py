"""How well each arm's model ranks patients it has not seen, by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.concordance import estimate_concordance
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, TreatmentTable
from hccsurv_core.systems.treatment.arms import fit_arms

#: Draws of a fold's models: only their middle is looked at.
_FEW_DRAWS = 2


@dataclass(frozen=True, eq=False)
class ArmJudgment:
    """One arm, on its own patients.

    Args:
        score: (m,) mean log hazard of each patient by models that had not seen the patient.
        outcome: of the same patients.
        c_index: Harrell's C.
        cutoff: median of ``score``: above it a patient of this arm is at high risk.
    """

    score: np.ndarray
    outcome: SurvivalOutcome
    c_index: Estimate
    cutoff: float


def judge_by_folds(
    table: TreatmentTable,
    settings: ArmSettings,
    n_folds: int,
    n_rounds: int,
    seed: int,
    *,
    progress: Progress = silent,
) -> dict[str, ArmJudgment]:
    """Cross-validate both arms; scaling, filling and penalty are learned in each fold.

    Args:
        table: training patients.
        settings: of the arms; horizons do not matter.
        n_folds, n_rounds: deaths of each arm are spread evenly over the folds of each round.
        seed: of the folds.

    Raises:
        StatisticsError: an arm has too few deaths for so many folds.
    """
    # A fold may lose the last months of follow-up; ranking needs no horizon.
    quick = replace(
        settings, n_draws=_FEW_DRAWS, horizons_months=settings.horizons_months[:1],
        rmst_months=settings.horizons_months[0], min_events=max(2, settings.min_events // 2),
        uncertainty="posterior",
    )  # fmt: skip
    total = np.zeros(len(table))
    for number in range(n_rounds):
        part = _parts(table, n_folds, seed + number)
        for fold in range(n_folds):
            progress(
                (number * n_folds + fold) / (n_rounds * n_folds),
                f"cross-validation: round {number + 1} of {n_rounds}, fold {fold + 1} of {n_folds}",
            )
            out = part == fold
            models = fit_arms(table.subset(~out), quick, seed)
            for arm in ARMS:
                rows = out & table.given(arm)
                values = models.filled(table.values[rows])
                total[rows] += models.models[arm].risk_score(values)
    progress(1.0, "cross-validated")
    return {arm: _judge(table, arm, total / n_rounds, seed) for arm in ARMS}


def describe_judgments(
    judgments: Mapping[str, Mapping[str, ArmJudgment]],
) -> list[dict[str, object]]:
    """Rows for a bundle: arm by arm, version by version."""
    return [
        {
            "name": f"{ARM_WORDS[arm]}, {version}",
            "arm": arm,
            "version": version,
            "kind": "model" if version == list(judgments)[-1] else "rival",
            "c_index": judgment.c_index.to_json(),
            "n": len(judgment.outcome),
            "n_events": judgment.outcome.n_events,
        }
        for version, by_arm in judgments.items()
        for arm, judgment in by_arm.items()
    ]


def _judge(table: TreatmentTable, arm: str, score: np.ndarray, seed: int) -> ArmJudgment:
    rows = table.given(arm)
    outcome = table.outcome.subset(rows)
    mine = score[rows]
    estimate = estimate_concordance(outcome, mine, seed=seed)
    return ArmJudgment(mine, outcome, estimate, float(np.median(mine)))


def _parts(table: TreatmentTable, n_folds: int, seed: int) -> np.ndarray:
    part = np.empty(len(table), dtype=np.int64)
    for number, arm in enumerate(ARMS):
        rows = table.given(arm)
        part[rows] = stratified_parts(table.outcome.event[rows], n_folds, seed + 7919 * number)
    return part
