"""Sensible guesses of what a table's columns mean, for a person to confirm or correct."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.cohort.cell_values import (
    FALSE_TEXTS,
    FIRST_SERIAL,
    LAST_SERIAL,
    TRUE_TEXTS,
    UNCLEAR_TEXTS,
    Reading,
    code_key,
    decimal_votes,
    guess_date_order,
    read_dates,
    read_numbers,
)
from hccsurv_core.cohort.column_kinds import MOST_LEVELS, as_kind, levels_of, measured
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec
from hccsurv_core.cohort.endpoint_guess import guess_endpoints
from hccsurv_core.cohort.name_legend import legend_in, without_legend
from hccsurv_core.cohort.outcome_names import BIRTH, DEATH_DATE, LAST, RECURRENCE_DATE, START
from hccsurv_core.cohort.quantities import find_quantity, find_unit, plain_name, time_unit_in_name
from hccsurv_core.io.tables import BOOLEAN, DATE, RawColumn, RawTable

#: A column is of a kind if this share of its filled cells reads so; the others are then shown.
_MOST = 0.8
#: Where the name speaks of a date, fewer dates are enough: "alive" may stand in its other cells.
_SOME = 0.3
#: Whole numbers are codes of classes if there are at most so many, none above ``_TOP_CODE``.
_FEW_CODES, _TOP_CODE = 6, 20
#: A named quantity (AFP, tumor size) is coded only if it has very few values.
_FEW_OF_QUANTITY = 3
#: Below this many rows a few distinct values mean nothing.
_ENOUGH_ROWS = 15
#: Spellings of more texts than this are not compared.
_MANY_TEXTS = 500
#: Rows for each patient, on average, from which a table with dates is one of visits.
_VISITS_EACH = 1.2

_ID = re.compile(
    r"(patient|pat|subject|case|record|study|person|hospital|medical record|sample)s? ?(id|no|nr|number|code|key|identifier)s?"
    r"|pid|id|mrn|identifier|usubjid|subjid|patid|ptid|bcr patient.*|住院号|病历号|患者(编号|id)|登记号|病案号"
    r"|(patient(en)?|pat|fall|studien?|probanden?) ?(id|nr|nummer|kennung|kurzel)|pseudonym"
    r"|(numero|num|no|n|id|code|codigo|codice|identificant)( de| du| d| del)? ?(patiente?|paziente|paciente|dossier|caso|inclusion)|ipp|nip|nhc|historia clinica"
)
_WEAK_ID = re.compile(
    r"number|no|nr|patient(en|e|es|s)?|paziente|pacientes?|subjects?|case|fall|index|row( ?names?)?|编号|序号|lfd( nr)?|nummer|numero|column a|unnamed 0|\w+ id"
)
_SEX = re.compile(
    r"sex.*|gender.*|geschlecht|male|female|men|women|性别|sexe|sexo|sesso|genre|genero|genere|is (fe)?male|m w|m f"
)
_VISIT = re.compile(
    r".*\b(visit|exam\w*|scan|follow ?up|fu|assessment|imaging|measure\w*|observation|encounter|untersuchung\w*|besuch\w*|vorstellung\w*|visite|consultation|visita|consulta|controllo)\b.*"
    r"|date|datum|fecha|data|time ?point|检查日期|就诊日期|日期"
)
_PERSONAL = re.compile(
    r".*\b(first|last|sur|full|given|family|patient) ?names?\b.*|name|vorname|nachname|姓名"
    r"|.*\b(phone|telephone|mobile|e ?mail|address|street|ssn|social security|passport|zip ?code|postal code)\b.*"
    r"|.*(电话|地址|身份证|手机).*|(date of birth|dob|birth ?da(te|y)|geburts?(datum|tag)|geb( ?datum| am)?|出生日期)"
    r"|(patienten|familien|geburts|ruf)name|name vorname|.*\b(telefon\w*|handy\w*|anschrift|adresse|strasse|plz|wohnort|versicher\w*n(r|ummer))\b.*"
    r"|nom( (et )?prenoms?| de (naissance|famille|jeune fille)| du patient)?|prenoms?|nombres?( y apellidos?)?|apellidos?|nome|cognome|nome (e )?cognome|nome (del )?paziente|.*\b(courriel|portable|correo|direccion|movil|indirizzo|cellulare|codice fiscale|dni|nss)\b.*"
    r"|(date|fecha|data) (de |di )?(naissance|nacimiento|nascita|nascimento)"
)
_DATE = re.compile(r".*\b(date|\w*datum|fecha|data|am)\b.*|.*日期")
_GROUP = re.compile(
    r"(study )?(arm|group|groups|treatment( (arm|group))?|trt|rx|therapy|cohort|split|set|cent(er|re)|hospital|site|stage|(bclc|tnm|okuda|clip|cnlc)( stage)?|child ?pugh (class|grade|stage)|分组|组别|治疗方式)"
    r"|gruppe|studienarm|behandlung|therapie|zentrum|klinik|stadium|(bclc|tnm|uicc)( stadium)?|groupe|bras|traitement|centre|stade|grupo|brazo|tratamiento|centro|estadio|gruppo|braccio|trattamento|stadio"
)
_MALE = frozenset(
    [
        "male",
        "m",
        "man",
        "männlich",
        "maennlich",
        "homme",
        "masculin",
        "h",
        "hombre",
        "varón",
        "varon",
        "masculino",
        "maschio",
        "uomo",
        "男",
        "男性",
        "boy",
    ]
)
_FEMALE = frozenset(
    [
        "female",
        "f",
        "w",
        "woman",
        "weiblich",
        "femme",
        "féminin",
        "feminin",
        "mujer",
        "femenino",
        "femmina",
        "donna",
        "femminile",
        "女",
        "女性",
        "girl",
    ]
)


@dataclass(frozen=True)
class _Profile:
    """What a column's cells look like, each share weighted by how often a text occurs."""

    filled: int
    numbers: float
    dates: float
    words: float  # share of yes/no words
    values: np.ndarray  # distinct numbers
    median: float
    keys: tuple[str, ...]  # distinct levels, case and spaces aside, in order of appearance
    unique: bool
    written_unit: str | None  # what most cells write behind the number


