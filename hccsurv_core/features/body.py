"""Five published definitions of sarcopenia from areas and attenuations at L3.

The cut-offs, their operators and units stand in :data:`DEFINITIONS`, each with
its source. A definition that lacks what it needs (sex, height, a measure) is
*not known, because …*: never a number, never a verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume

#: Values are compared after rounding to this many decimals, so that 144.5 / 1.70² is 50 and not
#: 50.00000000000001: far finer than any measurement, far coarser than binary arithmetic.
COMPARISON_DECIMALS = 6


@dataclass(frozen=True)
class BodyMeasures:
    """Measurements on one axial slice at L3; None is *not known*.

    Args:
        sma_cm2: total skeletal muscle area within −29 to 150 HU, cm².
        pma_cm2: area of both psoas muscles within −29 to 150 HU, cm².
        pd_hu: psoas density: mean attenuation of both psoas muscles, HU.
        ma_hu: muscle attenuation: mean attenuation of total skeletal muscle, HU.
        height_m: standing height, metres.
    """

    sma_cm2: float | None = None
    pma_cm2: float | None = None
    pd_hu: float | None = None
    ma_hu: float | None = None
    height_m: float | None = None

    @property
    def smi(self) -> float | None:
        """Skeletal muscle index: ``sma_cm2`` / height², cm²/m²."""
        return _per_height_squared(self.sma_cm2, self.height_m)

    @property
    def pmi(self) -> float | None:
        """Psoas muscle index: ``pma_cm2`` / height², cm²/m²."""
        return _per_height_squared(self.pma_cm2, self.height_m)

    def to_json(self) -> dict[str, float | None]:
        """The six measures under their contract names."""
        return {
            "sma_cm2": self.sma_cm2,
            "smi": self.smi,
            "pma_cm2": self.pma_cm2,
            "pmi": self.pmi,
            "pd_hu": self.pd_hu,
            "ma_hu": self.ma_hu,
        }


def _per_height_squared(area_cm2: float | None, height_m: float | None) -> float | None:
    if area_cm2 is None or height_m is None:
        return None
    return area_cm2 / height_m**2


@dataclass(frozen=True)
class Definition:
    """A published definition: low when ``measure operator cutoff`` holds.

    Args:
        name: short name ("SMI").
        title: what is measured, in words.
        measure: attribute of :class:`BodyMeasures`.
        unit: unit of measure and cut-off.
        operator: "<" or "<=" as published.
        cutoff_male, cutoff_female: published cut-offs.
        author_year, population, source: where it comes from, in whom, with the DOI.
    """

    name: str
    title: str
    measure: str
    unit: str
    operator: str
    cutoff_male: float
    cutoff_female: float
    author_year: str
    population: str
    source: str
    doi: str

    @property
    def needs_sex(self) -> bool:
        """False where the cut-off is the same for both sexes."""
        return self.cutoff_male != self.cutoff_female

    @property
    def needs_height(self) -> bool:
        """True for indices divided by height²."""
        return self.measure in ("smi", "pmi")

    def cutoff(self, sex: str | None) -> float | None:
        """The cut-off for ``sex``; None where it differs by sex and sex is not known."""
        if not self.needs_sex or sex == "male":
            return self.cutoff_male
        return self.cutoff_female if sex == "female" else None


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "SMI",
        "Skeletal muscle index",
        "smi",
        "cm²/m²",
        "<=",
        50.0,
        39.0,
        "Carey 2017",
        "liver transplant candidates with cirrhosis, North America",
        "Carey EJ et al. Liver Transpl 2017;23(5):625-633. doi:10.1002/lt.24750",
        "10.1002/lt.24750",
    ),
    Definition(
        "PMA",
        "Psoas muscle area",
        "pma_cm2",
        "cm²",
        "<",
        15.61,
        14.64,
        "Golse 2017",
        "liver transplant recipients with cirrhosis, France",
        "Golse N et al. Liver Transpl 2017;23(2):143-154. doi:10.1002/lt.24671",
        "10.1002/lt.24671",
    ),
    Definition(
        "PMI",
        "Psoas muscle index",
        "pmi",
        "cm²/m²",
        "<",
        6.36,
        3.92,
        "Hamaguchi 2016",
        "healthy adult living liver donors, Japan, plain CT",
        "Hamaguchi Y et al. Nutrition 2016;32(11-12):1200-1205. doi:10.1016/j.nut.2016.04.003",
        "10.1016/j.nut.2016.04.003",
    ),
    Definition(
        "PD",
        "Psoas density",
        "pd_hu",
        "HU",
        "<",
        38.5,
        38.5,
        "Yoo 2017",
        "blunt trauma patients of 45 years and over, United States, enhanced CT",
        "Yoo T et al. Surgery 2017;162(2):377-384. doi:10.1016/j.surg.2017.03.014",
        "10.1016/j.surg.2017.03.014",
    ),
    Definition(
        "MA",
        "Muscle attenuation",
        "ma_hu",
        "HU",
        "<=",
        44.4,
        39.3,
        "Fujiwara 2015",
        "hepatocellular carcinoma, Japan",
        "Fujiwara N et al. J Hepatol 2015;63(1):131-140. doi:10.1016/j.jhep.2015.02.031",
        "10.1016/j.jhep.2015.02.031",
    ),
)


@dataclass(frozen=True)
class DefinitionResult:
    """One definition applied to one patient.

    Args:
        value: the measure, or None where it is not known.
        cutoff: the cut-off for this patient's sex, or None where sex is needed and not known.
        positive: True = low muscle by this definition; None = not known, because of ``reason``.
        reason: why there is no verdict; None where there is one.
    """

    name: str
    measure: str
    value: float | None
    unit: str
    cutoff: float | None
    operator: str
    positive: bool | None
    reason: str | None
    source: str

    def to_json(self) -> dict[str, object]:
        """The contract's object for one definition."""
        return dict(self.__dict__)


