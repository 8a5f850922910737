"""What a clinical score is, and what it says of one patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hccsurv_core.features.clinical_scores.values import ARGUMENTS, given_text
from hccsurv_core.wording import agree


@dataclass(frozen=True)
class Level:
    """A grade, class or stage.

    Args:
        code: as tables write it ("A", "2a", "IIb").
        word: as a person says it ("class A").
        rule: when it is given, in words.
    """

    code: str
    word: str
    rule: str


@dataclass(frozen=True)
class ScoreDefinition:
    """A published score.

    Args:
        key: its name in code.
        title: in words.
        about: what it tells, in one sentence.
        formula: how it is computed, in words and numbers.
        unit: of the value; "" for a pure number.
        arguments: names of the values it is made of, units in the names.
        levels: grades, classes or stages, from the best to the worst.
        decisions: how cases are decided that the publication leaves open or that readers differ on.
        source, doi: where it comes from.
    """

    key: str
    title: str
    about: str
    formula: str
    unit: str
    arguments: tuple[str, ...]
    levels: tuple[Level, ...]
    decisions: tuple[str, ...]
    source: str
    doi: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the levels, from the best to the worst."""
        return tuple(level.code for level in self.levels)

    def level(self, code: str) -> Level:
        """The level with this code."""
        return self.levels[self.codes.index(code)]

    def to_json(self) -> dict[str, object]:
        """Plain values, for a page that lists all scores."""
        plain = {name: getattr(self, name) for name in ("key", "title", "about", "formula", "unit")}
        return plain | {
            "arguments": [
                {"name": name, "label": ARGUMENTS[name].label, "unit": ARGUMENTS[name].unit}
                for name in self.arguments
            ],
            "levels": [level.__dict__.copy() for level in self.levels],
            "decisions": list(self.decisions),
            "source": self.source,
            "doi": self.doi,
        }


@dataclass(frozen=True)
class ScorePart:
    """What one value contributes.

    Args:
        name: the argument; two joined by "+" where only both together say something.
        label: in words.
        given: the value with its unit, or "not known".
        points: what it adds to the score; None where it is not known or the score has no points.
        calls_for: of a stage: the stages this part alone would make, more than one where the
            value is not known. Empty for a score.
        reason: in words.
    """

    name: str
    label: str
    given: str
    points: float | None
    reason: str
    calls_for: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return self.__dict__ | {"calls_for": list(self.calls_for)}


@dataclass(frozen=True)
class ClinicalScore:
    """A score of one patient.

    Args:
        definition: formula, unit, levels and source.
        value: the score; of a stage its place among the stages, 0 the best. None: not known.
        code: of the level; None where it is not known. It may be known without ``value``: the
            known parts of Child-Pugh can make class C whatever the missing one is.
        parts: what each value contributes.
        missing: names of arguments that are not known.
        possible: codes that what is known leaves open; one where the level is known.
        notes: what a reader should know of this patient's score.
    """

    definition: ScoreDefinition
    value: float | None
    code: str | None
    parts: tuple[ScorePart, ...]
    missing: tuple[str, ...]
    possible: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def word(self) -> str | None:
        """The grade, class or stage in words, or None."""
        return None if self.code is None else self.definition.level(self.code).word

    @property
    def formula(self) -> str:
        """How it is computed."""
        return self.definition.formula

    @property
    def unit(self) -> str:
        """Of the value."""
        return self.definition.unit

    @property
    def source(self) -> str:
        """Where it comes from, with its DOI."""
        return self.definition.source

    @property
    def reason(self) -> str | None:
        """Why ``value`` is not known, in words; None where it is."""
        if self.value is not None:
            return None
        verb = agree(len(self.missing), "is", "are")
        text = f"not known, because {labels_of(self.missing)} {verb} missing"
        if 1 < len(self.possible) < len(self.definition.levels):
            words = [self.definition.level(code).word for code in self.possible]
            text += f"; {' or '.join(words)} is possible"
        return text

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "key": self.definition.key,
            "title": self.definition.title,
            "value": self.value,
            "unit": self.unit,
            "code": self.code,
            "word": self.word,
            "parts": [part.to_json() for part in self.parts],
            "missing": list(self.missing),
            "possible": list(self.possible),
            "reason": self.reason,
            "notes": list(self.notes),
            "formula": self.formula,
            "source": self.source,
            "doi": self.definition.doi,
        }


def labels_of(names: Sequence[str]) -> str:
    """Arguments in a sentence: "the albumin and the INR"."""
    words = [f"the {ARGUMENTS[name].label}" for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def number_part(name: str, value: float | None, points: float | None, reason: str) -> ScorePart:
    """The part that one argument makes; ``reason`` is passed over where it is not known."""
    argument = ARGUMENTS[name]
    known = value is not None
    return ScorePart(
        name, argument.label, given_text(name, value), points if known else None,
        reason if known else "not known",
    )  # fmt: skip
