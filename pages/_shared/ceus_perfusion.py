"""Curves, parameters, phases and motion of the clip on view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.report.manifest import Manifest
from pages._shared import components
from pages._shared.figures import show_figure, show_table
from pages._shared.formats import html

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.features.perfusion.examination import Perfusion
    from pages._shared.views import StudyView

_DEGREES = {"hyper": "Hyperenhancement", "iso": "Isoenhancement", "hypo": "Hypoenhancement"}
_PHASES = {"arterial": "Arterial", "portal venous": "Portal venous", "late": "Late"}


def manifest_of(view: StudyView, result: str) -> Manifest:
    """What stands behind a figure or a table of the clip."""
    source = {"name": f"{view.patient.pseudonym}, ultrasound clip", "study": str(view.study.id)}
    return Manifest(result, source, {"frames": view.study.shape[0]}, view.simulated)


def curve_block(view: StudyView, found: Perfusion) -> None:
    """The curves with the phases shaded, and what the peak frame is."""
    from hccsurv_core.report.figures.perfusion_charts import time_intensity_chart

    difference = st.toggle("Also lesion less reference", key="ceus_difference")
    chart = time_intensity_chart(found, difference=difference)
    show_figure(chart, manifest_of(view, "Time-intensity curves"), "ceus_curves")


def perfusion_chips(found: Perfusion) -> list[str]:
    """How many frames count, and how well the curve is described."""
    used = int(found.curve.used.sum())
    parts = [components.chip(f"Peak frame {found.peak_frame.frame}", sign="●", kind="good",
                             title=found.peak_frame.sentence)]  # fmt: skip
    parts.append(components.chip(f"{used} of {len(found.curve.time_s)} frames measured"))
    if found.fit is None:
        parts.append(components.chip("No bolus model fits", kind="look", sign="▲"))
    else:
        parts.append(components.chip(f"{found.fit.label}, R² {found.fit.r2:.3f}"))
    return parts


#: What is read first; all parameters stand below.
_LEADING = ("time_to_peak_s", "rise_time_s", "relative_wash_in_per_s", "fall_time_s")


def leading_numbers(found: Perfusion) -> str:
    """The numbers that a sonographer reads first (HTML)."""
    from hccsurv_core.features.perfusion.parameters import PARAMETERS

    rows = []
    for name in _LEADING:
        one = found.parameters.fitted.get(name) or found.parameters.observed.get(name)
        if one is None:
            continue
        label, unit = PARAMETERS[name]
        spread = "" if one.low is None else f" ({_number(one.low)} to {_number(one.high)})"
        rows.append((label[:1].upper() + label[1:], f"{_number(one.value)}{spread} {unit}"))
    for phase in found.phases:
        degree = _DEGREES.get(phase.degree, "Not shown by the clip")
        rows.append((f"{_PHASES[phase.phase.name]} phase", degree))
    rows.append(("Washout", _washout(found)))
    body = "".join(
        f'<tr><td>{html(name)}</td><td class="num">{html(value)}</td></tr>' for name, value in rows
    )
    return (
        f'<table class="hcc-table tight" data-testid="ceus_leading"><tbody>{body}</tbody></table>'
    )


def _washout(found: Perfusion) -> str:
    washout = found.washout
    if washout.onset_s is None:
        return "None seen"
    told = f"{washout.timing}, {washout.degree}" if washout.degree else washout.timing
    return f"From {washout.onset_s:.0f} s ({told})"


def parameters_block(view: StudyView, found: Perfusion) -> None:
    """Every parameter of lesion and reference with unit and interval."""
    show_table(
        _parameters_html(found), parameters_frame(found),
        manifest_of(view, "Perfusion parameters"), "ceus_parameters", title="Perfusion parameters",
    )  # fmt: skip
    st.html(
        '<p class="hcc-quiet" style="margin:0">Intensities are linear, white of the screen is 1: they '
        "depend on gain and machine; times and ratios do not. In brackets: 95 % intervals, of the fit's "
        "noise and 3 % for model and outline. The liver is filled by artery and portal vein, so it is described from its frames.</p>"
    )


def parameters_frame(found: Perfusion) -> DataFrame:
    """Long form, for a download."""
    import pandas as pd

    from hccsurv_core.features.perfusion.parameters import PARAMETERS

    rows = []
    for name, (label, unit) in PARAMETERS.items():
        fitted = found.parameters.fitted.get(name)
        observed = found.parameters.observed.get(name)
        other = found.reference_parameters
        reference = None if other is None else other.observed.get(name)
        rows.append(
            {
                "parameter": name, "label": label, "unit": unit,
                "lesion_fitted": None if fitted is None else fitted.value,
                "ci_low": None if fitted is None else fitted.low,
                "ci_high": None if fitted is None else fitted.high,
                "lesion_observed": None if observed is None else observed.value,
                "reference_observed": None if reference is None else reference.value,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _parameters_html(found: Perfusion) -> str:
    rows = []
    for row in parameters_frame(found).to_dict("records"):
        fitted = _number(row["lesion_fitted"])
        if _known(row["ci_low"]):
            fitted += f" ({_number(row['ci_low'])} to {_number(row['ci_high'])})"
        label = str(row["label"])
        rows.append(
            f"<tr><td>{html(label[:1].upper() + label[1:])}"
            f" <span class='unit'>· {html(str(row['unit']))}</span></td>"
            f'<td class="num">{fitted}</td><td class="num">{_number(row["lesion_observed"])}</td>'
            f'<td class="num">{_number(row["reference_observed"])}</td></tr>'
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight wrapped" data-testid="ceus_parameters">'
        '<thead><tr><th>Parameter</th><th class="num">Lesion, fitted</th>'
        '<th class="num">Lesion, from the frames</th><th class="num">Reference, from the frames</th>'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _known(value: float | None) -> bool:
    return value is not None and value == value


def _number(value: float | None) -> str:
    return f"{value:.3g}".replace("-", "−") if _known(value) else "–"


def phases_block(view: StudyView, found: Perfusion) -> None:
    """Enhancement in each phase, and washout."""
    from hccsurv_core.report.figures.perfusion_charts import ratio_chart

    st.html(phases_html(found))
    st.markdown(f"**Washout.** {found.washout.sentence}")
    show_figure(ratio_chart(found), manifest_of(view, "Lesion over reference"), "ceus_ratio")


def phases_html(found: Perfusion) -> str:
    """The phases in a table (HTML)."""
    rows = []
    for phase in found.phases:
        span = f"{phase.phase.start_s:g}–{phase.phase.end_s:g} s"
        if phase.ratio_db is None:
            shown, degree = "–", "Not shown by the clip"
        else:
            shown = f"{phase.ratio_db:+.1f}".replace("-", "−")
            if phase.low_db is not None and phase.high_db is not None:
                shown += f" ({phase.low_db:+.1f} to {phase.high_db:+.1f})".replace("-", "−")
            degree = _DEGREES.get(phase.degree, "–") + ("" if phase.sure else ", not sure")
        rows.append(
            f"<tr><td><b>{_PHASES[phase.phase.name]}</b></td><td>{span}</td>"
            f'<td class="num">{shown}</td><td>{degree}</td><td class="num">{phase.n_frames}</td></tr>'
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table" data-testid="ceus_phases"><thead><tr>'
        '<th>Phase</th><th>After injection</th><th class="num">Lesion over reference (dB)</th>'
        '<th>Enhancement</th><th class="num">Frames</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def motion_block(view: StudyView, found: Perfusion) -> None:
    """Where the region was, how well it was found again, and which frames are left out."""
    from hccsurv_core.report.figures.perfusion_charts import motion_chart

    show_figure(motion_chart(found), manifest_of(view, "Motion"), "ceus_motion")
    left_out = [(k, reason) for k, reason in enumerate(found.motion.reasons) if reason]
    if not left_out:
        return
    rows = "".join(
        f'<tr><td class="num">{k}</td><td class="num">{found.curve.time_s[k]:.1f}</td>'
        f"<td>{html(reason)}</td></tr>"
        for k, reason in left_out
    )
    with st.expander(f"{len(left_out)} frames left out", key="ceus_left_out"):
        st.html(
            '<div class="hcc-scroll"><table class="hcc-table tight"><thead><tr>'
            '<th class="num">Frame</th><th class="num">Time (s)</th><th>Why</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
