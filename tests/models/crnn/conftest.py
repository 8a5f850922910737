"""One small ensemble that has learned its disks, for all tests that look at a trained one."""

from __future__ import annotations

import pytest
from crnn_cohorts import LEARNING, disk_cohort

from hccsurv_core.models.crnn.threads import one_thread as on_one_thread
from hccsurv_core.models.crnn.training import train_crnn


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As in training: threads that wait for each other make small networks many times slower."""
    with on_one_thread():
        yield


@pytest.fixture(scope="session")
def disks():
    """60 patients with about 40 deaths."""
    return disk_cohort(60, seed=1)


@pytest.fixture(scope="session")
def learned(disks):
    """Trained on them."""
    return train_crnn(disks.samples, disks.outcome, LEARNING, targets=disks.targets, seed=1)
