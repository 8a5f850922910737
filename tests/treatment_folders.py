"""Cohort folders of a study without images: quick to draw, with the truth beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hccsurv_core.cohort.folder import TRUTH_TABLE_FILE, write_cohort
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables


def write_clinical_folder(folder: Path, n: int, seed: int, system: str = "treatment") -> Path:
    """The clinical part of a simulated cohort."""
    spec = cohort_spec(system)
    table, truth = draw_tables(spec, n, seed)
    info = replace(spec.describe(), simulated=True, images={}, rois={})
    write_cohort(folder, table, info)
    truth.to_csv(folder / TRUTH_TABLE_FILE, index=False, lineterminator="\n")
    return folder
