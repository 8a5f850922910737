"""A simulated patient goes through the same reader as a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hccsurv_core.io.intake import read_scan
from hccsurv_core.simulate.dicom_writer import write_dicom_series
from hccsurv_core.simulate.phantom.abdomen import simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy


def test_the_real_reader_returns_the_simulated_volume_and_facts(tmp_path: Path) -> None:
    acquisition = Acquisition(rows=96, slice_mm=6.0, scanner_z_mm=-712.4)
    scan = simulate_abdomen(draw_anatomy(12, height_m=1.71, age_years=64.0), acquisition, 12)
    paths = write_dicom_series(scan.volume, tmp_path, facts=scan.facts, shuffle_seed=4)
    loaded = read_scan(sorted(paths))
    assert loaded.series.refusal is None
    assert np.array_equal(loaded.volume.voxels.astype(np.int16), scan.volume.voxels)
    assert np.allclose(loaded.volume.affine, scan.volume.affine, atol=1e-3)
    assert (loaded.patient.sex, loaded.patient.age_years) == (scan.facts.sex, 64.0)
    assert loaded.patient.height_m == 1.71
