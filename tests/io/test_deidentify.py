"""De-identification: nothing that names the patient survives; what measures the patient does."""

from __future__ import annotations

import random
import sys
import zlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from hccsurv_core.errors import (
    CancelledError,
    DecoderFailedError,
    InputError,
    UnreadableFileError,
)
from hccsurv_core.io.deidentify import deidentify_files
from hccsurv_core.io.deidentify_worker import ChildLimits, deidentify_in_child

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom.*")

#: Strings that must be nowhere in the output, in any of the ways DICOM may write them.
SECRETS = ("ZEBRA", "Quagga", "19481231", "MRN-55443322", "Charité", "1.2.3.4.5.777")


def _ct(number: int = 0, **changes: object) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"1.2.3.4.5.777.{number}"
    ds.StudyInstanceUID = "1.2.3.4.5.777.1000"
    ds.SeriesInstanceUID = "1.2.3.4.5.777.2000"
    ds.FrameOfReferenceUID = "1.2.3.4.5.777.3000"
    ds.Modality = "CT"
    ds.PatientName = "ZEBRA^Quagga"
    ds.PatientID = "MRN-55443322"
    ds.PatientBirthDate = "19481231"
    ds.PatientSex = "F"
    ds.PatientAge = "075Y"
    ds.PatientSize = "1.64"
    ds.PatientWeight = "58.5"
    ds.StudyDate = ds.AcquisitionDate = "20240131"
    ds.StudyTime = "101112"
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.SamplesPerPixel = 1
    ds.PixelRepresentation = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.RescaleIntercept = "-1024"
    ds.RescaleSlope = "1"
    ds.PixelSpacing = [0.7, 0.7]
    ds.ImagePositionPatient = [-1.25, 2.5, number * 1.6]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SliceThickness = "1.6"
    ds.ConvolutionKernel = "B30f"
    ds.PixelData = np.arange(16, dtype=np.int16).tobytes()
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def _save(ds: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.SourceApplicationEntityTitle = "ZEBRA_AE"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3.4.5.777.9")
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.preamble = b"ZEBRA".ljust(128, b"\0")
    ds.save_as(path, enforce_file_format=True)
    return path


def _stuffed() -> Dataset:
    """A CT with identifiers in standard, nested, private, unknown and mistyped elements."""
    ds = _ct()
    ds.SpecificCharacterSet = "ISO_IR 100"
    for keyword in (
        "InstitutionName",
        "StationName",
        "StudyDescription",
        "SeriesDescription",
        "ProtocolName",
        "AdditionalPatientHistory",
        "ImageComments",
        "OtherPatientNames",
        "ReferringPhysicianName",
        "OperatorsName",
        "ContrastBolusAgent",
        "DeviceSerialNumber",
        "AccessionNumber",
        "StudyID",
        "RequestedProcedureDescription",
        "DeidentificationMethod",
        "PositionReferenceIndicator",
        "TransducerData",
        "ContentLabel",
        "BodyPartExamined",
        "RetrieveAETitle",
    ):
        with_secret = f"{random.Random(keyword).choice(SECRETS[:5])} {keyword}"[:16].upper()
        setattr(ds, keyword, with_secret if keyword != "InstitutionName" else "Charité Berlin")
    ds.AcquisitionDateTime = "20240131101112.000000"
    ds.add_new(0x00181030, "LO", "ZEBRA protocol")
    ds.add_new(0x00091001, "LO", "ZEBRA private without creator")
    block = ds.private_block(0x0019, "ZEBRA PRIVATE", create=True)
    block.add_new(1, "UN", b"Quagga in private bytes")
    item = Dataset()
    item.PatientName = "ZEBRA^Nested"
    inner = Dataset()
    inner.PatientID = "MRN-55443322"
    inner.ReferencedSOPInstanceUID = "1.2.3.4.5.777.0"
    inner.private_block(0x0029, "Quagga", create=True).add_new(1, "LO", "ZEBRA")
    item.DerivationCodeSequence = [inner]
    block.add_new(2, "SQ", [item])
    # Sequences that the profile does not list: their items must be cleaned all the same.
    ds.CTExposureSequence = [item]
    code = Dataset()
    code.CodeValue = "113691"
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Quagga's phantom"
    ds.CTDIPhantomTypeCodeSequence = [code]
    local = Dataset()
    local.CodeValue = "ZEBRA1"
    local.CodingSchemeDesignator = "99Quagga"
    local.CodeMeaning = "ZEBRA CT"
    ds.ProcedureCodeSequence = [local]
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = "1.2.3.4.5.777.1"
    reference.add_new(0x00081199, "SQ", [item])
    ds.ReferencedImageSequence = [reference]
    original = Dataset()
    original.ModifiedAttributesSequence = [item]
    ds.OriginalAttributesSequence = [original]
    ds.add_new(0x60000022, "LO", "ZEBRA overlay")
    ds.add_new(0x60003000, "OW", b"ZEBRA!")
    ds.add_new(0x50002500, "LO", "Quagga curve")
    ds.add_new(0x00080FFE, "LO", "ZEBRA unknown attribute")
    ds.add_new(0x00280301, "LO", "ZEBRA as another type")
    ds.add_new(0x00282000, "OB", b"ZEBRA profile ")
    ds.add_new(0x00420011, "OB", b"ZEBRA document")
    ds.add_new(0xFFFCFFFC, "OB", b"ZEBRA trailing")
    return ds


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_no_identifier_survives_anywhere_in_the_bytes(tmp_path: Path, syntax: str) -> None:
    source = _save(_stuffed(), tmp_path / "ZEBRA.dcm", syntax)
    before = source.read_bytes()
    assert all(secret.encode("latin-1") in before for secret in SECRETS)
    (written,) = deidentify_files([source], tmp_path / "out", pseudonym="P-7K3F")
    after = written.read_bytes().lower()
    for secret in SECRETS:
        for encoding in ("latin-1", "utf-8", "utf-16-le", "utf-16-be"):
            assert secret.lower().encode(encoding) not in after, (secret, encoding)
    assert b"20240131" not in after and b"101112" not in after
    assert written.name == "00001.dcm"


def test_names_in_mistyped_numbers_do_not_survive(tmp_path: Path) -> None:
    """Implicit VR has no types in the file, so bytes of a name may stand where a number should."""
    ds = _ct()
    ds.KVP = "120"
    ds.Exposure = "253"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    source = _save(ds, tmp_path / "a.dcm", ImplicitVRLittleEndian)
    data = source.read_bytes()
    for old, new in (
        (b"120 ", b"ZEBR"),
        (b"253 ", b"Quag"),
        (b"ORIGINAL\\PRIMARY", b"Quagga jr\\PRIMARY"[:16]),
    ):
        assert data.count(old) == 1
        data = data.replace(old, new)
    source.write_bytes(data)
    (written,) = deidentify_files([source], tmp_path / "out", pseudonym="P")
    after = written.read_bytes()
    assert b"ZEBR" not in after and b"Quag" not in after


def test_characteristics_geometry_and_pixels_stay(tmp_path: Path) -> None:
    source = _save(_ct(3), tmp_path / "a.dcm")
    (written,) = deidentify_files([source], tmp_path / "out", pseudonym="P-7K3F")
    before, after = pydicom.dcmread(source), pydicom.dcmread(written)
    kept = (
        "SOPClassUID PatientSex PatientAge PatientSize PatientWeight Modality Rows Columns "
        "BitsAllocated BitsStored HighBit PixelRepresentation PhotometricInterpretation "
        "RescaleIntercept RescaleSlope PixelSpacing ImagePositionPatient ImageOrientationPatient "
        "SliceThickness ConvolutionKernel PixelData"
    )
    for keyword in kept.split():
        assert after[keyword].value == before[keyword].value, keyword
    assert after.PatientName == after.PatientID == "P-7K3F"


def test_what_was_done_is_declared(tmp_path: Path) -> None:
    (written,) = deidentify_files([_save(_ct(), tmp_path / "a.dcm")], tmp_path / "o", pseudonym="P")
    ds = pydicom.dcmread(written)
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in ds.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113108", "113107"]


@pytest.mark.parametrize(
    ("age", "born", "expected"),
    [
        ("089Y", "", "089Y"),
        ("090Y", "", "090Y"),
        ("104Y", "", "090Y"),
        ("011M", "", "011M"),
        ("", "19481231", "075Y"),
        ("", "19480131", "076Y"),
        ("", "19130101", "090Y"),
        ("", "", None),
    ],
)
def test_age_is_kept_up_to_89(tmp_path: Path, age: str, born: str, expected: str | None) -> None:
    source = _save(_ct(PatientAge=age, PatientBirthDate=born), tmp_path / "a.dcm")
    (written,) = deidentify_files([source], tmp_path / "out", pseudonym="P")
    ds = pydicom.dcmread(written)
    assert (ds.PatientAge or None) == expected
    assert ds.PatientBirthDate == ""


def test_dates_move_together_and_keep_their_intervals(tmp_path: Path) -> None:
    first = _save(_ct(0, AcquisitionDateTime="20240201235959.5+0100"), tmp_path / "a.dcm")
    second = _save(_ct(1, StudyDate="20240430", ContentDate="2024.05.01"), tmp_path / "b.dcm")
    a, b = (
        pydicom.dcmread(p)
        for p in deidentify_files(
            [first, second], tmp_path / "out", pseudonym="P", date_shift_days=-400
        )
    )
    shifted = date(2024, 1, 31) - timedelta(days=400)
    assert a.StudyDate == a.AcquisitionDate == f"{shifted:%Y%m%d}"
    assert a.AcquisitionDateTime == f"{shifted + timedelta(days=1):%Y%m%d}000000"
    assert b.StudyDate == f"{date(2024, 4, 30) - timedelta(days=400):%Y%m%d}"
    assert b.ContentDate == f"{date(2024, 5, 1) - timedelta(days=400):%Y%m%d}"
    assert a.StudyTime == "000000"


def test_without_a_shift_one_is_drawn(tmp_path: Path) -> None:
    source = _save(_ct(), tmp_path / "a.dcm")
    drawn = set()
    for n in range(4):
        (written,) = deidentify_files([source], tmp_path / str(n), pseudonym="P")
        drawn.add(str(pydicom.dcmread(written).StudyDate))
    assert "20240131" not in drawn and len(drawn) > 1


def test_uids_are_mapped_consistently_and_one_way(tmp_path: Path) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = "1.2.3.4.5.777.0"
    files = [
        _save(_ct(0), tmp_path / "a.dcm"),
        _save(_ct(1, ReferencedImageSequence=[reference]), tmp_path / "b.dcm"),
    ]

    def uids(folder: str, key: bytes | None) -> tuple[Dataset, Dataset]:
        written = deidentify_files(files, tmp_path / folder, pseudonym="P", uid_key=key)
        return pydicom.dcmread(written[0]), pydicom.dcmread(written[1])

    a, b = uids("1", b"k" * 32)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert a[keyword].value == b[keyword].value
        assert a[keyword].value.startswith("2.25.") and a[keyword].value.is_valid
    assert a.SOPInstanceUID != b.SOPInstanceUID
    assert b.ReferencedImageSequence[0].ReferencedSOPInstanceUID == a.SOPInstanceUID
    assert b.ReferencedImageSequence[0].ReferencedSOPClassUID == CTImageStorage
    assert a.file_meta.MediaStorageSOPInstanceUID == a.SOPInstanceUID
    assert uids("2", b"k" * 32)[0].SOPInstanceUID == a.SOPInstanceUID
    assert uids("3", b"other")[0].SOPInstanceUID != a.SOPInstanceUID
    assert uids("4", None)[0].SOPInstanceUID != uids("5", None)[0].SOPInstanceUID


def test_compressed_pixels_stay_compressed(tmp_path: Path) -> None:
    ds = _ct()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    (written,) = deidentify_files([tmp_path / "a.dcm"], tmp_path / "out", pseudonym="P")
    after = pydicom.dcmread(written)
    assert after.file_meta.TransferSyntaxUID == RLELossless
    assert after.PixelData == ds.PixelData
    np.testing.assert_array_equal(after.pixel_array, np.arange(16).reshape(4, 4))


@pytest.mark.parametrize("implicit", [True, False])
def test_files_without_meta_or_identity_become_valid(tmp_path: Path, implicit: bool) -> None:
    paths = []
    for number in range(2):
        ds = _ct(number, PatientName="ZEBRA")
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            del ds[keyword]
        paths.append(tmp_path / f"{number}")
        ds.save_as(paths[-1], implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    a, b = (pydicom.dcmread(p) for p in deidentify_files(paths, tmp_path / "o", pseudonym="P"))
    assert a.SOPClassUID == a.file_meta.MediaStorageSOPClassUID == CTImageStorage
    assert a.SOPInstanceUID != b.SOPInstanceUID
    assert a.StudyInstanceUID == b.StudyInstanceUID != ""
    assert a.SeriesInstanceUID == b.SeriesInstanceUID != ""
    np.testing.assert_array_equal(a.pixel_array, np.arange(16).reshape(4, 4))


def test_enhanced_frames_are_cleaned_and_keep_their_geometry(tmp_path: Path) -> None:
    ds = _ct()
    ds.NumberOfFrames = 2
    ds.PixelData = np.arange(32, dtype=np.int16).tobytes()
    frames = []
    for n in range(2):
        position = Dataset()
        position.ImagePositionPatient = [0, 0, n]
        content = Dataset()
        content.FrameAcquisitionDateTime = "20240131101112"
        content.FrameComments = "ZEBRA"
        content.StackID = "1"
        frame = Dataset()
        frame.PlanePositionSequence = [position]
        frame.FrameContentSequence = [content]
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = frames
    (written,) = deidentify_files([_save(ds, tmp_path / "a")], tmp_path / "o", pseudonym="P")
    after = pydicom.dcmread(written)
    assert b"ZEBRA" not in written.read_bytes()
    for n, frame in enumerate(after.PerFrameFunctionalGroupsSequence):
        assert frame.PlanePositionSequence[0].ImagePositionPatient == [0, 0, n]
        assert frame.FrameContentSequence[0].StackID == "1"


def test_pseudonym_beyond_ascii(tmp_path: Path) -> None:
    source = _save(_ct(), tmp_path / "a.dcm")
    (written,) = deidentify_files([source], tmp_path / "out", pseudonym="Löwe-1")
    assert pydicom.dcmread(written).PatientName == "Löwe-1"


def test_empty_pseudonym_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pseudonym is empty"):
        deidentify_files([], tmp_path, pseudonym=" ")


@pytest.mark.parametrize(
    "content", [b"", b"hello world" * 40, b"\0" * 128 + b"DICM" + b"\xff" * 99]
)
def test_what_is_no_dicom_image_is_named_and_nothing_is_left(
    tmp_path: Path, content: bytes
) -> None:
    good = _save(_ct(), tmp_path / "good.dcm")
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"bad\.dcm: cannot be de-identified"):
        deidentify_files([good, bad], tmp_path / "out", pseudonym="P")
    assert list((tmp_path / "out").iterdir()) == []


def test_damaged_files_raise_nothing_but_our_own_errors(tmp_path: Path) -> None:
    whole = _save(_stuffed(), tmp_path / "a.dcm").read_bytes()
    chance = random.Random(5)
    for n in range(150):
        data = bytearray(whole[: chance.randrange(140, len(whole))] if n % 3 == 0 else whole)
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(132, len(data))] = chance.randrange(256)
        broken = tmp_path / "broken.dcm"
        broken.write_bytes(bytes(data))
        try:
            deidentify_files([broken], tmp_path / "out", pseudonym="P")
        except UnreadableFileError as error:
            assert error.source == "broken.dcm"


