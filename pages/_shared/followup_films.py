"""Two filmstrips: three liver and three lung slices at baseline and at follow-up, each to be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import components
from pages._shared.followup_reading import change_reading
from pages._shared.followup_words import ORGAN_TITLES, TIME_TITLES
from pages._shared.formats import html
from pages._shared.session import session

if TYPE_CHECKING:
    import numpy as np

    from pages._shared.followup_measuring import Measured
    from pages._shared.views import StudyView

_ORGANS = ("liver", "lung")
#: Pixels of a picture on the page; a strip has three beside each other.
_WIDTH = 360


def films(view: StudyView, measured: Measured) -> None:
    """Both strips, and the switch that shows the steppers."""
    patient = measured.patient
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<div class="hcc-block-title">Slices the models look at</div>', width="content")
        st.html(_legend(measured), width="stretch")
        by_hand = st.toggle(
            "Choose slices by hand", key="followup_choose",
            help="Three slices of an organ: those with the most tumor, else with the most organ.",
        )  # fmt: skip
    pictures = film_pictures(measured)
    with st.container(key="wide_layout_followup_films"):
        columns = st.columns(2, gap="medium")
    for time, column in zip(TIME_TITLES, columns, strict=True):
        with column:
            if time == "followup" and not patient.examinations.has_followup:
                _no_followup()
                continue
            _film(view, measured, time, pictures, by_hand)


def _no_followup() -> None:
    with st.container(border=True):
        st.markdown(
            "**Only one scan.** With a second CT, change is judged: response, growth, and the models of "
            "both scans. The baseline alone is answered."
        )


def _legend(measured: Measured) -> str:
    """Number and name of each lesion in its color (HTML)."""
    from hccsurv_core.report.figures.filmstrip import lesion_color

    return components.chips(
        f'<span class="hcc-chip"><i style="color:rgb{lesion_color(number)}" aria-hidden="true">■</i>'
        f"{html(name) if name.endswith(str(number)) else f'{number} · {html(name)}'}</span>"
        for name, number in measured.patient.numbers.items()
    )


def film_pictures(measured: Measured) -> Mapping[str, list[np.ndarray]]:
    """Role → its pictures, all on one scale; drawn once."""
    from hccsurv_core.report.figures.filmstrip import slice_picture

    state = session()
    key = ("followup pictures", *measured.key)
    if key not in state.cache:
        frames = frames_of(measured)
        state.remember(
            key,
            {
                role: [
                    slice_picture(found, k, role.split("_")[1], frames[role], width=_WIDTH)
                    for k in range(len(found.slice_index))
                ]
                for role, found in measured.patient.slices.items()
            },
        )
    return state.cache[key]


def frames_of(measured: Measured) -> dict[str, Any]:
    """What is shown of each role's slices: all on one scale."""
    from hccsurv_core.report.figures.filmstrip import body_frame, on_one_scale

    return on_one_scale({role: body_frame(s) for role, s in measured.patient.slices.items()})


def _film(
    view: StudyView,
    measured: Measured,
    time: str,
    pictures: Mapping[str, list[np.ndarray]],
    by_hand: bool,
) -> None:
    st.html(_film_title(measured, time))
    for organ in _ORGANS:
        role = f"{time}_{organ}"
        with st.container(key=f"film_{role}"):
            if role not in pictures:
                st.html(
                    f'<p class="hcc-quiet">{ORGAN_TITLES[organ]}: {_why_absent(measured, role)}</p>'
                )
                continue
            st.html(f'<span class="hcc-kicker">{ORGAN_TITLES[organ]}</span>')
            slices = measured.patient.slices[role]
            places = st.columns(3, gap="small")
            for k, (place, index) in enumerate(zip(places, slices.slice_index, strict=False)):
                with place:
                    st.image(pictures[role][k], width="stretch")
                    st.html(_caption(measured, role, k))
                    if by_hand:
                        _stepper(view, measured, role, k, index)
            _strip_state(view, measured, role)


def _film_title(measured: Measured, time: str) -> str:
    examinations = measured.patient.examinations
    day = examinations.date_of(time) or "no date"
    more = ""
    if time == "followup" and examinations.interval_days is not None:
        more = f" · {examinations.interval_days / 7:.0f} weeks later"
    return (
        f'<div class="hcc-part" data-testid="film_{time}">{TIME_TITLES[time]}'
        f"<small>{html(day)}{more}</small></div>"
    )


def _why_absent(measured: Measured, role: str) -> str:
    if role not in measured.patient.examinations.studies:
        carried = role.startswith("followup") and role.replace("followup", "baseline") in (
            measured.patient.slices
        )
        return (
            "not scanned; the baseline slices are carried forward." if carried else "not scanned."
        )
    return "not outlined, and not found in the scan."


def _caption(measured: Measured, role: str, k: int) -> str:
    slices = measured.patient.slices[role]
    place = measured.patient.position_mm(role, slices.slice_index[k])
    area = slices.tumor_cm2[k]
    tumor = f"tumor {area:.1f} cm²" if area > 0 else "no tumor"
    return (
        f"<div class='hcc-film-caption'><span>{f'{place:.0f}'.replace('-', '−')} mm ·</span> "
        f"<span>{tumor}</span></div>"
    )


def _stepper(view: StudyView, measured: Measured, role: str, k: int, index: int) -> None:
    """Another slice in place of this one."""
    key = f"followup_slice_{role}_{k}_{measured.stored.revision}"
    st.number_input(
        "Slice", 1, measured.patient.scan_of(role).volume.shape[0], index + 1, key=key,
        label_visibility="collapsed", on_change=_replace, args=(view, measured, role, k, key),
    )  # fmt: skip


def _replace(view: StudyView, measured: Measured, role: str, k: int, key: str) -> None:
    from hccsurv_core.systems.immunotherapy.examinations import role_words

    chosen = int(st.session_state[key]) - 1
    now = list(measured.patient.slices[role].slice_index)
    if chosen in now[:k] + now[k + 1 :]:
        session().notice = ("info", "This slice is among the three already.")
        return
    told = f"slice {now[k] + 1} of the {role_words(role)} → {chosen + 1}"
    now[k] = chosen
    reading = measured.stored.reading.with_slices(role, tuple(sorted(now)))
    change_reading(view, reading, told)


def _strip_state(view: StudyView, measured: Measured, role: str) -> None:
    """Chosen by hand: said, with the way back to the rule."""
    from hccsurv_core.systems.immunotherapy.examinations import role_words

    if role not in measured.patient.by_hand:
        return
    reading = measured.stored.reading.with_slices(role, None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(components.chip("Chosen by hand", kind="good", sign="●"), width="content")
        st.button(
            "Back to the rule", key=f"followup_reset_{role}", type="tertiary",
            icon=":material/restart_alt:", on_click=change_reading,
            args=(view, reading, f"slices of the {role_words(role)} by the rule again"),
        )  # fmt: skip
