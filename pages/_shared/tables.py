"""Tables of texts as the pages draw them."""

from __future__ import annotations

from pages._shared.formats import html


def html_table(heads: list[str], rows: list[list[str]], name: str) -> str:
    """A table of texts, the first column left and bold, the others right (HTML)."""
    head = "".join(f'<th class="{"num" if i else ""}">{html(h)}</th>' for i, h in enumerate(heads))
    body = "".join(
        f"<tr><td><b>{html(row[0])}</b></td>"
        + "".join(f'<td class="num">{html(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="hcc-scroll"><table class="hcc-table" data-testid="{name}"><thead><tr>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )
