"""Training of system 4 on a simulated table: five models, their clocks, and a bundle that says the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from immunotherapy_studies import JudgedModel, evaluated_with_scans, with_signs
from treatment_folders import write_clinical_folder

from hccsurv_core.errors import BundleError, InputError, StatisticsError, TableError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.immunotherapy.cohort import (
    ImmunotherapyCohort,
    build_cohort,
    read_immunotherapy_folder,
)
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from hccsurv_core.systems.immunotherapy.parts import center_parts, training_part
from hccsurv_core.systems.immunotherapy.settings import (
    ImmunotherapySettings,
    settings_from_json,
)
from hccsurv_core.systems.immunotherapy.signs import SIGN_NAMES
from hccsurv_core.systems.immunotherapy.tables import version_names, version_tables
from hccsurv_core.systems.immunotherapy.training import train_immunotherapy
from hccsurv_core.systems.immunotherapy.versions import (
    CLN,
    RAD_D,
    RAD_S,
    RADCLN_D,
    VERSIONS,
    best_version,
)

QUICK = ImmunotherapySettings(network=None, n_rounds=1, n_folds=3)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> JudgedModel:
    return evaluated_with_scans(tmp_path_factory.mktemp("immunotherapy"))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> ImmunotherapyCohort:
    place = tmp_path_factory.mktemp("cohort")
    folder = write_clinical_folder(place / "cohort", 207, 5, "immunotherapy")
    return with_signs(read_immunotherapy_folder(folder)[0], 5)


class TestClock:
    """Who has a follow-up scan was alive to have it: that time is no survival."""

    def test_models_of_two_scans_count_from_the_second(self, cohort: ImmunotherapyCohort) -> None:
        tables = version_tables(cohort)
        late, kept = cohort.from_followup()
        assert list(tables) == list(VERSIONS)
        np.testing.assert_array_equal(tables[RAD_D].rows, np.flatnonzero(kept))
        np.testing.assert_allclose(
            tables[RAD_D].outcome.time_months,
            cohort.outcome.time_months[kept] - cohort.interval_months[kept],
        )
        assert len(tables[RAD_S].rows) == len(cohort)
        assert late.outcome.n_events <= cohort.outcome.n_events

    def test_who_died_before_the_second_scan_teaches_the_first_alone(self) -> None:
        cohort = build_cohort(
            [{"scan_interval_days": 90}, {"scan_interval_days": 90}, {"scan_interval_days": None}],
            patient_ids=["a", "b", "c"],
            outcome=SurvivalOutcome([2.0, 10.0, 10.0], [1, 1, 1]),
            source="table",
        )
        late, kept = cohort.from_followup()
        assert late.patient_ids == ("b",)
        assert list(kept) == [False, True, False]

    def test_nobody_with_a_second_scan(self) -> None:
        cohort = build_cohort(
            [{}], patient_ids=["a"], outcome=SurvivalOutcome([2.0], [1]), source="table"
        )
        with pytest.raises(TableError, match="nobody has a follow-up scan"):
            cohort.from_followup()

    def test_an_interval_that_runs_backwards_is_refused(self) -> None:
        with pytest.raises(TableError, match="scan_interval_days of patient b is -3"):
            build_cohort(
                [{}, {"scan_interval_days": -3}], patient_ids=["a", "b"],
                outcome=SurvivalOutcome([2.0, 3.0], [1, 0]), source="table",
            )  # fmt: skip


class TestVersions:
    def test_what_each_looks_at(self) -> None:
        names = (*SIGN_NAMES, "network.baseline", "network.both")
        assert version_names(CLN, names) == ("clinical_score",)
        assert "network.both" not in version_names(RAD_S, names)
        assert not any("growth" in name for name in version_names(RAD_S, names))
        assert set(version_names(RADCLN_D, names)) == {
            "clinical_score", "network.both", *SIGN_NAMES,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("known", "version"),
        [
            ((True, True, True), RADCLN_D), ((False, True, True), RAD_D),
            ((True, True, False), "RadCLN-S"), ((False, True, False), RAD_S),
            ((True, False, False), CLN), ((False, False, False), None),
        ],
    )  # fmt: skip
    def test_the_best_that_can_answer(self, known: tuple[bool, ...], version: str | None) -> None:
        clinical, baseline, followup = known
        assert best_version(clinical=clinical, baseline=baseline, followup=followup) == version


class TestFolds:
    def test_a_center_is_in_one_fold(self) -> None:
        rng = np.random.default_rng(1)
        centers = tuple(f"c{k}" for k in rng.integers(0, 30, 200))
        part = center_parts(rng.random(200) < 0.6, centers, 5, seed=2)
        for center in set(centers):
            assert len({int(p) for p, c in zip(part, centers, strict=True) if c == center}) == 1
        assert set(part) == {0, 1, 2, 3, 4}

    def test_events_are_spread(self) -> None:
        rng = np.random.default_rng(1)
        event = rng.random(200) < 0.6
        part = center_parts(event, tuple(f"c{k}" for k in rng.integers(0, 40, 200)), 5, seed=2)
        counts = np.bincount(part[event])
        assert counts.max() - counts.min() <= 8

    def test_few_centers_spread_patients_one_by_one(self) -> None:
        part = center_parts(np.arange(60) % 2 == 0, ("a",) * 30 + ("b",) * 30, 5, seed=1)
        assert np.bincount(part).tolist() == [12] * 5

    def test_training_takes_train_and_validation(self, cohort: ImmunotherapyCohort) -> None:
        part = training_part(cohort)
        assert len(part.cohort) == 161
        assert set(part.cohort.labels["split"]) == {"train", "validation"}

    def test_real_patients_in_other_splits_are_never_learned_from(
        self, cohort: ImmunotherapyCohort
    ) -> None:
        real = replace(cohort.subset(np.arange(40)), simulated=False)
        assert set(training_part(real).cohort.labels["split"]) <= {"train", "validation"}


class TestModel:
    def test_two_scans_tell_more_than_one_and_than_the_score(self, judged: JudgedModel) -> None:
        found = judged.evaluation.compared
        for pair in ((RAD_D, RAD_S), (RADCLN_D, CLN)):
            estimate = found.differences[pair].estimate
            assert estimate is not None
            assert estimate.value > 0.05
        share = judged.evaluation.oracle["share_of_margin"][RADCLN_D]["value"]
        assert share > 0.7

    def test_a_bundle_answers_as_the_model_that_was_written(self, judged: JudgedModel) -> None:
        model = ImmunotherapyModel.from_bundle(judged.bundle)
        cohort = judged.cohort
        at = int(np.flatnonzero(cohort.has_followup)[0])
        patient = cohort.patient_ids[at]
        values = dict(zip(cohort.images.names, cohort.images.by_patient[patient], strict=True))
        answer = model.answer(cohort.profiles[at], values, followup=True)
        own = judged.evaluation.versions[RADCLN_D]
        assert answer.version == RADCLN_D
        assert answer.main.risk_score == pytest.approx(
            own.risk_score[own.patient_ids.index(patient)]
        )
        # Contributions are of the risk score, part by part.
        total = sum(c.log_hazard for c in answer.main.contributions)
        assert total == pytest.approx(answer.main.risk_score)
        assert sum(answer.main.parts.values()) == pytest.approx(answer.main.risk_score)
        low, high = answer.main.survival.low, answer.main.survival.high
        assert (low <= answer.main.survival.value + 0.05).all()
        assert (low <= high).all()

    def test_what_is_known_decides_who_answers(self, judged: JudgedModel) -> None:
        model = ImmunotherapyModel.from_bundle(judged.bundle)
        cohort = judged.cohort
        values = dict(
            zip(cohort.images.names, cohort.images.by_patient[cohort.patient_ids[0]], strict=True)
        )
        profile = cohort.profiles[0]
        nothing = replace(profile, record={})
        assert model.answer(profile).version == CLN
        assert model.answer(nothing, values).version == RAD_S
        without = model.answer(nothing, values, followup=True)
        assert without.version == RAD_D
        assert any("Answered without the clinical score" in note for note in without.notes)
        with pytest.raises(InputError, match="neither the clinical score nor a scan is known"):
            model.answer(nothing)

    def test_a_value_beyond_the_training_patients_is_told(self, judged: JudgedModel) -> None:
        model = ImmunotherapyModel.from_bundle(judged.bundle)
        cohort = judged.cohort
        values = dict(
            zip(cohort.images.names, cohort.images.by_patient[cohort.patient_ids[0]], strict=True)
        )
        values["sign.liver_diameter"] = 40.0
        found = model.answer(cohort.profiles[0], values)
        assert any("Largest liver tumor" in text for text in found.warnings)

    def test_a_bundle_of_another_system_is_refused(self, judged: JudgedModel) -> None:
        with pytest.raises(BundleError, match="ceus"):
            ImmunotherapyModel.from_bundle(replace(judged.bundle, system="ceus"))

    def test_shuffled_outcomes_teach_nothing(self, cohort: ImmunotherapyCohort) -> None:
        order = np.random.default_rng(8).permutation(len(cohort))
        shuffled = replace(cohort, outcome=cohort.outcome.subset(order))
        found = train_immunotherapy(shuffled, QUICK, seed=1)
        assert abs(found.judgments[RADCLN_D].c_index.value - 0.5) < 0.12

    def test_the_test_patients_outcomes_change_nothing(self, cohort: ImmunotherapyCohort) -> None:
        rows = np.flatnonzero(cohort.where("split", "test"))
        time, event = cohort.outcome.time_months.copy(), cohort.outcome.event.copy()
        time[rows], event[rows] = time[rows[::-1]] + 5.0, ~event[rows]
        other = replace(cohort, outcome=SurvivalOutcome(time, event))
        a, b = (train_immunotherapy(c, QUICK, seed=1) for c in (cohort, other))
        for version in VERSIONS:
            np.testing.assert_array_equal(a.models[version].coef, b.models[version].coef)
            assert a.description["versions_of"][version] == b.description["versions_of"][version]

    def test_too_short_a_follow_up(self, cohort: ImmunotherapyCohort) -> None:
        settings = replace(QUICK, horizons_months=(12.0, 240.0))
        with pytest.raises(StatisticsError, match="survival at 240 months is to be told"):
            train_immunotherapy(cohort, settings)


class TestSettings:
    def test_they_come_back_from_json(self) -> None:
        settings = replace(QUICK, horizons_months=(6.0, 18.0))
        assert settings_from_json(settings.to_json()) == settings
        assert settings_from_json({}) == ImmunotherapySettings()

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"n_folds": 1}, "at least 2 folds"),
            ({"horizons_months": [24, 12]}, "positive, rising months"),
            ({"signs": False, "network": None}, "by signs, by a network, or by both"),
            ({"folds": 3}, "no setting is called 'folds'"),
        ],
    )
    def test_what_cannot_be_is_refused(self, given: dict, message: str) -> None:
        with pytest.raises(InputError, match=message):
            settings_from_json(given)


def test_same_seed_same_bundle(cohort: ImmunotherapyCohort, tmp_path: Path) -> None:
    a, b = (train_immunotherapy(cohort, QUICK, seed=4).write(tmp_path / k) for k in ("a", "b"))
    assert a.sha256 == b.sha256
