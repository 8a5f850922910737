"""Quantities of a liver cancer cohort: names, units, conversions, and which values are possible.

The ranges are ours, not published reference ranges: they are wide, and what lies
outside is a slip of the keyboard or of the unit (an age of 0, a height of 17 m, a
tumor of 945 mm), not merely abnormal.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.patient import HEIGHT_RANGE_M, WEIGHT_RANGE_KG

RANGE_SOURCE = "possible range: ours, wide on purpose"


@dataclass(frozen=True)
class Quantity:
    """One measurable thing.

    Args:
        key: its name in code.
        label: in words.
        names: pattern on a plain name (see :func:`plain_name`).
        unit: canonical unit; "" for a pure number.
        low, high: possible values in the canonical unit.
        low_open: ``low`` itself is impossible (an age of 0).
        units: other units to their factor (value in canonical unit = factor × value).
        usual: unit to the range in which a cohort's median lies, where units can be told by it.
        counted: small whole numbers are what is expected, not codes for classes.
    """

    key: str
    label: str
    names: str
    unit: str
    low: float
    high: float
    low_open: bool = False
    units: dict[str, float] = field(default_factory=dict)
    usual: dict[str, tuple[float, float]] = field(default_factory=dict)
    counted: bool = False

    def factor(self, unit: str | None) -> float:
        """What a value in ``unit`` is multiplied by to be in the canonical unit."""
        return self.units.get(unit or self.unit, 1.0)

    @property
    def all_units(self) -> tuple[str, ...]:
        """The canonical unit first."""
        return (self.unit, *self.units)

    def possible(self, unit: str | None) -> tuple[float, float]:
        """The possible range in ``unit``."""
        factor = self.factor(unit)
        return self.low / factor, self.high / factor

    def range_text(self, unit: str | None) -> str:
        """The possible range in words, for a message."""
        low, high = self.possible(unit)
        shown = f" {unit or self.unit}".rstrip()
        start = f"above {low:g} and up to" if self.low_open else f"{low:g} to"
        return f"{start} {high:g}{shown} ({RANGE_SOURCE})"


_Q = Quantity
#: Conversion factors: molar masses of bilirubin (584.66 g/mol) and creatinine (113.12 g/mol). For
#: AFP 1 IU/mL is taken for 1.21 ng/mL, as most laboratories do; assays differ, so ask yours.
QUANTITIES: tuple[Quantity, ...] = (
    _Q("age", "age", r"age|age (at|in|au|a) .*|alter( .*)?|edad( .*)?|eta( .*)?|idade( .*)?|年龄.*|.* age|age years?|ageyears?", "years", 0, 110, low_open=True),
    _Q("height", "height", r"(body ?)?height.*|stature|(korper)?gr(o|oe)sse( c?m)?|taille( c?m)?|talla( c?m)?|altura( c?m)?|altezza( c?m)?|estatura( c?m)?|身高.*", "m", *HEIGHT_RANGE_M,
       units={"cm": 0.01, "in": 0.0254}, usual={"m": (1.3, 2.1), "cm": (130, 210), "in": (51, 80)}),
    _Q("weight", "weight", r"(body ?)?weight.*|(korper)?gewicht( kg)?|poids( kg)?|peso( corporal| corporeo)?( kg)?|体重.*", "kg", *WEIGHT_RANGE_KG, units={"lb": 0.45359237}),
    _Q("bmi", "body-mass index", r"bmi.*|body ?mass ?index.*|体重指数|imc( .*)?", "kg/m²", 8, 90),
    _Q("tumor_size", "tumor size",
       r".*(tumou?r|lesion|nodule|hcc) ?(size|diam\w*|length).*|.*diam\w* .*(lesion|tumou?r|nodule).*|(max\w*|largest) ?(diam\w*|size).*|diameter.*|肿瘤(大小|直径|最大径).*|.*tumorgr(o|oe)sse.*|(taille|diametre) .*(tumeur|tumorale|lesion|nodule)s?.*|(tamano|diametro|dimensione) .*(tumor|tumorale?|lesione?|nodul[oi]|neoplasia)( .*)?|.*durchmesser.*",
       "mm", 0, 300, low_open=True, units={"cm": 10.0}, usual={"mm": (14, 200), "cm": (0.8, 13.9)}),
    _Q("tumor_count", "number of tumors",
       r"(.*\b)?(number|amount|count|no|num|n)\b ?(of )?.*(tumou?r|lesion|nodule)s?.*|.*(tumou?r|lesion|nodule)s? ?(number|count|no|num|multiplicity).*|(anzahl|zahl) .*(tumor\w*|herde?|lasion\w*|knoten)|(tumor|herd|lasions)(an)?zahl|(nombre|numero) .*(nodul\w*|tum\w+|lesion\w*)|肿瘤(数目|数量|个数)",
       "", 0, 200, counted=True),
    _Q("afp", "alpha-fetoprotein", r".*\b(afp|alpha ?feto ?protein|fetoprotein)\b.*|甲胎蛋白.*", "ng/mL", 0, 1e7,
       units={"µg/L": 1.0, "IU/mL": 1.21, "kIU/L": 1.21}),
    _Q("pivka", "des-gamma-carboxyprothrombin", r".*\b(pivka|dcp)\b.*|异常凝血酶原.*", "mAU/mL", 0, 1e7),
    _Q("albumin", "albumin", r"(serum )?alb(umin)?( (at|g|pre|baseline|level|value|s)\b.*)?|白蛋白.*|albumin[ea]?( g.*)?", "g/L", 8, 70,
       units={"g/dL": 10.0}, usual={"g/L": (20, 60), "g/dL": (2.0, 6.0)}),
    _Q("bilirubin", "bilirubin", r"(serum |total |t ?)?(t ?bil(i|irubin)?|bili(rubin)?|tb|stb)( (total|t|umol|mg|level|value|s)\b.*)?|bilirubin[ea]? ?(gesamt|totale?|total)?( .*)?|gesamt ?bilirubin( .*)?|总胆红素.*", "µmol/L", 0.5, 1500,
       units={"mg/dL": 1e4 / 584.66}, usual={"µmol/L": (5.5, 400), "mg/dL": (0.1, 4.0)}),
    _Q("creatinine", "creatinine", r"(serum )?crea?t?(inine)?( (umol|mg|level|s)\b.*)?|scr|[ck]reatinina?( .*)?|kreatinin( .*)?|肌酐.*", "µmol/L", 8, 3000,
       units={"mg/dL": 1e4 / 113.12}, usual={"µmol/L": (30, 600), "mg/dL": (0.3, 6.0)}),
    _Q("hemoglobin", "hemoglobin", r"h(a)?emoglobin.*|hamoglobin.*|hgb.*|hb( g.*)?|血红蛋白.*", "g/L", 20, 260,
       units={"g/dL": 10.0}, usual={"g/L": (60, 200), "g/dL": (6, 20)}),
    _Q("platelets", "platelets", r"(platelets?|plt|thrombo(cytes?|zyten)|plaquettes|plaquetas|piastrine|血小板)( .*)?", "10⁹/L", 1, 3000,
       units={"/µL": 0.001}, usual={"10⁹/L": (30, 800), "/µL": (30_000, 800_000)}),
    _Q("leukocytes", "leukocytes", r"(wbc|leu[ck]o(cytes?|zyten)|white blood cells?|白细胞)( .*)?", "10⁹/L", 0.1, 600),
    _Q("neutrophils", "neutrophils", r"(neut|neutrophils?|anc|中性粒细胞)( (count|10.*))?", "10⁹/L", 0, 400),
    _Q("lymphocytes", "lymphocytes", r"(lymph|lymphocytes?|alc|淋巴细胞)( (count|10.*))?", "10⁹/L", 0, 400),
    _Q("alt", "ALT", r"(alt|gpt|sgpt|alat|谷丙转氨酶)( u.*)?", "U/L", 0, 30_000),
    _Q("ast", "AST", r"(ast|got|sgot|asat|谷草转氨酶)( u.*)?", "U/L", 0, 30_000),
    _Q("ggt", "gamma-GT", r"(ggt|gamma ?gt|γ ?gt|谷氨酰转肽酶)( u.*)?", "U/L", 0, 20_000),
    _Q("alp", "alkaline phosphatase", r"(alp|alk ?phos\w*|alkaline phosphatase)( u.*)?", "U/L", 0, 20_000),
    _Q("inr", "INR", r"(pt )?inr.*", "", 0.5, 20),
    _Q("prothrombin_time", "prothrombin time", r"(pt|prothrombin time|凝血酶原时间)( s(ec)?\w*)?", "s", 5, 200),
    _Q("sodium", "sodium", r"(serum )?(sodium|na)( mmol.*)?|血钠", "mmol/L", 90, 200),
    _Q("crp", "C-reactive protein", r"(hs ?)?(crp|c reactive protein)( mg.*)?", "mg/L", 0, 800, units={"mg/dL": 10.0}),
    _Q("child_pugh", "Child-Pugh score", r"child( ?turcotte)? ?pugh( ?(score|points))?|ctp( score)?|cps?( score)|child( score)?", "", 5, 15, counted=True),
    _Q("meld", "MELD score", r"meld.*", "", 0, 70, counted=True),
    _Q("albi", "ALBI score", r"albi( ?score)?", "", -6, 3),
    _Q("smi", "skeletal muscle index", r"(l3 ?)?smi( .*)?|skeletal muscle index.*", "cm²/m²", 5, 130),
)  # fmt: skip
BY_KEY = {quantity.key: quantity for quantity in QUANTITIES}
_PATTERNS = tuple((re.compile(quantity.names), quantity) for quantity in QUANTITIES)

#: Units of time to months.
TIME_UNITS = {
    "months": 1.0,
    "days": 1 / DAYS_PER_MONTH,
    "weeks": 7 / DAYS_PER_MONTH,
    "years": 12.0,
}
#: Follow-up beyond this is taken for a wrong unit (ours).
LONGEST_TIME_MONTHS = 600.0
_TIME_WORDS = {
    "days": r"d|days?|tag(e|en)?|jours?|dias?|giorn[oi]|天|天数|日",
    "weeks": r"w|wks?|weeks?|wochen?|semaines?|semanas?|settimane|周",
    "months": r"m|mo|mos|mon|mths?|months?|monat(e|en)?|mois|mes|mes(es|i)|月|个月|月数",
    "years": r"y|yrs?|years?|jahr(e|en)?|ans?|annees?|anos?|ann[oi]|年",
}
_TIME_NAMES = tuple((re.compile(rf"(?:{words})"), unit) for unit, words in _TIME_WORDS.items())
_SPELLED = {"μ": "u", "µ": "u", "²": "2", "⁹": "9", "³": "3"}


def spaced_name(name: str) -> str:
    """A column name as lower-case words: camel case, dots, dashes and brackets become spaces.

    >>> spaced_name("OStime_day"), spaced_name("tumorSize (mm)"), spaced_name("AFP.ng/ml")
    ('ostime day', 'tumor size mm', 'afp ng ml')
    """
    split = re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z][a-z])", " ", name)
    for sign, letter in _SPELLED.items():
        split = split.replace(sign, letter)
    return " ".join(re.sub(r"[\W_]+", " ", split.casefold()).split())


def plain_name(name: str) -> str:
    """A name as :func:`spaced_name` gives it, its Latin letters without accents.

    >>> plain_name("Größe (cm)"), plain_name("date de Décès"), plain_name("OP-Datum")
    ('grosse cm', 'date de deces', 'op datum')
    """
    letters = unicodedata.normalize("NFKD", spaced_name(name).replace("œ", "oe"))
    return unicodedata.normalize("NFC", "".join(c for c in letters if not unicodedata.combining(c)))


def find_quantity(name: str) -> Quantity | None:
    """The quantity a column's name speaks of, or None."""
    words = plain_name(name)
    for pattern, quantity in _PATTERNS:
        if pattern.fullmatch(words):
            return quantity
    return None


