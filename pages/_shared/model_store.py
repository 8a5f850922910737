"""The model library as the pages use it: one for the whole server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hccsurv_core.cohort.model_library import ModelLibrary


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
