"""Names of the columns that outcomes are made of, as hospitals write them.

Patterns are matched against plain names (see :func:`~hccsurv_core.cohort.quantities.plain_name`):
lower case, no accents, words apart. English, German, French, Spanish, Italian and Chinese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """An outcome: its short name, what it is called, what happens, and words of both columns."""

    name: str
    label: str
    happens: str
    time: re.Pattern[str]
    event: re.Pattern[str]


def _family(name: str, label: str, happens: str, time: str, event: str) -> Family:
    return Family(name, label, happens, re.compile(time), re.compile(event))


_TIME_END = (
    r"( ?(time|days?|months?|mos?|years?|yrs?|weeks?|m|d|y|dur\w*|stime|interval|zeit|dauer|tage?n?|wochen|"
    r"monaten?|jahren?|temps|delai|jours|mois|ans|tiempo|dias|meses|anos|tempo|giorni|mesi|anni|"
    r"时间|天数?|月数?|个月|年)\b.*)?"
)
_STATE_END = r"( ?(status|event|stat|cens\w*|ind\w*|flag|code|censor\w*|binary|bin|x?cens|ereignis|statut|estado|stato|evento|evenement)\b.*)"
_GERMAN_TIME = r"(szeit|sdauer|smonate|stage|sjahre)?"
#: In the order in which endpoints are offered; the main one first.
FAMILIES = (
    _family("OS", "Overall survival", "death",
            rf"os{_TIME_END}|overall surv\w*{_TIME_END}|surv\w*( time)?{_TIME_END}|death{_TIME_END}|dtime|time to death.*|生存(时间|期).*|总生存.*"
            rf"|(gesamt)?uberleben{_GERMAN_TIME}{_TIME_END}|survie( globale)?{_TIME_END}|s(up|ob)erviv(encia|encia global){_TIME_END}|sopravvivenza( globale)?{_TIME_END}",
            rf"os{_STATE_END}|death( event| status)?|dead|died|deceased|vital ?stat\w*|.*\bdeath\b.*|mort\w*|alive|surv\w* ?(status|event|state)|status of death|d ?event|fu ?stat|overall surv\w*{_STATE_END}|生存状态|死亡.*|exitus"
            r"|verstorben\w*|gestorben|tod(esfall)?|tot|lebt|(uber)?lebensstatus|status (uber)?leben|uberleben ?status|deces|decede\w*|(statut|etat) vital|vivant\w*"
            r"|muert[eo]|fallecid[oa]|fallecimiento|estado vital|viv[oa]|decess[oi]|decedut[oa]|stato (vitale|in vita)|obito"),
    _family("RFS", "Recurrence-free survival", "recurrence",
            rf"rfs{_TIME_END}|(recurrence|relapse) ?free( surv\w*)?{_TIME_END}|(recurrence|relapse|recur){_TIME_END}|ttr{_TIME_END}|time to (recurrence|relapse).*|recurrence (time|months|days|interval).*|复发时间.*|无复发生存.*"
            rf"|rezidivfreie?s? (uberleben|zeit|intervall){_TIME_END}|survie sans (recidive|rechute){_TIME_END}|supervivencia libre de (recidiva|recurrencia|recaida){_TIME_END}|sopravvivenza libera da recidiva{_TIME_END}",
            rf"rfs{_STATE_END}|(tumou?r )?(recurrence|relapse|recur|recurred|relapsed)( (status|event|code|yn|y n|01))?|复发.*"
            r"|(tumor)?rezidiv( (status|ja nein))?|recidiv[ae]s?|rechute|recaida|recurrencia|ricaduta"),
    _family("DFS", "Disease-free survival", "recurrence or death",
            rf"dfs{_TIME_END}|disease ?free( surv\w*)?{_TIME_END}|krankheitsfreies uberleben{_TIME_END}|survie sans maladie{_TIME_END}|supervivencia libre de enfermedad{_TIME_END}|sopravvivenza libera da malattia{_TIME_END}",
            rf"dfs{_STATE_END}|disease ?free( surv\w*)?{_STATE_END}"),
    _family("PFS", "Progression-free survival", "progression",
            rf"pfs{_TIME_END}|progression ?free( surv\w*)?{_TIME_END}|time to progression.*|ttp{_TIME_END}|progression{_TIME_END}|ptime|无进展.*时间.*"
            rf"|progressionsfreies uberleben{_TIME_END}|survie sans progression{_TIME_END}|supervivencia libre de progresion{_TIME_END}|sopravvivenza libera da progressione{_TIME_END}",
            rf"pfs{_STATE_END}|progress\w*( (status|event))?|ttp{_STATE_END}|progression ?free( surv\w*)?{_STATE_END}|pstat|进展|progresion"),
    _family("EFS", "Event-free survival", "event", rf"efs{_TIME_END}|event ?free( surv\w*)?{_TIME_END}", rf"efs{_STATE_END}"),
    _family("CSS", "Cancer-specific survival", "death of cancer",
            rf"css{_TIME_END}|dss{_TIME_END}|(cancer|disease) ?specific surv\w*{_TIME_END}", rf"css{_STATE_END}|dss{_STATE_END}|(cancer|disease) ?specific.*(death|event|status)"),
)  # fmt: skip
ANY_TIME = re.compile(
    rf"(time|t|tte|fu ?time|futime|follow ?up|fu|duration|obs\w* time|stime|event ?time|time to event|nachbeobachtung{_GERMAN_TIME}"
    rf"|(duree (de |du )?)?suivi|delai|(tiempo (de )?)?seguimiento|durata follow ?up|zeit|temps|tiempo|tempo){_TIME_END}"
    r"|(days|months|years)|time (in )?\w+|随访时间.*"
)
_LAST = r"last|latest|letzt\w*|zuletzt|derni\w*|ultim[oa]s?|末次|最后|follow ?up|fu|ddn|nachsorge|suivi|seguimiento|contact"
ANY_EVENT = re.compile(
    r"(event|status|stat|fu ?stat|delta|cens|censor\w*|outcome|endpoint|failure|indicator|e|end ?stat\w*|zensiert|zensur)( (status|event|code|ind\w*|observed))?"
    r"|结局|ereignis|evenement|evento|statut|estado|stato|esito"
    rf"|(status|statut|etat|estado|stato|zustand)( .*)? ({_LAST})( .*)?"
)
GENERAL = Family("Survival", "Time to event", "event", ANY_TIME, ANY_EVENT)

# --- dates -------------------------------------------------------------------------------------

#: From what day time counts.
START = re.compile(
    r".*\b(surgery|operation|op|resection|hepatectomy|\w*transplant\w*|\w*diagnos\w*|dx|treatment|tace|start|baseline|inclusion|enrol\w*|random\w*|index|admission|entry|procedure|ablation"
    r"|\w*operation\w*|op ?(datum|tag)|datumop|\w*resektion\w*|\w*hepatektomie\w*|\w*eingriff\w*|\w*therapie\w*|\w*behandlung\w*|\w*beginn\w*|\w*einschluss\w*|\w*aufnahme\w*"
    r"|chirurgie|intervention|\w*hepatectomie|greffe|traitement|debut"
    r"|cirugia|operacion|intervencion|hepatectomia|reseccion|trasplante|tratamiento|inicio|ingreso|inclusion|aleatorizacion"
    r"|chirurgia|intervento|operazione|epatectomia|resezione|trapianto|trattamento|inizio|ricovero|arruolamento)\b.*"
    r"|.*(手术|诊断|入院|入组|治疗).*(日期|时间)"
)
#: Until when somebody was known to be alive.
LAST = re.compile(
    r".*\b(last|latest|contact|seen|follow ?up|fu|letzt\w*|zuletzt|kontakt\w*|nachsorge\w*|nachbeobachtung\w*|vorstellung"
    r"|derni\w*|nouvelles|ddn|suivi|ultim[oa]s?|seguimiento|contacto|contatto|controllo)\b.*|.*(末次|最后)?随访(日期|时间)"
)
END = re.compile(r".*\b(end|censor\w*|ende|enddatum|fin|fine|zens\w*|censure)\b.*")
DEATH_DATE = re.compile(
    r".*\b(death|died|dod|decease\w*|exitus|tod|todes\w*|sterbe\w*|verstorben|gestorben|deces|decede\w*|mort|muerte|fallec\w*|defuncion|morte|decess[oi]|decedut[oa]|obito)\b.*"
    r"|.*死亡(日期|时间)"
)
RECURRENCE_DATE = re.compile(
    r".*\b(recurrence|relapse|recur\w*|\w*rezidiv\w*|recidiv\w*|rechute|recaida|ricaduta)\b.*|.*复发(日期|时间)"
)
BIRTH = re.compile(
    r".*\b(birth\w*|dob|born|geb|gebdatum|geburts?\w*|naissance|nacimiento|nascita|nascimento)\b.*|出生.*"
)
