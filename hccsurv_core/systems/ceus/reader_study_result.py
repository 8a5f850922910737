"""What a reader study found, as values and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.stats.diagnostic import DiagnosticAccuracy, PairedComparison
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.wording import count_of

#: Of pooled readers; balanced accuracy is the mean of the other two.
METRICS = ("sensitivity", "specificity", "balanced accuracy")
CAVEAT = (
    "Intervals of pooled results hold for these readers: patients were resampled, readers were not. "
    "The second call followed the first, so part of a change is a second look. Readers who follow "
    "one model agree more even where it is wrong."
)


@dataclass(frozen=True)
class Changes:
    """How a reader's calls changed after seeing the model.

    Args:
        changed: share of the calls. rightly: share of the changes that were from wrong to right;
            NaN where nothing changed.
        to_right_of_events, to_wrong_of_events: changes in patients who recurred early;
            to_right_of_others, to_wrong_of_others: in the others.
        p: that changes to right and to wrong are equally likely (exact McNemar's test of accuracy).
    """

    changed: Estimate
    rightly: Estimate
    to_right_of_events: int
    to_wrong_of_events: int
    to_right_of_others: int
    to_wrong_of_others: int
    p: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = dict(vars(self))
        return {**plain, "changed": self.changed.to_json(), "rightly": self.rightly.to_json()}


@dataclass(frozen=True)
class ReaderResult:
    """One reader.

    Args:
        name, seniority: "senior", "junior" or "".
        n, n_events: patients with both calls, and of whom recurred early; n_left_out: known what
            happened, but a call is missing.
        before, after: accuracy without and with the model.
        sensitivity, specificity: after (first) against before (second), on the same patients.
        changes: of calls.
        sensitivity_p_corrected, specificity_p_corrected: for the number of readers (Holm).
    """

    name: str
    seniority: str
    n: int
    n_events: int
    n_left_out: int
    before: DiagnosticAccuracy
    after: DiagnosticAccuracy
    sensitivity: PairedComparison
    specificity: PairedComparison
    changes: Changes
    sensitivity_p_corrected: float = math.nan
    specificity_p_corrected: float = math.nan

    @property
    def words(self) -> str:
        """How the reader fared, in a sentence."""
        right = self.changes.to_right_of_events + self.changes.to_right_of_others
        wrong = self.changes.to_wrong_of_events + self.changes.to_wrong_of_others
        changed = count_of(right + wrong, "call")
        return (
            f"{self.name}: sensitivity {self.before.sensitivity.value:.2f} before and "
            f"{self.after.sensitivity.value:.2f} after (p {_is(self.sensitivity.p)}), specificity "
            f"{self.before.specificity.value:.2f} and {self.after.specificity.value:.2f} (p "
            f"{_is(self.specificity.p)}); {changed} of {self.n:,} changed, {right} to right and "
            f"{wrong} to wrong."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = dict(vars(self))
        for name in ("before", "after", "sensitivity", "specificity", "changes"):
            plain[name] = plain[name].to_json()
        return {**plain, "words": self.words}


@dataclass(frozen=True)
class PooledMetric:
    """The mean of some readers, or the difference of two groups' means.

    Args:
        metric: of :data:`METRICS`.
        before, after: the model. change: after − before, p: of no change.
    """

    metric: str
    before: Estimate
    after: Estimate
    change: Estimate
    p: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "metric": self.metric,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "change": self.change.to_json(),
            "p": self.p,
        }


@dataclass(frozen=True)
class GroupResult:
    """Some readers together.

    Args:
        name: "all", "senior" or "junior". readers: who. metrics: one of each of :data:`METRICS`.
    """

    name: str
    readers: tuple[str, ...]
    metrics: tuple[PooledMetric, ...]

    def metric(self, name: str) -> PooledMetric:
        """One of them by name."""
        return next(metric for metric in self.metrics if metric.metric == name)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "readers": list(self.readers),
            "metrics": [metric.to_json() for metric in self.metrics],
        }


@dataclass(frozen=True)
class GroupComparison:
    """Juniors less seniors, before and after; ``change`` is how much more juniors gained."""

    metrics: tuple[PooledMetric, ...]

    def metric(self, name: str) -> PooledMetric:
        """One of them by name."""
        return next(metric for metric in self.metrics if metric.metric == name)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"metrics": [metric.to_json() for metric in self.metrics]}


@dataclass(frozen=True)
class Agreement:
    """Of the readers with each other.

    Args:
        pairs: Cohen's kappa of every two; None where it is not defined, because both gave one and
            the same call to everybody.
        fleiss: of all; None likewise.
        percent: share of pairs of readers that agree, over patients.
    """

    pairs: Mapping[tuple[str, str], Estimate | None]
    fleiss: Estimate | None
    percent: Estimate

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "pairs": [
                {"readers": list(pair), "kappa": None if k is None else k.to_json()}
                for pair, k in self.pairs.items()
            ],
            "fleiss": None if self.fleiss is None else self.fleiss.to_json(),
            "percent": self.percent.to_json(),
        }


@dataclass(frozen=True)
class ReaderStudy:
    """The whole study.

    Args:
        readers: one a reader.
        groups: all readers, then seniors and juniors where there are any.
        comparison: juniors against seniors; None where one of the two is missing.
        before, after: agreement; None for a single reader.
        fleiss_change: Fleiss' kappa after − before, and p; None where it is not defined.
        n: patients; n_known: of whom it is known what happened; n_events: who recurred early.
    """

    readers: tuple[ReaderResult, ...]
    groups: tuple[GroupResult, ...]
    comparison: GroupComparison | None
    before: Agreement | None
    after: Agreement | None
    fleiss_change: tuple[Estimate, float] | None
    n: int
    n_known: int
    n_events: int

    def group(self, name: str) -> GroupResult:
        """A group by name."""
        return next(group for group in self.groups if group.name == name)

    def words(self) -> tuple[str, ...]:
        """A sentence a reader, one a group, and one about agreement."""
        found = [reader.words for reader in self.readers]
        for group in self.groups:
            gain = group.metric("balanced accuracy")
            found.append(
                f"{_GROUP_WORDS[group.name]} ({len(group.readers)}): balanced accuracy "
                f"{gain.before.value:.2f} before and {gain.after.value:.2f} after, change "
                f"{gain.change.value:+.2f} ({100 * gain.change.level:g} % interval "
                f"{gain.change.ci_low:+.2f} to {gain.change.ci_high:+.2f})."
            )
        first = None if self.before is None else self.before.fleiss
        second = None if self.after is None else self.after.fleiss
        if first is not None and second is not None:
            found.append(
                f"Agreement of the readers (Fleiss' kappa): {first.value:.2f} before and "
                f"{second.value:.2f} after."
            )
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        change = self.fleiss_change
        return {
            "readers": [reader.to_json() for reader in self.readers],
            "groups": [group.to_json() for group in self.groups],
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "before": None if self.before is None else self.before.to_json(),
            "after": None if self.after is None else self.after.to_json(),
            "fleiss_change": None if change is None else {**change[0].to_json(), "p": change[1]},
            "n": self.n,
            "n_known": self.n_known,
            "n_events": self.n_events,
            "words": list(self.words()),
            "caveat": CAVEAT,
        }


_GROUP_WORDS = {"all": "All readers", "senior": "Senior readers", "junior": "Junior readers"}


def _is(p: float) -> str:
    text = format_p(p)
    return text if text[0] in "<>" else f"= {text}"
