"""The first two steps of the chain: features that say the same, and features that say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent

#: Correlations are compared to this many digits, so that rounding does not decide between twins.
_DIGITS = 9


@dataclass(frozen=True, eq=False)
class CorrelationFilter:
    """Which features stay.

    Args:
        kept: (p,) whether each stays.
        stands_for: (p,) of each that goes, the position of the one that stays in its place: of all
            that stay, the one it correlates with most; −1 for those that stay.
        r: (p,) correlation with it; NaN for those that stay.
    """

    kept: np.ndarray
    stands_for: np.ndarray
    r: np.ndarray


def filter_correlated(scaled: np.ndarray, threshold: float) -> CorrelationFilter:
    """Keep features of which no two correlate with |r| at or above a threshold.

    Features are taken in the order of their mean |r| with all others, the least redundant first,
    twins in the order of the table; each stays unless it correlates with one that already stays. So
    of a pair the more redundant one goes, as in R's caret::findCorrelation, and every feature that
    goes has one that stands for it. Nothing here looks at the outcome.

    Args:
        scaled: (n, p) finite, no column constant.
        threshold: of |r|.
    """
    p = scaled.shape[1]
    z = scaled - scaled.mean(axis=0)
    z = z / np.sqrt((z**2).sum(axis=0))
    r = np.round(np.clip(z.T @ z, -1.0, 1.0), _DIGITS)
    size = np.abs(r)
    np.fill_diagonal(size, 0.0)
    redundancy = np.round(size.sum(axis=0) / max(p - 1, 1), _DIGITS)
    kept = np.zeros(p, dtype=bool)
    for k in np.argsort(redundancy, kind="stable"):
        kept[k] = not (size[k, kept] >= threshold).any()
    stands_for, partner_r = np.full(p, -1, dtype=np.int64), np.full(p, np.nan)
    standing = np.flatnonzero(kept)
    for k in np.flatnonzero(~kept):
        stands_for[k] = standing[int(size[k, standing].argmax())]
        partner_r[k] = r[k, stands_for[k]]
    return CorrelationFilter(kept, stands_for, partner_r)


@dataclass(frozen=True, eq=False)
class UnivariateCox:
    """A Cox regression of every feature on its own.

    Args:
        coef, std_error: (p,) log hazard ratio per standard deviation.
        p_value: (p,) two-sided Wald; of the score test (log-rank) where ``infinite``.
        infinite: (p,) the feature orders the deaths perfectly, so that no finite ratio is best; a
            Wald test would call it insignificant.
    """

    coef: np.ndarray
    std_error: np.ndarray
    p_value: np.ndarray
    infinite: np.ndarray


def univariate_cox(
    scaled: np.ndarray, outcome: SurvivalOutcome, *, progress: Progress = silent
) -> UnivariateCox:
    """Fit each feature on its own, ties by Efron.

    Args:
        scaled: (n, p) finite, no column constant.
        outcome: of the same patients.

    Raises:
        StatisticsError: there are no events.
    """
    from scipy.stats import chi2

    p = scaled.shape[1]
    coef, std_error, p_value = np.empty(p), np.empty(p), np.empty(p)
    infinite = np.zeros(p, dtype=bool)
    for k in range(p):
        if k % 64 == 0:
            progress(k / p, f"univariate Cox regression {k + 1} of {p}")
        # A coefficient without end leaves the range of numbers; that is what is looked for.
        with np.errstate(over="ignore", invalid="ignore"):
            model = fit_cox(scaled[:, k], outcome)
            coef[k], std_error[k] = model.coef[0], model.std_error[0]
        infinite[k] = bool(model.infinite) or not np.isfinite(std_error[k])
        p_value[k] = chi2.sf(model.score_test, 1) if infinite[k] else model.p[0]
    return UnivariateCox(coef, std_error, p_value, infinite)
