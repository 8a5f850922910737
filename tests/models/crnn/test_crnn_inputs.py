"""Settings and pictures: what is refused, and what goes to a file and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from crnn_cohorts import disk_cohort
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.models.crnn.samples import ScanPictures, join_pictures
from hccsurv_core.models.crnn.settings import (
    CrnnSettings,
    crnn_settings_from_json,
    paper_settings,
)


@given(
    st.builds(
        CrnnSettings,
        times=st.sampled_from(["both", "baseline"]),
        extractor=st.sampled_from(["small", "efficientnet-b0"]),
        pixels=st.integers(32, 512),
        dropout=st.none() | st.floats(0, 0.9),
        n_members=st.integers(1, 20),
        target_weight=st.floats(0, 10),
        pretrain_each=st.booleans(),
    )
)
def test_settings_come_back_from_json(settings):
    assert crnn_settings_from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"times": "later"}, "times cannot be 'later'; use both or baseline"),
        ({"extractor": "b9"}, "extractor cannot be 'b9'"),
        ({"schedule": "steps"}, "schedule cannot be"),
        ({"pixels": 16}, "pixels: must be a whole number of 32 or more"),
        ({"n_members": 0}, "n_members: must be a whole number of 1 or more"),
        ({"batch_size": 1}, "batch_size"),
        ({"validation_share": 0.6}, "validation_share: must be a number from 0 to 0.5"),
        ({"extractor_share": -0.1}, "extractor_share"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        CrnnSettings(**change)
    with pytest.raises(InputError, match=said):
        crnn_settings_from_json(change)


def test_an_unknown_setting_is_named():
    with pytest.raises(InputError, match="no setting is called 'epochs'"):
        crnn_settings_from_json({"epochs": 3})


def test_the_published_settings():
    """Xia et al.: EfficientNet-b0, 224 pixels, Adam 5e-5, batches of 16; dropout of the code."""
    both, baseline = paper_settings(), paper_settings("baseline")
    assert (both.extractor, both.pixels, both.learning_rate) == ("efficientnet-b0", 224, 5e-5)
    assert (both.batch_size, both.weight_decay, both.schedule) == (16, 0, "constant")
    assert (both.hidden_dropout, baseline.hidden_dropout) == (0.1, 0.25)
    assert replace(both, dropout=0.0).hidden_dropout == 0


def pictures_of(n=3, shape=(2, 2, 3, 8, 8)):
    return np.zeros((n, *shape)), np.ones((n, *shape[:2]), bool), tuple("abcdefg"[:n])


@pytest.mark.parametrize(
    "shape", [(3, 2, 3, 8, 8), (2, 1, 3, 8, 8), (2, 2, 4, 8, 8), (2, 2, 3, 8, 9), (0, 2, 3, 8, 8)]
)
def test_pictures_of_another_shape_are_refused(shape):
    pictures, known, names = pictures_of(shape=shape)
    with pytest.raises(InputError, match=r"pictures have shape \(patients, 1 or 2 times"):
        ScanPictures(names, pictures, known)


def test_what_does_not_fit_the_pictures_is_refused():
    pictures, known, names = pictures_of()
    with pytest.raises(InputError, match="pictures of 3 patients but 2 names"):
        ScanPictures(("a", "b", "a"), pictures, known)
    with pytest.raises(InputError, match=r"true or false in shape \(3, 2, 2\)"):
        ScanPictures(names, pictures, known[:, :1])
    with pytest.raises(InputError, match="got float64"):
        ScanPictures(names, pictures, known.astype(float))
    pictures[1, 0, 1, 2, 3, 4] = np.nan
    with pytest.raises(InputError, match="a pixel is missing"):
        ScanPictures(names, pictures, known)


def test_sets_are_cut_and_joined():
    whole = disk_cohort(6).samples
    parts = [whole.subset([3, 1]), whole.subset(np.arange(6) > 3)]
    joined = join_pictures(parts)
    assert joined.patient_ids == ("P003", "P001", "P004", "P005")
    np.testing.assert_array_equal(joined.pictures, whole.pictures[[3, 1, 4, 5]])
    with pytest.raises(InputError, match="of 2 shapes cannot be joined"):
        join_pictures([whole, disk_cohort(2, times=1).samples])
    with pytest.raises(InputError, match="names"):
        whole.subset([1, 1])


def test_a_network_of_both_times_refuses_baseline_alone():
    with pytest.raises(InputError, match="only baseline is there; give follow-up scans"):
        disk_cohort(3, times=1).samples.require(2, 32)
    with pytest.raises(InputError, match=r"reads pictures of 96×96 pixels, got 32×32"):
        disk_cohort(3).samples.require(2, 96)
