"""What the values of an event column say: alive, lost, dead, dead of something, happened or not.

Words are known in English, German, French, Spanish, Italian, Portuguese and Chinese, and the
usual abbreviations (NED, AWD, DOD, DOC). What a value means for an outcome is a guess that
is told, see :func:`assumptions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from enum import Enum

from hccsurv_core.cohort.cell_values import (
    FALSE_TEXTS,
    TRUE_TEXTS,
    code_key,
    is_missing_text,
    plain_code,
)
from hccsurv_core.cohort.name_legend import legend_in, without_legend
from hccsurv_core.cohort.quantities import plain_name
from hccsurv_core.io.tables import RawColumn

#: Outcomes that ask of what a patient died.
CAUSE_SPECIFIC = "CSS"
OTHER_DEATH = "death of another cause"


class Fate(Enum):
    """What a value says of a patient."""

    ALIVE = "alive"
    ALIVE_WITH_DISEASE = "alive with disease"
    LOST = "lost to follow-up"
    DEAD = "dead"
    DEAD_OF_DISEASE = "dead of the disease"
    DEAD_OF_OTHER = "dead of another cause"
    HAPPENED = "it happened"
    NOT_HAPPENED = "it did not happen"

    @property
    def died(self) -> bool:
        """Whether the patient is dead."""
        return self in (Fate.DEAD, Fate.DEAD_OF_DISEASE, Fate.DEAD_OF_OTHER)


_DISEASE = (
    r"disease|hcc|chc|cancer|cancro|krebs|karzinom\w*|carcinom\w*|tumou?rs?|tumore|tumeur|neoplas\w*|"
    r"maladie|enfermedad|malattia|grundleiden|recurren\w*|relapse|rezidiv|recidiv\w*|progress\w*"
)
_OTHER = r"other|another|unrelated|intercurrent|non|not|ander\w*|sonstig\w*|autres?|otr[oa]s?|altr[aoei]|outr[oa]s?"
_ALIVE = (
    r"alive|living|lives?|surviv\w*|leb(t|en|end|endig|ende[rs]?)|am leben|vivante?s?|en vie|viv[oae]s?|"
    r"vivent[ei]|in vita"
)
_DEAD = (
    r"dead|died|dies|deaths?|deceased|expired|exitus|fatal|tote?r?|tod|todesfall|gestorben|verstorben\w*|"
    r"decedee?s?|deces|mort[oaies]*|fallec\w*|muert[oae]s?|defuncion|decedut[oa]|decess[oi]|obito|falecid[oa]"
)
_LOST = r"lost|l(t)?fu|perdue?s? de vue|perd(id|ut)[oa]s?|pers[oa] (al|a) follow ?up|aus den augen"
_EVENT = (
    r"events?|relaps\w*|recurr\w*|progress\w*|failure|rezidiv\w*|recidiv\w*|rechute|recaida|ricaduta|"
    r"ereignis|evento|evenement|metasta\w*"
)
_NOT = r"no|not|non|nicht|ohne|kein\w*|sans|sin|senza|never|free of|frei von|without"
_CENSORED = r"censor(ed|ing)?|zensiert|censuree?|censurad[oa]|censurat[oa]|none|(\w+ ?)?(free|frei)"
#: In this order; the first that fits the whole of a value, in letters without accents, decides.
_FATES = tuple(
    (re.compile(pattern), fate)
    for pattern, fate in (
        (r"ned|aned|awod|adf|no evidence of disease", Fate.ALIVE),
        (r"awd|awr", Fate.ALIVE_WITH_DISEASE),
        (r"dod", Fate.DEAD_OF_DISEASE),
        (r"doc|dicd", Fate.DEAD_OF_OTHER),
        (rf"({_LOST})( .*)?|失访.*", Fate.LOST),
        (rf"({_NOT}) ({_ALIVE})", Fate.DEAD),
        (rf"(non|not) ?(liver|{_DISEASE})( related)? ({_DEAD})( .*)?|(other|unrelated|intercurrent)( causes?)? ({_DEAD})", Fate.DEAD_OF_OTHER),
        (rf"({_NOT}) (\w+ )?({_DEAD}|{_EVENT})( .*)?|未(复发|进展|死亡|转移)|无(复发|进展|转移).*", Fate.NOT_HAPPENED),
        (rf"({_ALIVE}) (\w+ )*?(with|mit|avec|con|com) (?!no |out )(\w+ )*?({_DISEASE})( .*)?|带瘤(生存|存活)", Fate.ALIVE_WITH_DISEASE),
        (rf"({_ALIVE})( .*)?|存活.*|生存.*|健在|无瘤生存", Fate.ALIVE),
        (rf"({_DEAD}) (.* )?({_OTHER})( .*)?|死于其他.*|非(肿瘤|癌).*死亡.*|其他.*死亡", Fate.DEAD_OF_OTHER),
        (rf"({_DEAD}) (.* )?({_DISEASE})( .*)?|({_DISEASE}) (related )?({_DEAD})|死于.*|.*(肿瘤|癌).*死亡", Fate.DEAD_OF_DISEASE),
        (rf"({_DEAD})( .*)?|死亡.*|去世", Fate.DEAD),
        (rf"({_CENSORED})( .*)?|删失", Fate.NOT_HAPPENED),
        (rf"({_EVENT})(?! ?(free|frei|no|none))( .*)?|(local|distant|intrahepatic|extrahepatic|early|late|lokal\w*) ({_EVENT})|复发.*|进展.*", Fate.HAPPENED),
    )
)  # fmt: skip
#: "1:DECEASED", "0 = alive", "2 verstorben", "dead (1)"; no other number stands beside it.
_NUMBERED = re.compile(r"\(?([0-9])\)?\s*[-:=.)]?\s*(\D+)|(\D+?)\s*[(=:]\s*([0-9])\)?")
#: A number that is said to be a code, so that it tells where its words are not known.
_CODED = re.compile(r"[01]\s*[:=].*|.*[:=(]\s*[01]\)?")
#: Codes that stand for *not known* beside codes of events.
_UNKNOWN_CODES = frozenset(["9", "99", "999", "-1", "-9", "-99"])
_INVERTED = re.compile(
    r".*\b(cens|censor\w*|alive|living|survived|lebt|lebend|vivant|viv[oa]|in vita|en vie|zensiert|zensur\w*)\b.*|.*存活.*"
)


def read_fate(text: str) -> Fate | None:
    """What a value says of a patient; None if it says nothing that is known.

    >>> read_fate("Dead of HCC"), read_fate("NED"), read_fate("2 = verstorben")
    (<Fate.DEAD_OF_DISEASE: 'dead of the disease'>, <Fate.ALIVE: 'alive'>, <Fate.DEAD: 'dead'>)
    """
    key = code_key(text)
    if key in TRUE_TEXTS or key in FALSE_TEXTS:
        return Fate.HAPPENED if key in TRUE_TEXTS else Fate.NOT_HAPPENED
    number, words = _apart(key)
    fate = _fate_of_words(plain_name(words))
    if fate is None and number in ("0", "1") and _CODED.fullmatch(key):
        # "1:PROGRESSED": where the words are not known the number tells.
        return Fate.HAPPENED if number == "1" else Fate.NOT_HAPPENED
    return fate


def _apart(key: str) -> tuple[str | None, str]:
    """The number that stands beside the words of a value, and the words."""
    found = _NUMBERED.fullmatch(key)
    if found is None:
        return None, key
    return found[1] or found[4], found[2] or found[3]


def _fate_of_words(words: str) -> Fate | None:
    return next((fate for pattern, fate in _FATES if pattern.fullmatch(words)), None)


def guess_event_codes(
    column: RawColumn, outcome: str = "OS"
) -> tuple[dict[str, int], tuple[str, ...]]:
    """What the values of an event column mean, and the names of competing events.

    1 and 0 are event and censored; 1 and 2 are censored and event, as in R; 0, 1 and 2 are
    censored, event and competing event; where the column's name explains its codes, as in
    "Status (0=dead, 1=alive)", it is believed. A column called "censored" or "alive" is turned
    round.
    Every death is an event; only for ``CSS`` one of another cause competes. Patients alive, with
    or without disease, and lost ones are censored. Values that say nothing are left out.

    Args:
        column: the column.
        outcome: short name of the outcome it is for.
    """
    texts = [text for text in column.texts if not is_missing_text(text)]
    keys = {code_key(text) for text in texts}
    legend = legend_in(column.name)
    if not legend and keys - _UNKNOWN_CODES == {"1", "2"}:
        return {"1": 0, "2": 1}, ()
    if not legend and keys - _UNKNOWN_CODES == {"0", "1", "2"}:
        return {"0": 0, "1": 1, "2": 2}, ("competing event",)
    said = {plain_code(text): legend.get(code_key(text), text) for text in texts}
    fates = {text: fate for text, words in said.items() if (fate := read_fate(words)) is not None}
    codes = {text: _code(fate, outcome) for text, fate in fates.items()}
    inverted = _INVERTED.fullmatch(plain_name(without_legend(column.name)))
    if inverted and _only_yes_no({code_key(words) for words in said.values()}):
        codes = {text: 1 - code for text, code in codes.items()}
    competing = (OTHER_DEATH,) if 2 in codes.values() else ()
    return dict(sorted(codes.items(), key=lambda item: (item[1], item[0]))), competing


def _code(fate: Fate, outcome: str) -> int:
    if fate is Fate.DEAD_OF_OTHER and outcome == CAUSE_SPECIFIC:
        return 2
    return int(fate.died or fate is Fate.HAPPENED)


def _only_yes_no(keys: Set[str]) -> bool:
    return keys <= TRUE_TEXTS | FALSE_TEXTS


def tells_of_death(column: RawColumn) -> bool:
    """Whether a column of few values says in words that somebody died."""
    fates = (read_fate(text) for text in column.texts)
    return any(fate is not None and fate.died for fate in fates)


def assumptions(codes: Mapping[str, int], event_label: str) -> tuple[str, ...]:
    """What the codes in force assume and another analysis may see otherwise, as sentences.

    Args:
        codes: values of an event column to 0 (censored), 1 (event), 2 … (competing).
        event_label: what happens ("death").
    """
    found = {(read_fate(text), code) for text, code in codes.items()}
    told = []
    if (Fate.DEAD_OF_OTHER, 1) in found:
        told.append(f"Deaths of other causes count as {event_label}.")
    elif (Fate.DEAD, 1) in found and event_label == "death of cancer":
        told.append("Deaths of a cause that is not told count as death of cancer.")
    elif "death" not in event_label and (Fate.DEAD, 1) in found:
        told.append(f"Any death counts as {event_label}.")
    if (Fate.DEAD_OF_OTHER, 2) in found:
        told.append("Deaths of other causes are a competing event.")
    if (Fate.ALIVE_WITH_DISEASE, 0) in found:
        told.append("Patients alive with disease are censored.")
    if (Fate.LOST, 0) in found:
        told.append("Patients lost to follow-up are censored when last seen.")
    return tuple(told)
