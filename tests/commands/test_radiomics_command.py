"""``radiomics``: from files to features, held against PyRadiomics on the same files."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from hccsurv_core.__main__ import main
from hccsurv_core.features.feature_table import read_feature_table
from hccsurv_core.features.radiomics.presets import feature_names
from hccsurv_core.io import grid_worker, grids
from hccsurv_core.io.export import write_dicom_seg, write_nifti_labels, write_nifti_volume
from hccsurv_core.volume import LabelMap, Volume

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "io"))
from dicom_factory import axial_affine, body_phantom, write_series

#: What each image filter is called in PyRadiomics, with muscle-1343's settings spelled out.
IMAGE_TYPES = {
    "Original": {},
    "LoG": {"sigma": [1.0, 2.0, 3.0]},
    "Wavelet": {"wavelet": "coif1"},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
}


class InThisProcess:
    """Reads where a child process would: quick. One test below starts the real thing."""

    def __init__(self, limits: object, command: object) -> None:
        pass

    def ask(self, command: dict, progress: object) -> dict:
        return grid_worker.read(command)

    def kill(self) -> None:
        pass


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "Decoder", InThisProcess)


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    status = main(["radiomics", *map(str, argv)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def answer(capsys: pytest.CaptureFixture[str], *argv: object) -> dict:
    status, out, err = run(capsys, *argv, "--json", "-")
    assert status == 0, err
    return json.loads(out)


def error(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """The one line of a refusal."""
    status, out, err = run(capsys, *argv)
    lines = [line for line in err.splitlines() if "%  " not in line]
    assert (status, out, len(lines)) == (2, "", 1), err
    return lines[0]


def by_pyradiomics(image: Path, mask: Path, classes: list[str]) -> dict[str, float]:
    """PyRadiomics itself, told nothing by this package, on two files."""
    import radiomics
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    radiomics.setVerbosity(60)
    extractor = RadiomicsFeatureExtractor(binWidth=25, label=1, additionalInfo=False)
    extractor.disableAllImageTypes()
    extractor.disableAllFeatures()
    for name, settings in IMAGE_TYPES.items():
        extractor.enableImageTypeByName(name, customArgs=settings)
    for name in classes:
        extractor.enableFeatureClassByName(name)
    return {k: float(v) for k, v in extractor.execute(str(image), str(mask)).items()}


def blob(shape: tuple[int, int, int]) -> np.ndarray:
    """A lumpy region with a hole, off center."""
    grid = [np.linspace(-1, 1, n) for n in shape]
    z, y, x = np.meshgrid(*grid, indexing="ij")
    inside = (z / 0.8) ** 2 + ((y - 0.1) / 0.5) ** 2 + ((x + 0.2) / 0.6) ** 2 < 1
    return inside & ~((np.abs(y) < 0.1) & (np.abs(x) < 0.12)) & (np.sin(9 * y + 7 * x) > -0.9)


def write_pair(
    folder: Path,
    values: np.ndarray,
    mask: np.ndarray,
    axes: str = "LPS",
    slope: tuple[float, float] | None = None,
) -> tuple[Path, Path]:
    """Image and mask as NIfTI, (slices, rows, columns), stored with their axes as named."""
    affine = axial_affine((2.5, 0.9, 0.8))
    grid = Volume(values, affine).to_axes(axes)
    labels = LabelMap(mask.astype(np.uint8), affine).to_axes(axes)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
    for name, voxels in (("image", grid.voxels), ("mask", labels.voxels)):
        image = nibabel.Nifti1Image(np.transpose(voxels, (2, 1, 0)), ras, dtype=voxels.dtype)
        if name == "image" and slope:
            image.header.set_slope_inter(*slope)
        nibabel.save(image, folder / f"{name}.nii.gz")
    return folder / "image.nii.gz", folder / "mask.nii.gz"


def textured(dtype: type, seed: int = 5) -> np.ndarray:
    """CT-like values with structure at several scales."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices((9, 26, 28))
    values = 60 + 80 * np.sin(y / 3) + 50 * np.cos(x / 2 + z) + 30 * rng.normal(size=z.shape)
    return values.astype(dtype)


