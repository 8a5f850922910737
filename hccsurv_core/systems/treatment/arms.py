"""One survival model for each treatment, and what they say of a patient.

A covariate may matter in one arm and not in the other, which is what a choice between them rests on:
each arm's coefficients are its own. What the other arm's patients show is only a suggestion
(:mod:`~hccsurv_core.systems.treatment.borrowing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import BundleError, InputError, StatisticsError
from hccsurv_core.models.cox_posterior import KIND, CoxPosterior
from hccsurv_core.models.cox_posterior_fit import fit_posterior
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.treatment.arm_model import ArmModel
from hccsurv_core.systems.treatment.arm_settings import ArmSettings, settings_from_json
from hccsurv_core.systems.treatment.arm_table import (
    ARM_WORDS,
    ARMS,
    TreatmentTable,
    other_arm,
)
from hccsurv_core.systems.treatment.borrowing import with_other_arm
from hccsurv_core.systems.treatment.contrast import (
    TreatmentContrast,
    contrast_arms,
    restricted_means,
)
from hccsurv_core.systems.treatment.cox_bootstrap import fit_bootstrap
from hccsurv_core.systems.treatment.unexplained import UnexplainedSpread
from hccsurv_core.wording import count_of

#: Fits one arm on its patients: (table of the arm, arm's name, seed, progress) → its model.
FitArm = Callable[[TreatmentTable, str, int, Progress], ArmModel]


@dataclass(frozen=True, eq=False)
class ArmModels:
    """Both arms' models.

    Args:
        models: by treatment, with the same covariates and the same number of draws.
        median: (p,) of the training patients of both arms: what a missing value is taken for. One
            patient has one value, whichever treatment is looked at.
        n_missing: (p,) training patients without a value.
        settings: of the fit.
        seed: of the fit.
        spread: what is assumed of unmeasured causes; None for nothing.

    Raises:
        InputError: an arm is missing, or the arms take other covariates or have other draws.
    """

    models: Mapping[str, ArmModel]
    median: np.ndarray
    n_missing: np.ndarray
    settings: ArmSettings
    seed: int = 0
    spread: UnexplainedSpread | None = None

    def __post_init__(self) -> None:
        if set(self.models) != set(ARMS):
            raise InputError(
                f"models of {' and '.join(ARMS)} are needed, got {', '.join(self.models)}",
                source="arms",
            )
        first, second = (self.models[arm] for arm in ARMS)
        if self.median.shape != (len(first.names),) or not np.isfinite(self.median).all():
            raise InputError("a median of each covariate is needed", source="arms")
        if first.names != second.names or first.n_draws != second.n_draws:
            raise InputError(
                "the arms' models take other covariates, or have other numbers of draws",
                source="arms",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) covariates in the order that values are taken."""
        return self.models[ARMS[0]].names

    def filled(self, values: ArrayLike) -> np.ndarray:
        """(n, p) covariates with the missing ones filled.

        Raises:
            InputError: another number of covariates, or they are no numbers.
        """
        matrix = checked_values(values, len(self.names))
        return np.where(np.isnan(matrix), self.median, matrix)

    def restricted_means(self, values: ArrayLike) -> dict[str, np.ndarray]:
        """By treatment, (n,) months lived of those that are counted; best values alone.

        Raises:
            InputError: another number of covariates, or they are no numbers.
        """
        matrix = self.filled(values)
        tau = self.settings.rmst_months
        return {arm: restricted_means(model, matrix, tau) for arm, model in self.models.items()}

    def contrast(self, values: ArrayLike, *, level: float = 0.95) -> TreatmentContrast:
        """Both treatments for n patients.

        Args:
            values: (n, p) covariates, NaN where missing.
            level: of the intervals.

        Raises:
            InputError: another number of covariates, or the level is none.
        """
        matrix = self.filled(values)
        return contrast_arms(
            self.models, matrix, self.settings.horizons_months, self.settings.rmst_months,
            level=checked_level(level), spread=self.spread,
        )  # fmt: skip

    def curves(
        self, values: ArrayLike, eval_times: ArrayLike, *, level: float = 0.95
    ) -> dict[str, Banded]:
        """Survival curves of n patients under each treatment, (n, t), for drawing.

        Args:
            eval_times: (t,) months on which both arms' curves are told.

        Raises:
            InputError: another number of covariates, or the level is none.
        """
        matrix = self.filled(values)
        tails = ((1 - checked_level(level)) / 2, (1 + level) / 2)
        found = {}
        for arm, model in self.models.items():
            low, high = np.quantile(model.survival_draws(matrix, eval_times), tails, axis=0)
            found[arm] = Banded(model.survival(matrix, eval_times), low, high)
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle; names are ``arm.part``."""
        parts = {
            f"{arm}.{name}": value
            for arm, model in self.models.items()
            for name, value in model.tensors().items()
        }
        return parts | {"both.median": self.median, "both.n_missing": self.n_missing}

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle."""
        return {
            "arms": {arm: model.describe() for arm, model in self.models.items()},
            "settings": self.settings.to_json(),
            "seed": self.seed,
            "unexplained_spread": None if self.spread is None else self.spread.to_json(),
        }

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> ArmModels:
        """Back from :meth:`describe` and :meth:`tensors`; arms are ridge Cox models.

        Raises:
            BundleError: a part is missing, or an arm is of another kind.
        """
        try:
            models: dict[str, ArmModel] = {}
            for arm in ARMS:
                told = description["arms"][arm]
                if told["kind"] != KIND:
                    raise BundleError(
                        f"holds an arm of kind {told['kind']!r}", source="arms",
                        remedy="load it with what made it",
                    )  # fmt: skip
                start = f"{arm}."
                parts = {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}
                models[arm] = CoxPosterior.from_parts(told, parts)
            spread = description.get("unexplained_spread")
            return cls(
                models,
                tensors["both.median"],
                tensors["both.n_missing"],
                settings_from_json(description["settings"]),
                int(description["seed"]),
                None if spread is None else UnexplainedSpread(**spread),
            )
        except BundleError:
            raise
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise BundleError(
                f"lacks a part of the arms' models ({error})", source="arms",
                remedy="train it again with this version",
            ) from error  # fmt: skip


