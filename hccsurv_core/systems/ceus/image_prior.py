"""What is believed of what the pictures show before any outcome is seen.

Signs that are views of one trait of the tumor are expected to act together, and a trait is expected
to matter more than a single clinical value. Which way it acts is left to the patients. Both are
beliefs, not findings; a hospital may set its own in ``early.prior`` and ``death.prior``.
"""

from __future__ import annotations

from collections.abc import Sequence

from hccsurv_core.models.prior_ridge import Prior, PriorGroup
from hccsurv_core.systems.ceus.dlr import DLR_NAMES

#: How far a trait may move the log hazard, a sign may leave its trait, and any other covariate may move.
TRAIT_SPREAD, SIGN_SCALE, OTHER_SCALE = 1.5, 0.5, 0.5


def image_prior(names: Sequence[str]) -> Prior | None:
    """The prior of covariates with signs or signatures among them; None where there are none.

    Args:
        names: of the covariates.
    """
    from hccsurv_core.systems.ceus.signs import TRAITS

    groups = []
    for members in TRAITS:
        views = [name for name in names if name in members]
        if views:
            groups.append(PriorGroup(dict.fromkeys(views, 1.0), TRAIT_SPREAD))
    scores = {name: TRAIT_SPREAD for name in names if name in DLR_NAMES}
    if not groups and not scores:
        return None
    return Prior(tuple(groups), SIGN_SCALE, OTHER_SCALE, scores)
