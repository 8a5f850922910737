"""The model card: everything a reader needs, from what the bundle says and nothing else."""

from __future__ import annotations

import re

from evaluation_examples import example_evaluation, tiny_evaluation

from hccsurv_core.report.model_card import model_card

SECTIONS = (
    "What it is", "What it is for, and what not", "Training patients", "Features",
    "How it was trained", "How good it is", "In groups of patients", "Limits", "Ethical notes",
    "Versions and hashes",
)  # fmt: skip
DESCRIPTION = {
    "system": "muscle",
    "horizons_months": [12.0, 36.0],
    "architecture": {
        "n_members": 20, "representation": "autoencoder", "n_codes": 100, "explained": 0.93,
        "hidden": [32, 16], "activation": "selu", "recipe": {"name": "deep 32", "scaling": "z"},
    },
    "settings": {"n_members": 20, "n_folds": 5},
    "seed": 3, "device": "cpu",
    "cutoffs": {"median_risk": -0.0412, "method": "median risk"},
    "calibration": {"slope": 0.87, "method": "Cox slope"},
    "out_of_distribution": {"most_outside": 14},
    "training": {
        "source": "our | cohort <b>", "n": 344, "n_events": 61, "n_features": 1345,
        "n_missing_values": 12, "last_month": 91.6, "median_time_months": 41.2,
        "survival_at": {"12": 0.9, "36": 0.7, "60": None},
        "labels": {"center": {"a": 344}}, "simulated": False,
        "row_digests": ["0123456789abcdef"],
    },
    "features": [
        {"name": "original_glcm_Contrast", "low": 0.1, "median": 2, "high": 9, "n_missing": 0},
        {"name": "age_years", "low": 22, "median": 56, "high": 86, "n_missing": 3, "used": True},
    ],
    "cross_validation": {
        "method": "5-fold",
        "results": [
            {"name": "deep 32", "kind": "model",
             "c_index": {"value": 0.712, "ci_low": 0.66, "ci_high": 0.75, "n": 344, "n_events": 61}},
            {"name": "ridge Cox regression", "kind": "rival", "c_index": {"value": None}},
        ],
        "best": "deep 32",
    },
    "versions": {"hccsurv": "0.1.0", "torch": "2.15"},
    "sha256": {"weights.safetensors": "ab12", "card.md": "cd34", "self": "ef56"},
}  # fmt: skip


def section(card: str, name: str) -> str:
    return re.search(rf"## {name}\n\n(.*?)(?=\n## |\Z)", card, re.S).group(1)


def test_every_section_is_there_in_order():
    card = model_card(DESCRIPTION)
    found = re.findall(r"^## (.*)$", card, re.M)
    assert tuple(found) == SECTIONS
    assert "**Research use. Not a medical device.**" in card.split("## ")[0]


def test_what_the_bundle_says_is_told():
    card = model_card(DESCRIPTION)
    assert "brings the features down to 100 numbers" in section(card, "What it is")
    cohort = section(card, "Training patients")
    assert "| Patients | 344 |" in cohort and "| Events | 61 (18 %) |" in cohort
    assert "12 months 90 %; 36 months 70 %" in cohort and "60 months" not in cohort
    features = section(card, "Features")
    assert "| age\\_years |" in features or "| age_years |" in features
    assert "original_glcm_Contrast" not in features
    assert "0.712 (0.660–0.750) | 344 | 61" in section(card, "How good it is")
    assert "93 % of the variance" in section(card, "How it was trained")
    limits = section(card, "Limits")
    assert "61 events are few for 1,345 features" in limits
    assert "Trained on one centre" in limits
    assert "more than 14 features outside" in limits
    hashes = section(card, "Versions and hashes")
    assert "`weights.safetensors`: `ab12`" in hashes
    # A card cannot hold its own hash, and the bundle's is not known yet.
    assert "cd34" not in card and "ef56" not in card


def test_digests_of_patients_stay_out_of_the_card():
    assert "0123456789abcdef" not in model_card(DESCRIPTION)


def test_simulated_training_patients_are_named_at_the_top():
    head = model_card(DESCRIPTION, simulated=True).split("## ")[0]
    assert "**Trained on simulated patients, drawn by a computer" in head
    assert "imulated" not in model_card(DESCRIPTION).split("## ")[0]
    said = {**DESCRIPTION, "training": {**DESCRIPTION["training"], "simulated": True}}
    assert "Trained on simulated patients" in model_card(said)
    silent = {**DESCRIPTION, "training": {}}
    assert "not stated whether the training patients were real" in model_card(silent)


def test_text_from_a_table_does_not_act_as_markdown():
    cohort = section(model_card(DESCRIPTION), "Training patients")
    assert "our \\| cohort \\<b\\>" in cohort


def test_an_evaluation_adds_results_by_part_and_by_group():
    evaluation = example_evaluation()
    card = model_card(DESCRIPTION, evaluation=evaluation)
    results = section(card, "How good it is")
    assert "**Internal test** (Example cohort, simulated patients): 70 patients" in results
    assert "**Training**" not in results
    row = evaluation.test_sets[0].discrimination.concordance[0]
    assert f"| Deep Cox | {row.estimate.value:.3f} (" in results
    assert "Deep Cox ahead by" in results and "| SMI (measure) |" in results
    assert "Time-dependent AUC of Deep Cox: 12 months" in results
    assert "Observed / expected events: 12 months" in results
    groups = section(card, "In groups of patients")
    assert "| center | center_a |" in groups and "p of equal C" in groups
    assert "Judged on patients of the training cohort only" not in section(card, "Limits")


def test_nothing_known_is_said_to_be_not_stated():
    card = model_card({})
    assert tuple(re.findall(r"^## (.*)$", card, re.M)) == SECTIONS
    assert card.count("not stated") > 10
    assert "None" not in card and "nan" not in card


def test_an_evaluation_without_answers_says_why():
    card = model_card(DESCRIPTION, evaluation=tiny_evaluation())
    assert "Time-dependent AUC of Deep Cox: not stated." in card
    assert "Not evaluated by centre" in section(card, "In groups of patients")
