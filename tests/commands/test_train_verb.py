"""The verbs train, evaluate and predict on feature tables: what they answer and what they refuse."""

import json
import subprocess
import sys

import numpy as np
import pytest

from hccsurv_core.__main__ import main
from hccsurv_core.features.feature_table import FeatureTable, write_feature_table
from hccsurv_core.outcome import SurvivalOutcome

SETTINGS = {
    "n_members": 4, "n_folds": 2, "n_repeats": 1, "fold_members": 2, "rivals": ["cox"],
    "network": {"hidden": [8], "batch_size": 64, "max_epochs": 5, "learning_rate": 0.02},
}  # fmt: skip


def draw(n=160, seed=0, **changes):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    time = 20 * rng.exponential(np.exp(-1.2 * x[:, 0]))
    end = rng.exponential(60, n)
    given = {
        "patient_ids": tuple(f"s{seed}-{i}" for i in range(n)),
        "names": ("area", "density", "age"),
        "values": x,
        "outcome": SurvivalOutcome(np.minimum(time, end), time <= end),
    }
    return FeatureTable(**{**given, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verbs")
    write_feature_table(folder / "train.csv", draw())
    write_feature_table(folder / "test.csv", draw(200, seed=1))
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    arguments = ["train", "muscle", "--features-table", folder / "train.csv",
                 "--settings", folder / "settings.json", "--device", "cpu",
                 "--out", folder / "bundle", "--json", folder / "answer.json"]  # fmt: skip
    assert main([str(a) for a in arguments]) == 0
    return folder


def ask(capsys, *arguments):
    assert main([*map(str, arguments), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def refuse(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_train_writes_a_bundle_and_says_who_won(folder):
    answer = json.loads((folder / "answer.json").read_text())
    assert (answer["n"], answer["n_features"]) == (160, 3)
    assert answer["n_events"] == draw().outcome.n_events
    kinds = [row["kind"] for row in answer["cross_validation"]["results"]]
    assert kinds.count("model") == 1
    assert "rival" in kinds
    assert {p.name for p in (folder / "bundle").iterdir()} == {
        "weights.safetensors", "model.json", "card.md",
    }  # fmt: skip
    described = json.loads((folder / "bundle" / "model.json").read_text())
    assert described["sha256"]["self"] == answer["sha256"]


def test_evaluate_gives_every_measure_with_interval_and_events(folder, capsys):
    answer = ask(capsys, "evaluate", folder / "bundle", "--features-table", folder / "test.csv")
    test = draw(200, seed=1)
    assert (answer["n"], answer["n_events"]) == (200, test.outcome.n_events)
    for name in ("c_index", "c_index_uno", "auc_12m", "brier_12m", "integrated_brier",
                 "calibration_slope", "observed_expected_12m"):  # fmt: skip
        metric = answer["metrics"][name]
        assert metric["ci_low"] < metric["value"] < metric["ci_high"], name
        assert metric["n"] == 200
        assert metric["n_events"] > 0
    assert answer["metrics"]["c_index"]["value"] > 0.65
    assert answer["warnings"] == []


def test_evaluate_says_when_patients_were_trained_on(folder, capsys):
    answer = ask(capsys, "evaluate", folder / "bundle", "--features-table", folder / "train.csv")
    assert any("160 patients named like training patients" in w for w in answer["warnings"])


def test_measures_that_these_patients_cannot_answer_are_named(folder, tmp_path, capsys):
    late = draw(60, seed=3)
    short = SurvivalOutcome(np.minimum(late.outcome.time_months, 20), late.outcome.event)
    write_feature_table(tmp_path / "t.csv", draw(60, seed=3, outcome=short))
    answer = ask(capsys, "evaluate", folder / "bundle", "--features-table", tmp_path / "t.csv")
    assert "auc_12m" in answer["metrics"]
    assert "followed beyond, 36 months" in answer["left_out"]["auc_36m"]


def test_evaluate_takes_one_split(folder, tmp_path, capsys):
    labels = {"split": tuple("internal" if i < 80 else "other" for i in range(200))}
    write_feature_table(tmp_path / "t.csv", draw(200, seed=1, labels=labels))
    answer = ask(capsys, "evaluate", folder / "bundle", "--features-table", tmp_path / "t.csv",
                 "--split", "internal")  # fmt: skip
    assert answer["n"] == 80
    line = refuse(capsys, "evaluate", folder / "bundle", "--features-table", tmp_path / "t.csv",
                  "--split", "external")  # fmt: skip
    assert "nobody is in split 'external'" in line


def test_predict_needs_no_outcome(folder, tmp_path, capsys):
    write_feature_table(tmp_path / "t.csv", draw(3, seed=4, outcome=None))
    answer = ask(capsys, "predict", folder / "bundle", "--features-table", tmp_path / "t.csv",
                 "--horizons", "6,24")  # fmt: skip
    assert answer["horizons_months"] == [6, 24]
    assert [p["patient_id"] for p in answer["patients"]] == ["s4-0", "s4-1", "s4-2"]
    for patient in answer["patients"]:
        early, late = patient["survival"]["6"], patient["survival"]["24"]
        assert 0 < late["value"] < early["value"] < 1
        assert early["ci_low"] <= early["value"] <= early["ci_high"]
    assert answer["model"]["trained_on"]["n"] == 160


def test_predicting_needs_no_torch(folder):
    code = (
        "import sys; from hccsurv_core.__main__ import main;"
        f"status = main(['predict', {str(folder / 'bundle')!r}, '--features-table',"
        f" {str(folder / 'test.csv')!r}]); sys.exit(status or ('torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_same_seed_gives_the_same_bundle(folder, tmp_path, capsys):
    for name, seed in (("same", 0), ("other", 1)):
        ask(capsys, "train", "muscle", "--features-table", folder / "train.csv", "--settings",
            folder / "settings.json", "--device", "cpu", "--seed", seed,
            "--out", tmp_path / name)  # fmt: skip
    weights = [
        (path / "weights.safetensors").read_bytes()
        for path in (folder / "bundle", tmp_path / "same", tmp_path / "other")
    ]
    assert weights[0] == weights[1] != weights[2]


def test_progress_goes_to_stderr_in_lines_of_percent(folder, tmp_path, capsys):
    assert main(["train", "muscle", "--features-table", str(folder / "train.csv"), "--settings",
                 str(folder / "settings.json"), "--device", "cpu",
                 "--out", str(tmp_path / "b")]) == 0  # fmt: skip
    captured = capsys.readouterr()
    percents = [int(line.split("%")[0]) for line in captured.err.splitlines()]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert "Best: " in captured.out


def test_a_bundle_whose_hash_does_not_match_is_refused(folder, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in (folder / "bundle").iterdir():
        data = path.read_bytes()
        if path.name == "weights.safetensors":
            data = data[:-1] + bytes([data[-1] ^ 1])
        (broken / path.name).write_bytes(data)
    for verb in ("evaluate", "predict"):
        line = refuse(capsys, verb, broken, "--features-table", folder / "test.csv")
        assert "weights.safetensors is not what was written: its hash does not match" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "immunotherapy", "--features-table", "t.csv", "--out", "b"],
            "system immunotherapy learns from a cohort folder",
        ),
        (["train", "liver", "--features-table", "t.csv", "--out", "b"], "liver is no system"),
        (["train", "muscle", "--out", "b"], "a cohort folder or --features-table is needed"),
        (["train", "muscle", "--features-table", "no.csv", "--out", "b"], "there is no such file"),
        (["evaluate", "nowhere", "--features-table", "t.csv"], "there is no such folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, message, capsys):
    assert message in refuse(capsys, *arguments)


def test_a_table_of_text_is_refused_by_column_and_row(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("stage,time_months,event\n1,2,1\nB,3,0\n")
    line = refuse(capsys, "train", "muscle", "--features-table", path, "--out", tmp_path / "b")
    assert "t.csv: column 'stage' holds 'B' in row 3, which is no number" in line
    assert not (tmp_path / "b").exists()
