"""What is believed of what the pictures show before any outcome is seen.

Four things. Signs that are views of one trait of the tumor are expected to act together, and a trait is
expected to matter more than a single clinical value; which way it acts is left to the patients. And
traits of an aggressive tumor (patchy, mosaic, lobulated, with dead parts and satellites, without a
capsule, with washout by the portal phase) are expected to go together and to make things worse, so
that some hundred events need tell one common strength rather than seven. What says little of how
aggressive it is (size, shape, echogenicity, the parenchyma about it) is expected to matter less. All are
beliefs, not findings: widths were chosen on simulated patients (seeds 1, 2, 21 to 25: trainings of 289),
and a hospital may set its own in ``early.prior`` and ``death.prior``.
"""

from __future__ import annotations

from collections.abc import Sequence

from hccsurv_core.models.prior_ridge import Prior, PriorGroup
from hccsurv_core.systems.ceus.covariates import PORTAL_WASHOUT
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
    "capsule": -1.0, "washout": 1.0,
}  # fmt: skip
#: What the report tells of a trait that the stills do not show.
_REPORTED = {PORTAL_WASHOUT: "washout"}


def image_prior(names: Sequence[str]) -> Prior | None:
    """The prior of covariates with signs or signatures among them; None where there are none.

    Args:
        names: of the covariates.
    """
    from hccsurv_core.systems.ceus.signs import GROUP_OF

    if not any(name in GROUP_OF or name in DLR_NAMES for name in names):
        return None
    trait_of = GROUP_OF | _REPORTED
    groups: list[PriorGroup] = []
    common: dict[str, float] = {}
    scales = {name: SIGNATURE_SCALE for name in names if name in DLR_NAMES}
    for group in dict.fromkeys(trait_of.values()):
        views = [name for name in names if trait_of.get(name) == group]
        if not views:
            continue
        share = PLAIN_SHARE if group in PLAIN else 1.0
        groups.append(PriorGroup(dict.fromkeys(views, 1.0), share * TRAIT_SPREAD))
        scales |= {name: share * SIGN_SCALE for name in views if group in PLAIN}
        if group in AGGRESSIVE:
            common |= dict.fromkeys(views, AGGRESSIVE[group])
    if common:
        groups.append(PriorGroup(common, AGGRESSIVE_SPREAD))
    return Prior(tuple(groups), SIGN_SCALE, OTHER_SCALE, scales)
