"""Newton's method for a concave likelihood whose maximum may lie at infinity.

Shared by Cox and Fine-Gray regression. Covariates come whitened (see
:func:`~hccsurv_core.models.cox_checks.whiten`), so that one step length fits all directions and
nearly collinear covariates cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from hccsurv_core.errors import StatisticsError

_MAX_STEPS = 60
#: No step moves a coefficient of a whitened covariate further than this.
_LONGEST_STEP = 5.0
#: Where the likelihood has settled, a finite estimate is reached in a step or two more. What still
#: moves after these has none: a group without events, or a combination of covariates with the
#: same effect (as R's "beta may be infinite").
_STEPS_AFTER_SETTLING = 5
#: Information of a direction below this share of an event is none.
_NO_INFORMATION = 1e-11
#: Pivots of a Cholesky factor down to this share of the largest leave a plain solution its digits.
_SOUND_PIVOT = 1e-5


class LikelihoodPoint(Protocol):
    """The likelihood and its derivatives at one vector of coefficients."""

    @property
    def coef(self) -> np.ndarray:
        """(p,) where."""

    @property
    def value(self) -> float:
        """Log-likelihood."""

    @property
    def score(self) -> np.ndarray:
        """(p,) its gradient."""

    @property
    def information(self) -> np.ndarray:
        """(p, p) minus its second derivative."""


Point = TypeVar("Point", bound=LikelihoodPoint)


@dataclass(frozen=True, eq=False)
class Maximum(Generic[Point]):
    """Where the method arrived.

    Args:
        at, null: the likelihood there, and at 0.
        score_test: chi-square of all coefficients being 0.
        infinite: names whose coefficient has no finite estimate; they were followed far enough for
            the likelihood to be flat.
    """

    at: Point
    null: Point
    score_test: float
    infinite: tuple[str, ...]


def maximize(
    evaluate: Callable[[np.ndarray], Point],
    to_plain: np.ndarray,
    names: tuple[str, ...],
    *,
    n_events: float,
    source: str,
) -> Maximum[Point]:
    """Find the maximum from 0, halving steps that lose likelihood.

    Args:
        evaluate: the likelihood at (p,) coefficients of whitened covariates.
        to_plain: (p, p) takes these to coefficients of the ``names``.
        n_events: what the information is measured against.
        source: what messages name.

    Raises:
        StatisticsError: a covariate without any information, or no convergence.
    """
    null = at = evaluate(np.zeros(len(names)))
    _refuse_uninformed(null.information, n_events, to_plain, names)
    first_step = _solve(null.information, null.score)
    score_test = float(null.score @ first_step)
    n_settled = 0
    for _ in range(_MAX_STEPS):
        step = _solve(at.information, at.score)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        previous, at = at, _ascend(evaluate, at, step)
        n_settled += at.value - previous.value <= 1e-9 * (abs(at.value) + 1e-3)
        # Convergence is quadratic: after a step of 1e-6 the error is about 1e-12.
        if n_settled and np.abs(step).max() < 1e-6 * (1 + np.abs(at.coef).max()):
            return Maximum(at, null, score_test, ())
        if n_settled > _STEPS_AFTER_SETTLING:
            moved = np.abs(to_plain @ step) / np.linalg.norm(to_plain, axis=1)
            runaway = tuple(np.asarray(names)[moved > 1e-3 * moved.max()].tolist())
            return Maximum(at, null, score_test, runaway)
    raise StatisticsError(
        f"the fit did not settle in {_MAX_STEPS} steps",
        source=source,
        remedy="use fewer covariates, or more events",
    )


def inverse_information(matrix: np.ndarray) -> np.ndarray:
    """Inverse of an information matrix; directions without any get an enormous variance."""
    if smallest_pivot(matrix) > _SOUND_PIVOT:
        return np.linalg.inv(matrix)
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.maximum(values, 1e-13 * values[-1])) @ vectors.T


def smallest_pivot(matrix: np.ndarray) -> float:
    """Smallest pivot of the Cholesky factor as a share of the largest; 0 where there is none.

    A fraction of an eigenvalue decomposition's work, and enough to know that none is needed.
    """
    try:
        pivots = np.diag(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return 0.0
    return float(pivots.min() / pivots.max())


def _solve(matrix: np.ndarray, score: np.ndarray) -> np.ndarray:
    if smallest_pivot(matrix) > _SOUND_PIVOT:
        return np.linalg.solve(matrix, score)
    return inverse_information(matrix) @ score


def _ascend(evaluate: Callable[[np.ndarray], Point], at: Point, step: np.ndarray) -> Point:
    """Take the step, or the largest half of a half of it that does not lose likelihood."""
    for halving in range(30):
        tried = evaluate(at.coef + step * 0.5**halving)
        # Rounding alone moves the likelihood by a few units in its last place.
        if np.isfinite(tried.value) and tried.value >= at.value - 1e-11 * (abs(at.value) + 1):
            return tried
    return at


def _refuse_uninformed(
    information: np.ndarray, n_events: float, to_plain: np.ndarray, names: tuple[str, ...]
) -> None:
    """Refuse covariates that are the same in all who are at risk whenever somebody has the event."""
    if smallest_pivot(information) > 1e-2 and np.diag(information).max() > 1e-3 * n_events:
        return  # far from what is refused: the eigenvalues need not be known
    values, vectors = np.linalg.eigh(information)
    if values[0] > _NO_INFORMATION * n_events:
        return
    share = np.abs(to_plain @ vectors[:, 0]) / np.linalg.norm(to_plain, axis=1)
    raise StatisticsError(
        "is the same in everybody at risk whenever an event happens, alone or together with other "
        "covariates, so nothing can be compared",
        source=names[int(np.argmax(share))],
        remedy="leave it out, or use more events",
    )
