"""One patient's prediction: it is the model's, its parts sum up, and it says when to doubt it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.errors import TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.rivals import RIVALS
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.case import predict_case, shapley_values
from hccsurv_core.systems.muscle.case_checks import scan_ranges
from hccsurv_core.systems.muscle.clinical_block import left_out
from hccsurv_core.systems.muscle.settings import MuscleSettings
from hccsurv_core.systems.muscle.training import train_muscle

NAMES = ("sma_cm2", "ma_hu", "original_glcm_Contrast", "clinical.age", "height_m")
QUICK = MuscleSettings(
    n_members=3, n_folds=2, n_repeats=1, fold_members=1, rivals=tuple(RIVALS)[:0]
)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    values = rng.normal([140, 40, 9, 60, 1.68], [25, 6, 2, 9, 0.08], size=(160, 5))
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    hazard = np.exp(-0.7 * z[:, 0] - 0.5 * z[:, 1] + 0.4 * z[:, 2] + 0.5 * z[:, 3])
    outcome = SurvivalOutcome(rng.exponential(40 / hazard), rng.random(160) < 0.8)
    return FeatureTable(tuple(f"P{i}" for i in range(160)), NAMES, values, outcome, simulated=True)


@pytest.fixture(scope="module")
def model(table):
    return train_muscle(table, QUICK, seed=2, device="cpu").model


def features(table, row=0, **changed):
    found = dict(zip(table.names, table.values[row], strict=True))
    return found | {name.replace("__", "."): value for name, value in changed.items()}


def test_it_is_what_the_model_says(table, model):
    case = predict_case(model, features(table, 7))
    whole = model.predict_table(table)
    assert case.risk_score == pytest.approx(whole.risk_score[7], abs=1e-12)
    assert case.high_risk == whole.high_risk[7]
    assert case.percentile == whole.percentile[7]
    assert case.survival_probability == pytest.approx(whole.survival_probability[7])
    assert (case.survival_low <= case.survival_probability).all()
    assert (case.survival_probability <= case.survival_high).all()
    curve = case.curve
    assert curve.months[0] == 0 and curve.survival[0] == 1
    assert (np.diff(curve.survival) <= 0).all()
    at = list(curve.months).index(36)
    assert curve.survival[at] == pytest.approx(case.survival_probability[1])
    assert case.model.simulated and case.model.n == 160
    assert "simulated training patients" in case.sentence
    assert case.warnings == () or all(w.about == "patient" for w in case.warnings)


@pytest.mark.parametrize("row", [0, 3, 12])
def test_contributions_sum_to_the_difference_from_the_median_patient(table, model, row):
    case = predict_case(model, features(table, row))
    total = sum(c.log_hazard for c in case.contributions)
    assert total == pytest.approx(case.risk_score - case.baseline, abs=1e-9)
    median = dict(zip(NAMES, np.median(table.values, axis=0), strict=True))
    assert predict_case(model, median).risk_score == pytest.approx(case.baseline, abs=1e-9)
    assert {c.group for c in case.contributions} == {"size", "density", "texture", "clinical"}
    sizes = [abs(c.log_hazard) for c in case.contributions]
    assert sizes == sorted(sizes, reverse=True)
    assert {c.group: c.n_features for c in case.contributions}["clinical"] == 2


def test_a_group_at_the_median_or_missing_contributes_nothing(table, model):
    median = np.median(table.values, axis=0)
    case = predict_case(model, features(table, 3, sma_cm2=median[0], ma_hu=math.nan))
    by_group = {c.group: c for c in case.contributions}
    assert by_group["size"].log_hazard == pytest.approx(0, abs=1e-12)
    assert by_group["density"].log_hazard == pytest.approx(0, abs=1e-12)
    assert by_group["density"].n_missing == 1
    assert case.n_missing == 1 and case.missing == ("Muscle attenuation",)
    (said,) = [w for w in case.warnings if w.about == "missing"]
    assert str(said) == (
        "Not known and taken as in a typical training patient: Muscle attenuation; "
        "enter what is known."
    )


def test_shapley_values_of_the_glove_game():
    # One left glove (player 0), two right ones: a pair is worth 1. Shapley: 2/3, 1/6, 1/6.
    worth = np.array([float(c & 1 and c & 6 > 0) for c in range(8)])
    assert shapley_values(worth, 3) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_a_value_nobody_had_is_named(table, model):
    case = predict_case(model, features(table, 0, sma_cm2=400.0))
    said = [str(w) for w in case.warnings]
    assert (
        "Skeletal muscle area lies above that of every training patient; check the value; if it "
        "is right, the prediction is an extrapolation." in said
    )
    far = predict_case(model, {name: 1e4 for name in NAMES})
    assert any("5 of 5 features lie outside" in str(w) for w in far.warnings)


SCANS = ("scan.slice_mm", "scan.pixel_mm", "scan.n_slices", "scan.enhanced")


def test_a_scan_unlike_the_training_scans_is_told(table, model):
    scans = np.array([[5.0, 0.7, 5, 0], [4.0, 0.9, 5, 0], [5.0, 0.8, 5, 0]])
    known = replace(model, description={**model.description, "scan": scan_ranges(SCANS, scans)})
    usual = {
        "scan__slice_mm": 5.0,
        "scan__pixel_mm": 0.75,
        "scan__n_slices": 5,
        "scan__enhanced": 0,
    }
    assert not [
        w for w in predict_case(known, features(table, 1, **usual)).warnings if w.about == "scan"
    ]
    other = {"scan__slice_mm": 8.0, "scan__pixel_mm": 1.4, "scan__n_slices": 4, "scan__enhanced": 1}
    said = [
        str(w)
        for w in predict_case(known, features(table, 1, **other)).warnings
        if w.about == "scan"
    ]
    assert said == [
        "The slices are 8 mm apart; the model learned from 4 to 5 mm; use a reconstruction of that "
        "thickness where there is one.",
        "The pixels are 1.4 mm wide; the model learned from 0.7 to 0.9 mm; use a reconstruction "
        "with a field of view like that where there is one.",
        "The slab has 4 slices; the model learned from 5; outline muscle and psoas on more slices "
        "about the level.",
        "The vessels show a scan with contrast; 0 of 100 training scans were such, and contrast "
        "changes the density and texture of muscle; use a phase without contrast where there is "
        "one.",
    ]
    # A bundle that does not say how its patients were scanned cannot be compared with.
    assert not [
        w for w in predict_case(model, features(table, 1, **other)).warnings if w.about == "scan"
    ]


def test_plain_values_are_json(table, model):
    case = predict_case(model, features(table, 2, height_m=math.nan), (12.0, 2400.0))
    found = json.loads(json.dumps(case.to_json(), allow_nan=False))
    assert found["survival"]["12"]["ci_low"] <= found["survival"]["12"]["value"]
    assert found["survival"]["2400"] == {"value": None, "ci_low": None, "ci_high": None}
    assert found["missing"] == ["Height"]
    assert found["model"]["simulated"] is True
    assert found["contributions"][0]["factor"] == pytest.approx(
        math.exp(found["contributions"][0]["log_hazard"])
    )


def test_features_that_were_not_extracted_are_refused(model):
    with pytest.raises(TableError, match="5 of the model's 5 features were not extracted"):
        predict_case(model, {"smi": 40.0})


def test_what_a_transplantation_makes_useless_need_not_be_entered(table, model):
    row = {"treatment": "transplantation", "bilirubin_umol_l": 20.0, "albumin_g_l": 38.0}
    assert set(left_out(row)) == {"clinical.albi", "clinical.log_inr", "clinical.low_platelets"}
    assert left_out({"treatment": "hepatectomy"}) == left_out({}) == ()
    unknown = features(table, 4, clinical__age=math.nan)
    case = predict_case(model, unknown, left_out=("clinical.age",))
    assert case.n_missing == 0 and case.missing == ()
    told = [str(w) for w in case.warnings if w.about == "missing"]
    assert told == [
        "After transplantation Age tell of a liver that is gone, and are not used; "
        "nothing need be entered."
    ]
    asked = [str(w) for w in predict_case(model, unknown).warnings if w.about == "missing"]
    assert asked == [
        "Not known and taken as in a typical training patient: Age; enter what is known."
    ]
