"""Clinical score CLN of survival under immunotherapy, and its fusion with the radiology score.

Xia et al., Insights into Imaging 2024. The paper and its authors' program (EstelleXIA/ProgHCC,
``predict.py``) part over the fusion's cut-off: the paper compares the weighted sum with 0.66, the
program the natural logarithm of the sum. Both readings are given; the paper's is the default.

CLN has no levels of its own, so that it is no stage or grade and stands outside the registry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from hccsurv_core.checks import LARGEST, checked_number
from hccsurv_core.features.clinical_scores.result import ScoreDefinition, labels_of
from hccsurv_core.features.clinical_scores.values import (
    ARGUMENTS,
    DIFFERENTIATION,
    given_text,
    known_choice,
    known_truth,
    missing_of,
)
from hccsurv_core.wording import agree

#: What each value is multiplied by: a point of differentiation, or a yes. Decimals, so that the
#: score is the formula's to the last digit.
COEFFICIENTS: dict[str, Decimal] = {
    "differentiation": Decimal("0.3747"),
    "nash": Decimal("0.1593"),
    "surgery": Decimal("-0.1801"),
    "pvtt": Decimal("0.6732"),
    "ebrt": Decimal("-0.8235"),
    "tace": Decimal("0.6482"),
    "rfa": Decimal("-0.4497"),
}
#: Weights of the radiology and the clinical score, as printed and as the authors' program has them.
PAPER_WEIGHTS = (9.8834, 0.5300)
CODE_WEIGHTS = (9.883337, 0.530013)
#: Above it a patient is at high risk.
HIGH_RISK = 0.66
#: Tables may write the differentiation as points.
_POINTS = {text: code for k, code in enumerate(DIFFERENTIATION) for text in (str(k), str(float(k)))}

CLN = ScoreDefinition(
    key="cln",
    title="CLN score",
    about="Risk of death under immunotherapy from histology and earlier treatment; higher is worse.",
    formula=(
        "0.3747 × differentiation (high 0, moderate 1, low 2, undifferentiated 3) + 0.1593 × NASH "
        "or NAFLD − 0.1801 × surgery + 0.6732 × portal vein tumor thrombus − 0.8235 × external beam "
        "radiotherapy + 0.6482 × TAE or TACE − 0.4497 × RFA or MWA (yes 1, no 0)"
    ),
    unit="",
    arguments=tuple(COEFFICIENTS),
    levels=(),
    decisions=(
        "Treatments are those before the baseline scan.",
        "A value that is not known makes the score not known; nothing is filled in.",
        "Published without levels: only its fusion with the radiology score has a cut-off.",
    ),
    source="Xia et al. Insights into Imaging 2024. doi:10.1186/s13244-024-01784-8",
    doi="10.1186/s13244-024-01784-8",
)
FUSION_FORMULA = (
    "RadCLN-D = 9.8834 × radiology score + 0.5300 × clinical score; high risk above 0.66"
)
PAPER_READING = (
    "The paper: the weighted sum itself, 9.8834 × radiology + 0.5300 × clinical, is compared with "
    "0.66. This reading is the default here."
)
CODE_READING = (
    "The authors' program: the natural logarithm of 9.883337 × radiology + 0.530013 × clinical is "
    "compared with 0.66, so that high risk begins at a sum of 1.935 and not of 0.66. A sum that is "
    "not positive has no logarithm."
)


@dataclass(frozen=True)
class ClnTerm:
    """One summand.

    Args:
        name: the argument. label: in words. given: the value in words, or "not known".
        value: what counts, 0 to 3 for differentiation, else 0 or 1; None where it is not known.
        coefficient: what it is multiplied by; above 0 worsens.
        product: what it adds; None where the value is not known.
    """

    name: str
    label: str
    given: str
    value: int | None
    coefficient: float
    product: float | None


@dataclass(frozen=True)
class ClnScore:
    """CLN of one patient.

    Args:
        value: the score, higher is worse; None where a value is not known.
        terms: the seven summands in the formula's order.
        missing: names of arguments that are not known.
    """

    value: float | None
    terms: tuple[ClnTerm, ...]
    missing: tuple[str, ...]

    @property
    def definition(self) -> ScoreDefinition:
        """Formula and source."""
        return CLN

    @property
    def reason(self) -> str | None:
        """Why the score is not known, in words; None where it is."""
        if not self.missing:
            return None
        verb = agree(len(self.missing), "is", "are")
        return f"not known, because {labels_of(self.missing)} {verb} missing"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "clinical_score": self.value,
            "terms": [term.__dict__.copy() for term in self.terms],
            "missing": list(self.missing),
            "reason": self.reason,
            "formula": CLN.formula,
            "source": CLN.source,
            "doi": CLN.doi,
        }


@dataclass(frozen=True)
class RadClnD:
    """Radiology and clinical score together, in both readings.

    Args:
        radiology_score: output of the model of both scans, higher is worse.
        clinical_score: CLN; None makes all that follow None.
        weighted_sum: by the paper's weights.
        weighted_sum_by_code: by those of the authors' program, which have more digits.
        log_of_it: natural logarithm of the latter; None where it is not positive.
        high_risk_by_paper: ``weighted_sum`` is above 0.66.
        high_risk_by_code: ``log_of_it`` is above 0.66; None where there is no logarithm.
    """

    radiology_score: float
    clinical_score: float | None
    weighted_sum: float | None
    weighted_sum_by_code: float | None
    log_of_it: float | None
    high_risk_by_paper: bool | None
    high_risk_by_code: bool | None

    @property
    def high_risk(self) -> bool | None:
        """By the default reading, the paper's."""
        return self.high_risk_by_paper

    @property
    def reason(self) -> str | None:
        """Why a reading has no answer, in words; None where both have one."""
        if self.weighted_sum is None:
            return "not known, because the clinical score is not known"
        if self.log_of_it is None:
            return "the weighted sum is not positive and has no logarithm: the program's reading has no answer"
        return None

    def to_json(self) -> dict[str, object]:
        """Plain values, and in words which reading is which."""
        return self.__dict__ | {
            "high_risk": self.high_risk,
            "default_reading": "paper",
            "cutoff": HIGH_RISK,
            "readings": {"paper": PAPER_READING, "code": CODE_READING},
            "reason": self.reason,
            "formula": FUSION_FORMULA,
            "source": CLN.source,
            "doi": CLN.doi,
        }


