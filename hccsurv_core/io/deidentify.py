"""De-identify DICOM files after PS3.15 Annex E.

What is done to which attribute is told in :mod:`~hccsurv_core.io.deidentify_rules`.
Pixel data stay as they are, compressed or not; so do geometry and rescaling.
**Text burned into pixels stays too**: whoever calls this must look for it.

A server does this in a child process: :mod:`~hccsurv_core.io.deidentify_worker`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from hccsurv_core.errors import InputError, UnreadableFileError
from hccsurv_core.io import deidentify_rules as rules
from hccsurv_core.io.deidentify_identity import DICOM_ROOT, Identity
from hccsurv_core.progress import Progress, silent

#: Days to shift by where the caller names none: back by 1 month to 3 years, drawn per call.
_RANDOM_SHIFT_DAYS = (30, 1094)
_OLDEST_AGE_YEARS = 90
_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
#: What damaged files make pydicom raise.
READ_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def deidentify_files(
    files: Sequence[Path],
    out_dir: Path,
    *,
    pseudonym: str,
    date_shift_days: int | None = None,
    uid_key: bytes | None = None,
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write a de-identified copy of each file, in order, as ``00001.dcm``, ``00002.dcm`` …

    Uploaded files are parsed here, in this process: a server calls
    :func:`~hccsurv_core.io.deidentify_worker.deidentify_in_child` instead.

    Args:
        files: DICOM files, with or without file meta information.
        out_dir: an empty or new folder.
        pseudonym: goes where the patient's name and identifier were.
        date_shift_days: days added to every date; give the same for all of a patient's studies.
            None draws one for this call.
        uid_key: key of the one-way UID mapping; with the same key, references between studies
            hold. None draws one for this call: references hold among these files.
        progress: called after each file; may cancel.

    Returns:
        The written paths, in the order of ``files``.

    Raises:
        UnreadableFileError: a file is not DICOM, or damaged; names the file. Nothing is left.
        InputError: the pseudonym is empty.
    """
    if not pseudonym.strip():
        raise InputError("the pseudonym is empty", source="pseudonym", remedy="give one")
    shift = date_shift_days
    if shift is None:
        low, high = _RANDOM_SHIFT_DAYS
        shift = -(low + secrets.randbelow(high - low + 1))
    cleaner = Deidentifier(pseudonym, shift, uid_key or secrets.token_bytes(32))
    out_dir.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for index, file in enumerate(files):
            written.append(out_dir / f"{index + 1:05d}.dcm")
            cleaner.clean_file(file, written[-1])
            progress((index + 1) / len(files), "Removing identifiers")
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return tuple(written)