def unit_in_name(name: str, quantity: Quantity) -> str | None:
    """The unit that a column's name ends in or holds in brackets, or None."""
    words = f" {spaced_name(name)} "
    squashed = words.replace(" ", "")
    found = [
        unit
        for unit in quantity.all_units
        if unit and (f" {spaced_name(unit)} " in words or _ends_in(squashed, unit))
    ]
    return max(found, key=len) if found else None


def _ends_in(squashed: str, unit: str) -> bool:
    letters = spaced_name(unit).replace(" ", "")
    return len(letters) >= 3 and squashed.endswith(letters)


def unit_by_median(median: float, quantity: Quantity) -> str | None:
    """The only unit in which a cohort's median would be usual, or None."""
    fitting = [unit for unit, (low, high) in quantity.usual.items() if low <= median <= high]
    return fitting[0] if len(fitting) == 1 else None


def find_unit(text: str, quantity: Quantity) -> str | None:
    """The unit of ``quantity`` that is written as ``text`` ("MM", "g/dl"), or None."""
    wanted = spaced_name(text).replace(" ", "")
    for unit in quantity.all_units:
        if unit and spaced_name(unit).replace(" ", "") == wanted:
            return unit
    return None


def time_unit_in_name(name: str) -> str | None:
    """The unit of time that a column's name speaks of, or None.

    >>> time_unit_in_name("OStime_day"), time_unit_in_name("OS (months)"), time_unit_in_name("OS")
    ('days', 'months', None)
    """
    words = plain_name(name).split()
    for word in reversed(words):
        for pattern, unit in _TIME_NAMES:
            if pattern.fullmatch(word):
                return unit
    squashed = "".join(words)
    for unit in TIME_UNITS:
        if squashed.endswith((unit, unit[:-1])):
            return unit
    return None
