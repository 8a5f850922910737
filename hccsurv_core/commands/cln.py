"""``cln``: the published clinical score of survival under immunotherapy, and its fusion."""

from __future__ import annotations

import argparse

from hccsurv_core.commands.shared import add_common_arguments, number, write_answer
from hccsurv_core.features.clinical_scores.cln import (
    CLN,
    CODE_READING,
    PAPER_READING,
    ClnScore,
    RadClnD,
    cln,
    rad_cln_d,
)
from hccsurv_core.features.clinical_scores.values import ARGUMENTS, DIFFERENTIATION

_FLAGS = tuple(name for name in CLN.arguments if name != "differentiation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "--differentiation", required=True, choices=tuple(DIFFERENTIATION), help="of the tumor"
    )
    for name in _FLAGS:
        parser.add_argument(
            f"--{name}", action="store_true", help=f"{ARGUMENTS[name].label} (not given: no)"
        )
    parser.add_argument(
        "--radiology-score", type=number, metavar="X",
        help="output of the radiology model of both scans: adds the fusion RadCLN-D",
    )  # fmt: skip
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compute the score and write the answer."""
    flags = {name: getattr(arguments, name) for name in _FLAGS}
    score = cln(differentiation=arguments.differentiation, **flags)
    answer = score.to_json()
    fused = None
    if arguments.radiology_score is not None:
        fused = rad_cln_d(arguments.radiology_score, score.value)
        answer["fusion"] = fused.to_json()
    write_answer(answer, arguments.json, _table(score, fused))


def _table(score: ClnScore, fused: RadClnD | None) -> str:
    """A line for each summand, then the score and the fusion."""
    lines = [
        f"{term.label:<46} {term.given:<17} {term.coefficient:+.4f} × {term.value} = {term.product:+.4f}"
        for term in score.terms
    ]
    lines.append(f"CLN score {score.value:.4f} (higher is worse; {CLN.source})")
    if fused is not None:
        lines += ["", *_fusion_lines(fused)]
    lines.append("Research use. Not a medical device.")
    return "\n".join(lines)


def _fusion_lines(fused: RadClnD) -> list[str]:
    log = "none" if fused.log_of_it is None else f"{fused.log_of_it:.4f}"
    risk = {True: "high risk", False: "not high risk", None: "no answer"}
    return [
        f"RadCLN-D by the paper: sum {fused.weighted_sum:.4f}, {risk[fused.high_risk_by_paper]}",
        f"RadCLN-D by the authors' program: logarithm {log}, {risk[fused.high_risk_by_code]}",
        PAPER_READING,
        CODE_READING,
    ]
