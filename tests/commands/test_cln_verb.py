"""The verb ``cln``: the contract's keys and both readings of the fusion."""

from __future__ import annotations

import json

import pytest

from hccsurv_core.__main__ import main


def ask(capsys, *arguments):
    assert main(["cln", *map(str, arguments), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_flags_that_are_not_given_are_no(capsys):
    answer = ask(capsys, "--differentiation", "moderate", "--pvtt", "--tace")
    assert answer["clinical_score"] == 1.6961
    assert [term["value"] for term in answer["terms"]] == [1, 0, 0, 1, 0, 1, 0]
    assert "10.1186/s13244-024-01784-8" in answer["source"]
    assert "fusion" not in answer


@pytest.mark.parametrize(
    ("flag", "coefficient"),
    [("nash", 0.1593), ("surgery", -0.1801), ("pvtt", 0.6732), ("ebrt", -0.8235), ("tace", 0.6482),
     ("rfa", -0.4497)],
)  # fmt: skip
def test_each_flag_adds_its_coefficient(capsys, flag, coefficient):
    assert ask(capsys, "--differentiation", "high")["clinical_score"] == 0.0
    assert ask(capsys, "--differentiation", "high", f"--{flag}")["clinical_score"] == coefficient


def test_a_radiology_score_adds_the_fusion(capsys):
    answer = ask(
        capsys, "--differentiation", "low", "--nash", "--surgery", "--pvtt", "--ebrt", "--tace",
        "--rfa", "--radiology-score", 0.05,
    )  # fmt: skip
    assert answer["clinical_score"] == 0.7768
    fusion = answer["fusion"]
    assert fusion["weighted_sum"] == pytest.approx(9.8834 * 0.05 + 0.53 * 0.7768)
    assert (fusion["high_risk_by_paper"], fusion["high_risk_by_code"]) == (True, False)
    assert fusion["readings"].keys() == {"paper", "code"}
    negative = ask(capsys, "--differentiation", "high", "--radiology-score", -0.1)["fusion"]
    assert (negative["log_of_it"], negative["high_risk_by_code"]) == (None, None)


def test_a_table_is_for_reading(capsys):
    assert main(["cln", "--differentiation", "high", "--ebrt", "--radiology-score", "0.2"]) == 0
    out = capsys.readouterr().out
    assert "CLN score -0.8235" in out and "RadCLN-D by the authors' program: logarithm" in out


def test_what_is_refused(capsys):
    for arguments, says in (
        ([], "--differentiation"),
        (["--differentiation", "well"], "invalid choice: 'well'"),
        (["--differentiation", "low", "--radiology-score", "x"], "'x' is not a number"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["cln", *arguments])
        assert stopped.value.code == 2
        assert says in capsys.readouterr().err
