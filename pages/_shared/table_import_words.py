"""What the import page says about a table, in words. Pure functions."""

from __future__ import annotations

from hccsurv_core.cohort.column_mapping import EndpointSpec
from hccsurv_core.cohort.endpoint import Endpoint
from hccsurv_core.cohort.quantities import BY_KEY, TIME_UNITS
from hccsurv_core.io.tables import RawColumn, RawTable
from hccsurv_core.wording import count_of
from pages._shared import formats
from pages._shared.table_import_model import TableDraft, read

ROLES = {
    "patient_id": "Patient ID",
    "visit": "Visit date",
    "outcome": "Outcome",
    "sex": "Sex",
    "age": "Age",
    "height": "Height",
    "weight": "Weight",
    "group": "Group",
    "variable": "Variable",
    "personal": "Personal, not kept",
    "ignored": "Leave out",
}
KINDS = {
    "number": "Number",
    "category": "Category",
    "boolean": "Yes / no",
    "date": "Date",
    "identifier": "Identifier",
    "text": "Text",
}
SEVERITIES = {
    "error": ("Error", "✕", "bad"),
    "warning": ("Check", "▲", "look"),
    "info": ("Note", "i", ""),
}
DATE_ORDERS = {
    "dmy": "day, month, year",
    "mdy": "month, day, year",
    "ymd": "year, month, day",
    "serial": "number of days, as spreadsheets count",
}
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_UNIT_SOURCES = {
    "name": "as the column’s name says",
    "range": "in months they would last longer than 50 years",
    "assumed": "assumed: nothing in the table tells",
    "user": "as you said",
}
_EXAMPLES_CHARS = 60


def happened(n: int, label: str) -> str:
    """How often an event happened.

    >>> happened(97, "death"), happened(1, "death"), happened(40, "recurrence or death")
    ('97 deaths', '1 death', '40 events (recurrence or death)')
    """
    if label == "competing event":
        return count_of(n, label)
    if " " in label.strip():
        return f"{count_of(n, 'event')} ({label})"
    return count_of(n, label)


def months(value: float | None) -> str:
    """A time in months, or that it is not reached."""
    return "not reached" if value is None else f"{formats.significant(value)} months"


def endpoint_line(endpoint: Endpoint, follow_up: float | None) -> str:
    """An outcome in one line: events, follow-up, how its times are read."""
    known = int(endpoint.known.sum())
    parts = [happened(endpoint.n_events, endpoint.event_label)]
    others = int((endpoint.known & (endpoint.cause > 1)).sum())
    if others:
        parts.append(f"{others:,} competing")
    if known < len(endpoint.known):
        parts.append(f"{len(endpoint.known) - known:,} without this outcome")
    parts.append(f"median follow-up {months(follow_up)}")
    by_dates = endpoint.spec.time is None
    parts.append("times from dates" if by_dates else f"times read in {endpoint.spec.time_unit}")
    return ", ".join(parts)


def unit_source(endpoint: EndpointSpec) -> str:
    """Why times are read in this unit."""
    return _UNIT_SOURCES.get(endpoint.time_unit_from or "", "")


def rows_line(draft: TableDraft) -> str:
    """What became of the rows: visits, and rows left out."""
    counts = draft.now.table.report.counts
    parts = []
    if counts["visits_left_out"]:
        rule = draft.mapping.visit_rule
        parts.append(f"{count_of(counts['rows'], 'visit')}, each patient’s {rule} one is used")
    n = counts["rows_left_out"]
    if n:
        parts.append(f"{count_of(n, 'row')} left out")
    elif not parts:
        parts.append("no row left out")
    return ", ".join(parts)


def counts_line(draft: TableDraft) -> str:
    """Patients, events of every outcome and exclusions, for a line that follows decisions."""
    table = draft.now.table
    parts = [f"{count_of(len(table), 'patient')}"]
    parts += [f"{e.name}: {happened(e.n_events, e.event_label)}" for e in table.endpoints]
    return " · ".join([*parts, rows_line(draft)])


