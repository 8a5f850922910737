"""A model from elsewhere: uploaded, checked byte by byte, and published under somebody's name."""

from __future__ import annotations

import shutil
from pathlib import Path

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats
from pages._shared.model_store import publish_model
from pages._shared.session import DEFAULT_ACTOR, session
from pages._shared.uploads import spool

_MAX_MB = 1000


def upload_popover() -> None:
    """The form: a zip, who takes it in, under which name."""
    state = session()
    with st.popover("Upload a bundle", icon=":material/upload:", key="upload_bundle"):
        st.markdown(
            "**A zipped bundle** (`model.json`, `weights.safetensors`, `card.md`) from another "
            "server. Its hashes are checked; one that was changed is refused. Nothing in a bundle "
            "is code."
        )
        with st.form("upload_bundle_form", border=False):
            file = st.file_uploader(
                "Zipped bundle", type=["zip"], key=f"bundle_zip_{state.uploader_round}",
                label_visibility="collapsed", max_upload_size=_MAX_MB,
            )  # fmt: skip
            name = st.text_input(
                "Name", key="bundle_name", max_chars=80,
                placeholder="as it was called by who trained it",
            )  # fmt: skip
            by = st.text_input(
                "Taken in by", "" if state.actor == DEFAULT_ACTOR else state.actor,
                key="bundle_by", placeholder="Your name or initials", max_chars=80,
            )  # fmt: skip
            simulated = st.checkbox(
                "It learned from simulated patients", key="bundle_simulated",
                help="Counts only where the bundle itself does not say.",
            )  # fmt: skip
            if not st.form_submit_button("Check and publish", type="primary", key="bundle_go"):
                return
        if file is None:
            st.error("Choose a zip first.", icon=":material/error:")
            return
        _take_in(file, name, by, simulated)


def _take_in(file, name: str, by: str, simulated: bool) -> None:
    from hccsurv_core.cohort.model_exchange import unzipped_bundle

    state = session()
    draft = spool([file])
    try:
        (path,) = (p for p in (draft.folder / "files").rglob("*") if p.is_file())
        with unzipped_bundle(path, name=Path(draft.names[0]).name) as bundle:
            entry = publish_model(
                bundle.folder, by=by, name=name.strip() or None, simulated=simulated
            )
    except HccsurvError as error:
        components.show_error(error)
        return
    finally:
        shutil.rmtree(draft.folder, ignore_errors=True)
    state.uploader_round += 1
    state.actor = by.strip() or state.actor
    state.notice = ("success", f"“{formats.plain(entry.name)}” was checked and published.")
    st.rerun()