def guess_mapping(raw: RawTable) -> ColumnMapping:
    """Guess what every column means and which outcomes the table holds.

    Args:
        raw: a table as read.

    Returns:
        A mapping that passes :func:`~hccsurv_core.cohort.column_mapping.check_mapping`. Nothing
        in it is certain: names and values were all there was to go by.
    """
    votes = [decimal_votes(column) for column in raw.columns]
    point, comma = np.array(votes).sum(axis=0)
    default = "," if comma > point else "."
    specs, profiles = [], []
    for column, (point, comma) in zip(raw.columns, votes, strict=True):
        decimal = default if point == comma else "," if comma > point else "."
        profile = _profile(column, decimal, _named_date(plain_name(column.name)))
        specs.append(_guess_column(column, profile, decimal))
        profiles.append(profile)
    _choose_patient_id(raw, specs, profiles)
    _keep_one(specs)
    layout = _choose_visit(raw, specs)
    mapping = ColumnMapping(tuple(specs), layout=layout)
    for endpoint in guess_endpoints(raw, mapping):
        mapping = mapping.with_endpoint(endpoint)
    return mapping


def _profile(column: RawColumn, decimal: str, named_date: bool) -> _Profile:
    counts = column.counts()
    numbers = read_numbers(column, decimal)
    known = numbers.readings != Reading.MISSING
    filled = int(counts[known].sum())
    if filled == 0:
        return _Profile(0, 0, 0, 0, np.empty(0), float("nan"), (), False, None)
    # "<20" and "45 mm" are numbers that somebody must look at, not another kind of column.
    as_number = np.isin(numbers.readings, (Reading.FINE, Reading.LIMIT, Reading.WITH_UNIT))
    # "n.d." or "?" among numbers says nothing of the kind of column.
    unclear = np.array([text.casefold() in UNCLEAR_TEXTS for text in column.texts], dtype=bool)
    clear = max(filled - int(counts[unclear].sum()), 1)
    number_share = counts[as_number].sum() / clear
    fine = numbers.readings == Reading.FINE
    values = numbers.values[fine]
    median = float(np.median(np.repeat(values, counts[fine]))) if fine.any() else float("nan")
    date_share = 0.0
    typed_dates = column.kinds == DATE
    if (
        typed_dates.any()
        or number_share < _MOST
        or _looks_like_compact_dates(values)
        or (named_date and _looks_like_serials(values))
    ):
        order, _ = guess_date_order(column.texts)
        dates = read_dates(column, order)
        date_share = counts[dates.readings == Reading.FINE].sum() / clear
    keys, word_share = _levels_of(column, known)
    unique = counts[known].max() == 1 and filled >= 0.95 * len(column.codes)
    return _Profile(
        filled, number_share, date_share, word_share / filled, np.unique(values), median, keys, unique,
        numbers.usual_unit(counts),
    )  # fmt: skip


