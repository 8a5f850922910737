"""The nomogram of one arm's model: clinical values on axes of their own, images as one score.

A dozen lesion signs that move together would fill a nomogram with axes that nobody can read a value
for. What they add to the log hazard is summed to one axis, the image score: 0 in the arm's average
training patient, 1 where the hazard is e times as high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.coxph import CoxModel
from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.models.nomogram_cox import CategoryTerm, NumberTerm, Term, cox_nomogram
from hccsurv_core.models.nomogram_curves import TRANSFORMS
from hccsurv_core.models.nomogram_variables import AxisRange
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS
from hccsurv_core.systems.treatment.arms import ArmModels

#: Name and label of the axis of all that images say.
IMAGE_SCORE, IMAGE_LABEL = "image_score", "Image score"
NO, YES = "no", "yes"
#: Axes end at these training quantiles: a single wild value must not squeeze all others.
_ENDS = (0.01, 0.99)


def image_score(model: CoxPosterior, values: np.ndarray, clinical: Sequence[str]) -> np.ndarray:
    """What the covariates that are not clinical add to the log hazard.

    Args:
        model: of the arm.
        values: (n, p) of its covariates, filled.
        clinical: names of the clinical ones.

    Returns:
        (n,), 0 on average over the arm's training patients.
    """
    used = [name for name, u in zip(model.names, model.standardizer.used, strict=True) if u]
    mine = np.array([name not in clinical for name in used], dtype=bool)
    return model.standardizer.apply(values)[:, mine] @ model.coef[mine]


def arm_nomogram(
    arms: ArmModels,
    arm: str,
    covariates: Sequence[Covariate],
    values: np.ndarray,
    *,
    cohort: str,
    simulated: bool,
) -> Nomogram:
    """The nomogram of one arm.

    Args:
        arms: fitted; ridge Cox models.
        arm: whose.
        covariates: the clinical ones, the first of the arms' covariates.
        values: (n, p) of the arm's training patients.
        cohort: name of the training cohort.

    Raises:
        StatisticsError: nothing has an effect.
    """
    model = arms.models[arm]
    if not isinstance(model, CoxPosterior):
        raise TypeError(f"the arm is no Cox model but {type(model).__name__}")
    filled = arms.filled(values)
    whole = model.cox_model()
    clinical = [c for c in covariates if c.name in whole.names]
    columns = [model.names.index(c.name) for c in clinical]
    score = image_score(model, filled, [c.name for c in covariates])
    matrix = filled[:, columns]
    reduced = _with_score(whole, [c.name for c in clinical])
    terms: list[Term] = [
        _term(c, matrix[:, k]) for k, c in enumerate(clinical)
    ]  # fmt: skip
    if IMAGE_SCORE in reduced.names:
        matrix = np.column_stack((matrix, score))
        axis = AxisRange.of_training(score, quantiles=_ENDS, name=IMAGE_LABEL)
        terms.append(NumberTerm(IMAGE_SCORE, IMAGE_LABEL, (IMAGE_SCORE,), axis))
    return cox_nomogram(
        reduced, terms,
        title=f"Survival after {ARM_WORDS[arm]}",
        horizons_months=arms.settings.horizons_months,
        cohort=cohort,
        simulated=simulated,
        follow_up_months=max(model.notes.last_month, arms.settings.horizons_months[-1]),
        training_matrix=matrix,
        leave_out=True,
    )  # fmt: skip


def nomogram_record(
    arms: ArmModels, arm: str, covariates: Sequence[Covariate], values: np.ndarray
) -> dict[str, object]:
    """One patient as an arm's nomogram takes it; what is not known is as the model takes it.

    Args:
        values: (p,) covariates, NaN where missing.
    """
    model = arms.models[arm]
    filled = arms.filled(values)[0]
    at = {name: float(v) for name, v in zip(arms.names, filled, strict=True)}
    record: dict[str, object] = {}
    for c in covariates:
        shown = TRANSFORMS[c.transform].inverse(at[c.name])
        record[c.name] = shown if c.kind == "number" else (YES if at[c.name] >= 0.5 else NO)
    if isinstance(model, CoxPosterior) and len(arms.names) > len(covariates):
        names = [c.name for c in covariates]
        record[IMAGE_SCORE] = float(image_score(model, filled[None], names)[0])
    return record


def _with_score(model: CoxModel, clinical: Sequence[str]) -> CoxModel:
    """The model with everything but the clinical covariates replaced by what it adds up to."""
    at = [model.names.index(name) for name in clinical]
    others = [k for k in range(len(model.names)) if k not in at]
    if not others or not np.any(model.coef[others]):
        coef, means, covariance = model.coef[at], model.means[at], model.covariance[np.ix_(at, at)]
        return replace(model, names=tuple(clinical), coef=coef, means=means, covariance=covariance)
    # One more unit of score is one more unit of log hazard; how sure that is does not matter here.
    covariance = np.zeros((len(at) + 1, len(at) + 1))
    covariance[:-1, :-1] = model.covariance[np.ix_(at, at)]
    return replace(
        model,
        names=(*clinical, IMAGE_SCORE),
        coef=np.append(model.coef[at], 1.0),
        means=np.append(model.means[at], 0.0),
        covariance=covariance,
    )


def _term(c: Covariate, values: np.ndarray) -> Term:
    if c.kind == "yes_no":
        share = float(values.mean())
        return CategoryTerm(c.name, c.label, (NO, YES), {YES: c.name}, (1 - share, share))
    shown = np.array([TRANSFORMS[c.transform].inverse(float(v)) for v in values])
    low, high = np.quantile(shown, _ENDS)
    ends = _ENDS if high > low else (0.0, 1.0)
    axis = AxisRange.of_training(shown, quantiles=ends, name=c.label)
    return NumberTerm(
        c.name, c.label, (c.name,), axis, c.unit, c.transform, whole=c.whole
    )  # fmt: skip


def nomograms_of(
    arms: ArmModels,
    covariates: Sequence[Covariate],
    values: Mapping[str, np.ndarray],
    *,
    cohort: str,
    simulated: bool,
) -> dict[str, Nomogram]:
    """The nomogram of each arm, by treatment."""
    return {
        arm: arm_nomogram(
            arms, arm, covariates, values[arm], cohort=cohort, simulated=simulated
        )
        for arm in arms.models
    }  # fmt: skip
