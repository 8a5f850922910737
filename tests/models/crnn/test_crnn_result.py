"""A trained ensemble: what it answers, and that it comes back from a bundle unchanged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from crnn_cohorts import disk_cohort

from hccsurv_core.errors import BundleError, CancelledError, InputError
from hccsurv_core.models.crnn.crnn import crnn_from_tensors
from hccsurv_core.models.store import read_bundle, write_bundle


def test_it_comes_back_from_a_bundle_to_the_last_bit(learned, tmp_path):
    crnn = learned.crnn
    tensors = {f"crnn.{k}": v for k, v in crnn.tensors().items()}
    write_bundle(
        tmp_path / "b", system="test", description={"crnn": learned.describe()}, tensors=tensors,
        card="card",
    )  # fmt: skip
    bundle = read_bundle(tmp_path / "b")
    back = crnn_from_tensors(bundle.description["crnn"], bundle.tensors_of("crnn"))
    some = disk_cohort(5, seed=8).samples
    np.testing.assert_array_equal(back.log_hazards(some), crnn.log_hazards(some))
    assert back.settings == crnn.settings


def test_what_is_described_is_plain(learned):
    json.dumps(learned.describe(), allow_nan=False)


def test_a_patient_gets_the_same_answer_alone_and_among_others(learned):
    many = disk_cohort(11, seed=8).samples
    scores = learned.crnn.risk_score(many)
    alone = [learned.crnn.risk_score(many.subset([i]))[0] for i in range(11)]
    np.testing.assert_allclose(scores, alone, atol=1e-5)
    np.testing.assert_allclose(scores, learned.crnn.log_hazards(many).mean(axis=1))
    assert learned.crnn.features(many).shape == (11, 1, 64)


def test_a_larger_or_faster_growing_disk_is_worse(learned):
    fresh = disk_cohort(200, seed=99)
    score = learned.crnn.risk_score(fresh.samples)
    size, growth = np.log(fresh.radius[:, 0]), np.diff(np.log(fresh.radius), axis=1)[:, 0]
    assert np.corrcoef(score, size)[0, 1] > 0.4
    assert np.corrcoef(score, growth)[0, 1] > 0.4


def test_reading_may_be_cancelled(learned):
    def stop(fraction, message):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        learned.crnn.log_hazards(disk_cohort(2).samples, progress=stop)


def test_other_pictures_are_refused(learned):
    with pytest.raises(InputError, match="only baseline is there"):
        learned.crnn.risk_score(disk_cohort(2, times=1).samples)


def test_a_bundle_that_holds_something_else_is_refused(learned):
    data, tensors = learned.crnn.to_json(), learned.crnn.tensors()
    with pytest.raises(BundleError, match="describes no networks"):
        crnn_from_tensors({}, tensors)
    with pytest.raises(BundleError, match=r"describes no networks.*no setting is called 'size'"):
        crnn_from_tensors({**data, "settings": {"size": 3}}, tensors)
    with pytest.raises(BundleError, match="1 centers of 2 networks"):
        crnn_from_tensors({**data, "n_members": 2}, tensors)
    without = {k: v for k, v in tensors.items() if k != "0.cls_2.bias"}
    with pytest.raises(BundleError, match=r"'cls_2\.bias' is missing"):
        crnn_from_tensors(data, without)
