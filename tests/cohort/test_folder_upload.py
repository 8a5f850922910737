"""A cohort folder as an archive: what belongs to it is kept, identities are not, and damage is said."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from hccsurv_core.cohort.folder import (
    CohortInfo,
    ColumnInfo,
    Endpoint,
    ImageInfo,
    RoiInfo,
    write_cohort,
)
from hccsurv_core.cohort.folder_upload import keep_cohort_archive
from hccsurv_core.errors import CancelledError, TableError, UnreadableFileError, UnsafeArchiveError

INFO = CohortInfo(
    name="Two patients",
    system="muscle",
    simulated=False,
    endpoint=Endpoint("overall survival"),
    columns={
        "patient_id": ColumnInfo("identifier"),
        "time_months": ColumnInfo("number", "months"),
        "event": ColumnInfo("boolean"),
    },
    images={"l3_slab": ImageInfo("CT", "slices about L3")},
    rois={"l3_slab_muscle": RoiInfo("l3_slab", {"1": "muscle"})},
)


def write_slice(path: Path, number: int) -> None:
    """A CT slice that names a person."""
    slice_ = Dataset()
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID = CTImageStorage
    slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    slice_.PatientName, slice_.PatientID, slice_.PatientSex = "DOE^JANE", "H-4711", "F"
    slice_.StudyDate, slice_.Modality, slice_.InstanceNumber = "20210304", "CT", number
    slice_.Rows, slice_.Columns, slice_.BitsAllocated = 2, 2, 16
    slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 15, 1
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.PixelData = np.full((2, 2), number, np.int16).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    slice_.save_as(path, enforce_file_format=True)


@pytest.fixture
def source(tmp_path) -> Path:
    """A cohort folder of two patients with two slices each, and things that are none of it."""
    folder = tmp_path / "ours" / "Our cohort"
    table = pd.DataFrame(
        {"patient_id": ["P1", "P2"], "time_months": [12.0, 30.5], "event": [True, False]}
    )
    write_cohort(folder, table, INFO)
    for patient in ("P1", "P2"):
        # Names that differ only behind their last dot, as many exports have them.
        for number in (1, 2):
            write_slice(folder / "images" / patient / "l3_slab" / f"IM.000{number}", number)
        roi = folder / "rois" / patient / "l3_slab_muscle.nii.gz"
        roi.parent.mkdir(parents=True)
        roi.write_bytes(b"outline of " + patient.encode())
    (folder / "notes.docx").write_bytes(b"names of everybody")
    return folder


def pack(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, Path(folder.name) / path.relative_to(folder))
    return archive


def test_a_zipped_cohort_is_kept_without_names_and_without_what_is_not_of_it(source, tmp_path):
    root = tmp_path / "cohorts"
    kept = keep_cohort_archive(pack(source, tmp_path / "a.zip"), root, name="a.zip")
    assert kept.cohort.folder == root / "Our-cohort"
    assert kept.cohort.patient_ids == ["P1", "P2"]
    assert (kept.n_images, kept.ignored) == (4, ("notes.docx",))
    assert not list(root.rglob("notes*"))
    for patient in ("P1", "P2"):
        outline = kept.cohort.roi_file(patient, "l3_slab", "muscle")
        assert outline.read_bytes() == b"outline of " + patient.encode()
        slices = sorted(kept.cohort.image_folder(patient, "l3_slab").iterdir())
        assert [p.name for p in slices] == ["IM.0001", "IM.0002"]
        for number, path in enumerate(slices, start=1):
            assert b"DOE" not in path.read_bytes()
            read = pydicom.dcmread(path)
            # New identifiers have forty digits: among them any four may stand.
            told = [str(part.value) for part in read if part.VR != "UI"]
            assert not any("4711" in text for text in told)
            assert (read.PatientSex, read.InstanceNumber) == ("F", number)
            assert read.pixel_array.tolist() == [[number, number]] * 2
            assert read.StudyDate < "20210304"
    # Nothing else is left behind, and a second one gets a name of its own.
    assert [p.name for p in root.iterdir()] == ["Our-cohort"]
    again = keep_cohort_archive(pack(source, tmp_path / "b.zip"), root, name="b.zip")
    assert again.cohort.folder.name == "Our-cohort-2"


def test_a_cohort_packed_without_its_folder_is_named_like_the_archive(source, tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("cohort.csv", "cohort.json"):
            file.write(source / name, name)
    kept = keep_cohort_archive(archive, tmp_path / "cohorts", name="münchen 2024.zip")
    assert kept.cohort.folder.name == "m-nchen-2024"
    assert kept.n_images == 0


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda f: (f / "cohort.json").unlink(), TableError, "a.zip: holds no cohort.json; pack"),
        (
            lambda f: write_cohort(f / "inner", pd.read_csv(f / "cohort.csv"), INFO),
            TableError,
            "more than one cohort",
        ),
        (
            lambda f: (f / "cohort.csv").write_text("patient_id,time_months,event\nP1,x,1\n"),
            TableError,
            "a.zip: cohort.csv, row 2, column time_months: 'x' is not a number",
        ),
        (
            lambda f: (f / "cohort.json").write_text(json.dumps({"schema_version": 99})),
            TableError,
            "a.zip: cohort.json: schema version 99",
        ),
        (
            lambda f: (f / "images/P2/l3_slab/IM.0002").write_bytes(b"no image" * 99),
            UnreadableFileError,
            "images/P2/l3_slab/IM.0002: cannot be de-identified",
        ),
    ],
)
def test_what_is_wrong_is_said_of_the_archive_and_nothing_is_left(
    source, tmp_path, spoil, error, words
):
    spoil(source)
    root = tmp_path / "cohorts"
    with pytest.raises(error) as caught:
        keep_cohort_archive(pack(source, tmp_path / "a.zip"), root, name="a.zip")
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert list(root.iterdir()) == []


def test_names_that_lead_outside_are_refused(source, tmp_path):
    archive = pack(source, tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("Our cohort/../../escaped.csv", "x")
    with pytest.raises(UnsafeArchiveError, match="leads outside"):
        keep_cohort_archive(archive, tmp_path / "cohorts", name="a.zip")
    assert not list(tmp_path.rglob("escaped.csv"))


def test_a_cancelled_upload_leaves_nothing(source, tmp_path):
    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise CancelledError("enough")

    root = tmp_path / "cohorts"
    with pytest.raises(CancelledError):
        keep_cohort_archive(
            pack(source, tmp_path / "a.zip"), root, name="a.zip", progress=cancel
        )  # fmt: skip
    assert list(root.iterdir()) == []
