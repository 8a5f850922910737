"""System 2: an evaluation in sections, each with its downloads, and what it cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import components, formats
from pages._shared import evaluation_treatment_tables as tables
from pages._shared.evaluation_study_parts import everything, figure, first_chips, table
from pages._shared.train_preview import caution
from pages._shared.train_words import ARM_TITLES

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.validation import Validation
    from pages._shared.evaluation_treatment_work import DoneTreatment

ARMS, CALIBRATION, RISK = "Each arm", "Calibration", "Risk groups"
RECOMMENDED, FOLLOWING, TRUTH = "Recommendations", "Following them", "Against the truth"
SECTIONS = (ARMS, CALIBRATION, RISK, RECOMMENDED, FOLLOWING, TRUTH)


def show_treatment_evaluation(done: DoneTreatment) -> None:
    """Headline, what must be known, and the open section."""
    _headline(done)
    there = [s for s in SECTIONS if s != TRUTH or done.report.evaluation.truth is not None]
    section = st.segmented_control(
        "Section", there, default=there[0], required=True, key="evaluation_section_2",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    {
        ARMS: _arms,
        CALIBRATION: lambda d: figure(d, "calibration"),
        RISK: _risk_groups,
        RECOMMENDED: _recommendations,
        FOLLOWING: _following,
        TRUTH: _truth,
    }[section](done)


def _headline(done: DoneTreatment) -> None:
    """C of each arm, who was judged on, the caveat, and everything as one file."""
    report = done.report
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(tables.headline(report), width="stretch")
        everything(done, lambda: _zipped(done), "get_evaluation_2")
    st.html(components.chips(_chips(done)))
    for text in (*report.warnings, *report.evaluation.notes):
        caution(formats.sentence(text))
    table(done, "measures", "Each arm's model", tables.overview(report))
    st.html(f'<p class="hcc-quiet" data-testid="caveat">{formats.html(_caveat(done))}</p>')


def _caveat(done: DoneTreatment) -> str:
    from hccsurv_core.systems.treatment.validation import CAVEAT

    found = done.report.evaluation.validation
    return CAVEAT if found is None else found.caveat


def _chips(done: DoneTreatment) -> list[str]:
    report = done.report
    version = {"combined": "with lesion signs", "clinical": "clinical values alone"}
    return [
        *first_chips(done),
        components.chip(version.get(report.evaluation.version, report.evaluation.version)),
        components.chip(f"{report.settings['n_resamples']} resamples"),
    ]


def _zipped(done: DoneTreatment) -> bytes:
    from hccsurv_core.report.treatment_archive import zip_treatment

    return zip_treatment(done.report, source=dict(done.manifest.source), card=done.card)


def _arms(done: DoneTreatment) -> None:
    """C against stages and scores, and AUC over time."""
    more = {"Every C-index": "concordance", "Paired differences": "concordance_differences"}
    figure(
        done, "concordance", tables={t: done.tables[n] for t, n in more.items() if n in done.tables}
    )
    figure(done, "auc")


def _risk_groups(done: DoneTreatment) -> None:
    for arm in done.report.evaluation.arms:
        if f"risk_groups_{arm}" in done.figures:
            figure(done, f"risk_groups_{arm}")


def _recommendations(done: DoneTreatment) -> None:
    figure(done, "recommended", tables={"Recommendations": done.tables["recommended"]})


def _following(done: DoneTreatment) -> None:
    """Curves under one scheme of weights, all schemes in a table, balance, and each treatment."""
    from hccsurv_core.report.figures.agreement_charts import SCHEME_WORDS, imbalance_words

    found = done.report.evaluation.validation
    if found is None:
        why = formats.sentence(formats.plain(done.report.evaluation.why_not_validated))
        st.info(f"**Following the recommendation cannot be judged.** {why}", icon=":material/info:")
        return
    st.html(
        f'<span class="hcc-quiet">{formats.plural(found.n_none, "patient")} without a '
        "recommendation are left out.</span>"
    )
    schemes = list(found.comparisons)
    scheme = st.segmented_control(
        "Weights", schemes, default="overlap" if "overlap" in schemes else schemes[0],
        required=True, key="evaluation_scheme", format_func=lambda s: SCHEME_WORDS[s],
        help="Weights make those treated as recommended and the others alike in what was measured. "
        "Overlap weights count most whom either treatment could have been given.",
    )  # fmt: skip
    if text := imbalance_words(done.report, found, scheme):
        caution(text)
    figure(done, f"agreement_{scheme}")
    table(done, "following", "Treated as recommended against otherwise", tables.following(found))
    figure(done, "balance", tables={"Balance": done.tables["balance"]})
    with st.expander("Balance in numbers", icon=":material/balance:", key="evaluation_balance"):
        table(
            done, "balance", "Means, and standardized differences",
            tables.balance(done.report, found),
        )  # fmt: skip
    _within(done, found)


def _within(done: DoneTreatment, found: Validation) -> None:
    with st.expander(
        "Among those given the same treatment",
        icon=":material/call_split:",
        key="evaluation_within",
    ):
        for arm in found.within:
            figure(done, f"within_{arm}")
        for arm, why in found.not_compared.items():
            st.caption(f"{ARM_TITLES[arm]}: {formats.plain(why)}.")


def _truth(done: DoneTreatment) -> None:
    """Simulated patients: share of the oracle's margin, coverage, regret."""
    found = done.report.evaluation.truth
    if found is None:
        return
    figure(done, "regret", tables={"Months lost": done.tables["regret"]})
    table(done, "truth", "How near the model comes", tables.truth(found))
    st.html(
        '<p class="hcc-quiet" style="margin:0">Intervals are about the average of patients with the '
        "same values; where there are wider ones of one patient, these allow for what the model does "
        "not look at. A patient's truth lies outside those of the average more often than one time in "
        "twenty.</p>"
    )
