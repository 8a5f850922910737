"""From a trained model to its evaluation: who was trained on, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.deep_cox import NetworkSettings
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.evaluation import evaluate_muscle
from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
from hccsurv_core.systems.muscle.model_evaluation import (
    NETWORKS,
    Study,
    definitions_of_table,
    evaluation_input,
    training_histories,
    unseen_scores,
)
from hccsurv_core.systems.muscle.settings import MuscleSettings
from hccsurv_core.systems.muscle.training import train_muscle

QUICK = EvaluationSettings(n_resamples=60, decision_resamples=2)


def make_table(n: int = 160, seed: int = 0, split=None) -> tuple[FeatureTable, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    signal = x[:, 0] - x[:, 1]
    death = rng.exponential(30 * np.exp(-signal))
    lost = rng.uniform(20, 90, n)
    labels = {"center": tuple(rng.choice(["a", "b"], n))}
    if split is not None:
        labels["split"] = tuple(split)
    table = FeatureTable(
        tuple(f"S{seed}-{i}" for i in range(n)), tuple(f"f{i}" for i in range(6)), x,
        SurvivalOutcome(np.minimum(death, lost), death <= lost), labels, f"cohort {seed}",
    )  # fmt: skip
    return table, signal


@pytest.fixture(scope="module")
def study():
    split = ["train"] * 100 + ["external"] * 60
    table, signal = make_table(split=split)
    settings = MuscleSettings(
        n_members=2, n_folds=2, n_repeats=1, fold_members=1, rivals=("cox",),
        network=NetworkSettings(max_epochs=4),
    )  # fmt: skip
    settings = replace(settings, head="linear")
    return table, signal, train_muscle(table, settings, device="cpu")


def test_training_patients_are_known_by_what_the_bundle_remembers(study):
    table, _, trained = study
    given = evaluation_input(trained.model, table)
    assert given.training_splits == ("train",)
    assert given.models[0].training == "apparent"
    assert given.models[0].cutoff == trained.model.cutoff
    assert set(given.groups) == {"center"}
    found = evaluate_muscle(given, QUICK)
    assert [s.training for s in found.sets] == [True, False]
    assert "Model had seen these patients" in found.sets[0].notes[0]
    assert found.duplicates.found is False


def test_another_hospitals_training_part_is_new_to_the_model(study):
    _, _, trained = study
    other, _ = make_table(80, seed=5, split=["train"] * 40 + ["test"] * 40)
    given = evaluation_input(trained.model, other)
    assert given.training_splits == ()
    assert given.models[0].training == "none"
    assert not given.training_rows.any()


def test_training_patients_in_a_table_without_parts_become_one(study):
    table, _, trained = study
    given = evaluation_input(trained.model, replace(table, labels={}))
    assert given.split == ("train",) * 100 + ("test",) * 60


def test_a_training_patient_among_the_tests_is_told(study):
    table, _, trained = study
    values = table.values.copy()
    values[120] = values[3]
    found = evaluate_muscle(evaluation_input(trained.model, replace(table, values=values)), QUICK)
    assert found.duplicates.rows == (120,)


def test_cross_validated_scores_stand_for_the_training_patients(study):
    table, _, trained = study
    unseen = unseen_scores(trained, table, "Model")
    assert set(unseen) == {"Model", "ridge Cox regression"}
    given = evaluation_input(trained.model, table, unseen=unseen, rivals=("cox",))
    model, rival = given.models
    assert (model.training, rival.training) == ("cross-validated", "cross-validated")
    np.testing.assert_array_equal(model.risk_score[:100], unseen["Model"][:100])
    honest = trained.cross_validation[trained.recipe.name].mean_score
    np.testing.assert_allclose(model.risk_score[:100], trained.model.ensemble.slope * honest)
    apparent = trained.model.predict_table(table).risk_score
    np.testing.assert_array_equal(model.risk_score[100:], apparent[100:])
    np.testing.assert_array_equal(model.apparent_risk_score[:100], apparent[:100])
    assert np.isnan(model.apparent_risk_score[100:]).all()
    # Half of the training patients lie above the cut-off, as it was learned.
    assert model.high_risk[:100].mean() == pytest.approx(0.5, abs=0.01)
    found = evaluate_muscle(given, QUICK)
    assert found.gaps[0].honest.value.n == 100 and found.gaps[0].test.value.n == 60


def test_rivals_are_fitted_to_training_patients_alone(study):
    table, _, trained = study
    moved = table.values.copy()
    moved[100:] += 100.0
    plain = evaluation_input(trained.model, table, rivals=("cox",)).models[1]
    outcome = table.outcome
    order = np.r_[np.arange(100), np.random.default_rng(1).permutation(np.arange(100, 160))]
    other = replace(table, values=moved, outcome=outcome.subset(order))
    shifted = evaluation_input(trained.model, other, rivals=("cox",)).models[1]
    np.testing.assert_allclose(plain.apparent_risk_score[:100], shifted.apparent_risk_score[:100])
    assert np.isnan(plain.risk_score[:100]).all()
    stranger, _ = make_table(40, seed=9)
    with pytest.raises(InputError, match="rivals: no training patient is in the table"):
        evaluation_input(trained.model, stranger, rivals=("cox",))


def test_the_oracle_is_added_for_simulated_patients(study):
    table, signal, trained = study
    given = evaluation_input(trained.model, table, Study(oracle=signal, simulated=True))
    assert [m.kind for m in given.models] == ["model", "oracle"]
    shares = evaluate_muscle(given, QUICK).sets[1].discrimination.oracle_share
    assert [r.name for r in shares] == ["Model"]


def test_definitions_are_made_of_columns_called_like_the_measures(study):
    table, _, trained = study
    n = len(table)
    assert evaluation_input(trained.model, table).definitions == ()
    male = np.where(np.arange(n) % 10 == 0, np.nan, np.arange(n) % 2)
    extra = np.column_stack([np.full(n, 38.0), np.full(n, 140.0), male, np.full(n, 1.70)])
    wide = replace(
        table, names=(*table.names, "pd_hu", "sma_cm2", "male", "height_m"),
        values=np.column_stack([table.values, extra]),
    )  # fmt: skip
    found = {d.name: d for d in evaluation_input(trained.model, wide).definitions}
    assert (found["PD"].positive == 1).all()  # one cut-off for both sexes
    # 48.4 cm²/m²: low for a man, not for a woman, not known without a sex.
    np.testing.assert_array_equal(found["SMI"].positive, male)
    assert np.isnan(found["MA"].positive).all()
    wrong = replace(wide, values=np.where(wide.values == 0, 2.0, wide.values))
    with pytest.raises(InputError, match="male: must be 1"):
        definitions_of_table(wrong)


def test_training_curves_are_read_from_a_description():
    course = {
        "networks": [
            {"train_loss": [[4.0, 4.1], [3.5, None]], "stop_loss": [[4.2, 4.3], [4.1, None]]},
            {"train_loss": [[5.0]], "stop_loss": [[5.1]]},
        ],
        "autoencoder": {"train_loss": [], "stop_loss": []},
    }
    found = training_histories({"course": course})
    assert list(found) == [NETWORKS]
    assert found[NETWORKS] == (
        (0, 1, 4.0, 4.2),
        (1, 1, 4.1, 4.3),
        (0, 2, 3.5, 4.1),
        (2, 1, 5.0, 5.1),
    )
    assert training_histories({}) == {}
