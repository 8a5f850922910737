"""Masks of ultrasound frames and clips: PNG and NIfTI, pixel for pixel or not at all."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from grid_here import ask_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hccsurv_core.errors import (
    DecoderFailedError,
    GeometryMismatchError,
    HccsurvError,
    InputError,
    IntensityError,
    UnreadableFileError,
)
from hccsurv_core.io import frame_masks
from hccsurv_core.io.frame_masks import (
    FrameMasks,
    read_frame_masks,
    regions_of_frames,
    write_frame_masks_nifti,
    write_frame_masks_png,
)

SHAPE = (4, 6, 9)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process."""
    monkeypatch.setattr(frame_masks, "ask_reader", ask_here)


def labels(highest: int = 1, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, highest + 1, SHAPE).astype(np.uint8)


def png(values: np.ndarray, mode: str | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(out, "PNG")
    return out.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# -- round trips -------------------------------------------------------------------------------
@pytest.mark.usefixtures("here")
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    highest=st.integers(0, 40),
    seed=st.integers(0, 1000),
    spacing=st.one_of(st.none(), st.tuples(st.floats(0.05, 2), st.floats(0.05, 2))),
    kind=st.sampled_from(["a.zip", "a.nii", "a.nii.gz"]),
)
def test_a_clip_comes_back_as_it_went(
    tmp_path: Path, highest: int, seed: int, spacing: tuple | None, kind: str
) -> None:
    clip, names = labels(highest, seed), {1: "Lesion", 2: "Reference"}
    if kind == "a.zip":
        write_frame_masks_png(tmp_path / kind, clip, names=names)
    else:
        write_frame_masks_nifti(tmp_path / kind, clip, pixel_spacing_mm=spacing, names=names)
    found = read_frame_masks(tmp_path / kind, SHAPE, pixel_spacing_mm=spacing)
    np.testing.assert_array_equal(found.labels, clip)
    assert found.labels.dtype == np.uint8
    assert (found.names, found.frames, found.warnings) == (names, (0, 1, 2, 3), ())
    if highest == 2:
        masks = found.masks(1)
        assert list(masks) == ["Lesion", "Reference"]
        np.testing.assert_array_equal(masks["Reference"], clip[1] == 2)


@pytest.mark.usefixtures("here")
def test_a_frame_is_white_on_black_for_other_programs(tmp_path: Path) -> None:
    path = write_frame_masks_png(tmp_path / "mask.png", labels()[0])
    image = Image.open(path)
    assert (image.mode, image.size) == ("L", (9, 6))
    np.testing.assert_array_equal(np.asarray(image), labels()[0] * 255)
    np.testing.assert_array_equal(read_frame_masks(path, (1, 6, 9)).labels, labels()[:1])
    # For a clip, which frame is said.
    found = read_frame_masks(path, SHAPE, frame=2)
    assert found.frames == (2,)
    np.testing.assert_array_equal(found.labels[2], labels()[0])
    assert not found.labels[[0, 1, 3]].any()
    with pytest.raises(InputError, match=r"mask\.png: is one picture, the clip has 4 frames"):
        read_frame_masks(path, SHAPE)
    with pytest.raises(InputError, match="the clip of 4 frames has no frame 5"):
        read_frame_masks(path, SHAPE, frame=4)


def test_nifti_as_itk_and_nibabel_see_it(tmp_path: Path) -> None:
    """Columns along x, rows along y, each as far apart as in the clip."""
    clip = labels(3)
    path = write_frame_masks_nifti(tmp_path / "a.nii.gz", clip, pixel_spacing_mm=(0.3, 0.2))
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), clip)
    assert image.GetSpacing() == pytest.approx((0.2, 0.3, 1.0))
    assert image.GetDirection() == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert nibabel.aff2axcodes(nibabel.load(path).affine) == ("L", "P", "S")
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["spacing_mm"] == {"row": 0.3, "column": 0.2}
    path = write_frame_masks_nifti(tmp_path / "b.nii.gz", clip[0], pixel_spacing_mm=None)
    told = json.loads((tmp_path / "b.json").read_text())
    assert told["spacing_mm"] is None and "one unit apart, not 1 mm" in told["spacing_note"]
    assert sitk.ReadImage(str(path)).GetSpacing() == (1.0, 1.0, 1.0)


