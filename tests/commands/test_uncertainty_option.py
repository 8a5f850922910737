"""``sarcopenia --uncertainty``: one key more, and the rest as without it."""

from __future__ import annotations

import json

import pytest

from hccsurv_core.__main__ import main


def answer_of(capsys, *argv) -> dict:
    assert main([str(a) for a in argv]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.shared
def test_the_option_adds_one_key_and_changes_nothing_else(capsys, shared_data):
    scan = shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"
    asked = ("sarcopenia", scan, "--sex", "male", "--height-m", 1.75, "--slice", 73, "--json", "-")
    without = answer_of(capsys, *asked)
    with_it = answer_of(capsys, *asked, "--uncertainty")
    told = with_it.pop("uncertainty")
    for answer in (without, with_it):
        answer.pop("timings_s")
    assert with_it == without
    assert told["measured"] == without["measures"]
    for span, definition in zip(told["definitions"], without["definitions"], strict=True):
        assert span["positive"] == definition["positive"]
        assert span["low"] <= definition["value"] <= span["high"]
        assert span["stands"] is not bool(span["flips"])


@pytest.mark.shared
def test_for_reading_it_is_one_line(capsys, shared_data):
    scan = shared_data / "ct_abdomen_pelvis" / "ct.nii.gz"
    assert main(["sarcopenia", str(scan), "--slice", "73", "--uncertainty"]) == 0
    out = capsys.readouterr().out
    assert "moved a little: The only known verdict stands whatever is moved" in out
