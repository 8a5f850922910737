"""The whole evaluation: what it holds, that it is the same again, and that nothing stops it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from evaluation_cohorts import simulated_input
from hypothesis import HealthCheck, settings
from hypothesis import given as draw
from hypothesis import strategies as st

from hccsurv_core.errors import CancelledError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.evaluation import evaluate_muscle
from hccsurv_core.systems.muscle.evaluation_input import (
    EvaluationInput,
    ModelScores,
    TrainingOrigin,
    read_definitions,
)
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
from hccsurv_core.systems.muscle.leakage import patient_digests

QUICK = EvaluationSettings(n_resamples=60, decision_resamples=5)


@pytest.fixture(scope="module")
def given():
    return simulated_input(240)


@pytest.fixture(scope="module")
def evaluation(given):
    return evaluate_muscle(given, QUICK)


def test_every_part_of_the_study_has_its_own_tables(given, evaluation):
    assert [s.name for s in evaluation.sets] == ["train", "internal", "external", "transplant"]
    assert [s.training for s in evaluation.sets] == [True, False, False, False]
    assert sum(s.n for s in evaluation.sets) == 240
    assert sum(s.n_events for s in evaluation.sets) == given.outcome.n_events
    for part in evaluation.sets:
        assert [r.name for r in part.definition_table] == [
            "SMI", "PMA", "PMI", "PD", "MA", "Combined", "Radiomics",
        ]  # fmt: skip
        assert all(r.n_events <= part.n_events for r in part.discrimination.concordance)
    assert evaluation.main_model == "Combined"
    assert len(evaluation.test_sets) == 3


def test_the_cut_off_is_the_training_median_in_every_set(given, evaluation):
    assert evaluation.sets[0].definition_table[5].prevalence.value == pytest.approx(0.5, abs=0.01)
    external = evaluation.sets[2].definition_table[5]
    rows = given.rows_of("external")
    assert external.n_low == (given.models[0].risk_score[rows] > given.models[0].cutoff).sum()


def test_simulated_patients_and_the_oracle_are_named(evaluation):
    assert evaluation.simulated
    assert evaluation.notes[0].startswith("Simulated patients, drawn by a computer")
    assert any("The oracle is the simulator's true hazard" in note for note in evaluation.notes)
    assert "out-of-bag predictions" in evaluation.sets[0].notes[0]


def test_the_answer_is_plain_json_and_the_same_again(given, evaluation):
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    again = json.dumps(evaluate_muscle(given, QUICK).to_json(), allow_nan=False)
    assert text == again
    told = json.loads(text)
    assert told["settings"]["n_resamples"] == 60
    assert {s["name"] for s in told["sets"]} == {"train", "internal", "external", "transplant"}


def test_test_outcomes_change_nothing_but_the_results_on_them(given, evaluation):
    """What is learned (cut-offs, components, training results) does not look at test outcomes."""
    order = np.arange(240)
    tested = ~given.training_rows
    order[tested] = np.random.default_rng(0).permutation(order[tested])
    shuffled = evaluate_muscle(replace(given, outcome=given.outcome.subset(order)), QUICK)
    before, after = evaluation.sets[0].to_json(), shuffled.sets[0].to_json()
    assert before == after
    np.testing.assert_array_equal(
        evaluation.feature_space.value.places, shuffled.feature_space.value.places
    )
    c = {r.name: r.estimate.value for r in shuffled.sets[1].discrimination.concordance}
    assert abs(c["Combined"] - 0.5) < 0.25


def test_a_model_that_says_how_it_cheated_is_noted(given):
    cheating = replace(given.models[0], training="apparent")
    silent = replace(given.models[1], training="none")
    found = evaluate_muscle(replace(given, models=(cheating, silent)), QUICK)
    notes = " ".join(found.sets[0].notes)
    assert "Combined had seen these patients" in notes
    assert "It is not said how Radiomics predicted" in notes


def test_a_cohort_without_parts_is_judged_as_one():
    given = simulated_input(60)
    found = evaluate_muscle(
        replace(given, split=None, features=None, patient_ids=given.patient_ids), QUICK
    )
    assert [s.title for s in found.sets] == ["All patients"]
    assert not found.sets[0].training and found.gaps == ()
    assert found.feature_space.reason == "no features are given"
    assert any("could not be checked" in note for note in found.notes)


def test_a_patient_the_bundle_was_trained_on_is_reported():
    given = simulated_input(60)
    origin = TrainingOrigin(patient_digests=patient_digests([given.patient_ids[7]]))
    found = evaluate_muscle(replace(given, split=None, origin=origin), QUICK)
    assert found.duplicates.rows == (7,)
    assert any("1 patient named like a training patient" in note for note in found.notes)


def test_scores_alone_are_enough():
    outcome = SurvivalOutcome(np.arange(1.0, 41.0), np.arange(40) % 2)
    ids = tuple(f"P{i}" for i in range(40))
    found = evaluate_muscle(
        EvaluationInput(ids, outcome, (ModelScores("M", -np.arange(40.0)),)), QUICK
    )
    part = found.sets[0]
    assert part.discrimination.concordance[0].estimate.value == 1
    assert part.predictions.reason == "no model predicts these patients' survival"
    assert part.disagreement.reason == "fewer than two verdicts are known"
    assert part.definition_table[0].reason == "no cut-off was learned in training"
    assert "there are no definitions to compare with" in " ".join(found.notes)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@draw(st.integers(1, 14), st.integers(0, 10_000), st.sampled_from(["few", "none", "all", "zero"]))
def test_a_cohort_too_small_for_an_answer_has_reasons_and_never_stops(n, seed, events):
    rng = np.random.default_rng(seed)
    time = np.zeros(n) if events == "zero" else rng.exponential(30, n).round(1)
    share = {"few": 0.3, "none": 0.0, "all": 1.0, "zero": 0.5}[events]
    score = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n).round())
    survival = np.where(np.isnan(score)[:, None], np.nan, rng.random((n, 2)))
    given = EvaluationInput(
        tuple(f"P{i}" for i in range(n)),
        SurvivalOutcome(time, rng.random(n) < share),
        (ModelScores("M", score, "model", survival, 0.0, "out-of-bag"),
         ModelScores("R", rng.normal(size=n), "rival")),
        eval_times=np.array([12.0, 36.0]),
        definitions=read_definitions(
            {"sma_cm2": np.where(rng.random(n) < 0.2, np.nan, 140.0), "pd_hu": rng.normal(40, 5, n)},
            ["male"] * n, np.full(n, 1.7),
        ),
        split=tuple(rng.choice(["train", "test"], n)),
        groups={"center": list(rng.choice(["a", "b", ""], n))},
        features=np.where(rng.random((n, 4)) < 0.2, np.nan, rng.normal(size=(n, 4))),
    )  # fmt: skip
    found = evaluate_muscle(given, EvaluationSettings(n_resamples=20, decision_resamples=2))
    json.dumps(found.to_json(), allow_nan=False)


def test_the_work_can_be_stopped(given):
    def stop(fraction, message):
        if fraction > 0.1:
            raise CancelledError("the evaluation was cancelled")

    with pytest.raises(CancelledError):
        evaluate_muscle(given, QUICK, progress=stop)
