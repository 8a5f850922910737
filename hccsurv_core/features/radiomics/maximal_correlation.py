"""The eigenvalue behind the maximal correlation coefficient (MCC) of a co-occurrence matrix.

PyRadiomics takes the second largest eigenvalue of the unsymmetrical matrix

    Q[i, j] = sum over k of P[i, k] P[j, k] / (p[i] p[k] + epsilon).

With D = diag(p), D^½ Q D^-½ is symmetrical but for epsilon. Its symmetrical part
has the same eigenvalues to second order in epsilon / p², which stays far below
any rounding, and is cheap: P has few cells that are not 0.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from hccsurv_core.features.radiomics.first_order import EPSILON

_BISECTIONS = 60


@njit(cache=True, nogil=True)
def second_eigenvalue(p, margin):  # pragma: no cover - compiled
    """The second largest eigenvalue of Q.

    Args:
        p: float64 (levels, levels), symmetrical, sums to 1.
        margin: float64 (levels,), its row sums.

    Returns:
        1 where there is one level in all (by PyRadiomics' convention), 0 where only one of several
        has neighbors.
    """
    if margin.size < 2:
        return 1.0
    active = np.empty(margin.size, np.int64)
    n_active = 0
    for i in range(margin.size):
        if margin[i] > 0:
            active[n_active] = i
            n_active += 1
    if n_active < 2:
        return 0.0
    s = _symmetrical(p, margin, active, n_active)
    diagonal, beside = _tridiagonal(s)
    return _second_largest(diagonal, beside)


@njit(cache=True, nogil=True)
def _symmetrical(p, margin, active, n):  # pragma: no cover - compiled
    s = np.zeros((n, n))
    root = np.empty(n)
    for i in range(n):
        root[i] = np.sqrt(margin[active[i]])
    member = np.empty(n, np.int64)
    up = np.empty(n)
    down = np.empty(n)
    for k in range(n):
        m = 0
        for i in range(n):
            cell = p[active[i], active[k]]
            if cell > 0:
                member[m] = i
                up[m] = cell * root[i] / (margin[active[i]] * margin[active[k]] + EPSILON)
                down[m] = cell / root[i]
                m += 1
        for a in range(m):
            for b in range(a + 1):
                s[member[a], member[b]] += 0.5 * (up[a] * down[b] + down[a] * up[b])
    for i in range(n):
        for j in range(i):
            s[j, i] = s[i, j]
    return s


@njit(cache=True, nogil=True)
def _tridiagonal(s):  # pragma: no cover - compiled
    """Householder's reflections; ``s`` is overwritten."""
    n = s.shape[0]
    diagonal = np.empty(n)
    beside = np.zeros(n)
    v = np.empty(n)
    w = np.empty(n)
    for k in range(n - 2):
        norm = 0.0
        for i in range(k + 1, n):
            norm += s[i, k] * s[i, k]
        norm = np.sqrt(norm)
        alpha = -norm if s[k + 1, k] > 0 else norm
        beside[k + 1] = alpha
        if norm == 0.0:
            continue
        length = 0.0
        for i in range(k + 1, n):
            v[i] = s[i, k] - (alpha if i == k + 1 else 0.0)
            length += v[i] * v[i]
        scale = 2.0 / length
        along = 0.0
        for i in range(k + 1, n):
            dot = 0.0
            for j in range(k + 1, n):
                dot += s[i, j] * v[j]
            w[i] = scale * dot
            along += w[i] * v[i]
        for i in range(k + 1, n):
            w[i] -= 0.5 * scale * along * v[i]
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                s[i, j] -= v[i] * w[j] + w[i] * v[j]
    for i in range(n):
        diagonal[i] = s[i, i]
    beside[n - 1] = s[n - 1, n - 2]
    return diagonal, beside


@njit(cache=True, nogil=True)
def _second_largest(diagonal, beside):  # pragma: no cover - compiled
    """Bisection on the number of eigenvalues above x (Sturm's sequence)."""
    n = diagonal.size
    low, high = -1.0, 2.0
    for _ in range(_BISECTIONS):
        x = 0.5 * (low + high)
        above = 0
        pivot = 1.0
        for i in range(n):
            pivot = diagonal[i] - x - (beside[i] * beside[i] / pivot if i > 0 else 0.0)
            if pivot == 0.0:
                pivot = -1e-300
            above += pivot > 0.0
        if above >= 2:
            low = x
        else:
            high = x
    return 0.5 * (low + high)
