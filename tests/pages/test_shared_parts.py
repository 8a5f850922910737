"""Jobs, numbers and messages that the pages share."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import GeometryError, HccsurvError
from pages._shared import formats
from pages._shared.components import verdict
from pages._shared.jobs import WAITING, Job


def test_a_job_reports_and_ends():
    job = Job("Working", lambda progress: progress(0.5, "half") or "answer", "k", "p").start()
    job.join(5)
    assert (job.state, job.result, job.fraction, job.message) == ("done", "answer", 0.5, "half")


def test_a_job_is_cancelled_at_its_next_report():
    reached, go_on = threading.Event(), threading.Event()

    def work(progress):
        reached.set()
        go_on.wait(5)
        progress(0.1, "on")
        pytest.fail("went on after the cancel")

    job = Job("Working", work, "k", "p").start()
    assert reached.wait(5)
    job.cancel()
    assert job.cancelling
    go_on.set()
    job.join(5)
    assert job.state == "cancelled" and job.error is None


def test_errors_of_ours_are_kept_and_defects_are_told_without_a_traceback(caplog):
    def bad(progress):
        raise GeometryError("slices are missing", source="a.dcm", remedy="upload all")

    def defect(progress):
        raise ZeroDivisionError("oops")

    known, unknown = (Job("Reading", work, "k", "p").start() for work in (bad, defect))
    known.join(5)
    unknown.join(5)
    assert known.state == unknown.state == "failed"
    assert known.error.source == "a.dcm"
    assert "did not foresee" in str(unknown.error) and "oops" not in str(unknown.error)
    assert "ZeroDivisionError" in caplog.text


def test_a_second_job_waits_for_the_first_and_can_be_cancelled_meanwhile():
    started, go_on = threading.Event(), threading.Event()

    def first(progress):
        started.set()
        go_on.wait(10)

    one = Job("One", first, "k", "p").start()
    assert started.wait(5)
    two = Job("Two", lambda progress: "never", "k", "p").start()
    two.join(0.6)
    assert two.state == "waiting" and two.message == WAITING
    two.cancel()
    two.join(5)
    assert two.state == "cancelled"
    go_on.set()
    one.join(5)
    assert one.state == "done"


@pytest.mark.parametrize(
    ("value", "text"),
    [(148.4, "148"), (15.66, "15.7"), (5.432, "5.43"), (0, "0"), (-29.04, "-29.0"), (0.5, "0.500")],
)
def test_numbers_have_three_significant_digits(value, text):
    assert formats.significant(value) == text


@given(st.floats(1, 9999))
def test_rounding_keeps_the_size(value):
    assert float(formats.significant(value)) == pytest.approx(value, rel=0.006)


def test_an_error_is_one_line_what_which_file_what_to_do():
    error = GeometryError("slices are missing", source="scan_*.dcm", remedy="upload all slices")
    assert formats.error_text(error) == (
        "**scan\\_\\*.dcm** — Slices are missing. Upload all slices."
    )
    assert formats.error_text(HccsurvError("it broke")) == "It broke."


@given(st.text(max_size=60))
def test_text_of_others_cannot_become_markup(text):
    assert "<" not in formats.html(text)
    plain = formats.plain(text)
    for sign in "*_[]`<":
        assert plain.count(sign) == plain.count("\\" + sign)


def test_verdicts_are_words_and_shapes_not_colors_alone():
    shapes = {kind: verdict(kind) for kind in ("low", "ok", "unknown")}
    assert "Low" in shapes["low"] and "▼" in shapes["low"]
    assert "Not low" in shapes["ok"] and "✓" in shapes["ok"]
    assert "Not known" in shapes["unknown"] and "?" in shapes["unknown"]


def test_durations_and_sizes_read_well():
    assert [formats.duration(s) for s in (0.84, 12.3, 150)] == ["0.8 s", "12 s", "2 min"]
    assert [formats.file_size(n) for n in (5, 2_500_000, 4_200_000_000)] == [
        "5 B",
        "2 MB",
        "4.2 GB",
    ]
    assert formats.plural(1, "slice") == "1 slice"
    assert formats.plural(2, "study", "studies") == "2 studies"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one slice only: taken as L3", "One slice only: taken as L3."),
        ("Look twice.", "Look twice."),
        ("", ""),
    ],
)
def test_a_warning_is_shown_as_a_sentence(text, shown):
    from pages._shared import formats

    assert formats.sentence(text) == shown
