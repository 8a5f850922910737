"""System 3: tables of a training and an evaluation as pages show them (HTML)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pages._shared.evaluation_tables import p_words, words
from pages._shared.formats import html, plural
from pages._shared.tables import html_table

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.report.ceus_report import CeusReport
    from hccsurv_core.systems.ceus.reader_study_result import ReaderStudy
    from hccsurv_core.systems.ceus.retreatment_result import RetreatmentStudy

#: Key of a signature in a bundle → what it predicts.
SIGNATURES = {"early": "Signature of early recurrence", "death": "Signature of death"}
#: Measure of accuracy → how it is shown: title, digits, as a percentage.
_ACCURACY = {
    "sensitivity": ("Sensitivity", True), "specificity": ("Specificity", True),
    "ppv": ("Positive predictive value", True), "npv": ("Negative predictive value", True),
    "accuracy": ("Accuracy", True),
    "positive_likelihood_ratio": ("Positive likelihood ratio", False),
    "negative_likelihood_ratio": ("Negative likelihood ratio", False),
}  # fmt: skip


def version_title(version: str) -> str:
    """ "Clinical values and pictures"."""
    from hccsurv_core.report.figures.ceus_style import VERSION_TITLES

    return VERSION_TITLES.get(version, version)


def unbroken(parts: Iterable[str]) -> str:
    """Parts of a headline, none of which breaks in the middle of an interval (HTML)."""
    return " · ".join(f'<span style="white-space:nowrap">{html(part)}</span>' for part in parts)


# -- the four classes ------------------------------------------------------------------------------
def classes_frame(found: Mapping[str, Any], horizons: Sequence[float]) -> DataFrame:
    """The training patients' classes as numbers.

    Args:
        found: ``classes`` of a version in a bundle.
    """
    import pandas as pd

    rows = []
    for row in found["training"]:
        early = row["early_recurrence"]
        told = {
            "class": row["class"], "words": row["words"], "n": row["n"], "deaths": row["n_events"],
            "recurred_early": early["value"], "recurred_early_low": early["ci_low"],
            "recurred_early_high": early["ci_high"], "n_early_known": early["n"],
        }  # fmt: skip
        for h, s in zip(horizons, row["survival"], strict=True):
            told |= {
                f"alive_{h:g}m": s["value"], f"alive_{h:g}m_low": s["ci_low"],
                f"alive_{h:g}m_high": s["ci_high"],
            }  # fmt: skip
        rows.append(told)
    return pd.DataFrame(rows)


def classes_from_bundle(found: Mapping[str, Any], horizons: Sequence[float]) -> str:
    """How the training patients of each class fared (HTML)."""
    rows = [
        _class_row(
            row["class"], row["n"], row["n_events"], row["early_recurrence"], row["survival"]
        )
        for row in found["training"]
    ]
    return _class_table(rows, horizons)


def classes(report: CeusReport) -> str:
    """How the patients of each class fared (HTML)."""
    found = report.evaluation
    rows = [
        _class_row(
            s.number, s.n, s.n_events, s.early_recurrence.to_json(),
            [e.to_json() for e in s.survival],
        )
        for s in found.classes.summaries
    ]  # fmt: skip
    return _class_table(rows, found.horizons_months)


def _class_row(
    number: int, n: int, deaths: int, early: Mapping[str, Any], alive: Sequence[Mapping[str, Any]]
) -> list[str]:
    from hccsurv_core.systems.ceus.risk_classes import class_of

    words_of = class_of(number).words
    return [
        f"{number} · {words_of}", f"{n}", f"{deaths}",
        f"{_share(early)} of {early['n']}", *(_share(s) for s in alive),
    ]  # fmt: skip


def _class_table(rows: list[list[str]], horizons: Sequence[float]) -> str:
    alive = [f"Alive at {h:g} months" for h in horizons]
    heads = ["Class", "Patients", "Deaths", "Recurred early", *alive]
    return html_table(heads, rows, "classes", first_rem=14)


def _share(e: Mapping[str, Any]) -> str:
    """ "28 % (19–39)" of an estimate as JSON values."""
    if e["value"] is None:
        return "not known"
    if e["ci_low"] is None or e["ci_high"] is None:
        return f"{100 * e['value']:.0f} %"
    return f"{100 * e['value']:.0f} % ({100 * e['ci_low']:.0f}–{100 * e['ci_high']:.0f})"


def rule_words(rule: Mapping[str, Any], version: str) -> str:
    """How patients are put into classes, spelled out (HTML)."""
    recurrence, survival = rule["recurrence"], rule["survival"]
    cut, risk = 100 * recurrence["value"], survival["value"]
    more = "at least" if recurrence["inclusive"] else "above"
    high = "at least" if survival["inclusive"] else "above"
    searched = ""
    if survival.get("p_corrected") is not None:
        searched = (
            f" p {_is(survival['p_corrected'])}, corrected for the search: the cut was chosen where "
            "the groups differ most, so the difference in these patients is larger than elsewhere."
        )
    parts = (
        (
            "Likely to recur within a year",
            f"predicted probability {more} {cut:.1f} % ({_how(recurrence['words'])}).",
        ),
        (
            "High risk of death",
            f"log hazard {high} {risk:.2f}, that is {math.exp(risk):.2f} times the hazard of the mean "
            f"training patient ({_how(survival['words'])}).{searched}",
        ),
        (
            "Learned from",
            f"{rule['n']} training patients with {plural(rule['n_events'], 'death')}, scored by models "
            f"of {version_title(version).lower()} that had not seen them. Class 1 has the paper's "
            "number; which of the others has which number there we could not read: 2 to 4 are ours.",
        ),
    )
    body = "".join(f"<div><span>{html(a)}</span><p>{html(b)}</p></div>" for a, b in parts)
    return f'<div class="hcc-model-facts" data-testid="class_rule">{body}</div>'


def _how(text: str) -> str:
    """The rule's words without its number, which stands before them."""
    return text.split(": >")[0].split(": ≥")[0]


def _is(p: float) -> str:
    text = p_words(p)
    return text if text[0] in "<>" else f"= {text}"


# -- signatures ------------------------------------------------------------------------------------
def signature_words(found: Mapping[str, Any]) -> str:
    """How many features of how many (HTML)."""
    report = found["report"]
    kinds = ", ".join(f"{n} {kind.replace('.', ' ')}" for kind, n in report["n_by_kind"].items())
    told = "; ".join(
        f"{title[:1].lower()}{title[1:]}: {len(found[key])} of {report['n_features']}"
        for key, title in SIGNATURES.items()
    )
    return (
        f'<p class="hcc-quiet" data-testid="signatures">{html(told[:1].upper() + told[1:])} features '
        f"({html(kinds)}). Selected inside each fold, too; a feature that few folds select was "
        "selected by chance as likely as not.</p>"
    )


def signature_frame(found: Mapping[str, Any], key: str) -> DataFrame:
    """Every feature that was selected in the whole or in a fold."""
    import pandas as pd

    return pd.DataFrame(list(_signature_rows(found, key)))


def _signature_rows(found: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    report = found["report"][key]
    frequency = report["in_folds"]["frequency"]
    kept = {f["name"]: f for f in report["features"]}
    n_folds = report["in_folds"]["n_folds"]
    for name in dict.fromkeys((*found[key], *frequency)):
        yield {
            "feature": name, "in_signature": name in found[key],
            "coefficient_per_sd": kept.get(name, {}).get("coef"),
            "folds_that_selected_it": round(frequency.get(name, 0.0) * n_folds),
            "folds": n_folds,
        }  # fmt: skip


def signature(found: Mapping[str, Any], key: str) -> str:
    """The features that were selected, each with the folds that selected it (HTML)."""
    report = found["report"][key]
    rows = [
        [
            _feature(row["feature"]),
            "–" if row["coefficient_per_sd"] is None else f"{row['coefficient_per_sd']:+.2f}".replace("-", "−"),
            f"{row['folds_that_selected_it']} of {row['folds']}",
        ]
        for row in _signature_rows(found, key)
        if row["in_signature"]
    ]  # fmt: skip
    others = sum(not row["in_signature"] for row in _signature_rows(found, key))
    steps = " → ".join(f"{s['before']}" for s in report["steps"]) + f" → {len(found[key])}"
    note = (
        f'<p class="hcc-quiet" style="margin:0">Step by step: {html(steps)} features. '
        f"{plural(others, 'other feature')} were selected in some fold and not here.</p>"
    )
    if not rows:
        return f'<p class="hcc-quiet">{html(report["words"])}</p>{note}'
    heads = ["Feature", "Log ratio per SD", "Selected in folds"]
    return html_table(heads, rows, f"signature_{key}") + note


def _feature(name: str) -> str:
    """ "grayscale · radiomics · original firstorder Mean"."""
    parts = name.split(".", 2)
    return " · ".join([*parts[:-1], parts[-1].replace("_", " ")])


# -- an evaluation ---------------------------------------------------------------------------------
def headline(report: CeusReport) -> str:
    """AUC of early recurrence and C of death of the answering version (HTML)."""
    found = report.evaluation
    one = found.versions[found.version]
    told = unbroken(
        (
            f"Early recurrence AUC {words(one.early.area)}",
            f"death C {words(one.death.metrics.get('c_index'))}",
            f"recurrence C {words(one.recurrence)}",
        )
    )
    where = (
        f"{plural(found.n, 'patient')}, {plural(found.n_events, 'death')}, "
        f"{plural(one.early.n_events, 'early recurrence')} of {one.early.n} known"
    )
    return (
        f'<div class="hcc-headline" data-testid="evaluation">{told}'
        f"<small>{html(where)}</small></div>"
    )


def overview(report: CeusReport) -> str:
    """Each version in a line (HTML)."""
    versions = report.evaluation.versions
    horizons = sorted({h for one in versions.values() for h in one.death.horizons_months})
    last = f", {horizons[-1]:g} months" if horizons else ""
    heads = [
        "The model looks at", "Early recurrence, AUC", "Death, C-index", f"Death, AUC{last}",
        f"Death, O/E{last}", "Recurrence, C-index",
    ]  # fmt: skip
    rows = []
    for version, one in versions.items():
        metrics = one.death.metrics
        key = f"{horizons[-1]:g}m" if horizons else ""
        rows.append(
            [
                version_title(version), words(one.early.area), words(metrics.get("c_index")),
                words(metrics.get(f"auc_{key}"), 2),
                words(metrics.get(f"observed_expected_{key}"), 2), words(one.recurrence),
            ]
        )  # fmt: skip
    return html_table(heads, rows, "versions", first_rem=9)


def accuracy(report: CeusReport) -> str:
    """Each version's yes-or-no answer at the cut-off of the classes (HTML)."""
    versions = report.evaluation.versions
    heads = ["At the cut-off of the classes", *(version_title(v) for v in versions)]
    tables_of = [one.early.accuracy.table for one in versions.values()]
    rows = [
        ["Recurred early: called likely / not", *(f"{t.tp} / {t.fn}" for t in tables_of)],
        ["Did not: called likely / not", *(f"{t.fp} / {t.tn}" for t in tables_of)],
    ]
    for name, (title, percent) in _ACCURACY.items():
        cells = []
        for one in versions.values():
            e = getattr(one.early.accuracy, name)
            cells.append(words(e, 0, percent=True) if percent else words(e, 2))
        rows.append([title, *cells])
    return html_table(heads, rows, "accuracy", first_rem=11)


def retreatment(study: RetreatmentStudy) -> str:
    """Retreated against not retreated patients, class by class (HTML)."""
    from hccsurv_core.report.figures.ceus_style import CLASS_TITLES

    heads = [
        "Class", "Retreated (died)", "Not retreated (died)", "Log-rank p",
        "Hazard ratio, not retreated", "p, corrected", "",
    ]  # fmt: skip
    rows = []
    for one in study.effects:
        ratio = one.adjusted or one.hazard_ratio
        p = one.p_adjusted_corrected if one.adjusted is not None else one.p_corrected
        rows.append(
            [
                CLASS_TITLES[one.number], f"{one.n_retreated} ({one.deaths_retreated})",
                f"{one.n_not} ({one.deaths_not})",
                "–" if one.log_rank is None else p_words(one.log_rank.p),
                "–" if ratio is None else words(ratio, 2), "–" if p is None else p_words(p),
                one.reason,
            ]
        )  # fmt: skip
    return html_table(heads, rows, "retreatment", first_rem=11)


def truth(report: CeusReport) -> str:
    """What each version reaches of the truth's own margin (HTML)."""
    from hccsurv_core.report.figures.ceus_truth_charts import TRUTH_ENDPOINTS

    oracle = report.evaluation.oracle or {}
    rows = []
    for name, title in TRUTH_ENDPOINTS.items():
        found = oracle[name]
        what = "AUC" if name == "early_recurrence" else "C-index"
        for version, reached in found["versions"].items():
            share = 100 * found["share_of_margin"][version]
            rows.append(
                [
                    f"{title}: {version_title(version).lower()}", f"{what} {reached:.3f}",
                    f"{found['oracle']:.3f}", f"{share:.0f} %".replace("-", "−"),
                ]
            )  # fmt: skip
    heads = ["Endpoint, version", "Reached", "The truth itself", "Share of its margin"]
    return html_table(heads, rows, "truth", first_rem=12)


# -- readers ---------------------------------------------------------------------------------------
def readers(study: ReaderStudy) -> str:
    """Each reader before and after (HTML)."""
    heads = [
        "Reader", "Patients (early recurrences)", "Sensitivity, before", "after", "p, corrected",
        "Specificity, before", "after", "p, corrected", "Changed to right / wrong",
    ]  # fmt: skip
    rows = []
    for r in study.readers:
        right = r.changes.to_right_of_events + r.changes.to_right_of_others
        wrong = r.changes.to_wrong_of_events + r.changes.to_wrong_of_others
        seniority = f" ({r.seniority})" if r.seniority and r.seniority not in r.name else ""
        rows.append(
            [
                f"{r.name}{seniority}", f"{r.n} ({r.n_events})",
                words(r.before.sensitivity, 2), words(r.after.sensitivity, 2),
                p_words(r.sensitivity_p_corrected), words(r.before.specificity, 2),
                words(r.after.specificity, 2), p_words(r.specificity_p_corrected),
                f"{right} / {wrong}",
            ]
        )  # fmt: skip
    return html_table(heads, rows, "readers")


def agreement(study: ReaderStudy) -> str:
    """Agreement of the readers with each other (HTML)."""
    rows = []
    first, second = study.before, study.after
    if first is not None and second is not None:
        rows.append(["All readers, Fleiss’ kappa", words(first.fleiss, 2), words(second.fleiss, 2)])
        rows.append(
            ["Pairs of calls that agree", words(first.percent, 0, percent=True),
             words(second.percent, 0, percent=True)]
        )  # fmt: skip
        for pair, kappa in first.pairs.items():
            rows.append(
                [f"{pair[0]} and {pair[1]}, Cohen’s kappa", words(kappa, 2),
                 words(second.pairs.get(pair), 2)]
            )  # fmt: skip
    return html_table(["Agreement", "Before", "After"], rows, "agreement")
