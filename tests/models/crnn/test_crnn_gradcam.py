"""Heat maps of all slices: as written out by hand, and where the disk is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crnn_cohorts import disk_cohort

from hccsurv_core.errors import InputError
from hccsurv_core.models.crnn.crnn import Crnn, for_use
from hccsurv_core.models.crnn.gradcam import scan_heat
from hccsurv_core.models.crnn.networks import build_crnn
from hccsurv_core.models.crnn.settings import CrnnSettings


@pytest.fixture(scope="module")
def patient():
    """One patient with large disks."""
    many = disk_cohort(40, seed=12)
    largest = int(many.radius.sum(axis=1).argmax())
    return many.samples.subset([largest]), many.disks[largest]


def by_hand(network, pictures, organ):
    """Selvaraju et al. 2017: mean gradients weigh the maps of each slice; what is below 0 is 0."""
    block = (network.extractor_liver, network.extractor_lung)[organ].blocks[-2]
    kept = []
    handle = block.register_forward_hook(lambda _m, _i, out: kept.append(out))
    x = torch.from_numpy(pictures).requires_grad_()
    hazard = network(x).sum()
    (gradient,) = torch.autograd.grad(hazard, kept[0])
    handle.remove()
    weight = gradient.mean((2, 3), keepdim=True)
    return torch.relu((weight * kept[0]).sum(1)).detach().numpy()


def test_grad_cam_is_that_of_the_log_hazard_on_one_scale_for_all_slices(learned, patient):
    samples, _ = patient
    found = scan_heat(learned.crnn, samples)
    assert found.heat.shape == (2, 2, 3, 32, 32)
    for organ in range(2):
        raw = by_hand(learned.crnn.networks[0], samples.pictures, organ)
        assert found.peak[organ] == pytest.approx(raw.max(), rel=1e-4)
        small = torch.from_numpy(raw / raw.max())[:, None]
        large = torch.nn.functional.interpolate(small, (32, 32), mode="bilinear")[:, 0].numpy()
        own = found.heat[:, organ].reshape(6, 32, 32)
        np.testing.assert_allclose(own, large / large.max(), atol=1e-4)
        assert found.heat[:, organ].max() == 1


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++", "layer-cam"])
def test_the_heat_is_on_the_disk(learned, patient, method):
    samples, disk = patient
    tumor = np.zeros((2, 2, 3, 32, 32), bool)
    tumor[:, 0] = disk
    heat = {toward: scan_heat(learned.crnn, samples, method=method, toward=toward)
            for toward in ("death", "survival")}  # fmt: skip
    liver, lung = heat["death"].shares(tumor)
    assert liver.lesion_area == pytest.approx(disk.mean())
    assert liver.lesion > 1.5 * liver.lesion_area
    assert lung.lesion in (0.0, None)
    assert not np.array_equal(heat["death"].heat, heat["survival"].heat)
    assert "liver: made of 4×4 cells" in heat["death"].notes[0]


def test_who_is_meant_must_be_said_and_be_there(learned, patient):
    many = disk_cohort(3, seed=12).samples
    first = scan_heat(learned.crnn, many, "P001")
    np.testing.assert_array_equal(first.heat, scan_heat(learned.crnn, many.subset([1])).heat)
    with pytest.raises(InputError, match="nobody is named among 3 patients"):
        scan_heat(learned.crnn, many)
    with pytest.raises(InputError, match="there is no 'P9' among"):
        scan_heat(learned.crnn, many, "P9")
    with pytest.raises(InputError, match="there is no member 1; choose 0 to 0"):
        scan_heat(learned.crnn, many, "P001", member=1)
    with pytest.raises(InputError, match="no map is called 'x-cam'"):
        scan_heat(learned.crnn, many, "P001", method="x-cam")
    with pytest.raises(InputError, match="an outline of"):
        first.shares(np.zeros((1, 2, 3, 32, 32), bool))


@pytest.mark.parametrize("times", ["both", "baseline"])
def test_the_published_network_is_explained_by_its_last_block(times):
    settings = CrnnSettings(times=times, extractor="efficientnet-b0", pixels=32)
    crnn = Crnn(settings, (for_use(build_crnn(settings, 1)),), np.zeros(1))
    samples = disk_cohort(1).samples
    before = crnn.risk_score(samples)
    found = scan_heat(crnn, samples, method="layer-cam")
    assert found.heat.shape == (settings.n_times, 2, 3, 32, 32)
    assert found.maps[0].cells == (1, 1)
    assert (found.peak >= 0).all()
    np.testing.assert_array_equal(crnn.risk_score(samples), before)
