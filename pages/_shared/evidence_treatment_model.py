"""Evidence on system 2: what Wei et al. found, what is rebuilt, what differs, and every formula used."""

from __future__ import annotations

import streamlit as st

from pages._shared.evidence_tables import prose_table
from pages._shared.formats import html

DOI = "10.31083/BJHM50380"
CITATION = "Wei et al., Br J Hosp Med 2026."
#: (model, C-index of the two parts of the data) as the project's brief reports them.
PUBLISHED = (
    ("Hepatectomy: clinical and image features together", "0.836 and 0.861"),
    ("TACE: clinical and image features together", "0.840 and 0.834"),
    ("ResNet50, alive beyond 3 years: AUC", "0.866 and 0.793"),
)
_DIFFERENCES = (
    (
        "Images",
        "1024 features of ResNet50, filtered by correlation and univariate Cox regression, 26 "
        "coefficients left by LASSO.",
        "Signs that a radiologist names, measured on arterial and portal venous CT: enhancement, "
        "washout, necrosis, capsule, corona, margin, heterogeneity. The paper's networks and its "
        "selection chain can be trained beside them; what the arms learn from is out of fold.",
    ),
    (
        "Clinical values",
        "Hepatectomy: BCLC, cirrhosis, ALBI grade, diameter. TACE: BCLC, cirrhosis, location.",
        "Raw values, not cut into grades; both arms may take all that are known, under a penalty. "
        "Stages are made of the same values and serve rules and guidelines.",
    ),
    (
        "Models",
        "A Cox model of each treatment, a nomogram of each.",
        "The same, with a ridge penalty whose strength is averaged over what the data leave open, "
        "so that survival and difference have intervals. An arm may follow the other arm's "
        "coefficients as far as its own patients agree.",
    ),
    (
        "Recommendation",
        "By the difference of the two nomograms.",
        "By the difference in months lived, its interval, overlap of the patients given either, "
        "rules and guidelines; otherwise none is given, and why is said.",
    ),
    (
        "Missing values",
        "Not stated to us.",
        "The training median, said beside the answer; where it would decide, no recommendation.",
    ),
    (
        "Proof",
        "Survival of those treated in agreement.",
        "The same, weighted for what was measured, with balance and E-value, and on simulated "
        "patients the months lost against the truth. None of it proves that following it helps.",
    ),
)


def show_treatment_model() -> None:
    """The tab."""
    st.html(
        f'<p class="hcc-lead">{html(CITATION)} <a href="https://doi.org/{DOI}" target="_blank" '
        f'rel="noopener">doi:{DOI}</a></p>'
    )
    with st.container(key="wide_layout_evidence_treatment"):
        found, rebuilt = st.columns([1, 1.15], gap="large")
    with found:
        st.subheader("What they found", anchor=False)
        st.markdown(
            "278 patients after hepatectomy and 131 after chemoembolization of one study. Networks "
            "were trained on crops of the lesion in two phases; their features, selected, and "
            "clinical values made one survival model of each treatment. We had the project's "
            "account of the paper, not its full text."
        )
        st.html(published_table())
    with rebuilt:
        st.subheader("What is rebuilt here, and what differs", anchor=False)
        st.html(differences_table())
    scores, covariates, rules, guidelines = st.tabs(
        ["Scores and stages", "What the models take", "Rules", "Guidelines"]
    )
    scores.html(scores_table())
    covariates.html(covariates_table())
    rules.html(rules_table())
    guidelines.html(guidelines_table())
    st.markdown(
        "**What it cannot show.** Patients of such cohorts were not randomized. A difference between "
        "the treatments can stand for a reason of the choice that nobody wrote down: who could be "
        "operated on at all. Models of clinical values alone often recommend the same treatment to "
        "everybody; the evaluation says so where it happens."
    )


def published_table() -> str:
    """What was published (HTML)."""
    rows = [(html(what), html(value)) for what, value in PUBLISHED]
    return prose_table(("Model", "C-index, both parts of the data"), rows, "treatment_published")


def differences_table() -> str:
    """The paper and this program, side by side (HTML)."""
    rows = [(f"<b>{html(a)}</b>", html(b), html(c)) for a, b, c in _DIFFERENCES]
    return prose_table(("", "In the paper", "Here"), rows, "treatment_differences")


def scores_table() -> str:
    """Every score with formula and source (HTML)."""
    from hccsurv_core.features.clinical_scores.registry import DEFINITIONS

    rows = [
        (
            f"<b>{html(d.title)}</b><span class='sub'>{html(d.about)}</span>",
            html(d.formula),
            "<br>".join(f"<b>{html(level.code)}</b> {html(level.rule)}" for level in d.levels),
            f'{html(_without_doi(d.source))} <a href="https://doi.org/{html(d.doi)}" target="_blank" '
            f'rel="noopener">doi:{html(d.doi)}</a>',
        )
        for d in DEFINITIONS.values()
    ]
    return prose_table(("Score", "How it is computed", "Levels", "Source"), rows, "score_formulas")


def _without_doi(source: str) -> str:
    """A citation whose DOI stands beside it as a link."""
    return source.split(" doi:")[0]


def covariates_table() -> str:
    """What the arms' models may take, clinical values and signs (HTML)."""
    from hccsurv_core.features.lesion_signs import SIGNS
    from hccsurv_core.systems.treatment.covariates import CLINICAL_COVARIATES

    rows = [
        (f"<b>{html(c.label)}</b>", html(c.unit), html(c.reason)) for c in CLINICAL_COVARIATES
    ] + [(f"<b>{html(s.label)}</b>", html(s.unit), html(s.meaning)) for s in SIGNS]
    return prose_table(("Covariate", "Unit", "Why, or how it is measured"), rows, "covariates")


def rules_table() -> str:
    """Findings with which a treatment is not recommended (HTML)."""
    from hccsurv_core.systems.treatment.arm_table import ARM_WORDS
    from hccsurv_core.systems.treatment.stop_rules import STOP_RULES

    rows = [
        (
            f"<b>{html(rule.what)}</b>",
            html(", ".join(ARM_WORDS[arm] for arm in rule.bars)),
            html(rule.why),
            f"{html(rule.source)}<span class='sub'>{html(rule.checked)}</span>",
        )
        for rule in STOP_RULES
    ]
    return prose_table(("Finding", "Not recommended then", "Why", "Source"), rows, "stop_rules")


def guidelines_table() -> str:
    """What guidelines say of each stage (HTML)."""
    from hccsurv_core.systems.treatment.guidelines import STATEMENTS, SYSTEM_WORDS

    rows = [
        (
            f"<b>{html(SYSTEM_WORDS[s.system])} {html('/'.join(s.stages))}</b>",
            html(s.guideline),
            html(s.says),
            f"{html(s.source)}<span class='sub'>{html(s.checked)}</span>",
        )
        for s in STATEMENTS
    ]
    return prose_table(
        ("Stage", "Guideline", "What it says", "Source"), rows, "guideline_statements"
    )
