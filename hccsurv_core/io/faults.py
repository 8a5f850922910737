"""Which exceptions a decoder may throw at damaged input, and how errors cross the process border."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from hccsurv_core import errors

#: pydicom, nibabel and their plug-ins do not wrap what goes wrong inside them: a flipped byte
#: comes out as any of these. What is not here kills the decoder process, which the parent
#: reports with the name of the file; so the list is a convenience, not the safety net.
DECODER_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_MAX_TEXT = 2000


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, shortened for a message to a person."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else type(error).__name__
    return text[:160].rstrip(".")


def error_to_dict(error: errors.HccsurvError) -> dict[str, Any]:
    """``error`` as JSON values."""
    return {
        "code": error.code,
        "what": error.what[:_MAX_TEXT],
        "source": error.source,
        "remedy": error.remedy,
    }


def _classes_by_code() -> dict[str, type[errors.HccsurvError]]:
    found: dict[str, type[errors.HccsurvError]] = {}
    todo: list[type[errors.HccsurvError]] = [errors.HccsurvError]
    while todo:
        cls = todo.pop()
        if "code" in vars(cls):
            found[cls.code] = cls
        todo.extend(cls.__subclasses__())
    return found


def error_from_dict(data: dict[str, Any]) -> errors.HccsurvError:
    """The error that :func:`error_to_dict` wrote; an unknown code becomes ``DecoderFailedError``."""
    cls = _classes_by_code().get(str(data.get("code")), errors.DecoderFailedError)

    def text(key: str) -> str | None:
        value = data.get(key)
        return None if value is None else str(value)[:_MAX_TEXT]

    return cls(text("what") or "unknown error", source=text("source"), remedy=text("remedy"))


#: Which of several reasons names the refusal: what the scan shows comes before how it was sliced.
_PRIORITY: tuple[type[errors.HccsurvError], ...] = (
    errors.NoUsableSeriesError,
    errors.WrongModalityError,
    errors.WrongBodyPartError,
    errors.GantryTiltError,
    errors.UnevenSpacingError,
    errors.GeometryError,
    errors.IntensityError,
    errors.HccsurvError,
)


def combine_errors(problems: list[errors.InputError]) -> errors.InputError:
    """One error that names every problem; its class and remedy are those of the weightiest.

    Args:
        problems: at least one error.
    """
    ranked = sorted(
        problems, key=lambda e: next(n for n, cls in enumerate(_PRIORITY) if isinstance(e, cls))
    )
    first = ranked[0]
    what = ", and also ".join(dict.fromkeys(e.what for e in ranked))
    return type(first)(what, source=first.source, remedy=first.remedy)
