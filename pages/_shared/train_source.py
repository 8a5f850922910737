"""Who to learn from: a cohort folder, a feature table, or this server's own patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats
from pages._shared.session import session
from pages._shared.train_folders import MUSCLE, choose_folder
from pages._shared.train_store import choose_store

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.muscle.store_table import StoreTable

COHORT, TABLE, STORE = "Cohort with images", "Feature table", "Patients of this server"
SOURCES = (COHORT, TABLE, STORE)
_MAX_TABLE_MB = 500


@dataclass(frozen=True)
class TrainingSource:
    """Who may be learned from.

    Args:
        name: for people; proposed as the run's name.
        table: patients, outcome and labels; features where they are known already.
        cohort: the folder whose images are to be measured; None for a feature table.
        simulated: a computer drew the patients; None where a table does not say.
        endpoint: what the event is.
    """

    name: str
    table: FeatureTable
    cohort: Path | None
    simulated: bool | None
    endpoint: str = "overall survival"

    @property
    def key(self) -> str:
        """Names the source in keys of widgets."""
        return f"{'cohort' if self.cohort else 'table'}_{self.name}_{len(self.table)}"

    def as_the_cohort_says(self) -> FeatureTable:
        """The table with the split that will be learned from: a cut-short simulated cohort has none."""
        if self.cohort is None or not self.simulated or "split" not in self.table.labels:
            return self.table
        from hccsurv_core.systems.muscle.cohort import choose_training_rows

        if choose_training_rows(self.table).split:
            return self.table
        return self.without_split()

    def without_split(self) -> FeatureTable:
        """The table as if nobody were held out by its own split."""
        labels = {name: texts for name, texts in self.table.labels.items() if name != "split"}
        return replace(self.table, labels=labels)


def choose_source() -> TrainingSource | None:
    """Draw the choice; None where nothing is chosen yet, or it cannot be used (which is said)."""
    kind = st.segmented_control(
        "Source", SOURCES, default=COHORT, required=True, key="train_source",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    try:
        if kind == STORE:
            gathered = choose_store()
            return None if gathered is None else _of_store(gathered)
        return choose_cohort() if kind == COHORT else choose_table()
    except HccsurvError as error:
        components.show_error(error)
        return None


def _of_store(found: StoreTable) -> TrainingSource:
    return TrainingSource(
        "Patients of this server", found.table, None, found.table.simulated, found.endpoint
    )


def choose_cohort() -> TrainingSource | None:
    """Draw the choice of a cohort folder, and the ways to bring one in.

    Raises:
        HccsurvError: the chosen one is damaged.
    """
    folder = choose_folder(MUSCLE)
    return None if folder is None else read_cohort_source(folder)


def read_cohort_source(folder: Path) -> TrainingSource:
    """A cohort's table, kept for the session while the file stays the same.

    Raises:
        HccsurvError: the cohort is gone or damaged.
    """
    from hccsurv_core.cohort.folder import TABLE_FILE, read_cohort
    from hccsurv_core.systems.training_preview import without_features

    state, path = session(), folder / TABLE_FILE
    stamp = path.stat().st_mtime_ns if path.is_file() else None
    key = ("training cohort", folder, stamp)
    if key not in state.cache:
        cohort = read_cohort(folder)
        state.remember(
            key,
            TrainingSource(
                folder.name, without_features(cohort), folder, cohort.info.simulated,
                cohort.info.endpoint.name,
            ),
        )  # fmt: skip
    return state.cache[key]


def choose_table() -> TrainingSource | None:
    """Draw the upload of a feature table, or the one that was uploaded.

    Raises:
        HccsurvError: it is no feature table.
    """
    state = session()
    if state.training_table is not None:
        return _chosen_table(*state.training_table)
    st.markdown(
        "One row a patient: numeric feature columns, `time_months` and `event` (1 = happened). "
        "Optional: `patient_id`, `split` (those of split “train” are learned from), `center`."
    )
    with st.container(key="card_feature_table"):
        file = st.file_uploader(
            "Feature table", type=["csv", "tsv", "txt", "xlsx"], max_upload_size=_MAX_TABLE_MB,
            key=f"train_table_{state.uploader_round}", label_visibility="collapsed",
        )  # fmt: skip
    if file is not None:
        state.uploader_round += 1
        with st.spinner("Reading the table …"):
            state.training_table = _read_table(file)
        st.rerun()
    return None


def _chosen_table(name: str, table: FeatureTable) -> TrainingSource:
    """The table that was uploaded, and a way to another one."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":material/table_view: **{formats.plain(name)}** · "
            f"{formats.plural(len(table), 'patient')}, "
            f"{formats.plural(len(table.names), 'feature')}",
            width="content",
        )
        if st.button("Another table", key="train_table_remove", type="tertiary"):
            session().training_table = None
            st.rerun()
    simulated = st.checkbox(
        "The patients are simulated", key="train_table_simulated",
        help="The model will say so wherever it is shown.",
    )  # fmt: skip
    endpoint = st.text_input(
        "What the event is the end of", "overall survival", key="train_table_endpoint",
        max_chars=80, help="The model's card and every figure say so.",
    )  # fmt: skip
    return TrainingSource(
        Path(name).stem, table, None, simulated, endpoint.strip() or "overall survival"
    )


def _read_table(file) -> tuple[str, FeatureTable]:
    """Spool the upload and read it.

    Raises:
        HccsurvError: it is no feature table with an outcome.
    """
    import shutil

    from hccsurv_core.features.feature_table import read_feature_table
    from pages._shared.uploads import spool

    draft = spool([file])
    try:
        (path,) = (p for p in (draft.folder / "files").rglob("*") if p.is_file())
        name = Path(draft.names[0]).name
        return name, replace(read_feature_table(path), source=name)
    finally:
        shutil.rmtree(draft.folder, ignore_errors=True)
