"""Where the network looked: heat over every chosen slice at both times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components
from pages._shared.followup_films import frames_of
from pages._shared.followup_words import ORGAN_TITLES, TIME_TITLES
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.treatment_words import simulated_mark

if TYPE_CHECKING:
    from hccsurv_core.models.crnn.gradcam import ScanHeat
    from pages._shared.followup_answer import Answered
    from pages._shared.followup_measuring import Measured

_TOWARD = {"death": "Death", "survival": "Survival"}
_WIDTH = 300


@st.fragment
def heat_block(found: Answered, measured: Measured) -> None:
    """The block; runs by itself when another method or opacity is chosen."""
    st.html(
        '<div class="hcc-block-title">Where the network looked '
        f"{simulated_mark(found.simulated)}</div>"
    )
    kinds = found.model.kinds_of_networks()
    if not kinds:
        st.html(
            '<p class="hcc-quiet" data-testid="followup_no_network">The active model has no network: it '
            "judges sizes, edges and changes measured inside the outlines, so there is no heat to show.</p>"
        )
        return
    try:
        _draw(found, measured, kinds)
    except HccsurvError as error:
        components.show_error(error)


def _draw(found: Answered, measured: Measured, kinds: tuple[str, ...]) -> None:
    from hccsurv_core.models.gradcam import METHODS
    from hccsurv_core.systems.immunotherapy.tables import NETWORK_D, NETWORKS

    usable = [k for k in kinds if k != NETWORK_D or measured.patient.followed]
    if not usable:
        st.html(
            '<p class="hcc-quiet">The network looks at both scans; the follow-up is not read.</p>'
        )
        return
    first, second, third, fourth = st.columns([1.4, 1, 1, 1])
    kind = first.selectbox(
        "Network", usable, index=len(usable) - 1, key="followup_heat_kind",
        format_func=lambda name: NETWORKS[name],
    )  # fmt: skip
    method = second.selectbox(
        "Method", list(METHODS), key="followup_heat_method",
        format_func=lambda name: METHODS[name].words,
        help="; ".join(f"{m.words}: {m.source}" for m in METHODS.values()),
    )  # fmt: skip
    toward = third.segmented_control(
        "What speaks for", list(_TOWARD), default="death", required=True, key="followup_heat_toward",
        format_func=_TOWARD.__getitem__,
    )  # fmt: skip
    opacity = fourth.slider("Opacity (%)", 0, 100, 55, step=5, key="followup_heat_opacity") / 100
    made = _explained(found, measured, kind, method, toward)
    _strips(measured, made, opacity)
    lines = "".join(f"<li>{html(text)}</li>" for text in (*_shares(measured, made), *made.notes))
    st.html(
        f'<ul data-testid="followup_heat_shares" style="margin:0;padding-left:1.2em">{lines}</ul>'
        '<p class="hcc-quiet" style="margin:0.4em 0 0">Warm is where the network looks, not why. Slices of an '
        "organ share one scale over both times.</p>"
    )


def _shares(measured: Measured, made: ScanHeat) -> list[str]:
    """How much of the heat lies in tumors, in the rest of the organ, and outside, by organ."""
    times, pixels = made.heat.shape[0], made.heat.shape[-1]
    scanned = measured.patient.scanned(measured.stored.reading.new_lesion)
    tumor, organ = (mask[:times] for mask in scanned.outlines(pixels))
    told = []
    for name, share in zip(("liver", "lung"), made.shares(tumor, organ), strict=True):
        if share.lesion is None or share.liver is None or share.outside is None:
            continue
        parts = (
            ("in lesions", share.lesion, share.lesion_area),
            ("in the rest of the organ", share.liver, share.liver_area or 0.0),
            ("outside", share.outside, share.outside_area),
        )
        told.append(
            f"{ORGAN_TITLES[name]}, share of the heat (of the picture): "
            + ", ".join(f"{100 * h:.0f} % ({100 * a:.0f} %) {words}" for words, h, a in parts)
        )
    return told


def _explained(
    found: Answered, measured: Measured, kind: str, method: str, toward: str
) -> ScanHeat:
    """The maps; kept by everything that they rest on."""
    from hccsurv_core.models.crnn.gradcam import scan_heat
    from hccsurv_core.models.crnn.samples import ScanPictures

    state = session()
    key = ("followup heat", found.model.sha256, kind, method, toward, *measured.key)
    if key not in state.cache:
        with st.spinner("Looking where the network looks…"):
            network = found.model.networks[kind]
            said = measured.stored.reading.new_lesion
            seen, known = measured.patient.scanned(said).pictures(found.model.pixels or 0)
            times = network.settings.n_times
            sample = ScanPictures(("patient",), seen[None, :times], known[None, :times])
            state.remember(key, scan_heat(network, sample, method=method, toward=toward))
    return state.cache[key]


def _strips(measured: Measured, made: ScanHeat, opacity: float) -> None:
    from hccsurv_core.report.figures.filmstrip import slice_picture

    frames: dict[str, Any] = frames_of(measured)
    with st.container(key="wide_layout_followup_heat"):
        columns = st.columns(2, gap="medium")
    for t, (time, column) in enumerate(zip(TIME_TITLES, columns, strict=True)):
        if t >= made.heat.shape[0]:
            continue
        with column:
            st.html(f'<div class="hcc-part">{TIME_TITLES[time]}</div>')
            for o, organ in enumerate(("liver", "lung")):
                role = f"{time}_{organ}"
                slices = measured.patient.slices.get(role)
                if slices is None:
                    st.html(f'<p class="hcc-quiet">{ORGAN_TITLES[organ]}: not scanned.</p>')
                    continue
                for k, place in enumerate(st.columns(3, gap="small")[: len(slices.slice_index)]):
                    place.image(
                        slice_picture(
                            slices, k, organ, frames[role], heat=made.heat[t, o, k], opacity=opacity,
                            width=_WIDTH,
                        ),
                        width="stretch",
                    )  # fmt: skip
