"""A trained model of system 3 as it lies in a bundle, and what it says of one patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.features.ultrasound_signs import SIGNS_VERSION
from hccsurv_core.models.store import Bundle, read_bundle
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.ceus.answer import CeusAnswer, Contribution
from hccsurv_core.systems.ceus.cohort import SYSTEM
from hccsurv_core.systems.ceus.covariates import CLINICAL_COVARIATES, clinical_covariates
from hccsurv_core.systems.ceus.deep_images import NETWORK_PART
from hccsurv_core.systems.ceus.dlr import DLR_PART, DlrSignatures, dlr_values
from hccsurv_core.systems.ceus.endpoints import EndpointModels
from hccsurv_core.systems.ceus.risk_classes import RiskClassRule, rule_from_json
from hccsurv_core.systems.ceus.settings import CLINICAL, COMBINED, settings_from_json
from hccsurv_core.systems.ceus.signs import (
    ENHANCEMENT,
    LEAST_ENHANCEMENT_DB,
    sign_values,
    without_signs,
)
from hccsurv_core.systems.covariates import Covariate, covariate_values
from hccsurv_core.systems.patient_profile import Profile
from hccsurv_core.systems.study_cohort import ImageValues, joined

if TYPE_CHECKING:
    from hccsurv_core.models.cnn.fixed import FixedNetwork
    from hccsurv_core.systems.ceus.image_features import ImageFeatureSettings, Stills

#: Curves are told every so many months.
STEP_MONTHS = 0.5
LEVEL = 0.95

#: A value may lie this share of the training patients' standard deviation beyond their range.
_TOLERANCE_SD = 0.5
_AGAIN = "train it again with this version"


@dataclass(frozen=True, eq=False)
class CeusModel:
    """A bundle that was read.

    Args:
        models, rules: by version.
        covariates: the clinical ones.
        image_names: covariates that are measured on pictures; empty without.
        signatures: of the pictures' features; None without.
        description: of the bundle; sha256: its name.
        network_tensors: of the network whose features the signatures look at; empty without.
        folder: of the bundle.
    """

    models: Mapping[str, EndpointModels]
    rules: Mapping[str, RiskClassRule]
    covariates: tuple[Covariate, ...]
    image_names: tuple[str, ...]
    signatures: DlrSignatures | None
    description: Mapping[str, Any]
    sha256: str
    network_tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> CeusModel:
        """Read a bundle folder.

        Raises:
            BundleError: it is none, was changed, or is of another system.
        """
        return cls.from_bundle(read_bundle(folder))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> CeusModel:
        """From a bundle.

        Raises:
            BundleError: it is of another system, or lacks a part.
        """
        bundle.require_system(SYSTEM)
        d = bundle.description
        if d.get("image_covariates") and d.get("signs_version") != SIGNS_VERSION:
            raise BundleError(
                "learned from signs that an earlier version measured otherwise",
                source=str(bundle.folder), remedy=_AGAIN,
            )  # fmt: skip
        try:
            return cls(
                {
                    version: EndpointModels.from_parts(found, bundle.tensors_of(version))
                    for version, found in d["models"].items()
                },
                {version: rule_from_json(found["rule"]) for version, found in d["classes"].items()},
                clinical_covariates([c["name"] for c in d["covariates"]]),
                tuple(c["name"] for c in d["image_covariates"]),
                None
                if d["signatures"] is None
                else DlrSignatures.from_parts(d["signatures"], bundle.tensors_of(DLR_PART)),
                d,
                bundle.sha256,
                bundle.tensors_of(NETWORK_PART) if d.get(NETWORK_PART) else {},
                bundle.folder,
            )
        except (KeyError, TypeError, InputError) as error:
            raise BundleError(
                f"lacks a part of a CEUS model ({error})", source=str(bundle.folder), remedy=_AGAIN
            ) from error

    @property
    def simulated(self) -> bool:
        """Whether its training patients were drawn by a computer."""
        return bool(self.description["training"]["simulated"])

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(self.models)

    @cached_property
    def network(self) -> FixedNetwork | None:
        """Whose features the signatures look at; None where they look at none.

        Raises:
            BundleError: a part is missing.
        """
        if not self.network_tensors:
            return None
        from hccsurv_core.models.cnn.fixed import fixed_network_from_parts

        return fixed_network_from_parts(self.description[NETWORK_PART], self.network_tensors)

    @property
    def measured(self) -> ImageFeatureSettings:
        """What is measured on a patient's pictures for this model: what it looks at, no more."""
        chosen = settings_from_json(self.description["settings"]).measured
        names = () if self.signatures is None else self.signatures.names
        if not any(".deep." in name for name in names):
            chosen = replace(chosen, deep=None, weights=None)
        elif chosen.weights is not None:
            # The file that the model was trained with may be anywhere: its network came along.
            chosen = replace(chosen, weights=None, model=self.folder)
        if not any(".radiomics." in name for name in names):
            chosen = replace(chosen, preset=None)
        return chosen

    def image_values(self, signs: ImageValues, features: FeatureTable | None) -> ImageValues:
        """What the model takes of pictures: signs and signatures.

        Args:
            signs: by patient, as measured. features: radiomics and deep features; None without.

        Raises:
            TableError: a feature that a signature takes is not there.
        """
        if self.signatures is None:
            return signs
        if features is None:
            return joined(signs, dlr_values({}))
        scores = self.signatures.values(features)
        return joined(signs, dlr_values(dict(zip(features.patient_ids, scores, strict=True))))

    def measure(self, stills: Stills) -> dict[str, float]:
        """What the model takes of one patient's pictures, by name.

        Raises:
            InputError: they cannot be measured.
        """
        from hccsurv_core.systems.ceus.image_features import measure_images

        found = measure_images(stills, self.measured, self.network)
        row = np.array([list(found.values())])
        table = FeatureTable(("patient",), tuple(found), row)
        values = self.image_values(sign_values(table), without_signs(table))
        return dict(zip(values.names, map(float, values.matrix(("patient",))[0]), strict=True))

    def choose_version(self, image_values: Mapping[str, float] | None) -> tuple[str, str]:
        """The version that a patient is answered by, and a sentence where pictures are not used.

        Pictures are used where at least half of what the model measures on them is known.
        """
        if COMBINED not in self.models:
            return CLINICAL, ""
        if image_values is None:
            return CLINICAL, "Answered from clinical values alone: the pictures are not outlined."
        known = sum(math.isfinite(image_values.get(n, math.nan)) for n in self.image_names)
        if 2 * known < len(self.image_names):
            return CLINICAL, (
                f"Answered from clinical values alone: only {known} of {len(self.image_names)} signs "
                "of the pictures could be measured."
            )
        return COMBINED, ""

    def answer(
        self, profile: Profile, image_values: Mapping[str, float] | None = None
    ) -> CeusAnswer:
        """What it says of one patient.

        Args:
            profile: see :func:`~hccsurv_core.systems.patient_profile.profile_of`.
            image_values: what was measured on the patient's pictures, by name; None without.

        Raises:
            InputError: a value is no number.
        """
        version, note = self.choose_version(image_values)
        values = covariate_values(profile, self.covariates) | dict(image_values or {})
        models = self.models[version]
        row = np.array([[values.get(name, math.nan) for name in models.names]], dtype=np.float64)
        missing = [n for n, v in zip(models.names, row[0], strict=True) if math.isnan(v)]
        contributions = self._contributions(models, row)
        notes = (note, self._missing(missing), *profile.assumed, *profile.disagreements)
        return CeusAnswer(
            version,
            *self._predict(models, row),
            *self._place(version, models, row),
            contributions,
            tuple(
                f"{c.label} of {c.text}: no training patient had such a value"
                for c in contributions
                if c.outside
            ),
            tuple(n for n in notes if n),
        )

    def _predict(
        self, models: EndpointModels, row: np.ndarray
    ) -> tuple[Banded, tuple[float, ...], Banded, np.ndarray, Banded, Banded]:
        horizons = tuple(float(h) for h in self.description["horizons_months"])
        low, high = models.early.interval(row, level=LEVEL)
        early = Banded(models.early.probability(row), low, high).of(0)
        months = np.arange(0.0, horizons[-1] + STEP_MONTHS / 2, STEP_MONTHS)
        times = np.concatenate([months, horizons])
        tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        draws = np.quantile(models.death.survival_draws(row, times), tails, axis=0)[:, 0]
        survival = models.death.survival(row, times)[0]
        t = months.size
        incidence = models.recurrence.incidence(models.scores(row), months)[0]
        spread = models.recurrence.incidence_draws(
            models.score_draws(row), months, int(self.description["seed"])
        )
        ends = np.quantile(spread, tails, axis=0)[:, 0]
        return (
            early,
            horizons,
            Banded(survival[t:], draws[0, t:], draws[1, t:]),
            months,
            Banded(survival[:t], draws[0, :t], draws[1, :t]),
            Banded(incidence, ends[0], ends[1]),
        )

    def _place(
        self, version: str, models: EndpointModels, row: np.ndarray
    ) -> tuple[int, np.ndarray, dict[str, float], tuple[Mapping[str, Any], ...]]:
        """The class, how sure it is, and where the patient stands among the training patients."""
        told = self.description["classes"][version]
        probability, risk = models.early.probability(row), models.death.risk_score(row)
        rule = self.rules[version]
        draws = models.score_draws(row)
        chances = rule.chances(_probability(draws[:, :, 0]), draws[:, :, 1])[0]
        places = np.linspace(0, 1, len(told["percentiles"]["death"]))
        return (
            int(rule.classify(probability, risk)[0]),
            chances,
            {
                name: float(np.interp(value[0], told["percentiles"][name], places))
                for name, value in (("early_recurrence", probability), ("death", risk))
            },
            tuple(told["training"]),
        )

    def _contributions(self, models: EndpointModels, row: np.ndarray) -> tuple[Contribution, ...]:
        scales = models.death.standardizer
        early = models.early.contributions(row)[0]
        death = np.zeros(len(scales.names))
        np.add.at(death, scales.owner, scales.apply(row)[0] * models.death.coef)
        found = []
        for k, name in enumerate(models.names):
            value = float(row[0, k])
            label, unit, group, shown, text = self._shown(name, value)
            reach = _TOLERANCE_SD * scales.scale[k]
            outside = bool(value > scales.high[k] + reach or value < scales.low[k] - reach)
            found.append(
                Contribution(
                    name, label, unit, group, shown, text, float(early[k]), float(death[k]), outside
                )
            )
        return tuple(
            sorted(found, key=lambda c: -max(abs(c.early_log_odds), abs(c.death_log_hazard)))
        )

    def _shown(self, name: str, value: float) -> tuple[str, str, str, float, str]:
        """Label, unit, group, the value as a person reads it, and that as text."""
        for c in self.covariates:
            if c.name == name:
                if math.isnan(value):
                    return c.label, c.unit, c.group, math.nan, "not known"
                return c.label, c.unit, c.group, c.from_model(value), c.text(value)
        for told in self.description["image_covariates"]:
            if told["name"] == name:
                shown, unit = _plain(value, told["unit"])
                text = "not measured" if math.isnan(value) else f"{shown:.3g} {unit}".rstrip()
                if name == ENHANCEMENT and value <= LEAST_ENHANCEMENT_DB + 1e-6:
                    text += " or less"
                return told["label"], unit, "image", shown, text
        return name, "", "image", value, f"{value:.3g}"

    def _missing(self, names: list[str]) -> str:
        if not names:
            return ""
        labels = [self._shown(n, math.nan)[0] for n in names]
        return f"Not known, and taken as the training patients' median: {', '.join(labels)}."

    @property
    def unknown_to_it(self) -> tuple[str, ...]:
        """Clinical values that no training patient was known of, as labels."""
        left_out = self.description["left_out"]
        return tuple(c.label for c in CLINICAL_COVARIATES if c.name in left_out)


def _plain(value: float, unit: str) -> tuple[float, str]:
    """A sign as a person reads it: logarithms to base 2 are undone."""
    if not unit.startswith("log2"):
        return value, unit
    return 2.0**value, unit.removeprefix("log2").strip()


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))
