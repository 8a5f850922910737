"""System 3: readers before and after they saw the model, from a table; and repeated outlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import ceus_tables as tables
from pages._shared import components, formats
from pages._shared.evaluation_study_parts import figure, table
from pages._shared.figures import show_table
from pages._shared.session import session
from pages._shared.tables import html_table
from pages._shared.train_preview import caution

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.ceus.roi_agreement import RoiAgreement
    from pages._shared.evaluation_ceus_work import DoneCeus

_MAX_MB = 20
_MAX_FEATURES_MB = 200
_TYPES = ["csv", "tsv", "txt", "xlsx"]
#: Readers of the template.
_READERS = ("senior_1", "junior_1")
LAYOUT = (
    "A row a patient: `patient_id`, and for each reader two columns, `reader_<name>_before` and "
    "`reader_<name>_after`: yes or no (1 or 0), does the reader expect a recurrence within a year? An "
    "empty cell is a missing call; names that begin with senior or junior are grouped. Or a row a "
    "call: `patient_id`, `reader`, `when` (before or after), `call`, `seniority`. What happened is "
    "taken from `early_recurrence` where the table has it, else from these patients' follow-up."
)


def show_readers(done: DoneCeus) -> None:
    """What is there, and a way to bring in a table."""
    study = done.report.readers
    if study is None:
        st.markdown("**No reader study yet.** Upload what readers called before and after they saw the model.")  # fmt: skip
        if done.why_no_readers:
            st.caption(f"Calls in the cohort are not judged: {formats.plain(done.why_no_readers)}.")
        _upload(done, first=True)
    else:
        from hccsurv_core.systems.ceus.reader_study_result import CAVEAT

        source = formats.html(done.report.readers_source)
        st.html(
            f'<span class="hcc-quiet" data-testid="readers_source">Calls: {source}. {study.n_known} '
            f"patients of whom it is known what happened, {study.n_events} early recurrences.</span>"
        )
        caution(CAVEAT)
        figure(done, "readers")
        figure(done, "reader_changes")
        table(done, "readers", "Each reader before and after", tables.readers(study))
        table(
            done, "reader_agreement", "Agreement of the readers with each other",
            tables.agreement(study),
        )  # fmt: skip
        _upload(done, first=False)
    _outlines(done)


def _upload(done: DoneCeus, *, first: bool) -> None:
    state = session()
    with st.expander(
        "What the table must look like" if first else "Another table of calls",
        icon=":material/groups:", key="evaluation_readers", expanded=first,
    ):  # fmt: skip
        st.markdown(LAYOUT)
        st.download_button(
            "Template (CSV)", template(done.cohort.patient_ids), "reader_calls.csv", "text/csv",
            key="get_reader_template", on_click="ignore", icon=":material/download:",
            help="With these patients' names, to be filled in.",
        )  # fmt: skip
        file = st.file_uploader(
            "Readers' calls", type=_TYPES, max_upload_size=_MAX_MB,
            key=f"evaluation_reader_table_{state.uploader_round}",
        )  # fmt: skip
        if file is None:
            return
        try:
            state.evaluation = _judged(done, file)
        except HccsurvError as error:
            components.show_error(error)
            return
    state.uploader_round += 1
    st.rerun()


def template(patient_ids: Sequence[str]) -> str:
    """An empty table of calls of some patients, CSV."""
    heads = [f"reader_{name}_{when}" for name in _READERS for when in ("before", "after")]
    lines = [",".join(["patient_id", *heads])]
    lines += [f'"{name}"' + "," * len(heads) for name in patient_ids]
    return "\n".join(lines) + "\n"


def _judged(done: DoneCeus, file) -> DoneCeus:
    """The evaluation with the reader study of an uploaded table.

    Raises:
        HccsurvError: it is no such table, or nothing can be told from it.
    """
    from hccsurv_core.errors import StatisticsError
    from hccsurv_core.systems.ceus.reader_study_cohort import judge_readers
    from hccsurv_core.systems.ceus.reader_study_table import read_reader_table
    from pages._shared.evaluation_ceus_work import with_readers

    calls = read_reader_table(file, name=file.name)
    study, why = judge_readers(calls, done.cohort)
    if study is None:
        raise StatisticsError(
            why, source=file.name, remedy="complete the calls, or give early_recurrence"
        )
    return with_readers(done, study, file.name)


# -- repeated outlines -----------------------------------------------------------------------------
def _outlines(done: DoneCeus) -> None:
    """Intraclass correlation of features of two outlines, from two feature tables."""
    with st.expander(
        "Repeated outlines: intraclass correlation (ICC)", icon=":material/repeat:",
        key="evaluation_outlines",
    ):  # fmt: skip
        st.markdown(
            "Two feature tables of the same patients, one for each outline: a row a patient, "
            "`patient_id` and numeric feature columns of the same names."
        )
        first, second = st.columns(2)
        files = [
            column.file_uploader(
                title, type=_TYPES, max_upload_size=_MAX_FEATURES_MB, key=f"evaluation_outline_{k}"
            )
            for k, (column, title) in enumerate(((first, "First outline"), (second, "Second outline")))
        ]  # fmt: skip
        if any(f is None for f in files):
            return
        try:
            show_agreement(done, _compared(files))
        except HccsurvError as error:
            components.show_error(error)


def _compared(files) -> RoiAgreement:
    """Compare two uploads.

    Raises:
        HccsurvError: one is no feature table, or too few patients are in both.
    """
    from hccsurv_core.systems.ceus.roi_agreement import compare_outlines

    return compare_outlines(*(_features(file) for file in files))


def _features(file) -> FeatureTable:
    import shutil
    from dataclasses import replace

    from hccsurv_core.features.feature_table import read_feature_table
    from pages._shared.uploads import spool

    draft = spool([file])
    try:
        (path,) = (p for p in (draft.folder / "files").rglob("*") if p.is_file())
        return replace(read_feature_table(path), source=file.name)
    finally:
        shutil.rmtree(draft.folder, ignore_errors=True)


def show_agreement(done: DoneCeus, found: RoiAgreement) -> None:
    """How many features come back."""
    import pandas as pd

    st.markdown(formats.plain(found.words()))
    rows = [
        [
            f"{row['form']} ({row['meaning']}), above {row['above']:g}",
            f"{row['n']} of {row['n_features']}", f"{row['n_by_bound']} of {row['n_features']}",
        ]
        for row in found.summary()
    ]  # fmt: skip
    show_table(
        html_table(["ICC", "By the estimate", "By the interval's lower bound"], rows, "icc"),
        pd.DataFrame(found.table()), done.manifest, "evaluation_outlines_icc",
        title=f"Features that come back · {found.n_patients} patients outlined twice",
    )  # fmt: skip
