"""Training of system 1 on feature tables: nothing leaks, nothing is lost, and bundles predict."""

from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.errors import (
    BundleError,
    CancelledError,
    InputError,
    StatisticsError,
    TableError,
)
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.models.store import read_bundle, write_bundle
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.systems.muscle.prediction import MuscleModel
from hccsurv_core.systems.muscle.settings import (
    WIDE,
    MuscleSettings,
    resolve_recipes,
    settings_from_json,
)
from hccsurv_core.systems.muscle.training import train_muscle

SMALL = MuscleSettings(
    n_members=5, n_folds=2, n_repeats=1, fold_members=2, rivals=("cox",),
    network=NetworkSettings(hidden=(8,), batch_size=64, max_epochs=6, learning_rate=0.02),
    autoencoder=AutoencoderSettings(hidden=(8,), max_epochs=2), n_codes=5,
)  # fmt: skip


def draw(n=160, p=4, seed=0, split=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    time = 20 * rng.exponential(np.exp(-1.2 * x[:, 0] + 0.8 * x[:, 1 % p]))
    end = rng.exponential(60, n)
    x[rng.random((n, p)) < 0.03] = np.nan
    labels = {"split": tuple("train" if i % 4 else "test" for i in range(n))} if split else {}
    return FeatureTable(
        tuple(f"p{i}" for i in range(n)), tuple(f"f{i}" for i in range(p)), x,
        SurvivalOutcome(np.minimum(time, end), time <= end), labels,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    return train_muscle(draw(), SMALL, device="cpu")


def spoilt(table):
    """The same training patients; everybody else's features and outcomes are nonsense."""
    rng = np.random.default_rng(99)
    test = ~table.where("split", "train")
    values, time, event = (
        table.values.copy(),
        *(a.copy() for a in (table.outcome.time_months, table.outcome.event)),
    )
    values[test] = 1e6 * rng.normal(size=values[test].shape)
    time[test], event[test] = rng.permutation(time[test]) + 500, rng.random(test.sum()) < 0.5
    return FeatureTable(
        table.patient_ids, table.names, values, SurvivalOutcome(time, event), table.labels
    )


def test_test_patients_change_nothing_in_the_model_whatever_they_have(trained, tmp_path):
    table = draw()
    other = train_muscle(spoilt(table), SMALL, device="cpu")
    # Not a weight, not a scale, not a cut-off, not a number of its description.
    assert other.write(tmp_path / "b").sha256 == trained.write(tmp_path / "a").sha256
    # Nor does it matter whether they are there.
    alone = train_muscle(table.subset(table.where("split", "train")), SMALL, device="cpu")
    assert alone.model.description == trained.model.description
    for name, tensor in alone.model.ensemble.tensors().items():
        np.testing.assert_array_equal(tensor, trained.model.ensemble.tensors()[name])


def test_a_single_training_patient_does_change_it(trained):
    table = draw()
    time = table.outcome.time_months.copy()
    time[1] += 100
    changed = FeatureTable(
        table.patient_ids, table.names, table.values,
        SurvivalOutcome(time, table.outcome.event), table.labels,
    )  # fmt: skip
    other = train_muscle(changed, SMALL, device="cpu")
    new = draw(seed=1).values
    assert not np.allclose(
        other.model.ensemble.risk_score(new), trained.model.ensemble.risk_score(new)
    )


def test_in_cross_validation_a_folds_own_patients_do_not_teach_it():
    """Spoil the outcomes of one fold: what is said of that fold's patients stays the same."""
    from hccsurv_core.models.checkpoint import Checkpoint
    from hccsurv_core.systems.muscle.cross_fitting import (
        cross_fit_recipe,
        cross_fit_rival,
        make_folds,
    )

    table = draw(split=False)
    folds = make_folds(table.outcome, 2, 1, seed=0)
    own = folds[0] == 0
    rng = np.random.default_rng(5)
    time = np.where(own, rng.permutation(table.outcome.time_months), table.outcome.time_months)
    event = np.where(own, ~table.outcome.event, table.outcome.event)
    other = FeatureTable(table.patient_ids, table.names, table.values, SurvivalOutcome(time, event))
    (recipe, *_) = resolve_recipes(SMALL, table.names)
    for fit in (
        lambda t: cross_fit_recipe(
            t, recipe, folds, n_members=2, seed=0, device="cpu", checkpoint=Checkpoint()
        ),
        lambda t: cross_fit_rival(t, "cox", folds, seed=0, checkpoint=Checkpoint()),
    ):
        before, after = fit(table).scores[0], fit(other).scores[0]
        np.testing.assert_array_equal(before[own], after[own])
        assert not np.allclose(before[~own], after[~own])


def test_the_bundle_predicts_as_the_model_that_was_trained(trained, tmp_path):
    bundle = trained.write(tmp_path / "bundle")
    model = MuscleModel.from_bundle(read_bundle(bundle.folder))
    new = draw(seed=1)
    ours, theirs = trained.model.predict_table(new), model.predict_table(new)
    np.testing.assert_allclose(theirs.risk_score, ours.risk_score, atol=1e-5)
    np.testing.assert_allclose(theirs.survival_probability, ours.survival_probability, atol=1e-5)
    np.testing.assert_allclose(theirs.survival_low, ours.survival_low, atol=1e-5)
    np.testing.assert_array_equal(theirs.n_missing, ours.n_missing)
    assert theirs.warnings == ours.warnings


def test_it_ranks_new_patients_and_their_survival_agrees(trained):
    new = draw(400, seed=2)
    found = trained.model.predict_table(new, [6, 24])
    assert harrell_c(new.outcome, found.risk_score) > 0.65
    assert found.survival_probability.shape == (400, 2)
    worse = np.argsort(found.risk_score)
    assert (np.diff(found.survival_probability[worse], axis=0) <= 1e-12).all()
    assert (found.survival_low <= found.survival_probability).all()
    assert found.percentile[worse[0]] < 10 < 90 < found.percentile[worse[-1]]
    assert found.high_risk.tolist() == (found.risk_score > trained.model.cutoff).tolist()


def test_columns_are_found_by_name_and_a_missing_one_is_named(trained):
    new = draw(seed=1)
    turned = new.columns(new.names[::-1])
    np.testing.assert_allclose(
        trained.model.predict_table(turned).risk_score, trained.model.predict_table(new).risk_score
    )
    with pytest.raises(TableError, match="1 of 4 features are not in the table: f2"):
        trained.model.predict_table(new.columns(["f0", "f1", "f3"]))


def test_the_description_holds_what_the_contract_asks_for(trained):
    found = trained.description
    table = draw()
    part = table.subset(table.where("split", "train"))
    assert found["training"]["n"] == 120
    assert found["training"]["n_events"] == part.outcome.n_events
    assert [f["name"] for f in found["features"]] == list(table.names)
    np.testing.assert_allclose([f["high"] for f in found["features"]], np.nanmax(part.values, 0))
    assert [f["n_missing"] for f in found["features"]] == np.isnan(part.values).sum(0).tolist()
    assert found["cutoffs"]["median_risk"] == pytest.approx(np.median(trained.model.training_risk))
    kinds = {row["name"]: row["kind"] for row in found["cross_validation"]["results"]}
    assert list(kinds.values()).count("model") == 1
    assert kinds["ridge Cox regression"] == "rival"
    for row in found["cross_validation"]["results"]:
        c = row["c_index"]
        assert 0 < c["ci_low"] < c["value"] < c["ci_high"] < 1
        assert c["n_events"] == part.outcome.n_events
    corrected = found["cross_validation"]["corrected"]
    assert corrected["ci_low"] < corrected["value"] < corrected["ci_high"]
    assert found["cross_validation"]["best"] in kinds
    assert found["architecture"]["representation_words"] == (
        "4 features, not encoded: an autoencoder is for more than 100 features."
    )
    assert found["seed"] == 0
    assert {"numpy", "torch", "python", "hccsurv"} <= set(found["versions"])
    assert "Not a medical device" in trained.card


def test_a_cancelled_training_goes_on_to_the_same_model(trained, tmp_path):
    def cancel(fraction, message):
        if fraction > 0.45:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        train_muscle(draw(), SMALL, device="cpu", progress=cancel, checkpoint=tmp_path / "kept")
    done = []
    resumed = train_muscle(
        draw(), SMALL, device="cpu", checkpoint=tmp_path / "kept",
        progress=lambda fraction, message: done.append(message),
    )  # fmt: skip
    new = draw(seed=1).values
    np.testing.assert_allclose(
        resumed.model.ensemble.risk_score(new), trained.model.ensemble.risk_score(new), atol=1e-5
    )
    first = trained.recipe.name if trained.recipe is not None else ""
    assert first
    # The first recipe's folds were not trained again.
    epochs = [m for m in done if "epoch" in m]
    again = []
    train_muscle(
        draw(), SMALL, device="cpu", checkpoint=tmp_path / "kept",
        progress=lambda fraction, message: again.append(message),
    )  # fmt: skip
    assert len(epochs) > 0
    assert not any("epoch" in m for m in again)


def test_warnings_say_what_was_missing_and_what_lies_outside(trained):
    values = draw(seed=1).values[:3].copy()
    values[:] = 0.1
    values[1, 2] = np.nan
    values[2] = 1000
    found = trained.model.predict(values, ("f0", "f1", "f2", "f3"))
    assert found.warnings[0] == ()
    assert "1 of 4 features are missing" in found.warnings[1][0]
    assert "4 of 4 features lie outside the range" in found.warnings[2][0]
    assert found.n_outside.tolist() == [0, 0, 4]


def test_wide_tables_are_encoded_and_clinical_columns_pass_by():
    table = draw(120, WIDE + 5, split=False)
    settings = MuscleSettings(**{**SMALL.__dict__, "clinical": ("f0", "f1")})
    tried = resolve_recipes(settings, table.names)
    # A line must be beaten before a network is believed.
    assert [r.head for r in tried] == ["deep", "deep", "linear", "linear"]
    settings = replace(settings, recipes=tried[:2])
    found = train_muscle(table, settings, device="cpu")
    architecture = found.description["architecture"]
    assert architecture["representation"] == "autoencoder"
    assert architecture["n_codes"] == 5
    assert found.recipe.bypass == ("f0", "f1")
    assert found.model.ensemble.representation.encoded.sum() == WIDE + 3
    narrow = resolve_recipes(SMALL, table.names[:10])
    assert {r.representation for r in narrow} == {"none"}


def test_columns_that_say_nothing_are_left_out_and_named():
    table = draw(100, 3, split=False)
    values = np.column_stack([table.values, np.full(100, 3.3), np.full(100, np.nan)])
    names = (*table.names, "constant", "empty")
    whole = FeatureTable(table.patient_ids, names, values, table.outcome)
    found = train_muscle(whole, SMALL, device="cpu")
    assert "same in every training patient: constant, empty." in found.card
    assert found.description["architecture"]["n_features_used"] == 3
    new = found.model.predict([[0.0, 0, 0, 99, 99]], names)
    assert np.isfinite(new.risk_score).all()


def test_a_single_feature_and_few_patients_are_enough():
    table = draw(40, 1, split=False)
    found = train_muscle(table, SMALL, device="cpu")
    assert np.isfinite(found.model.predict_table(table).survival_probability).all()


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (draw(30), StatisticsError, r"events among \d+ training patients are too few"),
        (
            FeatureTable(("a", "b"), ("x",), np.ones((2, 1))),
            TableError,
            "there is no outcome",
        ),
        (
            FeatureTable(
                ("a", "b"), ("x",), np.ones((2, 1)), SurvivalOutcome([1, 2], [1, 1]),
                {"split": ("test", "test")},
            ),
            TableError,
            "nobody is in split 'train'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_refused(table, error, message):
    with pytest.raises(error, match=message):
        train_muscle(table, SMALL, device="cpu")


def test_a_bundle_that_lacks_a_part_is_refused(trained, tmp_path):
    tensors = dict(trained.model.ensemble.tensors())
    tensors.pop("ensemble.slope")
    bundle = write_bundle(
        tmp_path / "b", system="muscle", description=trained.description, tensors=tensors, card=""
    )
    with pytest.raises(BundleError, match="lacks a part of the model"):
        MuscleModel.from_bundle(bundle)


def test_settings_come_back_from_json_and_wrong_ones_are_refused():
    assert settings_from_json(SMALL.to_json()) == SMALL
    for found, message in (
        ({"members": 3}, "no setting is called 'members'"),
        ({"n_members": 1}, "2 or more members"),
        ({"rivals": ["svm"]}, "no rival is called 'svm'"),
        ({"network": {"layers": 3}}, "no setting is called 'layers'"),
        ({"horizons_months": [0]}, "horizons are positive months"),
    ):
        with pytest.raises(InputError, match=message):
            settings_from_json(found)
    with pytest.raises(InputError, match="clinical feature 'age' is not in the table"):
        resolve_recipes(MuscleSettings(clinical=("age",)), ("f0",))
