"""The model library as the pages use it: one for the whole server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from hccsurv_core.cohort.model_library import ModelEntry, ModelLibrary


@st.cache_resource(show_spinner=False)
def open_models() -> ModelLibrary:
    """The one model library of this server."""
    from hccsurv_core.cohort.model_library import ModelLibrary

    return ModelLibrary()


def learned_from_simulated(description: Mapping[str, Any]) -> bool | None:
    """Whether a bundle says that a computer drew its patients; None where it says nothing."""
    training = description.get("training") or {}
    found = training.get("simulated", description.get("simulated"))
    return found if isinstance(found, bool) else None


def foreign_features(description: Mapping[str, Any]) -> tuple[str, ...]:
    """Features a model takes that are not measured on scans here, so that it answers on no page.

    Only of system 1: other systems refuse a bundle that they cannot feed when they read it.
    """
    if description.get("system", "muscle") != "muscle":
        return ()
    from hccsurv_core.systems.muscle.feature_groups import OTHER, group_of

    architecture = description.get("architecture")
    names = architecture.get("features", ()) if isinstance(architecture, Mapping) else ()
    return tuple(str(name) for name in names if group_of(str(name)) == OTHER)


def publish_model(
    folder: Path, *, by: str, name: str | None, simulated: bool, note: str = ""
) -> ModelEntry:
    """Publish a bundle; one that cannot answer on the patients' pages does not push out one that can.

    Raises:
        HccsurvError: as :meth:`ModelLibrary.publish`.
    """
    library = open_models()
    before = {e.system: e for e in library.models() if e.state == "active"}
    entry = library.publish(folder, by=by, name=name, simulated=simulated, note=note)
    earlier = before.get(entry.system)
    foreign = foreign_features(library.bundle(entry.id).description)
    if foreign and entry.state == "active" and earlier is not None and not earlier.problem:
        library.activate(
            earlier.id, by, note=f"stays active: {entry.name} takes features not measured here"
        )
        return library.model(entry.id)
    return entry
