"""Where predicted recurrence and predicted risk of death turn from low to high.

Huang et al. (World J Gastrointest Oncol 2022;14(12):2380-2392) dichotomize both predictions; for
survival the threshold was found with X-tile (Camp, Dolled-Filhart & Rimm, Clin Cancer Res
2004;10:7252-7259) and is 0.52 on their score's scale. A threshold belongs to its score: 0.52 is
offered for scores of the published model alone, and ours are learned from training patients, best
from predictions by models that did not see the patient (cross-fitted): predictions of the patients
that a model was fitted on lie further apart than those of anybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.cutpoints import (
    Cutpoint,
    OptimalCutpoint,
    median_cutpoint,
    optimal_cutpoint,
    published_cutpoint,
)
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.stats.roc import youden_threshold

RECURRENCE_RULES = {
    "median": "the median of the training patients",
    "youden": "the largest sensitivity + specificity − 1 in the training patients",
}
SURVIVAL_RULES = {
    "x-tile": "the largest log-rank statistic of all cuts in the training patients",
    "median": "the median of the training patients",
    "published": "the paper's threshold, for the paper's own score alone",
}
#: Of the published score, on its own scale.
PUBLISHED_SURVIVAL_CUTOFF = 0.52
PAPER = "Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392"
#: What a score must say of itself to be compared with the published threshold.
PUBLISHED_SCALE = "score of Huang et al. 2022"
_SOURCE = "cut-offs"


@dataclass(frozen=True)
class CutoffSettings:
    """How cut-offs are found.

    Args:
        recurrence: of :data:`RECURRENCE_RULES`. The median is the default because Youden's
            threshold hardly repeats where prediction is weak: of a normal score with an area
            under the curve of 0.65, learned from 289 patients of whom 35 % recur early, nine in
            ten lie between the 30th and the 74th percentile, medians between the 45th and the 55th.
        survival: of :data:`SURVIVAL_RULES`. X-tile is the paper's. It puts the cut where deaths
            are, not in the middle: with C = 0.72 and 119 deaths of 289, nine in ten lie between
            the 49th and the 81st percentile.
        min_share: smallest share of the patients on either side of a searched cut; ours: with
            less, a class of the four would have nobody in it to learn from.

    Raises:
        InputError: an unknown rule, or a share that leaves no cut.
    """

    recurrence: str = "median"
    survival: str = "x-tile"
    min_share: float = 0.2

    def __post_init__(self) -> None:
        for value, known in (
            (self.recurrence, RECURRENCE_RULES),
            (self.survival, SURVIVAL_RULES),
        ):
            if value not in known:
                raise InputError(
                    f"no rule is called {value!r}", source=_SOURCE,
                    remedy=f"use {', '.join(known)}",
                )  # fmt: skip
        if not 0 <= self.min_share < 0.5:
            raise InputError("the smallest share is 0 or more and below a half", source=_SOURCE)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class LearnedCutoff:
    """A cut-off and how it was found.

    Args:
        cutpoint: the rule.
        rule: by which it was found, which need not be the one that was asked for.
        words: how it was found and what came out, for a card.
        p_corrected: of a searched cut, that the best of all cuts is this good by chance; None
            where nothing was searched.
        search: what the search did; None likewise, and where it comes from a bundle.
    """

    cutpoint: Cutpoint
    rule: str
    words: str
    p_corrected: float | None = None
    search: OptimalCutpoint | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "value": self.cutpoint.value,
            "inclusive": self.cutpoint.inclusive,
            "origin": self.cutpoint.origin,
            "rule": self.rule,
            "words": self.words,
            "p_corrected": self.p_corrected,
        }


def cutoff_from_json(found: Mapping[str, Any]) -> LearnedCutoff:
    """What :meth:`LearnedCutoff.to_json` gave, without the search.

    Raises:
        InputError: it is not such a thing.
    """
    try:
        p = found["p_corrected"]
        cutpoint = Cutpoint(
            float(found["value"]), str(found["origin"]), inclusive=bool(found["inclusive"])
        )
        return LearnedCutoff(
            cutpoint, str(found["rule"]), str(found["words"]), None if p is None else float(p)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"describes no cut-off ({error!r})", source=_SOURCE) from error


def recurrence_cutoff(
    probability: ArrayLike, early: ArrayLike, settings: CutoffSettings | None = None
) -> LearnedCutoff:
    """From which predicted probability on early recurrence counts as likely.

    Args:
        probability: (n,) predicted for training patients.
        early: (n,) whether they recurred early, known of all. Only "youden" looks at it.

    Raises:
        InputError: shapes differ or a value is missing.
        StatisticsError: nobody lies above the median, or ("youden") only one outcome occurs.
    """
    settings = settings or CutoffSettings()
    if settings.recurrence == "median":
        cut = median_cutpoint(probability)
        return LearnedCutoff(cut, "median", f"{RECURRENCE_RULES['median']}: {_above(cut)}")
    best = youden_threshold(early, probability)
    cut = Cutpoint(best.threshold, "Youden (training)", inclusive=True)
    words = (
        f"{RECURRENCE_RULES['youden']}: {_above(cut)}, there with a sensitivity of "
        f"{best.sensitivity:.2f} and a specificity of {best.specificity:.2f}, which flatter it"
    )
    return LearnedCutoff(cut, "youden", words)


def survival_cutoff(
    risk: ArrayLike,
    outcome: SurvivalOutcome,
    settings: CutoffSettings | None = None,
    *,
    scale: str = "our own",
) -> LearnedCutoff:
    """From which risk score on the risk of death counts as high.

    Where too few die for a search, or the best cut would call those who live longer high, the median
    is taken and the words say why.

    Args:
        risk: (n,) of training patients, higher is worse.
        outcome: of the same patients.
        scale: what the score is; :data:`PUBLISHED_SCALE` for scores of the published model.

    Raises:
        InputError: a score is missing, or the published threshold is asked for another score.
        StatisticsError: the scores are all alike.
    """
    settings = settings or CutoffSettings()
    if settings.survival == "published":
        if scale != PUBLISHED_SCALE:
            raise InputError(
                f"the threshold {PUBLISHED_SURVIVAL_CUTOFF:g} belongs to the score of {PAPER}, and "
                f"these scores are of another scale ({scale})",
                source=_SOURCE, remedy="learn a cut-off (x-tile or median)",
            )  # fmt: skip
        cut = published_cutpoint(PUBLISHED_SURVIVAL_CUTOFF, PAPER)
        return LearnedCutoff(cut, "published", f"{SURVIVAL_RULES['published']}: {_above(cut)}")
    if settings.survival == "median":
        return _median(risk, "")
    try:
        found = optimal_cutpoint(risk, outcome, min_share=settings.min_share)
    except StatisticsError as error:
        return _median(risk, f"{error.what}, so no cut was searched; ")
    if not found.high_is_worse:
        return _median(risk, "the best of all cuts would call those who live longer high; ")
    words = (
        f"{SURVIVAL_RULES['x-tile']}: {_above(found.cutpoint)} ({found.n_high} of "
        f"{found.n_high + found.n_low} patients, {found.events_high} of "
        f"{found.events_high + found.events_low} deaths); corrected for the search, p "
        f"{_is(found.p_corrected)} (without, {format_p(found.p_uncorrected)})"
    )
    return LearnedCutoff(found.cutpoint, "x-tile", words, found.p_corrected, found)


def _median(risk: ArrayLike, why: str) -> LearnedCutoff:
    cut = median_cutpoint(risk)
    return LearnedCutoff(cut, "median", f"{why}{SURVIVAL_RULES['median']}: {_above(cut)}")


def _above(cut: Cutpoint) -> str:
    """Who is high, as words are read; the whole number is the cut's value."""
    return f"{'≥' if cut.inclusive else '>'} {cut.value:.3g}"


def _is(p: float) -> str:
    text = format_p(p)
    return text if text[0] in "<>" else f"= {text}"
