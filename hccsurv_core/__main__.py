"""The command line: ``python -m hccsurv_core <verb> …``.

Exit status 0 when the answer is good, 2 on bad input, with one line
``error: <file>: <what is wrong>; <what to do>`` on stderr, 130 when it was cancelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from hccsurv_core import __version__
from hccsurv_core.commands import (
    ceus,
    cln,
    definitions,
    evaluate,
    predict,
    radiomics,
    recist,
    sarcopenia,
    simulate,
    survival,
    train,
    treatment,
)
from hccsurv_core.errors import HccsurvError

VERBS = {
    "sarcopenia": sarcopenia,
    "definitions": definitions,
    "radiomics": radiomics,
    "ceus": ceus,
    "survival": survival,
    "simulate": simulate,
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "treatment": treatment,
    "cln": cln,
    "recist": recist,
}
BAD_INPUT = 2
#: As shells say that a program was ended by Ctrl-C (SIGINT).
CANCELLED = 130


class _OneLineParser(argparse.ArgumentParser):
    """argparse prints its usage before an error; the contract is one line."""

    def error(self, message: str) -> NoReturn:
        print(f"error: arguments: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(BAD_INPUT)


def build_parser() -> argparse.ArgumentParser:
    """The parser with every verb."""
    parser = _OneLineParser(
        prog="python -m hccsurv_core",
        description="Measurements and models for hepatocellular carcinoma. "
        "Research use. Not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"hccsurv {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, module in VERBS.items():
        summary = (module.__doc__ or "").split(": ", 1)[-1].strip()
        module.add_arguments(verbs.add_parser(name, help=summary, description=summary))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        VERBS[arguments.verb].run(arguments)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: no error of ours, nothing left to say.
        sys.stderr.close()
        return 0
    except HccsurvError as error:
        # One line, whatever a file's name holds.
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        # Everything has cleaned up after itself on the way here.
        print("error: cancelled", file=sys.stderr)
        return CANCELLED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
