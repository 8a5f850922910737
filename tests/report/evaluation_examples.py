"""A small evaluation with a known answer, for figures, tables and cards."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, evaluate_muscle
from hccsurv_core.systems.muscle.evaluation_input import (
    EvaluationInput,
    ModelScores,
    read_definitions,
)
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings

TIMES = np.arange(6.0, 61.0, 6.0)
SETTINGS = EvaluationSettings(n_resamples=60, decision_resamples=10)


def example_input(n: int = 210, *, simulated: bool = True) -> EvaluationInput:
    """Death depends on muscle density and on something only the model sees."""
    rng = np.random.default_rng(8)
    density, hidden = rng.normal(size=n), rng.normal(size=n)
    signal = 0.4 * -density + hidden
    death = rng.exponential(45 * np.exp(-signal))
    lost = rng.uniform(30, 80, n)
    split = np.array(["train", "internal", "external"])[np.arange(n) % 3]
    sex = np.where(rng.random(n) < 0.8, "male", "female")
    height = np.where(rng.random(n) < 0.1, np.nan, rng.normal(1.68, 0.06, n))
    measures = {
        "sma_cm2": rng.normal(142, 18, n), "pma_cm2": rng.normal(15.5, 3, n),
        "pd_hu": 46 + 5 * density, "ma_hu": 41 + 5 * density,
    }  # fmt: skip

    def model(name, score, kind="model", **options):
        survival = np.exp(-(TIMES / 45) * np.exp(score)[:, None])
        cutoff = float(np.median(score[split == "train"]))
        return ModelScores(name, score, kind, survival, cutoff, "out-of-bag", **options)

    models = (
        model("Deep Cox", signal + 0.3 * rng.normal(size=n),
              apparent_risk_score=signal + 0.1 * rng.normal(size=n)),
        model("Ridge Cox", signal + 1.5 * rng.normal(size=n), "rival"),
    )  # fmt: skip
    if simulated:
        models = (*models, model("True hazard", signal, "oracle"))
    return EvaluationInput(
        patient_ids=tuple(f"P{i}" for i in range(n)),
        outcome=SurvivalOutcome(np.minimum(death, lost), death <= lost),
        models=models,
        eval_times=TIMES,
        definitions=read_definitions(measures, sex.tolist(), height),
        split=tuple(split.tolist()),
        groups={"center": rng.choice(["center_a", "center_b"], n).tolist(), "sex": sex.tolist()},
        features=np.column_stack([density, hidden, rng.normal(size=(n, 6))]),
        histories={
            "Autoencoder": tuple((0, e, 1 / e, 1.1 / e) for e in range(1, 12)),
            "Cox network": tuple(
                (m, e, 4 - 0.1 * e, 4 + 0.02 * (e - 5 - m) ** 2)
                for m in range(2) for e in range(1, 11 + 3 * m)
            ),
        },
        source="Example cohort",
        simulated=simulated,
    )  # fmt: skip


@cache
def example_evaluation(simulated: bool = True) -> MuscleEvaluation:
    """Evaluated quickly."""
    return evaluate_muscle(example_input(simulated=simulated), SETTINGS)


@cache
def tiny_evaluation() -> MuscleEvaluation:
    """Eight patients, nothing measured, no predicted survival: reasons instead of numbers."""
    given = example_input()
    rows = np.arange(8)
    model = replace(
        given.models[0], risk_score=given.models[0].risk_score[rows], survival_probability=None,
        apparent_risk_score=None, cutoff=None,
    )  # fmt: skip
    return evaluate_muscle(
        EvaluationInput(
            given.patient_ids[:8], given.outcome.subset(rows), (model,), split=given.split[:8]
        ),
        SETTINGS,
    )
