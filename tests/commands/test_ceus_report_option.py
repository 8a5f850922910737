"""``evaluate --report`` of system 3: what lies in the folder is what the verb answers."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.__main__ import main
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_clinical_folder(tmp_path_factory.mktemp("cohort") / "ceus", 260, 7, "ceus")


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundles") / "b"
    settings = place.with_name("settings.json")
    settings.write_text('{"n_rounds": 1, "n_folds": 3}')
    arguments = ["train", "ceus", str(folder), "--out", str(place)]
    assert main([*arguments, "--settings", str(settings)]) == 0
    return place


def test_the_folder_holds_figures_tables_card_and_the_numbers_of_the_answer(
    bundle, folder, tmp_path, capsys
):
    capsys.readouterr()
    place = tmp_path / "report"
    arguments = ["evaluate", str(bundle), str(folder), "--split", "test", "--report", str(place)]
    assert main([*arguments, "--json", "-"]) == 0
    answer = json.loads(capsys.readouterr().out)
    numbers = json.loads((place / "evaluation.json").read_text())
    assert numbers["metrics"] == answer["metrics"] and numbers["n"] == answer["n"]
    table = pd.read_csv(place / "tables" / "measures.csv", comment="#")
    row = table[(table.endpoint == "early recurrence") & (table.measure == "auc")].iloc[0]
    assert row["value"] == pytest.approx(answer["metrics"]["early_recurrence_auc"]["value"])
    names = {path.name for path in (place / "figures").iterdir()}
    assert {"early_roc.svg", "class_survival.png", "truth.csv", "readers.svg"} <= names
    assert CAVEAT in (place / "README.txt").read_text()
    assert "simulated patients" in (place / "model_card.md").read_text()
    # Readers are judged on the evaluated patients alone.
    assert numbers["reader_study"]["n"] == answer["n"]
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["source"]["sha256"] == answer["sha256"]
    assert manifest["settings"]["split"] == "test"


def test_a_report_that_cannot_be_written_is_refused_in_one_line(bundle, folder, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("")
    capsys.readouterr()
    assert main(["evaluate", str(bundle), str(folder), "--report", str(taken)]) == 2
    errors = [t for t in capsys.readouterr().err.splitlines() if t.startswith("error: ")]
    assert len(errors) == 1 and "cannot be written" in errors[0]
