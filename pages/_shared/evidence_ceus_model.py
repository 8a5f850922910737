"""Evidence on system 3: what Huang et al. found, what is rebuilt, what differs, and every formula used."""

from __future__ import annotations

import streamlit as st

from pages._shared.evidence_tables import prose_table
from pages._shared.formats import html

DOI = "10.4251/wjgo.v14.i12.2380"
CITATION = "Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392."
#: (model, what both parts of the data gave) as the project's brief reports them.
PUBLISHED = (
    ("Recurrence within a year, pictures: AUC", "0.819 and 0.568"),
    ("Overall survival, pictures: C-index", "0.792 and 0.741"),
    ("Overall survival, clinical values and pictures: C-index", "0.800 and 0.759"),
)
_DIFFERENCES = (
    (
        "Pictures",
        "The grayscale frame, and the frame of the lesion's peak intensity within 0–360 s.",
        "The same two. The peak frame is chosen from a fitted time-intensity curve and can be "
        "overridden. Each still is measured in decibels against liver at the same depth.",
    ),
    (
        "Features",
        "11 270 radiomics and deep features of both frames.",
        "4670 with the usual settings: 1311 radiomics and 1024 deep features of each still. Which "
        "the paper's 11 270 are we do not know. Beside them signs that a sonographer names, measured "
        "as numbers.",
    ),
    (
        "Early recurrence",
        "Univariate logistic regression, mRMR (8 features), L1 logistic model.",
        "The same chain inside each fold; its score enters a ridge logistic model with signs and "
        "clinical values. The p-value of the first step (0.05), the scheme of mRMR and the choice of "
        "the penalty are our readings.",
    ),
    (
        "Survival",
        "Features with a C-index above 0.58 (50 of them), L1 Cox model.",
        "The same chain inside each fold, on features that repeat where lesions were outlined twice; its "
        "score enters a ridge Cox model with signs and clinical values, whose strength is averaged over what the data leave open, so that predictions have "
        "intervals.",
    ),
    (
        "Recurrence over time",
        "Fine-Gray, death competing.",
        "The same, on the scores of the two models: thirty covariates would be more than the "
        "recurrences carry.",
    ),
    (
        "Four classes",
        "Predicted recurrence and survival, each cut in two; X-tile threshold 0.52 for survival.",
        "Cut-offs learned from scores of training patients by models that had not seen them: median "
        "for recurrence, X-tile for survival with p corrected for the search. 0.52 belongs to the "
        "paper's score and is not used. The paper's class 1 is ours; 2 to 4 are our numbers.",
    ),
    (
        "Retreatment",
        "In class 1 patients not retreated fared worse: hazard ratio 7.895, p = 0.005.",
        "Survival from the recurrence on, never from the operation; Firth's regression where few "
        "died; Holm's correction for four classes; a test of interaction; and the caveat that nobody "
        "was randomized.",
    ),
    (
        "Readers",
        "Readers with and without the model.",
        "The same from a table: sensitivity, specificity, kappa before and after, paired.",
    ),
    (
        "Missing values",
        "Not stated to us.",
        "The training median, said beside the answer.",
    ),
)
#: (what, how, source).
_FORMULAS = (
    (
        "Early recurrence",
        "Recurrence within 12 months of resection. Not known of patients followed for less time "
        "without one; death without recurrence counts as none.",
        "Huang 2022; the two rules are ours",
    ),
    (
        "Linear intensity",
        "power = 10^((gray / 255 − 1) · range / 10), range: dynamic range of the picture, dB",
        "Dietrich, Ultraschall Med 2012;33:344-351",
    ),
    (
        "Lognormal bolus",
        "a · exp(−ln²(x/τ) / 2σ²); x: time after arrival, τ: rise to the peak a",
        "Strouthos, IEEE Trans Ultrason Ferroelectr Freq Control 2010;57:1296-1310",
    ),
    (
        "Gamma-variate bolus",
        "a · (x/τ)^α · exp(α (1 − x/τ))",
        "Strouthos 2010",
    ),
    (
        "Random-walk bolus",
        "a · (x/τ)^−½ · exp(−λ/2 · (x/μ + μ/x − τ/μ − μ/τ))",
        "Strouthos 2010",
    ),
    (
        "Share of liver",
        "Bolus + share · the reference's fitted curve, where the criterion falls by 6 or more: a capsule "
        "keeps the agent as liver does",
        "Ours; the threshold: Burnham & Anderson, Sociol Methods Res 2004;33:261-304",
    ),
    (
        "Choice between them",
        "Lowest Akaike criterion, corrected for small samples",
        "Hurvich & Tsai, Biometrika 1989;76:297-307",
    ),
    (
        "Intervals of times and rates",
        "The fit's noise (delta method), and a standard error of 3 % for model and outline",
        "MacKinnon & White, J Econom 1985;29:305-325; 3 % is ours, from simulated clips",
    ),
    (
        "A tumor that does not hyperenhance",
        "Models take an enhancement below 2 dB against the liver as 2 dB",
        "Ours: how far below it lies says no more of it",
    ),
    (
        "Washout in the portal phase of a clip",
        "Mean of lesion over reference from 60 to 120 s, below −2 dB",
        "CEUS LI-RADS 2017 calls washout before 60 s early (Yang, Ultrasonography 2019;38:289-301); "
        "2 dB are ours",
    ),
    (
        "mRMR",
        "Next feature: largest F statistic / mean |correlation| with those taken",
        "Ding & Peng, J Bioinform Comput Biol 2005;3:185-205",
    ),
    (
        "X-tile",
        "The cut with the largest log-rank statistic; p corrected for the search",
        "Camp, Clin Cancer Res 2004;10:7252-7259",
    ),
    (
        "Area under the ROC curve",
        "Interval and comparison",
        "DeLong, Biometrics 1988;44:837-845",
    ),
    (
        "Prediction error",
        "Squared distance of predicted risk and what happened, weighted for censoring",
        "Graf, Stat Med 1999;18:2529-2545",
    ),
    (
        "Continuous NRI, IDI",
        "Share of risks moved the right way less the wrong way; difference of mean risks",
        "Pencina, Stat Med 2008;27:157-172 and 2011;30:11-21; criticism: Kerr, Epidemiology "
        "2014;25:114-121; Hilden & Gerds, Stat Med 2014;33:3405-3414",
    ),
    (
        "Subdistribution hazard",
        "1 − exp(−Λ(t) · exp(βx)) of recurrence, death before it competing",
        "Fine & Gray, J Am Stat Assoc 1999;94:496-509; Gray, Ann Stat 1988",
    ),
    (
        "Clock after a recurrence",
        "Starts at the recurrence: time survived until then is no merit of retreatment",
        "Suissa, Am J Epidemiol 2008;167:492-499",
    ),
    (
        "ICC of repeated outlines",
        "ICC(A,1) and ICC(C,1); above 0.75 good, above 0.9 excellent",
        "McGraw & Wong, Psychol Methods 1996;1:30-46; Koo & Li, J Chiropr Med 2016;15:155-163",
    ),
)  # fmt: skip