# -- the answer --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("dtype", "axes", "slope"),
    [
        (np.int16, "LPS", None),
        (np.int16, "RAS", None),
        (np.float32, "PIR", None),
        (np.float64, "LPS", None),
        (np.int16, "LAS", (0.5, -7.25)),
    ],
)
def test_features_are_those_of_pyradiomics_on_the_same_files(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    dtype: type,
    axes: str,
    slope: tuple[float, float] | None,
) -> None:
    values = textured(dtype)
    image, mask = write_pair(tmp_path, values, blob(values.shape), axes, slope)
    found = answer(capsys, "--image", image, "--mask", mask, "--preset", "muscle-1343")
    expected = by_pyradiomics(image, mask, ["firstorder", "glcm", "glrlm", "glszm", "ngtdm"])
    assert len(found["features"]) == 1343
    assert list(found["features"]) == list(feature_names("muscle-1343"))
    assert set(found["features"]) == set(expected)
    for name, value in expected.items():
        assert found["features"][name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_the_reference_engine_gives_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.int16)
    image, mask = write_pair(tmp_path, values, blob(values.shape))
    arguments = ("--image", image, "--mask", mask, "--preset", "lesion")
    ours = answer(capsys, *arguments)
    reference = answer(capsys, *arguments, "--engine", "pyradiomics")
    assert ours["features"] == pytest.approx(reference["features"], rel=1e-6, abs=1e-9)
    assert reference["settings"] == {**ours["settings"], "engine": "pyradiomics"}
    assert "pyradiomics" in reference["versions"]


def test_the_answer_says_what_decides_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.int16)
    mask = blob(values.shape)
    files = write_pair(tmp_path, values, mask, "RAS")
    found = answer(capsys, "--image", files[0], "--mask", files[1], "--preset", "muscle-full")
    assert set(found) == {
        *("features", "settings", "versions", "n_voxels", "warnings", "timings_s")
    }
    assert found["n_voxels"] == mask.sum()
    assert all(math.isfinite(value) for value in found["features"].values())
    settings = found["settings"]
    assert (settings["preset"], settings["bin_width"], settings["axes"]) == (
        *("muscle-full", 25, "RAS"),
    )
    assert {"hccsurv", "numpy"} <= set(found["versions"])


def test_as_a_user_runs_it(tmp_path: Path) -> None:
    """Nothing but one JSON object on standard output; both files are read by child processes."""
    values = textured(np.int16)
    image, mask = write_pair(tmp_path, values, blob(values.shape))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hccsurv_core", "radiomics", "--image", image, "--mask", mask),
            *("--preset", "muscle-1343", "--json", "-"),
        ],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["features"]) == 1343
    assert "features extracted" in done.stderr


def test_axes_matter_to_wavelets_and_canonical_puts_them_right(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.int16)
    found = {}
    for axes in ("LPS", "RAS"):
        (tmp_path / axes).mkdir()
        image, mask = write_pair(tmp_path / axes, values, blob(values.shape), axes)
        arguments = ("--image", image, "--mask", mask, "--preset", "muscle-1343")
        found[axes] = answer(capsys, *arguments)["features"]
        found[f"{axes} turned"] = answer(capsys, *arguments, "--canonical")["features"]
    assert found["LPS turned"] == found["RAS turned"] == found["LPS"]
    differing = {
        name.split("_")[0]
        for name, value in found["LPS"].items()
        if value != pytest.approx(found["RAS"][name], rel=1e-6, abs=1e-9)
    }
    assert differing and all(name.startswith("wavelet") for name in differing)


def test_without_json_a_table_is_for_reading(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.int16)
    mask = blob(values.shape)
    files = write_pair(tmp_path, values, mask)
    status, out, _ = run(capsys, "--image", files[0], "--mask", files[1], "--preset", "lesion")
    assert status == 0
    lines = out.splitlines()
    ml = mask.sum() * 2.5 * 0.9 * 0.8 / 1000
    assert lines[0] == (
        f"{len(feature_names('lesion'))} features (lesion, fast) of mask.nii.gz in image.nii.gz: "
        f"{mask.sum()} voxels, {ml:.1f} ml"
    )
    shown = dict(line.split() for line in lines[1:-1] if line)
    assert list(shown) == list(feature_names("lesion"))
    assert float(shown["original_shape_VoxelVolume"]) == pytest.approx(ml * 1000, rel=1e-6)
    assert lines[-1] == "Research use. Not a medical device."


