"""System 2: an evaluation in sections, each with its downloads, and what it cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import components, formats
from pages._shared import evaluation_treatment_tables as tables
from pages._shared.figures import show_figure, show_table
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
        CALIBRATION: lambda d: _figure(d, "calibration"),
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
        _everything(done)
    st.html(components.chips(_chips(done)))
    for text in (*report.warnings, *report.evaluation.notes):
        caution(formats.sentence(text))
    _table(done, "measures", "Each arm's model", tables.overview(report))
    st.html(f'<p class="hcc-quiet" data-testid="caveat">{formats.html(_caveat(done))}</p>')


def _caveat(done: DoneTreatment) -> str:
    from hccsurv_core.systems.treatment.validation import CAVEAT

    found = done.report.evaluation.validation
    return CAVEAT if found is None else found.caveat


def _chips(done: DoneTreatment) -> list[str]:
    report = done.report
    version = {"combined": "with lesion signs", "clinical": "clinical values alone"}
    parts = []
    if done.model_note:
        parts.append(components.chip(done.model_note.rstrip("."), kind="sim", sign="◇"))
    if report.simulated:
        parts.append(components.chip("Judged on simulated patients", kind="sim", sign="◇"))
    parts += [
        components.chip(report.source),
        components.chip(report.endpoint_title),
        components.chip(version.get(report.evaluation.version, report.evaluation.version)),
        components.chip(f"{report.settings['n_resamples']} resamples"),
    ]
    return parts


def _everything(done: DoneTreatment) -> None:
    """All figures and tables as one zip; made when it is asked for."""

    def make() -> bytes:
        from hccsurv_core.report.treatment_archive import zip_treatment

        return zip_treatment(done.report, source=dict(done.manifest.source), card=done.card)

    stem = "".join(c if c.isalnum() else "-" for c in f"{done.model_name}-{done.report.source}")
    st.download_button(
        "Everything (zip)", data=make, file_name=f"hccsurv_evaluation_{stem[:60]}.zip",
        mime="application/zip", key="get_evaluation_2", on_click="ignore", type="primary",
        icon=":material/folder_zip:",
        help="All figures (SVG, PNG), tables (CSV), every number (JSON), settings and the model "
        "card. Drawing them takes half a minute.",
    )  # fmt: skip


def _figure(done: DoneTreatment, name: str, **more) -> None:
    show_figure(
        done.figures[name], done.manifest, f"evaluation_{name}", mark=_mark(done), **more
    )  # fmt: skip


def _mark(done: DoneTreatment) -> str:
    """What must stand by every number of this model, as a chip (HTML)."""
    if not done.model_note:
        return ""
    return components.chip(done.model_note.rstrip("."), kind="sim", sign="◇")


def _table(done: DoneTreatment, name: str, title: str, shown: str) -> None:
    if name in done.tables:
        show_table(
            shown, done.tables[name], done.manifest, f"evaluation_table_{name}", title=title,
            mark=_mark(done),
        )  # fmt: skip


def _arms(done: DoneTreatment) -> None:
    """C against stages and scores, and AUC over time."""
    more = {"Every C-index": "concordance", "Paired differences": "concordance_differences"}
    _figure(
        done, "concordance", tables={t: done.tables[n] for t, n in more.items() if n in done.tables}
    )
    _figure(done, "auc")


def _risk_groups(done: DoneTreatment) -> None:
    for arm in done.report.evaluation.arms:
        if f"risk_groups_{arm}" in done.figures:
            _figure(done, f"risk_groups_{arm}")


def _recommendations(done: DoneTreatment) -> None:
    _figure(done, "recommended", tables={"Recommendations": done.tables["recommended"]})


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
    _figure(done, f"agreement_{scheme}")
    _table(done, "following", "Treated as recommended against otherwise", tables.following(found))
    _figure(done, "balance", tables={"Balance": done.tables["balance"]})
    with st.expander("Balance in numbers", icon=":material/balance:", key="evaluation_balance"):
        _table(
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
            _figure(done, f"within_{arm}")
        for arm, why in found.not_compared.items():
            st.caption(f"{ARM_TITLES[arm]}: {formats.plain(why)}.")


def _truth(done: DoneTreatment) -> None:
    """Simulated patients: share of the oracle's margin, coverage, regret."""
    found = done.report.evaluation.truth
    if found is None:
        return
    _figure(done, "regret", tables={"Months lost": done.tables["regret"]})
    _table(done, "truth", "How near the model comes", tables.truth(found))
    st.html(
        '<p class="hcc-quiet" style="margin:0">Intervals are about the average of patients with the '
        "same values; where there are wider ones of one patient, these allow for what the model does "
        "not look at. A patient's truth lies outside those of the average more often than one time in "
        "twenty.</p>"
    )
