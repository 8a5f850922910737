"""The verb ``recist``: from a table and from two masks, and what it refuses."""

from __future__ import annotations

import json
import math

import nibabel
import numpy as np
import pytest

from hccsurv_core.__main__ import main
from hccsurv_core.io import grid_worker, grids

HEAD = "lesion,organ,baseline_mm,followup_mm"


class InThisProcess:
    """Reads masks where a child process would: quick. The radiomics verb's tests start one."""

    def __init__(self, limits: object, command: object) -> None:
        pass

    def ask(self, command: dict, progress: object) -> dict:
        return grid_worker.read(command)

    def kill(self) -> None:
        pass


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr(grids, "Decoder", InThisProcess)


def ask(capsys, *arguments):
    status = main(["recist", *map(str, arguments), "--json", "-"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return json.loads(captured.out)


def refuse(capsys, *arguments):
    assert main(["recist", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.strip().splitlines()[-1]


def table(tmp_path, *rows, head=HEAD):
    path = tmp_path / "lesions.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def mask(tmp_path, name, boxes, dtype=np.uint8, shape=(40, 30, 5)):
    """A NIfTI of boxes, (columns, rows, slices), 0.8 × 0.8 × 5 mm."""
    voxels = np.zeros(shape, dtype=dtype)
    for label, (columns, rows, slices) in boxes.items():
        voxels[slice(*columns), slice(*rows), slice(*slices)] = label
    path = tmp_path / name
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 5.0, 1.0])), path)
    return path


# -- a table -------------------------------------------------------------------------------------
def test_a_table_of_lesions(capsys, tmp_path):
    path = table(
        tmp_path, "1,liver,50,30,40,10", "2,Liver,30,30,30,20", "3,lung,12,8,,", "4,liver,8,9,,",
        head=HEAD + ",viable_baseline_mm,viable_followup_mm",
    )  # fmt: skip
    answer = ask(capsys, path, "--interval-days", 60.875)
    one, other = answer["recist"], answer["mrecist"]
    assert [t["name"] for t in one["targets"]] == ["1", "2", "3"]
    assert (one["baseline_sum_mm"], one["followup_sum_mm"], one["category"]) == (92, 68, "SD")
    assert one["change_percent"] == pytest.approx(100 * -24 / 92)
    assert (other["baseline_sum_mm"], other["followup_sum_mm"], other["category"]) == (82, 38, "PR")
    rate = answer["growth"]["target_sum"]["rate_percent_per_month"]
    assert rate == pytest.approx(100 * ((68 / 92) ** 1.5 - 1)), "two months"
    assert answer["growth"]["volumes"] is None


def test_without_viable_columns_mrecist_is_not_known_and_without_interval_no_rate(capsys, tmp_path):
    answer = ask(capsys, table(tmp_path, "a,liver,50,30"))
    assert answer["recist"]["category"] == "PR"
    assert answer["mrecist"]["category"] is None
    assert "viable diameter is missing: a" in answer["mrecist"]["reason"]
    assert answer["growth"]["target_sum"]["reason"] == "the interval between the scans is not known"


def test_what_the_reader_saw_decides(capsys, tmp_path):
    path = table(tmp_path, "a,liver,50,0")
    assert ask(capsys, path)["recist"]["category"] == "CR"
    assert ask(capsys, path, "--new-lesion")["recist"]["category"] == "PD"
    assert ask(capsys, path, "--non-target", "not-complete")["recist"]["category"] == "PR"
    assert ask(capsys, path, "--non-target", "progression")["recist"]["category"] == "PD"
    path = table(tmp_path, "a,liver,50,40")
    assert ask(capsys, path, "--nadir-mm", 30)["recist"]["category"] == "PD"


def test_an_empty_followup_is_not_evaluable(capsys, tmp_path):
    answer = ask(capsys, table(tmp_path, "a,liver,50,", "b,liver,20,20"))
    assert (answer["recist"]["category"], answer["growth"]["target_sum"]) == ("NE", None)


def test_text_for_people(capsys, tmp_path):
    path = table(tmp_path, "a,liver,50,0")
    assert main(["recist", str(path), "--interval-days", "61"]) == 0
    out = capsys.readouterr().out
    assert "RECIST 1.1: complete response – all targets are gone" in out
    assert "a (liver): 50.0 → 0.0 mm" in out and "or faster, as the tumor vanished" in out