def test_labels_of_a_clip_as_named_regions() -> None:
    found = FrameMasks(labels(2), (0, 1, 2, 3), {2: "Reference"}, "png", ("look",))
    roi = regions_of_frames(found, "a.zip")
    assert (roi.shape, roi.kind_name, roi.warnings) == (SHAPE, "PNG", ("look",))
    assert list(roi.regions) == ["label 1", "Reference"]
    np.testing.assert_array_equal(roi.mask("Reference"), labels(2) == 2)
    with pytest.raises(UnreadableFileError, match=r"a\.zip: every frame's mask is empty"):
        regions_of_frames(FrameMasks(np.zeros(SHAPE, np.uint8), ()), "a.zip")


@pytest.mark.usefixtures("here")
def test_a_nifti_of_one_frame_of_a_clip(tmp_path: Path) -> None:
    path = write_frame_masks_nifti(tmp_path / "a.nii", labels(3)[0], pixel_spacing_mm=(0.3, 0.2))
    found = read_frame_masks(path, SHAPE, pixel_spacing_mm=(0.3, 0.2), frame=3)
    assert found.frames == (3,) and found.kind == "nifti"
    np.testing.assert_array_equal(found.labels[3], labels(3)[0])


# -- pictures of others ------------------------------------------------------------------------
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_pictures_of_any_mode(tmp_path: Path, mode: str) -> None:
    white = labels()[0] * np.uint8(255)
    path = tmp_path / "mask.png"
    if mode == "I;16":
        path.write_bytes(png(white.astype(np.uint16) * 257))
    elif mode == "P":
        image = Image.fromarray(labels()[0])
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([0, 0, 0, 128, 0, 0])
        image.save(path)
    else:
        path.write_bytes(png(white, mode))
    np.testing.assert_array_equal(read_frame_masks(path, (1, 6, 9)).labels[0], labels()[0])


@pytest.mark.usefixtures("here")
def test_pictures_that_are_no_masks(tmp_path: Path) -> None:
    def refused(data: bytes, message: str, kind: type[HccsurvError] = UnreadableFileError) -> None:
        path = tmp_path / "mask.png"
        path.write_bytes(data)
        with pytest.raises(kind, match=rf"^mask\.png: {message}"):
            read_frame_masks(path, (1, 6, 9))

    colors = np.zeros((6, 9, 3), np.uint8)
    colors[0, 0, 1] = 255
    refused(png(colors), "holds colors, not labels")
    clear = np.full((6, 9, 4), 255, np.uint8)
    clear[0, 0, 3] = 0
    refused(png(clear), "is partly transparent")
    refused(
        png(labels()[0].T.copy()), "the mask has 6×9 pixels, the frame 9×6", GeometryMismatchError
    )
    whole = png(labels()[0])
    refused(whole[:45], "is a damaged PNG")
    refused(b"GIF89a" + whole, "is neither PNG, a zip of PNGs nor NIfTI")
    refused(b"", "is neither PNG")
    soft = np.arange(6 * 20, dtype=np.uint8).reshape(6, 20)
    path = tmp_path / "soft.png"
    path.write_bytes(png(soft))
    with pytest.raises(UnreadableFileError, match="holds 120 different values: a picture, not"):
        read_frame_masks(path, (1, 6, 20))
    out = io.BytesIO()
    frames = [Image.fromarray(plane) for plane in labels() * np.uint8(255)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    refused(out.getvalue(), "is an animation")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(columns: int, rows: int) -> bytes:
    """A PNG of a few kilobytes that claims, and holds, gigabytes of black."""
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    """In the process that reads uploads, with its limits."""
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(60_000, 60_000))
    with pytest.raises(
        GeometryMismatchError, match=r"bomb\.png: the mask has 60000×60000 pixels, the frame 9×6"
    ):
        read_frame_masks(path, (1, 6, 9))
    # One that claims the right size holds no more than that.
    path.write_bytes(bomb(9, 6))
    assert not read_frame_masks(path, (1, 6, 9)).labels.any()


# -- zips --------------------------------------------------------------------------------------
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("first", [0, 1])
def test_frames_are_told_by_the_last_number_of_their_names(tmp_path: Path, first: int) -> None:
    clip = labels() * np.uint8(255)
    files = {f"masks/P7_frame{n + first:03d}.png": png(clip[n]) for n in (3, 0, 1)}
    files |= {"__MACOSX/._x.png": b"junk", "readme.txt": b"hello", "masks/": b""}
    found = read_frame_masks(zipped(tmp_path / "a.zip", files), SHAPE)
    np.testing.assert_array_equal(found.labels[[0, 1, 3]], labels()[[0, 1, 3]])
    assert found.frames == (0, 1, 3) and not found.labels[2].any()
    assert found.warnings == ("1 frame of 4 has no picture in the zip and stays empty",)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.png"], r"^a\.png: its name does not say which frame"),
        (["1.png", "01.png"], "two pictures of the zip are for the same frame"),
        (["5.png"], r"^5\.png: is for frame 5, the clip has 4 frames"),
        (["99999999999999999999.png"], "is for frame 999999999"),
        ([], r"^a\.zip: the zip holds no PNG"),
    ],
)
def test_zips_that_do_not_say_what_is_where(tmp_path: Path, names: list[str], message: str) -> None:
    files = {name: png(labels()[0]) for name in names}
    with pytest.raises(InputError, match=message):
        read_frame_masks(zipped(tmp_path / "a.zip", files), SHAPE)