def how_read(raw: RawTable) -> str:
    """How the file was read, in one line."""
    if raw.format == "xlsx":
        parts = ["Excel", f"sheet “{raw.sheet}”"]
    else:
        delimiter = DELIMITERS.get(raw.delimiter or "", repr(raw.delimiter))
        parts = [(raw.encoding or "").upper(), f"separated by {delimiter}"]
    header = f"names in row {raw.header_row}" if raw.header_row else "no row of names"
    size = f"{count_of(raw.n_rows, 'row')}, {count_of(len(raw.columns), 'column')}"
    return " · ".join([*parts, header, size])


def examples(column: RawColumn) -> str:
    """What a column holds: its values with their counts if they are few, else the first ones."""
    texts = column.texts
    if len(texts) <= 4:
        counts = column.counts().tolist()
        pairs = sorted(zip(texts, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
        return _cut(", ".join(f"{text} ({n:,})" for text, n in pairs))
    return _cut(", ".join(texts[:8]))


def _cut(text: str) -> str:
    return text if len(text) <= _EXAMPLES_CHARS else text[: _EXAMPLES_CHARS - 1] + "…"


def missing(n: int, of: int) -> str:
    """How many values are missing: "126 (56%)", "4 (<1%)", or "–"."""
    if not n:
        return "–"
    share = "<1%" if n < 0.01 * of else f"{n / of:.0%}"
    return f"{n:,} ({share})"


def units_of(draft: TableDraft) -> list[str]:
    """Units that the table's columns may have, for a list to choose from."""
    found: dict[str, None] = {}
    for spec in draft.mapping.columns:
        quantity = BY_KEY.get(spec.quantity or "")
        for unit in (*(quantity.all_units if quantity else ()), spec.unit, spec.target_unit):
            if unit:
                found[unit] = None
    if any(e.time for e in draft.mapping.endpoints):
        found |= dict.fromkeys(TIME_UNITS)
    return list(found)


#: How "nothing is said about this value" is coded in a list of meanings.
NOT_KNOWN = -1
#: Competing events that can be told apart (ours).
_MOST_CAUSES = 5


def meanings(endpoint: EndpointSpec) -> dict[int, str]:
    """What a value of the event column may mean: code to words, each once.

    >>> from hccsurv_core.cohort.column_mapping import EndpointSpec
    >>> meanings(EndpointSpec("OS", event_label="death", event_codes={"0": 0, "1": 1}))
    {0: 'Censored', 1: 'Death', 2: 'Competing event', -1: 'Not known'}
    """
    most = max([0, *endpoint.event_codes.values()])
    found = {0: "Censored", 1: endpoint.event_label[:1].upper() + endpoint.event_label[1:]}
    for code in range(2, most + 1):
        at = code - 2
        name = endpoint.competing[at] if at < len(endpoint.competing) else "competing event"
        text = name[:1].upper() + name[1:]
        text += "" if "competing" in name else " (competing)"
        found[code] = f"{text} [{at + 1}]" if text in found.values() else text
    if max(most, 1) < _MOST_CAUSES:
        found[max(most, 1) + 1] = "Competing event" if most < 2 else "Another competing event"
    found[NOT_KNOWN] = "Not known"
    return found


def proposed_name(source: str) -> str:
    """A name for a cohort from its file's name.

    >>> proposed_name("hepatocellular_resected_227.csv")
    'Hepatocellular resected 227'
    """
    stem = source.rsplit(".", 1)[0] if "." in source[1:] else source
    text = " ".join(stem.replace("_", " ").replace("-", " ").split())
    return (text[:1].upper() + text[1:])[:80] or "Cohort"


def file_stem(draft: TableDraft) -> str:
    """How downloads about this table are called."""
    stem = read(draft).source.rsplit(".", 1)[0]
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)[:60] or "table"
