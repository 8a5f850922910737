"""What every verb shares: patient arguments, progress on stderr, where the answer goes."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

from hccsurv_core.errors import InputError


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json`` and ``--device``, which every verb takes."""
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the answer as one JSON object to FILE, or to standard output with '-'",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where heavy work runs; this verb gives the same answer on each (default: auto)",
    )


def add_patient_arguments(parser: argparse.ArgumentParser, *, sex_required: bool) -> None:
    """``--sex`` and ``--height-m``."""
    parser.add_argument(
        "--sex", choices=("male", "female"), required=sex_required, help="selects the cut-offs"
    )
    parser.add_argument(
        "--height-m", type=number, metavar="H", help="standing height in metres, for SMI and PMI"
    )


def number(text: str) -> float:
    """A finite number, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def report_progress(fraction: float, message: str) -> None:
    """Progress for people, on stderr, where stdout may be a JSON object."""
    print(f"{fraction:4.0%}  {message}", file=sys.stderr)


def write_answer(answer: Mapping[str, object], target: str | None, table: str) -> None:
    """Write the JSON object where ``--json`` says; print the table for people otherwise.

    Raises:
        InputError: the file cannot be written.
    """
    text = json.dumps(answer, ensure_ascii=False, indent=2, allow_nan=False)
    if target is None:
        print(table)
        return
    if target == "-":
        print(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})",
            source=target,
            remedy="choose a folder that exists and that you may write to",
        ) from error
    print(table)