def _levels_of(column: RawColumn, known: np.ndarray) -> tuple[tuple[str, ...], int]:
    """Distinct levels whatever their spelling, and how many cells hold a word for yes or no."""
    texts = [text for text, k in zip(column.texts, known, strict=True) if k]
    if len(texts) > _MANY_TEXTS:
        return tuple(texts), 0  # no levels: what their spellings have in common does not matter
    words = np.array([code_key(text) in TRUE_TEXTS | FALSE_TEXTS for text in column.texts])
    n_words = int(column.counts()[words | (column.kinds == BOOLEAN)].sum())
    return tuple(dict.fromkeys(code_key(text) for text in texts)), n_words


def _looks_like_compact_dates(values: np.ndarray) -> bool:
    """True for numbers such as 20150304."""
    return bool(len(values)) and bool(
        ((values > 19_000_100) & (values < 21_000_000)).mean() > _MOST
    )


def _looks_like_serials(values: np.ndarray) -> bool:
    """True for numbers such as 42370, in which spreadsheets count days."""
    return bool(len(values)) and bool(((values >= FIRST_SERIAL) & (values <= LAST_SERIAL)).all())


def _named_date(name: str) -> bool:
    return any(p.fullmatch(name) for p in (_DATE, START, LAST, DEATH_DATE, RECURRENCE_DATE, BIRTH))


def _guess_column(column: RawColumn, profile: _Profile, decimal: str) -> ColumnSpec:
    name = plain_name(without_legend(column.name))
    spec = ColumnSpec(column.name, decimal=decimal)
    if profile.filled == 0:
        return replace(spec, role="ignored", kind="text")
    if _PERSONAL.fullmatch(name):
        kind = "date" if profile.dates >= _MOST else "text"
        return as_kind(column, replace(spec, role="personal"), kind)
    if _SEX.fullmatch(name) and len(profile.keys) <= 4:
        return _guess_sex(column, name, spec)
    if profile.dates >= (_SOME if _named_date(name) else _MOST):
        return as_kind(column, spec, "date")
    if _is_boolean(profile) and _says_yes_or_no(column.name):
        return as_kind(column, replace(spec, role=_role(name)), "boolean")
    if profile.numbers >= _MOST and not (legend_in(column.name) and _is_boolean(profile)):
        return _guess_number(column, name, profile, spec)
    return _guess_text(column, name, profile, spec)


def _role(name: str) -> str:
    return "group" if _GROUP.fullmatch(name) else "variable"


def _is_boolean(profile: _Profile) -> bool:
    keys = set(profile.keys)
    if keys <= {"0", "1"}:
        return True
    # A column of numbers that happens to hold many 0 and 1 is none.
    return (
        profile.words >= _MOST
        and profile.numbers < _MOST
        and len(keys & TRUE_TEXTS) <= 1
        and len(keys & FALSE_TEXTS) <= 1
    )


def _says_yes_or_no(name: str) -> bool:
    """False where a name explains its codes, and not as yes and no ("lobe (0=left, 1=right)")."""
    return {code_key(words) for words in legend_in(name).values()} <= TRUE_TEXTS | FALSE_TEXTS


def _category(column: RawColumn, spec: ColumnSpec) -> ColumnSpec:
    """A category, its codes labelled where its name tells what all of them mean."""
    guess, legend = as_kind(column, spec, "category"), legend_in(column.name)
    if not guess.levels or not set(guess.levels) <= legend.keys():
        return guess
    return replace(guess, level_labels={level: legend[level] for level in guess.levels})


def _guess_number(column: RawColumn, name: str, profile: _Profile, spec: ColumnSpec) -> ColumnSpec:
    quantity = find_quantity(column.name)
    if _is_coded(profile, quantity is not None, quantity is not None and quantity.counted):
        return _category(column, replace(spec, role=_role(name)))
    if quantity is None:
        written = profile.written_unit
        timed = time_unit_in_name(written or "") and time_unit_in_name(column.name)
        return replace(spec, kind="number", unit=None if timed else written)
    role = quantity.key if quantity.key in ("age", "height", "weight") else "variable"
    guess = measured(replace(spec, role=role), quantity, profile.median)
    written = find_unit(profile.written_unit or "", quantity)
    if written is not None and guess.unit_from == "assumed":
        guess = replace(guess, unit=written, unit_from="name")
    return guess


def _is_coded(profile: _Profile, is_quantity: bool, is_count: bool) -> bool:
    values = profile.values
    if profile.filled < _ENOUGH_ROWS or profile.numbers < 1 or not len(values):
        return False
    whole = bool((values == np.round(values)).all() and values[0] >= 0 and values[-1] <= _TOP_CODE)
    few = 2 if is_count else _FEW_OF_QUANTITY if is_quantity else _FEW_CODES
    return whole and len(values) <= few


