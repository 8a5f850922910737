"""Table 1 as data frames: tidy for files, printed for readers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hccsurv_core.stats.p_values import format_p
from hccsurv_core.stats.table_one import (
    ALL,
    CategorySummary,
    NumberSummary,
    TableOne,
    TableOneVariable,
)

if TYPE_CHECKING:
    import pandas as pd

_NUMBER_FIELDS = ("mean", "sd", "median", "q1", "q3", "minimum", "maximum")
TIDY_COLUMNS = (
    "variable",
    "kind",
    "level",
    "group",
    "n",
    "missing",
    *_NUMBER_FIELDS,
    "count",
    "percent",
    "p_value",
    "test",
    "smd",
)


def tidy_frame(table: TableOne) -> pd.DataFrame:
    """One row for every variable, level and group; numbers are numbers, what is not there NaN.

    p-value, test and standardized difference belong to a variable: they stand in the rows of all
    patients.
    """
    import pandas as pd

    rows = [row for variable in table.variables for row in _tidy_rows(variable)]
    return pd.DataFrame(rows, columns=list(TIDY_COLUMNS))


def _tidy_rows(variable: TableOneVariable) -> list[dict[str, object]]:
    rows = []
    for group, summary in variable.summaries.items():
        row: dict[str, object] = {
            "variable": variable.name,
            "kind": variable.kind,
            "level": "",
            "group": group,
            "n": summary.n,
            "missing": summary.missing,
            "test": "",
            **dict.fromkeys((*_NUMBER_FIELDS, "count", "percent", "p_value", "smd"), math.nan),
        }
        if group == ALL and variable.test is not None:
            row |= {"p_value": variable.test.p, "test": variable.test.name, "smd": variable.smd}
        if isinstance(summary, NumberSummary):
            rows.append(row | {name: getattr(summary, name) for name in _NUMBER_FIELDS})
        else:
            rows.extend(
                row | {"level": level, "count": float(count), "percent": summary.percent(level)}
                for level, count in summary.counts.items()
            )
    return rows


def printed_frame(table: TableOne) -> pd.DataFrame:
    """The table as it is printed: text only, one column a group, two lines a number.

    Truth values take one line (yes), other categories a line a level. Numbers show as many
    decimals as their standard deviation warrants.
    """
    import pandas as pd

    headings = {group: f"{group} (n = {size})" for group, size in table.group_sizes.items()}
    rows: list[dict[str, str]] = []
    for variable in table.variables:
        lines = _number_lines(variable) if variable.kind == "number" else _category_lines(variable)
        for i, (label, cells) in enumerate(lines):
            row = {"variable": label, **{headings[g]: cells[g] for g in headings}}
            if variable.test is not None:
                first = i == 0
                row["p"] = _format_p(variable.test.p) if first else ""
                row["test"] = variable.test.name if first else ""
                row["SMD"] = _format_smd(variable.smd) if first else ""
            row["missing"] = str(variable.summaries[ALL].missing) if i == 0 else ""
            rows.append(row)
    extra = ["p", "test", "SMD"] if len(headings) > 1 else []
    return pd.DataFrame(rows, columns=["variable", *headings.values(), *extra, "missing"])


def _number_lines(variable: TableOneVariable) -> list[tuple[str, dict[str, str]]]:
    numbers = {g: s for g, s in variable.summaries.items() if isinstance(s, NumberSummary)}
    decimals = _decimals(numbers[ALL].sd)

    def mean(s: NumberSummary) -> str:
        if not s.n:
            return "–"
        return (
            f"{s.mean:.{decimals}f} ± {s.sd:.{decimals}f}" if s.n > 1 else f"{s.mean:.{decimals}f}"
        )

    def median(s: NumberSummary) -> str:
        if not s.n:
            return "–"
        return f"{s.median:.{decimals}f} [{s.q1:.{decimals}f}, {s.q3:.{decimals}f}]"

    return [
        (f"{variable.name}, mean ± SD", {g: mean(s) for g, s in numbers.items()}),
        (f"{variable.name}, median [Q1, Q3]", {g: median(s) for g, s in numbers.items()}),
    ]


def _category_lines(variable: TableOneVariable) -> list[tuple[str, dict[str, str]]]:
    shares = {g: s for g, s in variable.summaries.items() if isinstance(s, CategorySummary)}
    levels = list(shares[ALL].counts)

    def cell(s: CategorySummary, level: str) -> str:
        return f"{s.counts[level]} ({s.percent(level):.1f}%)" if s.n else "–"

    if variable.kind == "boolean":
        shown = "yes" if "yes" in levels or not levels else levels[0]
        cells = {g: cell(s, shown) if shown in s.counts else "–" for g, s in shares.items()}
        return [(f"{variable.name}, {shown}", cells)]
    if not levels:
        return [(variable.name, dict.fromkeys(shares, "–"))]
    return [
        (f"{variable.name}, {level}", {g: cell(s, level) for g, s in shares.items()})
        for level in levels
    ]


def _format_p(p: float) -> str:
    """As everywhere, and nothing where no test could be done."""
    return "" if math.isnan(p) else format_p(p)


def _format_smd(smd: float) -> str:
    if math.isnan(smd):
        return ""
    return "∞" if math.isinf(smd) else f"{smd:.2f}"


def _decimals(sd: float) -> int:
    """One decimal from 1 to 100, none above, one more for every power of ten below."""
    if not math.isfinite(sd) or sd == 0.0:
        return 1
    power = math.floor(math.log10(sd))
    return 0 if power >= 2 else min(4, 1 - min(0, power))
