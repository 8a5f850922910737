"""From many features to a few for survival, step by step and on record.

The chain for overall survival of Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392 (doi
10.4251/wjgo.v14.i12.2380): features whose own C-index is above 0.58, the best 50 of them, L1 Cox
model. What is fitted comes from the patients that are given, so give training patients alone;
:func:`cross_fit_survival_chain` does that inside each fold.

The paper's last step, a threshold on the score by X-tile, is learned from the score, not from the
features: see :mod:`hccsurv_core.systems.ceus.risk_classes_cutoffs`. The paper's own threshold, 0.52,
is one of the paper's own score and means nothing here.

A rule on the C-index alone lets features through by chance, the more the fewer the deaths are: with
a hundred deaths among 289 patients about one in a hundred of those that mean nothing, with thirty
about one in seven. How many is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import BundleError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.chain_folds import CrossFitted, cross_fit
from hccsurv_core.models.chain_result import ChainResult
from hccsurv_core.models.feature_gate import FeatureGate, gate_mask
from hccsurv_core.models.selection_chain import Signature
from hccsurv_core.models.selection_chain_lasso import FEWEST_EVENTS, LassoPath, fit_lasso
from hccsurv_core.models.standardize import fit_standardizer
from hccsurv_core.models.survival_chain_report import (
    SurvivalCourse,
    SurvivalFate,
    fates,
    steps,
)
from hccsurv_core.models.survival_chain_settings import (
    SurvivalChainSettings,
    survival_chain_settings_from_json,
)
from hccsurv_core.models.univariate_concordance import univariate_concordance
from hccsurv_core.progress import Progress, part_of, silent


@dataclass(frozen=True, eq=False, kw_only=True)
class SurvivalChainResult(ChainResult):
    """What the chain did with every feature; ``signature`` is a log hazard ratio to the average
    training patient.
    """

    settings: SurvivalChainSettings
    signature: Signature
    features: tuple[SurvivalFate, ...]
    lasso: LassoPath | None


def fit_survival_chain(
    table: FeatureTable,
    settings: SurvivalChainSettings | None = None,
    *,
    gate: FeatureGate | None = None,
    progress: Progress = silent,
) -> SurvivalChainResult:
    """Run the chain on training patients.

    Args:
        table: features and outcome; missing values are filled with the median, and more than five
            standard deviations from the mean count as five in every step.
        settings: default :class:`SurvivalChainSettings`.
        gate: features that may take part, decided without outcomes.
        progress: told as it goes; may cancel.

    Raises:
        TableError: there is no outcome.
        InputError: no feature passes the gate.
        StatisticsError: no feature varies, or there are fewer than five events.
    """
    settings = settings or SurvivalChainSettings()
    outcome = table.require_outcome()
    if outcome.n_events < FEWEST_EVENTS:
        raise StatisticsError(
            f"{outcome.n_events} events among {len(outcome)} patients are too few to select by",
            source="selection",
            remedy="give more patients, or longer follow-up",
        )
    allowed = gate_mask(gate, table.names)
    scales = fit_standardizer(table.values, table.names)
    tested = np.flatnonzero(allowed & scales.used)
    if not tested.size:
        raise StatisticsError(
            "no feature that passes differs between the training patients", source="selection",
            remedy="check the table's columns",
        )  # fmt: skip
    scaled = scales.apply(table.values)[:, allowed[scales.used]]
    alone = univariate_concordance(scaled, outcome, progress=part_of(progress, 0.0, 0.5))
    distance = np.abs(alone.c_index - 0.5)
    far = np.flatnonzero(distance > settings.distance)
    # Of equal ones the first in the table's order.
    best = np.sort(far[np.argsort(-distance[far], kind="stable")[: settings.n_best]])
    lasso, coef = None, np.zeros(len(table.names))
    if best.size:
        inner = part_of(progress, 0.5, 1.0)
        lasso = fit_lasso(scaled[:, best], outcome, settings.lasso, progress=inner)
        coef[tested[best]] = lasso.coef[lasso.chosen]
    selected = np.flatnonzero(coef)
    course = SurvivalCourse(
        scales, allowed, tested, alone, tested[far], tested[best], lasso, coef
    )  # fmt: skip
    progress(1.0, "features are selected")
    return SurvivalChainResult(
        settings=settings,
        gate=gate,
        signature=Signature(scales.subset(selected) if selected.size else None, coef[selected]),
        steps=steps(course, gate, settings),
        features=fates(course, gate),
        lasso=lasso,
        n=len(outcome),
        n_events=outcome.n_events,
    )


def cross_fit_survival_chain(
    table: FeatureTable,
    settings: SurvivalChainSettings | None = None,
    *,
    gate: FeatureGate | None = None,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> CrossFitted[SurvivalChainResult]:
    """Select inside each fold and score those outside, as log hazards.

    Args:
        table, settings, gate: as for :func:`fit_survival_chain`.
        n_folds: events are spread evenly over them.
        seed: of these folds; the chain's own are of ``settings.seed``.
        progress: told as it goes; may cancel.

    Raises:
        InputError: fewer than two folds. And as for :func:`fit_survival_chain`.
    """
    return cross_fit(
        table,
        table.require_outcome().event,
        lambda rows, inner: fit_survival_chain(
            table.subset(rows), settings, gate=gate, progress=inner
        ),
        n_folds=n_folds,
        seed=seed,
        progress=progress,
    )


def survival_chain_from_parts(
    data: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> tuple[SurvivalChainSettings, Signature]:
    """Settings and signature out of :meth:`SurvivalChainResult.to_json` and the signature's tensors.

    Raises:
        BundleError: they are not of a signature.
    """
    try:
        names = tuple(map(str, data["selected"]))
        settings = survival_chain_settings_from_json(data["settings"])
    except (KeyError, TypeError) as error:
        raise BundleError(f"describes no signature ({error!r})", source="signature") from error
    return settings, Signature.from_tensors(names, tensors)