def _guess_text(column: RawColumn, name: str, profile: _Profile, spec: ColumnSpec) -> ColumnSpec:
    n = len(profile.keys)
    if n <= MOST_LEVELS and (n <= 0.5 * profile.filled or (n <= 2 and profile.filled <= 4)):
        return _category(column, replace(spec, role=_role(name)))
    identifier = profile.unique and not any(" " in key for key in profile.keys)
    return replace(spec, kind="identifier" if identifier else "text")


def _guess_sex(column: RawColumn, name: str, spec: ColumnSpec) -> ColumnSpec:
    levels = levels_of(column, spec)
    labels: dict[str, str] = {}
    legend = legend_in(column.name)
    for text in levels:
        key = code_key(legend.get(text, text))
        if key in _MALE or key in _FEMALE:
            labels[text] = "male" if key in _MALE else "female"
    if "male" in name.split() or "men" in name.split() or "is male" in name:
        labels = {t: "male" if code_key(t) in TRUE_TEXTS else "female" for t in levels}
    elif {"female", "women"} & set(name.split()):
        labels = {t: "female" if code_key(t) in TRUE_TEXTS else "male" for t in levels}
    told = [text for text in levels if code_key(text) not in UNCLEAR_TEXTS]
    if len(set(labels.values())) < len(labels) or len(labels) < len(told):
        labels = {}  # not all told, or two spellings that are no mere case: a person must say
    return replace(spec, role="sex", kind="category", levels=levels, level_labels=labels)


def _choose_patient_id(raw: RawTable, specs: list[ColumnSpec], profiles: list[_Profile]) -> None:
    """Give the role to the likeliest column, by its name, else by its values."""
    best, best_rank = None, 0
    for at, (spec, profile) in enumerate(zip(specs, profiles, strict=True)):
        rank = _id_rank(spec, profile, raw.n_rows, first=at == 0)
        if rank > best_rank:
            best, best_rank = at, rank
    if best is not None:
        specs[best] = replace(
            specs[best], role="patient_id", kind="identifier", quantity=None, levels=(), codes={}
        )


def _id_rank(spec: ColumnSpec, profile: _Profile, n_rows: int, *, first: bool) -> int:
    if spec.role in ("personal", "sex") or spec.kind == "date" or profile.filled < 0.9 * n_rows:
        return 0
    values, name = profile.values, plain_name(without_legend(spec.name))
    if profile.numbers >= _MOST and (values != np.round(values)).any():
        return 0
    many = len(profile.keys) > 0.05 * n_rows or len(profile.keys) > 100
    if _ID.fullmatch(name) and many:
        return 5 if profile.unique else 4
    if _WEAK_ID.fullmatch(name) and profile.unique:
        return 3
    if spec.kind == "identifier" and spec.quantity is None:
        return 2 if first else 1
    if first and profile.unique and len(values) == n_rows and values[-1] - values[0] == n_rows - 1:
        return 1
    return 0


def _keep_one(specs: list[ColumnSpec]) -> None:
    """Each of the roles that only one column may have stays with the first that has it."""
    taken: set[str] = set()
    for at, spec in enumerate(specs):
        if spec.role in ("sex", "age", "height", "weight"):
            if spec.role in taken:
                specs[at] = replace(spec, role="variable")
            taken.add(spec.role)


def _choose_visit(raw: RawTable, specs: list[ColumnSpec]) -> str:
    """The layout; where rows are visits, the column of their dates gets the role."""
    patient = next((s for s in specs if s.role == "patient_id"), None)
    if patient is None:
        return "patients"
    codes = raw.column(patient.name).codes
    n_patients = len(np.unique(codes[codes >= 0]))
    if n_patients == 0 or (codes >= 0).sum() < _VISITS_EACH * n_patients:
        return "patients"
    dates = [at for at, spec in enumerate(specs) if spec.kind == "date" and spec.role == "variable"]
    named = [at for at in dates if _VISIT.fullmatch(plain_name(without_legend(specs[at].name)))]
    # A visit's date differs between a patient's rows; a date of surgery does not.
    varying = [at for at in named or dates if _varies(codes, raw.columns[at].codes, n_patients)]
    if not varying:
        return "patients"
    specs[varying[0]] = replace(specs[varying[0]], role="visit")
    return "visits"


def _varies(patients: np.ndarray, dates: np.ndarray, n_patients: int) -> bool:
    known = (patients >= 0) & (dates >= 0)
    pairs = np.unique(np.stack([patients[known], dates[known]]), axis=1).shape[1]
    return pairs > _VISITS_EACH * n_patients
