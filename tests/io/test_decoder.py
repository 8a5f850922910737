"""A file that kills the decoder costs one message that names it; the server lives on."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

import dicom_factory as factory
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import load_here

from hccsurv_core.errors import (
    CancelledError,
    DecoderFailedError,
    HccsurvError,
    InputError,
    UnreadableFileError,
    UnsafeArchiveError,
)
from hccsurv_core.io import child
from hccsurv_core.io.intake import IntakeLimits, LoadedScan, Upload, read_scan

# Damaged files make pydicom warn at length; the decoder process silences it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

HU = factory.body_phantom()
AFFINE = factory.axial_affine()
MIB = 1024**2


@pytest.fixture
def bad_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    script = str(Path(__file__).with_name("bad_worker.py"))
    monkeypatch.setattr(child, "worker_command", lambda: [sys.executable, script])


def with_file(folder: Path, name: str, data: bytes = b"harmless text") -> Path:
    """A good series and one more file."""
    factory.write_series(folder, HU)
    (folder / name).write_bytes(data)
    return folder


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- a decoder that dies ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("segfault", "the decoder crashed (SIGSEGV) while reading this file"),
        ("fpe", "the decoder crashed (SIGFPE) while reading this file"),
        ("exit", "the decoder failed (exit code 3) while reading this file"),
        ("raise", "the decoder failed (exit code 1) while reading this file"),
        ("garbage", "the decoder answered with garbage while reading this file"),
        ("flood", "the decoder answered with garbage while reading this file"),
        ("hang", "the decoder took longer than 6 s to read while reading this file"),
    ],
)
def test_one_deadly_file_is_skipped_by_name(
    name: str, reason: str, tmp_path: Path, bad_worker: None
) -> None:
    folder = with_file(tmp_path / "scan", f"{name}.dcm")
    with Upload([folder], limits=IntakeLimits(file_seconds=6)) as upload:
        found = upload.inspect()
        assert [(s.name, s.reason) for s in found.skipped] == [(f"scan/{name}.dcm", reason)]
        assert np.array_equal(upload.load().volume.voxels, HU)


def test_deadly_file_inside_an_archive_is_skipped_without_unpacking_again(
    tmp_path: Path, bad_worker: None
) -> None:
    folder = with_file(tmp_path / "scan", "segfault.dcm")
    with zipfile.ZipFile(tmp_path / "up.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    with Upload([tmp_path / "up.zip"]) as upload:
        assert [s.name for s in upload.inspect().skipped] == ["up.zip/segfault.dcm"]
        assert len(list((upload.workspace / "unpacked").iterdir())) == len(HU) + 1
        assert np.array_equal(upload.load().volume.voxels, HU)


def test_alone_a_deadly_file_is_an_error_that_names_it(tmp_path: Path, bad_worker: None) -> None:
    (tmp_path / "segfault.dcm").write_bytes(b"1")
    with pytest.raises(DecoderFailedError, match=r"segfault\.dcm: the decoder crashed \(SIGSEGV\)"):
        read_scan([tmp_path / "segfault.dcm"])


def test_restarts_are_bounded(tmp_path: Path, bad_worker: None) -> None:
    for n in range(4):
        (tmp_path / f"exit{n}.dcm").write_bytes(b"1")
    with (
        Upload([tmp_path], limits=IntakeLimits(max_restarts=2)) as upload,
        pytest.raises(DecoderFailedError, match=r"exit2\.dcm: the decoder failed"),
    ):
        upload.inspect()


def test_memory_is_bounded(tmp_path: Path, bad_worker: None) -> None:
    folder = with_file(tmp_path / "scan", "hoard.dcm")
    with Upload([folder], limits=IntakeLimits(decode_bytes=900 * MIB)) as upload:
        [skipped] = upload.inspect().skipped
        assert skipped.name == "scan/hoard.dcm"
        assert np.array_equal(upload.load().volume.voxels, HU)


def test_cpu_time_is_bounded_by_the_kernel_too(tmp_path: Path, bad_worker: None) -> None:
    (tmp_path / "spin.dcm").write_bytes(b"1")
    limits = IntakeLimits(decode_seconds=5.0, file_seconds=30)
    with pytest.raises(DecoderFailedError, match=r"spin\.dcm: the decoder (used up|took longer)"):
        read_scan([tmp_path / "spin.dcm"], limits=limits)


def test_results_that_make_no_sense_are_not_believed(tmp_path: Path, bad_worker: None) -> None:
    (tmp_path / "liar.dcm").write_bytes(b"1")
    with pytest.raises(DecoderFailedError, match="the decoder answered with garbage"):
        read_scan([tmp_path / "liar.dcm"])


def test_results_that_point_outside_the_workspace_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = str(Path(__file__).with_name("bad_worker.py"))
    monkeypatch.setattr(child, "worker_command", lambda: [sys.executable, script, "escape"])
    factory.write_series(tmp_path, HU)
    with pytest.raises(DecoderFailedError, match="the decoder answered with garbage"):
        read_scan([tmp_path])


def test_a_decoder_that_dies_while_loading_names_the_file_and_can_be_asked_again(
    tmp_path: Path, bad_worker: None
) -> None:
    factory.write_series(tmp_path, HU)
    upload = Upload([tmp_path])
    with upload:
        upload.inspect()
        assert upload._decoder is not None
        os.kill(upload._decoder.pid, 9)
        with pytest.raises(DecoderFailedError, match=r"the decoder (died|used up)"):
            upload.load()
        assert np.array_equal(upload.load().volume.voxels, HU)


# --- the process and its workspace ------------------------------------------------------------


def test_closing_leaves_no_process_and_no_files(tmp_path: Path) -> None:
    factory.write_series(tmp_path / "scan", HU)
    with Upload([tmp_path / "scan"], workspace=tmp_path / "work") as upload:
        upload.load()
        assert upload._decoder is not None
        pid = upload._decoder.pid
        assert is_running(pid)
    assert not is_running(pid)
    assert not (tmp_path / "work").exists()


def test_workspaces_of_killed_servers_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    abandoned = tmp_path / f"hccsurv-upload-{process.pid}-x"
    alive = tmp_path / f"hccsurv-upload-{os.getpid()}-x"
    for folder in (abandoned, alive):
        folder.mkdir()
        (folder / "slice").write_bytes(b"patient")
    (tmp_path / "1").write_bytes(b"1")
    with Upload([tmp_path / "1"]):
        assert not abandoned.exists()
        assert alive.exists()


def test_the_decoder_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU)
    with Upload([tmp_path]) as upload:
        upload.inspect()
        process = upload._decoder._process  # type: ignore[union-attr]
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_progress_begins_at_once_and_names_what_happens(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU)
    seen: list[tuple[float, str]] = []
    read_scan([tmp_path], progress=lambda fraction, text: seen.append((fraction, text)))
    assert seen[0] == (0.0, "starting the decoder")
    assert all(0 <= fraction <= 1 for fraction, _ in seen)
    assert any("series found" in text for _, text in seen)


def test_cancelling_while_loading_leaves_nothing_either(tmp_path: Path) -> None:
    write_compressed(tmp_path / "scan", factory.body_phantom(21))

    def cancel(fraction: float, text: str) -> None:
        if text.startswith("reading slice"):
            raise CancelledError("cancelled")

    upload = Upload([tmp_path / "scan"], workspace=tmp_path / "work", progress=cancel)
    upload.inspect()
    assert upload._decoder is not None
    pid = upload._decoder.pid
    with pytest.raises(CancelledError):
        upload.load()
    assert not is_running(pid)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("name", ["hang.dcm", "harmless.dcm"])
def test_cancelling_kills_the_decoder_and_removes_the_workspace(
    name: str, tmp_path: Path, bad_worker: None
) -> None:
    folder = with_file(tmp_path / "scan", name)
    pids: list[int] = []

    def cancel(fraction: float, text: str) -> None:
        if upload._decoder is not None:
            pids.append(upload._decoder.pid)
            raise CancelledError("cancelled")

    upload = Upload([folder], workspace=tmp_path / "work", progress=cancel)
    before = time.monotonic()
    with pytest.raises(CancelledError):
        upload.inspect()
    assert time.monotonic() - before < 30
    assert not is_running(pids[0])
    assert not (tmp_path / "work").exists()


# --- uploads as users make them ---------------------------------------------------------------


def slice_file(path: Path, **tags: object) -> Path:
    return factory.write(factory.dicom_slice(HU, AFFINE, **tags), path)


def deflate_bomb(path: Path) -> Path:
    """1 GB of zeros in 1 MB, in a transfer syntax that must be inflated before it can be read."""
    ds = factory.dicom_slice(HU, AFFINE)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    whole = factory.write(ds, path).read_bytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    ds.PixelData = b""
    start = packer.compress(b"\xe0\x7f\x10\x00OW\x00\x00\xfe\xff\xff\x3f")
    start += packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a block does not depend on those before, so it can be repeated.
    meta_end = 128 + 4 + 12 + int(pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength)
    path.write_bytes(whole[:meta_end] + start + block * 64 + packer.flush())
    return path


def rle_without_segments(path: Path) -> Path:
    """Kills GDCM with a division by zero."""
    ds = factory.dicom_slice(HU, AFFINE)
    ds.PixelData = pydicom.encaps.encapsulate([bytes(64)])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    return factory.write(ds, path)


def jpeg2000_of_3_gigapixels(path: Path) -> Path:
    """The header says 80×116; the code stream claims 60000×60000."""
    ds = factory.dicom_slice(HU, AFFINE)
    ds.compress(pydicom.uid.JPEG2000Lossless)
    data = bytearray(ds.PixelData)
    size = data.index(b"\xff\x51") + 6
    for offset in (0, 4, 16, 20):
        data[size + offset : size + offset + 4] = (60000).to_bytes(4, "big")
    ds.PixelData = bytes(data)
    return factory.write(ds, path)


def huge_header(path: Path) -> Path:
    return slice_file(path, Rows=65535, Columns=65535, NumberOfFrames=30000)


def huge_rows(path: Path) -> Path:
    ds = factory.dicom_slice(HU, AFFINE)
    ds.Rows = ds.Columns = 65535
    return factory.write(ds, path)


def truncated(path: Path) -> Path:
    slice_file(path).write_bytes(path.read_bytes()[:-5000])
    return path


def without_pixels(path: Path) -> Path:
    ds = factory.dicom_slice(HU, AFFINE)
    del ds.PixelData
    return factory.write(ds, path)


def zip_bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(32 * MIB))
    return path


def zip_slip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil", b"1")
    return path


def raw(data: bytes):
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (deflate_bomb, UnreadableFileError, "needs more memory"),
        (rle_without_segments, UnreadableFileError, "its pixels cannot be decoded"),
        (jpeg2000_of_3_gigapixels, UnreadableFileError, "its pixels cannot be decoded"),
        (huge_rows, UnreadableFileError, "claims an image of 65535×65535 pixels"),
        (truncated, UnreadableFileError, "its pixels cannot be decoded"),
        (without_pixels, UnreadableFileError, "its pixels cannot be decoded"),
        (zip_bomb, UnsafeArchiveError, "unpacks to more than 200 times its packed size"),
        (zip_slip, UnsafeArchiveError, "a member's name leads outside"),
        (raw(b""), UnreadableFileError, "is empty"),
        (raw(b"Dear colleague, please find enclosed"), UnreadableFileError, "is not a DICOM file"),
        (raw(bytes(range(256)) * 40), UnreadableFileError, "is not a( readable)? DICOM file"),
        (raw(bytes(1000)), UnreadableFileError, "is not a( readable)? DICOM file"),
        (raw(bytes(128) + b"DICM"), UnreadableFileError, "is not a DICOM file"),
        (raw(b"\x89PNG\r\n\x1a\n" + bytes(500)), UnreadableFileError, "is not a"),
    ],
)
def test_each_killer_costs_one_message(
    make, error: type[InputError], message: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "killer.dcm")
    with pytest.raises(error, match=rf"^killer\.dcm.*: {message}") as caught:
        read_scan([path], limits=IntakeLimits(decode_bytes=900 * MIB))
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [deflate_bomb, raw(b"text"), raw(b""), zip_bomb])
def test_beside_a_good_series_a_bad_file_is_skipped_or_refused_by_name(
    make, tmp_path: Path
) -> None:
    factory.write_series(tmp_path / "scan", HU)
    make(tmp_path / "scan" / "killer.dcm")
    limits = IntakeLimits(decode_bytes=900 * MIB)
    try:
        with Upload([tmp_path / "scan"], limits=limits) as upload:
            assert [s.name for s in upload.inspect().skipped] == ["scan/killer.dcm"]
            assert np.array_equal(upload.load().volume.voxels, HU)
    except UnsafeArchiveError as error:
        assert error.source == "scan/killer.dcm/bomb"


def test_truncated_slice_of_a_series_is_named(tmp_path: Path) -> None:
    files = factory.write_series(tmp_path / "scan", HU)
    files[1].write_bytes(files[1].read_bytes()[:-100])
    with pytest.raises(UnreadableFileError, match=r"scan/slice-001: its pixels cannot be decoded"):
        read_scan([tmp_path / "scan"])


def write_compressed(folder: Path, hu: np.ndarray) -> list[Path]:
    """Enough slices for several processes to share them."""
    files = factory.write_series(folder, hu)
    for n, file in enumerate(files):
        ds = factory.dicom_slice(hu, AFFINE, n)
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        factory.write(ds, file)
    return files


def test_processes_that_share_a_compressed_series_give_the_same_volume(tmp_path: Path) -> None:
    hu = factory.body_phantom(21)
    write_compressed(tmp_path, hu)
    assert np.array_equal(read_scan([tmp_path]).volume.voxels, hu)


@pytest.mark.parametrize("n", [8, 9])
def test_damage_in_any_share_of_a_compressed_series_is_named(n: int, tmp_path: Path) -> None:
    files = write_compressed(tmp_path / "scan", factory.body_phantom(21))
    ds = pydicom.dcmread(files[n])
    ds.PixelData = pydicom.encaps.encapsulate([bytes(64)])
    ds["PixelData"].is_undefined_length = True
    ds.save_as(files[n])
    with pytest.raises(UnreadableFileError, match=rf"slice-{n:03d}: its pixels cannot be decoded"):
        read_scan([tmp_path / "scan"])


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    outside = factory.write_series(tmp_path / "private", HU)
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "link").symlink_to(outside[0])
    (tmp_path / "up" / "folder").symlink_to(tmp_path / "private")
    with pytest.raises(UnreadableFileError, match="up: holds no files"):
        read_scan([tmp_path / "up"])


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (IntakeLimits(max_files=5), "holds more than 5 files"),
        (IntakeLimits(max_total_bytes=1000), "is larger than 0 MiB"),
        (IntakeLimits(max_voxels=1000), "116×80×6 voxels, more than 0 million"),
    ],
)
def test_uploads_are_bounded(limits: IntakeLimits, message: str, tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU)
    with pytest.raises(InputError, match=message):
        load_here([tmp_path], limits=limits)


def test_missing_path_is_named() -> None:
    with pytest.raises(UnreadableFileError, match=r"nowhere\.zip: there is no such file or folder"):
        read_scan([Path("nowhere.zip")])


# --- any byte of a DICOM file may be wrong ----------------------------------------------------

PLAIN = factory.dicom_slice(HU, AFFINE, 2)


@pytest.fixture(scope="module")
def plain_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return factory.write(PLAIN, tmp_path_factory.mktemp("plain") / "1").read_bytes()


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    in_header=st.booleans(),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_flipped_bytes_give_a_scan_or_a_named_error(
    flips: list[tuple[float, int]],
    in_header: bool,
    cut: float | None,
    plain_bytes: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = bytearray(plain_bytes)
    span = 1400 if in_header else len(data)
    for place, value in flips:
        data[min(int(place * span), len(data) - 1)] = value
    if cut is not None:
        del data[int(cut * len(data)) :]
    path = tmp_path_factory.mktemp("fuzz") / "fuzzed.dcm"
    path.write_bytes(bytes(data))
    try:
        scan = load_here([path], limits=IntakeLimits(max_voxels=10_000_000))
    except HccsurvError as error:
        assert str(error)
    else:
        assert isinstance(scan, LoadedScan)
        assert scan.volume.is_canonical
