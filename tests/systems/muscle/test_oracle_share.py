"""Trained as in the paper, the linear part comes near the true hazard of fresh simulated patients.

Images would take minutes: here the measures are drawn from the causes with an error as large as
that of the measures on images (``benchmarks/muscle_oracle.py`` has the whole way from the pixels,
and the goals; the bounds here are looser). The record's values are those of the simulated cohort.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.stats.concordance_comparison import compare_concordances
from hccsurv_core.systems.muscle.clinical_block import clinical_block
from hccsurv_core.systems.muscle.cohort_recipe import MEASURES
from hccsurv_core.systems.muscle.settings import MuscleSettings
from hccsurv_core.systems.muscle.training import TrainedMuscle, train_muscle

#: Patients of a cohort whose split "train" has 345.
N_WITH_TRAINING, N_TEST = 826, 800


def draw(n: int, seed: int) -> tuple[FeatureTable, pd.DataFrame]:
    """Features of n patients, and their truth."""
    table, truth = draw_tables(cohort_spec("muscle"), n, seed)
    rng = np.random.default_rng(seed)
    fat, scale = truth["fat_streaks"], np.log(truth["streak_scale_mm"])
    #: Each with the share of its variance that is its cause's, as on images.
    causes = {
        "muscle.size_index": (truth["log_muscle"] + 0.3 * truth["log_psoas"], 0.68),
        "muscle.asymmetry": (truth["asymmetry"].abs(), 0.3),
        "muscle.lean_hu_above_fat": (truth["lean_hu"], 0.88),
        "muscle.back_hu_below_psoas": (fat, 0.90),
        "muscle.fat_root": (np.sqrt(fat), 0.82),
        "muscle.coherence": (scale - 1.2 * fat, 0.78),
        "muscle.coherence_wall": (scale - 1.6 * fat, 0.58),
        "muscle.log_streaks_per_cm2": (fat - scale, 0.62),
        "muscle.log_streak_length_mm": (scale + 5 * fat, 0.75),
    }
    measures = {}
    for name in MEASURES:
        cause, share = causes[name]
        z = (cause - cause.mean()) / cause.std()
        measures[name] = np.sqrt(share) * z + np.sqrt(1 - share) * rng.standard_normal(n)
    clinical = pd.DataFrame([clinical_block(row) for row in table.to_dict("records")])
    values = pd.concat([pd.DataFrame(measures), clinical], axis=1)
    outcome = SurvivalOutcome(table["time_months"].to_numpy(), table["event"].to_numpy(float))
    found = FeatureTable(
        tuple(table["patient_id"]), tuple(values.columns), values.to_numpy(float), outcome,
        {"split": tuple(table["split"])},
    )  # fmt: skip
    return found, truth


@pytest.fixture(scope="module")
def trained() -> TrainedMuscle:
    settings = MuscleSettings(head="linear", rivals=(), n_repeats=1)
    return train_muscle(draw(N_WITH_TRAINING, seed=41)[0], settings, device="cpu")


def test_share_of_the_oracles_margin(trained: TrainedMuscle) -> None:
    test, truth = draw(N_TEST, seed=1041)
    outcome = test.require_outcome()
    oracle = harrell_c(outcome, truth["linear_predictor"].to_numpy())
    assert 0.76 <= oracle <= 0.82
    reached = harrell_c(outcome, trained.model.predict_table(test).risk_score)
    assert (reached - 0.5) / (oracle - 0.5) > 0.85


def test_above_every_definition_by_a_paired_interval(trained: TrainedMuscle) -> None:
    test, truth = draw(N_TEST, seed=1041)
    scores = {"model": trained.model.predict_table(test).risk_score}
    for measure in ("smi", "pma_cm2", "pmi", "pd_hu", "ma_hu"):
        scores[measure] = -truth[f"expected_{measure}"].to_numpy()
    compared = compare_concordances(
        test.require_outcome(), scores, [("model", name) for name in scores if name != "model"],
        n_resamples=200,
    )  # fmt: skip
    for pair, answer in compared.differences.items():
        assert answer.estimate is not None and answer.estimate.ci_low > 0, pair


def test_without_the_texture_the_share_is_not_reached(trained: TrainedMuscle) -> None:
    """The bound above can fail: texture is most of what muscle says here."""
    test, truth = draw(N_TEST, seed=1041)
    values = test.values.copy()
    texture = [i for i, name in enumerate(test.names) if name in MEASURES and "lean_hu" not in name]
    values[:, texture] = np.nan
    blind = FeatureTable(test.patient_ids, test.names, values, test.outcome)
    outcome = test.require_outcome()
    oracle = harrell_c(outcome, truth["linear_predictor"].to_numpy())
    reached = harrell_c(outcome, trained.model.predict_table(blind).risk_score)
    assert (reached - 0.5) / (oracle - 0.5) < 0.8