def test_out_is_a_row_of_a_feature_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.int16)
    files = write_pair(tmp_path, values, blob(values.shape))
    out = tmp_path / "row.csv"
    found = answer(
        *(capsys, "--image", files[0], "--mask", files[1], "--preset", "muscle-1343"),
        *("--out", out),
    )
    table = read_feature_table(out, with_outcome=False)
    assert table.patient_ids == ("image",)
    assert dict(zip(table.names, table.values[0], strict=True)) == found["features"]


def test_values_of_no_ct_are_taken_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = (textured(np.float64) * 20 + 9000).astype(np.int32)
    files = write_pair(tmp_path, values, blob(values.shape))
    found = answer(capsys, "--image", files[0], "--mask", files[1], "--preset", "muscle-1343")
    inside = values[blob(values.shape)]
    assert found["features"]["original_firstorder_Maximum"] == inside.max() > 9000


# -- DICOM -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A CT as DICOM and as NIfTI, and overlapping structures as DICOM SEG and as NIfTI."""
    folder = tmp_path_factory.mktemp("patient")
    hu, affine = body_phantom(8), axial_affine()
    volume = Volume(hu, affine)
    files = write_series(folder / "ct", hu, affine)
    muscle = (hu > 0) & (hu < 110)
    part = muscle & (np.indices(hu.shape)[2] > 60) & (np.indices(hu.shape)[0] < 6)
    write_dicom_seg(
        folder / "seg.dcm",
        {"muscle": muscle, "psoas_left": part},
        source_files=files,
        volume=volume,
        series_description="test",
    )
    write_nifti_volume(folder / "ct.nii.gz", volume)
    for name, mask in (("muscle", muscle), ("part", part)):
        labels = LabelMap(mask.astype(np.uint8), affine).to_axes("RAS")
        write_nifti_labels(folder / f"{name}.nii.gz", labels)
    with zipfile.ZipFile(folder / "ct.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("image", ["ct", "ct.zip"])
def test_dicom_gives_what_nifti_gives(
    capsys: pytest.CaptureFixture[str], patient: dict[str, Path], image: str
) -> None:
    preset = ("--preset", "lesion")
    expected = answer(
        capsys, "--image", patient["ct.nii.gz"], "--mask", patient["part.nii.gz"], *preset
    )
    found = answer(
        capsys, "--image", patient[image], "--mask", patient["seg.dcm"], "--label", 2, *preset
    )
    assert found["n_voxels"] == expected["n_voxels"]
    assert found["features"] == expected["features"]


def test_a_segment_that_another_covers_is_whole(
    capsys: pytest.CaptureFixture[str], patient: dict[str, Path]
) -> None:
    """Label 1 is all muscle, though segment 2 lies in it; without a label both count."""
    whole = sitk.GetArrayFromImage(sitk.ReadImage(str(patient["muscle.nii.gz"]))).sum()
    arguments = ("--image", patient["ct"], "--mask", patient["seg.dcm"], "--preset", "muscle-1343")
    for label in (("--label", 1), ()):
        assert answer(capsys, *arguments, *label)["n_voxels"] == whole


# -- what is refused ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    values = textured(np.int16)
    return write_pair(tmp_path_factory.mktemp("pair"), values, blob(values.shape))


def other_mask(folder: Path, change: str) -> Path:
    """The mask of ``pair`` with something wrong."""
    shape = (9, 26, 28)
    mask = blob(shape).astype(np.float32)
    affine = axial_affine((2.5, 0.9, 0.8))
    if change == "moved":
        affine[0, 3] += 0.4
    elif change == "finer":
        mask, affine = mask.repeat(2, axis=0), axial_affine((1.25, 0.9, 0.8))
    elif change == "empty":
        mask[:] = 0
    elif change == "voxel":
        mask[:] = 0
        mask[4, 10, 10] = 1
    elif change == "probabilities":
        mask *= 0.37
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    image = nibabel.Nifti1Image(np.transpose(mask, (2, 1, 0)), ras)
    nibabel.save(image, folder / "other.nii.gz")
    return folder / "other.nii.gz"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "moved",
            "error: other.nii.gz: the two grids do not coincide: 28×26×9 voxels of 0.8×0.9×2.5 mm "
            "at (-170.0, -120.0, 40.0) mm and 28×26×9 voxels of 0.8×0.9×2.5 mm at (-169.6, -120.0, "
            "40.0) mm; export the mask on the grid of the image",
        ),
        (
            "finer",
            "error: other.nii.gz: the two grids do not coincide: 28×26×9 voxels of 0.8×0.9×2.5 mm "
            "at (-170.0, -120.0, 40.0) mm and 28×26×18 voxels of 0.8×0.9×1.25 mm at (-170.0, "
            "-120.0, 40.0) mm; export the mask on the grid of the image",
        ),
        ("empty", "error: other.nii.gz: the mask is empty; choose or draw a region"),
        ("voxel", "error: other.nii.gz: the mask is a single voxel (box of 1×1×1 voxels); texture"),
        (
            "probabilities",
            "error: other.nii.gz: a mask holds whole numbers, this one 0.37 too; give a label map; "
            "cut probabilities off first",
        ),
    ],
)
def test_a_mask_that_does_not_do(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    pair: tuple[Path, Path],
    change: str,
    message: str,
) -> None:
    mask = other_mask(tmp_path, change)
    line = error(capsys, "--image", pair[0], "--mask", mask, "--preset", "muscle-1343")
    assert line.startswith(message)


