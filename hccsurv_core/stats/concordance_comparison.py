"""Concordance of many scores of the same patients, each difference on the same resamples.

Every score is resampled once for each set of patients it is needed on, so that comparing a model
with a dozen rivals costs a dozen bootstraps and not two dozen. Patients without one of two scores
are left out of their comparison, and of that alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.concordance import concordance_draws
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.resampling import bootstrap_p, describe, percentile_bounds


@dataclass(frozen=True)
class ConcordanceAnswer:
    """C of one score, or the difference of two, or why there is none.

    Args:
        estimate: with its percentile interval; None where there is no answer.
        p: two-sided, of "no difference"; NaN for a single score and for a share.
        reason: why there is no answer, else empty.
        n, n_events: patients with the score (with both scores), and their events.
    """

    estimate: Estimate | None
    p: float
    reason: str
    n: int
    n_events: int


@dataclass(frozen=True)
class ConcordanceComparison:
    """Answers by score, by pair (first minus second), and by pair (first's share of second's)."""

    scores: dict[str, ConcordanceAnswer]
    differences: dict[tuple[str, str], ConcordanceAnswer]
    margins: dict[tuple[str, str], ConcordanceAnswer]


def compare_concordances(
    outcome: SurvivalOutcome,
    scores: Mapping[str, ArrayLike],
    pairs: Sequence[tuple[str, str]] = (),
    *,
    margins: Sequence[tuple[str, str]] = (),
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    device: str = "cpu",
    progress: Progress = silent,
) -> ConcordanceComparison:
    """Harrell's C of every score and the paired difference of the pairs asked for.

    Args:
        outcome: of n patients.
        scores: by name, (n,) risk scores, higher is worse; NaN where a patient has none.
        pairs: names (a, b): C of a minus C of b among patients who have both.
        margins: names (a, b): (C of a − 0.5) / (C of b − 0.5), the share of b's skill that a has.
        n_resamples, seed, level: of the percentile bootstrap.
        device: "cpu", "cuda" or "auto"; the answer is the same.

    Raises:
        InputError: a score has another length, or a pair names no score.
    """
    known = _known(scores, len(outcome))
    for a, b in (*pairs, *margins):
        if a not in known or b not in known:
            raise InputError(f"no score is called {a if a not in known else b!r}", source="pairs")
    draws = _Draws(outcome, scores, n_resamples, seed, device)
    jobs: list[tuple[str, ...]] = [*((name,) for name in known), *pairs, *margins]
    answers = []
    for i, names in enumerate(jobs):
        progress(i / len(jobs), f"concordance of {' and '.join(names)}")
        rows = np.logical_and.reduce([known[name] for name in names])
        share = i >= len(known) + len(pairs)
        answers.append(draws.answer(names, rows, level, share=share))
    singles, after = len(known), len(known) + len(pairs)
    return ConcordanceComparison(
        dict(zip(known, answers[:singles], strict=True)),
        dict(zip(map(_pair, pairs), answers[singles:after], strict=True)),
        dict(zip(map(_pair, margins), answers[after:], strict=True)),
    )


def _pair(names: tuple[str, str]) -> tuple[str, str]:
    return names[0], names[1]


def _known(scores: Mapping[str, ArrayLike], n: int) -> dict[str, np.ndarray]:
    known = {}
    for name, score in scores.items():
        values = np.asarray(score, dtype=np.float64)
        if values.shape != (n,):
            raise InputError(f"{n} patients but scores of shape {values.shape}", source=name)
        known[name] = np.isfinite(values)
    return known


class _Draws:
    """Bootstrap draws, kept by score and by the patients they were made of."""

    def __init__(
        self,
        outcome: SurvivalOutcome,
        scores: Mapping[str, ArrayLike],
        n_resamples: int,
        seed: int,
        device: str,
    ) -> None:
        self.outcome, self.scores = outcome, scores
        self.n_resamples, self.seed, self.device = n_resamples, seed, device
        self.kept: dict[tuple[str, bytes], tuple[float, np.ndarray]] = {}

    def answer(
        self, names: tuple[str, ...], rows: np.ndarray, level: float, *, share: bool
    ) -> ConcordanceAnswer:
        """C of one name, or two names' difference or ``share`` of margin, among ``rows``."""
        n, n_events = int(rows.sum()), int(self.outcome.event[rows].sum())
        try:
            found = [self._of(name, rows) for name in names]
            value, draws = found[0]
            if share:
                value, draws = _share(value, found[1][0]), _share(draws, found[1][1])
            elif len(found) == 2:
                value, draws = value - found[1][0], draws - found[1][1]
            low, high = percentile_bounds(draws, level)
        except StatisticsError as error:
            return ConcordanceAnswer(None, float("nan"), error.what, n, n_events)
        words = "percentile" if len(found) == 1 else "paired percentile"
        method = describe(words, draws, self.seed)
        p = bootstrap_p(draws) if len(found) == 2 and not share else float("nan")
        return ConcordanceAnswer(
            Estimate(float(value), low, high, level, method, n, n_events), p, "", n, n_events
        )

    def _of(self, name: str, rows: np.ndarray) -> tuple[float, np.ndarray]:
        key = (name, np.packbits(rows).tobytes())
        if key not in self.kept:
            if rows.sum() < 2:
                raise StatisticsError(
                    f"{int(rows.sum())} patients have the score", source="concordance",
                    remedy="at least 2 are needed",
                )  # fmt: skip
            score = np.asarray(self.scores[name], dtype=np.float64)[rows]
            self.kept[key] = concordance_draws(
                self.outcome.subset(rows), score,
                n_resamples=self.n_resamples, seed=self.seed, device=self.device,
            )  # fmt: skip
        return self.kept[key]


def _share(value, other):
    """(value − 0.5) / (other − 0.5); NaN where the other ranks no better than chance."""
    margin = np.asarray(other) - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(margin > 0, (np.asarray(value) - 0.5) / margin, np.nan)
