"""Where the network looked: heat over the lesion's slices, and two numbers about how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from hccsurv_core.report.manifest import RESEARCH_USE
from pages._shared import components
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.treatment_answer import Answered
from pages._shared.treatment_words import simulated_mark
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.imaging.lesion_crops import LesionCrops
    from hccsurv_core.models.gradcam import HeatShares
    from hccsurv_core.models.gradcam_lesion import LesionExplanation
    from hccsurv_core.systems.treatment.deep_images import DeepImages

#: Random areas that the hottest is held against: p goes down to 0.01.
N_RANDOM = 99
_TOWARD = {"death": "Death", "survival": "Survival"}
_CHANNELS = {"arterial": "Arterial", "portal": "Portal venous", "difference": "Difference"}


@st.fragment
def heat_block(view: StudyView, found: Answered) -> None:
    """The block; runs by itself when another layer, slice or opacity is chosen.

    Nothing is drawn where the model has no network, or lesion and liver are not outlined.
    """
    scan = None if found.signs is None else found.signs.scan
    if found.answer.version != "combined" or scan is None or not scan.complete:
        return
    try:
        deep = found.model.deep
        if deep is None:
            return
        st.html(
            '<div class="hcc-block-title">Where the network looked '
            f"{simulated_mark(found.simulated)}</div>"
        )
        _draw(view, found, deep, _crops(found, deep))
    except HccsurvError as error:
        components.show_error(error)


def _crops(found: Answered, deep: DeepImages) -> LesionCrops:
    """What the network was shown; cropped once for each pair of outlines."""
    from hccsurv_core.imaging.lesion_crops import crop_lesion
    from hccsurv_core.systems.treatment.stored_patient import lesion_phases

    if found.signs is None:
        raise InputError("lesion and liver are not outlined", source="heat map")
    key = ("lesion crops", found.model.sha256, *found.signs.scan.key)
    state = session()
    if key not in state.cache:
        phases = lesion_phases(found.signs.scan, open_store().load_volume)
        state.remember(key, crop_lesion(*phases, deep.classifier.crop))
    return state.cache[key]


def _draw(view: StudyView, found: Answered, deep: DeepImages, crops: LesionCrops) -> None:
    with st.container(key="wide_layout_heat"):
        left, right = st.columns([1.15, 1], gap="large")
        with right:
            chosen = _controls(deep, crops)
        explained = _explained(found, deep, crops, chosen)
        with left:
            _picture(view, found, crops, explained, chosen)
        with right:
            st.html(_shares_table(explained.shares[0]))
            (checked,) = explained.faithfulness
            sign = "●" if checked.p is not None and checked.depends and checked.p <= 0.05 else "▲"
            st.html(
                f'<p class="hcc-says" data-testid="faithfulness">{sign} {html(checked.words)}</p>'
            )
            notes = [*explained.maps[0].notes, *explained.notes]
            st.html("".join(f'<span class="hcc-quiet">· {html(n)}</span><br>' for n in notes))


def _controls(deep: DeepImages, crops: LesionCrops) -> dict[str, Any]:
    """What is shown, and how."""
    from hccsurv_core.imaging.lesion_crop_settings import CT_CHANNELS
    from hccsurv_core.models.gradcam import METHODS

    layers = list(deep.classifier.stages)
    first, second = st.columns(2)
    method = first.selectbox(
        "Method", list(METHODS), key="heat_method",
        format_func=lambda name: METHODS[name].words,
        help="; ".join(f"{m.words}: {m.source}" for m in METHODS.values()),
    )  # fmt: skip
    layer = second.selectbox(
        "Layer", layers, index=max(len(layers) - 2, 0), key="heat_layer",
        format_func=lambda name: name.replace("_", " "),
        help="Later layers see more of the lesion at once, in coarser cells.",
    )  # fmt: skip
    toward = st.segmented_control(
        "What speaks for", list(_TOWARD), default="death", required=True, key="heat_toward",
        format_func=_TOWARD.__getitem__,
    )  # fmt: skip
    channels = [c for c in crops.channels if c in CT_CHANNELS]
    channel = st.segmented_control(
        "Shown beneath", channels, default=channels[0], required=True, key="heat_channel",
        format_func=lambda name: _CHANNELS[name],
    )  # fmt: skip
    number = 0
    if crops.n_slices > 1:
        number = st.slider("Slice, largest first", 1, crops.n_slices, 1, key="heat_slice") - 1
    opacity = st.slider("Opacity of the heat (%)", 0, 100, 55, step=5, key="heat_opacity") / 100
    return {
        "method": method, "layer": layer, "toward": toward, "channel": channel, "slice": number,
        "opacity": opacity,
    }  # fmt: skip


def _explained(
    found: Answered, deep: DeepImages, crops: LesionCrops, chosen: dict[str, Any]
) -> LesionExplanation:
    """The map and its checks; kept, since the test deletes a hundred areas."""
    from hccsurv_core.models.gradcam_lesion import explain_lesion

    scan = () if found.signs is None else found.signs.scan.key
    picked = (chosen["method"], chosen["layer"], chosen["toward"])
    key = ("lesion heat", found.model.sha256, *scan, *picked)
    state = session()
    if key not in state.cache:
        with st.spinner("Looking where the network looks…"):
            state.remember(
                key,
                explain_lesion(
                    deep.classifier, crops, method=picked[0], layers=[picked[1]],
                    toward=picked[2], n_random=N_RANDOM,
                ),
            )  # fmt: skip
    return state.cache[key]


def _picture(
    view: StudyView,
    found: Answered,
    crops: LesionCrops,
    explained: LesionExplanation,
    chosen: dict[str, Any],
) -> None:
    from hccsurv_core.models.gradcam import METHODS
    from hccsurv_core.report.figures.lesion_heat import heat_picture, picture_file

    picture = heat_picture(
        crops, explained.maps[0].heat, slice_number=chosen["slice"], channel=chosen["channel"],
        opacity=chosen["opacity"],
    )  # fmt: skip
    size_mm = crops.images.shape[-1] * crops.mm_per_pixel
    simulated = " Trained on simulated patients." if found.simulated else ""
    caption = (
        f"{METHODS[chosen['method']].words}, {chosen['layer'].replace('_', ' ')}: warm speaks for "
        f"{chosen['toward']}. {size_mm:.0f} × {size_mm:.0f} mm; blue: lesion, white: liver."
        f"{simulated}"
    )
    st.image(picture, caption=caption, width="stretch")
    st.download_button(
        "Picture (PNG)",
        data=lambda: picture_file(
            picture,
            {"Title": caption, "Patient": view.patient.pseudonym, "Model": found.entry.name,
             "Note": RESEARCH_USE},
        ),
        file_name=f"{view.patient.pseudonym}_heat.png", mime="image/png", key="get_heat",
        on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def _shares_table(shares: HeatShares) -> str:
    """Shares of the heat beside what an even spread would give (HTML)."""
    rows = (
        ("Lesion", shares.lesion, shares.lesion_area),
        ("Rest of the liver", shares.liver, shares.liver_area),
        ("Outside", shares.outside, shares.outside_area),
    )
    body = "".join(
        f'<tr><td>{name}</td><td class="num">{_percent(share)}</td>'
        f'<td class="num">{_percent(area)}</td></tr>'
        for name, share, area in rows
    )
    return (
        '<table class="hcc-table" data-testid="heat_shares"><thead><tr><th>Where the heat is</th>'
        '<th class="num">Of the heat</th><th class="num">Of the area</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
