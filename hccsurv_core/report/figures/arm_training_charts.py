"""What came out of a training of system 2: how each arm ranks patients, and what is in its model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hccsurv_core.models.nomogram_curves import TRANSFORMS
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.figures.treatment_charts import ARM_COLORS, ARM_TITLES
from hccsurv_core.report.study_report import led
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.treatment.arm_table import ARMS

_C_AXIS = ForestAxis("Harrell's C, cross-validated", "C", False, 0.5, (0.45, 0.85), (0.0, 1.0))
_RATIO_AXIS = ForestAxis("Hazard ratio per SD", "HR per SD", at_least=(0.5, 2.0))
#: Version of a model → what it looks at.
VERSION_WORDS: Mapping[str, str] = {
    "clinical": "Clinical values",
    "combined": "Clinical values and lesion signs",
}
_LOGARITHMS = ("log", "log2", "log10")


def arm_forest(results: Sequence[Mapping[str, Any]], *, method: str, simulated: bool) -> Forest:
    """Cross-validated C of each arm and version.

    Args:
        results: of a bundle's description: arm, version, and ``c_index`` as JSON values.
        method: how they were cross-validated.
        simulated: whether the patients were drawn by a computer.
    """
    rows: list[ForestRow] = []
    for arm in ARMS:
        rows.append(forest_heading(ARM_TITLES[arm]))
        rows += [_c_row(r) for r in results if r["arm"] == arm]
    versions = {str(r["version"]) for r in results}
    gain = (
        "Versions share patients and folds; the difference between them was not tested."
        if len(versions) > 1
        else "No lesion signs were measured: there is one version."
    )
    return Forest(
        title="Cross-validated concordance of each arm's model",
        rows=tuple(rows),
        caption=led(
            simulated,
            f"{method[:1].upper()}{method[1:]}. Intervals: bootstrap of the patients. {gain}",
        ),
        axis=_C_AXIS,
        name_header="The model looks at",
        p_header="",
    )


def coefficient_forest(description: Mapping[str, Any], version: str) -> Forest:
    """What one version's models are made of, each covariate in both arms.

    Args:
        description: of a bundle of system 2.
        version: one of ``description["recommenders"]``.
    """
    labels = {c["name"]: c for c in (*description["covariates"], *description["image_covariates"])}
    arms = description["recommenders"][version]["arms"]["arms"]
    resampled = description["settings"]["arms"]["uncertainty"] == "bootstrap"
    rows: list[ForestRow] = []
    for arm in ARMS:
        found = arms[arm]
        rows.append(
            forest_heading(f"{ARM_TITLES[arm]}: {found['n']} patients, {found['n_events']} deaths")
        )
        features = {f["name"]: f for f in found["features"]}
        rows += [
            _ratio_row(c, labels.get(c["name"], {}), features[c["name"]], ARM_COLORS[arm])
            for c in found["coefficients"]
        ]
    return Forest(
        title=f"What the models are made of · {VERSION_WORDS.get(version, version).lower()}",
        rows=tuple(rows),
        caption=led(
            bool(description["training"]["simulated"]),
            "Hazard of death for one standard deviation more of the covariate, all others the "
            "same; above 1 is worse. The penalty pulls ratios towards 1, and the other arm may "
            "pull them its way; intervals: 95 % "
            f"{'of bootstrap resamples' if resampled else 'of the posterior'}. They describe "
            "prognosis under one treatment: a difference between "
            "the arms is no proof that the treatment works differently.",
        ),
        axis=_RATIO_AXIS,
        name_header="Covariate",
        count_header="",
        extra_header="1 SD is",
        p_header="",
    )


def _c_row(result: Mapping[str, Any]) -> ForestRow:
    c = result["c_index"]
    version = str(result["version"])
    name, count = VERSION_WORDS.get(version, version), f"{result['n_events']} / {result['n']}"
    value, low, high = (
        math.nan if c[k] is None else float(c[k]) for k in ("value", "ci_low", "ci_high")
    )
    words = "not known" if math.isnan(value) else estimate_words(Estimate(value, low, high), digits=3)  # fmt: skip
    return ForestRow(name, count, (value, low, high), words, "", ARM_COLORS[result["arm"]])


def _ratio_row(
    coefficient: Mapping[str, Any], told: Mapping[str, Any], feature: Mapping[str, Any], color: str
) -> ForestRow:
    name = str(told.get("label", coefficient["name"]))
    ratio = [math.exp(coefficient[end]) for end in ("per_sd", "ci_low", "ci_high")]
    return ForestRow(
        name, "", (ratio[0], ratio[1], ratio[2]),
        estimate_words(Estimate(ratio[0], ratio[1], ratio[2]), digits=2), "", color, sd_words(told, feature),
    )  # fmt: skip


def sd_words(told: Mapping[str, Any], feature: Mapping[str, Any]) -> str:
    """One standard deviation as a person reads it: "9.8 years", "× 1.8", "yes − no is 2.0 SD".

    Args:
        told: the covariate, with "kind", "transform" and "unit" where it says so.
        feature: with the "sd" of what the model takes.
    """
    sd = feature.get("sd")
    if sd is None or not sd > 0:
        return ""
    if told.get("kind") == "yes_no":
        return f"yes − no is {1 / sd:.1f} SD"
    transform = str(told.get("transform") or "identity")
    if transform in _LOGARITHMS:
        # Equal steps of a logarithm are equal factors.
        return f"× {TRANSFORMS[transform].inverse(sd):.2g}"
    return f"{sd:.3g} {told.get('unit', '')}".rstrip()
