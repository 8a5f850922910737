"""What one arm's model may learn from the other's patients.

Most of what shortens life with a liver tumor does so whatever is done: a poor liver, spread, size. An
arm of eighty patients that has to find all of that out alone finds half of it. The other arm's
coefficients, fitted on other patients, are therefore one more direction in which this arm's may move
at little cost: a group of the prior (:class:`~hccsurv_core.models.prior_ridge.PriorGroup`) whose
weights they are. How far it moves there, if at all, and even the other way, its own patients decide;
each covariate may still go its own way, which is what a choice between treatments rests on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.prior_ridge import Prior, PriorGroup


def with_other_arm(prior: Prior | None, other: CoxPosterior, spread: float) -> Prior:
    """A prior with the other arm's coefficients as one more direction.

    Args:
        prior: of this arm; None is the ordinary ridge.
        other: the other arm's model.
        spread: how far this arm may move along them, in the unit of the prior's scales.

    Returns:
        The prior as it was, where the other arm has no effect at all.
    """
    own = Prior() if prior is None else prior
    used = [name for name, u in zip(other.names, other.standardizer.used, strict=True) if u]
    length = float(np.linalg.norm(other.coef))
    if not spread or length == 0 or not used:
        return own
    grouped = {name for group in own.groups for name in group.features}
    # Being in this group must not change how far a covariate may move on its own.
    scales = {name: own.own_scale if name in grouped else own.free_scale for name in used}
    weights = other.coef / length * np.sqrt(len(used))
    direction = PriorGroup(dict(zip(used, map(float, weights), strict=True)), spread)
    return replace(own, groups=(*own.groups, direction), own_scales={**scales, **own.own_scales})
