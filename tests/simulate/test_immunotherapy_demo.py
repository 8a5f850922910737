"""Demo patients of system 4: their stories hold for the truth they were drawn from."""

from __future__ import annotations

from datetime import date

import pytest

from hccsurv_core.errors import NotFoundError
from hccsurv_core.features.clinical_scores.cln import cln
from hccsurv_core.simulate.immunotherapy.causes import CLN
from hccsurv_core.simulate.immunotherapy.demo import FOLLOWUP_DEMOS, followup_demo
from hccsurv_core.simulate.immunotherapy.lesions import choose_targets, recist_category
from hccsurv_core.systems.immunotherapy.demo_record import demo_facts, demo_values


def response(causes) -> tuple[str, float]:
    """Category and change of the sum of true diameters, percent."""
    targets = choose_targets(causes.lesions)
    before, after = [t.baseline_mm for t in targets], [t.followup_mm for t in targets]
    gone = all(one.followup_mm == 0 for one in causes.lesions)
    category = recist_category(before, after, causes.has_new_lesion, gone)
    return category, 100 * (sum(after) / sum(before) - 1)


def volume(causes, time: int) -> float:
    return sum(one.volume_ml(time) for one in causes.lesions)


@pytest.mark.parametrize("demo", FOLLOWUP_DEMOS, ids=lambda demo: demo.key)
class TestEveryDemo:
    def test_both_scans_show_liver_and_chest(self, demo) -> None:
        causes = demo.causes
        assert causes.has_followup and causes.has_followup_chest
        assert {one.organ for one in causes.lesions} == {"liver", "lung"}

    def test_dates_are_the_interval_apart(self, demo) -> None:
        first, second = (date.fromisoformat(day) for day in demo.dates)
        assert (second - first).days == demo.causes.interval_days

    def test_the_record_gives_the_true_clinical_score(self, demo) -> None:
        values = demo_values(demo)
        score = cln(**{name: values[name] for name in CLN})
        assert score.value == pytest.approx(demo.causes.clinical_score)
        assert demo_facts(demo).sex == demo.causes.sex


def test_stable_by_recist_and_growing() -> None:
    causes = followup_demo("growing_though_stable").causes
    category, change = response(causes)
    assert category == "stable" and 12 < change < 19
    months = causes.interval_days / 30.4375
    per_month = (volume(causes, 1) / volume(causes, 0)) ** (1 / months) - 1
    assert 0.18 < per_month < 0.28
    assert all(one.necrosis(1) < 0.2 for one in causes.lesions)
    assert causes.linear_predictor() > 0.5


def test_smaller_and_dead_inside() -> None:
    causes = followup_demo("shrinking_and_necrotic").causes
    category, change = response(causes)
    assert category == "partial" and change < -40
    largest = causes.lesions[0]
    assert largest.necrosis(1) > 0.5 > largest.necrosis(0)
    assert causes.linear_predictor() < -0.5


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(NotFoundError, match="'nobody'; choose one of growing_though_stable"):
        followup_demo("nobody")
