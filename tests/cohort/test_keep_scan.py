"""A scan on its way into the store: nothing that names the patient gets there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.cohort.keep import keep_scan
from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import CancelledError, InputError, NotFoundError
from hccsurv_core.io.ct_series import write_ct_series
from hccsurv_core.io.deidentify_worker import ChildLimits
from hccsurv_core.io.intake import LoadedScan, SeriesSummary
from hccsurv_core.patient import PatientFacts
from hccsurv_core.volume import Volume

FACTS = PatientFacts("female", 61.0, None, 58.5)


@pytest.fixture
def scan(tmp_path: Path, volume: Volume) -> LoadedScan:
    square = Volume(volume.voxels, np.diag([0.7, 0.7, 1.6, 1.0]))
    files = write_ct_series(tmp_path / "ZEBRA", square, pseudonym="ZEBRA^Quagga")
    renamed = tuple(f.rename(f.with_name(f"zebra-{f.name}")) for f in files)
    return LoadedScan(square, _series("2024-05-03", FACTS), FACTS, (
        f"{renamed[0].name} is there twice", "taken on 2024-05-03",
    ), renamed)  # fmt: skip


def _series(day: str | None, facts: PatientFacts) -> SeriesSummary:
    return SeriesSummary(
        key="k", modality="CT", body_part="ABDOMEN", description="ABD portal venous Zebra",
        phase="portal_venous", n_slices=9, rows=16, columns=12, spacing_mm=(1.6, 0.7, 0.7),
        study_date=day, patient=facts, refusal=None, refusal_code=None, warnings=(), score=1.0,
    )  # fmt: skip


def _everything_below(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file()).lower()


def test_a_scan_is_kept_without_its_name(store: PatientStore, scan: LoadedScan) -> None:
    told: list[float] = []
    kept = keep_scan(store, scan, progress=lambda fraction, message: told.append(fraction))
    assert kept.patient.facts == FACTS
    assert (kept.study.description, kept.study.phase) == ("ABD portal venous", "portal_venous")
    assert kept.study.n_dicom_files == 9
    assert kept.study.warnings == ("(removed) is there twice", "taken on (removed)")
    np.testing.assert_array_equal(store.load_volume(kept.study.id).voxels, scan.volume.voxels)
    assert told == sorted(told) and told[-1] == 1.0
    store.verify_study(kept.study.id)
    store.close()
    raw = _everything_below(store.folder)
    assert kept.patient.pseudonym.lower().encode() in raw
    for secret in (b"zebra", b"quagga", b"2024-05-03", b"20240503"):
        assert secret not in raw
    assert [p.name for p in (store.folder / "studies").iterdir()] == [kept.study.id]


def test_the_files_carry_the_date_that_the_study_shows(
    store: PatientStore, scan: LoadedScan
) -> None:
    import pydicom

    for file in scan.dicom_files:
        ds = pydicom.dcmread(file)
        ds.StudyDate = "20240503"
        ds.save_as(file)
    kept = keep_scan(store, scan)
    again = keep_scan(store, scan, patient_id=kept.patient.id)
    first, second = (pydicom.dcmread(store.dicom_files(k.study.id)[0]) for k in (kept, again))
    assert (
        kept.study.study_date
        == f"{first.StudyDate[:4]}-{first.StudyDate[4:6]}-{first.StudyDate[6:]}"
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.PatientID == kept.patient.pseudonym


def test_known_facts_stay_and_unknown_ones_are_filled(
    store: PatientStore, scan: LoadedScan
) -> None:
    patient = store.add_patient(facts=PatientFacts("male", None, 1.8, 70.0))
    kept = keep_scan(store, scan, patient_id=patient.id)
    assert kept.patient.facts == PatientFacts("male", 61.0, 1.8, 70.0)
    assert "the scan says female, the patient is recorded as male" in kept.study.warnings[-1]


def test_files_that_cannot_be_deidentified_are_not_kept(
    store: PatientStore, scan: LoadedScan
) -> None:
    scan.dicom_files[4].write_bytes(b"ZEBRA")
    kept = keep_scan(store, scan)
    assert kept.study.n_dicom_files == 0
    assert "could not be de-identified and were not kept" in kept.study.warnings[-1]
    kept = keep_scan(store, scan, limits=ChildLimits(seconds=0.01))
    assert kept.study.n_dicom_files == 0
    store.close()
    assert b"zebra" not in _everything_below(store.folder)


def test_a_scan_without_files_is_kept(store: PatientStore, volume: Volume) -> None:
    scan = LoadedScan(volume, _series(None, PatientFacts()), PatientFacts(), (), ())
    kept = keep_scan(store, scan, pseudonym="Nifti 1")
    assert (kept.patient.pseudonym, kept.study.study_date) == ("Nifti 1", None)


@pytest.mark.parametrize("moment", [0.1, 0.8])
def test_cancelling_leaves_no_patient_and_no_file(
    store: PatientStore, scan: LoadedScan, moment: float
) -> None:
    def cancel(fraction: float, message: str) -> None:
        if fraction > moment:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        keep_scan(store, scan, progress=cancel)
    assert store.list_patients() == []
    assert list((store.folder / "studies").iterdir()) == []


def test_refusals(store: PatientStore, scan: LoadedScan) -> None:
    store.add_patient("taken")
    with pytest.raises(InputError, match="'taken' is taken"):
        keep_scan(store, scan, pseudonym="taken")
    with pytest.raises(NotFoundError, match="patient is not in the store"):
        keep_scan(store, scan, patient_id="f" * 32)
    assert len(store.list_patients()) == 1
