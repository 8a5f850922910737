"""The recommendation: made, withheld, and explained, on models whose answer is known."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from treatment_cohorts import NAMES, draw, swapped

from hccsurv_core.errors import BundleError, InputError, TableError
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arms import ArmModels
from hccsurv_core.systems.treatment.recommendation import Recommendation, recommend
from hccsurv_core.systems.treatment.recommendation_settings import (
    RecommendationSettings,
    recommendation_settings_from_json,
)
from hccsurv_core.systems.treatment.recommender import Recommender, fit_recommender

FACTS = {
    "child_pugh_score": 5, "bclc_stage": "B", "cnlc_stage": "IIa", "ecog": 0,
    "extrahepatic_spread": False, "portal_invasion": "none", "bilirubin_umol_l": 12.0,
}  # fmt: skip
MIDDLE = dict.fromkeys(NAMES, 0.0)


@dataclass(frozen=True, eq=False)
class Plain:
    """An arm whose patients die at a constant hazard; draws spread about it.

    Args:
        hazard: per month at a size of 0. slope: log hazard per unit of size.
        spread: standard deviation of the log hazard between draws.
    """

    hazard: float
    slope: float = 0.0
    spread: float = 0.0
    names: tuple[str, ...] = NAMES
    n: int = 100
    n_events: int = 60
    n_draws: int = 201

    @property
    def step_months(self) -> np.ndarray:
        return np.arange(0.05, 36, 0.05)

    def risk_score(self, values) -> np.ndarray:
        size = np.asarray(values, float)[:, 0]
        return math.log(self.hazard) + self.slope * np.where(np.isnan(size), 0.0, size)

    def survival(self, values, eval_times) -> np.ndarray:
        return np.exp(-np.exp(self.risk_score(values))[:, None] * np.asarray(eval_times, float))

    def survival_draws(self, values, eval_times) -> np.ndarray:
        off = self.spread * np.linspace(-2.5, 2.5, self.n_draws)
        rate = np.exp(self.risk_score(values)[None, :] + off[:, None])
        return np.exp(-rate[:, :, None] * np.asarray(eval_times, float))

    def tensors(self) -> dict:
        return {}

    def describe(self) -> dict:
        return {"kind": "constant hazard"}


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return fit_recommender(
        draw(400, seed=11).table, ArmSettings(n_draws=300), seed=1,
        labels={"size": "tumor size", "albi": "ALBI score"},
    )  # fmt: skip


def with_arms(fitted: Recommender, surgery: Plain, tace: Plain, **limits) -> Recommender:
    """The same overlap and ranges with arms that are known."""
    arms = ArmModels(
        {"hepatectomy": surgery, "tace": tace}, np.zeros(4), np.zeros(4), ArmSettings()
    )
    return replace(fitted, arms=arms, settings=RecommendationSettings(**limits))


def kinds(found: Recommendation) -> list[str]:
    return [reason.kind for reason in found.reasons]


def test_a_clear_difference_is_recommended(fitted):
    models = with_arms(fitted, Plain(0.01), Plain(0.05))
    found = recommend(models, MIDDLE | FACTS)
    assert found.recommendation == "hepatectomy"
    months = [(1 - math.exp(-36 * h)) / h for h in (0.01, 0.05)]
    assert found.findings.months == pytest.approx(months[0] - months[1], abs=0.05)
    assert found.findings.probability == 1.0
    assert kinds(found) == ["difference", "overlap", "guideline"]
    assert str(found.reasons[0]) == (
        "Hepatectomy is expected to bring 13.5 months more of the next 36 than TACE (95 % "
        "interval: 13.5 more to 13.5 more); that it is the better choice for patients like this "
        "one has a probability of more than 99 %."
    )
    other = recommend(with_arms(fitted, Plain(0.05), Plain(0.01)), MIDDLE | FACTS)
    assert other.recommendation == "tace"
    assert "TACE is expected to bring 13.5 months more" in str(other.reasons[0])


def test_the_interval_of_a_difference_for_tace_is_told_the_right_way_round(fitted):
    models = with_arms(fitted, Plain(0.05, spread=0.2), Plain(0.03, spread=0.2))
    found = recommend(models, MIDDLE | FACTS)
    band = found.findings.contrast.months_difference.of(0)
    assert band.value < 0
    assert f"{-band.high:.1f} more to {-band.low:.1f} more" in str(found.reasons[0])


def test_a_small_difference_is_none(fitted):
    found = recommend(with_arms(fitted, Plain(0.030), Plain(0.031)), MIDDLE | FACTS)
    assert found.recommendation == "none" and kinds(found) == ["small", "difference"]
    assert str(found.reasons[0]) == (
        "The treatments differ by 0.3 months; at least 1 are asked for."
    )
    lenient = with_arms(fitted, Plain(0.030), Plain(0.031), min_months=0.0)
    assert recommend(lenient, MIDDLE | FACTS).recommendation == "hepatectomy"


def test_an_uncertain_difference_is_none(fitted):
    # One arm's draws spread, the other's do not: a share of them lies on the other side.
    models = with_arms(fitted, Plain(0.03), Plain(0.04, spread=0.4))
    sure = math.log(0.04 / 0.03) / 0.4
    share = (np.linspace(-2.5, 2.5, 201) > -sure).mean()
    found = recommend(models, MIDDLE | FACTS)
    assert found.findings.probability == pytest.approx(share, abs=0.01)
    assert found.recommendation == "none" and kinds(found)[0] == "uncertain"
    assert "70 % are asked for" in str(found.reasons[0])
    lenient = with_arms(fitted, Plain(0.03), Plain(0.04, spread=0.4), min_probability=0.55)
    assert recommend(lenient, MIDDLE | FACTS).recommendation == "hepatectomy"


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"child_pugh_score": 11}, "rule", "Child-Pugh C: end-stage liver function"),
        ({"child_pugh_score": 8}, "rule", "Child-Pugh B: guidelines reserve resection"),
        ({"extrahepatic_spread": True}, "rule", "Extrahepatic spread: systemic treatment"),
        ({"portal_invasion": "main"}, "rule", "Tumor in the main portal vein"),
        ({"bclc_stage": "C", "cnlc_stage": None}, "guideline", "leaves hepatectomy open"),
        ({"bclc_stage": "B", "cnlc_stage": None, "child_pugh_score": None}, "missing",
         "The Child-Pugh score is not known; enter it."),
        ({"size": -7.0}, "range", "tumor size of -7: patients given hepatectomy or TACE had"),
        ({"size": -7.0}, "overlap", "Nearly all such patients were given hepatectomy"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_said(fitted, changed, kind, said):
    models = with_arms(fitted, Plain(0.01), Plain(0.05))
    assert recommend(models, MIDDLE | FACTS).recommendation == "hepatectomy"
    found = recommend(models, MIDDLE | FACTS | changed)
    assert found.recommendation == "none"
    assert any(r.kind == kind and said in r.text for r in found.reasons)
    # What the models expect is told all the same, last.
    assert kinds(found)[-1] == "difference"


def test_rules_carry_their_source(fitted):
    models = with_arms(fitted, Plain(0.01), Plain(0.05))
    (rule,) = [
        r for r in recommend(models, MIDDLE | FACTS | {"child_pugh_score": 12}).reasons
        if r.kind == "rule"
    ]  # fmt: skip
    assert "doi:10.1016/j.jhep.2021.11.018" in rule.source


def test_a_rule_against_the_other_arm_is_a_caution(fitted):
    models = with_arms(fitted, Plain(0.05), Plain(0.01))
    found = recommend(models, MIDDLE | FACTS | {"child_pugh_score": 8})
    assert found.recommendation == "tace"
    assert any("Child-Pugh B" in str(c) for c in found.cautions)


def test_guidelines_that_differ_are_a_caution(fitted):
    found = recommend(with_arms(fitted, Plain(0.01), Plain(0.05)), MIDDLE | FACTS)
    assert any(str(c).startswith("Guidelines do not agree") for c in found.cautions)


def test_what_was_not_asked_is_told(fitted):
    models = with_arms(fitted, Plain(0.01), Plain(0.05))
    found = recommend(models, MIDDLE | {"child_pugh_score": 5, "bclc_stage": "A"})
    assert found.recommendation == "hepatectomy"
    (said,) = [c for c in found.cautions if c.kind == "missing"]
    assert str(said) == (
        "Not known, and taken as absent: extrahepatic spread, tumor in the main portal vein, "
        "bilirubin above 51 µmol/L (3 mg/dL)."
    )


def test_a_missing_value_stops_only_where_it_would_decide(fitted):
    patient = MIDDLE | FACTS | {"size": None}
    steep = with_arms(fitted, Plain(0.03, slope=0.8), Plain(0.045, slope=-0.8))
    found = recommend(steep, patient)
    assert found.recommendation == "none" and found.findings.decisive == ("size",)
    assert any(
        "Tumor size is not known, and whether it is low or high would turn the answer round"
        in str(r) for r in found.reasons
    )  # fmt: skip
    flat = recommend(with_arms(fitted, Plain(0.01), Plain(0.05)), patient)
    assert flat.recommendation == "hepatectomy" and flat.findings.decisive == ()
    assert any("taken as in a typical patient: tumor size" in str(c) for c in flat.cautions)


def test_with_most_values_missing_nothing_is_recommended(fitted):
    models = with_arms(fitted, Plain(0.01), Plain(0.05))
    found = recommend(models, FACTS | {"size": 0.0})
    assert found.recommendation == "none"
    assert any("3 of 4 values that the models need are not known" in str(r) for r in found.reasons)


def test_the_same_question_has_the_same_answer_and_one_value_moves_it(fitted):
    a, b = (recommend(fitted, MIDDLE | FACTS) for _ in range(2))
    assert a.to_json() == b.to_json()
    months = [
        recommend(fitted, MIDDLE | FACTS | {"size": s}).findings.contrast.months_difference.value[0]
        for s in (-1.0, 0.0, 1.0)
    ]
    # In these patients surgery loses by size more than TACE does.
    assert months[0] > months[1] > months[2]


def test_plain_values_hold_the_contract(fitted):
    plain = json.loads(json.dumps(recommend(fitted, MIDDLE | FACTS).to_json()))
    assert plain["recommendation"] in ("hepatectomy", "tace", "none")
    assert "not randomized" in plain["caveat"]
    assert plain["reasons"] and {"kind", "text", "source"} == set(plain["reasons"][0])
    for arm in ("hepatectomy", "tace"):
        survival = plain["arms"][arm]["survival"]
        assert len(survival["value"]) == len(survival["ci_low"]) == 3
    assert {"value", "ci_low", "ci_high"} == set(plain["survival_difference"])
    assert {"propensity_tace", "alike", "supported", "sentence"} <= set(plain["overlap"])
    assert plain["probability_hepatectomy_better"] == pytest.approx(
        plain["probability"] if plain["favored"] == "hepatectomy" else 1 - plain["probability"]
    )


def test_swapped_labels_recommend_the_other_arm():
    drawn = draw(400, seed=11)
    plain = fit_recommender(drawn.table, seed=1)
    turned = fit_recommender(swapped(drawn.table), seed=1)
    patient = MIDDLE | {"size": -0.8, "child_pugh_score": 5, "cnlc_stage": "IIa"}
    a, b = recommend(plain, patient), recommend(turned, patient)
    assert (a.recommendation, b.recommendation) == ("hepatectomy", "tace")
    assert a.findings.months == pytest.approx(b.findings.months, abs=1e-9)


def test_it_comes_back_from_a_bundle(fitted):
    again = Recommender.from_parts(json.loads(json.dumps(fitted.describe())), fitted.tensors())
    patient = MIDDLE | FACTS | {"albi": 1.2}
    assert recommend(again, patient).to_json() == recommend(fitted, patient).to_json()
    assert again.label("size") == "tumor size" and again.label("age") == "age"
    told = fitted.describe()
    del told["overlap"]
    with pytest.raises(BundleError, match="lacks a part of the recommendation"):
        Recommender.from_parts(told, fitted.tensors())


def test_the_propensity_takes_some_of_the_covariates():
    table = draw(300, seed=12).table
    models = fit_recommender(table, seed=0, propensity=["invasion", "size"])
    assert models.overlap.names == ("invasion", "size") and models.overlap_columns == [2, 0]
    found = recommend(models, MIDDLE | FACTS | {"size": 1.0})
    expected = models.overlap.propensity([[0.0, 1.0]])[0]
    assert found.findings.overlap.propensity == pytest.approx(expected)
    with pytest.raises(TableError, match="features are not in the table: afp"):
        fit_recommender(table, propensity=["afp"])


def test_text_where_a_number_is_asked_for_is_refused(fitted):
    with pytest.raises(InputError, match="size: 'large' is not a number"):
        recommend(fitted, {"size": "large"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"min_probability": 0.4}, "the probability asked for lies from 0.5 to 1"),
        ({"min_months": -1}, "months are not negative"),
        ({"level": 95}, "a confidence level must lie between 0 and 1"),
    ],
)
def test_limits_that_cannot_be_used_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        RecommendationSettings(**arguments)


def test_limits_come_back_from_json():
    limits = RecommendationSettings(min_months=2.0)
    plain = json.loads(json.dumps(limits.to_json()))
    assert recommendation_settings_from_json(plain) == limits
    with pytest.raises(InputError, match="no setting is called 'months'"):
        recommendation_settings_from_json({"months": 2})
