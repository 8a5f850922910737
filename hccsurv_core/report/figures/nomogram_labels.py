"""Where the labels of a nomogram's axes stand so that none overlaps another.

Lengths are in characters (the width of a digit). Labels of numbers may be left out, coarse values
before fine ones are kept; levels of a category must all be shown, so they use both sides of the
axis, move sideways with a leader line, and break into lines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Between two labels.
GAP = 0.9
#: A label may reach beyond the axis region by so much.
OVERHANG = 2.5
#: What using both sides, and one more line of text, cost against moving a label by a character.
_SIDE_COST, _LINE_COST = 2.0, 4.0
#: A label that moved by less (characters, or a share of its width) still stands by its tick.
_STILL_OVER, _STILL_OVER_SHARE = 0.7, 0.35
#: Characters of the lines that long levels are broken into, tried in turn.
_WRAPS = (0, 18, 13, 10)
_NARROW = set(".,:;'|!()[]{}ijl·1 ²³⁄/fIrt-")
_WIDE = set("mwMW%@–—→ΩÆŒ")


@dataclass(frozen=True)
class AxisLabel:
    """A label of a tick.

    Args:
        text: may have lines.
        x: center, 0 to 1 along the axis region.
        tick: where its tick is.
        above: over the axis instead of under it.
        hover: what it means.
        leader: it was moved so far that a line ties it to its tick.
    """

    text: str
    x: float
    tick: float
    above: bool = False
    hover: str = ""
    leader: bool = False

    @property
    def lines(self) -> int:
        """Lines of text."""
        return self.text.count("\n") + 1


def text_width(text: str) -> float:
    """Width of the longest line, in characters."""
    return max((sum(_width(c) for c in line) for line in text.split("\n")), default=0.0)


def _width(character: str) -> float:
    if character in _NARROW:
        return 0.62
    if character in _WIDE:
        return 1.5
    return 1.2 if character.isupper() else 1.0


def fitting(
    ranked: Sequence[tuple[int, float, str]],
    characters: float,
    *,
    taken: Sequence[tuple[float, float]] = (),
) -> list[int]:
    """Which labels stand without touching another, coarse ranks first.

    Args:
        ranked: rank, place (0 to 1) and text of each.
        characters: length of the axis region.
        taken: centers and widths, in characters, that are occupied.

    Returns:
        indices that are shown.
    """
    occupied = list(taken)
    shown = []
    for i in sorted(range(len(ranked)), key=lambda i: (ranked[i][0], ranked[i][1])):
        _, x, text = ranked[i]
        center, width = x * characters, text_width(text)
        if all(abs(center - c) >= (width + w) / 2 + GAP for c, w in occupied):
            occupied.append((center, width))
            shown.append(i)
    return shown


def all_fit(places: Sequence[float], texts: Sequence[str], characters: float) -> bool:
    """Whether labels at these places touch nothing."""
    entries = [(0, x, t) for x, t in zip(places, texts, strict=True)]
    return len(fitting(entries, characters)) == len(entries)


def place_levels(
    ticks: Sequence[float], texts: Sequence[str], characters: float
) -> tuple[AxisLabel, ...]:
    """All levels of a category, each beside its tick or with a line to it.

    Args:
        ticks: (k,) places, 0 to 1.
        texts: (k,) levels.
        characters: length of the axis region.
    """
    order = np.argsort(ticks, kind="stable")
    x = np.asarray(ticks, float)[order] * characters
    best: tuple[float, list[tuple[float, str, bool]]] | None = None
    for wrap in _WRAPS:
        words = [_broken(texts[i], wrap) for i in order]
        widths = np.array([text_width(w) for w in words])
        high = max(w.count("\n") for w in words)
        for cost, centers, above in _arrangements(x, widths, characters):
            cost += _LINE_COST * high
            if best is None or cost < best[0] - 1e-9:
                best = cost, list(zip(centers.tolist(), words, above.tolist(), strict=True))
    placed = best[1] if best else _cut(x, [texts[i] for i in order], characters)
    labels = [
        AxisLabel(
            text, center / characters, tick / characters, above,
            leader=bool(abs(center - tick) > max(_STILL_OVER, _STILL_OVER_SHARE * text_width(text))),
        )
        for (center, text, above), tick in zip(placed, x, strict=True)
    ]  # fmt: skip
    return tuple(labels[place] for place in np.argsort(order, kind="stable"))


def _arrangements(
    x: np.ndarray, widths: np.ndarray, characters: float
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """What labels of rising ticks can do: cost, centers, and who stands above.

    The cost is how far the farthest label is moved, and some for using both sides.
    """
    for extra, above in (
        (0.0, np.zeros(len(x), bool)),
        *((_SIDE_COST, s) for s in _splits(len(x))),
    ):
        centers = x.copy()
        for side in (~above, above):
            spread = _spread(x[side], widths[side], characters)
            if spread is None:
                break
            centers[side] = spread
        else:
            yield float(np.abs(centers - x).max()) + extra, centers, above


def _splits(n: int) -> list[np.ndarray]:
    """Who stands above: every second label, so that neighbors part."""
    places = np.arange(n)
    return [places % 2 == 1, places % 2 == 0]


def _spread(x: np.ndarray, widths: np.ndarray, characters: float) -> np.ndarray | None:
    """Centers as near to ``x`` as possible without overlap (least squares), or None.

    With d the distances that neighbors need, y − cumsum(d) must not fall: isotonic regression by
    pooling adjacent violators, then cut at the ends of the region.
    """
    if x.size == 0:
        return x
    need = np.concatenate([[0.0], np.cumsum((widths[:-1] + widths[1:]) / 2 + GAP)])
    low = widths[0] / 2 - OVERHANG
    high = characters + OVERHANG - widths[-1] / 2 - need[-1]
    if low > high:
        return None
    pools: list[tuple[float, int]] = []
    for value in x - need:
        pools.append((float(value), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    rising = np.repeat([v for v, _ in pools], [n for _, n in pools])
    return np.clip(rising, low, high) + need


def _broken(text: str, wrap: int) -> str:
    if not wrap or text_width(text) <= wrap:
        return text
    return "\n".join(textwrap.wrap(text, wrap, break_long_words=False, break_on_hyphens=False))


def _cut(x: np.ndarray, texts: Sequence[str], characters: float) -> list[tuple[float, str, bool]]:
    """The last resort: every label gets an equal share of its side and ends in an ellipsis."""
    above = np.arange(len(x)) % 2 == 1
    room = max(2, int((characters + 2 * OVERHANG) / max(1, -(-len(x) // 2)) - 2 * GAP) - 2)
    words = ["\n".join(textwrap.wrap(t, room, max_lines=2, placeholder="…")) for t in texts]
    placed: list[tuple[float, str, bool]] = [(0.0, "", False)] * len(x)
    for side in (False, True):
        members = np.flatnonzero(above == side)
        n = members.size
        for k, i in enumerate(members):
            placed[i] = ((k + 0.5) / n * characters, words[i], side)
    return placed
