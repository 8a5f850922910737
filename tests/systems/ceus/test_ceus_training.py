"""CEUS models: trained on the training part alone, written, read back, the same answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ceus_patients import QUICK, patients, picture_features
from sklearn.metrics import roc_auc_score

from hccsurv_core.errors import BundleError, CancelledError, InputError, StatisticsError
from hccsurv_core.features.ultrasound_signs import SIGNS_VERSION
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.stats.fine_gray import fit_fine_gray
from hccsurv_core.systems.ceus.dlr import DLR_EARLY, train_dlr
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.recurrence import fit_recurrence
from hccsurv_core.systems.ceus.settings import CeusSettings, settings_from_json
from hccsurv_core.systems.ceus.training import train_ceus


@pytest.fixture(scope="module")
def cohort():
    return patients(500)


@pytest.fixture(scope="module")
def trained(cohort):
    return train_ceus(cohort, QUICK, seed=3)


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "b"
    trained.write(folder)
    return CeusModel.read(folder)


def values_of(model, cohort, version):
    table = cohort.features(model.covariates, images=version != "clinical")
    return table.columns(model.models[version].names).values


def test_three_versions_and_pictures_rank_deaths_of_new_patients_better(model, cohort):
    assert model.versions == ("clinical", "dlr", "combined")
    test = cohort.split("test")
    c = {
        v: harrell_c(test.outcome, model.models[v].scores(values_of(model, test, v))[:, 1])
        for v in model.versions
    }
    assert c["combined"] > 0.68 > 0.65 > c["clinical"]
    assert c["dlr"] > 0.68


def test_outcomes_of_the_test_part_change_nothing(cohort, trained, tmp_path):
    """Nothing of the held-out patients leaks into scales, penalties, cut-offs or classes."""
    rng = np.random.default_rng(0)
    test = cohort.where("split", "test")
    time, event = cohort.outcome.time_months.copy(), cohort.outcome.event.copy()
    order = rng.permutation(np.flatnonzero(test))
    time[test], event[test] = time[order], event[order]
    shuffled = replace(cohort, outcome=SurvivalOutcome(time, event))
    again = train_ceus(shuffled, QUICK, seed=3)
    assert trained.write(tmp_path / "a").sha256 == again.write(tmp_path / "b").sha256


def test_a_bundle_read_back_predicts_the_same(trained, model, cohort):
    some = cohort.split("test").subset(np.arange(20))
    for version, found in trained.models.items():
        x = values_of(model, some, version)
        read = model.models[version]
        np.testing.assert_array_equal(read.early.probability(x), found.early.probability(x))
        np.testing.assert_array_equal(read.scores(x), found.scores(x))
        months = [6.0, 36.0]
        np.testing.assert_array_equal(
            read.recurrence.incidence(read.scores(x), months),
            found.recurrence.incidence(found.scores(x), months),
        )
    assert model.rules["combined"].to_json() == trained.rules["combined"].to_json()


def test_the_cross_validated_scores_rank_as_they_are_told(trained, cohort):
    part = cohort.split("train")
    judged = trained.judgments["combined"]
    known = np.isfinite(part.early)
    assert judged.area.value == pytest.approx(
        roc_auc_score(part.early[known], judged.probability[known]), abs=1e-12
    )
    assert judged.c_index.value == pytest.approx(harrell_c(part.outcome, judged.scores[:, 1]))
    rows = trained.description["cross_validation"]["results"]
    assert [r["version"] for r in rows] == ["clinical", "dlr", "combined"]


def test_recurrence_is_the_fine_gray_model_of_both_scores(trained, cohort):
    part = cohort.split("train")
    scores = trained.judgments["dlr"].scores
    plain = fit_fine_gray(scores, part.recurrence)
    mine = fit_recurrence(scores, part.recurrence)
    times = [3.0, 12.0, 40.0]
    np.testing.assert_allclose(
        mine.incidence(scores, times), plain.predict_cumulative_incidence(scores, times)
    )


def test_without_pictures_there_is_one_version(cohort):
    found = train_ceus(replace(cohort, images=None), QUICK)
    assert list(found.models) == ["clinical"]
    assert found.description["image_covariates"] == []
    also = train_ceus(cohort, replace(QUICK, images=False))
    assert list(also.models) == ["clinical"]


def test_what_is_known_after_the_resection_alone_must_be_asked_for(cohort, trained):
    late = "microvascular_invasion"
    assert late not in trained.models["clinical"].names
    assert "known only after the resection" in trained.description["left_out"][late]
    asked = replace(QUICK, covariates=("age_years", late), images=False)
    assert train_ceus(cohort, asked).models["clinical"].names == ("age_years", late)


def test_signatures_of_noise_flatter_only_those_they_were_selected_on(cohort):
    part = cohort.split("train")
    found = train_dlr(picture_features(part), part.early, CeusSettings(), seed=1)
    known = np.isfinite(part.early)
    itself = found.signatures.values(picture_features(part))[known, 0]
    unseen = found.values.matrix(part.patient_ids)[known, 0]
    assert roc_auc_score(part.early[known], itself) > 0.65
    assert 0.35 < roc_auc_score(part.early[known], unseen) < 0.62


def test_signatures_are_kept_and_score_new_patients(cohort, tmp_path):
    features = picture_features(cohort)
    settings = replace(QUICK, signatures=True)
    found = train_ceus(cohort, settings, features=features, seed=1)
    assert DLR_EARLY in found.models["dlr"].names
    found.write(tmp_path / "b")
    model = CeusModel.read(tmp_path / "b")
    joined = model.image_values(cohort.images, features)
    at = joined.names.index(DLR_EARLY)
    expected = found.signatures.values(features)[:, 0]
    np.testing.assert_array_equal(joined.matrix(cohort.patient_ids)[:, at], expected)
    told = model.description["signatures"]["report"]
    assert told["n_features"] == 120
    assert told["n_by_kind"] == {"grayscale.radiomics": 60, "peak.radiomics": 60}


def test_what_cannot_be_trained_is_refused(cohort):
    few = cohort.subset(np.flatnonzero(~cohort.outcome.event)[:60])
    with pytest.raises(StatisticsError, match=r"0 of \d+ patients died|too few"):
        train_ceus(few, QUICK)
    with pytest.raises(StatisticsError, match=r"follow-up ends at .* months, but survival at 300"):
        train_ceus(cohort, replace(QUICK, horizons_months=(12.0, 300.0)))
    with pytest.raises(InputError, match="no covariate is called 'shoe_size'"):
        CeusSettings(covariates=("shoe_size",))
    with pytest.raises(InputError, match="no setting is called 'folds'"):
        settings_from_json({"folds": 3})


def test_settings_come_back_from_plain_values():
    own = replace(QUICK, covariates=("age_years", "albi"), horizons_months=(6.0, 24.0))
    assert settings_from_json(own.to_json()).to_json() == own.to_json()


def test_a_training_can_be_cancelled(cohort):
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        train_ceus(cohort, QUICK, progress=stop)


def test_a_bundle_of_another_system_is_refused(model, tmp_path):
    from hccsurv_core.models.store import write_bundle

    write_bundle(tmp_path / "m", system="muscle", description={}, tensors={}, card="x")
    with pytest.raises(BundleError, match="holds a model of system muscle, not ceus"):
        CeusModel.read(tmp_path / "m")


@pytest.mark.parametrize("version", [None, 1])
def test_a_model_of_signs_that_were_measured_otherwise_is_refused(trained, tmp_path, version):
    """New numbers under old names would be answered without a word."""
    bundle = trained.write(tmp_path / "now")
    assert bundle.description["signs_version"] == SIGNS_VERSION
    older = {k: v for k, v in bundle.description.items() if k != "signs_version"}
    if version is not None:
        older["signs_version"] = version
    with pytest.raises(BundleError, match="an earlier version measured otherwise"):
        CeusModel.from_bundle(replace(bundle, description=older))
