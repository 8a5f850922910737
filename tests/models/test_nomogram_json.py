"""A nomogram's JSON: it scores patients alone, comes back unchanged, and is refused when damaged."""

import json
import math
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import BundleError
from hccsurv_core.models.nomogram import Horizon, TrainingCohort, build_nomogram
from hccsurv_core.models.nomogram_curves import Line, Pieces, Spline
from hccsurv_core.models.nomogram_json import nomogram_from_json, nomogram_to_json
from hccsurv_core.models.nomogram_variables import AxisRange, CategoryVariable, NumberVariable

NOMOGRAM = build_nomogram(
    [
        NumberVariable("size", "Diameter", Line(0.7), AxisRange(12, 150, middle=(15, 30, 45, 70, 120)),
                       "mm", "log", center=3.9, scale=0.5),
        NumberVariable("age", "Age", Spline((40.0, 55.0, 63.0, 75.0), (-0.03, 0.1, -0.2)),
                       AxisRange(28, 84), "years"),
        NumberVariable("score", "Score", Pieces((-1.0, 0.0, 1.0), (0.3, 0.0, 0.4)), AxisRange(-2, 2)),
        CategoryVariable("bclc", "BCLC", ("A", "B", "C"), (0.0, 0.31, 0.95), (0.5, 0.3, 0.2)),
    ],
    title="Survival after hepatectomy",
    horizons=[Horizon(12, 0.13), Horizon(24, 0.31), Horizon(36, 0.52)],
    training=TrainingCohort("simulated", 208, 100, 80.5, True, (-1, -0.5, 0, 0.4, 1.1), (-1.9, 2.2)),
    intercept=-0.37,
)  # fmt: skip
PATIENTS = st.fixed_dictionaries(
    {"size": st.floats(1, 400), "age": st.floats(10, 100), "score": st.floats(-5, 5),
     "bclc": st.sampled_from("ABC")}
)  # fmt: skip


def plain_score(document: dict, patient: dict) -> list[float]:
    """Survival by the words of the file's ``how``, with nothing but Python."""

    def curve(c: dict, u: float) -> float:
        if c["kind"] == "line":
            return c["slope"] * u
        if c["kind"] == "pieces":
            pairs = list(zip(c["u"], c["effect"], strict=True))
            if u <= pairs[0][0]:
                return pairs[0][1]
            for (a, low), (b, high) in pairwise(pairs):
                if u <= b:
                    return low + (high - low) * (u - a) / (b - a)
            return pairs[-1][1]
        t, coef = c["knots"], c["coef"]
        total = coef[0] * u
        for knot, b in zip(t[:-2], coef[1:], strict=True):
            parts = (max(u - v, 0) ** 3 for v in (knot, t[-2], t[-1]))
            first, before, last = parts
            total += b * (
                first - before * (t[-1] - knot) / (t[-1] - t[-2])
                + last * (t[-2] - knot) / (t[-1] - t[-2])
            ) / (t[-1] - t[0]) ** 2  # fmt: skip
        return total

    score = document["intercept"]
    for v in document["variables"]:
        value = patient[v["name"]]
        if v["kind"] == "category":
            score += v["level_effects"][v["levels"].index(value)]
        else:
            u = {"identity": float, "log": math.log}[v["transform"]](value)
            score += curve(v["curve"], (u - v["center"]) / v["scale"])
    return [math.exp(-h["cumulative_hazard"] * math.exp(score)) for h in document["horizons"]]


@given(PATIENTS)
@settings(deadline=None)
def test_the_file_alone_scores_a_patient(patient):
    document = json.loads(json.dumps(nomogram_to_json(NOMOGRAM), allow_nan=False))
    assert plain_score(document, patient) == pytest.approx(NOMOGRAM.points(patient).survival)


@given(PATIENTS)
@settings(deadline=None)
def test_it_comes_back_unchanged(patient):
    again = nomogram_from_json(json.loads(json.dumps(nomogram_to_json(NOMOGRAM))))
    assert again == NOMOGRAM
    assert again.points(patient) == NOMOGRAM.points(patient)


def test_scoring_needs_no_fitting_code_and_no_heavy_package(tmp_path):
    path = tmp_path / "nomogram.json"
    path.write_text(json.dumps(nomogram_to_json(NOMOGRAM)))
    code = f"""
import json, sys
from hccsurv_core.models.nomogram_json import nomogram_from_json
nomogram = nomogram_from_json(json.load(open({str(path)!r})))
print(nomogram.points({{"size": 60, "age": 61, "score": 0.2, "bclc": "B"}}).survival[0])
heavy = [m for m in ("scipy", "torch", "pandas", "lifelines", "sklearn") if m in sys.modules]
fitting = [m for m in sys.modules if m.endswith((".coxph", ".newton", ".risk_sets"))]
print(heavy, fitting)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = NOMOGRAM.points({"size": 60, "age": 61, "score": 0.2, "bclc": "B"}).survival[0]
    assert float(done[0]) == expected
    assert done[1] == "[] []"


def changed(*path_and_value):
    document = json.loads(json.dumps(nomogram_to_json(NOMOGRAM)))
    *path, value = path_and_value
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "this is no nomogram"),
        ([1], "this is no nomogram"),
        (changed("version", 2), "has version 2, 1 is read here; export it again"),
        (changed("intercept", KeyError), "'intercept' is missing"),
        (changed("variables", 0, "axis", KeyError), "'axis' is missing"),
        (changed("intercept", math.nan), "the number nan"),
        (changed("intercept", "much"), "a part is wrong"),
        (changed("variables", 3, "levels", ["A"]), "has only the level 'A'"),
        (changed("variables", 0, "kind", "picture"), "no variable is of the kind 'picture'"),
        (changed("variables", 0, "curve", "kind", "magic"), "no curve is of the kind 'magic'"),
        (changed("variables", 0, "curve", "extra", 1), "unexpected keyword"),
        (changed("horizons", 0, "months", 99.0), "horizons must be rising"),
        (changed("points_per_unit", -1.0), "points per unit above 0"),
        (changed("training", "n_events", 999), "208 patients with 999 events"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(document, message):
    with pytest.raises(BundleError, match=message):
        nomogram_from_json(document)
