"""Weights of the published architecture: written here by a network of our own, read by the core."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from published_network import Published
from safetensors.torch import save_file

from hccsurv_core.errors import InputError, UnreadableFileError
from hccsurv_core.models.crnn.reference import load_reference_checkpoint
from hccsurv_core.models.crnn.samples import ScanPictures


@pytest.fixture(scope="module")
def networks():
    """Both, with running statistics that are not those of a new network."""
    found = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        for kind, followed in (("Rad-D", True), ("Rad-S", False)):
            network = Published(followed).eval()
            for name, buffer in network.named_buffers():
                if name.endswith("running_var"):
                    buffer.uniform_(0.5, 1.5)
                if name.endswith("running_mean"):
                    buffer.normal_(0, 0.1)
            found[kind] = network
    return found


@pytest.mark.parametrize(("kind", "name"), [("Rad-D", "w.pth"), ("Rad-S", "w.safetensors")])
def test_a_checkpoint_gives_what_its_own_network_gives(kind, name, networks, tmp_path):
    state = networks[kind].state_dict()
    if name.endswith(".pth"):
        torch.save(state, tmp_path / name)
    else:
        save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / name)
    x = np.random.default_rng(0).normal(size=(1, 2, 2, 3, 224, 224)).astype(np.float32)
    samples = ScanPictures(("a",), x, np.ones((1, 2, 2), bool))
    with torch.inference_mode():
        expected = networks[kind](torch.from_numpy(x)).numpy()
    crnn = load_reference_checkpoint(tmp_path / name, kind)
    np.testing.assert_allclose(crnn.log_hazards(samples)[:, 0], expected, atol=1e-5)


def broken(state, change):
    state = dict(state)
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("LSTM_lung.weight_hh_l1"), r"lacks LSTM_lung\.weight_hh_l1"),
        (
            lambda s: s.update({"cls_1.weight": torch.zeros(8, 32)}),
            r"has shape \(8, 32\) in cls_1\.weight, not \(8, 64\)",
        ),
        (lambda s: s.update(extra=torch.zeros(1)), "has extra, which is not part of it"),
    ],
)
def test_the_first_thing_that_is_wrong_is_named(change, said, networks, tmp_path):
    path = tmp_path / "w.pth"
    torch.save(broken(networks["Rad-D"].state_dict(), change), path)
    with pytest.raises(InputError, match=said) as found:
        load_reference_checkpoint(path)
    assert found.value.source == "w.pth"


def test_the_network_of_one_time_is_not_taken_for_that_of_two(networks, tmp_path):
    torch.save(networks["Rad-S"].state_dict(), tmp_path / "s.pth")
    with pytest.raises(InputError, match=r"not of a Rad-D network: lacks LSTM.*try Rad-S"):
        load_reference_checkpoint(tmp_path / "s.pth", "Rad-D")
    torch.save(networks["Rad-D"].state_dict(), tmp_path / "d.pth")
    with pytest.raises(InputError, match=r"not of a Rad-S network: has LSTM_liver"):
        load_reference_checkpoint(tmp_path / "d.pth", "Rad-S")
    with pytest.raises(InputError, match="no network is called 'Rad-X'"):
        load_reference_checkpoint(tmp_path / "d.pth", "Rad-X")


class _Payload:
    def __reduce__(self):
        return print, ("run by a checkpoint",)


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path, capsys):
    torch.save({"cls_1.weight": _Payload()}, tmp_path / "bad.pth")
    with pytest.raises(UnreadableFileError, match="nothing of it was run"):
        load_reference_checkpoint(tmp_path / "bad.pth")
    assert "run by" not in capsys.readouterr().out
