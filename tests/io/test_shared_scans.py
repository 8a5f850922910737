"""Real scans: what must read reads, what must be refused is refused with the right reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from in_process import inspect_here

from hccsurv_core.errors import WrongBodyPartError, WrongModalityError
from hccsurv_core.io.intake import Upload, read_scan

pytestmark = pytest.mark.shared
TEXT = "text burned into the images"


def test_jpeg2000_series_without_sop_class_reads(shared_data: Path) -> None:
    scan = read_scan([shared_data / "ct_jpeg2000_series"])
    assert scan.volume.shape == (20, 512, 512)
    assert scan.volume.is_canonical
    assert scan.volume.spacing_mm == pytest.approx((2.0, 0.9765625, 0.9765625))
    assert len(scan.dicom_files) == 20
    # Instance numbers run downwards: the last file is the lowest slice.
    assert scan.dicom_files[0].name > scan.dicom_files[-1].name
    assert scan.volume.voxels.min() == -1024
    soft_tissue = (scan.volume.voxels > -20) & (scan.volume.voxels < 120)
    assert soft_tissue.mean() > 0.15
    assert scan.patient.weight_kg == 79
    assert not any(TEXT in w for w in scan.warnings)


def test_tilted_head_is_refused_with_all_three_reasons(shared_data: Path) -> None:
    reasons = (
        r"GE\.zip: this is a head CT \(HEAD\), and also the gantry was tilted by 18\.5°, and also "
        r"slices are unevenly spaced, 1\.08 to 7\.00 mm apart"
    )
    with pytest.raises(WrongBodyPartError, match=reasons):
        read_scan([shared_data / "ct_gantry_tilt" / "GE.zip"])


def test_ultrasound_is_recognised(shared_data: Path) -> None:
    found = inspect_here([shared_data / "ultrasound"])
    assert found.preselected is None
    assert sorted((s.n_slices, s.columns, s.rows) for s in found.series) == [
        (1, 640, 480),
        (30, 320, 240),
        (65, 576, 456),
    ]
    for series in found.series:
        assert series.refusal_code == WrongModalityError.code
        assert "this is ultrasound" in (series.refusal or "")
        assert any(TEXT in w for w in series.warnings)


def test_one_ultrasound_clip_is_refused_as_ultrasound(shared_data: Path) -> None:
    clip = shared_data / "ultrasound" / "examples_ybr_color.dcm"
    with pytest.raises(WrongModalityError, match=r"ybr_color\.dcm: this is ultrasound \(clip, 30"):
        read_scan([clip])


def test_nifti_reads_in_canonical_orientation(shared_data: Path) -> None:
    scan = read_scan([shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"])
    assert scan.volume.shape == (112, 101, 122)
    assert scan.volume.is_canonical
    # The spine lies behind (high rows), the hips below (low slices, widest bone).
    bone = scan.volume.voxels > 300
    assert np.argwhere(bone[70]).mean(axis=0)[0] > 60
    assert not any(TEXT in w for w in scan.warnings)


def test_everything_at_once_stays_apart(shared_data: Path) -> None:
    with Upload([shared_data / "ultrasound", shared_data / "ct_jpeg2000_series"]) as upload:
        found = upload.inspect()
        assert [s.modality for s in found.series] == ["CT", "US", "US", "US"]
        assert upload.load().volume.shape == (20, 512, 512)
        with pytest.raises(WrongModalityError, match="this is ultrasound"):
            upload.load(found.series[1].key)
