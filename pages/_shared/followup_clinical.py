"""The clinical score CLN with its terms, its seven values, and the published fusion in both readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import formats
from pages._shared.clinical_values import values_form
from pages._shared.followup_words import signed
from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.features.clinical_scores.cln import ClnScore, RadClnD
    from pages._shared.views import StudyView

_RISK = {True: "high risk", False: "not high risk", None: "no answer"}


def clinical_block(view: StudyView) -> None:
    """Terms beside the published fusion; the form of the seven values where one is missing."""
    from hccsurv_core.systems.immunotherapy.clinical import NEEDS, clinical_score

    score = clinical_score(dict(view.clinical_values))
    st.html('<div class="hcc-block-title">Clinical score (CLN)</div>')
    with st.container(key="wide_layout_followup_clinical"):
        left, right = st.columns([1.15, 1], gap="large")
    with left:
        st.html(terms_table(score))
        words = "Fill in the seven values" if score.missing else "Change the seven values"
        with st.expander(words, expanded=bool(score.missing), icon=":material/edit:"):
            values_form(view, NEEDS, "followup_cln")
    with right:
        _fusion(score)


def terms_table(score: ClnScore) -> str:
    """The seven summands and their sum (HTML)."""
    rows = "".join(
        f"<tr><td>{html(term.label[:1].upper() + term.label[1:])}</td><td>{html(term.given)}</td>"
        f'<td class="num">{signed(term.coefficient, 4)} × {"?" if term.value is None else term.value}</td>'
        f'<td class="num">{"–" if term.product is None else signed(term.product, 4)}</td></tr>'
        for term in score.terms
    )
    total = "not known" if score.value is None else signed(score.value, 4).removeprefix("+")
    why = (
        ""
        if score.reason is None
        else f'<span class="sub">{html(formats.sentence(score.reason))}</span>'
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="followup_cln"><thead><tr>'
        '<th>Term</th><th>This patient</th><th class="num">Coefficient × value</th>'
        f'<th class="num">Adds</th></tr></thead><tbody>{rows}<tr><td><b>CLN score</b>{why}</td><td></td>'
        f'<td></td><td class="num"><b>{total}</b></td></tr></tbody></table></div>'
        f'<p class="hcc-quiet" style="margin:0.2rem 0 0">Higher is worse. {html(score.definition.source)}.</p>'
    )


@st.fragment
def _fusion(score: ClnScore) -> None:
    """The published RadCLN-D from a typed radiology score, in both readings."""
    from hccsurv_core.features.clinical_scores.cln import (
        CODE_READING,
        FUSION_FORMULA,
        PAPER_READING,
        rad_cln_d,
    )

    st.html('<div class="hcc-part">The published fusion</div>')
    st.html(
        f'<p style="margin:0">{html(FUSION_FORMULA)}.</p><p class="hcc-quiet" style="margin:0.3rem 0 0">It '
        "needs the score of the authors' own network, whose weights are not here: the radiology scores of "
        "this page are on another scale and do not fit. Type it where you have it; <code>cln --weights</code> "
        "of the command line asks the network where you have its weights.</p>"
    )
    typed = st.number_input(
        "Radiology score of the authors' network", value=None, step=0.01, format="%.4f",
        key="followup_radiology", placeholder="not known",
    )  # fmt: skip
    if typed is not None:
        st.html(fusion_table(rad_cln_d(float(typed), score.value)))
    with st.expander("Logarithm or not: two readings", expanded=typed is not None):
        st.markdown(
            f"The paper and its authors' program part here.\n\n- {formats.plain(PAPER_READING)}\n"
            f"- {formats.plain(CODE_READING)}"
        )


def fusion_table(fused: RadClnD) -> str:
    """Both readings (HTML)."""
    by_paper = (
        "–" if fused.weighted_sum is None else signed(fused.weighted_sum, 3).removeprefix("+")
    )
    by_code = "–" if fused.log_of_it is None else signed(fused.log_of_it, 3).removeprefix("+")
    rows = (
        ("The paper: the weighted sum", by_paper, fused.high_risk_by_paper),
        ("The program: its logarithm", by_code, fused.high_risk_by_code),
    )
    body = "".join(
        f'<tr><td>{name}</td><td class="num">{value}</td><td>{_RISK[risk]}</td></tr>'
        for name, value, risk in rows
    )
    why = (
        ""
        if fused.reason is None
        else f'<p class="hcc-quiet">{html(formats.sentence(fused.reason))}</p>'
    )
    return (
        '<table class="hcc-table tight" data-testid="followup_fusion"><thead><tr><th>Reading</th>'
        f'<th class="num">Above 0.66?</th><th>Says</th></tr></thead><tbody>{body}</tbody></table>{why}'
    )
