"""When not to believe a prediction: a scan or a patient unlike those that the model learned from."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.systems.muscle.feature_groups import label_of, labels_of
from hccsurv_core.systems.muscle.prediction import MuscleModel

#: Prefix of what is known of the scan; no model takes these as features.
SCAN = "scan."
#: Where a bundle's description holds the training scans' ranges.
SCAN_RANGES = "scan"
#: Fewer enhanced (or unenhanced) training scans than this share: the model hardly knows them.
_RARE = 0.05
#: A scan this far beyond the range is still like it.
_SLACK = 0.02
_WHAT = {
    "slice_mm": ("the slices are {value:.3g} mm apart", "{low:.3g} to {high:.3g} mm",
                 "use a reconstruction of that thickness where there is one"),
    "pixel_mm": ("the pixels are {value:.3g} mm wide", "{low:.3g} to {high:.3g} mm",
                 "use a reconstruction with a field of view like that where there is one"),
    "n_slices": ("the slab has {value:.0f} slices", "{low:.0f} to {high:.0f}",
                 "outline muscle and psoas on more slices about the level"),
}  # fmt: skip


@dataclass(frozen=True)
class CaseWarning:
    """Why to doubt a prediction.

    Args:
        about: "scan", "patient" or "missing".
        what: in a sentence without its full stop.
        remedy: what to do.
    """

    about: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}."

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return vars(self).copy()


def check_case(
    model: MuscleModel, features: Mapping[str, float], left_out: Collection[str] = ()
) -> tuple[CaseWarning, ...]:
    """Warnings of scan and patient, scan first; empty where all is well.

    Args:
        features: the model's, and ``scan.`` ones where they are known.
        left_out: features that are missing on purpose.
    """
    row = np.array([float(features[name]) for name in model.feature_names])
    return (
        *_scan(model.description.get(SCAN_RANGES, {}), features),
        *_patient(model, row, left_out),
    )


def _scan(ranges: Mapping[str, Any], features: Mapping[str, float]) -> list[CaseWarning]:
    found = []
    for name, (what, usual, remedy) in _WHAT.items():
        value = float(features.get(SCAN + name, math.nan))
        if name not in ranges or math.isnan(value):
            continue
        low, high = ranges[name]
        if low * (1 - _SLACK) <= value <= high * (1 + _SLACK):
            continue
        told = what.format(value=value)
        where = (
            usual.format(low=low, high=high)
            if low != high
            else usual.split(" to ")[0].format(low=low)
        )
        found.append(CaseWarning("scan", f"{_begin(told)}; the model learned from {where}", remedy))
    enhanced, share = features.get(SCAN + "enhanced", math.nan), ranges.get("enhanced_share")
    if share is not None and enhanced == enhanced:
        alike = share if enhanced else 1 - share
        if alike < _RARE:
            kind, other = ("with", "without") if enhanced else ("without", "with")
            found.append(
                CaseWarning(
                    "scan",
                    f"The vessels show a scan {kind} contrast; {100 * alike:.0f} of 100 training "
                    "scans were such, and contrast changes the density and texture of muscle",
                    f"use a phase {other} contrast where there is one",
                )
            )
    return found


def _patient(model: MuscleModel, row: np.ndarray, left_out: Collection[str]) -> list[CaseWarning]:
    names, scales = model.feature_names, model.ensemble.standardizer
    found = []
    outside = scales.outside(row[None])[0]
    for i in np.flatnonzero(outside):
        label = label_of(names[i])
        if label is not None:
            side = "below" if row[i] < scales.low[i] else "above"
            found.append(
                CaseWarning(
                    "patient",
                    f"{label} lies {side} that of every training patient",
                    "check the value; if it is right, the prediction is an extrapolation",
                )
            )
    n = int(outside.sum())
    if n > model.most_outside:
        found.append(
            CaseWarning(
                "patient",
                f"{n} of {len(names)} features lie outside the range of the training patients (99 "
                f"of 100 of them: at most {model.most_outside})",
                "check level and outline; if they are right, do not rely on this prediction",
            )
        )
    unknown = [name for name, value in zip(names, row, strict=True) if math.isnan(value)]
    missing = [name for name in unknown if name not in left_out]
    if missing:
        found.append(
            CaseWarning(
                "missing",
                f"Not known and taken as in a typical training patient: {_list(labels_of(missing))}",
                "enter what is known",
            )
        )
    purposely = [name for name in unknown if name in left_out]
    if purposely:
        found.append(
            CaseWarning(
                "missing",
                f"After transplantation {_list(labels_of(purposely))} tell of a liver that is gone, "
                "and are not used",
                "nothing need be entered",
            )
        )
    return found


def scan_ranges(names: Sequence[str], values: np.ndarray) -> dict[str, Any]:
    """What a bundle remembers of its training scans.

    Args:
        names: of a table's columns; values: (n, p) of the training patients.

    Returns:
        Smallest and largest value of each ``scan.`` column, and the share of enhanced scans; empty
        where the table has none.
    """
    found: dict[str, Any] = {}
    for name in _WHAT:
        if SCAN + name in names:
            column = values[:, list(names).index(SCAN + name)]
            if np.isfinite(column).any():
                found[name] = [float(np.nanmin(column)), float(np.nanmax(column))]
    if SCAN + "enhanced" in names:
        column = values[:, list(names).index(SCAN + "enhanced")]
        if np.isfinite(column).any():
            found["enhanced_share"] = float(np.nanmean(column))
    return found


def _list(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def _begin(text: str) -> str:
    return text[0].upper() + text[1:]