# -- masks ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_two_masks(capsys, tmp_path, dtype):
    before = mask(
        tmp_path, "a.nii.gz", {1: ((5, 25), (5, 20), (1, 3)), 2: ((30, 39), (5, 22), (0, 2))}, dtype
    )
    after = mask(
        tmp_path, "b.nii.gz", {1: ((5, 15), (5, 13), (1, 3)), 2: ((30, 36), (5, 15), (0, 2))}, dtype
    )
    viable = mask(tmp_path, "v.nii.gz", {1: ((5, 25), (5, 20), (1, 3))}, dtype)
    none = mask(tmp_path, "w.nii.gz", {}, dtype)
    answer = ask(
        capsys, "--baseline", before, "--followup", after, "--organ", "2=lung",
        "--viable-baseline", viable, "--viable-followup", none, "--interval-days", 60,
    )  # fmt: skip
    one, two = answer["recist"]["targets"]
    assert one["baseline_mm"] == pytest.approx(0.8 * math.hypot(20, 15))
    assert one["followup_mm"] == pytest.approx(0.8 * math.hypot(10, 8))
    assert (one["organ"], two["organ"]) == ("liver", "lung")
    assert answer["recist"]["category"] == "PR"
    assert answer["mrecist"]["targets"][0]["followup_mm"] == 0
    volumes = answer["growth"]["volumes"]
    assert volumes["lesions"]["1"]["baseline"] == pytest.approx(20 * 15 * 2 * 3.2 / 1000)
    assert volumes["total"]["rate_percent_per_month"] < 0
    assert answer["diameters"]["baseline_mm"]["1"]["slice_index"] == 1


def test_a_label_only_at_followup_is_new_and_a_diameter_may_be_typed(capsys, tmp_path):
    before = mask(tmp_path, "a.nii.gz", {1: ((5, 25), (5, 20), (1, 3))})
    after = mask(
        tmp_path, "b.nii.gz", {1: ((5, 25), (5, 20), (1, 3)), 5: ((30, 33), (5, 8), (0, 1))}
    )
    answer = ask(capsys, "--baseline", before, "--followup", after)
    assert answer["recist"]["category"] == "PD"
    assert answer["recist"]["new_lesions"] == ["lesion 5"]
    answer = ask(capsys, "--baseline", before, "--followup", before, "--by-hand", "1:followup_mm=9")
    assert answer["recist"]["category"] == "PR"
    assert answer["recist"]["by_hand"] == ["lesion 1: followup_mm"]


def test_a_baseline_alone_is_measured_and_not_evaluable(capsys, tmp_path):
    before = mask(tmp_path, "a.nii.gz", {1: ((5, 25), (5, 20), (1, 3))})
    answer = ask(capsys, "--baseline", before)
    assert answer["recist"]["category"] == "NE"
    assert answer["recist"]["baseline_sum_mm"] == pytest.approx(20.0)
    assert answer["growth"]["volumes"] is None


# -- what is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (["a,liver,,20"], [], "row 2 has no baseline_mm; write 0 for a lesion that was not there"),
        (["a,liver,large,20"], [], "row 2: 'large' in baseline_mm is no number"),
        (["a,liver,20,900"], [], "followup_mm of a: must be a number from 0 to 500"),
        (["a,liver,20,10", "a,liver,30,10"], [], "two lesions are called a"),
        (["a,,20,10"], [], "a: a lesion needs a name and an organ"),
        (["a,liver,20,10"], ["--organ", "lung"], "--organ is for masks, not for a table"),
        (["a,liver,20,10"], ["--by-hand", "z:followup_mm=3"], "names no lesion"),
        (["a,liver,20,10"], ["--by-hand", "a:followup_mm=x"], "'x' is not a number"),
        (["a,liver,20,10"], ["--nadir-mm", "30"], "nadir: 30.0 mm is more than the 20.0 mm"),
        (["a,liver,20,10"], ["--interval-days", "0"], "interval in days: must be a number from 1"),
    ],
)
def test_tables_that_are_refused(capsys, tmp_path, rows, options, says):
    assert says in refuse(capsys, table(tmp_path, *rows), *options)


def test_masks_and_arguments_that_are_refused(capsys, tmp_path):
    good = mask(tmp_path, "a.nii.gz", {1: ((5, 25), (5, 20), (1, 3))})
    assert "a table or masks are needed, not both" in refuse(capsys)
    assert "a table or masks are needed" in refuse(capsys, "--followup", good)
    assert "there is no such file" in refuse(capsys, "--baseline", tmp_path / "none.nii.gz")
    half = mask(tmp_path, "h.nii.gz", {0.5: ((5, 25), (5, 20), (1, 3))}, np.float32)
    assert "h.nii.gz: a mask holds whole numbers" in refuse(capsys, "--baseline", half)
    text = tmp_path / "t.nii.gz"
    text.write_text("no image")
    assert "t.nii.gz" in refuse(capsys, "--baseline", text)
    assert "'=lung' names no organ" in refuse(capsys, "--baseline", good, "--organ", "=lung")
    assert "there is no column called 'organ'" in refuse(
        capsys, table(tmp_path, "a,3,4", head="lesion,baseline_mm,followup_mm")
    )
    with pytest.raises(SystemExit):
        main(["recist", str(good), "--non-target", "gone"])
    assert "'gone' is none of complete" in capsys.readouterr().err