def test_real_series_without_identity(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "ct_jpeg2000_series").iterdir())[:3]
    written = deidentify_files(files, tmp_path, pseudonym="P-7K3F")
    series = {pydicom.dcmread(p).SeriesInstanceUID for p in written}
    assert len(series) == 1
    for source, target in zip(files, written, strict=True):
        before, after = pydicom.dcmread(source), pydicom.dcmread(target)
        assert after.PixelData == before.PixelData
        assert after.ImagePositionPatient == before.ImagePositionPatient
        assert after.PatientWeight == before.PatientWeight
        assert after.SOPClassUID == CTImageStorage
        raw = target.read_bytes()
        for word in (b"Petersgraben", b"PETCT2", b"NPONKINF", b"20221208", b"1.3.12.2", b"QR_SNOW"):
            assert word in source.read_bytes() and word not in raw


# -- in a child process ------------------------------------------------------------------------
def test_child_writes_the_same_files_and_reports(tmp_path: Path) -> None:
    files = [_save(_ct(n), tmp_path / f"{n}.dcm") for n in range(3)]
    here = deidentify_files(
        files, tmp_path / "here", pseudonym="Ä", date_shift_days=-99, uid_key=b"k"
    )
    told: list[float] = []
    there = deidentify_in_child(
        files,
        tmp_path / "there",
        pseudonym="Ä",
        date_shift_days=-99,
        uid_key=b"k",
        progress=lambda fraction, message: told.append(fraction),
    )
    assert [p.read_bytes() for p in there] == [p.read_bytes() for p in here]
    assert told == pytest.approx([1 / 3, 2 / 3, 1])


