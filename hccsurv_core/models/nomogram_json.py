"""A nomogram as plain JSON, and back: the file alone scores a patient, without the fitting code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.models.nomogram import Horizon, Nomogram, TrainingCohort
from hccsurv_core.models.nomogram_curves import Curve, Line, Pieces, Spline
from hccsurv_core.models.nomogram_variables import (
    AxisRange,
    CategoryVariable,
    NumberVariable,
    Variable,
)

FORMAT = "hccsurv nomogram"
VERSION = 1
_CURVES: dict[str, type[Line] | type[Spline] | type[Pieces]] = {
    "line": Line,
    "spline": Spline,
    "pieces": Pieces,
}
_HOW = (
    "effect of a number = curve at u = (transform(value) - center) / scale; effect of a level as "
    "given; linear predictor = intercept + sum of effects; survival = exp(-cumulative_hazard * "
    "exp(linear predictor)); points = (effect - lowest effect on the axis) * points_per_unit"
)


def nomogram_to_json(nomogram: Nomogram) -> dict[str, Any]:
    """Plain dictionaries, lists, texts and finite numbers."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "how": _HOW,
        "title": nomogram.title,
        "intercept": nomogram.intercept,
        "points_per_unit": nomogram.points_per_unit,
        "variables": [_variable_to_json(v) for v in nomogram.variables],
        "horizons": [asdict(h) for h in nomogram.horizons],
        "training": _plain(asdict(nomogram.training)),
        "without_effect": list(nomogram.without_effect),
    }


def nomogram_from_json(found: Mapping[str, Any]) -> Nomogram:
    """Back from :func:`nomogram_to_json`.

    Raises:
        BundleError: it is something else, of a later version, or a part is missing or wrong.
    """
    if not isinstance(found, Mapping) or found.get("format") != FORMAT:
        raise BundleError("this is no nomogram", source="nomogram")
    if found.get("version") != VERSION:
        raise BundleError(
            f"the nomogram has version {found.get('version')!r}, {VERSION} is read here",
            source="nomogram", remedy="export it again",
        )  # fmt: skip
    try:
        _refuse_infinite(found)
        training = dict(found["training"])
        seen = training.pop("linear_predictor_range")
        middle = tuple(training.pop("linear_predictor"))
        return Nomogram(
            title=found["title"],
            variables=tuple(_variable_from_json(v) for v in found["variables"]),
            intercept=float(found["intercept"]),
            horizons=tuple(Horizon(**h) for h in found["horizons"]),
            training=TrainingCohort(
                **training,
                linear_predictor=middle,
                linear_predictor_range=None if seen is None else (seen[0], seen[1]),
            ),
            points_per_unit=float(found["points_per_unit"]),
            without_effect=tuple(found["without_effect"]),
        )
    except KeyError as error:
        raise BundleError(f"{error.args[0]!r} is missing", source="nomogram") from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise BundleError(f"a part is wrong: {error}", source="nomogram") from error
    except InputError as error:
        raise BundleError(error.what, source=f"nomogram, {error.source}") from error


def _variable_to_json(variable: Variable) -> dict[str, Any]:
    if isinstance(variable, CategoryVariable):
        return {
            "kind": "category", "name": variable.name, "label": variable.label,
            "levels": list(variable.levels), "level_effects": list(variable.level_effects),
            "lowest_effect": variable.effects[0], "shares": list(variable.shares),
            "titles": list(variable.titles),
        }  # fmt: skip
    kind = next(name for name, made in _CURVES.items() if isinstance(variable.curve, made))
    return {
        "kind": "number", "name": variable.name, "label": variable.label, "unit": variable.unit,
        "transform": variable.transform, "center": variable.center, "scale": variable.scale,
        "curve": {"kind": kind, **_plain(asdict(variable.curve))},
        "lowest_effect": variable.effects[0], "axis": _plain(asdict(variable.axis)),
        "whole": variable.whole,
    }  # fmt: skip


def _variable_from_json(found: Mapping[str, Any]) -> Variable:
    if found["kind"] == "category":
        return CategoryVariable(
            found["name"], found["label"], tuple(found["levels"]), tuple(found["level_effects"]),
            tuple(found["shares"]), tuple(found["titles"]),
        )  # fmt: skip
    if found["kind"] != "number":
        raise BundleError(f"no variable is of the kind {found['kind']!r}", source="nomogram")
    axis = found["axis"]
    return NumberVariable(
        found["name"], found["label"], _curve_from_json(found["curve"]),
        AxisRange(axis["low"], axis["high"], axis["words"], tuple(axis["middle"])),
        found["unit"], found["transform"], found["center"], found["scale"], found["whole"],
    )  # fmt: skip


def _curve_from_json(found: Mapping[str, Any]) -> Curve:
    if found["kind"] not in _CURVES:
        raise BundleError(f"no curve is of the kind {found['kind']!r}", source="nomogram")
    parts = {
        name: tuple(part) if isinstance(part, list) else part
        for name, part in found.items()
        if name != "kind"
    }
    made: Callable[..., Curve] = _CURVES[found["kind"]]
    return made(**parts)


def _plain(found: Any) -> Any:
    """Tuples as lists, all the way down: what JSON gives back."""
    if isinstance(found, dict):
        return {name: _plain(part) for name, part in found.items()}
    if isinstance(found, tuple | list):
        return [_plain(part) for part in found]
    return found


def _refuse_infinite(found: Any) -> None:
    """JSON readers let NaN and Infinity in; a nomogram has neither."""
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, list | tuple):
        for part in found:
            _refuse_infinite(part)
    elif isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"the number {found}")
