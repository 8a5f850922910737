"""The verb `simulate`: JSON alone on stdout, progress on stderr, errors as one line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.commands import simulate
from hccsurv_core.errors import InputError


def run(*argv: object) -> None:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    simulate.run(parser.parse_args([str(a) for a in argv]))


def test_it_writes_a_cohort_and_says_how_hard_it_is(tmp_path: Path, capsys) -> None:
    run("muscle", "--out", tmp_path / "c", "--n", 2, "--seed", 4, "--workers", 1, "--json", "-")
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer["system"] == "muscle" and answer["simulated"] is True
    assert answer["truth"]["n"] == 2 and answer["truth"]["seed"] == 4
    assert answer["truth"] == json.loads((tmp_path / "c/truth.json").read_text(encoding="utf-8"))
    assert len(read_cohort(tmp_path / "c")) == 2
    lines = captured.err.splitlines()
    assert lines[0].startswith("  0%") and lines[-1].startswith("100%")


def test_it_prints_a_table_for_people(tmp_path: Path, capsys) -> None:
    run("muscle", "--out", tmp_path, "--n", 1, "--workers", 1)
    text = capsys.readouterr().out
    assert "1 simulated patients of system muscle" in text
    assert "low SMI" in text and "published 0.589" in text
    assert "not patients" in text


def test_a_folder_of_other_things_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty and holds no cohort") as refused:
        run("muscle", "--out", tmp_path, "--n", 1)
    assert "\n" not in str(refused.value)


def test_nobody_is_no_cohort(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="n: must be at least 1, got 0"):
        run("muscle", "--out", tmp_path, "--n", 0)


def test_tables_alone_are_the_same_patients_without_images(tmp_path: Path) -> None:
    run("treatment", "--out", tmp_path / "t", "--n", 20, "--seed", 3, "--tables-only")
    found = read_cohort(tmp_path / "t")
    assert len(found) == 20 and not found.info.images and not found.info.rois
    assert found.info.simulated and not (tmp_path / "t/images").exists()
    from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables

    table, truth = draw_tables(cohort_spec("treatment"), 20, 3)
    assert list(found.patient_ids) == list(table["patient_id"])
    assert list(found.table["time_months"]) == list(table["time_months"])
    text = (tmp_path / "t/truth.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1 + len(truth)
