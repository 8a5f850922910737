"""The regressions that imputations are drawn from: their estimates, and draws of their parameters.

To impute from the best-fitting regression would pretend that it is known: intervals would be too
narrow. So parameters can be drawn from their posterior distribution (Rubin 1987, chapter 5): exactly
for a linear regression, with the normal approximation for categories.

Every slope has a normal prior of mean 0 and a standard deviation of 5, in outcome standard deviations
or log odds per standard deviation of the predictor: hardly felt where the data speak. It keeps a level
that separates the outcome, or two columns that say the same, from sending draws to infinity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_PRIOR_SD = 5.0
_SLOPE_PRECISION = 1.0 / _PRIOR_SD**2
_INTERCEPT_PRECISION = 1e-8
_MAX_STEPS = 50
_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Linear regression with its posterior.

    Args:
        coef: (q,) estimate. factor: (q, q) lower Cholesky factor of XᵀX + prior precision.
        residuals: (n,) of the estimate. freedom: n − q.
    """

    coef: np.ndarray
    factor: np.ndarray
    residuals: np.ndarray
    freedom: int

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(q,) coefficients from the posterior: the variance is drawn first, then they."""
        from scipy.linalg import solve_triangular

        variance = float(self.residuals @ self.residuals) / rng.chisquare(self.freedom)
        noise = rng.standard_normal(self.coef.size)
        spread = solve_triangular(self.factor, noise, lower=True, trans="T")
        return self.coef + np.sqrt(variance) * spread


def fit_linear(x: np.ndarray, y: np.ndarray) -> LinearFit:
    """Fit (n, q) predictors, the first of them 1, to (n,) standardized outcomes; n > q."""
    from scipy.linalg import cho_solve

    gram = x.T @ x + np.diag(_prior_precision(x.shape[1]))
    factor = np.linalg.cholesky(gram)
    coef = cho_solve((factor, True), x.T @ y)
    return LinearFit(coef, factor, y - x @ coef, x.shape[0] - x.shape[1])


def match_donors(
    known: np.ndarray, wanted: np.ndarray, n_donors: int, rng: np.random.Generator
) -> np.ndarray:
    """Predictive mean matching: for each wanted prediction one of the nearest known ones.

    Args:
        known: (n,) predictions of patients whose value is known.
        wanted: (m,) predictions of patients whose value is missing.
        n_donors: how many nearest one is drawn from.

    Returns:
        (m,) positions in ``known``.
    """
    # Shuffled before sorting, so that equal predictions are neighbors in random order.
    shuffled = rng.permutation(known.size)
    order = shuffled[np.argsort(known[shuffled], kind="stable")]
    sorted_known = known[order]
    k = min(n_donors, known.size)
    start = np.searchsorted(sorted_known, wanted)
    # The k nearest lie within k to either side.
    window = start[:, None] + np.arange(-k, k)
    inside = (window >= 0) & (window < known.size)
    window = np.clip(window, 0, known.size - 1)
    distance = np.where(inside, np.abs(sorted_known[window] - wanted[:, None]), np.inf)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
    chosen = nearest[np.arange(wanted.size), rng.integers(0, k, wanted.size)]
    return order[window[np.arange(wanted.size), chosen]]


@dataclass(frozen=True, eq=False)
class CategoryFit:
    """Regression of a category: logistic, multinomial, or ordered.

    An ordered category goes up from the lowest level as long as it passes a logistic test, each
    level with its own intercept and all with the same slopes (the continuation ratio model,
    Fienberg 1980): its likelihood is that of one logistic regression, with a row for each test.

    Args:
        params: flat estimate: (K − 1) · q, or K − 1 intercepts and q − 1 slopes where ordered.
        factor: lower Cholesky factor of minus the second derivative of the log posterior there.
        n_levels: K. ordered: which of the two.
    """

    params: np.ndarray
    factor: np.ndarray
    n_levels: int
    ordered: bool

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(K − 1, q) coefficients from the normal approximation of the posterior."""
        from scipy.linalg import solve_triangular

        noise = rng.standard_normal(self.params.size)
        drawn = self.params + solve_triangular(self.factor, noise, lower=True, trans="T")
        tests = self.n_levels - 1
        if not self.ordered:
            return drawn.reshape(tests, -1)
        return np.column_stack((drawn[:tests], np.tile(drawn[tests:], (tests, 1))))


