"""The immunotherapy cohort's folder reads back through the same door as patients' scans."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.errors import TableError
from hccsurv_core.io.intake import Upload
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort
from hccsurv_core.simulate.immunotherapy.causes import draw_causes
from hccsurv_core.simulate.immunotherapy.cohort import spec
from hccsurv_core.simulate.immunotherapy.images import build_patient, scan_slices

ROLES = ("baseline_liver", "baseline_lung", "followup_liver", "followup_lung")
#: Of three patients the second lacks the follow-up chest.
SEED = next(
    s for s in range(200)
    if [draw_causes(s, i).has_followup_chest for i in range(3)] == [True, False, True]
    and draw_causes(s, 1).has_followup
)  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("immunotherapy")
    write_simulated_cohort(folder, spec(), n=3, seed=SEED, workers=1)
    return read_cohort(folder)


def test_table_images_and_outlines_are_where_the_schema_says(cohort: Cohort) -> None:
    assert cohort.info.simulated
    assert set(cohort.info.images) == set(ROLES)
    first, second = cohort.patient_ids[:2]
    for role in ROLES:
        assert len(list(cohort.image_folder(first, role).glob("*.dcm"))) == 3
        for structure in ("organ", "lesions"):
            assert cohort.roi_file(first, role, structure).is_file()
    with pytest.raises(TableError, match="no followup_lung images"):
        cohort.image_folder(second, "followup_lung")
    assert cohort.table.loc[1, "has_followup_chest"] == 0


def test_the_intake_reads_what_was_drawn(cohort: Cohort) -> None:
    first = cohort.patient_ids[0]
    drawn = build_patient(SEED, 0)
    with Upload([cohort.folder / "images" / first]) as upload:
        series = upload.inspect().series
        assert [s.refusal for s in series] == [None] * 4
        livers = sorted(
            (s for s in series if s.phase == "portal_venous"), key=lambda s: s.study_date
        )
        days = [date.fromisoformat(s.study_date) for s in livers]
        assert (days[1] - days[0]).days == cohort.table.loc[0, "scan_interval_days"]
        loaded = upload.load(livers[1].key)
    scan = scan_slices(drawn, 1, "liver")
    assert np.array_equal(loaded.volume.voxels, scan.volume.voxels)
    assert np.allclose(loaded.volume.affine, scan.volume.affine, atol=1e-3)
    assert loaded.patient.sex == drawn.causes.sex
    outline = nibabel.load(cohort.roi_file(first, "followup_liver", "lesions"))
    assert np.array_equal(np.asarray(outline.dataobj).transpose(2, 1, 0), scan.lesions.voxels)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ outline.affine
    assert np.allclose(lps, loaded.volume.affine, atol=1e-3)


def test_files_say_that_they_are_simulated_and_nothing_of_the_causes(cohort: Cohort) -> None:
    files = sorted((cohort.folder / "images").rglob("*.dcm"))
    assert len({f.stat().st_size for f in files}) == 1
    heads = [pydicom.dcmread(f, stop_before_pixels=True) for f in files]
    assert all("SIMULATED" in h.ImageComments for h in heads)
    assert {h.Manufacturer for h in heads} == {"hccsurv simulator"}
    # What differs between patients' headers: identity, dates, place and grid, no findings.
    allowed = {
        "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
        "PatientID", "PatientSex", "PatientAge", "StudyDate", "SeriesDate", "InstanceNumber",
        "ImagePositionPatient", "SliceLocation", "PixelSpacing",
    }  # fmt: skip
    first, other = (
        next(h for h in heads if h.PatientID == p and "Liver" in h.SeriesDescription)
        for p in cohort.patient_ids[::2]
    )
    differ = {e.keyword for e in first if e.keyword not in other or other[e.tag].value != e.value}
    assert differ <= allowed


def test_truth_holds_causes_and_what_the_masks_measure(cohort: Cohort) -> None:
    truth = pd.read_csv(cohort.folder / "truth.csv")
    assert truth["patient_id"].tolist() == cohort.patient_ids
    assert np.isfinite(truth["linear_predictor"]).all()
    scan = scan_slices(build_patient(SEED, 0), 0, "liver")
    area = (scan.lesions.voxels > 0).sum() * scan.lesions.pixel_area_cm2
    assert truth.loc[0, "baseline_liver_tumor_cm2"] == pytest.approx(area)
    assert np.isnan(truth.loc[1, "followup_lung_tumor_cm2"])
    assert not set(truth.columns[1:]) & set(cohort.table.columns)
    found = json.loads((Path(cohort.folder) / "truth.json").read_text())
    assert {"oracle", "rivals", "margins"} <= set(found)
