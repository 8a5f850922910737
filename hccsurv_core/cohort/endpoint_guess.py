"""Which columns form an outcome: a time and an event, or two dates; and how events are coded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.cohort.cell_values import (
    FALSE_TEXTS,
    TRUE_TEXTS,
    code_key,
    is_missing_text,
    plain_code,
    read_numbers,
)
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec, EndpointSpec
from hccsurv_core.cohort.quantities import (
    LONGEST_TIME_MONTHS,
    find_quantity,
    spaced_name,
    time_unit_in_name,
)
from hccsurv_core.io.tables import RawColumn, RawTable

_MOST_EVENT_LEVELS = 6
_MOST_EVENT_TEXTS = 40  # other spellings included
#: A median follow-up below this, in fractions, is one in years; in whole numbers it is in months.
_LONGEST_YEARS = 25.0


@dataclass(frozen=True)
class _Family:
    """An outcome: its short name, what it is called, what happens, and words of both columns."""

    name: str
    label: str
    happens: str
    time: re.Pattern[str]
    event: re.Pattern[str]


def _family(name: str, label: str, happens: str, time: str, event: str) -> _Family:
    return _Family(name, label, happens, re.compile(time), re.compile(event))


_TIME_END = r"( ?(time|days?|months?|mos?|years?|yrs?|weeks?|m|d|y|dur\w*|stime|interval)\b.*)?"
_STATE_END = r"( ?(status|event|stat|cens\w*|ind\w*|flag|code|censor\w*|binary|bin|x?cens)\b.*)"
#: In the order in which endpoints are offered; the main one first.
FAMILIES = (
    _family("OS", "Overall survival", "death",
            rf"os{_TIME_END}|overall surv\w*{_TIME_END}|surv\w*( time)?{_TIME_END}|death{_TIME_END}|dtime|time to death.*|生存(时间|期).*|总生存.*",
            rf"os{_STATE_END}|death( event| status)?|dead|died|deceased|vital ?stat\w*|.*\bdeath\b.*|mort\w*|alive|surv\w* ?(status|event|state)|status of death|d ?event|fu ?stat|overall surv\w*{_STATE_END}|生存状态|死亡.*|exitus"),
    _family("RFS", "Recurrence-free survival", "recurrence",
            rf"rfs{_TIME_END}|(recurrence|relapse) ?free( surv\w*)?{_TIME_END}|(recurrence|relapse|recur){_TIME_END}|ttr{_TIME_END}|time to (recurrence|relapse).*|recurrence (time|months|days|interval).*|复发时间.*|无复发生存.*",
            rf"rfs{_STATE_END}|(tumou?r )?(recurrence|relapse|recur|recurred|relapsed)( (status|event|code|yn|y n|01))?|复发.*"),
    _family("DFS", "Disease-free survival", "recurrence or death",
            rf"dfs{_TIME_END}|disease ?free( surv\w*)?{_TIME_END}", rf"dfs{_STATE_END}|disease ?free( surv\w*)?{_STATE_END}"),
    _family("PFS", "Progression-free survival", "progression",
            rf"pfs{_TIME_END}|progression ?free( surv\w*)?{_TIME_END}|time to progression.*|ttp{_TIME_END}|progression{_TIME_END}|ptime|无进展.*时间.*",
            rf"pfs{_STATE_END}|progress\w*( (status|event))?|ttp{_STATE_END}|progression ?free( surv\w*)?{_STATE_END}|pstat|进展"),
    _family("EFS", "Event-free survival", "event", rf"efs{_TIME_END}|event ?free( surv\w*)?{_TIME_END}", rf"efs{_STATE_END}"),
    _family("CSS", "Cancer-specific survival", "death of cancer",
            rf"css{_TIME_END}|dss{_TIME_END}|(cancer|disease) ?specific surv\w*{_TIME_END}", rf"css{_STATE_END}|dss{_STATE_END}|(cancer|disease) ?specific.*(death|event|status)"),
)  # fmt: skip
_ANY_TIME = re.compile(
    rf"(time|t|tte|fu ?time|futime|follow ?up|fu|duration|obs\w* time|stime|event ?time|time to event){_TIME_END}|(days|months|years)|time (in )?\w+|随访时间.*"
)
_ANY_EVENT = re.compile(
    r"(event|status|stat|fu ?stat|delta|cens|censor\w*|outcome|endpoint|failure|indicator|e|end ?stat\w*)( (status|event|code|ind\w*|observed))?|结局"
)
_GENERAL = _Family("Survival", "Time to event", "event", _ANY_TIME, _ANY_EVENT)
_START = re.compile(
    r".*\b(surgery|operation|op|resection|hepatectomy|transplant\w*|diagnosis|diagnosed|dx|treatment|tace|start|baseline|inclusion|enrol\w*|random\w*|index|admission|entry|procedure|ablation)\b.*|.*(手术|诊断|入院|入组|治疗).*(日期|时间)"
)
_END = re.compile(
    r".*\b(last|end|censor\w*)\b.*|.*\b(follow ?up|fu|contact|seen)\b.*|.*(末次)?随访(日期|时间)"
)
_DEATH_DATE = re.compile(r".*\b(death|died|dod|decease\w*|exitus)\b.*|.*死亡(日期|时间)")
_RECURRENCE_DATE = re.compile(r".*\b(recurrence|relapse|recur\w*)\b.*|.*复发(日期|时间)")
_BIRTH = re.compile(r".*\b(birth|dob|born)\b.*|出生.*")

_EVENT_TEXTS = TRUE_TEXTS | {
    "dead", "death", "died", "deceased", "exitus", "dod", "event", "relapse", "relapsed", "recurrence",
    "recurred", "progression", "progressed", "failure", "死亡", "复发", "进展", "tot", "décédé", "verstorben",
}  # fmt: skip
_CENSORED_TEXTS = FALSE_TEXTS | {
    "alive", "living", "live", "survived", "censored", "censor", "none", "no event", "lost", "lost to follow-up",
    "lost to follow up", "ltfu", "ned", "awd", "disease free", "disease-free", "diseasefree", "no recurrence", "no relapse",
    "no progression", "not recurred", "存活", "生存", "未复发", "失访", "lebt", "lebend", "vivant",
}  # fmt: skip
_INVERTED = re.compile(r".*\b(cens|censor\w*|alive|living|survived)\b.*|.*存活.*")
_NUMBERED_TEXT = re.compile(r"([012])\s*[:=]\s*\S.*")


def guess_endpoints(raw: RawTable, mapping: ColumnMapping) -> list[EndpointSpec]:
    """The outcomes that a table holds, the main one first; empty where none is recognized.

    Args:
        raw: the table.
        mapping: what is guessed of its columns so far.
    """
    free = [spec for spec in mapping.columns if spec.role in ("variable", "group")]
    times = [spec for spec in free if _may_be_time(raw, spec)]
    events = [spec for spec in free if _may_be_event(raw.column(spec.name), spec)]
    found = _named_pairs(raw, times, events)
    found += _general_pair(raw, times, events, found)
    if not found:
        found = _date_pairs(raw, free, events)
    # A plain "time" and "event" beside a named outcome are the main one.
    order = [family.name for family in FAMILIES]
    return sorted(found, key=lambda e: order.index(e.name) if e.name in order else -1)


def _may_be_time(raw: RawTable, spec: ColumnSpec) -> bool:
    if spec.kind != "number" or find_quantity(spec.name) is not None:
        return False
    name = spaced_name(spec.name)
    return bool(_ANY_TIME.fullmatch(name)) or any(f.time.fullmatch(name) for f in FAMILIES)


def _may_be_event(column: RawColumn, spec: ColumnSpec) -> bool:
    if spec.kind == "date" or len(column.texts) > _MOST_EVENT_TEXTS:
        return False
    keys = {code_key(text) for text in column.texts if not is_missing_text(text)}
    return 1 <= len(keys) <= _MOST_EVENT_LEVELS


def _named_pairs(
    raw: RawTable, times: list[ColumnSpec], events: list[ColumnSpec]
) -> list[EndpointSpec]:
    """Times whose name says of what, each with an event of the same kind, else a general one."""
    found = []
    used: set[str] = set()
    for family in FAMILIES:
        time = _first(times, family.time, used)
        if time is None:
            continue
        others = [spec for spec in events if spec.name != time.name]
        event = _first(others, family.event, used) or _general_event(others, times, used)
        if event is None:
            continue
        used |= {time.name, event.name}
        found.append(_timed(raw, family, time, event))
    return found


def _first(specs: list[ColumnSpec], pattern: re.Pattern[str], used: set[str]) -> ColumnSpec | None:
    for spec in specs:
        if spec.name not in used and pattern.fullmatch(spaced_name(spec.name)):
            return spec
    return None


def _general_event(
    events: list[ColumnSpec], times: list[ColumnSpec], used: set[str]
) -> ColumnSpec | None:
    """A plain "status" belongs to a named time only if there is no other time."""
    return _first(events, _ANY_EVENT, used) if len(times) == 1 else None


def _general_pair(
    raw: RawTable,
    times: list[ColumnSpec],
    events: list[ColumnSpec],
    found: list[EndpointSpec],
) -> list[EndpointSpec]:
    """A plain "time" with an event whose name says of what, else with a plain "status"."""
    used = {name for endpoint in found for name in endpoint.columns}
    time = _first(times, _ANY_TIME, used)
    if time is None:
        return []
    others = [spec for spec in events if spec.name != time.name]
    taken = {endpoint.name for endpoint in found}
    for family in FAMILIES:
        event = _first(others, family.event, used)
        if event is not None and family.name not in taken:
            return [_timed(raw, family, time, event)]
    event = _first(others, _ANY_EVENT, used)
    return [] if event is None else [_timed(raw, _GENERAL, time, event)]


def _timed(raw: RawTable, family: _Family, time: ColumnSpec, event: ColumnSpec) -> EndpointSpec:
    unit, source = guess_time_unit(raw.column(time.name), time.decimal)
    codes, competing = guess_event_codes(raw.column(event.name))
    return EndpointSpec(
        name=family.name,
        label=family.label,
        event_label=family.happens,
        time=time.name,
        time_unit=unit,
        time_unit_from=source,
        event=event.name,
        event_codes=codes,
        competing=competing,
    )


def _date_pairs(
    raw: RawTable, free: list[ColumnSpec], events: list[ColumnSpec]
) -> list[EndpointSpec]:
    """Outcomes from a date of treatment or diagnosis to one of death or last follow-up."""
    dates = [s for s in free if s.kind == "date" and not _BIRTH.fullmatch(spaced_name(s.name))]
    ends = [s for s in dates if _matches(s, _DEATH_DATE, _RECURRENCE_DATE, _END)]
    starts = [s for s in dates if s not in ends and _matches(s, _START)]
    starts = starts or [s for s in dates if s not in ends]
    if not starts or not ends:
        return []
    death, recurrence = _first(ends, _DEATH_DATE, set()), _first(ends, _RECURRENCE_DATE, set())
    last = next((s for s in ends if s not in (death, recurrence)), None)
    found = []
    for family, happened in zip(FAMILIES[:2], (death, recurrence), strict=True):
        event = _first(events, family.event, {s.name for s in dates})
        if event is None and family.name == "OS":
            event = _first(events, _ANY_EVENT, {s.name for s in dates})
        if happened is None and (event is None or last is None):
            continue
        if happened is not None and last is None and event is None:
            continue  # nobody is censored, or nothing says until when
        codes, competing = guess_event_codes(raw.column(event.name)) if event else ({}, ())
        found.append(
            EndpointSpec(
                name=family.name,
                label=family.label,
                event_label=family.happens,
                time_unit="days",
                time_unit_from="name",
                event=event.name if event else None,
                event_codes=codes,
                competing=competing,
                start=starts[0].name,
                end=last.name if last else None,
                event_date=happened.name if happened else None,
            )
        )
    return found


def _matches(spec: ColumnSpec, *patterns: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(spaced_name(spec.name)) for pattern in patterns)


def guess_time_unit(column: RawColumn, decimal: str = ".") -> tuple[str, str]:
    """The unit of a column of durations, and whether its name, its range or nothing tells it.

    By range: what would be longer than 50 years in months is in days; short times with
    fractions are in years; all else is taken for months.
    """
    named = time_unit_in_name(column.name)
    if named:
        return named, "name"
    numbers = read_numbers(column, decimal)
    counts = column.counts()
    known = np.isfinite(numbers.values)
    if not known.any():
        return "months", "assumed"
    values = np.repeat(numbers.values[known], counts[known])
    if values.max() > LONGEST_TIME_MONTHS:
        return "days", "range"
    fractions = (values != np.round(values)).mean() > 0.5
    if fractions and values.max() <= _LONGEST_YEARS and np.median(values) < 8:
        return "years", "assumed"
    return "months", "assumed"


def guess_event_codes(column: RawColumn) -> tuple[dict[str, int], tuple[str, ...]]:
    """What the texts of an event column mean, and the names of competing events.

    Words are known in several languages; 1 and 0 are event and censored; 1 and 2 are censored
    and event, as in R; 0, 1 and 2 are censored, event and competing event. A column called
    "censored" or "alive" is turned round. Texts that say nothing are left out.
    """
    texts = [text for text in column.texts if not is_missing_text(text)]
    keys = {code_key(text) for text in texts}
    if keys == {"1", "2"}:
        return {"1": 0, "2": 1}, ()
    if keys == {"0", "1", "2"}:
        return {"0": 0, "1": 1, "2": 2}, ("competing event",)
    codes = {plain_code(text): code for text in texts if (code := _event_code(text)) is not None}
    if _INVERTED.fullmatch(spaced_name(column.name)) and _only_yes_no(keys):
        codes = {text: 1 - code for text, code in codes.items()}
    return dict(sorted(codes.items(), key=lambda item: (item[1], item[0]))), ()


def _event_code(text: str) -> int | None:
    key = code_key(text)
    if found := _NUMBERED_TEXT.fullmatch(key):
        key = found[1]
    if key in _EVENT_TEXTS:
        return 1
    return 0 if key in _CENSORED_TEXTS else None


def _only_yes_no(keys: Sequence[str] | set[str]) -> bool:
    return set(keys) <= TRUE_TEXTS | FALSE_TEXTS