def cln(
    *,
    differentiation: str | float | None = None,
    nash: bool | None = None,
    surgery: bool | None = None,
    pvtt: bool | None = None,
    ebrt: bool | None = None,
    tace: bool | None = None,
    rfa: bool | None = None,
) -> ClnScore:
    """Clinical score CLN; higher is worse.

    Args:
        differentiation: "high", "moderate", "low" or "undifferentiated", or as points 0 to 3.
        nash: non-alcoholic steatohepatitis or fatty liver disease.
        surgery: resection of the tumor before.
        pvtt: tumor thrombus in the portal vein, partial or complete.
        ebrt: external beam radiotherapy before.
        tace: transarterial embolization, with or without chemotherapy, before.
        rfa: radiofrequency or microwave ablation before. None is not known.

    Raises:
        InputError: a value is not possible.
    """
    code = known_choice("differentiation", differentiation, _POINTS)
    flags = {"nash": nash, "surgery": surgery, "pvtt": pvtt, "ebrt": ebrt, "tace": tace, "rfa": rfa}
    known: dict[str, str | bool | None] = {"differentiation": code}
    known |= {name: known_truth(name, flag) for name, flag in flags.items()}
    missing = missing_of(**known)
    counts = {name: _count(value) for name, value in known.items()}
    terms = tuple(_term(name, known[name], counts[name]) for name in COEFFICIENTS)
    if missing:
        return ClnScore(None, terms, missing)
    total = sum((COEFFICIENTS[name] * (counts[name] or 0) for name in COEFFICIENTS), Decimal(0))
    return ClnScore(_as_float(total), terms, ())


def rad_cln_d(radiology_score: float, clinical_score: float | None) -> RadClnD:
    """The published fusion RadCLN-D, by the paper and by the authors' program.

    Args:
        radiology_score: of a model of both scans (Rad-D), higher is worse.
        clinical_score: CLN; None is not known.

    Raises:
        InputError: a score is not a finite number.
    """
    radiology = checked_number(radiology_score, "radiology score", low=-LARGEST, high=LARGEST)
    if clinical_score is None:
        return RadClnD(radiology, None, None, None, None, None, None)
    clinical = checked_number(clinical_score, "clinical score", low=-LARGEST, high=LARGEST)
    by_paper, by_code = (a * radiology + b * clinical for a, b in (PAPER_WEIGHTS, CODE_WEIGHTS))
    log = math.log(by_code) if by_code > 0 else None
    return RadClnD(
        radiology_score=radiology,
        clinical_score=clinical,
        weighted_sum=by_paper,
        weighted_sum_by_code=by_code,
        log_of_it=log,
        high_risk_by_paper=by_paper > HIGH_RISK,
        high_risk_by_code=None if log is None else log > HIGH_RISK,
    )


def _count(value: str | bool | None) -> int | None:
    if isinstance(value, str):
        return tuple(DIFFERENTIATION).index(value)
    return None if value is None else int(value)


def _term(name: str, value: str | bool | None, count: int | None) -> ClnTerm:
    factor = COEFFICIENTS[name]
    return ClnTerm(
        name,
        ARGUMENTS[name].label,
        given_text(name, value),
        count,
        float(factor),
        None if count is None else _as_float(factor * count),
    )


def _as_float(exact: Decimal) -> float:
    return float(exact) + 0.0  # −0 becomes 0
