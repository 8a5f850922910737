"""Fit one arm with the bootstrap as its uncertainty: patients resampled, everything fitted again.

Each replicate has its own scales, its own penalty, its own coefficients and baseline. That matters: with
the penalty held fixed, percentiles are far too narrow (see :class:`ArmSettings`). It assumes nothing
of the coefficients' distribution, and shows how far the data alone move the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.breslow import fit_baseline
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.cox_posterior_fit import (
    assemble,
    fit_candidates,
    prior_matrix,
)
from hccsurv_core.models.standardize import Standardizer
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.systems.treatment.arm_settings import ArmSettings

#: Resamples with too few deaths that are drawn again, for each one that is kept.
_TRIES = 20


@dataclass(frozen=True, eq=False)
class _Task:
    """One replicate, whole: it can be worked on in another process."""

    z: np.ndarray
    time_months: np.ndarray
    event: np.ndarray
    m: np.ndarray
    death_times: np.ndarray
    settings: ArmSettings
    seed: int
    number: int


def fit_bootstrap(
    standardizer: Standardizer,
    values: np.ndarray,
    outcome: SurvivalOutcome,
    settings: ArmSettings,
    seed: int,
    *,
    progress: Progress = silent,
    executor: Executor | None = None,
) -> CoxPosterior:
    """Fit one arm.

    Args:
        standardizer: of these patients; its medians fill missing values in every replicate.
        values: (n, p) covariates, NaN where missing.
        seed: replicate r depends on it and on r alone.
        progress: told after each replicate; may cancel.
        executor: works on replicates beside each other; None does here, one after the other.

    Raises:
        StatisticsError: resamples have too few deaths again and again.
    """
    z = standardizer.apply(values)
    m = prior_matrix(standardizer, settings)
    fit = fit_candidates(z, outcome, m, settings, seed)
    death_times = np.unique(outcome.time_months[outcome.event])
    tasks = [
        _Task(z, outcome.time_months, outcome.event, m, death_times, settings, seed, r)
        for r in range(settings.n_draws)
    ]
    done = list(_watched(_work(tasks, executor), len(tasks), progress))
    return assemble(
        standardizer, fit, np.stack([d[0] for d in done]), np.stack([d[1] for d in done]), settings,
        f"bootstrap of the arm's patients, scales and penalty ({settings.penalty}) fitted again in "
        f"each of {settings.n_draws} resamples",
    )  # fmt: skip


def _work(tasks: list[_Task], executor: Executor | None) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    return map(_replicate, tasks) if executor is None else executor.map(_replicate, tasks)


def _watched(
    results: Iterable[tuple[np.ndarray, np.ndarray]], total: int, progress: Progress
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number, result in enumerate(results):
        progress((number + 1) / total, f"resample {number + 1} of {total}")
        yield result


def _replicate(task: _Task) -> tuple[np.ndarray, np.ndarray]:
    """(q,) coefficients and (g,) cumulative hazards on the arm's own scales and times."""
    rows = _resample(task)
    outcome = SurvivalOutcome(task.time_months[rows], task.event[rows])
    drawn = task.z[rows]
    mean, scale = drawn.mean(axis=0), drawn.std(axis=0)
    varies = scale > 1e-9
    z = np.where(varies, (drawn - mean) / np.where(varies, scale, 1.0), 0.0)
    seed = int(np.random.default_rng((task.seed, 3, task.number)).integers(2**31))
    fit = fit_candidates(z, outcome, task.m, task.settings, seed)
    coef = np.where(varies, fit.coef / np.where(varies, scale, 1.0), 0.0)
    hazard = fit_baseline((drawn - mean) @ coef, outcome).at(task.death_times)
    # From the resample's mean patient to the arm's.
    return coef, hazard * np.exp(-float(mean @ coef))


def _resample(task: _Task) -> np.ndarray:
    rng = np.random.default_rng((task.seed, 2, task.number))
    n = task.time_months.size
    for _ in range(_TRIES):
        rows = rng.integers(0, n, size=n)
        if task.event[rows].sum() >= min(task.settings.min_events, task.event.sum()) / 2:
            return rows
    raise StatisticsError(
        "resamples of the arm have too few deaths", source="bootstrap",
        remedy='use uncertainty "posterior", or more patients',
    )  # fmt: skip
