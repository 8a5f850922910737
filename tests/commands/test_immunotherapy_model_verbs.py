"""The verbs train, evaluate and predict for system 4, on a cohort without scans and on one with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.__main__ import main


def answer_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def refusal_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    lines = capsys.readouterr().err.splitlines()
    told = [line for line in lines if line.startswith("error: ")]
    assert len(told) == 1
    return told[0]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clinical_folder(
        tmp_path_factory.mktemp("verbs") / "cohort", 207, 6, "immunotherapy"
    )


@pytest.fixture(scope="module")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    settings = place / "settings.json"
    settings.write_text(json.dumps({"network": None, "n_rounds": 1}))
    out = place / "model"
    arguments = ["train", "immunotherapy", str(cohort), "--out", str(out)]
    assert main([*arguments, "--settings", str(settings)]) == 0
    return out


def test_without_scans_the_clinical_score_alone_is_learned(
    bundle: Path, cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer_of(capsys, "evaluate", str(bundle), str(cohort), "--split", "test")
    assert found["version"] == "CLN"
    assert found["n"] == 46
    c = found["metrics"]["c_index"]
    assert c["ci_low"] < c["value"] < c["ci_high"]
    assert 0 < found["oracle"]["share_of_margin"]["CLN"]["value"] < 1


def test_a_patient_of_the_cohort(
    bundle: Path, cohort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer_of(capsys, "predict", str(bundle), str(cohort), "--patient", "IMM-00003")
    assert found["version"] == "CLN"
    assert found["model"]["simulated"] is True
    assert [s["horizon_months"] for s in found["survival"]] == [12.0, 24.0]
    assert all(0 <= s["ci_low"] <= s["value"] <= s["ci_high"] <= 1 for s in found["survival"])
    assert found["clinical_score"]["clinical_score"] == pytest.approx(
        sum(term["product"] for term in found["clinical_score"]["terms"])
    )


def test_values_alone(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"differentiation": "low", "nash": 0, "surgery": 1, "pvtt": 1, "ebrt": 0, "tace": 1}
    record = tmp_path / "case.json"
    record.write_text(json.dumps({**known, "rfa": 0}))
    high = answer_of(capsys, "predict", str(bundle), str(record))
    record.write_text(json.dumps({**known, "rfa": 1, "pvtt": 0}))
    low = answer_of(capsys, "predict", str(bundle), str(record))
    assert high["risk"]["risk_score"] > low["risk"]["risk_score"]
    record.write_text(json.dumps(known))
    told = refusal_of(capsys, "predict", str(bundle), str(record))
    assert "neither the clinical score nor a scan is known" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mask", "m.nii.gz"), "--mask is not of system immunotherapy"),
        (("--patient", "nobody"), "there is no patient 'nobody'"),
    ],
)
def test_what_cannot_be_asked(
    bundle: Path, cohort: Path, arguments: tuple[str, ...], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert message in refusal_of(capsys, "predict", str(bundle), str(cohort), *arguments)


def test_the_model_that_ships_reads_a_patient_with_two_scans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo bundle, networks included, on a patient that it has never seen."""
    shipped = Path(__file__).resolve().parents[2] / "assets" / "models" / "immunotherapy-demo"
    place = tmp_path / "cohort"
    arguments = ["simulate", "immunotherapy", "--out", str(place), "--n", "1", "--seed", "77"]
    assert main(arguments) == 0
    capsys.readouterr()
    found = answer_of(capsys, "predict", str(shipped), str(place))
    assert found["version"] == "RadCLN-D"
    assert set(found["versions"]) == {"CLN", "Rad-S", "RadCLN-S", "Rad-D", "RadCLN-D"}
    assert all(len(chosen) == 3 for chosen in found["slices"].values())
    parts = found["versions"]["RadCLN-D"]["parts"]
    assert set(parts) == {"clinical", "baseline", "growth", "network"}
    assert sum(parts.values()) == pytest.approx(found["risk"]["risk_score"])
    assert found["model"]["simulated"] is True
