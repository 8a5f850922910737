"""What the comparison of retreated with not retreated patients found, as values and in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.systems.ceus.retreatment_effect import ClassEffect, Interaction
from hccsurv_core.systems.ceus.risk_classes import class_of

CAVEAT = (
    "Retreatment was not randomized: patients fit enough, with a recurrence tame enough, were "
    "retreated. Covariates take out what was measured; what was not measured can still be the reason "
    "for a difference, in either direction. Classes with few deaths say little, and the largest of "
    "four effects looks larger than it is."
)


@dataclass(frozen=True, eq=False)
class RetreatmentStudy:
    """Survival after recurrence by retreatment, within classes.

    Args:
        effects: one a class, 1 to 4.
        interaction: whether they differ; interaction_adjusted: with covariates.
        n, n_events: patients with a recurrence, and their deaths.
        n_without, n_unknown, n_before_landmark: left out, see
            :class:`~hccsurv_core.systems.ceus.retreatment.AfterRecurrence`.
        landmark_months: where the clock starts after the recurrence.
        covariates: names; n_adjusted: patients with all of them.
        not_adjusted_because: why there is nothing adjusted; "" otherwise.
    """

    effects: tuple[ClassEffect, ...]
    interaction: Interaction
    interaction_adjusted: Interaction | None
    n: int
    n_events: int
    n_without: int
    n_unknown: int
    n_before_landmark: int
    landmark_months: float
    covariates: tuple[str, ...]
    n_adjusted: int
    not_adjusted_because: str

    @property
    def caveat(self) -> str:
        """What goes with every number of this."""
        return CAVEAT

    def words(self) -> tuple[str, ...]:
        """A sentence a class, and one about the interaction."""
        test = self.interaction_adjusted or self.interaction
        last = f"Whether the effect differs between classes could not be tested: {test.reason}."
        if not test.reason:
            how = ", adjusted" if test is self.interaction_adjusted else ""
            last = (
                f"Test whether the effect differs between classes (likelihood ratio{how}): p "
                f"{_is(test.p)}, {test.n_events} deaths."
            )
        return (*(effect_words(effect) for effect in self.effects), last)

    def to_json(self) -> dict[str, Any]:
        """Plain values, curves included."""
        plain = dict(vars(self))
        plain["effects"] = [effect_json(effect) for effect in self.effects]
        plain["interaction"] = _interaction_json(self.interaction)
        if self.interaction_adjusted is not None:
            plain["interaction_adjusted"] = _interaction_json(self.interaction_adjusted)
        plain["covariates"] = list(self.covariates)
        return {**plain, "words": list(self.words()), "caveat": CAVEAT}


def with_adjusted(
    effects: list[ClassEffect], found: dict[int, tuple[Estimate, float]]
) -> list[ClassEffect]:
    """The same effects with their adjusted hazard ratios and Holm's correction."""
    p = adjust_p_values([found[e.number][1] if e.number in found else np.nan for e in effects])
    return [
        replace(
            effect, adjusted=found[effect.number][0], p_adjusted=found[effect.number][1],
            p_adjusted_corrected=float(corrected),
        )
        if effect.number in found
        else effect
        for effect, corrected in zip(effects, p, strict=True)
    ]  # fmt: skip


def effect_words(effect: ClassEffect) -> str:
    """What a class shows, in a sentence."""
    about = (
        f"Class {effect.number} ({class_of(effect.number).words}): "
        f"{effect.deaths_retreated} of {effect.n_retreated} retreated and {effect.deaths_not} of "
        f"{effect.n_not} not retreated patients died"
    )
    ratio, p, corrected = effect.adjusted, effect.p_adjusted, effect.p_adjusted_corrected
    adjusted = "adjusted " if ratio is not None else ""
    if ratio is None:
        ratio, p, corrected = effect.hazard_ratio, effect.p, effect.p_corrected
    if ratio is None or p is None or corrected is None:
        return f"{about}; {effect.reason}."
    percent = f"{100 * ratio.level:g} %"
    how = f" ({effect.reason})" if effect.reason and not adjusted else ""
    return (
        f"{about}; {adjusted}hazard ratio of those not retreated {ratio.value:.2f} ({percent} "
        f"interval {ratio.ci_low:.2f} to {ratio.ci_high:.2f}), p {_is(p)}, corrected for the "
        f"number of classes {format_p(corrected)}{how}."
    )


def effect_json(effect: ClassEffect) -> dict[str, Any]:
    """Plain values of a class."""
    plain = dict(vars(effect))
    for name in ("curve_retreated", "curve_not", "log_rank", "hazard_ratio", "adjusted"):
        if plain[name] is not None:
            plain[name] = plain[name].to_json()
    return {**plain, "words": effect_words(effect)}


def _interaction_json(test: Interaction) -> dict[str, Any]:
    plain = dict(vars(test))
    plain["statistic"], plain["p"] = plain_number(test.statistic), plain_number(test.p)
    return {**plain, "classes": list(test.classes)}


def _is(p: float) -> str:
    text = format_p(p)
    return text if text[0] in "<>" else f"= {text}"