def test_child_hands_on_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no")
    with pytest.raises(UnreadableFileError, match=r"bad\.dcm: .*; leave this file out"):
        deidentify_in_child([bad], tmp_path / "out", pseudonym="P")


def _refused_by_child(files: list[Path], folder: Path, limits: ChildLimits) -> None:
    with pytest.raises(
        DecoderFailedError, match=r"a\.dcm: .* out of time or memory; the files may"
    ):
        deidentify_in_child(files, folder / "out", pseudonym="P", limits=limits)
    assert list(folder.glob("out/*")) == []


def test_child_out_of_time_is_one_message(tmp_path: Path) -> None:
    _refused_by_child([_save(_ct(), tmp_path / "a.dcm")], tmp_path, ChildLimits(seconds=0.02))


@pytest.mark.skipif(sys.platform == "win32", reason="memory is limited on POSIX systems only")
def test_child_out_of_memory_is_one_message(tmp_path: Path) -> None:
    """A deflated file of 300 kB that unfolds to 300 MB."""
    path = _save(_ct(), tmp_path / "a.dcm", DeflatedExplicitVRLittleEndian)
    head = path.read_bytes()[:400]
    meta_end = 132 + 12 + int.from_bytes(head[140:144], "little")
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    path.write_bytes(
        head[:meta_end]
        + b"".join(packer.compress(bytes(10_000_000)) for _ in range(30))
        + packer.flush()
    )
    _refused_by_child([path], tmp_path, ChildLimits(memory_bytes=250 << 20))


def test_child_is_stopped_when_cancelled(tmp_path: Path) -> None:
    files = [_save(_ct(n), tmp_path / f"{n}.dcm") for n in range(20)]

    def cancel(fraction: float, message: str) -> None:
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        deidentify_in_child(files, tmp_path / "out", pseudonym="P", progress=cancel)
