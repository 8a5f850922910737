"""Numbers, facts and messages as the pages write them. Pure functions."""

from __future__ import annotations

from html import escape

from hccsurv_core.errors import HccsurvError
from hccsurv_core.patient import PatientFacts

UNITS = {
    "sma_cm2": "cm²",
    "smi": "cm²/m²",
    "pma_cm2": "cm²",
    "pmi": "cm²/m²",
    "pd_hu": "HU",
    "ma_hu": "HU",
}
OPERATOR_SIGNS = {"<": "<", "<=": "≤"}
STEP_NAMES = {
    "automatic": "automatic",
    "confirmed": "confirmed",
    "moved": "moved by hand",
    "edited": "edited",
}


def significant(value: float, digits: int = 3) -> str:
    """``value`` with ``digits`` significant digits, never in exponent form: 148, 15.7, 5.43."""
    if value == 0:
        return "0"
    magnitude = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:.{max(0, digits - magnitude)}f}"


def number(value: float | None, unit: str = "", digits: int = 3) -> str:
    """A number with its unit, or "not known"."""
    if value is None:
        return "not known"
    text = significant(value, digits)
    return f"{text} {unit}" if unit else text


def sex_word(sex: str | None) -> str | None:
    """ "Female", "Male" or None."""
    return sex.capitalize() if sex else None


def facts_line(facts: PatientFacts) -> str:
    """One line: what is known of the patient, for lists."""
    parts = [sex_word(facts.sex)]
    if facts.age_years is not None:
        parts.append(f"{facts.age_years:.0f} y")
    if facts.height_m is not None:
        parts.append(f"{facts.height_m * 100:.0f} cm")
    if facts.weight_kg is not None:
        parts.append(f"{facts.weight_kg:.0f} kg")
    return " · ".join(part for part in parts if part) or "sex, age and height not known"


def error_text(error: HccsurvError) -> str:
    """One message: what, which file, what to do. As Markdown, with the file's name set off."""
    what = error.what[:1].upper() + error.what[1:]
    source = f"**{plain(error.source)}** — " if error.source else ""
    remedy = ""
    if error.remedy:
        remedy = f" {plain(error.remedy[:1].upper() + error.remedy[1:])}."
    return f"{source}{plain(what)}.{remedy}"


def sentence(text: str) -> str:
    """A warning as a sentence: a capital to begin with, a full stop to end."""
    text = text.strip()
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def plain(text: str) -> str:
    """Text from files or people, with Markdown's signs made harmless."""
    for sign in "\\`*_[]<>$#:~|":
        text = text.replace(sign, "\\" + sign)
    return text


def html(text: object) -> str:
    """Text from files or people, made harmless in HTML."""
    return escape(str(text))


def duration(seconds: float) -> str:
    """ "0.8 s", "12 s", "2 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def file_size(n_bytes: int) -> str:
    """Bytes as a person reads them."""
    size = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def plural(count: int, word: str, many: str | None = None) -> str:
    """ "1 warning", "3 warnings"."""
    return f"{count} {word if count == 1 else many or word + 's'}"
