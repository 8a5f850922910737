"""``cln``: the published clinical score of survival under immunotherapy, and its fusion."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.commands.shared import add_common_arguments, number, write_answer
from hccsurv_core.errors import InputError
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

if TYPE_CHECKING:
    from hccsurv_core.systems.immunotherapy.published import PublishedRadiology

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
    radiology = parser.add_mutually_exclusive_group()
    radiology.add_argument(
        "--radiology-score", type=number, metavar="X",
        help="output of the authors' network of both scans: adds the fusion RadCLN-D",
    )  # fmt: skip
    radiology.add_argument(
        "--weights", type=Path, metavar="FILE",
        help="weights of the authors' network (.pth or .safetensors), to ask it of --case",
    )  # fmt: skip
    parser.add_argument(
        "--case", type=Path, metavar="FOLDER",
        help="with --weights: a cohort folder, or a folder with case.json and both scans",
    )  # fmt: skip
    parser.add_argument("--patient", metavar="ID", help="of a cohort folder")
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compute the score and write the answer.

    Raises:
        InputError: weights and case do not go together, or cannot be used.
    """
    flags = {name: getattr(arguments, name) for name in _FLAGS}
    score = cln(differentiation=arguments.differentiation, **flags)
    answer = score.to_json()
    asked = _ask_network(arguments)
    radiology = arguments.radiology_score if asked is None else asked.score
    fused = None
    if radiology is not None:
        fused = rad_cln_d(radiology, score.value)
        answer["fusion"] = fused.to_json()
    if asked is not None:
        answer["radiology"] = asked.to_json()
    write_answer(answer, arguments.json, _table(score, fused, asked))


def _ask_network(arguments: argparse.Namespace) -> PublishedRadiology | None:
    """The authors' network of a case's two scans; None where nobody asked."""
    weights, case = arguments.weights, arguments.case
    if weights is None and case is None:
        if arguments.patient is not None:
            raise InputError("--patient is of --case", source="arguments", remedy="give both")
        return None
    if weights is None or case is None:
        raise InputError(
            "--weights and --case go together", source="arguments",
            remedy="the network's weights are asked of a case's two scans",
        )  # fmt: skip
    from hccsurv_core.commands.train import progress_by_percent
    from hccsurv_core.systems.immunotherapy.case import read_case
    from hccsurv_core.systems.immunotherapy.published import published_radiology

    scans = read_case(case, arguments.patient, progress=progress_by_percent()).scans
    if scans is None:
        raise InputError(
            "has no scans", source=str(case), remedy="add a folder baseline/ and one followup/"
        )
    return published_radiology(scans, weights, device=arguments.device)


def _table(score: ClnScore, fused: RadClnD | None, asked: PublishedRadiology | None) -> str:
    """A line for each summand, then the score and the fusion."""
    lines = [
        f"{term.label:<46} {term.given:<17} {term.coefficient:+.4f} × {term.value} = {term.product:+.4f}"
        for term in score.terms
    ]
    lines.append(f"CLN score {score.value:.4f} (higher is worse; {CLN.source})")
    if asked is not None:
        lines.append(f"radiology score {asked.score:.4f} ({asked.kind}, weights {asked.weights})")
        lines += [f"  note: {text}" for text in asked.notes]
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
