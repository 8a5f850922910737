"""The verb ceus, as a user calls it, on a simulated clip whose curve is known."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from hccsurv_core.__main__ import main
from hccsurv_core.simulate.ceus.clip import write_clip
from hccsurv_core.simulate.ceus.demo import DEMO_SEED, ceus_demo

RANGE_DB = 50


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip of 45 frames: its file, its outlines, and what is true of it."""
    folder = tmp_path_factory.mktemp("clip")
    times = np.concatenate([np.arange(0, 60, 2.0), np.arange(60, 180, 8.0)])
    truth = write_clip(folder, DEMO_SEED, ceus_demo("typical").index, times_s=times)
    rois = folder / "rois" / truth.patient_id
    told = json.loads((rois / "clip_truth.json").read_text())
    return {
        "file": folder / "images" / truth.patient_id / "clip" / "IM00001.dcm",
        "lesion": rois / "clip_lesion.nii.gz",
        "liver": rois / "clip_parenchyma.nii.gz",
        "truth": told,
        "range_db": truth.dynamic_range_db,
        "folder": folder,
    }


def answered(capsys, clip, *more):
    arguments = ["ceus", str(clip["file"]), "--roi", str(clip["lesion"])]
    arguments += ["--reference", str(clip["liver"]), "--dynamic-range-db", str(clip["range_db"])]
    assert main([*arguments, *more, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    (line,) = [t for t in capsys.readouterr().err.splitlines() if t.startswith("error: ")]
    return line


def test_peak_frame_curve_and_parameters_are_near_the_truth(clip, capsys):
    found = answered(capsys, clip)
    times = found["time_intensity"]["time_s"]
    assert len(times) == 45
    peak_s = clip["truth"]["curve"]["time_to_peak_s"]
    fitted = found["parameters"]["fitted"]["time_to_peak_s"]
    assert fitted["value"] == pytest.approx(peak_s, rel=0.1)
    assert fitted["low"] < fitted["value"] < fitted["high"]
    nearest = int(np.argmin(np.abs(np.array(times) - peak_s)))
    assert abs(found["peak_frame"]["frame"] - nearest) <= 2
    arterial, _, late = found["phases"]
    assert arterial["degree"] == "hyper"
    assert late["ratio_db"] < arterial["ratio_db"]
    assert found["clip"]["panels"]["contrast"] != found["clip"]["panels"]["grayscale"]


def test_a_person_overrides_peak_frame_and_leaves_frames_out(clip, capsys):
    found = answered(capsys, clip, "--peak-frame", "20", "--exclude", "3,5-7")
    assert found["peak_frame"]["frame"] == 20
    assert found["peak_frame"]["chosen_by"] == "by hand"
    assert {"3", "5", "6", "7"} <= set(found["motion"]["left_out"])
    assert found["time_intensity"]["lesion"][6] is None


def test_the_frame_that_the_outline_belongs_to_is_guessed_and_said(clip, capsys):
    found = answered(capsys, clip)
    assert any("which frame the lesion was outlined on" in w for w in found["warnings"])
    told = answered(capsys, clip, "--frame", "18")
    assert told["outlined_on_frame"] == 18
    assert not any("outlined on" in w for w in told["warnings"])


def test_an_outline_may_be_a_picture(clip, capsys):
    mask = np.asarray(nibabel.load(clip["lesion"]).dataobj)[:, :, 0].T > 0
    picture = clip["folder"] / "lesion.png"
    Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(picture)
    from_nifti = answered(capsys, clip)
    assert main(
        ["ceus", str(clip["file"]), "--roi", str(picture), "--reference", str(clip["liver"]),
         "--dynamic-range-db", str(clip["range_db"]), "--json", "-"]
    ) == 0  # fmt: skip
    from_picture = json.loads(capsys.readouterr().out)
    assert from_picture["time_intensity"]["lesion"] == from_nifti["time_intensity"]["lesion"]


def boxes_of(found):
    """The panels of an answer, as the options take them."""
    panels = found["clip"]["panels"].items()
    return {
        name: ",".join(str(panel[part]) for part in ("left", "top", "columns", "rows"))
        for name, panel in panels
    }


def test_panels_marked_by_hand_where_they_were_found_give_the_same_curve(clip, capsys):
    found = answered(capsys, clip)
    box = boxes_of(found)
    given = ("--grayscale-panel", box["grayscale"], "--contrast-panel", box["contrast"])
    again = answered(capsys, clip, *given)
    assert again["clip"]["panels_found_by"] == "by hand"
    assert again["clip"]["panels"] == found["clip"]["panels"]
    assert again["time_intensity"] == found["time_intensity"]


def test_panels_that_cannot_be_are_refused(clip, capsys):
    begin = ("ceus", str(clip["file"]), "--roi", str(clip["lesion"]))
    assert "lie on each other" in refused(
        capsys, *begin, "--contrast-panel", "0,0,300,300", "--grayscale-panel", "5,0,300,300"
    )
    assert "a grayscale panel alone gives no time-intensity curve; add --contrast-panel" in refused(
        capsys, *begin, "--grayscale-panel", "0,0,300,300"
    )
    assert "leave --swap-panels out" in refused(
        capsys, *begin, "--contrast-panel", "0,0,300,300", "--swap-panels"
    )
    with pytest.raises(SystemExit):
        main([*begin, "--contrast-panel", "0,0,300"])
    assert "'0,0,300' is not LEFT,TOP,WIDTH,HEIGHT in whole pixels" in capsys.readouterr().err


def test_what_cannot_be_used_is_refused_by_name(clip, capsys, tmp_path):
    file, lesion = str(clip["file"]), str(clip["lesion"])
    line = refused(capsys, "ceus", file, "--roi", str(tmp_path / "none.nii.gz"))
    assert "none.nii.gz: is not there; check the path of the outline" in line
    empty = tmp_path / "empty.png"
    shape = np.asarray(nibabel.load(clip["lesion"]).dataobj).shape[1::-1]
    Image.fromarray(np.zeros(shape, np.uint8)).save(empty)
    assert "empty.png: outlines nothing" in refused(capsys, "ceus", file, "--roi", str(empty))
    small = tmp_path / "small.png"
    Image.fromarray(np.full((50, 60), 255, np.uint8)).save(small)
    assert "has 60×50 pixels, the screen" in refused(capsys, "ceus", file, "--roi", str(small))
    assert "small.png: is a still, which gives no time-intensity curve" in refused(
        capsys, "ceus", str(small), "--roi", str(small)
    )
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"\x00" * 128 + b"DICM" + b"\xff" * 400)
    assert "broken.dcm" in refused(capsys, "ceus", str(broken), "--roi", lesion)


@pytest.mark.shared
def test_a_real_clip_gives_a_curve(shared_data, tmp_path, capsys):
    roi = tmp_path / "roi.png"
    mask = np.zeros((456, 576), np.uint8)
    mask[200:240, 260:310] = 255
    Image.fromarray(mask).save(roi)
    clip = shared_data / "ultrasound" / "fo-dicom_DIRW0007_65f.dcm"
    assert main(["ceus", str(clip), "--roi", str(roi), "--frame", "0", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["time_intensity"]["time_s"]) == 65
    assert any("looks like a contrast picture" in w for w in found["warnings"])
