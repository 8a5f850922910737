"""What is believed of what the pictures show before any outcome is seen.

Four things. Signs that are views of one trait of the tumor are expected to act together, and a trait is
expected to matter more than a single clinical value; which way it acts is left to the patients. And
traits of an aggressive tumor (patchy, mosaic, lobulated, with dead parts and satellites, without a
capsule) are expected to go together and to make things worse, so that some hundred events need tell
one common strength rather than six. What says little of how aggressive it is (size, shape,
echogenicity, the parenchyma about it) is expected to matter less. All are beliefs, not findings: widths
were chosen on simulated patients (seeds 1, 2, 21, 22: 48 trainings of 289), and a hospital may set its
own in ``early.prior`` and ``death.prior``.
"""

from __future__ import annotations

from collections.abc import Sequence

from hccsurv_core.models.prior_ridge import Prior, PriorGroup
from hccsurv_core.systems.ceus.dlr import DLR_NAMES

#: How far a trait may move the log hazard, a sign may leave its trait, any other covariate may move,
#: and all traits of an aggressive tumor may move together.
TRAIT_SPREAD, SIGN_SCALE, OTHER_SCALE, AGGRESSIVE_SPREAD = 1.0, 0.25, 0.25, 3.0
#: Traits that are expected to matter less, and by which share.
PLAIN, PLAIN_SHARE = ("size", "shape", "echogenicity", "parenchyma"), 0.5
#: How far a signature may: it tells little that the signs do not. On simulated patients (seeds 1 and 2)
#: 1.0 gave death nothing and early recurrence less than 0.25 did.
SIGNATURE_SCALE = 0.25
#: By group of signs: +1 where more is expected to be worse, −1 where less is.
AGGRESSIVE = {
    "heterogeneity": 1.0, "mosaic": 1.0, "margin": 1.0, "necrosis": 1.0, "satellites": 1.0,
    "capsule": -1.0,
}  # fmt: skip


def image_prior(names: Sequence[str]) -> Prior | None:
    """The prior of covariates with signs or signatures among them; None where there are none.

    Args:
        names: of the covariates.
    """
    from hccsurv_core.systems.ceus.signs import GROUP_OF

    groups: list[PriorGroup] = []
    common: dict[str, float] = {}
    scales = {name: SIGNATURE_SCALE for name in names if name in DLR_NAMES}
    for group in dict.fromkeys(GROUP_OF.values()):
        views = [name for name in names if GROUP_OF.get(name) == group]
        if not views:
            continue
        share = PLAIN_SHARE if group in PLAIN else 1.0
        groups.append(PriorGroup(dict.fromkeys(views, 1.0), share * TRAIT_SPREAD))
        scales |= {name: share * SIGN_SCALE for name in views if group in PLAIN}
        if group in AGGRESSIVE:
            common |= dict.fromkeys(views, AGGRESSIVE[group])
    if common:
        groups.append(PriorGroup(common, AGGRESSIVE_SPREAD))
    if not groups and not scales:
        return None
    return Prior(tuple(groups), SIGN_SCALE, OTHER_SCALE, scales)
