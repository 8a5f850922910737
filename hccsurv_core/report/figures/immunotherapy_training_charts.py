"""What came out of a training of system 4: ranking by model, risk groups, what models are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hccsurv_core.report.figures.arm_training_charts import sd_words
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Series, month_ticks
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow
from hccsurv_core.report.figures.immunotherapy_style import (
    CLOCK_CAPTION,
    HIGH_TITLE,
    LOW_TITLE,
    RISK_COLORS,
    VERSION_COLORS,
    VERSION_TITLES,
)
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.study_report import led
from hccsurv_core.stats.estimate import Estimate

C_AXIS = ForestAxis("Harrell's C", "C", False, 0.5, (0.45, 0.85), (0.0, 1.0))
_GROUP_TITLES = {"low": LOW_TITLE, "high": HIGH_TITLE}


def versions_forest(
    results: Sequence[Mapping[str, Any]], *, method: str, simulated: bool
) -> Forest:
    """Cross-validated C of each model.

    Args:
        results: of a bundle's description: version, and ``c_index`` as JSON values.
        method: how they were cross-validated.
        simulated: whether the patients were drawn by a computer.
    """
    gain = (
        CLOCK_CAPTION + " The differences were not tested."
        if len(results) > 1
        else "No scans were looked at: there is one model."
    )
    return Forest(
        title="Cross-validated: how well each model ranks patients",
        rows=tuple(_c_row(str(r["version"]), from_plain(r["c_index"])) for r in results),
        caption=led(
            simulated,
            f"{method[:1].upper()}{method[1:]}. Intervals: 95 %, bootstrap of the patients. {gain}",
        ),
        axis=C_AXIS,
        name_header="The model looks at",
        count_header="Deaths / n",
        p_header="",
    )


def training_groups_chart(description: Mapping[str, Any], version: str) -> Chart:
    """How training patients above and below the median of their scores fared, by one model.

    Args:
        description: of a bundle of system 4.
        version: one of ``description["versions_of"]``.
    """
    found = description["versions_of"][version]
    curves = {_GROUP_TITLES[g["group"]]: g for g in found["groups"]}
    last = max(float(g["curve"]["months"][-1]) for g in curves.values())
    places, labels = month_ticks(last)
    series = tuple(
        Series(
            f"{title}: {g['n']} patients, {g['n_events']} deaths",
            np.concatenate([[0.0], g["curve"]["months"]]),
            np.concatenate([[1.0], g["curve"]["survival"]]),
            color=RISK_COLORS[title], kind="step",
        )
        for title, g in curves.items()
    )  # fmt: skip
    return Chart(
        title=f"Training patients by risk group · {version} · {found['n']} patients, "
        f"{found['n_events']} deaths",
        x_title=f"Time {found['clock']} (months)",
        y_title="Alive",
        series=series,
        caption=led(
            bool(description["training"]["simulated"]),
            f"High risk: above {found['cutoff']:.2f}, the median of the training patients' scores by "
            "models that had not seen them. Kaplan-Meier. On other patients groups lie closer "
            "together: judge there.",
        ),
        x_range=(0.0, last * 1.015),
        y_range=(0.0, 1.02),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
    )


def coefficients_forest(description: Mapping[str, Any], version: str) -> Forest:
    """What one model is made of.

    Args:
        description: of a bundle of system 4.
        version: one of ``description["models"]``.
    """
    told = {c["name"]: c for c in (*description["covariates"], *description["image_covariates"])}
    found = description["models"][version]
    features = {f["name"]: f for f in found["features"]}
    return Forest(
        title=f"What {version} is made of · {found['n']} patients, {found['n_events']} deaths",
        rows=tuple(
            _ratio_row(c, told.get(c["name"], {}), features[c["name"]])
            for c in found["coefficients"]
        ),
        caption=led(
            bool(description["training"]["simulated"]),
            "Hazard of death for one standard deviation more, all others the same; above 1 is worse. "
            "The penalty pulls ratios towards 1, views of one thing act together; intervals: 95 % of "
            "the posterior. They describe prognosis under immunotherapy, not causes.",
        ),
        axis=ForestAxis("Hazard ratio per SD", "HR per SD", at_least=(0.5, 2.0)),
        name_header="Covariate",
        count_header="",
        extra_header="1 SD is",
        p_header="",
    )


def from_plain(told: Mapping[str, Any]) -> Estimate:
    """An estimate from its JSON values."""
    value, low, high = (_number(told.get(k)) for k in ("value", "ci_low", "ci_high"))
    return Estimate(value, low, high, n=told.get("n"), n_events=told.get("n_events"))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _c_row(version: str, e: Estimate) -> ForestRow:
    count = "" if e.n is None else f"{e.n_events} / {e.n}"
    words = "not known" if math.isnan(e.value) else estimate_words(e, digits=3)
    return ForestRow(
        VERSION_TITLES.get(version, version), count, (e.value, e.ci_low, e.ci_high), words, "",
        VERSION_COLORS.get(version, NEUTRAL),
    )  # fmt: skip


def _ratio_row(
    coefficient: Mapping[str, Any], told: Mapping[str, Any], feature: Mapping[str, Any]
) -> ForestRow:
    value, low, high = (math.exp(coefficient[end]) for end in ("per_sd", "ci_low", "ci_high"))
    color = VERMILION if low > 1 else BLUE if high < 1 else NEUTRAL
    return ForestRow(
        str(told.get("label", coefficient["name"])), "", (value, low, high),
        estimate_words(Estimate(value, low, high), digits=2), "", color, _sd_words(told, feature),
    )  # fmt: skip


def _sd_words(told: Mapping[str, Any], feature: Mapping[str, Any]) -> str:
    """One standard deviation of a sign as a person reads it: "× 2.1", "11 % per month"."""
    unit, sd = str(told.get("unit", "")), feature.get("sd")
    if sd is None or not sd > 0:
        return ""
    if unit.startswith("log2"):
        return f"× {2.0**sd:.2g}"
    if unit == "log per month":
        return f"{100 * math.expm1(sd):.2g} % per month"
    if unit == "0 or 1":
        return f"yes − no is {1 / sd:.1f} SD"
    return sd_words(told, feature)
