"""What a training of system 4 would use is counted rightly, and refused as the training refuses it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from immunotherapy_studies import with_signs
from treatment_folders import write_clinical_folder

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.immunotherapy.cohort import read_immunotherapy_folder
from hccsurv_core.systems.immunotherapy.parts import training_part
from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
from hccsurv_core.systems.immunotherapy.tables import version_tables
from hccsurv_core.systems.immunotherapy.training import train_immunotherapy
from hccsurv_core.systems.immunotherapy.training_preview import preview_immunotherapy
from hccsurv_core.systems.training_sources import hold_out_center

SETTINGS = ImmunotherapySettings(network=None, n_rounds=1, n_folds=2)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    place = tmp_path_factory.mktemp("study") / "cohort"
    folder = write_clinical_folder(place, 207, 3, "immunotherapy")
    return with_signs(read_immunotherapy_folder(folder)[0], 3)


def test_each_model_is_counted_as_it_will_learn(cohort):
    found = preview_immunotherapy(cohort, SETTINGS, has_images=True)
    tables = version_tables(training_part(cohort).cohort)
    told = {
        one.version: (one.n, one.n_events, pytest.approx(one.last_months)) for one in found.versions
    }
    assert told == {
        version: (len(t.rows), t.outcome.n_events, t.outcome.time_months.max())
        for version, t in tables.items()
    }
    assert found.refusal == ""
    assert sum(p.n for p in found.held_out) + found.training.n == len(cohort) == found.n
    assert sum(p.n for p in found.manufacturers) == len(cohort)


def test_without_scans_there_is_the_score_alone(cohort):
    for settings, has_images in ((SETTINGS, False), (replace(SETTINGS, images=False), True)):
        found = preview_immunotherapy(cohort, settings, has_images=has_images)
        assert [one.version for one in found.versions] == ["CLN"]


def test_nobody_with_two_scans_is_said_and_is_no_refusal(cohort):
    single = replace(cohort, interval_months=np.full(len(cohort), np.nan))
    found = preview_immunotherapy(single, SETTINGS, has_images=True)
    assert [one.version for one in found.versions] == ["CLN", "Rad-S", "RadCLN-S"]
    assert found.interval_months is None and found.refusal == ""
    assert any("Nobody has a follow-up scan" in text for text in found.cautions)


def test_who_was_not_followed_beyond_the_second_scan_is_in_no_model_of_it(cohort):
    rows = training_part(cohort).cohort
    time = rows.outcome.time_months.copy()
    first = np.flatnonzero(rows.has_followup)[:7]
    time[first] = rows.interval_months[first]
    short = replace(rows, outcome=SurvivalOutcome(time, rows.outcome.event))
    found = preview_immunotherapy(short, SETTINGS, has_images=True)
    by_name = {one.version: one.n for one in found.versions}
    assert found.n_ended_before == 7
    assert by_name["Rad-D"] == found.n_followup - 7


def test_the_training_refuses_what_the_preview_refuses(cohort):
    few = replace(
        cohort,
        outcome=SurvivalOutcome(
            cohort.outcome.time_months,
            cohort.outcome.event & (np.cumsum(cohort.outcome.event) <= 9),
        ),
    )
    short = replace(
        cohort,
        outcome=SurvivalOutcome(
            np.minimum(cohort.outcome.time_months, 24.5), cohort.outcome.event
        ),
    )  # fmt: skip
    nobody = replace(
        cohort,
        profiles=tuple(
            replace(p, record={**p.record, "nash": None}) for p in cohort.profiles
        ),
    )  # fmt: skip
    for given, said in (
        (few, "are needed (CLN)"),
        (short, "from the follow-up scan ends at"),
        (nobody, "not known of anybody"),
    ):
        assert said in preview_immunotherapy(given, SETTINGS, has_images=True).refusal
        with pytest.raises(StatisticsError):
            train_immunotherapy(given, SETTINGS)


def test_few_centers_are_said_to_be_divided(cohort):
    one = replace(cohort, labels={**cohort.labels, "center": ("A",) * len(cohort)})
    found = preview_immunotherapy(one, SETTINGS, has_images=True)
    assert any("There is 1 center, fewer than two a fold" in t for t in found.cautions)
    spread = preview_immunotherapy(cohort, SETTINGS, has_images=True)
    assert not any("fewer than two a fold" in text for text in spread.cautions)


def test_too_few_patients_for_networks_are_said_before_and_not_after_an_hour(cohort):
    few = cohort.subset(np.arange(60))
    with_networks = ImmunotherapySettings(n_folds=5)
    said = preview_immunotherapy(few, with_networks, has_images=True).refusal
    assert "too few to stop on one of 5 parts" in said and said.endswith("train without networks.")
    assert preview_immunotherapy(few, SETTINGS, has_images=True).refusal == ""
    assert preview_immunotherapy(few, with_networks, has_images=False).refusal == ""
    assert preview_immunotherapy(cohort, with_networks, has_images=True).refusal == ""


def test_a_center_held_out_of_a_small_simulated_cohort_is_not_learned_from(cohort):
    few = cohort.subset(np.arange(80))
    assert len(training_part(few).cohort) == 80  # its own split is cut short
    center = few.labels["center"][0]
    table = hold_out_center(few.features((), images=False), center)
    held = replace(few, labels=table.labels)
    found = preview_immunotherapy(held, SETTINGS, has_images=True)
    n_out = few.labels["center"].count(center)
    assert found.training.n == 80 - n_out
    assert [(p.name, p.n) for p in found.held_out] == [(center, n_out)]
    assert not any("Nobody is held out" in text for text in found.cautions)
