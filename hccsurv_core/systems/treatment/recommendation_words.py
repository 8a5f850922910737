"""The sentences of a recommendation: what stands in its way, what speaks for it, what to mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, other_arm
from hccsurv_core.systems.treatment.findings import Findings
from hccsurv_core.systems.treatment.ranges import OutOfRange
from hccsurv_core.systems.treatment.recommender import Recommender

ReasonKind = Literal[
    "rule", "guideline", "missing", "range", "overlap", "uncertain", "small", "difference"
]
#: What required clinical values are called.
FACT_WORDS = {
    "child_pugh_score": "the Child-Pugh score",
    "child_pugh_class": "the Child-Pugh class",
    "bclc_stage": "the BCLC stage",
    "cnlc_stage": "the CNLC stage",
}


@dataclass(frozen=True)
class Reason:
    """One reason.

    Args:
        kind: what it is about.
        text: a plain sentence.
        source: where a rule is from, else "".
    """

    kind: ReasonKind
    text: str
    source: str = ""

    def __str__(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "text": self.text, "source": self.source or None}


def stops(models: Recommender, found: Findings) -> tuple[Reason, ...]:
    """All that stands in the way of recommending the favored arm, the gravest first."""
    reasons = [
        Reason("rule", f"{rule.sentence}.", rule.source)
        for rule in found.rules.hit
        if found.favored in rule.bars
    ]
    if found.favored not in found.guidelines.open_to:
        reasons.append(_closed(found))
    reasons += _missing(models, found)
    reasons += [
        Reason("range", f"{_beyond(models, value)}; the comparison would guess.")
        for value in found.out_of_range
        if value.beyond
    ]
    if not found.overlap.supported:
        reasons.append(Reason("overlap", found.overlap.sentence))
    return (*reasons, *_too_close(models, found))


def difference(found: Findings) -> Reason:
    """How much the favored arm is expected to bring."""
    band = found.contrast.months_difference.of(0)
    low, high = float(band.low), float(band.high)
    if float(band.value) < 0:
        low, high = -high, -low
    better = ARM_WORDS[found.favored]
    return Reason(
        "difference",
        f"{capital(better)} is expected to bring {found.months:.1f} months more of the next "
        f"{found.contrast.rmst_months:g} than {ARM_WORDS[other_arm(found.favored)]} "
        f"({percent(found.contrast.level)} interval: {_more(low)} to {_more(high)}); that it is "
        f"the better choice for patients like this one has a probability of "
        f"{_probability(found.probability)}.",
    )


def support(found: Findings) -> tuple[Reason, ...]:
    """What else speaks of a recommendation that is made."""
    told = (Reason("overlap", found.overlap.sentence),)
    about = found.guidelines.about(found.favored)
    return (*told, Reason("guideline", about)) if about else told


def cautions(
    models: Recommender, found: Findings, in_the_way: tuple[Reason, ...]
) -> tuple[Reason, ...]:
    """What belongs beside the answer."""
    reasons = []
    if found.guidelines.conflict:
        reasons.append(Reason("guideline", found.guidelines.conflict))
    reasons += [
        Reason("rule", f"{rule.sentence}.", rule.source)
        for rule in found.rules.hit
        if found.favored not in rule.bars
    ]
    if found.rules.unknown:
        listed = ", ".join(_within(rule.what) for rule in found.rules.unknown)
        reasons.append(Reason("missing", f"Not known, and taken as absent: {listed}."))
    reasons += [
        Reason("range", f"{_beyond(models, value)}; a little beyond that.")
        for value in found.out_of_range
        if not value.beyond
    ]
    filled = [models.label(name) for name in found.missing if name not in found.decisive]
    if filled:
        reasons.append(
            Reason(
                "missing",
                f"Not known, and taken as in a typical patient: {', '.join(filled)}. Whether low "
                "or high, none of them alone would turn the answer round.",
            )
        )
    if in_the_way and found.overlap.supported:
        reasons.append(Reason("overlap", found.overlap.sentence))
    return tuple(reasons)


def capital(text: str) -> str:
    """As it stands at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def percent(share: float) -> str:
    """A share of 1 in whole percent."""
    return f"{100 * share:.0f} %"


def _beyond(models: Recommender, value: OutOfRange) -> str:
    return value.sentence(
        models.label(value.name), lambda number: models.value_text(value.name, number)
    )


def _closed(found: Findings) -> Reason:
    statements = found.guidelines.statements
    says = "; ".join(f"{s.guideline}: {s.says}" for s in statements)
    return Reason(
        "guideline",
        f"No guideline that was looked at leaves {ARM_WORDS[found.favored]} open at this stage. "
        f"{says}.",
        "; ".join(dict.fromkeys(s.source for s in statements)),
    )


def _missing(models: Recommender, found: Findings) -> list[Reason]:
    reasons = [
        Reason("missing", f"{capital(FACT_WORDS.get(name, name))} is not known; enter it.")
        for name in found.lacking
    ]
    if len(found.missing) > models.settings.max_missing * len(models.names):
        reasons.append(
            Reason(
                "missing",
                f"{len(found.missing)} of {len(models.names)} values that the models need are not "
                "known.",
            )
        )
    reasons += [
        Reason(
            "missing",
            f"{capital(models.label(name))} is not known, and whether it is low or high would turn "
            "the answer round; enter it.",
        )
        for name in found.decisive
    ]
    return reasons


def _too_close(models: Recommender, found: Findings) -> list[Reason]:
    settings, reasons = models.settings, []
    if found.probability < settings.min_probability:
        reasons.append(
            Reason(
                "uncertain",
                f"{capital(ARM_WORDS[found.favored])} would be the better choice with a "
                f"probability of {_probability(found.probability)}; "
                f"{percent(settings.min_probability)} are asked for.",
            )
        )
    if found.months < settings.min_months:
        reasons.append(
            Reason(
                "small",
                f"The treatments differ by {found.months:.1f} months; at least "
                f"{settings.min_months:g} are asked for.",
            )
        )
    return reasons


def _more(months: float) -> str:
    return f"{months:.1f} more" if months >= 0 else f"{-months:.1f} fewer"


def _probability(probability: float) -> str:
    """Never certain: what no draw contradicts is told as more than 99 %."""
    return "more than 99 %" if probability > 0.99 else percent(probability)


def _within(text: str) -> str:
    """As it stands within a sentence; names and abbreviations stay as they are."""
    first = text.split()[0]
    plain = first[1:] == first[1:].lower() and "-" not in first
    return text[:1].lower() + text[1:] if plain else text