def measure_body(
    volume: Volume, segmentation: BodySegmentation, facts: PatientFacts
) -> BodyMeasures:
    """Areas and mean attenuations on the measured slice.

    A structure without a single pixel has neither area nor attenuation: None, not 0.

    Args:
        volume: canonical CT, HU.
        segmentation: masks that already hold only pixels of −29 to 150 HU.
        facts: the height divides the indices.
    """
    image = volume.voxels[segmentation.slice_index]
    muscle = segmentation.mask_at("muscle")
    left, right = segmentation.mask_at("psoas_left"), segmentation.mask_at("psoas_right")
    psoas = left | right
    # Half a pair of psoas muscles is not a psoas area.
    both = left.any() and right.any()
    return BodyMeasures(
        sma_cm2=_area(muscle, volume),
        pma_cm2=_area(psoas, volume) if both else None,
        pd_hu=_mean(image, psoas) if both else None,
        ma_hu=_mean(image, muscle),
        height_m=facts.height_m,
    )


def _area(mask: np.ndarray, volume: Volume) -> float | None:
    pixels = int(np.count_nonzero(mask))
    return pixels * volume.pixel_area_cm2 if pixels else None


def _mean(image: np.ndarray, mask: np.ndarray) -> float | None:
    return float(image[mask].mean(dtype=np.float64)) if mask.any() else None


def apply_definitions(measures: BodyMeasures, sex: str | None) -> tuple[DefinitionResult, ...]:
    """Apply the five definitions.

    Args:
        measures: what was measured; a None inside makes the definitions that need it not known.
        sex: "male", "female" or None.

    Raises:
        InputError: a measure is not a finite number, or an area or height is not positive.
    """
    _check_measures(measures)
    if sex not in ("male", "female", None):
        raise InputError(
            f"sex must be male or female, got {sex!r}",
            source="sex",
            remedy="leave it out if it is not known",
        )
    return tuple(_apply(definition, measures, sex) for definition in DEFINITIONS)


def _apply(definition: Definition, measures: BodyMeasures, sex: str | None) -> DefinitionResult:
    value: float | None = getattr(measures, definition.measure)
    cutoff = definition.cutoff(sex)
    reason = _missing(definition, measures, cutoff)
    positive = None
    if reason is None and value is not None and cutoff is not None:
        rounded = round(value, COMPARISON_DECIMALS)
        positive = rounded <= cutoff if definition.operator == "<=" else rounded < cutoff
    return DefinitionResult(
        name=definition.name,
        measure=definition.measure,
        value=value,
        unit=definition.unit,
        cutoff=cutoff,
        operator=definition.operator,
        positive=positive,
        reason=reason,
        source=definition.source,
    )


_MEASURE_WORDS = {
    "smi": ("sma_cm2", "the skeletal muscle area"),
    "pmi": ("pma_cm2", "the psoas muscle area"),
    "pma_cm2": ("pma_cm2", "the psoas muscle area"),
    "pd_hu": ("pd_hu", "the psoas density"),
    "ma_hu": ("ma_hu", "the muscle attenuation"),
}


def _missing(definition: Definition, measures: BodyMeasures, cutoff: float | None) -> str | None:
    attribute, words = _MEASURE_WORDS[definition.measure]
    missing = []
    if getattr(measures, attribute) is None:
        missing.append(f"{words} is not measured")
    if definition.needs_height and measures.height_m is None:
        missing.append("the height is missing")
    if cutoff is None:
        missing.append("the sex is missing")
    return f"not known, because {' and '.join(missing)}" if missing else None


def _check_measures(measures: BodyMeasures) -> None:
    for name, unit, positive in (
        ("sma_cm2", "cm²", True),
        ("pma_cm2", "cm²", True),
        ("height_m", "m", True),
        ("pd_hu", "HU", False),
        ("ma_hu", "HU", False),
    ):
        value = getattr(measures, name)
        if value is None:
            continue
        if not math.isfinite(value) or (positive and value <= 0):
            wanted = "a positive number" if positive else "a finite number"
            raise InputError(
                f"{value:g} {unit} is not {wanted}",
                source=name,
                remedy="leave it out if it is not known",
            )


def format_value(value: float, cutoff: float | None, decimals: int = 1) -> str:
    """Write ``value`` with as many decimals as it takes to stay on its side of ``cutoff``.

    A psoas area of 15.6098 cm² is below 15.61 and must not be shown as "15.61"; one of
    15.61 is not below it and must not be shown as "15.6".
    """
    exact = round(value, COMPARISON_DECIMALS)
    for digits in range(decimals, COMPARISON_DECIMALS):
        text = f"{exact:.{digits}f}"
        if cutoff is None or _side(float(text), cutoff) == _side(exact, cutoff):
            return text
    return f"{exact:.{COMPARISON_DECIMALS}f}"


def _side(value: float, cutoff: float) -> int:
    return int(value > cutoff) - int(value < cutoff)
