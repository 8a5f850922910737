"""A part of a model card that is added later: how the model did on other patients."""

from __future__ import annotations

from collections.abc import Sequence

#: Before this part of the card stands how good the model is.
_LIMITS = "\n## Limits\n"
_MARKS = "\\`*_[]<>|"


def with_part(card: str, lines: Sequence[str]) -> str:
    """The card with these lines before its limits; at its end where it has none.

    Args:
        card: Markdown, as the training wrote it.
        lines: Markdown.
    """
    part = "\n".join(lines)
    if _LIMITS not in card:
        return f"{card.rstrip()}\n\n{part}\n"
    before, after = card.split(_LIMITS, 1)
    return f"{before.rstrip()}\n\n{part}\n{_LIMITS}{after}"


def plain_markdown(text: str) -> str:
    """Text in which no mark means anything."""
    for mark in _MARKS:
        text = text.replace(mark, "\\" + mark)
    return text
