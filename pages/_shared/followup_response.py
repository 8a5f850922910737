"""Lesions at both times: diameters as measured or typed, response by RECIST and mRECIST, growth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats
from pages._shared.followup_reading import change_reading, undo_button
from pages._shared.followup_words import ORGAN_TITLES, SIZE_TITLES, signed
from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.features.recist_lesions import LesionSizes
    from hccsurv_core.features.recist_response import Response
    from hccsurv_core.features.tumor_growth import GrowthRate
    from hccsurv_core.systems.immunotherapy.response import PatientResponse
    from pages._shared.followup_measuring import Measured
    from pages._shared.views import StudyView

_EDITING = "followup_editing"


def response_block(view: StudyView, measured: Measured, response: PatientResponse | None) -> None:
    """The table of lesions with sums and categories; the form that corrects diameters."""
    editing = st.session_state.get(_EDITING) == view.patient.id
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<div class="hcc-block-title">Lesions and response</div>', width="stretch")
        undo_button(view, measured.stored)
        if not editing and measured.patient.sizes:
            st.button(
                "Correct diameters", key="followup_edit", icon=":material/straighten:",
                on_click=_set_editing, args=(view.patient.id,),
            )  # fmt: skip
    if editing:
        _form(view, measured)
    lesions = measured.patient.sizes if response is None else response.lesions
    if lesions:
        st.html(lesion_table(measured, lesions, response))
    _said(view, measured)
    if response is not None:
        st.html("".join(_criterion(told) for told in (response.recist, response.mrecist)))


def _set_editing(patient_id: Any) -> None:
    st.session_state[_EDITING] = patient_id


def _said(view: StudyView, measured: Measured) -> None:
    """What a reader of the whole scan adds."""
    reading, revision = measured.stored.reading, measured.stored.revision
    if not measured.patient.examinations.has_followup:
        return
    with st.container(horizontal=True, gap="large"):
        key = f"followup_new_{revision}"
        st.checkbox(
            "A new lesion was seen that is not outlined", reading.new_lesion, key=key,
            on_change=_say, args=(view, measured, "new_lesion", key),
        )  # fmt: skip
        if not measured.patient.volumes_ml["followup"]:
            key = f"followup_gone_{revision}"
            st.checkbox(
                "All lesions are gone at follow-up", reading.all_gone, key=key,
                on_change=_say, args=(view, measured, "all_gone", key),
            )  # fmt: skip


def _say(view: StudyView, measured: Measured, name: str, key: str) -> None:
    said = bool(st.session_state[key])
    words = {"new_lesion": "a new lesion was seen", "all_gone": "all lesions are gone"}[name]
    reading = measured.stored.reading
    if name == "new_lesion":
        reading = replace(reading, new_lesion=said)
    else:
        reading = replace(reading, all_gone=said)
    change_reading(view, reading, words if said else f"not any more: {words}")


def lesion_table(
    measured: Measured, lesions: tuple[LesionSizes, ...], response: PatientResponse | None
) -> str:
    """Every lesion: organ, diameters, change, volume, growth (HTML)."""
    viable = any(
        one.viable_baseline_mm is not None or one.viable_followup_mm is not None for one in lesions
    )
    heads = "".join(
        f'<th class="num">{title}</th>'
        for title in ("Baseline", "Follow-up", "Change", *(("Enhancing",) if viable else ()),
                      "Volume", "Growth per month")
    )  # fmt: skip
    rows = "".join(_lesion_row(measured, one, response, viable) for one in lesions)
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="followup_lesions"><thead>'
        f"<tr><th>Lesion</th><th>Organ</th>{heads}</tr></thead><tbody>{rows}"
        f"{_total_row(response, viable)}</tbody></table></div>"
        '<p class="hcc-quiet" style="margin:0.2rem 0 0">Longest diameters in the axial plane; ✎ typed by '
        "hand. Growth: of the outlined volume; of what vanished it is a bound.</p>"
    )


def _lesion_row(
    measured: Measured, one: LesionSizes, response: PatientResponse | None, viable: bool
) -> str:
    from hccsurv_core.report.figures.filmstrip import lesion_color

    label = one.label or 0
    role = "" if response is None else response.target_of(one.name)
    swatch = f'<span class="hcc-swatch" style="background:rgb{lesion_color(label)}"></span>'
    cells = [_mm(one, "baseline_mm"), _mm(one, "followup_mm"), _change(one)]
    if viable:
        cells.append(f"{_mm(one, 'viable_baseline_mm')} → {_mm(one, 'viable_followup_mm')}")
    growth = None if response is None or response.growth is None else response.growth
    cells.append(_volumes(measured, label))
    cells.append(_rate(None if growth is None else growth.lesions.get(label)))
    body = "".join(f'<td class="num">{cell}</td>' for cell in cells)
    note = f'<span class="sub">{html(role)}</span>' if role else ""
    return (
        f"<tr><td>{swatch}<b>{html(one.name)}</b>{note}</td>"
        f"<td>{html(ORGAN_TITLES.get(one.organ, one.organ))}</td>{body}</tr>"
    )


def _mm(one: LesionSizes, size: str) -> str:
    value = getattr(one, size)
    if value is None:
        return "–"
    if value == 0:
        return "not there" if size == "baseline_mm" else "gone" if size == "followup_mm" else "none"
    pen = " ✎" if size in one.by_hand else ""
    return f'{value:.1f} <span class="unit">mm</span>{pen}'


def _change(one: LesionSizes) -> str:
    if one.followup_mm is None:
        return "–"
    if one.is_new:
        return "new"
    change = one.followup_mm - one.baseline_mm
    if not one.baseline_mm:
        return "–"
    return f'{signed(100 * change / one.baseline_mm, 0)} <span class="unit">%</span>'


def _volumes(measured: Measured, label: int) -> str:
    before, after = (measured.patient.volumes_ml[t].get(label) for t in ("baseline", "followup"))
    first = "0" if before is None else formats.significant(before)
    if not measured.patient.read:
        return f'{first} <span class="unit">mL</span>'
    second = "0" if after is None else formats.significant(after)
    return f'{first} → {second} <span class="unit">mL</span>'


def _rate(rate: GrowthRate | None) -> str:
    if rate is None or rate.rate_percent_per_month is None:
        return "–"
    bound = "≤ " if rate.is_bound else ""
    days = rate.doubling_days or rate.halving_days
    word = "doubles" if rate.doubling_days else "halves"
    more = "" if days is None else f'<span class="sub">{word} in {days:.0f} days</span>'
    return f'{bound}{signed(rate.rate_percent_per_month, 0)} <span class="unit">%</span>{more}'


def _total_row(response: PatientResponse | None, viable: bool) -> str:
    if response is None or response.recist.baseline_sum_mm is None:
        return ""
    told = response.recist
    after = "–" if told.followup_sum_mm is None else f"{told.followup_sum_mm:.1f}"
    change = "–" if told.change_percent is None else f"{signed(told.change_percent)}"
    total = None if response.growth is None else response.growth.total
    volume = "–"
    if total is not None:
        volume = (
            f"{formats.significant(total.baseline)} → {formats.significant(total.followup)} "
            '<span class="unit">mL</span>'
        )
    empty = '<td class="num"></td>' if viable else ""
    return (
        f"<tr><td><b>Sum of targets</b><span class='sub'>volumes: of all lesions</span></td><td></td>"
        f'<td class="num"><b>{told.baseline_sum_mm:.1f}</b> <span class="unit">mm</span></td>'
        f'<td class="num"><b>{after}</b> <span class="unit">mm</span></td>'
        f'<td class="num"><b>{change}</b> <span class="unit">%</span></td>{empty}'
        f'<td class="num">{volume}</td><td class="num">{_rate(total)}</td></tr>'
    )


def _criterion(told: Response) -> str:
    """What stands beside a category: other lesions, what a reader should know, the source (HTML)."""
    rest = "" if told.non_target == "none" else f" Lesions that are no targets: {told.non_target}."
    notes = "".join(f" {formats.sentence(note)}" for note in told.notes)
    return (
        f'<p class="hcc-quiet" style="margin:0"><b>{html(told.criterion.title)}</b>:'
        f"{html(rest + notes)} {html(told.criterion.source)}</p>"
    )


def _form(view: StudyView, measured: Measured) -> None:
    """Diameters to be corrected; an empty field leaves it to the outline."""
    said, revision = measured.stored.reading, measured.stored.revision
    typed: dict[tuple[str, str], float | None] = {}
    prefix = f"followup_mm_{revision}"
    with st.form(f"{prefix}_form", border=True):
        st.caption(
            "Millimeters; 0 is gone, or does not enhance. Empty: as the outline measures it. What enhances "
            "is read in the arterial phase; mRECIST needs it of liver lesions."
        )
        for one in measured.patient.sizes:
            st.html(f'<span class="hcc-kicker">{html(one.name)}</span>')
            for column, (size, title) in zip(st.columns(4), SIZE_TITLES.items(), strict=True):
                with column:
                    known = getattr(one, size)
                    typed[one.name, size] = st.number_input(
                        f"{title} (mm)", 0.0, 500.0, said.diameters.get(one.name, {}).get(size),
                        step=0.5, format="%.1f", key=f"{prefix}_{one.label}_{size}",
                        placeholder="not known" if known is None else f"{known:.1f} measured",
                    )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            save = st.form_submit_button("Save diameters", type="primary", key=f"{prefix}_save")
            stop = st.form_submit_button("Cancel", key=f"{prefix}_cancel")
    if stop:
        _set_editing(None)
        st.rerun()
    if save:
        _save(view, measured, typed)


def _save(view: StudyView, measured: Measured, typed: dict[tuple[str, str], float | None]) -> None:
    reading, told = measured.stored.reading, []
    try:
        for (name, size), mm in typed.items():
            if mm != reading.diameters.get(name, {}).get(size):
                reading = reading.with_diameter(name, size, mm)
                shown = "as measured" if mm is None else f"{mm:g} mm"
                told.append(f"{name}, {SIZE_TITLES[size].lower()}: {shown}")
    except HccsurvError as error:
        components.show_error(error)
        return
    if told:
        change_reading(view, reading, "; ".join(told))
    _set_editing(None)
    st.rerun()
