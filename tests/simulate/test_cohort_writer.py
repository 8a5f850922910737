"""A virtual cohort is the same whoever draws it, and its folder is written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.cohort.folder import (
    CohortInfo,
    ColumnInfo,
    Endpoint,
    ImageInfo,
    read_cohort,
    write_cohort,
)
from hccsurv_core.errors import CancelledError, InputError
from hccsurv_core.simulate.cohort_writer import (
    SimulatedPatient,
    cohort_spec,
    draw_tables,
    patient_rng,
    write_simulated_cohort,
)


@dataclass(frozen=True)
class TinyCohort:
    """Patients of one number and one byte of image."""

    name: str = "muscle"
    default_n: int = 5
    measures: bool = True

    def describe(self) -> CohortInfo:
        return CohortInfo(
            "tiny", "muscle", False, Endpoint("overall survival"),
            {
                "patient_id": ColumnInfo("identifier"),
                "time_months": ColumnInfo("number", "months"),
                "event": ColumnInfo("boolean"),
                "x": ColumnInfo("number"),
            },
            images={"l3_slab": ImageInfo("CT")},
        )  # fmt: skip

    def draw_patient(self, seed: int, i: int) -> SimulatedPatient:
        x = float(patient_rng(self.name, seed, i, 0).standard_normal())
        row = {"patient_id": f"T{i}", "time_months": 1.0 + i, "event": i % 2 == 0}
        return SimulatedPatient({**row, "x": None if i == 3 else x}, {"cause": x})

    def write_images(self, folder: Path, seed: int, i: int) -> dict[str, float] | None:
        target = folder / "images" / f"T{i}" / "l3_slab"
        target.mkdir(parents=True)
        pixel = int(patient_rng(self.name, seed, i, 1).integers(256))
        (target / "a.dcm").write_bytes(bytes([pixel]))
        return {"measured": float(pixel)} if self.measures else None

    def check(self, table: pd.DataFrame, truth: pd.DataFrame) -> dict[str, object]:
        return {"mean": np.float64(truth["cause"].mean()), "none": float("nan"), "k": np.arange(2)}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_it_does_not_depend_on_workers_or_on_how_many_are_drawn(tmp_path: Path) -> None:
    write_simulated_cohort(tmp_path / "alone", TinyCohort(), n=6, seed=3, workers=1)
    write_simulated_cohort(tmp_path / "two", TinyCohort(), n=6, seed=3, workers=2)
    write_simulated_cohort(tmp_path / "few", TinyCohort(), n=4, seed=3, workers=1)
    alone, two, few = (contents(tmp_path / name) for name in ("alone", "two", "few"))
    assert alone == two
    assert few["images/T2/l3_slab/a.dcm"] == alone["images/T2/l3_slab/a.dcm"]
    for table in ("cohort.csv", "truth.csv"):
        assert alone[table].decode().splitlines()[:5] == few[table].decode().splitlines()


def test_another_seed_is_another_cohort() -> None:
    first, other = (draw_tables(TinyCohort(), 4, seed)[0]["x"] for seed in (1, 2))
    assert not np.array_equal(first, other)


def test_patients_can_be_drawn_from_the_middle() -> None:
    whole = draw_tables(TinyCohort(), 6, 1)[1]
    assert draw_tables(TinyCohort(), 2, 1, first=4)[1].equals(whole[4:].reset_index(drop=True))


def test_systems_and_streams_draw_apart() -> None:
    draws = {
        float(patient_rng(system, 1, i, stream).random())
        for system in ("muscle", "ceus")
        for i in (0, 1)
        for stream in (0, 1)
    }
    assert len(draws) == 8


def test_folder_holds_the_cohort_and_beside_it_the_truth(tmp_path: Path) -> None:
    found = write_simulated_cohort(tmp_path, TinyCohort(), seed=9, workers=1)
    cohort = read_cohort(tmp_path)
    assert cohort.info.simulated and cohort.info.seed == 9 and "numpy" in cohort.info.versions
    assert cohort.image_folder("T1", "l3_slab").is_dir()
    assert np.isnan(cohort.table["x"][3])
    truth = pd.read_csv(tmp_path / "truth.csv")
    assert truth.columns.tolist() == ["patient_id", "cause", "measured"]
    written = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert written == found
    assert written["n"] == 5 and written["none"] is None and written["k"] == [0, 1]
    assert "cause" not in (tmp_path / "cohort.csv").read_text() + json.dumps(cohort.info.to_json())


def test_an_older_simulated_cohort_is_replaced(tmp_path: Path) -> None:
    write_simulated_cohort(tmp_path, TinyCohort(), n=5, workers=1)
    write_simulated_cohort(tmp_path, TinyCohort(measures=False), n=2, workers=1)
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == ["T0", "T1"]
    assert "measured" not in (tmp_path / "truth.csv").read_text()


def test_what_is_no_simulated_cohort_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError, match="is not empty and holds no cohort; give a new"):
        write_simulated_cohort(tmp_path, TinyCohort(), workers=1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; give a folder"):
        write_simulated_cohort(tmp_path / "file", TinyCohort(), workers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "thesis.docx"]


def test_real_patients_are_never_replaced(tmp_path: Path) -> None:
    write_cohort(tmp_path, draw_tables(TinyCohort(), 2, 1)[0], TinyCohort().describe())
    with pytest.raises(InputError, match="holds a cohort of real patients"):
        write_simulated_cohort(tmp_path, TinyCohort(), workers=1)


def test_somebodys_notes_beside_a_simulated_cohort_are_kept(tmp_path: Path) -> None:
    write_simulated_cohort(tmp_path, TinyCohort(), workers=1)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds 'notes.txt', which is no part of a cohort"):
        write_simulated_cohort(tmp_path, TinyCohort(), workers=1)


def _cancel(fraction: float, message: str) -> None:
    if fraction > 0.3:
        raise CancelledError("stop")


def test_cancelled_work_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        write_simulated_cohort(tmp_path / "new", TinyCohort(), workers=2, progress=_cancel)
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(CancelledError):
        write_simulated_cohort(tmp_path / "empty", TinyCohort(), workers=1, progress=_cancel)
    assert not list((tmp_path / "empty").iterdir())


def test_cancelled_work_leaves_the_older_cohort(tmp_path: Path) -> None:
    write_simulated_cohort(tmp_path, TinyCohort(), n=3, workers=1)
    before = contents(tmp_path)
    with pytest.raises(CancelledError):
        write_simulated_cohort(tmp_path, TinyCohort(), workers=1, progress=_cancel)
    assert contents(tmp_path) == before


def test_progress_runs_from_zero_to_one(tmp_path: Path) -> None:
    told: list[float] = []
    write_simulated_cohort(
        tmp_path, TinyCohort(), workers=1, progress=lambda fraction, _: told.append(fraction)
    )
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1


@pytest.mark.parametrize("name", ["n", "seed", "workers"])
def test_impossible_numbers_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: must be at least"):
        write_simulated_cohort(tmp_path, TinyCohort(), **{"workers": 1, name: -1})


def test_an_unknown_system_is_named() -> None:
    with pytest.raises(InputError, match="no system is called 'bones'; choose one of muscle"):
        cohort_spec("bones")
