"""Training of system 2 from a cohort: what is learned, kept, and said of one patient."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.errors import BundleError, InputError, StatisticsError
from hccsurv_core.models.store import read_bundle
from hccsurv_core.systems.patient_profile import profile_of
from hccsurv_core.systems.study_cohort import ImageValues
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.cohort import read_treatment_folder
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.settings import TreatmentSettings, settings_from_json
from hccsurv_core.systems.treatment.training import choose_covariates, train_treatment

QUICK = TreatmentSettings(n_rounds=1)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """409 simulated patients with two invented signs, of which the first tells the hazard."""
    folder = write_clinical_folder(tmp_path_factory.mktemp("cohort") / "c", 409, 3)
    found, _ = read_treatment_folder(folder)
    import pandas as pd

    truth = pd.read_csv(folder / "truth.csv")
    signs = np.column_stack([truth["cause_infiltration"], truth["cause_capsule"]])
    images = ImageValues(
        ("sign.edge", "sign.rim"),
        dict(zip(found.patient_ids, signs, strict=True)),
        {"sign.edge": "Edge blur", "sign.rim": "Capsule"},
        {"sign.edge": "mm", "sign.rim": ""},
    )
    return replace(found, images=images)


@pytest.fixture(scope="module")
def trained(cohort):
    return train_treatment(cohort, QUICK, seed=1)


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    return TreatmentModel.from_bundle(trained.write(tmp_path_factory.mktemp("b") / "bundle"))


def test_only_the_training_split_is_learned_from(cohort, trained):
    arms = trained.description["training"]["arms"]
    assert {arm: arms[arm]["n"] for arm in ARMS} == {"hepatectomy": 208, "tace": 78}
    # A test patient's outcome changes nothing.
    outcome = cohort.outcome
    test = cohort.where("split", "test")
    times = np.where(test, outcome.time_months[::-1].copy() + 1, outcome.time_months)
    other = replace(cohort, outcome=replace(outcome, time_months=times))
    again = train_treatment(other, QUICK, seed=1)
    for name, array in trained.recommenders["combined"].tensors().items():
        np.testing.assert_array_equal(array, again.recommenders["combined"].tensors()[name])


def test_a_bundle_comes_back_as_it_was(trained, model, cohort):
    signs = dict(
        zip(model.image_names, cohort.images.by_patient[cohort.patient_ids[0]], strict=True)
    )
    profile = cohort.profiles[0]
    found = model.answer(profile, signs)
    values = trained.recommenders["combined"].arms.contrast(
        cohort.table(model.covariates).values[:1]
    )
    contrast = found.recommendation.findings.contrast
    np.testing.assert_allclose(
        contrast.survival_difference.value, values.survival_difference.value, rtol=1e-12
    )
    assert found.version == "combined"


@pytest.mark.parametrize("version", ["clinical", "combined"])
def test_a_nomogram_is_the_arm_s_own_prediction(model, cohort, version):
    """Issue 6: equal to the Cox model's own predictions to rounding."""
    for i in range(0, 400, 23):
        signs = None
        if version == "combined":
            values = cohort.images.by_patient[cohort.patient_ids[i]]
            signs = dict(zip(model.image_names, values, strict=True))
        found = model.answer(cohort.profiles[i], signs)
        contrast = found.recommendation.findings.contrast
        for arm in ARMS:
            nomogram = model.nomograms[version][arm]
            points = nomogram.points(found.nomogram_records[arm])
            np.testing.assert_allclose(
                points.survival, contrast.arms[arm].survival.value[0], atol=1e-9
            )


def test_with_signs_intervals_are_wider_than_the_posterior_says(trained):
    for version, words in (("combined", "spread 1.25 times as far"), ("clinical", "")):
        for model in trained.recommenders[version].arms.models.values():
            told = model.describe()["method"]
            assert words in told and ("times as far" in told) == bool(words)


def test_images_help_where_they_tell_something(trained):
    gain = [
        trained.judgments["combined"][arm].c_index.value
        - trained.judgments["clinical"][arm].c_index.value
        for arm in ARMS
    ]
    assert min(gain) > 0
    assert sum(gain) > 0.05


def test_without_an_outline_the_clinical_version_answers_and_says_so(model, cohort):
    found = model.answer(cohort.profiles[0])
    assert found.version == "clinical"
    assert any("clinical values alone" in note for note in found.notes)
    one_of_two = {"sign.edge": 0.4, "sign.rim": math.nan}
    assert model.answer(cohort.profiles[0], one_of_two).version == "combined"
    none = dict.fromkeys(model.image_names, math.nan)
    assert model.answer(cohort.profiles[0], none).version == "clinical"


