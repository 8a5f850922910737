"""What a column's name says of its codes: "Status (0=alive, 1=dead)", "性别（1男2女）"."""

from __future__ import annotations

import re

_WORDS = r"[^\W\d_][^\d,;/|，；、()（）\[\]{}=:：]*"
_CODE_FIRST = re.compile(rf"(?<![A-Za-z\d.])(\d{{1,2}})\s*[=:：\-–]?\s*({_WORDS})")
_WORDS_FIRST = re.compile(rf"({_WORDS}?)\s*[=:：]\s*(\d{{1,2}})(?!\d)")
_BRACKETS = re.compile(r"[(（\[{].*[)）\]}]")


def legend_in(name: str) -> dict[str, str]:
    """Codes to the words that a column's name gives for them; empty where it has no legend.

    >>> legend_in("Status (0=alive, 1=dead)"), legend_in("sex: male=1 female=2"), legend_in("OS")
    ({'0': 'alive', '1': 'dead'}, {'1': 'male', '2': 'female'}, {})
    """
    inside = _BRACKETS.search(name)
    text = inside[0] if inside else name
    words_first = {code: words.strip() for words, code in _WORDS_FIRST.findall(text)}
    if len(words_first) > 1:
        return {code: words.rpartition(":")[2].strip() for code, words in words_first.items()}
    code_first = {code: words.strip() for code, words in _CODE_FIRST.findall(text)}
    return code_first if len(code_first) > 1 else {}


def without_legend(name: str) -> str:
    """A name without the legend of its codes.

    >>> without_legend("Status (0=alive, 1=dead)"), without_legend("OS (months)")
    ('Status', 'OS (months)')
    """
    if not legend_in(name):
        return name
    inside = _BRACKETS.search(name)
    short = _BRACKETS.sub("", name) if inside else re.split(r"[\d:：=]", name)[0]
    return short.strip(" ,;-") or name
