"""An evaluation as files: what is in them, and that they are the same again."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from evaluation_examples import example_evaluation, tiny_evaluation

from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.report.evaluation_archive import (
    evaluation_files,
    write_evaluation,
    zip_evaluation,
)
from hccsurv_core.report.evaluation_tables import evaluation_tables

EVALUATION = example_evaluation()


def test_tables_hold_the_numbers_of_the_evaluation():
    tables = evaluation_tables(EVALUATION)
    two = tables["table_2"].set_index(["set", "name"])
    row = EVALUATION.sets[1].definition_table[4]
    assert two.loc[("internal", "MA"), "hazard_ratio"] == row.hazard_ratio.value
    assert two.loc[("internal", "MA"), "n_low"] == row.n_low
    c = tables["concordance"]
    harrell = c[(c.measure == "Harrell's C") & (c.set == "external") & (c.score == "Deep Cox")]
    expected = EVALUATION.sets[2].discrimination.concordance[0].estimate
    assert harrell.estimate.item() == expected.value
    assert harrell.estimate_low.item() == expected.ci_low
    assert set(c.measure) == {"Harrell's C", "Uno's C", "share of the oracle's C − 0.5"}
    assert len(tables["disagreement"]) == 3 * 15  # six verdicts two by two, in three parts
    assert set(tables["calibration"].model) == {"Deep Cox", "Ridge Cox", "True hazard"}
    assert tables["groups"].groupby("grouping").size().to_dict() == {"center": 2, "sex": 2}


def test_what_could_not_be_answered_has_a_reason():
    tables = evaluation_tables(tiny_evaluation())
    assert "disagreement" not in tables and "calibration" not in tables
    left_out = tables["left_out"]
    assert left_out.reason.str.contains("no model predicts these patients' survival").any()
    assert left_out[left_out.what == "AUC"].reason.str.contains("at least 5 are needed").all()
    assert (tables["table_2"].note == "no cut-off was learned in training").all()


def test_a_folder_holds_tables_figures_numbers_and_settings(tmp_path):
    written = write_evaluation(
        tmp_path, tiny_evaluation(), source={"file": "t.csv"}, card="# Card", formats=("svg",)
    )
    names = {str(p.relative_to(tmp_path)) for p in written}
    assert {"README.txt", "manifest.json", "evaluation.json", "model_card.md"} <= names
    assert {"tables/study.csv", "figures/hazard_ratios.svg", "figures/hazard_ratios.csv"} <= names
    assert not any(name.endswith(".png") for name in names)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["source"]["file"] == "t.csv"
    assert manifest["settings"]["n_resamples"] == 60
    told = json.loads((tmp_path / "evaluation.json").read_text())
    assert told == json.loads(json.dumps(tiny_evaluation().to_json()))
    frame = pd.read_csv(tmp_path / "tables" / "study.csv", comment="#")
    np.testing.assert_array_equal(frame.n, [s.n for s in tiny_evaluation().sets])


def test_simulated_patients_are_named_in_every_kind_of_file():
    files = dict(evaluation_files(EVALUATION, formats=()))
    assert b"Simulated patients" in files["README.txt"]
    assert json.loads(files["manifest.json"])["simulated"] is True
    assert json.loads(files["evaluation.json"])["simulated"] is True
    assert b"# Simulated patients" in files["tables/table_2.csv"]
    assert b"# Simulated patients" in files["figures/auc.csv"]
    assert not any(name.endswith((".svg", ".png")) for name in files)


def test_the_same_evaluation_gives_the_same_archive():
    first = zip_evaluation(EVALUATION, formats=())
    assert first == zip_evaluation(EVALUATION, formats=())
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert "figures/concordance_train.csv" in archive.namelist()


def test_svg_holds_text_as_text(tmp_path):
    write_evaluation(tmp_path, tiny_evaluation(), formats=("svg",))
    svg = (tmp_path / "figures" / "hazard_ratios.svg").read_text()
    assert ">Death by definition and by the model's risk</text>" in svg


def test_an_unknown_format_and_a_closed_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="figures are saved as png or svg, not 'pdf'"):
        zip_evaluation(tiny_evaluation(), formats=("pdf",))
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_evaluation(blocked, tiny_evaluation(), formats=())


def test_drawing_can_be_stopped():
    def stop(fraction, message):
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        zip_evaluation(EVALUATION, progress=stop)
