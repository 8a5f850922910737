"""What a CEUS model says of one patient, and how it does on many."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from ceus_patients import QUICK, patients
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.systems.ceus.covariates import PORTAL_WASHOUT
from hccsurv_core.systems.ceus.evaluation import evaluate_ceus
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.signs import ENHANCEMENT, SIGN_NAMES, sign_values
from hccsurv_core.systems.ceus.training import train_ceus
from hccsurv_core.systems.patient_profile import profile_of


@pytest.fixture(scope="module")
def cohort():
    return patients(700, seed=2)


@pytest.fixture(scope="module")
def model(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "b"
    train_ceus(cohort, QUICK, seed=1).write(folder)
    return CeusModel.read(folder)


@pytest.fixture(scope="module")
def test_part(cohort):
    return cohort.split("test")


def ask(model, cohort, row: int, **changes):
    values = dict(
        zip(cohort.images.names, cohort.images.matrix(cohort.patient_ids)[row], strict=True)
    )
    return model.answer(cohort.profiles[row], values | changes)


def test_an_answer_holds_together(model, test_part):
    found = ask(model, test_part, 0)
    assert found.version == "combined"
    assert 0 < found.early.low < found.early.value < found.early.high < 1
    curve = found.survival
    assert curve.value[0] == 1
    assert (np.diff(curve.value) <= 0).all()
    assert (curve.low <= curve.value + 1e-12).all() and (curve.value <= curve.high + 1e-12).all()
    for h, value in zip(found.horizons_months, found.survival_at.value, strict=True):
        at = int(np.flatnonzero(found.months == h)[0])
        assert value == curve.value[at]
    assert found.chances.sum() == pytest.approx(1)
    assert found.chances.argmax() + 1 in (1, 2, 3, 4)
    rising = found.incidence.value[np.isfinite(found.incidence.value)]
    assert (np.diff(rising) >= 0).all()
    json.dumps(found.to_json(), allow_nan=False)


def test_contributions_add_up_to_the_scores(model, test_part):
    models = model.models["combined"]
    table = test_part.features(model.covariates).columns(models.names)
    for row in (1, 5):
        found = ask(model, test_part, row)
        early, death = models.scores(table.values[[row]])[0]
        assert sum(c.death_log_hazard for c in found.contributions) == pytest.approx(death)
        told = sum(c.early_log_odds for c in found.contributions) + models.early.intercept
        assert told == pytest.approx(early)


def test_a_worse_sign_gives_worse_answers(model, test_part):
    """Which way the simulator's heterogeneity acts is known: more is worse."""
    low = ask(model, test_part, 3, **{"sign.heterogeneity_log2": -2.0})
    high = ask(model, test_part, 3, **{"sign.heterogeneity_log2": 2.0})
    assert high.survival_at.value[1] < low.survival_at.value[1]
    assert high.percentiles["death"] > low.percentiles["death"]


def test_what_is_missing_is_said_and_filled(model):
    found = model.answer(profile_of({"age_years": 60}))
    assert found.version == "clinical"
    told = " ".join(found.notes)
    assert "Answered from clinical values alone: the pictures are not outlined." in told
    assert "AFP" in told and "taken as the training patients' median" in told
    age = next(c for c in found.contributions if c.name == "age_years")
    assert age.text == "60 years" and age.value == 60
    assert next(c for c in found.contributions if c.name == "afp_ng_ml").text == "not known"


def test_a_value_no_training_patient_had_is_warned_of(model, test_part):
    found = ask(model, test_part, 0, **{"sign.echo_db": 60.0})
    assert any("no training patient had such a value" in w for w in found.warnings)
    assert not ask(model, test_part, 0, **{"sign.echo_db": 0.0}).warnings


