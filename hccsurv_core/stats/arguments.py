"""Checks of what performance measures are given: events, scores, probabilities, times.

Each returns the checked array, so that the measures themselves need no further test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError, StatisticsError


def checked_truth(values: ArrayLike, *, source: str) -> np.ndarray:
    """(n,) booleans, one patient or more.

    Raises:
        InputError: not a list, or a value is neither true nor false.
    """
    found = np.asarray(values)
    if found.ndim != 1 or found.size == 0:
        raise InputError(f"a list is needed, got shape {found.shape}", source=source)
    if found.dtype != bool:
        if found.dtype.kind not in "iuf" or not np.isin(found, (0, 1)).all():
            raise InputError("values must be true or false (1 or 0)", source=source)
        found = found.astype(bool)
    return found


def checked_event(event: ArrayLike) -> np.ndarray:
    """(n,) booleans of a binary outcome with at least one event and one non-event.

    Raises:
        InputError: a value is neither true nor false. StatisticsError: only one of the two occurs.
    """
    values = checked_truth(event, source="event")
    n_events = int(values.sum())
    if n_events == 0 or n_events == values.size:
        raise StatisticsError(
            f"{n_events} of {values.size} patients have the event; both kinds are needed",
            source="event",
            remedy="choose another endpoint or horizon",
        )
    return values


def checked_score(score: ArrayLike, n: int, *, source: str = "risk_score") -> np.ndarray:
    """(n,) finite numbers, one for each patient."""
    values = checked_numbers(score, source)
    if values.shape != (n,):
        raise InputError(f"{n} patients but scores of shape {values.shape}", source=source)
    _refuse_missing(values, source)
    return values


def checked_probability(
    probability: ArrayLike, n: int, *, source: str = "probability"
) -> np.ndarray:
    """(n,) probabilities, 0 to 1."""
    values = checked_score(probability, n, source=source)
    _refuse_outside(values, source)
    return values


def checked_probabilities(
    probability: ArrayLike, n: int, n_times: int, *, source: str = "survival_probability"
) -> np.ndarray:
    """(n, n_times) probabilities, 0 to 1; a (n,) list is one column."""
    values = checked_numbers(probability, source)
    if values.ndim == 1 and n_times == 1:
        values = values[:, None]
    if values.shape != (n, n_times):
        raise InputError(
            f"{n} patients and {n_times} times need shape ({n}, {n_times}), got {values.shape}",
            source=source,
        )
    _refuse_missing(values, source)
    _refuse_outside(values, source)
    return values


def checked_scores(score: ArrayLike, n: int, n_times: int) -> np.ndarray:
    """(n, n_times) scores; a (n,) list stands for every time."""
    values = checked_numbers(score, "risk_score")
    if values.ndim == 1:
        return np.broadcast_to(checked_score(values, n)[:, None], (n, n_times))
    if values.shape != (n, n_times):
        raise InputError(
            f"{n} patients and {n_times} times need shape ({n},) or ({n}, {n_times}), "
            f"got {values.shape}",
            source="risk_score",
        )
    _refuse_missing(values, "risk_score")
    return values


def checked_times(eval_times: ArrayLike) -> np.ndarray:
    """(n_times,) positive, strictly rising months; a single number is a list of one."""
    times = np.atleast_1d(checked_numbers(eval_times, "eval_times"))
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or (times <= 0).any():
        raise InputError("evaluation times must be positive months", source="eval_times")
    if (np.diff(times) <= 0).any():
        raise InputError(
            "evaluation times must rise", source="eval_times", remedy="sort them, each once"
        )
    return times


def _refuse_missing(values: np.ndarray, source: str) -> None:
    missing = ~np.isfinite(values)
    if missing.any():
        raise InputError(
            f"{int(missing.sum())} values are missing or not finite",
            source=source,
            remedy="leave these patients out or impute them first",
        )


def _refuse_outside(values: np.ndarray, source: str) -> None:
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise InputError(
            f"probabilities lie between 0 and 1, got {low:g} to {high:g}",
            source=source,
            remedy="give predicted risks, not scores or percentages",
        )
