"""What a nomogram shows: every place on it says what the model says, and its caption says of whom."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.models.nomogram import Horizon, TrainingCohort, build_nomogram
from hccsurv_core.models.nomogram_curves import Line, Pieces
from hccsurv_core.models.nomogram_variables import AxisRange, CategoryVariable, NumberVariable
from hccsurv_core.report.figures.nomogram_axes import Scales
from hccsurv_core.report.figures.nomogram_chart import (
    NomogramPatient,
    nomogram_chart,
    nomogram_charts,
)
from hccsurv_core.report.figures.nomogram_labels import (
    GAP,
    OVERHANG,
    AxisLabel,
    place_levels,
    text_width,
)
from hccsurv_core.report.figures.nomogram_parts import NARROW, WIDE

TRAINING = TrainingCohort(
    "simulated cohort, seed 1", 208, 100, 80.4, True, (-1.2, -0.5, 0.0, 0.5, 1.3), (-2.0, 2.4)
)
MINMAX = "training minimum to maximum"
SIZE = NumberVariable(
    "size", "Tumor diameter", Line(0.9),
    AxisRange(12, 160, MINMAX, (18, 32, 46, 70, 118)), "mm", "log",
)  # fmt: skip
BMI = NumberVariable(
    "bmi", "Body-mass index", Pieces((16, 24, 36), (0.8, 0.0, 0.6)), AxisRange(16, 36, MINMAX),
    "kg/m²",
)  # fmt: skip
BCLC = CategoryVariable("bclc", "BCLC stage", ("A", "B", "C"), (0.0, 0.4, 0.9), (0.6, 0.3, 0.1))
PATIENT = {"size": 60, "bmi": 30, "bclc": "B"}


def nomogram(*variables, hazards=(0.15, 0.35, 0.6), training=TRAINING, **options):
    return build_nomogram(
        variables or (SIZE, BMI, BCLC),
        title="Overall survival after hepatectomy",
        horizons=[Horizon(12.0 * (i + 1), h) for i, h in enumerate(hazards)],
        training=training,
        intercept=-3.4,
        **options,
    )


def rows_of(chart, kind):
    return [row for row in chart.rows if row.kind == kind]


def value_of(label):
    return float(label.text.replace(",", "").replace("−", "-"))


def test_rows_follow_each_other_from_points_to_survival():
    chart = nomogram_chart(nomogram())
    assert [" ".join(row.title) for row in chart.rows] == [
        "Points", "Tumor diameter", "Body-mass index", "BCLC stage", "Total points",
        "Linear predictor", "12-month survival", "24-month survival", "36-month survival",
    ]  # fmt: skip
    assert [row.note for row in chart.rows] == [
        "", "mm, log scale", "kg/m²", "", "", "log hazard", *["% alive"] * 3,
    ]  # fmt: skip
    heights = [axis.y for row in chart.rows for axis in row.axes]
    assert heights == sorted(heights) and heights[-1] < chart.height


def test_every_tick_stands_where_the_model_has_it():
    found = nomogram()
    chart = nomogram_chart(found)
    total = rows_of(chart, "total")[0].axes[0]
    of_total = Scales((0, 100), (0, found.highest_total), 1).of_total
    for label in total.labels:
        assert label.tick == pytest.approx(of_total(value_of(label)))
    for horizon, row in zip(found.horizons, rows_of(chart, "survival"), strict=True):
        for label in row.axes[0].labels:
            survival = horizon.survival(found.linear_predictor_at(label.tick * found.highest_total))
            assert 100 * survival == pytest.approx(value_of(label))
    for label in rows_of(chart, "linear_predictor")[0].axes[0].labels:
        score = found.linear_predictor_at(label.tick * found.highest_total)
        assert score == pytest.approx(value_of(label), abs=1e-9)
    for variable, row in zip(found.variables[:2], rows_of(chart, "variable"), strict=False):
        for label in (t for axis in row.axes for t in axis.labels):
            points = found.points_of(variable, value_of(label))
            assert label.tick == pytest.approx(points / 100, abs=1e-9)


def test_survival_ticks_are_round_and_within_reach():
    found = nomogram()
    for horizon, row in zip(
        found.horizons, rows_of(nomogram_chart(found), "survival"), strict=True
    ):
        percents = [value_of(label) for label in row.axes[0].labels]
        ends = [horizon.survival(found.linear_predictor_at(t)) for t in (0, found.highest_total)]
        assert len(percents) >= 4
        assert all(100 * ends[1] <= p <= 100 * ends[0] for p in percents)
        assert set(percents) <= {1, 99, *range(5, 100, 5)}


def test_a_narrow_reach_has_finer_ticks():
    chart = nomogram_chart(nomogram(SIZE, hazards=(0.004,)))
    percents = [value_of(label) for label in rows_of(chart, "survival")[0].axes[0].labels]
    assert len(percents) >= 4 and min(percents) > 90


# ---------------------------------------------------------------- the patient


def test_the_patient_stands_on_every_axis_at_the_models_place():
    found = nomogram()
    chart = nomogram_chart(found, NomogramPatient(PATIENT))
    scored = found.points(PATIENT)
    variables = rows_of(chart, "variable")
    places = [row.mark.x for row in variables]
    assert places == pytest.approx([p / 100 for p in scored.points.values()])
    assert [row.value for row in variables] == ["60 mm", "30 kg/m²", "B"]
    assert [row.points for row in variables] == [f"{p:.1f}" for p in scored.points.values()]
    lower = [r for r in chart.rows if r.kind in ("total", "linear_predictor", "survival")]
    assert {row.mark.x for row in lower} == {chart.drop[0]}  # straight below each other
    assert chart.drop[0] == pytest.approx(scored.total / found.highest_total)
    assert [row.points for row in rows_of(chart, "survival")] == [
        f"{100 * s:.0f} %" for s in scored.survival
    ]
    assert all(row.mark.arrow == 0 for row in lower)


def test_whole_points_are_shown_whole():
    chart = nomogram_chart(nomogram(), NomogramPatient(PATIENT, whole=True))
    points = [row.points for row in rows_of(chart, "variable")]
    total = rows_of(chart, "total")[0].points
    assert all(p.isdigit() for p in points)
    assert int(total) == sum(map(int, points))
    assert "Points are rounded to whole numbers." in chart.caption


def test_without_a_patient_nothing_is_marked():
    chart = nomogram_chart(nomogram())
    assert all(row.mark is None and not row.value and not row.points for row in chart.rows)
    assert chart.drop is None and not chart.patient


def test_a_curve_that_turns_is_folded_and_the_patient_stands_on_the_right_part():
    found = nomogram()
    for value, part in ((20, 0), (30, 1)):
        chart = nomogram_chart(found, NomogramPatient(PATIENT | {"bmi": value}))
        row = rows_of(chart, "variable")[1]
        falling, rising = row.axes
        assert (falling.start, rising.start) == (0, 0)  # both begin where the risk is lowest
        assert row.folds == ((0.0, falling.y, rising.y),)
        assert row.mark.y == row.axes[part].y
        assert [t.above for t in falling.labels] == [True] * len(falling.labels)
        assert not any(t.above for t in rising.labels)
        assert all(16 <= value_of(t) <= 24 for t in falling.labels)
        assert all(24 <= value_of(t) <= 36 for t in rising.labels)


def test_a_value_beyond_its_axis_is_drawn_beyond_it_and_marked():
    found = nomogram()
    chart = nomogram_chart(found, NomogramPatient(PATIENT | {"size": 190}))
    row = rows_of(chart, "variable")[0]
    axis = row.axes[0]
    assert axis.end < row.mark.x and axis.beyond == (axis.end, row.mark.x)
    assert row.value == "190 mm*"
    assert "* Tumor diameter lies outside the range of the training patients" in chart.caption
    # Everything moves together: points are still read straight above.
    points = found.points(PATIENT | {"size": 190}).points["size"]
    scale = {value_of(t): t.tick for t in chart.rows[0].axes[0].labels}
    per_point = (scale[100] - scale[0]) / 100
    assert row.mark.x == pytest.approx(scale[0] + points * per_point)


def test_a_value_far_beyond_does_not_squeeze_the_axes():
    chart = nomogram_chart(nomogram(), NomogramPatient(PATIENT | {"size": 1e9}))
    row = rows_of(chart, "variable")[0]
    assert (row.mark.x, row.mark.arrow) == (1.0, 1)
    assert row.axes[0].end > 0.8
    assert float(row.points.replace(",", "")) > 600  # the number says where it is
    total, last = rows_of(chart, "total")[0], rows_of(chart, "survival")[-1]
    assert total.mark.arrow == 1 and total.points.endswith("†")
    assert "† No training patient had a total" in chart.caption
    assert last.points == "< 1 %"


def test_intervals_stand_on_the_survival_axes():
    found = nomogram()
    intervals = ((0.7, 0.9), (0.4, 0.7), (0.0, 1.0))
    chart = nomogram_chart(found, NomogramPatient(PATIENT, False, intervals, "95 % interval"))
    rows = rows_of(chart, "survival")
    for horizon, row, (low, high) in zip(found.horizons[:2], rows, intervals, strict=False):
        at = [found.linear_predictor_at(x * found.highest_total) for x in row.mark.interval]
        assert [horizon.survival(s) for s in at] == pytest.approx([high, low])
    assert rows[0].value == "70–90 %"
    assert rows[2].mark.interval == (0.0, 1.0)  # to the ends of the axis
    assert "Bars on the survival axes: 95 % interval." in chart.caption
    with pytest.raises(InputError, match="3 horizons need as many intervals, got 1"):
        nomogram_chart(found, NomogramPatient(PATIENT, False, ((0.1, 0.2),)))


# ---------------------------------------------------------------- captions and tables


def test_the_caption_says_on_whom_it_was_trained():
    chart = nomogram_chart(nomogram())
    assert chart.title == "Overall survival after hepatectomy · 208 patients, 100 events"
    assert (
        "Trained on simulated patients (simulated cohort, seed 1): 208 patients with 100 events, "
        "followed for up to 80 months." in chart.caption
    )
    assert "Axes of numbers go from the training minimum to maximum." in chart.caption
    assert "Gray bars: the middle half and 90 % of the training patients" in chart.caption
    real = TrainingCohort("Center A", 1355, 901, 140)
    assert "Trained on Center A: 1,355 patients" in nomogram_chart(nomogram(training=real)).caption
    assert "simulated" not in nomogram_chart(nomogram(training=real)).caption


def test_the_caption_states_what_rounding_costs_and_what_has_no_axis():
    flat = CategoryVariable("sex", "Sex", ("male", "female"), (0.0, 0.0))
    caption = nomogram_chart(nomogram(SIZE, flat, leave_out=True)).caption
    assert "Sex has no effect in this model and no axis." in caption
    # One number: half a point of 2.33 log hazards, times 1/e at most.
    off = 100 * 0.5 * 0.9 * math.log(160 / 12) / 100 / math.e
    assert f"off by up to {off:.1f} percentage points" in caption


def test_the_table_holds_every_tick_and_the_patient():
    frame = nomogram_chart(nomogram(), NomogramPatient(PATIENT)).to_frame()
    patient = frame[frame.what == "patient"]
    assert len(patient) == 8  # three variables, total, log hazard, three survivals
    row = patient.iloc[0]
    assert (row["axis"], row["unit"], row["label"]) == ("Tumor diameter", "mm, log scale", "60 mm")
    level = frame[(frame["axis"] == "BCLC stage") & (frame["label"] == "B")].iloc[0]
    assert "30% of training patients" in level["meaning"]


# ---------------------------------------------------------------- two beside each other


def test_two_nomograms_have_the_same_scale_of_points():
    strong = nomogram()
    weak = build_nomogram(
        [CategoryVariable("bclc", "BCLC stage", ("A", "B"), (0.0, 0.4))],
        title="After TACE", horizons=[Horizon(12, 0.5)], training=TRAINING,
    )  # fmt: skip
    both = nomogram_charts([(strong, NomogramPatient(PATIENT)), (weak, None)])
    lengths = []
    for chart in both:
        bclc = next(r for r in chart.rows if r.title == ("BCLC stage",))
        at = {t.text: t.tick for t in bclc.axes[0].labels}
        lengths.append(at["B"] - at["A"])
        assert [t.text for t in chart.rows[0].axes[0].labels] == [str(v) for v in range(0, 101, 10)]
    assert lengths[0] == pytest.approx(lengths[1])  # 0.4 log hazards in both
    assert both[0].widths == both[1].widths  # columns are aligned
    assert both[0].color != both[1].color
    alone = nomogram_chart(weak)
    assert alone.rows[1].axes[0].end == pytest.approx(1.0)


# ---------------------------------------------------------------- labels


def boxes(axis, characters):
    """Left, right, top, bottom of every label: characters and lines."""
    return [
        (t.x * characters - text_width(t.text) / 2, t.x * characters + text_width(t.text) / 2,
         axis.label_middle(t) - t.lines / 2, axis.label_middle(t) + t.lines / 2)
        for t in axis.labels
    ]  # fmt: skip


def overlaps(found):
    return [
        (a, b)
        for i, a in enumerate(found)
        for b in found[i + 1 :]
        if a[0] < b[1] - 1e-6 and b[0] < a[1] - 1e-6 and a[2] < b[3] - 1e-6 and b[2] < a[3] - 1e-6
    ]


@given(
    st.lists(st.tuples(st.floats(-2, 2), st.text("abcdefgh ", min_size=1, max_size=18)),
             min_size=2, max_size=6),
    st.sampled_from([WIDE, NARROW]),
    st.floats(1.2, 200), st.sampled_from(["identity", "log", "log1p", "sqrt"]),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_labels_never_overlap(levels, widths, factor, transform):
    effects = [0.0, *(e for e, _ in levels[1:-1]), 0.7]
    titles = tuple(t.strip() or "none" for _, t in levels)
    odd = CategoryVariable("c", "Category", tuple("ABCDEF"[: len(levels)]), tuple(effects),
                           titles=titles)  # fmt: skip
    number = NumberVariable("n", "Number", Line(0.5), AxisRange(3.0, 3.0 * factor), "", transform)
    chart = nomogram_chart(nomogram(odd, number, BMI), widths=widths)
    for row in chart.rows:
        every = [box for axis in row.axes for box in boxes(axis, widths.axis)]
        assert overlaps(every) == []
        assert all(b[0] >= -OVERHANG - 1e-6 and b[1] <= widths.axis + OVERHANG + 2 for b in every)
    shown = rows_of(chart, "variable")[0].axes[0].labels
    assert len(shown) == len(levels)  # a level is never left out


def test_rows_do_not_reach_into_each_other():
    long = CategoryVariable(
        "p", "Portal vein", tuple("ABCDEF"), (0.0, 0.3, 0.32, 0.8, 0.85, 0.9),
        titles=("none", "segmental branch of the portal vein", "second-order branch (Vp2)",
                "first-order branch (Vp3)", "main trunk or contralateral", "vena cava or atrium"),
    )  # fmt: skip
    chart = nomogram_chart(nomogram(SIZE, long, BMI, BCLC), NomogramPatient(PATIENT | {"p": "B"}))
    bottom = -math.inf
    for row in chart.rows:
        found = [box for axis in row.axes for box in boxes(axis, chart.widths.axis)]
        assert min(box[2] for box in found) >= bottom - 1e-9
        bottom = max(box[3] for box in found)
    assert bottom <= chart.height


def test_levels_stay_at_their_ticks_where_there_is_room():
    labels = place_levels([0.0, 0.4, 1.0], ["low", "middle", "high"], 76)
    assert [t.x for t in labels] == pytest.approx([0.0, 0.4, 1.0])
    assert not any(t.above or t.leader for t in labels)


def test_crowded_levels_keep_their_order_and_are_tied_to_their_ticks():
    texts = ["hepatitis B", "hepatitis C", "alcohol", "MASLD", "other causes", "none known"]
    labels = place_levels([0.30, 0.31, 0.305, 0.32, 0.325, 0.33], texts, 76)
    assert [t.text.replace("\n", " ") for t in labels] == texts
    for above in (False, True):
        side = sorted((t for t in labels if t.above == above), key=lambda t: t.tick)
        assert len(side) == 3
        assert [t.x for t in side] == sorted(t.x for t in side)  # no line crosses another
        for a, b in pairwise(side):
            apart = (b.x - a.x) * 76 - (text_width(a.text) + text_width(b.text)) / 2
            assert apart >= GAP - 1e-6
    assert all(t.leader for t in labels if abs(t.x - t.tick) * 76 > 6)


def test_levels_too_long_for_any_place_are_cut_as_a_last_resort():
    texts = [f"{'interminable' * 6} {i}" for i in range(8)]
    labels = place_levels(np.linspace(0, 1, 8), texts, 44)
    assert len(labels) == 8 and all(isinstance(t, AxisLabel) for t in labels)
    assert all(t.text.endswith("…") for t in labels)
