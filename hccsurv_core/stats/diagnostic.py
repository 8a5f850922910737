"""How well a yes-or-no test tells patients with and without the event apart.

Sensitivity, specificity, predictive values and accuracy with exact or score intervals,
likelihood ratios and the diagnostic odds ratio, and the comparison of two tests done on the same
patients. Predictive values hold for the share of patients with the event in this sample only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.proportions import proportion


@dataclass(frozen=True)
class ConfusionTable:
    """Counts of a test's answers: true and false positives and negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    def __post_init__(self) -> None:
        if min(self.tp, self.fp, self.fn, self.tn) < 0:
            raise InputError("counts cannot be negative", source="confusion table")

    @property
    def n(self) -> int:
        """All patients."""
        return self.tp + self.fp + self.fn + self.tn

    def to_json(self) -> dict[str, int]:
        """Plain values."""
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, "tn": self.tn}


@dataclass(frozen=True)
class DiagnosticAccuracy:
    """Everything a reader asks of a yes-or-no test; NaN where nobody is there to count.

    Args:
        table: the four counts.
        sensitivity, specificity, ppv, npv, accuracy, prevalence: 0 to 1.
        positive_likelihood_ratio, negative_likelihood_ratio: how much an answer multiplies the
            odds of the event. diagnostic_odds_ratio: their ratio.
        youden: sensitivity + specificity − 1.
        f1: harmonic mean of sensitivity and positive predictive value.
    """

    table: ConfusionTable
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate
    prevalence: Estimate
    positive_likelihood_ratio: Estimate
    negative_likelihood_ratio: Estimate
    diagnostic_odds_ratio: Estimate
    youden: float
    f1: float

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        answer: dict[str, object] = {}
        for name, value in self.__dict__.items():
            if isinstance(value, float):
                answer[name] = plain_number(value)
            else:
                answer[name] = value.to_json()
        return answer


@dataclass(frozen=True)
class PairedComparison:
    """Two tests on the same patients.

    Args:
        first, second: share of these patients that each test gets right.
        difference: first − second with its interval.
        only_first, only_second: patients that only one of the tests gets right.
        p: McNemar's test. p_method: which form of it.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    only_first: int
    only_second: int
    p: float
    p_method: str

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "first": self.first.to_json(),
            "second": self.second.to_json(),
            "difference": self.difference.to_json(),
            "only_first": self.only_first,
            "only_second": self.only_second,
            "p": self.p,
            "p_method": self.p_method,
        }


def confusion_table(positive: ArrayLike, event: ArrayLike) -> ConfusionTable:
    """Count a test's answers.

    Args:
        positive: (n,) whether the test is positive (True or 1).
        event: (n,) whether the patient has what the test is for.

    Raises:
        InputError: unequal lengths, nobody is in it, or a value is neither true nor false.
    """
    test, truth = _checked_answers(positive, "positive"), _checked_answers(event, "event")
    if test.size != truth.size:
        raise InputError(f"{test.size} answers but {truth.size} patients", source="positive")
    return ConfusionTable(
        int((test & truth).sum()),
        int((test & ~truth).sum()),
        int((~test & truth).sum()),
        int((~test & ~truth).sum()),
    )


def diagnostic_accuracy(
    table: ConfusionTable, *, interval: str = "clopper-pearson", level: float = 0.95
) -> DiagnosticAccuracy:
    """Measures of accuracy with intervals.

    Likelihood ratios have the logarithmic intervals of Simel, Samsa & Matchar (Journal of
    Clinical Epidemiology 1991), the odds ratio Woolf's. Where a count they divide by is 0,
    one half is added to all four (Haldane, Anscombe) and the method says so.

    Args:
        interval: "clopper-pearson" (exact) or "wilson", for the proportions.

    Raises:
        InputError: an unknown interval. StatisticsError: nobody is in the table.
    """
    if table.n == 0:
        raise StatisticsError("there are no patients", source="confusion table")

    def share(of: int, out_of: int) -> Estimate:
        return proportion(of, out_of, method=interval, level=level)

    tp, fp, fn, tn = table.tp, table.fp, table.fn, table.tn
    sensitivity, specificity = share(tp, tp + fn), share(tn, tn + fp)
    half = 0.5 if min(tp, fp, fn, tn) == 0 else 0.0
    a, b, c, d = tp + half, fp + half, fn + half, tn + half
    both = tp + fn > 0 and fp + tn > 0

    def ratio(value: float, variance: float, method: str) -> Estimate:
        return _ratio(value, variance, method, table.n, half, both, level)

    return DiagnosticAccuracy(
        table=table,
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=share(tp, tp + fp),
        npv=share(tn, tn + fn),
        accuracy=share(tp + tn, table.n),
        prevalence=share(tp + fn, table.n),
        positive_likelihood_ratio=ratio(
            (a / (a + c)) / (b / (b + d)), 1 / a - 1 / (a + c) + 1 / b - 1 / (b + d), "Simel 1991"
        ),
        negative_likelihood_ratio=ratio(
            (c / (a + c)) / (d / (b + d)), 1 / c - 1 / (a + c) + 1 / d - 1 / (b + d), "Simel 1991"
        ),
        diagnostic_odds_ratio=ratio(a * d / (b * c), 1 / a + 1 / b + 1 / c + 1 / d, "Woolf"),
        youden=sensitivity.value + specificity.value - 1.0,
        f1=2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan,
    )


def mcnemar_p(only_first: int, only_second: int, *, exact: bool = True) -> float:
    """p-value of McNemar's test from the two discordant counts.

    Args:
        only_first, only_second: patients on whom the two tests differ, by direction.
        exact: the two-sided binomial test; False for the chi-square without continuity
            correction (McNemar, Psychometrika 1947). Without discordant patients p is 1.

    Raises:
        InputError: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise InputError("counts cannot be negative", source="discordant pairs")
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    if exact:
        from scipy.stats import binom

        return min(1.0, 2.0 * float(binom.cdf(min(only_first, only_second), discordant, 0.5)))
    chi_square = (only_first - only_second) ** 2 / discordant
    return math.erfc(math.sqrt(chi_square / 2))


