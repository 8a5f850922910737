"""Autoencoder and hazard are learned apart, or jointly where somebody asks for it."""

from __future__ import annotations

import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.features.radiomics.presets import feature_names
from hccsurv_core.systems.muscle.cohort_recipe import is_cohort_table, model_features
from hccsurv_core.systems.muscle.settings import (
    MuscleSettings,
    resolve_recipes,
    settings_from_json,
)

WIDE_TABLE = tuple(f"f{i}" for i in range(200))
COHORT_TABLE = model_features(feature_names("muscle-1343"))


def test_apart_is_the_rule():
    for names in (WIDE_TABLE, COHORT_TABLE):
        assert not any(recipe.joint for recipe in resolve_recipes(MuscleSettings(), names))


def test_every_deep_recipe_of_an_autoencoder_is_joint_where_that_is_asked_for():
    asked = settings_from_json({"joint": True})
    for names in (WIDE_TABLE, COHORT_TABLE):
        recipes = resolve_recipes(asked, names)
        deep = [r for r in recipes if r.head == "deep"]
        assert deep and all(r.joint and "jointly" in r.name for r in deep)
        assert not any(r.joint for r in recipes if r.head == "linear")


def test_what_is_not_encoded_has_nothing_to_learn_jointly():
    assert is_cohort_table(COHORT_TABLE)
    narrow = tuple(name for name in COHORT_TABLE if "." in name)
    assert is_cohort_table(narrow)
    for names in (("a", "b", "c"), narrow):
        assert not any(r.joint for r in resolve_recipes(MuscleSettings(joint=True), names))


@pytest.mark.parametrize("other", [{"representation": "pca"}, {"representation": "none"}, {"head": "linear"}])  # fmt: skip
def test_what_cannot_be_trained_jointly_is_refused(other):
    with pytest.raises(InputError, match="only an autoencoder and a deep head"):
        MuscleSettings(joint=True, **other)
