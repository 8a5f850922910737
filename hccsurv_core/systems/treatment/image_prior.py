"""What is believed of lesion signs before any outcome is seen.

Two things. Several signs are views of one trait of the tumor (its capsule, its corona, how it grows), so
they are expected to act together. And what a tumor shows on CT is expected to matter more than a single
clinical value. Both are beliefs, not findings. Which way a trait acts is left to the patients. Widths
were chosen on cohorts of seeds 1 to 3 with signs drawn as they were measured on simulated patients; a
hospital may set its own in ``arms.prior``.
"""

from __future__ import annotations

from collections.abc import Sequence

from hccsurv_core.models.prior_ridge import Prior, PriorGroup

#: Traits, and the groups of signs that are views of them.
TRAITS: tuple[tuple[str, ...], ...] = (
    ("enhancement",), ("necrosis",), ("capsule",), ("corona",), ("margin", "heterogeneity"),
)  # fmt: skip
#: Enhancement in the arterial phase and washout in the portal venous one are no views of one trait.
_ALONE = ("washout_hu",)
#: How far a trait may move the hazard, a sign may leave its trait, and any other covariate may move.
TRAIT_SPREAD, SIGN_SCALE, OTHER_SCALE = 1.5, 0.3, 0.5
#: How many times as far as the posterior says coefficients are drawn where there are signs. A belief that
#: several signs act as one is never quite true, and the posterior takes it for certain: trainings of 286
#: patients differ by more than it says. Chosen on simulated tables of seeds 201 to 209.
WIDENING = 1.25


def image_prior(names: Sequence[str]) -> Prior | None:
    """The prior of covariates with lesion signs among them; None where there are none.

    Args:
        names: of the covariates.
    """
    from hccsurv_core.features.lesion_signs import SIGNS
    from hccsurv_core.systems.treatment.deep_settings import DEEP_NAMES
    from hccsurv_core.systems.treatment.signs import SIGN

    trait = {SIGN + sign.name: sign.group for sign in SIGNS if sign.name not in _ALONE}
    groups = []
    for members in TRAITS:
        views = [name for name in names if trait.get(name) in members]
        if views:
            groups.append(PriorGroup(dict.fromkeys(views, 1.0), TRAIT_SPREAD))
    scores = {name: TRAIT_SPREAD for name in names if name in DEEP_NAMES}
    if not groups and not scores:
        return None
    return Prior(tuple(groups), SIGN_SCALE, OTHER_SCALE, scores)
