"""A cohort folder comes back as it was written, and what is wrong with it is said by row and column."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.cohort.folder import (
    Cohort,
    CohortInfo,
    ColumnInfo,
    Endpoint,
    ImageInfo,
    RoiInfo,
    read_cohort,
    read_cohort_info,
    write_cohort,
)
from hccsurv_core.errors import InputError, TableError

INFO = CohortInfo(
    name="Three patients",
    system="muscle",
    simulated=True,
    endpoint=Endpoint("overall survival"),
    other_endpoints=(Endpoint("recurrence", "recurrence_time_months", "recurrence_event", (12,)),),
    columns={
        "patient_id": ColumnInfo("identifier"),
        "split": ColumnInfo("category", levels=("train", "external")),
        "time_months": ColumnInfo("number", "months"),
        "event": ColumnInfo("boolean"),
        "recurrence_time_months": ColumnInfo("number", "months"),
        "recurrence_event": ColumnInfo("boolean"),
        "albumin_g_l": ColumnInfo("number", "g/l", meaning="serum albumin"),
        "cirrhosis": ColumnInfo("boolean"),
    },
    images={"l3_slab": ImageInfo("CT", "five slices")},
    rois={"l3_slab_muscle": RoiInfo("l3_slab", {"1": "muscle"})},
    seed=7,
    versions={"hccsurv": "0.1.0"},
)
TABLE = pd.DataFrame(
    {
        "patient_id": ["P1", "P2", "P3"],
        "split": ["train", "external", "train"],
        "time_months": [12.25, 3.0, 60.1],
        "event": [True, True, False],
        "recurrence_time_months": [2.0, None, 60.1],
        "recurrence_event": [True, None, False],
        "albumin_g_l": [41.5, np.nan, 38.0],
        "cirrhosis": [1, 0, None],
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_cohort(tmp_path / "cohort", TABLE, INFO)
    return tmp_path / "cohort"


def break_table(folder: Path, old: str, new: str) -> None:
    path = folder / "cohort.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_it_comes_back_as_it_was_written(folder: Path) -> None:
    cohort = read_cohort(folder)
    assert cohort.info == INFO
    assert cohort.patient_ids == ["P1", "P2", "P3"] and len(cohort) == 3
    assert cohort.table["split"].tolist() == ["train", "external", "train"]
    expected = TABLE["albumin_g_l"].to_numpy()
    assert np.array_equal(cohort.table["albumin_g_l"].to_numpy(), expected, equal_nan=True)
    assert cohort.table["cirrhosis"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(cohort.table["cirrhosis"][2])


def test_the_table_opens_in_any_program(folder: Path) -> None:
    first = (folder / "cohort.csv").read_text(encoding="utf-8").splitlines()
    assert first[0].startswith("patient_id,split,time_months,event")
    assert first[1] == "P1,train,12.25,1,2,1,41.5,1"
    assert first[2] == "P2,external,3,1,,,,0"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_survives_to_the_last_bit(tmp_path_factory, value: float) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    write_cohort(folder, TABLE.assign(albumin_g_l=value), INFO)
    assert (read_cohort(folder).table["albumin_g_l"] == value).all()


def test_outcomes_are_the_endpoints(folder: Path) -> None:
    cohort = read_cohort(folder)
    assert cohort.outcome().n_events == 2
    assert cohort.outcome().time_months.tolist() == [12.25, 3.0, 60.1]
    with pytest.raises(InputError, match="1 of 3 times are negative or missing"):
        cohort.outcome(INFO.other_endpoints[0])  # P2's recurrence is not known
    known = cohort.subset(cohort.table["recurrence_event"].notna().to_numpy())
    assert known.outcome(INFO.other_endpoints[0]).event.tolist() == [True, False]


def test_splits_and_subsets_keep_the_folder(folder: Path) -> None:
    cohort = read_cohort(folder)
    assert cohort.split("train").patient_ids == ["P1", "P3"]
    assert cohort.subset([2, 0]).patient_ids == ["P3", "P1"]
    assert cohort.split("external").folder == folder
    with pytest.raises(TableError, match=r"no patient has split 'test'.*choose one of train, ext"):
        cohort.split("test")


def test_images_and_outlines_are_found_by_role(folder: Path) -> None:
    cohort = read_cohort(folder)
    (folder / "images/P1/l3_slab").mkdir(parents=True)
    (folder / "rois/P1").mkdir(parents=True)
    (folder / "rois/P1/l3_slab_muscle.nii.gz").write_bytes(b"x")
    assert cohort.image_folder("P1", "l3_slab") == folder / "images/P1/l3_slab"
    assert cohort.roi_file("P1", "l3_slab", "muscle").name == "l3_slab_muscle.nii.gz"
    with pytest.raises(TableError, match="patient P2 has no l3_slab images"):
        cohort.image_folder("P2", "l3_slab")
    with pytest.raises(TableError, match="patient P2 has no outline l3_slab_muscle"):
        cohort.roi_file("P2", "l3_slab", "muscle")
    with pytest.raises(TableError, match="no image role 'arterial'; choose one of l3_slab"):
        cohort.image_folder("P1", "arterial")
    with pytest.raises(TableError, match="no outline 'l3_slab_liver'; choose one of l3_slab_mus"):
        cohort.roi_file("P1", "l3_slab", "liver")


@pytest.mark.parametrize("name", ["../P1", "..", "a/b", "", "P 1", "-x", "a" * 65])
def test_a_name_never_leaves_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(TableError, match="cannot name a folder"):
        read_cohort(folder).image_folder(name, "l3_slab")
    with pytest.raises(TableError, match=r"row 2, column patient_id.*cannot name a folder"):
        write_cohort(folder, TABLE.assign(patient_id=[name, "P2", "P3"]), INFO)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("41.5", "41,5", r"row 2: 9 cells where the header has 8"),
        ("41.5", "low", r"row 2, column albumin_g_l: 'low' is not a number"),
        ("41.5", "inf", r"row 2, column albumin_g_l: 'inf' is not a number"),
        ("external", "extern", r"row 3, column split: 'extern' is not one of train, external"),
        ("P2,external,3,1", "P2,external,3,2", r"row 3, column event: '2' is not 1 or 0"),
        ("12.25", "-12.25", r"row 2, column time_months: is missing or negative in 1 of 3 rows"),
        ("P2,external,3,1", "P2,external,3,", r"row 3, column event: is missing"),
        ("P2", "P1", r"row 3, column patient_id: 'P1' stands in row 2 too"),
        ("albumin_g_l", "albumin", r"column 'albumin_g_l' is missing"),
        ("cirrhosis\n", "split\n", r"column 'cirrhosis' is missing"),
    ],
)
def test_what_is_wrong_is_said_by_row_and_column(folder, old, new, message) -> None:
    break_table(folder, old, new)
    with pytest.raises(TableError, match=message):
        read_cohort(folder)


def test_a_column_that_is_not_described_is_refused(folder: Path) -> None:
    with pytest.raises(TableError, match=r"'shoe_size' is not described in cohort\.json"):
        write_cohort(folder, TABLE.assign(shoe_size=42), INFO)


def test_a_table_saved_by_a_spreadsheet_program_is_read(folder: Path) -> None:
    path = folder / "cohort.csv"
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n").replace(",1,41.5", ",TRUE,41.5")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_cohort(folder).table["recurrence_event"][0] == 1.0


def test_missing_and_damaged_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"cohort.json is missing; give a cohort folder"):
        read_cohort(tmp_path / "nowhere")
    (folder / "cohort.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError, match=r"cohort\.csv: cannot be read as a table"):
        read_cohort(folder)
    (folder / "cohort.csv").write_text("patient_id\n")
    with pytest.raises(TableError, match=r"cohort\.csv: holds no patients"):
        read_cohort(folder)
    (folder / "cohort.csv").unlink()
    with pytest.raises(TableError, match=r"cohort\.csv: is missing"):
        read_cohort(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "is not readable as JSON"),
        ("[]", "schema version None is not 1"),
        ({"schema_version": 2}, "schema version 2 is not 1"),
        ({"system": "bones"}, "system must be one of muscle"),
        ({"endpoint": {"name": "x"}}, "does not keep the schema"),
        ({"columns": {"patient_id": {"kind": "word"}}}, "kind must be one of"),
        ({"columns": {}}, "columns must describe 'patient_id' as identifier"),
        ({"columns": []}, "does not keep the schema"),
    ],
)
def test_a_wrong_schema_is_refused(folder: Path, change, message: str) -> None:
    path = folder / "cohort.json"
    if not isinstance(change, str):
        change = json.dumps(json.loads(path.read_text(encoding="utf-8")) | change)
    path.write_text(change, encoding="utf-8")
    with pytest.raises(TableError, match=message):
        read_cohort_info(folder)


def test_categories_and_only_categories_have_levels() -> None:
    for column in (("category", None), ("number", ("a", "b"))):
        with pytest.raises(TableError, match="only a category, has levels"):
            ColumnInfo(column[0], levels=column[1])


def test_a_cohort_without_images_is_one(tmp_path: Path) -> None:
    write_cohort(tmp_path, TABLE, replace(INFO, images={}, rois={}, simulated=False, seed=None))
    cohort = read_cohort(tmp_path)
    assert isinstance(cohort, Cohort) and not cohort.info.simulated and cohort.info.seed is None
