"""What came out of a training of system 3: how each version ranks patients, and what is in its models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

from hccsurv_core.report.figures.arm_training_charts import sd_words
from hccsurv_core.report.figures.ceus_style import VERSION_COLORS, VERSION_TITLES
from hccsurv_core.report.figures.ceus_truth_charts import ENDPOINTS, from_plain
from hccsurv_core.report.figures.chart import NEUTRAL
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.study_report import led
from hccsurv_core.stats.estimate import Estimate

_AXIS = ForestAxis("AUC or Harrell's C", "AUC or C", False, 0.5, (0.45, 0.85), (0.0, 1.0))
#: Key of a model in a bundle → what it predicts.
MODELS: Mapping[str, str] = {"early": "Early recurrence", "death": "Death"}
_RATIOS = {
    "early": ("Odds ratio per SD", "recurred early"),
    "death": ("Hazard ratio per SD", "died"),
}


def versions_forest(
    results: Sequence[Mapping[str, Any]], *, method: str, simulated: bool
) -> Forest:
    """Cross-validated AUC and C of each version.

    Args:
        results: of a bundle's description: version, and each of :data:`ENDPOINTS` as JSON values.
        method: how they were cross-validated.
        simulated: whether the patients were drawn by a computer.
    """
    rows: list[ForestRow] = []
    for key, title in ENDPOINTS.items():
        rows.append(forest_heading(title))
        rows += [_version_row(str(r["version"]), from_plain(r[key])) for r in results]
    gain = (
        "Versions share patients and folds; the difference between them was not tested."
        if len(results) > 1
        else "No pictures were measured: there is one version."
    )
    return Forest(
        title="Cross-validated: how well each version ranks patients",
        rows=tuple(rows),
        caption=led(
            simulated,
            f"{method[:1].upper()}{method[1:]}. Intervals: 95 %, DeLong (AUC), bootstrap of the "
            f"patients (C). {gain}",
        ),
        axis=_AXIS,
        name_header="The model looks at",
        p_header="",
    )


def coefficients_forest(description: Mapping[str, Any], version: str, model: str) -> Forest:
    """What one of a version's models is made of.

    Args:
        description: of a bundle of system 3.
        version: one of ``description["models"]``.
        model: one of :data:`MODELS`.
    """
    told = {c["name"]: c for c in (*description["covariates"], *description["image_covariates"])}
    found = description["models"][version][model]
    ratio, happened = _RATIOS[model]
    features = {f["name"]: f for f in found["features"]}
    clinical = {c["label"] for c in description["covariates"]}
    return Forest(
        title=f"What the model of {MODELS[model].lower()} is made of · "
        f"{VERSION_TITLES[version].lower()} · {found['n']} patients, {found['n_events']} {happened}",
        rows=tuple(
            _ratio_row(c, told.get(c["name"], {}), features[c["name"]], clinical)
            for c in found["coefficients"]
        ),
        caption=led(
            bool(description["training"]["simulated"]),
            "For one standard deviation more of the covariate, all others the same; above 1 is "
            "worse. The penalty pulls ratios towards 1, signs of one trait act together; intervals: "
            "95 % of the posterior. They describe prognosis after a resection, not causes.",
        ),
        axis=ForestAxis(ratio, ratio.split()[0][0] + "R per SD", at_least=(0.5, 2.0)),
        name_header="Covariate",
        count_header="",
        extra_header="1 SD is",
        p_header="",
    )


def _version_row(version: str, e: Estimate) -> ForestRow:
    count = "" if e.n is None else f"{e.n_events} / {e.n}"
    words = "not known" if math.isnan(e.value) else estimate_words(e, digits=3)
    return ForestRow(
        VERSION_TITLES.get(version, version), count, (e.value, e.ci_low, e.ci_high), words, "",
        VERSION_COLORS.get(version, NEUTRAL),
    )  # fmt: skip


def _ratio_row(
    coefficient: Mapping[str, Any],
    told: Mapping[str, Any],
    feature: Mapping[str, Any],
    clinical: Set[str],
) -> ForestRow:
    label = str(told.get("label", coefficient["name"]))
    if "kind" not in told and label in clinical:
        label += ", on the pictures"
    value, low, high = (math.exp(coefficient[end]) for end in ("per_sd", "ci_low", "ci_high"))
    color = VERMILION if low > 1 else BLUE if high < 1 else NEUTRAL
    return ForestRow(
        label, "", (value, low, high),
        estimate_words(Estimate(value, low, high), digits=2), "", color, sd_words(told, feature),
    )  # fmt: skip
