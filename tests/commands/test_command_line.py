"""The command line's contracts: JSON alone on stdout, exit status, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]


def run_in_process(capsys, *argv) -> tuple[int, str, str]:
    status = main([str(a) for a in argv])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def run_as_user(*argv) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "hccsurv_core", *map(str, argv)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_definitions_prints_one_json_object_and_nothing_else():
    done = run_as_user(
        *("definitions", "--sex", "female", "--height-m", "1.60", "--sma-cm2", "99.84"),
        *("--pma-cm2", "14.64", "--pd-hu", "38.4", "--ma-hu", "39.4", "--json", "-"),
    )
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    verdicts = {d["name"]: d["positive"] for d in answer["definitions"]}
    # 99.84 / 1.6² is 39.0 cm²/m², the cut-off itself, and Carey's cut-off counts as low.
    assert verdicts == {"SMI": True, "PMA": False, "PMI": False, "PD": True, "MA": False}
    assert set(answer["definitions"][0]) == {
        *("name", "measure", "value", "unit", "cutoff", "operator", "positive", "reason", "source")
    }


def test_without_json_a_table_is_for_reading(capsys):
    status, out, _ = run_in_process(capsys, "definitions", "--sex", "male", "--pd-hu", "30")
    assert status == 0
    assert "PD         30.0    < 38.5  low (HU; Yoo T et al." in out
    assert "SMI           –      ≤ 50  not known, because" in out


def test_json_to_a_file(capsys, tmp_path):
    target = tmp_path / "answer.json"
    status, *_ = run_in_process(
        capsys, "definitions", "--sex", "male", "--ma-hu", "44.4", "--json", target
    )
    assert status == 0
    assert json.loads(target.read_text())["definitions"][4]["positive"] is True


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("definitions", "--sex", "male"), "definitions: no measure is given; give at least one"),
        (
            ("definitions", "--sex", "male", "--height-m", "172", "--sma-cm2", "140"),
            "height: 172 m is not between 0.5 and 2.6 m; give it in m",
        ),
        (
            ("definitions", "--sex", "male", "--pma-cm2", "-3"),
            "pma_cm2: -3 cm² is not a positive number; leave it out if it is not known",
        ),
        (
            ("definitions", "--sex", "male", "--pd-hu", "1", "--json", "/nowhere/at/all.json"),
            "/nowhere/at/all.json: cannot be written (No such file or directory); choose a folder",
        ),
        (("sarcopenia", "/nowhere/scan.zip"), "there is no such file or folder; check the path"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(capsys, argv, message):
    status, out, err = run_in_process(capsys, *argv)
    assert status == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "argv",
    [(), ("no-such-verb",), ("definitions", "--sex", "other"), ("definitions", "--pd-hu", "x")],
)
def test_wrong_arguments_are_one_line_too(argv):
    done = run_as_user(*argv)
    assert done.returncode == 2
    assert done.stderr.startswith("error: arguments: ")
    assert len(done.stderr.splitlines()) == 1


def test_importing_the_core_loads_nothing_heavy():
    code = (
        "import sys, hccsurv_core, hccsurv_core.__main__;"
        "print([m for m in ('torch','monai','SimpleITK','pydicom','streamlit','skimage','scipy')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def answer(shared_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("masks")
    done = run_as_user(
        *("sarcopenia", shared_data / "ct_abdomen_pelvis" / "ct.nii.gz", "--sex", "male"),
        *("--height-m", "1.75", "--json", "-", "--out", out),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), out


@pytest.mark.shared
class TestRealScan:
    def test_the_level_and_every_key_of_the_contract(self, answer):
        found, _ = answer
        assert abs(found["l3"]["slice_index"] - 73) <= 1
        assert found["l3"]["confidence"] > 0.8
        assert set(found["measures"]) == {"sma_cm2", "smi", "pma_cm2", "pmi", "pd_hu", "ma_hu"}
        assert [d["name"] for d in found["definitions"]] == ["SMI", "PMA", "PMI", "PD", "MA"]
        assert found["measures"]["sma_cm2"] == pytest.approx(139.2, rel=0.06)
        assert found["measures"]["smi"] == pytest.approx(found["measures"]["sma_cm2"] / 1.75**2)
        assert {"read", "level", "segmentation", "total"} <= set(found["timings_s"])

    def test_the_masks_lie_where_the_scan_lies(self, answer, shared_data):
        import SimpleITK as sitk

        found, out = answer
        image = sitk.ReadImage(str(shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"))
        mask = sitk.ReadImage(str(out / "muscle.nii.gz"))
        # On the scan's own grid, as a viewer wants a segmentation, although the core turned it.
        assert mask.GetSize() == image.GetSize()
        np.testing.assert_allclose(mask.GetOrigin(), image.GetOrigin(), atol=1e-3)
        np.testing.assert_allclose(mask.GetDirection(), image.GetDirection(), atol=1e-6)
        values = sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(mask) > 0]
        assert values.min() >= -29 and values.max() <= 150
        assert (out / "segmentation.dcm").stat().st_size > 1000
        assert found["masks"]["dicom_seg"] == "segmentation.dcm"

    def test_without_sex_and_height_only_psoas_density_has_a_verdict(self, capsys, shared_data):
        path = shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"
        status, out, _ = run_in_process(capsys, "sarcopenia", path, "--slice", 73, "--json", "-")
        assert status == 0
        definitions = {d["name"]: d for d in json.loads(out)["definitions"]}
        assert definitions["PD"]["positive"] is True
        for name in ("SMI", "PMA", "PMI", "MA"):
            assert definitions[name]["positive"] is None
            assert "sex is missing" in definitions[name]["reason"]
        assert definitions["SMI"]["value"] is None
        assert definitions["PMA"]["value"] > 0

    @pytest.mark.parametrize(
        ("file", "message"),
        [
            ("ct_gantry_tilt/GE.zip", "GE.zip: this is a head CT (HEAD)"),
            ("ct_gantry_tilt/GE.zip", "the gantry was tilted by"),
            ("ct_gantry_tilt/GE.zip", "slices are unevenly spaced"),
            ("ultrasound/examples_ybr_color.dcm", "this is ultrasound"),
            ("ct_jpeg2000_series", "ct_jpeg2000_series: too little of the spine is in view"),
        ],
    )
    def test_what_cannot_be_measured_is_refused(self, capsys, shared_data, file, message):
        status, out, err = run_in_process(capsys, "sarcopenia", shared_data / file, "--json", "-")
        assert status == 2
        assert out == ""
        assert message in err.splitlines()[-1]

    def test_a_slice_outside_the_scan_names_the_range(self, capsys, shared_data):
        path = shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"
        status, _, err = run_in_process(capsys, "sarcopenia", path, "--slice", 999)
        assert status == 2
        assert "slice 999 is not in the scan; give a slice from 0 to 111" in err


def test_orientation_of_the_container_changes_nothing(shared_data, tmp_path, capsys):
    import SimpleITK as sitk

    image = sitk.ReadImage(str(shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"))
    answers = []
    for code in ("LPS", "RAS", "SAR"):
        path = tmp_path / f"{code}.nii.gz"
        sitk.WriteImage(sitk.DICOMOrient(image, code), str(path))
        status, out, _ = run_in_process(capsys, "sarcopenia", path, "--slice", 73, "--json", "-")
        assert status == 0
        answers.append(json.loads(out))
    for other in answers[1:]:
        assert other["l3"]["slice_index"] == 73
        np.testing.assert_allclose(
            [other["measures"][m] for m in ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")],
            [answers[0]["measures"][m] for m in ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu")],
            rtol=1e-6,
        )
