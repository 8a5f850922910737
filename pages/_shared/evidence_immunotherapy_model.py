"""Evidence on system 4: what Xia et al. found, what is rebuilt, what differs, and every formula used."""

from __future__ import annotations

import streamlit as st

from pages._shared.evidence_immunotherapy_texts import (
    DIFFERENCES,
    FORMULAS,
    HAZARD_RATIOS,
    LIMITS,
    MEANINGS,
    PUBLISHED,
)
from pages._shared.evidence_tables import prose_table
from pages._shared.formats import html

DOI = "10.1186/s13244-024-01784-8"
CITATION = "Xia et al., Insights into Imaging 2024."


def show_immunotherapy_model() -> None:
    """The tab."""
    st.html(
        f'<p class="hcc-lead">{html(CITATION)} <a href="https://doi.org/{DOI}" target="_blank" '
        f'rel="noopener">doi:{DOI}</a></p>'
    )
    with st.container(key="wide_layout_evidence_immunotherapy"):
        found, rebuilt = st.columns([1, 1.15], gap="large")
    with found:
        st.subheader("What they found", anchor=False)
        st.markdown(
            "207 patients under immunotherapy from 52 centers, divided by center. A network read three "
            "liver and three lung slices of the scan before treatment and of the follow-up scan; its "
            "score was added to a clinical score of histology and earlier treatment. We had the "
            "project's account of the paper and the authors' program, not the full text."
        )
        st.html(published_table())
    with rebuilt:
        st.subheader("What is rebuilt here, and what differs", anchor=False)
        st.html(differences_table())
    scores, formulas, covariates = st.tabs(
        ["Clinical score and fusion", "Formulas", "What the models take"]
    )
    scores.html(clinical_table())
    formulas.html(formulas_table())
    covariates.html(covariates_table())
    st.markdown(LIMITS)


def published_table() -> str:
    """What was published (HTML)."""
    rows = [(html(what), html(value)) for what, value in (*PUBLISHED, *HAZARD_RATIOS)]
    return prose_table(("Model", "Test patients"), rows, "immunotherapy_published")


def differences_table() -> str:
    """The paper and this program, side by side (HTML)."""
    rows = [(f"<b>{html(a)}</b>", html(b), html(c)) for a, b, c in DIFFERENCES]
    return prose_table(("", "In the paper", "Here"), rows, "immunotherapy_differences")


def clinical_table() -> str:
    """CLN with its terms and decisions, and both readings of the fusion (HTML)."""
    from hccsurv_core.features.clinical_scores.cln import (
        CLN,
        CODE_READING,
        FUSION_FORMULA,
        PAPER_READING,
    )

    source = _link(CLN.source.split(" doi:")[0], CLN.doi)
    rows = [
        (
            f"<b>{html(CLN.title)}</b><span class='sub'>{html(CLN.about)}</span>",
            "<br>".join(html(text) for text in (CLN.formula, *CLN.decisions)),
            source,
        ),
        (
            "<b>RadCLN-D as published</b><span class='sub'>radiology and clinical score together</span>",
            "<br>".join(html(text) for text in (FUSION_FORMULA, PAPER_READING, CODE_READING)),
            f"{source}; program: EstelleXIA/ProgHCC, predict.py",
        ),
    ]
    return prose_table(("Score", "How it is computed", "Source"), rows, "cln_formula")


def formulas_table() -> str:
    """Every formula with its source (HTML)."""
    rows = [
        (f"<b>{html(what)}</b>", html(how), _link(source, doi) if doi else html(source))
        for what, how, source, doi in FORMULAS
    ]
    return prose_table(("What", "How it is computed", "Source"), rows, "immunotherapy_formulas")


def covariates_table() -> str:
    """What the models may take: the score, signs of two scans, networks (HTML)."""
    from hccsurv_core.systems.immunotherapy.clinical import SCORE
    from hccsurv_core.systems.immunotherapy.shown import shown_value
    from hccsurv_core.systems.immunotherapy.signs import BY_NAME
    from hccsurv_core.systems.immunotherapy.tables import NETWORKS

    rows = [(f"<b>{html(SCORE.label)}</b>", "", html(SCORE.reason))]
    for name, sign in BY_NAME.items():
        unit = shown_value(name, float("nan"))[1]
        scan = "change between the scans" if sign.followed else "baseline scan"
        rows.append(
            (f"<b>{html(sign.label)}</b><span class='sub'>{scan}</span>", html(unit),
             html(MEANINGS[sign.name]))
        )  # fmt: skip
    rows += [
        (f"<b>{html(title)}</b>", "log hazard", html(MEANINGS["network"]))
        for title in NETWORKS.values()
    ]
    return prose_table(
        ("Covariate", "Unit", "Why, or how it is measured"), rows, "immunotherapy_covariates"
    )


def _link(text: str, doi: str) -> str:
    return (
        f'{html(text)} <a href="https://doi.org/{html(doi)}" target="_blank" rel="noopener">'
        f"doi:{html(doi)}</a>"
    )
