"""Counts in sentences: one value *is*, three values *are*."""

from __future__ import annotations


def agree(n: int, one: str, many: str) -> str:
    """The form of a word that goes with a number.

    >>> agree(1, "is", "are"), agree(0, "is", "are")
    ('is', 'are')
    """
    return one if n == 1 else many


def count_of(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Args:
        n: how many.
        one: the noun for one; ``many`` for any other number, by default with an s.

    >>> count_of(1, "value"), count_of(12_000, "value"), count_of(2, "child", "children")
    ('1 value', '12,000 values', '2 children')
    """
    return f"{n:,} {agree(n, one, many or one + 's')}"


def values_of(n: int, what: str, one: str, many: str) -> str:
    """What is to be said about some values of a column, without the full stop.

    >>> values_of(1, "age", "is no number", "are no numbers")
    '1 value of age is no number'
    """
    return f"{count_of(n, 'value')} of {what} {agree(n, one, many)}"
