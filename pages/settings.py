"""Settings: who edits, which segmentation, where data lies, what is installed."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

import streamlit as st

from hccsurv_core import __version__
from pages._shared import components, formats
from pages._shared.formats import html
from pages._shared.navigation import require_frame
from pages._shared.session import DEFAULT_ACTOR, session

require_frame()


PACKAGES = (
    "streamlit",
    "plotly",
    "numpy",
    "scipy",
    "scikit-image",
    "pydicom",
    "SimpleITK",
    "highdicom",
    "nibabel",
    "SQLAlchemy",
    "torch",
    "monai",
)
BACKEND_TITLES = {
    "classical": "Anatomy and attenuation (built in)",
    "totalsegmentator": "TotalSegmentator",
}
LIMIT_WORDS = {
    "max_total_bytes": "Size, unpacked",
    "max_files": "Files",
    "max_ratio": "Unpacked to packed size of one file",
    "max_depth": "Archives within archives",
    "max_voxels": "Voxels of one series",
    "max_side": "Rows or columns of one image",
    "decode_seconds": "Time to decode",
    "file_seconds": "Time to decode one file",
    "decode_bytes": "Memory to decode",
}
state = session()


def who() -> None:
    """The name kept with each change."""
    st.subheader("Who edits", anchor=False)
    name = st.text_input(
        "Your name or initials",
        value="" if state.actor == DEFAULT_ACTOR else state.actor,
        key="settings_actor",
        max_chars=40,
        placeholder=DEFAULT_ACTOR,
        help="Kept with each confirmed level and each correction, in this browser session.",
    )
    state.actor = name.strip() or DEFAULT_ACTOR


def backend() -> None:
    """Which segmentation new measurements use."""
    from hccsurv_core.roi.segmentation import backends

    st.subheader("Segmentation", anchor=False)
    found = backends()
    usable = [name for name, b in found.items() if b.unavailable_because() is None]
    state.backend = st.radio(
        "New measurements use",
        usable,
        index=usable.index(state.backend) if state.backend in usable else 0,
        format_func=lambda name: BACKEND_TITLES.get(name, name),
        key="settings_backend",
    )
    for name, b in found.items():
        reason = b.unavailable_because()
        if reason:
            title = BACKEND_TITLES.get(name, name)
            st.checkbox(f"{title} — not available", disabled=True, key=f"no_{name}")
            st.caption(formats.plain(reason[:1].upper() + reason[1:]) + ".")


def limits() -> None:
    """What an upload may be."""
    try:
        from hccsurv_core.io.intake import IntakeLimits
    except ImportError:
        return
    st.subheader("Limits of an upload", anchor=False)
    values = IntakeLimits()
    rows = []
    for name, words in LIMIT_WORDS.items():
        value = getattr(values, name)
        shown = formats.file_size(value) if "bytes" in name else f"{value:,.0f}".replace(",", " ")
        if name.endswith("seconds"):
            shown += " s"
        rows.append(f'<tr><td>{html(words)}</td><td class="num">{html(shown)}</td></tr>')
    st.html(f'<table class="hcc-table"><tbody>{"".join(rows)}</tbody></table>')
    st.caption("Uploads are decoded in a separate process: what breaks these limits is refused.")


def data_place() -> None:
    """Where the store lies."""
    from hccsurv_core.cohort.settings import FOLDER_VARIABLE, data_folder, date_policy

    st.subheader("Data", anchor=False)
    origin = f"set by {FOLDER_VARIABLE}" if os.environ.get(FOLDER_VARIABLE) else "the default"
    folder = str(data_folder()).replace(str(Path.home()), "~")
    st.markdown(f"Folder ({origin}):")
    st.code(folder, language=None)
    st.caption(
        f"Patients, scans, masks and who changed what live there and nowhere else. Dates are "
        f"{date_policy()}. Set {FOLDER_VARIABLE} before the start to use another folder."
    )


def about() -> None:
    """Versions and licence."""
    st.subheader("About", anchor=False)
    st.markdown(
        f"**hccsurv {__version__}** · GPL-3.0-or-later · Python {platform.python_version()}. "
        "Research use. Not a medical device."
    )
    rows = []
    for name in PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        rows.append(f'<tr><td>{html(name)}</td><td class="num">{html(version)}</td></tr>')
    with st.expander("Versions of the packages it stands on"):
        st.html(f'<table class="hcc-table"><tbody>{"".join(rows)}</tbody></table>')
    st.caption("The theme follows the system; the menu at the top right changes it.")


components.page_title("Settings")
left, right = st.columns(2, gap="large")
with left:
    who()
    backend()
    about()
with right:
    data_place()
    limits()