class Deidentifier:
    """De-identify the files of one patient, consistently.

    Args:
        pseudonym: goes where the patient's name and identifier were.
        date_shift_days: days added to every date.
        uid_key: key of the one-way UID mapping.
    """

    def __init__(self, pseudonym: str, date_shift_days: int, uid_key: bytes) -> None:
        self._pseudonym = pseudonym.strip()
        self._shift = timedelta(days=date_shift_days)
        self._key = uid_key
        self._profile = rules.profile()
        self._uids: dict[str, str] = {}

    def clean_file(self, source: Path, target: Path) -> None:
        """Write a de-identified copy of one file.

        Raises:
            UnreadableFileError: the file is not DICOM or damaged.
        """
        try:
            dataset = pydicom.dcmread(source, force=True)
            if not _is_image(dataset):
                raise InvalidDicomError("no image in it")
            self.clean(dataset, _content_digest(source))
            dataset.preamble = b"\0" * 128
            dataset.save_as(target, enforce_file_format=True)
        except READ_ERRORS as error:
            target.unlink(missing_ok=True)
            raise UnreadableFileError(
                f"cannot be de-identified ({type(error).__name__}: {error})",
                source=source.name,
                remedy="leave this file out, or export the series again from the archive",
            ) from error

    def clean(self, dataset: Dataset, digest: bytes = b"") -> None:
        """De-identify a data set in place, including its file meta information.

        Args:
            dataset: as read by pydicom.
            digest: of the file's bytes; stands in where there is no SOP Instance UID.
        """
        identity = Identity.of(dataset)
        age = _age_of(dataset)
        self._clean_level(dataset)
        self._restore_identity(dataset, identity, digest)
        # All text left is plain ASCII; only the pseudonym may need more.
        if not self._pseudonym.isascii():
            dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = self._pseudonym
        dataset.PatientID = self._pseudonym
        if age:
            dataset.PatientAge = age
        _declare(dataset)

    # -- walk -----------------------------------------------------------------------------
    def _clean_level(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            self._clean_element(dataset, tag)
        if "CodingSchemeDesignator" in dataset and "CodeMeaning" in dataset:
            value = dataset.get("CodeValue") or dataset.get("LongCodeValue") or ""
            dataset.CodeMeaning = rules.public_meaning(dataset.CodingSchemeDesignator, str(value))

    def _clean_element(self, dataset: Dataset, tag: BaseTag) -> None:
        vr = rules.standard_vr(tag)
        action = self._profile.get(tag)
        if rules.is_removed_group(tag) or vr is None or (action == rules.REMOVE and vr != "DA"):
            del dataset[tag]
            return
        element = dataset.get_item(tag, keep_deferred=True)
        said = element.VR if element.VR not in (None, "UN") else vr
        what = rules.kind(vr)
        if rules.kind(said) != what and {rules.kind(said), what} != {"number", "bulk"}:
            del dataset[tag]
        elif what == "sequence":
            self._clean_sequence(dataset, tag, action)
        elif what == "time":
            self._clean_time(dataset, tag, vr, action)
        elif what == "uid":
            self._clean_uid(dataset, tag, _raw(element))
        elif what == "bulk":
            if tag not in rules.tags("bulk"):
                del dataset[tag]
        elif action in (rules.EMPTY, rules.DUMMY):
            self._blank(dataset, tag, vr, action)
        elif what == "text" or rules.is_free_label(tag):
            if tag not in rules.tags("technical") or not rules.is_technical_text(_raw(element)):
                self._set(dataset, tag, vr, "")
        elif tag == 0x00080005:
            del dataset[tag]  # only ASCII is left
        elif tag not in rules.tags("bulk") and not _is_credible(tag, said, element):
            self._set(dataset, tag, vr, None)

    def _clean_sequence(self, dataset: Dataset, tag: BaseTag, action: str | None) -> None:
        if action in (rules.EMPTY, rules.DUMMY):
            self._set(dataset, tag, "SQ", [])
            return
        try:
            items = dataset[tag].value
        except READ_ERRORS:
            del dataset[tag]
            return
        kept = []
        for item in items or []:
            scheme = item.get("CodingSchemeDesignator")
            if scheme and not rules.is_public_scheme(str(scheme)):
                continue
            self._clean_level(item)
            kept.append(item)
        if items and not kept:
            del dataset[tag]
        else:
            self._set(dataset, tag, "SQ", DicomSequence(kept))

    def _clean_time(self, dataset: Dataset, tag: BaseTag, vr: str, action: str | None) -> None:
        text = _raw(dataset.get_item(tag)).decode("ascii", "replace").strip(" \0")
        if tag in rules.tags("personal_dates") or not text:
            self._set(dataset, tag, vr, "")
        elif vr == "TM":
            self._set(dataset, tag, vr, "000000")
        else:
            days = [self._shifted(value) for value in text.split("\\")]
            midnight = "000000" if vr == "DT" else ""
            self._set(dataset, tag, vr, "\\".join(day and day + midnight for day in days))

    def _shifted(self, text: str) -> str:
        digits = text.strip().replace(".", "") if len(text.strip()) == 10 else text.strip()
        try:
            day = datetime.strptime(digits[:8], "%Y%m%d") + self._shift
        except (ValueError, OverflowError):
            return ""
        return f"{day:%Y%m%d}" if len(digits) >= 8 else ""

    def _clean_uid(self, dataset: Dataset, tag: BaseTag, raw: bytes) -> None:
        uids = raw.decode("ascii", "replace").strip(" \0").split("\\")
        self._set(dataset, tag, "UI", "\\".join(self.map_uid(uid.strip(" \0")) for uid in uids))

    def map_uid(self, uid: str) -> str:
        """The UID that stands for ``uid``; the standard's own UIDs stay, "" stays ""."""
        if not uid or (uid.startswith(DICOM_ROOT) and uid.replace(".", "").isdigit()):
            return uid
        if uid not in self._uids:
            digest = hmac.new(self._key, uid.encode(), hashlib.sha256).digest()
            # A UUID-derived UID (PS3.5 B.2), with the bits of a random UUID.
            number = int.from_bytes(digest[:16], "big")
            number = number & ~(0xF << 76) | 0x4 << 76
            number = number & ~(0x3 << 62) | 0x2 << 62
            self._uids[uid] = f"2.25.{number}"
        return self._uids[uid]

    def _blank(self, dataset: Dataset, tag: BaseTag, vr: str, action: str) -> None:
        """Empty a value, or put the library's dummy where the profile asks for one."""
        had_value = bool(_raw(dataset.get_item(tag)).strip(b" \0"))
        self._set(dataset, tag, vr.split(" or ")[0], None)
        if action == rules.DUMMY and had_value:
            from dicomanonymizer.simpledicomanonymizer import replace_element

            replace_element(dataset[tag])

    @staticmethod
    def _set(dataset: Dataset, tag: BaseTag, vr: str, value: Any) -> None:
        dataset[tag] = DataElement(tag, vr.split(" or ")[0], value)

    # -- identity -------------------------------------------------------------------------
    def _restore_identity(self, dataset: Dataset, identity: Identity, digest: bytes) -> None:
        """Give the data set the UIDs and the file meta information that a valid file needs."""
        dataset.SOPClassUID = identity.sop_class
        dataset.SOPInstanceUID = self.map_uid(identity.instance or f"instance {digest.hex()}")
        dataset.StudyInstanceUID = self.map_uid(identity.study)
        dataset.SeriesInstanceUID = self.map_uid(identity.series)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        meta.TransferSyntaxUID = UID(identity.transfer_syntax)
        dataset.file_meta = meta


def _is_image(dataset: Dataset) -> bool:
    return "Rows" in dataset and "Columns" in dataset


def _content_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()[:16]


def _raw(element: DataElement | RawDataElement) -> bytes:
    """A value's bytes; text of elements that pydicom has decoded already is encoded again."""
    value = element.value
    if isinstance(element, RawDataElement) or isinstance(value, bytes):
        return value or b""
    if value is None:
        return b""
    many = value if isinstance(value, list | tuple | pydicom.multival.MultiValue) else [value]
    return "\\".join(str(part) for part in many).encode("utf-8", "replace")


def _is_credible(tag: BaseTag, vr: str, element: DataElement | RawDataElement) -> bool:
    if rules.kind(vr) == "number" and not isinstance(element, RawDataElement):
        return True  # pydicom has read it as numbers already
    return rules.is_credible(tag, vr, _raw(element))


def _age_of(dataset: Dataset) -> str | None:
    """The age as DICOM writes it, from the birth date if need be; 90 and above are one group."""
    text = str(dataset.get("PatientAge") or "").strip()
    if not (len(text) == 4 and text[:3].isdigit() and text[3] in "DWMY"):
        born, seen = (str(dataset.get(k) or "") for k in ("PatientBirthDate", "StudyDate"))
        try:
            birth, study = (datetime.strptime(d[:8], "%Y%m%d") for d in (born, seen))
        except ValueError:
            return None
        years = study.year - birth.year - ((study.month, study.day) < (birth.month, birth.day))
        if years < 0:
            return None
        text = f"{min(years, 999):03d}Y"
    if text[3] == "Y" and int(text[:3]) >= _OLDEST_AGE_YEARS:
        return f"{_OLDEST_AGE_YEARS:03d}Y"
    return text


def _declare(dataset: Dataset) -> None:
    """State what was done, as the profile demands (PS3.15 E.1.1 steps 5 and 6)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.DeidentificationMethod = [meaning[:64] for _, meaning in _METHODS]
    codes = []
    for value, meaning in _METHODS:
        code = Dataset()
        code.CodeValue = value
        code.CodingSchemeDesignator = "DCM"
        code.CodeMeaning = meaning
        codes.append(code)
    dataset.DeidentificationMethodCodeSequence = codes