def compare_sensitivities(
    first: ArrayLike,
    second: ArrayLike,
    event: ArrayLike,
    *,
    exact: bool = True,
    level: float = 0.95,
) -> PairedComparison:
    """Sensitivities of two tests on the same patients: those with the event.

    Args:
        first, second: (n,) whether each test is positive. event: (n,) who has the event.

    Raises:
        InputError: unequal lengths or values that are neither true nor false.
        StatisticsError: nobody has the event.
    """
    a, b, truth = _three(first, second, event)
    return _compare_paired(a[truth], b[truth], "with", exact, level)


def compare_specificities(
    first: ArrayLike,
    second: ArrayLike,
    event: ArrayLike,
    *,
    exact: bool = True,
    level: float = 0.95,
) -> PairedComparison:
    """Specificities of two tests on the same patients: those without the event.

    Args and raises as for :func:`compare_sensitivities`.
    """
    a, b, truth = _three(first, second, event)
    return _compare_paired(~a[~truth], ~b[~truth], "without", exact, level)


def paired_difference(
    both: int, only_first: int, only_second: int, neither: int, *, level: float = 0.95
) -> Estimate:
    """Difference of two proportions in the same patients, with Newcombe's score interval.

    Method 10 of Newcombe (Statistics in Medicine 1998, paired proportions): Wilson intervals of
    the two proportions, combined with their correlation.

    Args:
        both, only_first, only_second, neither: patients by what the two tests got right.
    """
    n = both + only_first + only_second + neither
    first = proportion(both + only_first, n, method="wilson", level=level)
    second = proportion(both + only_second, n, method="wilson", level=level)
    difference = first.value - second.value
    margins = (both + only_first) * (only_second + neither) * (both + only_second)
    margins *= only_first + neither
    cross = float(both * neither - only_first * only_second)
    if cross > 0:
        # Without the half the correlation of a few pairs would be too certain.
        cross = max(cross - n / 2, 0.0)
    correlation = cross / math.sqrt(margins) if margins else 0.0
    low_1, high_1 = first.value - first.ci_low, first.ci_high - first.value
    low_2, high_2 = second.value - second.ci_low, second.ci_high - second.value
    down = low_1**2 - 2 * correlation * low_1 * high_2 + high_2**2
    up = high_1**2 - 2 * correlation * high_1 * low_2 + low_2**2
    return Estimate(
        difference,
        difference - math.sqrt(max(0.0, down)),
        difference + math.sqrt(max(0.0, up)),
        level,
        "paired score interval, Newcombe 1998",
        n,
    )


def _compare_paired(
    first: np.ndarray, second: np.ndarray, which: str, exact: bool, level: float
) -> PairedComparison:
    n = first.size
    if n == 0:
        raise StatisticsError(f"nobody is {which} the event", source="event")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    both = int((first & second).sum())
    return PairedComparison(
        proportion(int(first.sum()), n, method="wilson", level=level),
        proportion(int(second.sum()), n, method="wilson", level=level),
        paired_difference(
            both, only_first, only_second, n - both - only_first - only_second, level=level
        ),
        only_first,
        only_second,
        mcnemar_p(only_first, only_second, exact=exact),
        "McNemar, exact" if exact else "McNemar, chi-square",
    )


def _ratio(
    value: float, variance: float, method: str, n: int, half: float, known: bool, level: float
) -> Estimate:
    """A ratio with an interval that is symmetric on the logarithmic scale."""
    if not known:
        return Estimate(math.nan, level=level, method="one of the two groups is empty", n=n)
    if half:
        method += ", one half added to every count"
    reach = math.exp(normal_quantile(level) * math.sqrt(variance))
    return Estimate(value, value / reach, value * reach, level, method, n)


def _checked_answers(values: ArrayLike, source: str) -> np.ndarray:
    answers = np.asarray(values)
    if answers.ndim != 1 or answers.size == 0:
        raise InputError(f"a list of answers is needed, got shape {answers.shape}", source=source)
    if answers.dtype != bool:
        if answers.dtype.kind not in "iuf" or not np.isin(answers, (0, 1)).all():
            raise InputError("answers must be true or false (1 or 0)", source=source)
        answers = answers.astype(bool)
    return answers


def _three(
    first: ArrayLike, second: ArrayLike, event: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = _checked_answers(first, "first"), _checked_answers(second, "second")
    truth = _checked_answers(event, "event")
    if not a.size == b.size == truth.size:
        raise InputError(
            f"{a.size} and {b.size} answers but {truth.size} patients", source="answers"
        )
    return a, b, truth
