"""How runs are told of: states, times, winners. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pages._shared import components, formats

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import ProgressStep, TrainingRun

#: State → (word, sign, kind of chip).
STATES = {
    "queued": ("Waiting", "○", ""),
    "running": ("Training", "◐", ""),
    "done": ("Done", "●", "good"),
    "failed": ("Failed", "▲", "bad"),
    "cancelled": ("Cancelled", "■", "look"),
    "interrupted": ("Interrupted", "▲", "look"),
}
ARM_TITLES = {"hepatectomy": "Hepatectomy", "tace": "TACE"}
#: So much must have passed before a guess of what is left is worth more than none.
_GUESS_AFTER_S, _GUESS_AFTER_SHARE = 8.0, 0.03
_OWN_GUESS = re.compile(r",? about [^,]* left$")


def state_chip(run: TrainingRun) -> str:
    """A run's state as shape and word (HTML)."""
    word, sign, kind = STATES[run.state]
    if run.is_ending:
        word = "Cancelling"
    elif run.state == "queued" and run.n_before:
        word = f"Waiting for {formats.plural(run.n_before, 'run')}"
    return components.chip(word, kind=kind, sign=sign, title=run.message)


def seconds_left(steps: Sequence[ProgressStep], since: datetime | None) -> float | None:
    """A guess of the seconds left, from the pace of this attempt; None while there is none.

    What an earlier attempt had finished is passed over in no time, and tells nothing.
    """
    if since is None:
        return None
    told = [(datetime.fromisoformat(s.at), s.fraction) for s in steps]
    told = [(at, fraction) for at, fraction in told if at >= since]
    if len(told) < 2:
        return None
    (first_at, first), (last_at, last) = told[0], told[-1]
    passed = (last_at - first_at).total_seconds()
    if passed < _GUESS_AFTER_S or last - first < _GUESS_AFTER_SHARE:
        return None
    left = passed * (1 - last) / (last - first)
    return max(0.0, left - (datetime.now(UTC) - last_at).total_seconds())


def how_long(run: TrainingRun) -> str:
    """ "4 min", from the start of this attempt to its end, or until now; "" before the start."""
    if run.started_at is None:
        return ""
    end = run.ended_at or datetime.now(UTC)
    return formats.duration(max(0.0, (end - run.started_at).total_seconds()))


def when(at: datetime | None) -> str:
    """ "2026-03-14 15:09 UTC"."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def estimate_words(c: Mapping[str, Any]) -> str:
    """ "0.634 (0.572–0.692)" of an estimate as JSON values."""
    if c.get("value") is None:
        return "not known"
    if c.get("ci_low") is None or c.get("ci_high") is None:
        return f"{c['value']:.3f}"
    return f"{c['value']:.3f} ({c['ci_low']:.3f}–{c['ci_high']:.3f})"


def estimates_by_arm(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    """C of each arm's model of system 2 in the version that sees most: ("Hepatectomy", "0.71 …")."""
    return [
        (ARM_TITLES.get(r["arm"], str(r["arm"])), estimate_words(r["c_index"]))
        for r in description["cross_validation"]["results"]
        if r["kind"] == "model" and "arm" in r
    ]


#: Measure of system 3 in a bundle → what it is called in a line.
_ENDPOINTS = {
    "early_recurrence_auc": "Early recurrence AUC",
    "c_index": "death C",
    "recurrence_c_index": "recurrence C",
}


def estimates_by_endpoint(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each measure of a model of system 3 in the version that sees most; nothing of others."""
    own = next(
        (
            r for r in description["cross_validation"]["results"]
            if r["kind"] == "model" and "early_recurrence_auc" in r
        ),
        None,
    )  # fmt: skip
    return [] if own is None else [(t, estimate_words(own[k])) for k, t in _ENDPOINTS.items()]


def own_words(description: Mapping[str, Any]) -> str:
    """C of the model, of each arm or endpoint where it has several; "not known" without one."""
    parts = estimates_by_arm(description) or estimates_by_endpoint(description)
    if parts:
        told = "; ".join(f"{what} {text}" for what, text in parts)
        return told[:1].upper() + told[1:]
    own = own_estimate(description)
    return "not known" if own is None else estimate_words(own)


def own_estimate(description: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """C of the model, cross-validated, without the luck it was chosen by where that is known."""
    judged = description["cross_validation"]
    corrected = judged.get("corrected")
    if isinstance(corrected, Mapping) and corrected.get("value") is not None:
        return corrected
    return next((r["c_index"] for r in judged["results"] if r["kind"] == "model"), None)


def is_corrected(description: Mapping[str, Any]) -> bool:
    """Whether :func:`own_estimate` is without the luck of the choice."""
    corrected = description["cross_validation"].get("corrected")
    return isinstance(corrected, Mapping) and corrected.get("value") is not None


def winner_words(description: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether this model ranked patients best of all candidates, and what to conclude."""
    results = description["cross_validation"]["results"]
    mine = own_estimate(description)
    rivals = [r for r in results if r["kind"] == "rival" and r["c_index"]["value"] is not None]
    if mine is None or mine["value"] is None or not rivals:
        return True, ""
    best = max(rivals, key=lambda r: r["c_index"]["value"])
    theirs = best["c_index"]
    ahead = mine["value"] - theirs["value"]
    overlap = " Their intervals overlap." if _overlap(mine, theirs) else ""
    if ahead > 0:
        return True, (
            f"The model ranked patients better than every baseline, by {ahead:.3f} of C over "
            f"{best['name']}.{overlap}{_plainer(description)}"
        )
    return False, (
        f"The baseline {best['name']} ranked patients at least as well: C "
        f"{theirs['value']:.3f} against {mine['value']:.3f}.{overlap} Think twice before you "
        "publish the more complicated model."
    )


def _overlap(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    bounds = [e[k] for e in (first, second) for k in ("ci_low", "ci_high")]
    if any(b is None for b in bounds):
        return True
    return max(first["ci_low"], second["ci_low"]) <= min(first["ci_high"], second["ci_high"])


def _plainer(description: Mapping[str, Any]) -> str:
    """That a deep network was tried and not chosen, where it was so."""
    others = [r for r in description["cross_validation"]["results"] if r["kind"] == "recipe"]
    deep = any("deep" in r["name"] for r in others)
    if description["architecture"].get("head") != "linear" or not deep:
        return ""
    return " The deep network added nothing to its linear part on these folds, and was not chosen."


def losses_words(run_state: str, *, has_folds: bool) -> str:
    """Why there is no training curve yet."""
    if run_state == "queued":
        return "Curves appear when the training begins."
    if not has_folds:
        return "Curves appear when the cross-validation begins."
    return "Curves of the final networks appear when the cross-validation is through."


def what_happens(message: str) -> str:
    """A step's message without its own guess of the time left: the whole run's stands beside it."""
    return _OWN_GUESS.sub("", message)
