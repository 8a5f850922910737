"""What stands under a table and is no patient: totals, means, remarks."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.column_mapping import ColumnSpec
from hccsurv_core.cohort.table_ledger import Ledger
from hccsurv_core.io.tables import RawTable
from hccsurv_core.wording import count_of

#: Rows at the end among which totals and remarks are looked for (ours).
_FOOT_ROWS = 30
_SUMMARY = re.compile(
    r"(grand |sub ?)?totale?s?( .*)?|sum(me|ma|a)?|∑|σ|(arithmetic )?mean( .*)?|average|avg|medianw?e?r?t?|"
    r"mittelwert|durchschnitt|gesamt(summe)?|anzahl|count|somme|moyenne|m[ée]diane?|media|mediana|promedio|somma|"
    r"(mean ?)?(±|\+/?-)? ?s\.?d\.?|st(andard)? ?\.?(dev\w*|abweichung)|standardabweichung|écart.type|"
    r"min(imum)?|max(imum)?|range|iqr|n ?=.*|合计|总计|总数|平均(值|数)?|均值|中位数?|标准差|最大值|最小值",
    re.IGNORECASE,
)


def settle_foot(raw: RawTable, spec: ColumnSpec | None, ledger: Ledger) -> None:
    """Point at rows under the table that are no patients; they are left out unless one decides else.

    Args:
        raw: the table.
        spec: the column that says whose a row is; None where there is none.
        ledger: where issues are settled.
    """
    if len(raw.columns) < 2:
        return
    foot = np.arange(max(raw.n_rows - _FOOT_ROWS, 0), raw.n_rows)
    codes = np.array([column.codes[foot] for column in raw.columns])
    first = [_first_text(raw, row) for row in codes.T]
    # A level called "media" comes more than once, a total does not.
    summaries = np.array(
        [_SUMMARY.fullmatch(t.strip(" :")) is not None and first.count(t) == 1 for t in first]
    )
    remarks = ((codes >= 0).sum(axis=0) == 1) & _are_sentences(raw, spec, first)
    last = np.flatnonzero(~(summaries | remarks))
    if not len(last):
        return  # a table of nothing else is no table with a foot
    under = np.arange(len(foot)) > last[-1]
    summaries, remarks = summaries & under, remarks & under & ~summaries
    for found, kind, one, many in (
        (summaries, "summary_row", "row under the table is", "rows under the table are"),
        (remarks, "remark", "row under the table holds", "rows under the table hold"),
    ):
        if found.any():
            what = "a total or a mean" if kind == "summary_row" else "nothing but a remark"
            n = int(found.sum())
            ledger.settle(
                kind, None, "warning", f"{count_of(n, one, many)} {what}, no patient.",
                foot[found], ("exclude_row", "keep"),
                values=[text for text, chosen in zip(first, found, strict=True) if chosen],
            )  # fmt: skip


def _first_text(raw: RawTable, codes: NDArray[np.int32]) -> str:
    """The text of a row's first filled cell."""
    filled = np.flatnonzero(codes >= 0)
    return raw.columns[filled[0]].texts[codes[filled[0]]] if len(filled) else ""


def _are_sentences(raw: RawTable, spec: ColumnSpec | None, texts: list[str]) -> NDArray[np.bool_]:
    """Which texts are of more words than the identifiers of patients."""
    column = raw.columns[0] if spec is None else raw.column(spec.name)
    usual = np.median([len(text.split()) for text in column.texts]) if column.texts else 1
    return np.array([len(text.split()) > usual or len(text) > 40 for text in texts], dtype=bool)
