"""The model card: what a model is, on whom it was trained, how good it is, and what it is not for.

After Mitchell et al., "Model Cards for Model Reporting" (2019), and what TRIPOD+AI (Collins et al.,
BMJ 2024;385:e078378) asks a report of a prediction model to say. It is written from the bundle's
description alone; with an evaluation at hand it also says how the model does on other patients.
What a description does not say is called "not stated", never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.manifest import RESEARCH_USE
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.muscle.comparison import ScoreRow
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation

NOT_STATED = "not stated"
SIMULATED_TRAINING = "Trained on simulated patients"
#: Below this many events a model of this kind is fitted to noise more than to patients.
_FEW_EVENTS = 100
#: More features than this are named by their number; their ranges stand in model.json.
_MOST_LISTED = 15
_RADIOMICS_MARKS = ("original_", "wavelet", "log-sigma", "square", "logarithm", "exponential", "gradient")  # fmt: skip


def model_card(
    description: Mapping[str, Any],
    *,
    evaluation: MuscleEvaluation | None = None,
    title: str = "Survival from the muscle at L3",
    simulated: bool | None = None,
) -> str:
    """The card as Markdown.

    Args:
        description: the bundle's ``model.json``.
        evaluation: of this model on other patients.
        title: the model's name for people.
        simulated: whether the training patients were drawn by a computer; default what the
            description says.
    """
    drawn = _simulated(description) if simulated is None else simulated
    head = [f"# {_plain(title)}", "", f"**{RESEARCH_USE}**"]
    if drawn:
        head.append(
            f"**{SIMULATED_TRAINING}, drawn by a computer: its predictions say nothing about real "
            "patients.**"
        )
    elif drawn is None:
        head.append("**It is not stated whether the training patients were real or simulated.**")
    sections = [
        ("What it is", _what(description)),
        ("What it is for, and what not", _use(description)),
        ("Training patients", _cohort(description, drawn)),
        ("Features", _features(description)),
        ("How it was trained", _training(description)),
        ("How good it is", _results(description, evaluation)),
        ("In groups of patients", _groups(evaluation)),
        ("Limits", _limits(description, evaluation, drawn)),
        ("Ethical notes", _ethics(description)),
        ("Versions and hashes", _versions(description)),
    ]
    parts = ["\n".join(head)]
    parts += [f"## {name}\n\n" + "\n".join(lines) for name, lines in sections if lines]
    return "\n\n".join(parts) + "\n"


def _what(d: Mapping[str, Any]) -> list[str]:
    a = d.get("architecture", {})
    members = f"{a['n_members']} " if "n_members" in a else ""
    kind = "neural Cox networks" if a.get("hidden") else "linear Cox models"
    code = a.get("representation", NOT_STATED)
    codes = a.get("n_codes")
    step = {
        "autoencoder": f"an autoencoder brings the features down to {codes} numbers",
        "pca": f"principal components bring the features down to {codes} numbers",
        "none": "the features are used as they are",
    }.get(code, f"representation {_plain(str(code))}")
    horizons = ", ".join(f"{h:g}" for h in d.get("horizons_months", ())) or NOT_STATED
    return [
        f"A survival model of system “{_plain(str(d.get('system', 'muscle')))}”: {step}; an "
        f"ensemble of {members}{kind} gives each patient a risk score (log hazard, higher is "
        "worse), and a baseline hazard turns it into a survival curve with an interval.",
        "",
        f"* Outcome: {_plain(str(d.get('endpoint', 'overall survival')))}; survival is told at "
        f"{horizons} months.",
        f"* High risk: above {_number(d.get('cutoffs', {}).get('median_risk'))} "
        f"({_plain(str(d.get('cutoffs', {}).get('method', NOT_STATED)))}).",
        "* Method: Liu et al., J Zhejiang Univ Sci B 2024;25(1):83-90, "
        "doi:10.1631/jzus.B2300363; the implementation is this package's own.",
    ]


def _use(d: Mapping[str, Any]) -> list[str]:
    return [
        "* For: research on prognosis in hepatocellular carcinoma, in patients like the training "
        "patients, with a CT at L3 outlined as theirs was; for comparing patients and cohorts.",
        "* Not for: choosing, giving or withholding a treatment; patients outside the training "
        "ranges (a warning says so); children; other cancers; other endpoints; scans of another "
        "kind than in training.",
        "* The score is an association, not a cause: building muscle need not change what it says.",
        "* An interval says how sure the model is of a curve, not how long a patient lives.",
    ]


def _cohort(d: Mapping[str, Any], simulated: bool | None) -> list[str]:
    t = d.get("training", {})
    n, events = t.get("n"), t.get("n_events")
    share = f" ({100 * events / n:.0f} %)" if n and events is not None else ""
    kind = {True: "simulated, drawn by a computer", False: "real", None: NOT_STATED}[simulated]
    survival = "; ".join(
        f"{months} months {100 * value:.0f} %"
        for months, value in t.get("survival_at", {}).items()
        if value is not None
    )
    lines = [
        "| | |",
        "|---|---|",
        f"| Source | {_plain(str(t.get('source', NOT_STATED)))} |",
        f"| Patients | {_count(n)} |",
        f"| Real or simulated | {kind} |",
        f"| Events | {_count(events)}{share} |",
        f"| Follow-up | median time observed {_number(t.get('median_time_months'), 1)} months, "
        f"longest {_number(t.get('last_month'), 1)} months |",
        f"| Survival | {survival or NOT_STATED} |",
        f"| Missing values | {_count(t.get('n_missing_values'))}, filled with the training "
        "median |",
    ]
    for name, counts in t.get("labels", {}).items():
        told = ", ".join(f"{_plain(str(k)) or 'not known'} {v}" for k, v in counts.items())
        lines.append(f"| {_plain(name.capitalize())} | {told} |")
    for group in t.get("risk_groups", ()):
        lines.append(
            f"| {_plain(str(group.get('name', '')).capitalize())} | {_count(group.get('n'))} "
            f"patients, {_count(group.get('n_events'))} events |"
        )
    return lines


def _features(d: Mapping[str, Any]) -> list[str]:
    features = list(d.get("features", ()))
    if not features:
        return [f"{NOT_STATED.capitalize()}."]
    used = sum(bool(f.get("used", True)) for f in features)
    settings = d.get("radiomics")
    lines = [f"{len(features)} features, of which {used} vary among the training patients."]
    if isinstance(settings, Mapping):
        told = ", ".join(f"{_plain(str(k))} {_plain(str(v))}" for k, v in settings.items())
        lines.append(f"Extraction: {told}.")
    listed = [f for f in features if not _is_radiomic(str(f.get("name", "")))]
    if 0 < len(listed) <= _MOST_LISTED:
        lines += [
            "",
            "| Feature | Training range | Median | Missing |",
            "|---|---|---|---|",
            *(
                f"| {_plain(str(f['name']))} | {_number(f.get('low'))} to {_number(f.get('high'))} | "
                f"{_number(f.get('median'))} | {_count(f.get('n_missing'))} |"
                for f in listed
            ),
        ]
    lines += ["", "Range, median and missing values of every feature stand in `model.json`."]
    return lines


def _training(d: Mapping[str, Any]) -> list[str]:
    a, s, v = d.get("architecture", {}), d.get("settings", {}), d.get("cross_validation", {})
    recipe = a.get("recipe", {})
    hidden = "–".join(str(x) for x in a.get("hidden", ())) or "none"
    lines = [
        f"* Recipe “{_plain(str(recipe.get('name', NOT_STATED)))}”: scaling "
        f"{_plain(str(recipe.get('scaling', NOT_STATED)))}, representation "
        f"{_plain(str(a.get('representation', NOT_STATED)))}, hidden layers {hidden}, activation "
        f"{_plain(str(a.get('activation', NOT_STATED)))}.",
        f"* Chosen and judged by cross-validation: {_plain(str(v.get('method', NOT_STATED)))}. "
        "Everything that is learned (scales, medians, representation, weights) is learned anew in "
        "each fold.",
        f"* Calibration: slope {_number(d.get('calibration', {}).get('slope'))} "
        f"({_plain(str(d.get('calibration', {}).get('method', NOT_STATED)))}).",
        f"* Seed {_plain(str(d.get('seed', NOT_STATED)))}, device "
        f"{_plain(str(d.get('device', NOT_STATED)))}; "
        f"{_count(s.get('n_members'))} members, {_count(s.get('n_folds'))} folds.",
    ]
    if a.get("explained") is not None and a.get("representation") != "none":
        lines.append(f"* The representation keeps {100 * a['explained']:.0f} % of the variance.")
    return lines


def _results(d: Mapping[str, Any], evaluation: MuscleEvaluation | None) -> list[str]:
    rows = d.get("cross_validation", {}).get("results", ())
    lines = ["On the training patients, each by models that had not seen the patient:", ""]
    lines += ["| | Kind | C-index (95 % CI) | Patients | Events |", "|---|---|---|---|---|"]
    for row in rows:
        c = row.get("c_index", {})
        lines.append(
            f"| {_plain(str(row.get('name')))} | {_plain(str(row.get('kind')))} | "
            f"{_interval(c)} | {_count(c.get('n'))} | {_count(c.get('n_events'))} |"
        )
    if not rows:
        lines = [f"Cross-validation: {NOT_STATED}."]
    best = d.get("cross_validation", {}).get("best")
    if best:
        lines += ["", f"Best of all in cross-validation: {_plain(str(best))}."]
    if evaluation is None:
        return [*lines, "", "On other patients: not evaluated when this card was written."]
    for part in evaluation.test_sets or evaluation.sets:
        lines += ["", *_set_results(evaluation, part)]
    return lines


def _set_results(evaluation: MuscleEvaluation, part: SetEvaluation) -> list[str]:
    """C, AUC and calibration of the judged models in one part, and the definitions beside them."""
    found, main = part.discrimination, evaluation.main_model
    lines = [
        f"**{_plain(part.title)}** ({_plain(evaluation.source)}"
        f"{', simulated patients' if evaluation.simulated else ''}): {part.n} patients, "
        f"{part.n_events} events.",
        "",
        "| Score | Harrell's C (95 % CI) | Patients | Events | "
        f"{_plain(main)} ahead by (95 % CI) | p, corrected |",
        "|---|---|---|---|---|---|",
    ]
    differences = {r.rival: r for r in found.concordance_differences if r.model == main}
    for r in found.concordance:
        difference = differences.get(r.name)
        ahead, p = "", ""
        if difference is not None and difference.estimate is not None:
            ahead = estimate_words(difference.estimate, digits=3)
            if difference.p_adjusted == difference.p_adjusted:
                p = format_p(difference.p_adjusted)
        lines.append(f"| {_plain(r.name)} | {_score(r)} | {r.n} | {r.n_events} | {ahead} | {p} |")
    areas = [
        f"{r.horizon_months:g} months {_score(r)}" for r in found.auc if r.name == main
    ]  # fmt: skip
    lines += ["", f"Time-dependent AUC of {_plain(main)}: {'; '.join(areas) or NOT_STATED}."]
    quality = part.predictions.value
    if quality is not None and main in quality.calibration:
        told = [
            f"{c.value.horizon_months:g} months "
            f"{estimate_words(c.value.observed_expected, digits=2)}"
            for c in quality.calibration[main]
            if c.value is not None
        ]
        lines.append(f"Observed / expected events: {'; '.join(told) or NOT_STATED}.")
    return lines


def _groups(evaluation: MuscleEvaluation | None) -> list[str]:
    if evaluation is None or not evaluation.by_group:
        return ["Not evaluated by centre, scanner, sex or age: it may do worse in some groups."]
    lines = [
        "C of test patients:", "", "| Group | | C (95 % CI) | Patients | Events |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    notes = []
    for name, answer in evaluation.by_group.items():
        if answer.value is None:
            notes.append(f"Not by {_plain(name)}: {_plain(answer.reason)}.")
            continue
        for r in answer.value.rows:
            lines.append(
                f"| {_plain(name)} | {_plain(r.name)} | {_score(r)} | {r.n} | {r.n_events} |"
            )
        p = answer.value.p
        if p == p:
            notes.append(f"By {_plain(name)}: p of equal C {format_p(p)} (Cochran).")
    return [*lines, *([""] if notes else []), *notes] if len(lines) > 4 else notes


def _limits(
    d: Mapping[str, Any], evaluation: MuscleEvaluation | None, simulated: bool | None
) -> list[str]:
    t = d.get("training", {})
    events, n_features = t.get("n_events"), t.get("n_features")
    lines = []
    if simulated:
        lines.append(
            "* The training patients were drawn by a computer from assumed causes: how good the "
            "model is on them shows that the method works, not that it works in patients."
        )
    if events is not None and events < _FEW_EVENTS:
        lines.append(f"* {events} events are few for {_count(n_features)} features.")
    centers = [c for c in t.get("labels", {}).get("center", {}) if c]
    if len(centers) < 2:
        lines.append("* Trained on one centre, or it is not said on how many.")
    if evaluation is None:
        lines.append("* Judged on patients of the training cohort only; elsewhere it can be worse.")
    outside = d.get("out_of_distribution", {}).get("most_outside")
    if outside is not None:
        lines.append(
            f"* A patient with more than {outside} features outside the training ranges gets a "
            "warning; the prediction is then an extrapolation."
        )
    lines += [
        f"* Beyond {_number(t.get('last_month'), 0)} months, the longest follow-up in training, "
        "it says nothing.",
        "* Radiomic features depend on scanner, kernel, slice thickness, contrast phase and the "
        "outline; the model saw those of its training patients.",
    ]
    duplicates = None if evaluation is None else evaluation.duplicates
    if duplicates is not None and duplicates.found:
        lines.append(f"* {duplicates.words()}")
    return lines


def _ethics(d: Mapping[str, Any]) -> list[str]:
    return [
        "* Muscle differs between women and men, with age, ancestry, illness and wealth: a model "
        "of it can carry the inequalities of its training cohort. Look at the groups above "
        "before using it on others.",
        "* A prediction can become true because it is believed. It must not be the reason for "
        "which somebody is not treated.",
        "* The bundle holds no patient's record. It holds weights, survival curves by whole "
        "months, the training range of each feature (its ends are single patients' values), and "
        "digests by which a training patient who comes again is recognized: a pseudonym that "
        "can be guessed can be found in them.",
    ]


def _versions(d: Mapping[str, Any]) -> list[str]:
    versions = d.get("versions", {})
    told = ", ".join(f"{_plain(k)} {_plain(str(v))}" for k, v in versions.items())
    lines = [f"* Software: {told or NOT_STATED}."]
    hashes = d.get("sha256", {})
    if isinstance(hashes, Mapping):
        # The card's own hash cannot stand in the card.
        lines += [
            f"* SHA-256 of `{name}`: `{value}`"
            for name, value in hashes.items()
            if name not in ("card.md", "self")
        ]
    if len(lines) == 1:
        lines.append("* Hashes of the files stand in `model.json`.")
    return lines


def _simulated(d: Mapping[str, Any]) -> bool | None:
    for place in (d, d.get("training", {})):
        if isinstance(place.get("simulated"), bool):
            return place["simulated"]
    return None


def _is_radiomic(name: str) -> bool:
    return name.lower().startswith(_RADIOMICS_MARKS)


def _score(row: ScoreRow) -> str:
    return _plain(row.reason) if row.estimate is None else estimate_words(row.estimate, digits=3)


def _interval(estimate: Mapping[str, Any]) -> str:
    value, low, high = (estimate.get(k) for k in ("value", "ci_low", "ci_high"))
    if value is None:
        return NOT_STATED
    return f"{value:.3f} ({_number(low)}–{_number(high)})"


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return NOT_STATED
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.3g}"


def _count(value: int | None) -> str:
    return NOT_STATED if value is None else f"{value:,}"


def _plain(text: str) -> str:
    """Text from a table or file that must not act as Markdown."""
    escaped = "".join(f"\\{c}" if c in "\\`*[]<>|#" else c for c in text)
    return " ".join(escaped.split())
