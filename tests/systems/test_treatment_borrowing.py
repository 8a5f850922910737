"""One arm learns from the other, and from what is believed of lesion signs: suggestions, no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from treatment_cohorts import draw

from hccsurv_core.errors import InputError
from hccsurv_core.models.prior_ridge import Prior, PriorGroup
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.arms import fit_arms
from hccsurv_core.systems.treatment.borrowing import with_other_arm
from hccsurv_core.systems.treatment.image_prior import TRAIT_SPREAD, image_prior

APART, TOGETHER = ArmSettings(n_draws=2, borrow=0.0), ArmSettings(n_draws=2)


def test_the_other_arm_s_coefficients_are_one_more_direction_of_the_prior():
    other = fit_arms(draw(300, 1).table, APART).models["tace"]
    given = Prior((PriorGroup({"size": 1.0}),), own_scale=0.2, free_scale=0.7)
    found = with_other_arm(given, other, 2.0)
    assert found.groups[0] == given.groups[0]
    names = other.names
    plain, more = given.matrix(names), found.matrix(names)
    # Own parts as they were; the new column is the coefficients, of length 2.
    np.testing.assert_allclose(more[:, : plain.shape[1]], plain)
    np.testing.assert_allclose(more[:, -1], 2.0 * other.coef / np.linalg.norm(other.coef))


def test_nothing_is_borrowed_where_that_is_asked_for_or_nothing_is_there():
    other = fit_arms(draw(300, 1).table, APART).models["tace"]
    assert with_other_arm(None, other, 0.0) == Prior()
    assert with_other_arm(None, replace(other, coef=0 * other.coef), 2.0) == Prior()


def test_a_small_arm_ranks_new_patients_better_where_the_arms_have_much_in_common():
    """Mean over cohorts; the arms of these share three of four effects."""
    gain = []
    for seed in range(12):
        drawn, new = draw(160, seed), draw(1500, 900 + seed)
        rows = new.table.given("tace")
        for settings in (APART, TOGETHER):
            model = fit_arms(drawn.table, settings).models["tace"]
            gain.append(
                harrell_c(new.table.outcome.subset(rows), model.risk_score(new.table.values[rows]))
            )
    apart, together = np.array(gain).reshape(-1, 2).T
    assert (together - apart).mean() > 0


def test_arms_with_opposite_effects_stay_opposite():
    drawn = draw(600, 3)
    flipped = drawn.table.features.values.copy()
    # For those given TACE size now acts the other way round.
    flipped[drawn.table.tace, 0] *= -1
    table = replace(drawn.table, features=replace(drawn.table.features, values=flipped))
    coef = {arm: fit_arms(table, TOGETHER).models[arm].coef[0] for arm in ARMS}
    assert coef["hepatectomy"] > 0.3
    assert coef["tace"] < 0


def test_borrowing_cannot_be_negative():
    with pytest.raises(InputError, match="borrow is 0 or more"):
        ArmSettings(borrow=-1.0)


def test_signs_that_are_views_of_one_trait_move_together():
    from hccsurv_core.features.lesion_signs import SIGNS
    from hccsurv_core.systems.treatment.signs import SIGN_NAMES

    prior = image_prior(("albi", *SIGN_NAMES, "cnn.tace"))
    grouped = [name for group in prior.groups for name in group.features]
    assert len(grouped) == len(set(grouped))
    assert "sign.washout_hu" not in grouped
    capsule = {f"sign.{s.name}" for s in SIGNS if s.group == "capsule"}
    assert capsule in [set(group.features) for group in prior.groups]
    assert prior.own_scales == {"cnn.tace": TRAIT_SPREAD}


def test_without_images_there_is_no_such_prior():
    assert image_prior(("albi", "age_years")) is None
