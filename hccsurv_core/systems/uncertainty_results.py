"""What comes of moving an outline and a level: every value, its range, and which verdicts would flip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hccsurv_core.features.body import BodyMeasures
from hccsurv_core.wording import agree, count_of

#: The measures in the order they are told in, with their units.
MEASURE_UNITS = {
    "sma_cm2": "cm²",
    "smi": "cm²/m²",
    "pma_cm2": "cm²",
    "pmi": "cm²/m²",
    "pd_hu": "HU",
    "ma_hu": "HU",
}
#: Which outline a measure is read from.
MEASURE_OUTLINE = {
    "sma_cm2": "muscle", "smi": "muscle", "ma_hu": "muscle",
    "pma_cm2": "psoas", "pmi": "psoas", "pd_hu": "psoas",
}  # fmt: skip
#: What the sizes were held against: (what was found, where, DOI).
SOURCES = (
    (
        "Two readers, area of all muscle at L3: 95 % limits of agreement −9.9 to 7.6 cm²",
        "Ko Y et al. BMC Musculoskelet Disord 2022",
        "10.1186/s12891-022-05032-2",
    ),
    (
        "Two readers, CT: within-subject coefficient of variation 8.2 % for all muscle and 16.0 % "
        "for both psoas; towards the feet the psoas' area grows, that of all muscle does not differ",
        "Park J et al. PLoS One 2019;14(9):e0222042",
        "10.1371/journal.pone.0222042",
    ),
)
_LINES = {"muscle": "muscle outline", "psoas": "psoas outlines"}


@dataclass(frozen=True)
class Perturbation:
    """One way in which outline or level could have been otherwise.

    Args:
        kind: "dilate", "erode", "shift" or "level".
        size_mm: how far the line, or the level, is moved.
        outline: "muscle" or "psoas"; "both" for the level.
        direction: of a shift, in the patient's terms ("anterior left"); "higher" or "lower" for
            the level.
        slices: of the level, up is positive.
    """

    kind: str
    size_mm: float
    outline: str
    direction: str = ""
    slices: int = 0

    @property
    def words(self) -> str:
        """ "muscle outline 0.3 mm inwards"."""
        if self.kind == "level":
            slices = count_of(abs(self.slices), "slice")
            return f"level {slices} ({self.size_mm:.3g} mm) {self.direction}"
        if self.kind == "shift":
            return f"{_LINES[self.outline]} shifted {self.size_mm:g} mm {self.direction}"
        way = "outwards" if self.kind == "dilate" else "inwards"
        return f"{_LINES[self.outline]} {self.size_mm:g} mm {way}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**asdict(self), "words": self.words}


@dataclass(frozen=True)
class PerturbedMeasures:
    """What is measured where one thing is otherwise; what that does not touch is as measured."""

    perturbation: Perturbation
    measures: BodyMeasures

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**self.perturbation.to_json(), "measures": self.measures.to_json()}


@dataclass(frozen=True)
class MeasureRange:
    """The smallest and the largest value of a measure, the measured one among them.

    Args:
        low_at, high_at: where they are found; None where nothing goes beyond the measured value.
    """

    measure: str
    unit: str
    measured: float
    low: float
    high: float
    low_at: Perturbation | None
    high_at: Perturbation | None

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "unit": self.unit,
            "measured": self.measured,
            "low": self.low,
            "high": self.high,
            "low_at": self.low_at.words if self.low_at else None,
            "high_at": self.high_at.words if self.high_at else None,
        }


@dataclass(frozen=True)
class DefinitionUncertainty:
    """One definition's verdict, and whether it stands.

    Args:
        name, measure, unit, value, cutoff, operator, positive, reason: as in
            :class:`~hccsurv_core.features.body.DefinitionResult`.
        low, high: range of the value; None where it is not measured.
        flips: what turns the verdict over; the smallest first. Empty where nothing does, and
            where there is no verdict.
    """

    name: str
    measure: str
    unit: str
    value: float | None
    cutoff: float | None
    operator: str
    positive: bool | None
    reason: str | None
    low: float | None
    high: float | None
    flips: tuple[Perturbation, ...] = ()

    @property
    def stands(self) -> bool | None:
        """Whether nothing that was tried turns the verdict over; None without a verdict."""
        return None if self.positive is None else not self.flips

    @property
    def margin(self) -> float | None:
        """How far the value lies from the cut-off, in its unit; above it is positive."""
        if self.value is None or self.cutoff is None:
            return None
        return self.value - self.cutoff

    @property
    def margin_percent(self) -> float | None:
        """The same, in percent of the cut-off."""
        if self.margin is None or not self.cutoff:
            return None
        return 100 * self.margin / abs(self.cutoff)

    @property
    def smallest(self) -> Perturbation | None:
        """The smallest of what turns the verdict over."""
        return self.flips[0] if self.flips else None

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "name": self.name,
            "measure": self.measure,
            "unit": self.unit,
            "value": self.value,
            "cutoff": self.cutoff,
            "operator": self.operator,
            "positive": self.positive,
            "reason": self.reason,
            "low": self.low,
            "high": self.high,
            "margin": self.margin,
            "margin_percent": self.margin_percent,
            "stands": self.stands,
            "smallest_flip": self.smallest.to_json() if self.smallest else None,
            "flips": [p.words for p in self.flips],
        }


@dataclass(frozen=True)
class OutlineUncertainty:
    """How sure the measures and the five verdicts are.

    Args:
        measured: as measured.
        perturbed: every perturbation with its values.
        ranges: by measure; one that is not known is left out.
        definitions: the five.
        notes: what was not tried, and why.
    """

    measured: BodyMeasures
    perturbed: tuple[PerturbedMeasures, ...]
    ranges: Mapping[str, MeasureRange]
    definitions: tuple[DefinitionUncertainty, ...]
    notes: tuple[str, ...] = ()

    def definition(self, name: str) -> DefinitionUncertainty:
        """The definition called ``name``.

        Raises:
            KeyError: there is none.
        """
        found = {d.name: d for d in self.definitions}
        return found[name]

    @property
    def sentence(self) -> str:
        """ "3 of 5 verdicts stand whatever is moved; PMI and MA would flip"."""
        known = [d for d in self.definitions if d.stands is not None]
        flipping = [d.name for d in known if not d.stands]
        n, stand = len(known), len(known) - len(flipping)
        if not known:
            return "No verdict is known yet, so none can flip"
        if not stand:
            return f"{_listed(flipping)} would flip: no verdict stands whatever is moved"
        verb = agree(stand, "stands", "stand")
        what = "verdicts" if n == len(self.definitions) else "known verdicts"
        if not flipping:
            which = "The only known verdict" if n == 1 else f"All {n} {what}"
            return f"{which} {verb} whatever is moved"
        return f"{stand} of {n} {what} {verb} whatever is moved; {_listed(flipping)} would flip"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "sentence": self.sentence,
            "measured": self.measured.to_json(),
            "ranges": {name: r.to_json() for name, r in self.ranges.items()},
            "definitions": [d.to_json() for d in self.definitions],
            "perturbations": [p.to_json() for p in self.perturbed],
            "notes": list(self.notes),
            "sources": [f"{what}. {where}. doi:{doi}" for what, where, doi in SOURCES],
        }


def _listed(names: list[str]) -> str:
    """ "PMA, PMI and MA"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
