"""What a model takes from a cohort's table, and that it is learned from and comes back whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.features.radiomics.presets import feature_names
from hccsurv_core.models.store import read_bundle
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.clinical_block import (
    CLINICAL_NAMES,
    clinical_block,
    missing_columns,
)
from hccsurv_core.systems.muscle.cohort_recipe import (
    MEASURES,
    cohort_recipes,
    is_cohort_table,
    model_features,
)
from hccsurv_core.systems.muscle.prediction import MuscleModel
from hccsurv_core.systems.muscle.settings import (
    MuscleSettings,
    resolve_recipes,
    settings_from_json,
)
from hccsurv_core.systems.muscle.training import train_muscle

RADIOMICS = feature_names("muscle-1343")
ROW = {
    "age_years": 61, "tumor_diameter_mm": 40.0, "tumor_number": 2, "macrovascular_invasion": 0.0,
    "microvascular_invasion": 1.0, "afp_ng_ml": 100.0, "bilirubin_umol_l": 14.0,
    "albumin_g_l": 38.0, "inr": 1.1, "platelets_10e9_l": 150.0, "treatment": "hepatectomy",
}  # fmt: skip


def table(n: int = 150, radiomics: tuple[str, ...] = (), seed: int = 0) -> FeatureTable:
    """Two measures and two clinical values matter; the definitions' columns are there too."""
    rng = np.random.default_rng(seed)
    names = (*radiomics, "sma_cm2", "male", *MEASURES, *CLINICAL_NAMES)
    x = rng.standard_normal((n, len(names)))
    at = {name: i for i, name in enumerate(names)}
    x[:, at["sma_cm2"]] = 140 + 20 * x[:, at["sma_cm2"]]
    hazard = np.exp(
        0.8 * x[:, at["muscle.fat_root"]] - 0.8 * x[:, at["muscle.lean_hu_above_fat"]]
        + 0.5 * x[:, at["clinical.log_afp"]] + 0.5 * x[:, at["clinical.albi"]]
    )  # fmt: skip
    time, end = rng.exponential(20 / hazard), rng.uniform(5, 60, n)
    outcome = SurvivalOutcome(np.minimum(time, end), time <= end)
    return FeatureTable(tuple(f"P{i}" for i in range(n)), names, x, outcome)


def test_all_1343_radiomics_and_nothing_of_the_definitions_reach_the_model() -> None:
    names = ("sma_cm2", "male", "height_m", *RADIOMICS, *MEASURES, *CLINICAL_NAMES)
    assert is_cohort_table(names) and not is_cohort_table(RADIOMICS)
    taken = model_features(names)
    assert taken == (*RADIOMICS, *MEASURES, *CLINICAL_NAMES)
    assert len(taken) == 1343 + 9 + 9


def test_radiomics_are_encoded_to_100_and_the_measures_pass_by() -> None:
    recipes = resolve_recipes(
        MuscleSettings(), model_features((*RADIOMICS, *MEASURES, *CLINICAL_NAMES))
    )
    deep = next(r for r in recipes if r.head == "deep")
    assert (deep.representation, deep.n_codes, deep.linear_start) == ("autoencoder", 100, True)
    assert set(deep.bypass) == {*MEASURES, *CLINICAL_NAMES}
    assert {r.head for r in recipes} == {"deep", "linear"}
    assert all(r.prior is not None for r in recipes)
    only = cohort_recipes(deep, (*MEASURES, *CLINICAL_NAMES))
    assert {r.representation for r in only} == {"none"}


def test_a_model_learns_predicts_and_comes_back_from_its_bundle(tmp_path: Path) -> None:
    settings = MuscleSettings(head="linear", rivals=(), n_repeats=1, n_members=5)
    trained = train_muscle(table(), settings, device="cpu")
    assert trained.model.feature_names == (*MEASURES, *CLINICAL_NAMES)
    new = table(400, seed=1)
    risk = trained.model.predict_table(new).risk_score
    wanted = new.columns(["muscle.fat_root", "clinical.log_afp"]).values
    assert np.corrcoef(risk, wanted[:, 0])[0, 1] > 0.4 < np.corrcoef(risk, wanted.sum(1))[0, 1]
    bundle = trained.write(tmp_path / "bundle")
    again = MuscleModel.from_bundle(read_bundle(bundle.folder))
    assert again.predict_table(new).risk_score == pytest.approx(risk, abs=1e-6)


def test_recipes_come_back_from_json() -> None:
    recipes = resolve_recipes(MuscleSettings(), (*MEASURES, *CLINICAL_NAMES))
    plain = json.loads(json.dumps(MuscleSettings(recipes=recipes).to_json()))
    assert settings_from_json(plain).recipes == recipes


def test_clinical_values_are_coded_so_that_higher_is_worse() -> None:
    good = {**ROW, "age_years": 40, "tumor_diameter_mm": 15.0, "tumor_number": 1,
            "microvascular_invasion": 0.0, "afp_ng_ml": 4.0, "bilirubin_umol_l": 8.0,
            "albumin_g_l": 46.0, "inr": 1.0, "platelets_10e9_l": 260.0}  # fmt: skip
    bad = {**ROW, "macrovascular_invasion": 1.0}
    better, worse = clinical_block(good), clinical_block(bad)
    assert tuple(better) == CLINICAL_NAMES
    assert all(worse[name] > better[name] for name in CLINICAL_NAMES)


def test_albi_is_the_published_score() -> None:
    # Johnson 2015: log10(14) · 0.66 − 38 · 0.085.
    assert clinical_block(ROW)["clinical.albi"] == pytest.approx(-2.4736, abs=1e-4)


def test_what_is_missing_stays_missing_and_is_named() -> None:
    row = {**ROW, "inr": None, "afp_ng_ml": float("nan"), "albumin_g_l": None}
    found = clinical_block(row)
    unknown = {name for name, value in found.items() if np.isnan(value)}
    assert unknown == {"clinical.log_inr", "clinical.log_afp", "clinical.albi"}
    assert set(missing_columns(row)) == {"inr", "afp_ng_ml", "albumin_g_l"}


def test_the_liver_that_was_removed_does_not_count() -> None:
    found = clinical_block({**ROW, "treatment": "transplantation"})
    unknown = {name for name, value in found.items() if np.isnan(value)}
    assert unknown == {"clinical.albi", "clinical.log_inr", "clinical.low_platelets"}
    assert missing_columns({**ROW, "treatment": "transplantation"}) == ()