def fit_category(
    x: np.ndarray,
    level: np.ndarray,
    n_levels: int,
    *,
    ordered: bool = False,
    start: np.ndarray | None = None,
) -> CategoryFit:
    """Fit by Newton's method.

    Args:
        x: (n, q) predictors, the first of them 1.
        level: (n,) places 0 … K − 1, each of which occurs.
        n_levels: K.
        start: flat parameters to start from; the answer is the same.
    """
    if not ordered or n_levels == 2:
        params, factor = _newton(x, level, n_levels, start)
        return CategoryFit(params, factor, n_levels, False)
    design, passed = _tests(x, level, n_levels)
    params, factor = _newton(design, passed, 2, start, n_intercepts=n_levels - 1)
    return CategoryFit(params, factor, n_levels, True)


def level_probabilities(x: np.ndarray, coef: np.ndarray, *, ordered: bool) -> np.ndarray:
    """(n, K) chance of each level.

    Args:
        x: (n, q) predictors. coef: (K − 1, q) as drawn. ordered: which of the two they are of.
    """
    score = x @ coef.T
    if ordered:
        passing = np.exp(-np.logaddexp(0.0, -score))
        reached = np.cumprod(np.column_stack((np.ones(len(x)), passing)), axis=1)
        return reached * np.column_stack((1 - passing, np.ones(len(x))))
    return _softmax(score)


def draw_levels(probability: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """(n, K) chances and (n,) numbers from 0 to 1 → (n,) places among the levels."""
    below = np.cumsum(probability[:, :-1], axis=1) <= uniform[:, None]
    return below.sum(axis=1)


def _tests(x: np.ndarray, level: np.ndarray, n_levels: int) -> tuple[np.ndarray, np.ndarray]:
    """A row for each test that a patient took: its intercepts and slopes, and whether it was
    passed."""
    last = n_levels - 2
    taken = np.minimum(level, last).astype(int) + 1
    patient = np.repeat(np.arange(len(x)), taken)
    test = np.concatenate([np.arange(count) for count in taken])
    intercepts = (test[:, None] == np.arange(n_levels - 1)).astype(np.float64)
    return np.column_stack((intercepts, x[patient, 1:])), (level[patient] > test).astype(int)


def _newton(
    x: np.ndarray,
    level: np.ndarray,
    n_levels: int,
    start: np.ndarray | None,
    n_intercepts: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Maximum of the log posterior of a multinomial logistic regression, and the Cholesky factor
    of minus its second derivative."""
    from scipy.linalg import cho_solve

    one_hot = (level[:, None] == np.arange(1, n_levels)).astype(np.float64)
    precision = np.tile(_prior_precision(x.shape[1], n_intercepts), n_levels - 1)
    params = np.zeros(precision.size) if start is None else start.copy()
    value, gradient, hessian = _posterior(x, one_hot, params, precision)
    for _ in range(_MAX_STEPS):
        step = cho_solve((np.linalg.cholesky(hessian), True), gradient)
        # The log posterior is concave: a step that loses is halved until it gains.
        for halving in range(30):
            tried = params + step * 0.5**halving
            found = _posterior(x, one_hot, tried, precision)
            if found[0] >= value - 1e-10 * (abs(value) + 1):
                break
        params, (value, gradient, hessian) = tried, found
        if np.abs(step).max() < _TOLERANCE * (1 + np.abs(params).max()):
            break
    return params, np.linalg.cholesky(hessian)


def _posterior(
    x: np.ndarray, one_hot: np.ndarray, params: np.ndarray, precision: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log posterior, its gradient, and minus its second derivative."""
    classes, q = one_hot.shape[1], x.shape[1]
    score = x @ params.reshape(classes, q).T
    top = np.maximum(score.max(axis=1), 0.0)
    normalizer = top + np.log(np.exp(-top) + np.exp(score - top[:, None]).sum(axis=1))
    probability = np.exp(score - normalizer[:, None])
    value = float((one_hot * score).sum() - normalizer.sum() - 0.5 * precision @ params**2)
    gradient = ((one_hot - probability).T @ x).ravel() - precision * params
    hessian = np.diag(precision)
    for a in range(classes):
        for b in range(a, classes):
            weight = probability[:, a] * ((a == b) - probability[:, b])
            block = (x * weight[:, None]).T @ x
            hessian[a * q : (a + 1) * q, b * q : (b + 1) * q] += block
            if a != b:
                hessian[b * q : (b + 1) * q, a * q : (a + 1) * q] += block.T
    return value, gradient, hessian


def _prior_precision(q: int, n_intercepts: int = 1) -> np.ndarray:
    precision = np.full(q, _SLOPE_PRECISION)
    precision[:n_intercepts] = _INTERCEPT_PRECISION
    return precision


def _softmax(score: np.ndarray) -> np.ndarray:
    full = np.column_stack((np.zeros(len(score)), score))
    full = np.exp(full - full.max(axis=1, keepdims=True))
    return full / full.sum(axis=1, keepdims=True)
