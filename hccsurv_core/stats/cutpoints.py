"""Cut-points of a marker: the median, a published value, or the best of all by log-rank.

A cut-point is learned on the training part and applied as it is to every other part: it is a
small object with :meth:`Cutpoint.apply`, that knows where it comes from. A searched cut-point
always brings a p-value corrected for the search; the uncorrected one is there to show how much
the search flatters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats import cutpoint_pvalue
from hccsurv_core.stats.cutpoint_scan import (
    RiskSets,
    Splits,
    checked_marker,
    find_splits,
    hothorn_lausen_scores,
    logrank_scan,
    permuted_logrank_maxima,
    risk_sets,
)

#: Fewer events than this cannot carry a search (our choice: at ten, a group of a tenth of the
#: patients already expects one event).
MIN_EVENTS = 10

#: Statistic -> (its name in words, corrections that are made for it).
_STATISTICS = {
    "logrank": ("log-rank chi-square", ("lausen", "lausen92", "lausen94", "gauss", "permutation")),
    "scores": (
        "standardized log-rank score statistic M",
        ("lausen", "lausen92", "lausen94", "gauss", "hothorn_lausen", "permutation"),
    ),
}


@dataclass(frozen=True)
class Cutpoint:
    """A rule that parts patients into low and high.

    Args:
        value: the cut-point, in the marker's unit.
        origin: where it comes from: "median (training)", "published: …", "searched (training)".
        inclusive: whether the value itself is high (">=") or low (">").
    """

    value: float
    origin: str
    inclusive: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError("a cut-point must be a finite number", source="cutpoint")

    @property
    def rule(self) -> str:
        """Who is high, for example "> 3.5"."""
        return f"{'>=' if self.inclusive else '>'} {self.value:.10g}"

    def apply(self, marker: ArrayLike) -> np.ndarray:
        """(n,) True for patients in the high group.

        Raises:
            InputError: a value is missing, so that its patient is in neither group.
        """
        values = checked_marker(marker, np.size(marker))
        return values >= self.value if self.inclusive else values > self.value

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"value": self.value, "rule": self.rule, "origin": self.origin}


@dataclass(frozen=True, eq=False)
class OptimalCutpoint:
    """The best cut-point of a search, and what the search did.

    Args:
        cutpoint: the rule, learned here.
        high_is_worse: whether the high group has more events than expected.
        statistic: the largest statistic; ``statistic_name`` says which it is.
        p_uncorrected: p-value as if the cut had been fixed beforehand. Do not report it alone.
        p_corrected: p-value of the largest of all tried statistics; ``p_method`` says how.
        scan_cutpoints, scan_statistics: (k,) every cut tried and its statistic, for plotting.
        n_low, n_high, events_low, events_high: the two groups.
        min_share: smallest share of the patients that a group may have.
    """

    cutpoint: Cutpoint
    high_is_worse: bool
    statistic: float
    statistic_name: str
    p_uncorrected: float
    p_corrected: float
    p_method: str
    scan_cutpoints: np.ndarray
    scan_statistics: np.ndarray
    n_low: int
    n_high: int
    events_low: int
    events_high: int
    min_share: float

    @property
    def n_cuts(self) -> int:
        """How many cut-points were tried."""
        return self.scan_cutpoints.size

    @property
    def direction(self) -> str:
        """Who does worse, in words."""
        return f"{'high' if self.high_is_worse else 'low'} values, worse outcome"

    def to_json(self) -> dict[str, object]:
        """Plain values, the scan included."""
        return {
            "cutpoint": self.cutpoint.to_json(),
            "direction": self.direction,
            "statistic": self.statistic,
            "statistic_name": self.statistic_name,
            "p_uncorrected": self.p_uncorrected,
            "p_corrected": self.p_corrected,
            "p_method": self.p_method,
            "groups": {
                "low": {"n": self.n_low, "events": self.events_low},
                "high": {"n": self.n_high, "events": self.events_high},
            },
            "n_cuts": self.n_cuts,
            "min_share": self.min_share,
            "scan": {
                "cutpoints": self.scan_cutpoints.tolist(),
                "statistics": self.scan_statistics.tolist(),
            },
        }


def median_cutpoint(marker: ArrayLike) -> Cutpoint:
    """High is above the training part's median.

    Args:
        marker: (n,) the training part's values.

    Raises:
        InputError: a value is missing.
        StatisticsError: nobody is above the median (more than half share the largest value).
    """
    values = checked_marker(marker, np.size(marker))
    if values.size == 0:
        raise InputError("there are no values", source="marker")
    median = float(np.median(values))
    if not (values > median).any():
        raise StatisticsError(
            f"nobody is above the median of {median:g}",
            source="marker",
            remedy="use another cut-point",
        )
    return Cutpoint(median, "median (training)")


def published_cutpoint(value: float, source: str, *, inclusive: bool = False) -> Cutpoint:
    """A cut-point from a paper.

    Args:
        value: as published.
        source: the paper.
        inclusive: whether the paper counts the value itself as high.
    """
    return Cutpoint(float(value), f"published: {source}", inclusive)


def optimal_cutpoint(
    marker: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    min_share: float = 0.1,
    statistic: str = "logrank",
    p_method: str = "lausen",
    n_permutations: int = 2000,
    seed: int = 0,
    min_events: int = MIN_EVENTS,
) -> OptimalCutpoint:
    """The cut-point with the largest log-rank statistic, over every distinct value.

    With ``statistic="logrank"`` this is the search of X-tile (Camp, Dolled-Filhart & Rimm,
    Clinical Cancer Research 2004): the log-rank chi-square with its hypergeometric variance. With
    ``"scores"`` it is the maximally selected log-rank score statistic with the permutation
    variance, as in R's maxstat. The two rarely differ by much; the p-value is always that of the
    statistic that was maximized.

    Args:
        marker: (n,) finite values, the training part's.
        outcome: what happened to these patients.
        min_share: smallest share of the patients in a group; see
            :func:`~hccsurv_core.stats.cutpoint_scan.find_splits`.
        p_method: "lausen92", "lausen94", "lausen" (the smaller of the two, both being upper
            bounds in the Gaussian limit), "gauss", "permutation", or (for "scores" only)
            "hothorn_lausen", which rounds the scores to integers as maxstat does. See
            :mod:`~hccsurv_core.stats.cutpoint_pvalue`.
        n_permutations, seed: for "permutation".
        min_events: fewer events are refused.

    Raises:
        InputError: a value is missing, or an argument is unknown.
        StatisticsError: the marker is constant, there are too few events, or no cut leaves
            enough patients on both sides.
    """
    corrections = _checked_method(statistic, p_method)
    values = checked_marker(marker, len(outcome))
    check_events(outcome, min_events)
    splits = find_splits(values, min_share)
    if statistic == "logrank":
        scores = None
        standardized = scan_splits(outcome, splits)
    else:
        scores = hothorn_lausen_scores(outcome)
        if p_method == "hothorn_lausen":
            scores = cutpoint_pvalue.integer_scores(scores)
        mean, deviation = cutpoint_pvalue.score_moments(scores, splits.n_low)
        standardized = (np.cumsum(scores[splits.order])[splits.n_low - 1] - mean) / deviation
    best = int(np.argmax(np.abs(standardized)))
    largest = float(abs(standardized[best]))
    corrected, words = _corrected(
        corrections, largest, splits, outcome, scores, min_share, n_permutations, seed
    )
    high = values > splits.cutpoints[best]
    squared = statistic == "logrank"
    return OptimalCutpoint(
        cutpoint=Cutpoint(float(splits.cutpoints[best]), "searched (training)"),
        high_is_worse=bool(standardized[best] < 0),
        statistic=largest**2 if squared else largest,
        statistic_name=_STATISTICS[statistic][0],
        p_uncorrected=math.erfc(largest / math.sqrt(2)),
        p_corrected=corrected,
        p_method=words,
        scan_cutpoints=splits.cutpoints,
        scan_statistics=standardized**2 if squared else np.abs(standardized),
        n_low=int((~high).sum()),
        n_high=int(high.sum()),
        events_low=int(outcome.event[~high].sum()),
        events_high=int(outcome.event[high].sum()),
        min_share=min_share,
    )


def scan_splits(outcome: SurvivalOutcome, splits: Splits) -> np.ndarray:
    """(k,) log-rank z of every cut: negative where the high group is worse."""
    numbers = risk_sets(outcome)
    order = splits.order
    z, _ = logrank_scan(
        RiskSets(numbers.score[order], numbers.first[order], numbers.second[order]), splits.n_low
    )
    return z


def check_events(outcome: SurvivalOutcome, min_events: int) -> None:
    """Refuse a search that too few events would decide.

    Raises:
        StatisticsError: fewer than ``min_events``.
    """
    if outcome.n_events < min_events:
        raise StatisticsError(
            f"{outcome.n_events} events are too few to search a cut-point (at least {min_events})",
            source="outcome",
            remedy="use the median or a published cut-point",
        )


def _checked_method(statistic: str, p_method: str) -> tuple[str, ...]:
    if statistic not in _STATISTICS:
        raise InputError(
            f"unknown statistic {statistic!r}", source="statistic", remedy="logrank or scores"
        )
    known = _STATISTICS[statistic][1]
    if p_method not in known:
        raise InputError(
            f"{p_method!r} is no correction for the statistic {statistic!r}",
            source="p_method",
            remedy=f"one of {', '.join(known)}",
        )
    return ("lausen92", "lausen94") if p_method == "lausen" else (p_method,)


def _corrected(
    methods: tuple[str, ...],
    largest: float,
    splits: Splits,
    outcome: SurvivalOutcome,
    scores: np.ndarray | None,
    min_share: float,
    n_permutations: int,
    seed: int,
) -> tuple[float, str]:
    """The smallest corrected p-value of ``methods``, and its method in words."""
    n = len(outcome)
    answers = []
    for method in methods:
        if method == "lausen92" and (min_share > 0 or len(methods) == 1):
            p = cutpoint_pvalue.lausen92(largest, min_share)
            answers.append((p, "Lausen & Schumacher 1992"))
        elif method == "lausen94":
            p = cutpoint_pvalue.lausen94(largest, n, splits.n_low)
            answers.append((p, "improved Bonferroni inequality, Lausen et al. 1994"))
        elif method == "gauss":
            p = cutpoint_pvalue.gauss(largest, n, splits.n_low)
            answers.append((p, "Gaussian limit at the cuts tried"))
        elif method == "hothorn_lausen" and scores is not None:
            p = cutpoint_pvalue.hothorn_lausen(largest, scores, splits.n_low)
            answers.append((p, "exact bound, Hothorn & Lausen 2003"))
        elif method == "permutation":
            rng = np.random.default_rng(seed)
            if scores is None:
                numbers = risk_sets(outcome)
                maxima = permuted_logrank_maxima(numbers, splits.n_low, n_permutations, rng)
            else:
                maxima = cutpoint_pvalue.permuted_score_maxima(
                    scores, splits.n_low, n_permutations, rng
                )
            p = cutpoint_pvalue.permutation_p(largest, maxima)
            answers.append((p, f"{n_permutations} permutations"))
    return min(answers)
