"""How long the evaluation of system 1 takes, and its files: 1000 patients, 5 models, 5 definitions.

python -m benchmarks.muscle_evaluation
"""

from __future__ import annotations

import json
import time

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.report.evaluation_archive import zip_evaluation
from hccsurv_core.simulate.muscle.cohort import spec
from hccsurv_core.systems.muscle.evaluation import evaluate_muscle
from hccsurv_core.systems.muscle.evaluation_input import (
    EVAL_TIMES,
    EvaluationInput,
    ModelScores,
    read_definitions,
)

N, N_FEATURES = 1000, 1343
#: (name, kind, noise beside the true log hazard).
_MODELS = (
    ("Combined", "model", 0.4), ("Radiomics", "model", 0.8), ("Cox", "rival", 1.2),
    ("Boosting", "rival", 1.5), ("Forest", "rival", 1.5),
)  # fmt: skip


def one_set(n: int = N, seed: int = 1) -> EvaluationInput:
    """Simulated patients of one part; models that are the truth with noise."""
    patients = [spec().draw_patient(seed, i) for i in range(n)]
    rng = np.random.default_rng(seed)
    truth = np.array([p.truth["linear_predictor"] for p in patients])
    times = np.array(EVAL_TIMES)

    def model(name: str, kind: str, noise: float) -> ModelScores:
        score = truth + noise * rng.normal(size=n)
        survival = np.exp(-((times / 118) ** 1.15) * np.exp(score)[:, None])
        return ModelScores(name, score, kind, survival, 0.0)  # type: ignore[arg-type]

    measures = {
        m: [p.truth[f"expected_{m}"] for p in patients]
        for m in ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")
    }
    return EvaluationInput(
        patient_ids=tuple(p.row["patient_id"] for p in patients),
        outcome=SurvivalOutcome(
            np.array([p.row["time_months"] for p in patients]),
            np.array([p.row["event"] for p in patients]),
        ),
        models=tuple(model(*m) for m in _MODELS),
        definitions=read_definitions(
            measures, [p.row["sex"] for p in patients],
            [p.truth["true_height_m"] for p in patients],
        ),
        groups={"center": [p.row["center"] for p in patients]},
        features=rng.normal(size=(n, N_FEATURES)),
        source="Simulated muscle cohort",
        simulated=True,
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    given = one_set()
    evaluate_muscle(one_set(60))  # imports
    start = time.perf_counter()
    evaluation = evaluate_muscle(given)
    evaluated = time.perf_counter()
    archive = zip_evaluation(evaluation)
    done = time.perf_counter()
    print(
        json.dumps(
            {
                "n": N,
                "models": len(_MODELS),
                "definitions": len(given.definitions),
                "resamples": evaluation.settings.n_resamples,
                "evaluation_s": round(evaluated - start, 2),
                "files_s": round(done - evaluated, 2),
                "files_mb": round(len(archive) / 1e6, 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