def fit_arms(
    table: TreatmentTable,
    settings: ArmSettings | None = None,
    seed: int = 0,
    *,
    fit_arm: FitArm | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> ArmModels:
    """Fit each treatment's model on the patients who were given it.

    Args:
        table: training patients.
        settings: default ones where None.
        seed: of draws, folds and resamples.
        fit_arm: fits one arm; None for ridge Cox regression as ``settings`` say.
        executor: works on bootstrap resamples beside each other.
        progress: may cancel.

    Raises:
        StatisticsError: an arm has too few deaths, or its follow-up ends before what is to be
            told; the message names the arm.
    """
    chosen = settings or ArmSettings()
    median, n_missing = _medians(table)
    whole = _filled(table, median)
    parts = {arm: whole.subset(arm_members(whole, arm, chosen)) for arm in ARMS}
    borrowed = {} if fit_arm is not None else _borrowed_settings(parts, chosen, seed)
    models = {}
    for number, (arm, part) in enumerate(parts.items()):
        report = part_of(progress, number / len(ARMS), (number + 1) / len(ARMS))
        report(0.0, f"fitting {ARM_WORDS[arm]}: {count_of(len(part), 'patient')}")
        fit = fit_arm or _ridge_cox(borrowed[arm], executor)
        # Draws of one arm must not go with those of the other: each has its own chance.
        chance = int(np.random.default_rng((seed, number)).integers(2**31))
        models[arm] = fit(part, arm, chance, report)
    progress(1.0, "fitted")
    return ArmModels(models, median, n_missing, chosen, seed)


def checked_values(values: ArrayLike, p: int) -> np.ndarray:
    """(n, p) covariates, NaN where missing.

    Raises:
        InputError: they are no numbers, infinite, or of another shape.
    """
    try:
        matrix = np.atleast_2d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError("covariates must be numbers", source="covariates") from error
    if matrix.ndim != 2 or matrix.shape[1] != p or np.isinf(matrix).any():
        raise InputError(
            f"{p} finite covariates of each patient are needed, got shape {matrix.shape}",
            source="covariates",
        )
    return matrix


def row_of(record: Mapping[str, Any], names: Sequence[str]) -> np.ndarray:
    """(p,) covariates of one patient from values by name, NaN where there is none.

    Raises:
        InputError: a value is no number.
    """
    row = np.full(len(names), np.nan)
    for i, name in enumerate(names):
        value = record.get(name)
        if value is None:
            continue
        if isinstance(value, str | bytes):
            raise InputError(f"{value!r} is not a number", source=name, remedy="give a number")
        row[i] = float(value)
    return row


def _medians(table: TreatmentTable) -> tuple[np.ndarray, np.ndarray]:
    """(p,) medians over both arms, 0 where nobody has a value; (p,) numbers of missing values."""
    missing = np.isnan(table.values)
    known = ~missing.all(axis=0)
    median = np.zeros(len(table.names))
    median[known] = np.nanmedian(table.values[:, known], axis=0)
    return median, missing.sum(axis=0)


def _filled(table: TreatmentTable, median: np.ndarray) -> TreatmentTable:
    values = np.where(np.isnan(table.values), median, table.values)
    return TreatmentTable(replace(table.features, values=values), table.treatment)


def arm_members(table: TreatmentTable, arm: str, settings: ArmSettings) -> np.ndarray:
    """(n,) True for the arm's patients, if they can carry a model.

    Raises:
        StatisticsError: too few of them died, or follow-up ends before what is to be told.
    """
    rows = table.given(arm)
    if not rows.any():
        raise StatisticsError(
            f"nobody was given {ARM_WORDS[arm]}", source=arm,
            remedy="both treatments are needed to compare them",
        )  # fmt: skip
    outcome = table.outcome.subset(rows)
    if outcome.n_events < settings.min_events:
        raise StatisticsError(
            f"{outcome.n_events} of {count_of(len(outcome), 'patient')} died, "
            f"{settings.min_events} deaths are needed",
            source=arm,
            remedy="wait for longer follow-up, or add patients",
        )
    last = float(outcome.time_months.max())
    if last < settings.last_month:
        raise StatisticsError(
            f"follow-up ends at {last:.1f} months, but {settings.last_month:g} months are to be told",
            source=arm,
            remedy=f"choose horizons and months counted of at most {last:.0f}",
        )
    return rows


def _borrowed_settings(
    parts: Mapping[str, TreatmentTable], settings: ArmSettings, seed: int
) -> dict[str, ArmSettings]:
    """By arm, the settings with what the other arm's patients suggest."""
    if not settings.borrow:
        return dict.fromkeys(parts, settings)
    quick = replace(settings, n_draws=2)
    alone = {
        arm: fit_posterior(
            fit_standardizer(part.values, part.names), part.values, part.outcome, quick, seed
        )
        for arm, part in parts.items()
    }
    return {
        arm: replace(
            settings, prior=with_other_arm(settings.prior, alone[other_arm(arm)], settings.borrow)
        )
        for arm in parts
    }


def _ridge_cox(settings: ArmSettings, executor: Executor | None) -> FitArm:
    def fit(part: TreatmentTable, arm: str, seed: int, progress: Progress) -> ArmModel:
        standardizer = fit_standardizer(part.values, part.names)
        if settings.uncertainty == "bootstrap":
            return fit_bootstrap(
                standardizer, part.values, part.outcome, settings, seed,
                progress=progress, executor=executor,
            )  # fmt: skip
        return fit_posterior(
            standardizer, part.values, part.outcome, settings, seed,
            widening=settings.widening or 1.0,
        )  # fmt: skip

    return fit
