"""Tables of sentences on the page Evidence."""

from __future__ import annotations

from collections.abc import Sequence

from pages._shared.formats import html


def prose_table(heads: Sequence[str], rows: Sequence[Sequence[str]], test_id: str) -> str:
    """A table of sentences (HTML).

    Args:
        rows: cells as HTML.
    """
    head = "".join(f"<th>{html(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="hcc-scroll"><table class="hcc-table hcc-prose" data-testid="{test_id}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
