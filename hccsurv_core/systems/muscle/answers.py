"""A part of an evaluation: its answer, or why these patients give none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hccsurv_core.errors import StatisticsError

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What came out.

    Args:
        value: the result; None where there is none.
        reason: why there is none, in a sentence fragment; empty where there is one.
    """

    value: T | None
    reason: str = ""

    def to_json(self) -> dict[str, object]:
        """The result's own JSON object, or the reason."""
        if self.value is None:
            return {"reason": self.reason}
        return self.value.to_json()  # type: ignore[attr-defined]


def attempt(question: Callable[..., T], *arguments: Any, **options: Any) -> Answer[T]:
    """Ask, and keep the reason where too few patients or events allow no answer."""
    try:
        return Answer(question(*arguments, **options))
    except StatisticsError as error:
        return Answer(None, error.what)
