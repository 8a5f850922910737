"""``cln --weights``: the authors' network, written here by one of the same architecture, asked of a case."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from published_network import Published

from hccsurv_core.__main__ import main
from hccsurv_core.errors import InputError
from hccsurv_core.systems.immunotherapy.case import read_case
from hccsurv_core.systems.immunotherapy.published import published_radiology


@pytest.fixture(scope="module")
def network() -> Published:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Published(followed=True).eval()


@pytest.fixture(scope="module")
def weights(network: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "rad_d.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("case") / "cohort"
    assert main(["simulate", "immunotherapy", "--out", str(place), "--n", "2", "--seed", "77"]) == 0
    return place


@pytest.fixture(scope="module")
def followed(cohort: Path) -> dict[bool, str]:
    """Whether there is a follow-up scan → a patient."""
    ids = sorted(p.name for p in (cohort / "images").iterdir())
    return {read_case(cohort, p).scans.has_followup: p for p in ids}


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def ask(*arguments: object) -> str:
        assert main(["cln", "--differentiation", "low", *map(str, arguments)]) == 2
        return capsys.readouterr().err

    return ask


def test_the_score_is_the_networks_own_and_goes_into_the_fusion(
    network, weights, cohort, followed, capsys
):
    asked = ["--weights", str(weights), "--case", str(cohort), "--patient", followed[True]]
    arguments = ["cln", "--differentiation", "low", "--pvtt", *asked, "--device", "cpu"]
    assert main([*arguments, "--json", "-"]) == 0
    answer = json.loads(capsys.readouterr().out)
    pictures, _ = read_case(cohort, followed[True]).scans.pictures(224)
    with torch.inference_mode():
        expected = float(network(torch.from_numpy(pictures[None]))[0])
    radiology = answer["radiology"]
    assert radiology["score"] == pytest.approx(expected, abs=1e-5)
    assert (radiology["kind"], radiology["weights"]) == ("Rad-D", "rad_d.pth")
    assert len(radiology["sha256"]) == 64
    assert answer["fusion"]["weighted_sum"] == pytest.approx(
        9.8834 * radiology["score"] + 0.53 * answer["clinical_score"]
    )
    assert main(arguments) == 0
    assert "weights rad_d.pth" in capsys.readouterr().out


def test_what_does_not_go_together_is_refused(weights, cohort, followed, refusal, tmp_path):
    assert "--weights and --case go together" in refusal("--weights", weights)
    assert "--weights and --case go together" in refusal("--case", cohort)
    assert "--patient is of --case" in refusal("--patient", "IMM-00001")
    both = refusal("--weights", weights, "--case", cohort, "--patient", "nobody")
    assert "there is no patient 'nobody'" in both
    alone = tmp_path / "case.json"
    alone.write_text(json.dumps({"pvtt": 1}))
    assert "has no scans" in refusal("--weights", weights, "--case", alone)
    with pytest.raises(SystemExit):
        refusal("--weights", weights, "--radiology-score", 1)


def test_weights_of_another_network_are_named(cohort, followed, refusal, tmp_path):
    other = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(2, 2)}, other)
    told = refusal("--weights", other, "--case", cohort, "--patient", followed[True])
    assert "other.pth" in told and "is not of a Rad-D network: lacks " in told
    other.write_bytes(np.random.default_rng(0).bytes(64))
    told = refusal("--weights", other, "--case", cohort, "--patient", followed[True])
    assert "is damaged or holds more than arrays; nothing of it was run" in told


def test_one_scan_is_not_enough(weights, cohort, followed):
    scans = read_case(cohort, followed[True]).scans
    first = {role: own for role, own in scans.slices.items() if role.startswith("baseline")}
    with pytest.raises(InputError, match="there is no follow-up scan"):
        published_radiology(replace(scans, slices=first), weights)