@pytest.mark.usefixtures("here")
def test_zips_that_are_bombs_or_damaged(tmp_path: Path) -> None:
    large = {"1.png": png(labels()[0]) + bytes(3 << 20)}
    with pytest.raises(UnreadableFileError, match=r"^1\.png: is larger than a mask of this frame"):
        read_frame_masks(zipped(tmp_path / "a.zip", large), SHAPE)
    data = bytearray(zipped(tmp_path / "b.zip", {"1.png": png(labels()[0])}).read_bytes())
    data[45:60] = bytes(15)
    (tmp_path / "b.zip").write_bytes(bytes(data))
    with pytest.raises(UnreadableFileError, match=r"^b\.zip: the zip is damaged"):
        read_frame_masks(tmp_path / "b.zip", SHAPE)
    wrong = zipped(tmp_path / "c.zip", {"1.png": png(labels()[0]), "labels.json": b"no"})
    with pytest.raises(UnreadableFileError, match="does not name labels"):
        read_frame_masks(wrong, SHAPE)


# -- NIfTI of another geometry -----------------------------------------------------------------
@pytest.mark.usefixtures("here")
def test_other_sizes_and_spacings_are_refused_with_both(tmp_path: Path) -> None:
    path = write_frame_masks_nifti(tmp_path / "a.nii", labels(), pixel_spacing_mm=(0.3, 0.2))
    for shape, spacing in ((SHAPE, None), (SHAPE, (0.2, 0.3)), ((4, 6, 8), (0.3, 0.2))):
        with pytest.raises(
            GeometryMismatchError, match=r"a\.nii: .* and 9×6×4 voxels of 0\.2×0\.3×1 mm"
        ):
            read_frame_masks(path, shape, pixel_spacing_mm=spacing)
    nibabel.save(nibabel.Nifti1Image(np.full((9, 6, 4), 0.5), np.diag([-1, -1, 1, 1])), path)
    with pytest.raises(IntensityError, match=r"a\.nii: a mask holds whole numbers"):
        read_frame_masks(path, SHAPE)


# -- what cannot be written --------------------------------------------------------------------
def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: 4 frames are written as \.zip"):
        write_frame_masks_png(tmp_path / "a.png", labels())
    with pytest.raises(InputError, match="labels from 0 to 300 do not fit into 8 bits"):
        write_frame_masks_png(tmp_path / "a.zip", labels().astype(int) * 300)
    with pytest.raises(InputError, match="are no frames"):
        write_frame_masks_png(tmp_path / "a.zip", np.zeros(3, int))
    with pytest.raises(InputError, match="has no masks"):
        write_frame_masks_nifti(tmp_path / "a.nii", labels(), pixel_spacing_mm=(0, 1))
    assert not list(tmp_path.iterdir())


def test_an_answer_that_makes_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(what: str, path: Path, workspace: Path, *_: object, **__: object) -> dict:
        np.save(workspace / "frames.npy", np.zeros((1, 2, 3), np.uint8))
        return {"frames": [0], "names": {}, "kind": "png", "warnings": []}

    monkeypatch.setattr(frame_masks, "ask_reader", ask)
    with pytest.raises(DecoderFailedError, match=r"a\.png: .*answered with garbage"):
        read_frame_masks(tmp_path / "a.png", SHAPE)


@pytest.mark.shared
def test_a_mask_of_a_real_clip(shared_data: Path, tmp_path: Path) -> None:
    """Drawn on the clip as ITK shows it; here on its own pixels."""
    import pydicom

    clip = pydicom.dcmread(shared_data / "ultrasound" / "examples_ybr_color.dcm")
    shape = (int(clip.NumberOfFrames), int(clip.Rows), int(clip.Columns))
    mask = np.zeros(shape, np.uint8)
    mask[3:9, 100:140, 90:160] = 1
    for kind in ("a.zip", "a.nii.gz"):
        path = tmp_path / kind
        if kind == "a.zip":
            write_frame_masks_png(path, mask)
        else:
            write_frame_masks_nifti(path, mask, pixel_spacing_mm=None)
        found = read_frame_masks(path, shape)
        np.testing.assert_array_equal(found.labels, mask)