def test_a_tumor_that_does_not_hyperenhance_is_one_kind(model, test_part):
    """How far below the liver it lies moves nothing, and the answer says that it is 2 dB or less."""
    table = FeatureTable(("equal", "dark", "bright"), SIGN_NAMES, np.ones((3, len(SIGN_NAMES))) * 3)
    table.values[:, SIGN_NAMES.index(ENHANCEMENT)] = (0.5, -9.0, 6.0)
    taken = sign_values(table)
    np.testing.assert_array_equal(taken.by_patient["equal"], taken.by_patient["dark"])
    assert table.values[1, SIGN_NAMES.index(ENHANCEMENT)] == -9.0
    assert taken.by_patient["bright"][SIGN_NAMES.index(ENHANCEMENT)] == 6.0
    told = {
        level: next(
            c.text
            for c in ask(model, test_part, 0, **{ENHANCEMENT: level}).contributions
            if c.name == ENHANCEMENT
        )
        for level in (2.0, 6.0)
    }
    assert told == {2.0: "2 dB or less", 6.0: "6 dB"}


def test_washout_in_the_portal_phase_is_a_value_of_the_record(model, test_part):
    """Of the same patient: a report of a darker tumor moves the answer as its coefficient says."""
    record = {k: v for k, v in test_part.profiles[0].record.items() if k != "portal_phase"}
    values = dict(
        zip(test_part.images.names, test_part.images.matrix(test_part.patient_ids)[0], strict=True)
    )
    found = {
        told: model.answer(profile_of(record | {"portal_phase": told}), values)
        for told in ("hypoenhancement", "isoenhancement")
    }
    texts = {
        told: next(c for c in answer.contributions if c.name == PORTAL_WASHOUT).text
        for told, answer in found.items()
    }
    assert texts == {"hypoenhancement": "yes", "isoenhancement": "no"}
    unknown = model.answer(profile_of(record), values)
    assert any("Washout in the portal phase" in note for note in unknown.notes)
    death = model.models["combined"].death
    at = death.names.index(PORTAL_WASHOUT)
    step = death.coef[at] / death.standardizer.scale[at]
    washed, equal = (
        next(c for c in found[t].contributions if c.name == PORTAL_WASHOUT).death_log_hazard
        for t in found
    )
    assert washed - equal == pytest.approx(step)


def test_too_few_signs_are_answered_from_clinical_values(model, test_part):
    values = dict.fromkeys(test_part.images.names, float("nan"))
    found = model.answer(test_part.profiles[0], values | {"sign.echo_db": -3.0})
    assert found.version == "clinical"
    assert any("only 1 of 14 signs" in n for n in found.notes)


def test_measures_are_those_of_other_libraries(model, test_part):
    found = evaluate_ceus(model, test_part, seed=0)
    models = model.models["combined"]
    table = test_part.features(model.covariates).columns(models.names)
    known = np.isfinite(test_part.early)
    probability = models.early.probability(table.values)
    risk = models.scores(table.values)[:, 1]
    assert found.metrics["early_recurrence_auc"].value == pytest.approx(
        roc_auc_score(test_part.early[known], probability[known])
    )
    outcome = test_part.outcome
    assert found.metrics["c_index"].value == pytest.approx(
        concordance_index(outcome.time_months, -risk, outcome.event), abs=1e-9
    )
    assert set(found.versions) == {"clinical", "dlr", "combined"}
    assert found.n == len(test_part) and found.n_events == outcome.n_events
    assert found.classes.numbers.size == found.n
    assert sum(s.n for s in found.classes.summaries) == found.n
    assert found.oracle is None
    against = {b: a.estimate.value for (_, b), a in found.c_index.differences.items()}
    assert against["clinical values"] > 0.05
    json.dumps(found.to_json(), allow_nan=False)


def test_clinical_values_alone_are_judged_alone(model, test_part):
    found = evaluate_ceus(model, replace(test_part, images=None))
    assert found.version == "clinical"
    assert found.added is None
    assert list(found.versions) == ["clinical"]


def test_retreatment_is_studied_by_class_where_it_is_known(model, test_part):
    found = evaluate_ceus(model, test_part).classes
    assert found.retreatment is not None
    assert len(found.retreatment.effects) == 4
    assert found.gray is not None and 0 <= found.gray.p <= 1
    unknown = replace(test_part, retreated=np.full(len(test_part), np.nan))
    found = evaluate_ceus(model, unknown).classes
    assert found.retreatment is None
    assert found.why_no_retreatment == "whether recurrences were retreated is not known"
