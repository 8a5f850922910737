"""Tables of texts as the pages draw them."""

from __future__ import annotations

from pages._shared.formats import html


def html_table(
    heads: list[str], rows: list[list[str]], name: str, *, first_rem: float | None = None
) -> str:
    """A table of texts, the first column left and bold, the others right (HTML).

    Args:
        first_rem: width that the first column has at least, also on a narrow page.
    """
    style = "" if first_rem is None else f' style="min-width:{first_rem:g}rem"'
    head = "".join(f'<th class="{"num" if i else ""}">{html(h)}</th>' for i, h in enumerate(heads))
    body = "".join(
        f"<tr><td{style}><b>{html(row[0])}</b></td>"
        + "".join(f'<td class="num">{html(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="hcc-scroll"><table class="hcc-table" data-testid="{name}"><thead><tr>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )
