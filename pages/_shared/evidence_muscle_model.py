"""Evidence on system 1: what Liu et al. found, what is rebuilt here, and what differs."""

from __future__ import annotations

import streamlit as st

from pages._shared.formats import html

DOI = "10.1631/jzus.B2300363"
CITATION = (
    "Liu Z, Wu Y, Khan AA, et al. Deep learning-based radiomics allows for a more accurate "
    "assessment of sarcopenia as a prognostic factor in hepatocellular carcinoma. J Zhejiang Univ "
    "Sci B 2024;25(1):83–90."
)
#: (patients, how many, C-index with the published interval).
PUBLISHED = (
    ("Internal test: hepatectomy, the same hospital", 147, "0.730 (0.707–0.753)"),
    ("External test: hepatectomy, another hospital", 161, "0.667 (0.651–0.682)"),
    ("Transplantation, the first hospital", 173, "0.653 (0.633–0.677)"),
)
_DIFFERENCES = (
    (
        "Features",
        "1343 features of skeletal muscle and psoas at L3. How they are made up is not stated; "
        "shape and GLDM are named.",
        "17 images (original, LoG at 1, 2 and 3 mm, eight wavelet bands, five pointwise filters) × "
        "79 features (first-order 18, GLCM 24, GLRLM 16, GLSZM 16, NGTDM 5): the combination that "
        "comes to exactly 1343 is our reading. With shape and GLDM it would not; they are in the "
        "preset muscle-full.",
    ),
    (
        "Outline",
        "Drawn by hand on plain CT.",
        "Found from anatomy and attenuation, corrected by hand, or brought along as a file. Pixels "
        "of −29 to 150 HU count.",
    ),
    (
        "Compression",
        "An autoencoder from 1343 to 100.",
        "The same, with scales and medians learned from training patients only. Principal "
        "components or no compression can be chosen; narrow tables are not compressed.",
    ),
    (
        "Survival",
        "One network (TFDeepSurv).",
        "An ensemble of deep Cox networks: their mean predicts, their spread is told as an "
        "interval. A baseline hazard turns risk into survival curves. The settings are chosen by "
        "cross-validation among a few that were fixed beforehand.",
    ),
    (
        "Combined model",
        "Judged as a score of muscle, against five definitions of sarcopenia.",
        "Age, tumor and laboratory values can stand beside the code of the muscle, uncompressed: "
        "the combined model. It answers another question than muscle alone, and is told apart.",
    ),
    (
        "Baselines",
        "The five definitions.",
        "The five definitions, as measure and as verdict, and a ridge Cox model, gradient boosting "
        "and a random survival forest on the same folds. The result says which won.",
    ),
    (
        "Intervals",
        "Narrow: ±0.02 with 147 patients. How they were made is not known to us; resampling "
        "patients gives about three times as much at such sizes.",
        "Bootstrap of the patients, and paired for differences. Expect wider intervals here for "
        "the same certainty.",
    ),
    (
        "Groups",
        "High and low risk, cut at the median.",
        "The same: the median of the training patients, each judged by networks that had not seen "
        "the patient. The cut-off is never looked for in the patients it is tested on.",
    ),
)


def published_table() -> str:
    """C-indices as published (HTML)."""
    rows = "".join(
        f'<tr><td>{html(who)}</td><td class="num">{n}</td><td class="num">{html(c)}</td></tr>'
        for who, n, c in PUBLISHED
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table" data-testid="published"><thead><tr>'
        '<th>Patients</th><th class="num">n</th><th class="num">C-index, overall survival '
        f"(published interval)</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def differences_table() -> str:
    """The paper and this program, side by side (HTML)."""
    rows = "".join(
        f"<tr><td><b>{html(what)}</b></td><td>{html(theirs)}</td><td>{html(ours)}</td></tr>"
        for what, theirs, ours in _DIFFERENCES
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table hcc-prose" data-testid="differences">'
        "<thead><tr><th></th><th>In the paper</th><th>Here</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def show_muscle_model() -> None:
    """The tab."""
    st.html(
        f'<p class="hcc-lead">{html(CITATION)} <a href="https://doi.org/{DOI}" target="_blank" '
        f'rel="noopener">doi:{DOI}</a></p>'
    )
    with st.container(key="wide_layout_evidence"):
        found, rebuilt = st.columns([1.15, 1], gap="large")
    with found:
        st.subheader("What they found", anchor=False)
        st.markdown(
            "826 patients with resection or transplantation for hepatocellular carcinoma, plain CT "
            "within a month before it: 492 hepatectomies of one hospital, split by chance into 345 "
            "to train on and 147 to test, 161 of a second hospital, and 173 transplantations. A "
            "score learned from the texture of the muscle at L3 predicted death better than "
            "five published definitions of sarcopenia did, by area under the time-dependent ROC "
            "curve, and better at home than away."
        )
        st.html(published_table())
    with rebuilt:
        st.subheader("What is rebuilt here", anchor=False)
        st.markdown(
            """
1. **The features**: preset `muscle-1343`, each feature checked against PyRadiomics.
2. **The model**: autoencoder to 100, deep Cox network, median cut-off, survival curves with
   intervals. Train it on your own patients under *Train*.
3. **The comparison**: every figure and table of the paper, for any cohort, under *Model
   evaluation*: prevalence and hazard ratios, Kaplan-Meier curves, principal components, C-index and
   time-dependent AUC against all five definitions with paired tests, disagreement.
4. **The page**: a patient's risk, curve and what moved it, under *Muscle*.
"""
        )
        st.markdown(
            "**What it cannot show.** The paper's patients are not public, so its numbers cannot be "
            "reproduced here. A demonstration model is trained on simulated patients and says "
            "nothing about real ones."
        )
    st.subheader("What differs", anchor=False)
    st.html(differences_table())