def test_a_label_that_is_not_there(
    capsys: pytest.CaptureFixture[str], pair: tuple[Path, Path]
) -> None:
    line = error(capsys, "--image", pair[0], "--mask", pair[1], "--preset", "lesion", "--label", 7)
    assert line == (
        "error: mask.nii.gz: the mask has no label 7 (there are 1); choose or draw a region"
    )


def test_files_that_are_not_what_is_asked_for(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    pair: tuple[Path, Path],
    patient: dict[str, Path],
) -> None:
    cut = tmp_path / "cut.nii"
    cut.write_bytes(nibabel.load(pair[0]).to_bytes()[:9000])
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague")
    slice_file = patient["ct"] / "slice-000"
    for image, mask, message in (
        (pair[0], tmp_path / "none.nii", f"{tmp_path}/none.nii: there is no such file; check"),
        (pair[0], tmp_path, f"{tmp_path}: is a folder, not a file; check the path"),
        (pair[0], letter, "letter.txt: is not a DICOM file"),
        (pair[0], slice_file, "slice-000: this is DICOM (CT), not a segmentation; give the mask"),
        (cut, pair[1], "cut.nii: is cut short: 8648 of 13104 bytes of voxels; copy the file"),
        (letter, pair[1], "letter.txt: "),
        (patient["seg.dcm"], pair[1], "seg.dcm: "),
        (pair[0], patient["seg.dcm"], "seg.dcm: the segmentation does not lie on the image's grid"),
    ):
        line = error(capsys, "--image", image, "--mask", mask, "--preset", "muscle-1343")
        assert line.startswith(f"error: {message}"), line


def test_a_value_that_is_no_number_is_not_replaced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.float32)
    values[0, 0, :3] = np.nan
    image, mask = write_pair(tmp_path, values, blob(values.shape))
    line = error(capsys, "--image", image, "--mask", mask, "--preset", "muscle-1343")
    assert line == (
        "error: image.nii.gz: 3 of its 6552 values are not finite numbers; "
        "replace them by the value of air or background"
    )


def test_an_image_too_small_for_a_filter_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = textured(np.int16)[:1]
    image, mask = write_pair(tmp_path, values, blob((9, 26, 28))[4:5])
    line = error(capsys, "--image", image, "--mask", mask, "--preset", "muscle-1343")
    assert line.startswith("error: image.nii.gz: the features of log-sigma-1-0-mm-3D cannot be")


def test_out_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    out = tmp_path / "nowhere" / "row.csv"
    line = error(
        *(capsys, "--image", pair[0], "--mask", pair[1], "--preset", "muscle-1343", "--out", out)
    )
    assert line.startswith(f"error: {out}: cannot be written")


def test_an_unknown_preset_names_the_known(
    capsys: pytest.CaptureFixture[str], pair: tuple[Path, Path]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(capsys, "--image", pair[0], "--mask", pair[1], "--preset", "muscle-1344")
    assert ended.value.code == 2
    assert "invalid choice: 'muscle-1344' (choose from" in capsys.readouterr().err