def show_ceus_model() -> None:
    """The tab."""
    st.html(
        f'<p class="hcc-lead">{html(CITATION)} <a href="https://doi.org/{DOI}" target="_blank" '
        f'rel="noopener">doi:{DOI}</a></p>'
    )
    with st.container(key="wide_layout_evidence_ceus"):
        found, rebuilt = st.columns([1, 1.15], gap="large")
    with found:
        st.subheader("What they found", anchor=False)
        st.markdown(
            "414 patients (289 and 125) with contrast-enhanced ultrasound before a resection. Features "
            "of two frames were selected for recurrence within a year and for survival; with clinical "
            "values they made models, and the predictions four classes. Readers judged with and "
            "without the model. We had the project's account of the paper, not its full text."
        )
        st.html(published_table())
    with rebuilt:
        st.subheader("What is rebuilt here, and what differs", anchor=False)
        st.html(differences_table())
    formulas, covariates, classes = st.tabs(
        ["Formulas", "What the models take", "The four classes"]
    )
    formulas.html(formulas_table())
    covariates.html(covariates_table())
    classes.html(classes_table())
    st.markdown(
        "**What it cannot show.** Everybody in such a cohort was resected: the models say nothing of "
        "ablation, transplantation or no treatment. An area under the curve that falls from 0.819 to "
        "0.568 is what a signature selected among thousands of features looks like on other patients: "
        "judge by patients held out. Machine, settings and outline change what is measured on a "
        "picture. Whether a recurrence was retreated was not randomized."
    )


def published_table() -> str:
    """What was published (HTML)."""
    rows = [(html(what), html(value)) for what, value in PUBLISHED]
    return prose_table(("Model", "Both parts of the data"), rows, "ceus_published")


def differences_table() -> str:
    """The paper and this program, side by side (HTML)."""
    rows = [(f"<b>{html(a)}</b>", html(b), html(c)) for a, b, c in _DIFFERENCES]
    return prose_table(("", "In the paper", "Here"), rows, "ceus_differences")


def formulas_table() -> str:
    """Every formula with its source (HTML)."""
    rows = [(f"<b>{html(a)}</b>", html(b), html(c)) for a, b, c in _FORMULAS]
    return prose_table(("What", "How it is computed", "Source"), rows, "ceus_formulas")


def covariates_table() -> str:
    """What the models may take, clinical values and signs (HTML)."""
    from hccsurv_core.features.ultrasound_signs import SIGNS
    from hccsurv_core.systems.ceus.covariates import CLINICAL_COVARIATES

    rows = [
        (f"<b>{html(c.label)}</b>", html(c.unit), html(c.reason)) for c in CLINICAL_COVARIATES
    ] + [
        (f"<b>{html(s.label)}</b><span class='sub'>on the pictures</span>", html(s.unit), html(s.meaning))
        for s in SIGNS
    ]  # fmt: skip
    return prose_table(("Covariate", "Unit", "Why, or how it is measured"), rows, "ceus_covariates")


def classes_table() -> str:
    """The four classes, and what was published of each (HTML)."""
    from hccsurv_core.systems.ceus.risk_classes import CLASSES

    rows = [
        (
            f"<b>Class {c.number}</b>", html(c.words),
            html(c.published) if c.published else "nothing that we know of",
        )
        for c in CLASSES
    ]  # fmt: skip
    return prose_table(("Class", "Who", "Published"), rows, "ceus_classes")
