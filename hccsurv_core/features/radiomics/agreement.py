"""When two engines give the same features: a millionth, and what rounding alone can make.

A value that is 0 by nature comes out as the rounding error of what cancelled in
it, and two such errors have no ratio. For the features where that happens the
allowance is a tiny part of what cancels, far below any meaning of the feature:

* lengths along an axis that a flat or straight mask does not have, and their
  ratios: PyRadiomics takes the root of what rounding left of an eigenvalue,
  which is up to 1e-15 of the largest, so 1e-7 of the longest axis;
* the mean of a band-pass image, its median and percentiles: 1e-12 of the root
  mean square of the same image;
* skewness, correlation and Imc1 of symmetrical or independent levels: 1e-12,
  being dimensionless and of order 1; cluster shade: 1e-12 of cluster
  prominence to the power ¾, which has its unit;
* variances of a matrix with one level or one size: 1e-12 of a bin's or a
  voxel's square, which is 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

RELATIVE = 1e-6
_AXIS = 1e-7
_ROUNDING = 1e-12
_CENTERED = ("Mean", "Median", "10Percentile", "90Percentile", "Minimum", "Maximum")
_ORDER_ONE = ("Skewness", "Correlation", "Imc1")
_SQUARES = ("GrayLevelVariance", "RunVariance", "ZoneVariance", "DependenceVariance")


@dataclass(frozen=True)
class Disagreement:
    """One feature on which two engines differ by more than is allowed.

    Args:
        name: the feature.
        found: what is checked.
        reference: what it is checked against.
        allowed: the largest difference that would have passed.
    """

    name: str
    found: float
    reference: float
    allowed: float


def find_disagreements(
    found: Mapping[str, float], reference: Mapping[str, float]
) -> tuple[Disagreement, ...]:
    """Features that differ by more than a millionth and rounding, or that only one side has.

    Two values that are both not numbers agree.
    """
    differing = []
    for name in sorted({*found, *reference}):
        ours, theirs = found.get(name, math.nan), reference.get(name, math.nan)
        allowed = allowed_difference(name, reference)
        both_missing = math.isnan(ours) and math.isnan(theirs)
        if not both_missing and not abs(ours - theirs) <= allowed:
            differing.append(Disagreement(name, ours, theirs, allowed))
    return tuple(differing)


def allowed_difference(name: str, reference: Mapping[str, float]) -> float:
    """How far a feature may be from its reference; NaN where the reference lacks it."""
    value = abs(reference.get(name, math.nan))
    return RELATIVE * value + _floor(name, reference)


def _floor(name: str, reference: Mapping[str, float]) -> float:
    image, family, feature = name.split("_", 2)
    if family.startswith("shape"):
        longest = reference.get(f"{image}_{family}_MajorAxisLength", 0.0)
        if feature.endswith("AxisLength"):
            return _AXIS * longest
        return _AXIS if feature in ("Elongation", "Flatness") else 0.0
    if family == "firstorder" and feature in _CENTERED:
        return _ROUNDING * reference.get(f"{image}_firstorder_RootMeanSquared", 0.0)
    if feature == "ClusterShade":
        return _ROUNDING * reference.get(f"{image}_glcm_ClusterProminence", 0.0) ** 0.75
    return _ROUNDING if feature in _ORDER_ONE + _SQUARES else 0.0
