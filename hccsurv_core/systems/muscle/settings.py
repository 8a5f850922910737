"""What can be chosen about the training of system 1, and what is tried where nothing is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.models.prior_ridge import prior_from_json
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.models.rivals import RIVALS
from hccsurv_core.settings_json import Parts, read_settings
from hccsurv_core.systems.muscle.cohort_recipe import cohort_recipes, is_cohort_table

#: Up to here networks take features as they are; the paper's code has as many numbers.
WIDE = 100
AUTO = "auto"


@dataclass(frozen=True)
class MuscleSettings:
    """Settings of a training.

    Args:
        representation: "auto" (autoencoder for wide tables, none for narrow ones), "none", "pca"
            or "autoencoder".
        head: "deep" or "linear".
        scaling: "auto" (piecewise for narrow tables, normal scores for wide ones), "piecewise",
            "normal-score" or "z-score"; clinical features beside a code are piecewise.
        n_codes: width of the representation; the paper's is 100.
        joint: the autoencoder goes on learning, together with the hazard; else it is trained
            first and stays as it is. Of no effect where nothing is encoded.
        clinical: features that are not encoded but stand beside the code.
        n_members: networks of the ensemble.
        n_folds: of the cross-validation that chooses the recipe and judges it.
        n_repeats: of it; 0 takes more for fewer patients.
        fold_members: networks of each fold's ensemble.
        horizons_months: at which survival is told and judged.
        rivals: what the model is held against.
        network, autoencoder: shape and training, where the recipes do not say otherwise.
        recipes: what is tried; empty takes :func:`default_recipes`.
    """

    representation: str = AUTO
    head: str = "deep"
    scaling: str = AUTO
    n_codes: int = 100
    joint: bool = False
    clinical: tuple[str, ...] = ()
    n_members: int = 20
    n_folds: int = 5
    n_repeats: int = 0
    fold_members: int = 5
    horizons_months: tuple[float, ...] = (12.0, 36.0, 60.0)
    rivals: tuple[str, ...] = tuple(RIVALS)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    recipes: tuple[Recipe, ...] = ()

    def __post_init__(self) -> None:
        for name in ("clinical", "horizons_months", "rivals", "recipes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.n_members < 2 or self.fold_members < 1 or self.n_folds < 2 or self.n_repeats < 0:
            raise InputError(
                "an ensemble has 2 or more members, a cross-validation 2 or more folds",
                source="settings",
            )
        if self.joint and (self.representation not in (AUTO, "autoencoder") or self.head != "deep"):
            raise InputError(
                "only an autoencoder and a deep head can be trained jointly", source="settings",
                remedy="choose both, or train them apart",
            )  # fmt: skip
        if not self.horizons_months or any(h <= 0 for h in self.horizons_months):
            raise InputError("horizons are positive months", source="settings")
        unknown = [name for name in self.rivals if name not in RIVALS]
        if unknown:
            raise InputError(
                f"no rival is called {unknown[0]!r}", source="settings",
                remedy=f"use some of {', '.join(RIVALS)}",
            )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def repeats(self, n: int) -> int:
        """Cross-validations of n patients."""
        if self.n_repeats:
            return self.n_repeats
        return 3 if n < 1000 else 2 if n < 3000 else 1


def resolve_recipes(settings: MuscleSettings, names: Sequence[str]) -> tuple[Recipe, ...]:
    """What is tried on a table with these features.

    Raises:
        InputError: a clinical feature is not in the table.
    """
    lacking = [name for name in settings.clinical if name not in set(names)]
    if lacking:
        raise InputError(
            f"the clinical feature {lacking[0]!r} is not in the table", source="settings"
        )
    if settings.recipes:
        return settings.recipes
    if is_cohort_table(names) and not settings.clinical:
        base = default_recipes(settings, len(names))[0]
        # The prior of a cohort's recipes scales codes itself.
        return cohort_recipes(replace(base, code_scale="unit"), names)
    return default_recipes(settings, len(names) - len(settings.clinical))


def default_recipes(settings: MuscleSettings, n_encoded: int) -> tuple[Recipe, ...]:
    """The small fixed grid."""
    representation = settings.representation
    if representation == AUTO:
        representation = "autoencoder" if n_encoded > WIDE else "none"
    scaling = settings.scaling
    if scaling == AUTO:
        scaling = "piecewise" if representation == "none" and n_encoded <= WIDE else "normal-score"
    base = Recipe(
        scaling=scaling,
        representation=representation,
        n_codes=settings.n_codes,
        head=settings.head,
        network=settings.network,
        autoencoder=replace(settings.autoencoder, n_codes=settings.n_codes),
        joint=settings.joint and representation == "autoencoder",
        bypass=settings.clinical,
    )
    if settings.head == "linear":
        return tuple(
            replace(base, name=f"linear, ridge {p:g}", penalty=p) for p in (0.02, 0.1, 0.5)
        )
    network = settings.network
    words = f"deep {'-'.join(str(units) for units in network.hidden)}"
    if representation != "none":
        words = f"{representation} {settings.n_codes}, {words}{', jointly' if base.joint else ''}"
        return (
            replace(base, name=words),
            replace(base, name=f"{words} beside a line", linear_start=True, penalty=0.1),
            *(
                replace(base, name=f"linear, ridge {p:g}", representation="none", head="linear",
                        penalty=p, joint=False)
                for p in (3.0, 10.0)
            ),
        )  # fmt: skip
    strong = replace(
        network, dropout=max(network.dropout, 0.5), weight_decay=3 * network.weight_decay
    )
    return (
        replace(base, name=words),
        replace(base, name=f"{words}, held back", network=strong),
        replace(base, name=f"{words}, events alike", network=replace(network, at_risk_power=0.0)),
    )


def settings_from_json(found: Mapping[str, Any]) -> MuscleSettings:
    """Back from a bundle or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(MuscleSettings, found, "settings", _PARTS)


def _network(found: Mapping[str, Any]) -> NetworkSettings:
    return read_settings(NetworkSettings, found, "network settings")


def _autoencoder(found: Mapping[str, Any]) -> AutoencoderSettings:
    return read_settings(AutoencoderSettings, found, "autoencoder settings")


def _recipe(found: Mapping[str, Any]) -> Recipe:
    parts = {"network": _network, "autoencoder": _autoencoder, "prior": prior_from_json}
    return read_settings(Recipe, found, "recipe", parts)


def _recipes(found: Sequence[Mapping[str, Any]]) -> tuple[Recipe, ...]:
    return tuple(_recipe(one) for one in found)


#: How a part of the settings comes back from plain values.
_PARTS: Parts = {"network": _network, "autoencoder": _autoencoder, "recipes": _recipes}
