"""A treatment model on patients it has not seen: arms, recommendation, and the simulated truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.errors import TableError
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.systems.patient_profile import profile_of
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.cohort import read_treatment_folder
from hccsurv_core.systems.treatment.evaluation import evaluate_treatment
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.systems.treatment.simulated_truth import read_truth
from hccsurv_core.systems.treatment.training import train_treatment


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = write_clinical_folder(tmp_path_factory.mktemp("cohort") / "c", 409, 5)
    return read_treatment_folder(folder)[0]


@pytest.fixture(scope="module")
def model(cohort, tmp_path_factory):
    trained = train_treatment(cohort, TreatmentSettings(n_rounds=1), seed=0)
    return TreatmentModel.from_bundle(trained.write(tmp_path_factory.mktemp("b") / "bundle"))


@pytest.fixture(scope="module")
def found(model, cohort):
    return evaluate_treatment(model, cohort.split("test"), n_resamples=40)


def test_each_arm_is_judged_on_its_own_patients(found, model, cohort):
    test = cohort.split("test")
    for arm in ARMS:
        rows = np.array([t == arm for t in test.treatment])
        one = found.arms[arm]
        assert one.n == rows.sum()
        assert one.n_events == test.outcome.event[rows].sum()
        arms = model.recommenders["clinical"].arms
        values = arms.filled(test.table(model.covariates).values[rows])
        expected = harrell_c(test.outcome.subset(rows), arms.models[arm].risk_score(values))
        assert one.performance.metrics["c_index"].value == pytest.approx(expected)
        assert one.rivals.scores["model"].estimate.value == pytest.approx(expected)
        assert {"BCLC stage", "ALBI score"} <= set(one.rivals.scores)


def test_every_patient_has_an_answer_and_every_none_a_reason(found):
    assert sum(found.recommended.values()) == found.n == len(found.answers)
    assert sum(found.why_none.values()) == found.recommended["none"]


def test_it_is_json_with_intervals(found):
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    c = told["metrics"]["c_index"]
    assert c["ci_low"] < c["value"] < c["ci_high"]
    assert (
        told["metrics"]["tace_c_index"]["value"]
        == found.arms["tace"].performance.metrics["c_index"].value
    )
    assert told["arms"]["hepatectomy"]["n_events"] == found.arms["hepatectomy"].n_events
    assert "truth" in told


def test_the_truth_is_that_of_the_cohort(found, cohort):
    test = cohort.split("test")
    truth = read_truth(cohort.folder, test.patient_ids)
    lost = found.truth.regret.months
    best = np.maximum(truth.months["hepatectomy"], truth.months["tace"])
    assert lost["all_tace"].value == pytest.approx((best - truth.months["tace"]).mean())
    assert lost["oracle"].value == 0.0
    assert 0.6 < found.truth.covered["24m"] <= 1.0
    for share in found.truth.share_of_margin.values():
        assert share["share"]["value"] < 1.05


def test_a_cohort_without_truth_has_none_and_a_damaged_one_is_named(model, cohort, tmp_path):
    test = cohort.split("test")
    assert evaluate_treatment(model, replace(test, simulated=False), n_resamples=20).truth is None
    (tmp_path / "truth.csv").write_text("patient_id,lp_tace\nX,1\n")
    with pytest.raises(TableError, match=r"truth\.csv: lacks a patient or a column"):
        read_truth(tmp_path, test.patient_ids)


def test_a_fact_that_most_lack_is_not_asked_of_a_cohort_and_it_is_said(model, cohort):
    test = cohort.split("test")
    left = ("bclc_stage", "ecog", "macrovascular_invasion")
    profiles = tuple(
        profile_of({k: v for k, v in p.record.items() if k not in left}) for p in test.profiles
    )
    found = evaluate_treatment(model, replace(test, profiles=profiles), n_resamples=20)
    assert any("not asked for here: bclc stage or cnlc stage" in note for note in found.notes)
    # The verb and the page still ask.
    assert model.answer(profiles[0]).recommendation.recommendation == "none"


def test_a_model_that_always_says_the_same_is_told_of(model, cohort):
    """Where one treatment's patients all lived, there is nothing to choose by."""
    arms = model.recommenders["clinical"].arms
    better = arms.models["hepatectomy"]
    sure = replace(
        better, baseline=replace(better.baseline, cumulative_hazard=better.baseline.cumulative_hazard / 50),
        hazard_draws=better.hazard_draws / 50,
    )  # fmt: skip
    recommender = replace(
        model.recommenders["clinical"],
        arms=replace(arms, models={**arms.models, "hepatectomy": sure}),
    )
    one_sided = replace(model, recommenders={"clinical": recommender})
    found = evaluate_treatment(one_sided, cohort.split("test"), n_resamples=20)
    assert found.recommended["tace"] == 0 < found.recommended["hepatectomy"]
    assert any("Every recommendation is hepatectomy" in note for note in found.notes)
