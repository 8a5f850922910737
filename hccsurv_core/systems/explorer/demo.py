"""Simulated cohorts for a first look at the explorer: tables of the virtual cohorts, no images."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.library import CohortEntry, CohortLibrary
from hccsurv_core.io.tables import read_table
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables

#: System → what its patients are, for a button.
DEMO_COHORTS = {
    "muscle": "Hepatectomy and transplantation",
    "treatment": "Hepatectomy or TACE",
    "ceus": "Contrast-enhanced ultrasound before treatment",
    "immunotherapy": "Immunotherapy",
}
SEED = 1
_UNIT_SUFFIXES = (
    "_years", "_months", "_days", "_ng_ml", "_g_l", "_umol_l", "_10e9_l", "_u_l", "_kg_m2", "_mm",
    "_kg", "_m", "_db",
)  # fmt: skip
_ACRONYMS = {
    name.lower(): name
    for name in ("AFP", "INR", "BCLC", "HBsAg", "PVTT", "EBRT", "TACE", "RFA", "ALT", "AST", "BMI",
                 "ECOG", "WBC", "NASH", "ID")
}  # fmt: skip


def add_demo_cohort(
    library: CohortLibrary,
    system: str,
    *,
    seed: int = SEED,
    n: int | None = None,
    actor: str = "local",
    progress: Progress = silent,
) -> CohortEntry:
    """Draw a virtual cohort's table and keep it in the library, marked as simulated.

    Args:
        system: one of :data:`DEMO_COHORTS`.
        n: patients; default as many as the published cohorts have.

    Raises:
        InputError: no such system. StoreError: the library cannot be written.
    """
    spec = cohort_spec(system)
    progress(0.05, "drawing patients")
    table, _ = draw_tables(spec, n or spec.default_n, seed)
    with tempfile.TemporaryDirectory(prefix="hccsurv-demo-") as folder:
        path = Path(folder) / f"simulated_{system}_seed{seed}.csv"
        table.to_csv(path, index=False)
        progress(0.8, "reading the table")
        raw = read_table(path)
    mapping = guess_mapping(raw)
    # The virtual cohorts' main outcome is death from any cause.
    main = replace(mapping.endpoints[0], label="Overall survival", event_label="death")
    mapping = mapping.with_endpoint(main)
    for column in mapping.columns:
        mapping = mapping.with_column(column.name, label=plain_label(column.name))
    return library.add(
        raw, mapping, name=f"{DEMO_COHORTS.get(system, system)} (simulated)",
        simulated=True, actor=actor,
    )  # fmt: skip


def plain_label(name: str) -> str:
    """A column's name for people: "albumin_g_l" is Albumin, "bclc_stage" is BCLC stage."""
    stem = name
    for suffix in _UNIT_SUFFIXES:
        stem = stem.removesuffix(suffix)
    words = [_ACRONYMS.get(word, word) for word in stem.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
