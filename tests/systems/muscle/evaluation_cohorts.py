"""Evaluation inputs with known answers: simulated patients, and models made of their true hazard."""

from __future__ import annotations

from functools import cache

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.muscle.cohort import spec
from hccsurv_core.systems.muscle.evaluation_input import (
    EVAL_TIMES,
    EvaluationInput,
    ModelScores,
    read_definitions,
)

#: Of the simulated cohort's deaths (Weibull), see hccsurv_core.simulate.muscle.outcomes.
SHAPE, SCALE = 1.15, 118.0


@cache
def simulated_rows(n: int, seed: int = 1):
    """Rows and truths of the first n patients, without images."""
    patients = [spec().draw_patient(seed, i) for i in range(n)]
    return [p.row for p in patients], [p.truth for p in patients]


def true_survival(linear_predictor: np.ndarray, times) -> np.ndarray:
    """(n, k) survival that the simulator drew from."""
    hazard = (np.asarray(times) / SCALE) ** SHAPE
    return np.exp(-hazard * np.exp(linear_predictor)[:, None])


def simulated_input(n: int = 240, seed: int = 1, *, noise: float = 0.5) -> EvaluationInput:
    """A study of four parts: two models near the truth, a rival further off, and the oracle."""
    rows, truth = simulated_rows(n, seed)
    rng = np.random.default_rng(seed)
    split = tuple(r["split"] for r in rows)
    training = np.array([s == "train" for s in split])
    true = np.array([t["linear_predictor"] for t in truth])
    muscle = np.array([t["muscle_predictor"] for t in truth])
    times = np.array(EVAL_TIMES)

    def model(name: str, score: np.ndarray, kind: str = "model", **options) -> ModelScores:
        return ModelScores(
            name, score, kind, true_survival(score, times),
            float(np.median(score[training])) if training.any() else 0.0, **options,
        )  # fmt: skip

    combined = true + noise * rng.normal(size=n)
    measures = {
        m: np.array([t[f"expected_{m}"] for t in truth])
        for m in ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")
    }
    height = np.array([np.nan if r["height_m"] is None else r["height_m"] for r in rows])
    loadings = rng.normal(size=(2, 12))
    features = np.column_stack([true, muscle]) @ loadings + rng.normal(size=(n, 12))
    return EvaluationInput(
        patient_ids=tuple(r["patient_id"] for r in rows),
        outcome=SurvivalOutcome(
            np.array([r["time_months"] for r in rows]), np.array([r["event"] for r in rows])
        ),
        models=(
            model("Combined", combined, training="out-of-bag",
                  apparent_risk_score=true + 0.2 * rng.normal(size=n)),
            model("Radiomics", muscle + noise * rng.normal(size=n), training="out-of-bag"),
            model("Cox", true + 2.0 * rng.normal(size=n), "rival", training="cross-validated"),
            model("True hazard", true, "oracle", training="out-of-bag"),
        ),
        eval_times=times,
        definitions=read_definitions(measures, [r["sex"] for r in rows], height),
        split=split,
        groups={"center": [r["center"] for r in rows], "scanner": [t["scanner"] for t in truth],
                "sex": [r["sex"] for r in rows]},
        features=features,
        feature_names=tuple(f"feature {i}" for i in range(12)),
        histories={
            "Autoencoder": tuple(
                (m, e, 1 / (e + 1) + 0.02 * m, 1.1 / (e + 1) + 0.02 * m + 0.001 * e)
                for m in range(3) for e in range(30 + 5 * m)
            ),
            "Cox network": tuple(
                (m, e, 4.2 - 0.3 * (1 - np.exp(-e / 8)) + 0.01 * m,
                 4.3 - 0.2 * (1 - np.exp(-e / 8)) + 0.002 * e + 0.01 * m)
                for m in range(3) for e in range(40 - 5 * m)
            ),
        },
        source="Simulated muscle cohort, seed 1",
        simulated=True,
    )  # fmt: skip