def test_an_answer_is_json_with_the_contract_s_parts(model, cohort):
    found = json.loads(json.dumps(model.answer(cohort.profiles[0]).to_json(), allow_nan=False))
    assert found["recommendation"] in ("hepatectomy", "tace", "none")
    assert found["reasons"]
    assert found["overlap"]["n"] == {"hepatectomy": 208, "tace": 78}
    for arm in ARMS:
        survival = found["arms"][arm]["survival"]
        assert len(survival["value"]) == 3
        assert all(
            low <= v <= high
            for low, v, high in zip(
                survival["ci_low"], survival["value"], survival["ci_high"], strict=True
            )
        )
    difference = np.subtract(
        found["arms"]["hepatectomy"]["survival"]["value"],
        found["arms"]["tace"]["survival"]["value"],
    )
    np.testing.assert_allclose(found["difference"]["survival"]["value"], difference, atol=1e-12)
    assert found["curves"]["months"][0] == 0.0
    assert found["curves"]["tace"]["value"][0] == 1.0


def test_child_pugh_c_gets_no_recommendation_whatever_the_models_say(model):
    profile = profile_of(
        {"albumin_g_l": 24, "bilirubin_umol_l": 60, "inr": 2.4, "ascites": "moderate",
         "encephalopathy": "none", "ecog": 1, "tumor_number": 1, "tumor_diameter_mm": 40,
         "macrovascular_invasion": False, "extrahepatic_spread": False, "age_years": 60,
         "cirrhosis": True, "afp_ng_ml": 20, "platelets_10e9_l": 80,
         "tumor_location": "central"}
    )  # fmt: skip
    found = model.answer(profile).recommendation
    assert found.recommendation == "none"
    assert "Child-Pugh C" in str(found.reasons[0])


def test_a_declared_spread_widens_the_interval_of_the_difference(cohort):
    settings = replace(
        QUICK, images=False, spread={"hepatectomy": 0.8, "tace": 0.8}, spread_why="a test"
    )
    found = train_treatment(cohort, settings, seed=1)
    chosen, _ = choose_covariates(cohort.split("train"), settings)
    values = replace(cohort, images=None).table(chosen).values[:20]
    contrast = found.recommenders["clinical"].arms.contrast(values)
    narrow = contrast.survival_difference
    wide = contrast.individual
    assert wide is not None
    assert np.all(wide.high - wide.low > narrow.high - narrow.low)
    assert found.description["settings"]["spread_why"] == "a test"


def test_a_covariate_that_few_have_is_left_out_and_named(cohort):
    rows = [dict(p.record) for p in cohort.profiles]
    for k, row in enumerate(rows):
        row.pop("inr", None)
        if k % 3:
            row.pop("platelets_10e9_l", None)
    few = replace(cohort, profiles=tuple(profile_of(row) for row in rows))
    chosen, left_out = choose_covariates(few, QUICK)
    assert "platelets_10e9_l" not in [c.name for c in chosen]
    assert "known of 3" in left_out["platelets_10e9_l"]
    with pytest.raises(StatisticsError, match="platelets_10e9_l cannot be used: known of"):
        choose_covariates(few, replace(QUICK, covariates=("albi", "platelets_10e9_l")))


def test_an_arm_without_enough_deaths_is_named(cohort):
    outcome = cohort.outcome
    tace = np.array([t == "tace" for t in cohort.treatment])
    alive = replace(cohort, outcome=replace(outcome, event=outcome.event & ~tace))
    with pytest.raises(StatisticsError, match=r"tace: 0 of 78 patients died"):
        train_treatment(alive, QUICK)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"covariates": ["weight"]}, "no covariate is called 'weight'"),
        ({"colour": 1}, "no setting is called 'colour'"),
        ({"n_folds": 1}, "at least 2 folds"),
        ({"spread": {"tace": 0.3}}, "spread is needed of hepatectomy and tace"),
        ({"arms": {"horizons_months": [36, 12]}}, "horizons are positive, rising"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        settings_from_json(given)


def test_settings_come_back_from_json():
    settings = replace(
        QUICK, covariates=("albi", "age_years"), spread={"hepatectomy": 0.2, "tace": 0.3}
    )
    assert settings_from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_a_card_says_whom_it_learned_from_and_what_it_is_not(trained):
    card = trained.card
    assert "Trained on simulated patients" in card
    assert "| hepatectomy | 208 |" in card
    assert "not randomized" in card
    assert "Edge blur (mm): measured on CT" in card
    assert "Intervals of the combined version reach 1.25 times as far" in card
    assert "Intervals of the clinical version" not in card


def test_a_bundle_that_was_changed_or_is_of_another_kind_is_refused(trained, tmp_path):
    folder = trained.write(tmp_path / "b").folder
    model = folder / "model.json"
    model.write_text(model.read_text().replace('"n_folds": 5', '"n_folds": 6'))
    with pytest.raises(BundleError, match=r"model\.json"):
        read_bundle(folder)
