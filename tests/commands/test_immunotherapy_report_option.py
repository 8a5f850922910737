"""``evaluate --report`` of a model of system 4: the written report, and that it says what was asked."""

from __future__ import annotations

import json

import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.__main__ import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("cohort") / "immunotherapy"
    return write_clinical_folder(place, 207, 7, "immunotherapy")


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundle") / "score"
    settings = tmp_path_factory.mktemp("settings") / "quick.json"
    settings.write_text(json.dumps({"n_rounds": 1, "n_folds": 3}))
    arguments = ["train", "immunotherapy", str(folder), "--out", str(place)]
    assert main([*arguments, "--settings", str(settings)]) == 0
    return place


def test_a_report_holds_figures_tables_numbers_and_the_card(bundle, folder, tmp_path, capsys):
    place = tmp_path / "report"
    asked = ["evaluate", str(bundle), str(folder), "--split", "test", "--report", str(place)]
    assert main(asked) == 0
    capsys.readouterr()
    names = {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()}
    assert {
        "README.txt", "manifest.json", "evaluation.json", "model_card.md", "tables/measures.csv",
        "figures/risk_strips.svg", "figures/risk_groups.png", "figures/recist_ratios.csv",
    } <= names  # fmt: skip
    numbers = json.loads((place / "evaluation.json").read_text())
    manifest = json.loads((place / "manifest.json").read_text())
    assert numbers["version"] == "CLN" and numbers["simulated"] is True
    assert manifest["settings"]["split"] == "test"
    assert (
        f"{numbers['n']} patients, {numbers['n_events']} deaths"
        in (place / "README.txt").read_text()
    )
    card = (place / "model_card.md").read_text()
    assert card.index("## On ") < card.index("## Limits")


def test_a_report_that_cannot_be_written_is_refused_in_one_line(bundle, folder, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("")
    capsys.readouterr()
    assert main(["evaluate", str(bundle), str(folder), "--report", str(taken)]) == 2
    errors = [t for t in capsys.readouterr().err.splitlines() if t.startswith("error: ")]
    assert len(errors) == 1 and "cannot be written" in errors[0]
