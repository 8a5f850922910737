"""A trained model of system 4 as it lies in a bundle, and what it says of one patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.store import Bundle, read_bundle
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.immunotherapy.answer import (
    Contribution,
    ImmunotherapyAnswer,
    VersionAnswer,
)
from hccsurv_core.systems.immunotherapy.clinical import SCORE, clinical_score
from hccsurv_core.systems.immunotherapy.cohort import SYSTEM
from hccsurv_core.systems.immunotherapy.network import NETWORK_PART
from hccsurv_core.systems.immunotherapy.shown import part_of_covariate, shown_value
from hccsurv_core.systems.immunotherapy.tables import NETWORK_D, NETWORK_S, NETWORKS
from hccsurv_core.systems.immunotherapy.versions import FOLLOWED, VERSIONS, best_version
from hccsurv_core.systems.patient_profile import Profile
from hccsurv_core.systems.study_cohort import ImageValues, joined

if TYPE_CHECKING:
    from hccsurv_core.models.crnn.crnn import Crnn
    from hccsurv_core.models.crnn.samples import ScanPictures
    from hccsurv_core.systems.immunotherapy.pictures import ScannedPatient

#: Curves are told every so many months.
STEP_MONTHS = 0.5
LEVEL = 0.95
#: A value may lie this share of the training patients' standard deviation beyond their range.
_TOLERANCE_SD = 0.5
_AGAIN = "train it again with this version"


@dataclass(frozen=True, eq=False)
class ImmunotherapyModel:
    """A bundle that was read.

    Args:
        models: by version.
        description: of the bundle; sha256: its name.
        network_tensors: of the networks; empty without.
        folder: of the bundle.
    """

    models: Mapping[str, CoxPosterior]
    description: Mapping[str, Any]
    sha256: str
    network_tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> ImmunotherapyModel:
        """Read a bundle folder.

        Raises:
            BundleError: it is none, was changed, or is of another system.
        """
        return cls.from_bundle(read_bundle(folder))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> ImmunotherapyModel:
        """From a bundle.

        Raises:
            BundleError: it is of another system, or lacks a part.
        """
        bundle.require_system(SYSTEM)
        d = bundle.description
        try:
            models = {
                version: CoxPosterior.from_parts(found, bundle.tensors_of(version))
                for version, found in d["models"].items()
            }
            if not set(models) <= set(VERSIONS) or set(models) != set(d["versions_of"]):
                raise KeyError("versions")
            return cls(
                models, d, bundle.sha256,
                bundle.tensors_of(NETWORK_PART) if d["networks"] else {}, bundle.folder,
            )  # fmt: skip
        except (KeyError, TypeError, InputError) as error:
            raise BundleError(
                f"lacks a part of an immunotherapy model ({error})", source=str(bundle.folder),
                remedy=_AGAIN,
            ) from error  # fmt: skip

    @property
    def simulated(self) -> bool:
        """Whether its training patients were drawn by a computer."""
        return bool(self.description["training"]["simulated"])

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(self.models)

    @cached_property
    def networks(self) -> dict[str, Crnn]:
        """By kind; empty without.

        Raises:
            BundleError: a part is missing.
        """
        if not self.network_tensors:
            return {}
        from hccsurv_core.models.crnn.crnn import crnn_from_tensors

        return {
            kind: crnn_from_tensors(found, tensors_of(self.network_tensors, kind))
            for kind, found in self.description["networks"]["kinds"].items()
        }

    @property
    def pixels(self) -> int | None:
        """Rows and columns of the pictures that the networks look at; None without networks."""
        found = self.description["networks"]
        return None if found is None else int(found["pixels"])

    def measure(self, patient: ScannedPatient) -> dict[str, float]:
        """What the models take of one patient's scans, by name.

        Raises:
            InputError: they cannot be measured.
        """
        return patient.signs() | self.network_scores(patient)

    def image_values(self, signs: ImageValues, pictures: ScanPictures) -> ImageValues:
        """What the models take of a cohort's scans: signs, and the networks' log hazards.

        Args:
            signs: by patient, as measured. pictures: of some of them; the others have no network score.
        """
        kinds = tuple(self.networks)
        scores = [self.networks[kind].risk_score(pictures) for kind in kinds]
        by_patient = {
            p: np.array([score[i] for score in scores]) for i, p in enumerate(pictures.patient_ids)
        }
        own = ImageValues(
            kinds, by_patient, {k: NETWORKS[k] for k in kinds}, dict.fromkeys(kinds, "")
        )
        return joined(signs, own)

    def network_scores(self, patient: ScannedPatient) -> dict[str, float]:
        """Log hazards by kind of network; that of both scans only where there is a second one."""
        from hccsurv_core.models.crnn.samples import ScanPictures

        found: dict[str, float] = {}
        if self.pixels is None:
            return found
        seen, known = patient.pictures(self.pixels)
        sample = ScanPictures(("patient",), seen[None], known[None])
        for kind, network in self.networks.items():
            if kind == NETWORK_S or patient.has_followup:
                found[kind] = float(network.risk_score(sample)[0])
        return found

    def answer(
        self,
        profile: Profile,
        image_values: Mapping[str, float] | None = None,
        *,
        followup: bool = False,
        notes: tuple[str, ...] = (),
    ) -> ImmunotherapyAnswer:
        """What it says of one patient.

        Args:
            profile: see :func:`~hccsurv_core.systems.patient_profile.profile_of`.
            image_values: what was measured on the scans, by name; None without scans.
            followup: whether a follow-up scan is among them.
            notes: what was carried forward, and the like.

        Raises:
            InputError: a value is not possible, or nothing is known that a model takes.
        """
        clinical = clinical_score(profile.record)
        values = dict(image_values or {})
        if clinical.value is not None:
            values[SCORE.name] = clinical.value
        able = self._able(clinical.value is not None, image_values is not None, followup)
        version = best_version(
            clinical=clinical.value is not None,
            baseline=image_values is not None,
            followup=followup,
        )
        if not able or version is None:
            raise InputError(
                "neither the clinical score nor a scan is known", source="patient",
                remedy="fill the seven values of the clinical score, or outline the baseline scan",
            )  # fmt: skip
        answers = {name: self._version(name, values) for name in able}
        chosen = version if version in answers else able[-1]
        told = [*notes]
        if clinical.reason and image_values is not None:
            told.append(f"Answered without the clinical score: it is {clinical.reason}.")
        if not followup and any(v in FOLLOWED for v in self.models):
            told.append("Answered without a follow-up scan: nothing is known of growth.")
        outside = [c for c in answers[chosen].contributions if c.outside]
        return ImmunotherapyAnswer(
            chosen, answers, clinical,
            tuple(f"{c.label} of {c.text}: no training patient had such a value" for c in outside),
            (*told, *self._missing(chosen, values)),
        )  # fmt: skip

    def _able(self, clinical: bool, baseline: bool, followup: bool) -> list[str]:
        """The versions whose parts are all known."""
        from hccsurv_core.systems.immunotherapy.versions import WITH_CLINICAL, WITH_IMAGES

        return [
            version
            for version in self.models
            if (clinical or version not in WITH_CLINICAL)
            and (baseline or version not in WITH_IMAGES)
            and (followup or version not in FOLLOWED)
        ]

    def _version(self, version: str, values: Mapping[str, float]) -> VersionAnswer:
        model, told = self.models[version], self.description["versions_of"][version]
        row = np.array([[values.get(name, math.nan) for name in model.names]], dtype=np.float64)
        horizons = tuple(float(h) for h in self.description["horizons_months"])
        months = np.arange(0.0, horizons[-1] + STEP_MONTHS / 2, STEP_MONTHS)
        times = np.concatenate([months, horizons])
        tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        low, high = np.quantile(model.survival_draws(row, times), tails, axis=0)[:, 0]
        survival, t = model.survival(row, times)[0], months.size
        risk = float(model.risk_score(row)[0])
        places = np.linspace(0, 1, len(told["percentiles"]))
        return VersionAnswer(
            version, risk, float(told["cutoff"]),
            float(np.interp(risk, told["percentiles"], places)), horizons,
            Banded(survival[t:], low[t:], high[t:]), months,
            Banded(survival[:t], low[:t], high[:t]), self._contributions(model, row),
            tuple(told["groups"]),
        )  # fmt: skip

    def _contributions(self, model: CoxPosterior, row: np.ndarray) -> tuple[Contribution, ...]:
        scales = model.standardizer
        added = np.zeros(len(scales.names))
        np.add.at(added, scales.owner, scales.apply(row)[0] * model.coef)
        found = []
        for k, name in enumerate(model.names):
            value = float(row[0, k])
            label, unit, shown, text = shown_value(name, value)
            reach = _TOLERANCE_SD * scales.scale[k]
            outside = bool(value > scales.high[k] + reach or value < scales.low[k] - reach)
            found.append(
                Contribution(
                    name,
                    label,
                    unit,
                    part_of_covariate(name),
                    shown,
                    text,
                    float(added[k]),
                    outside,
                )
            )
        return tuple(sorted(found, key=lambda c: -abs(c.log_hazard)))

    def _missing(self, version: str, values: Mapping[str, float]) -> tuple[str, ...]:
        names = [n for n in self.models[version].names if math.isnan(values.get(n, math.nan))]
        if not names:
            return ()
        labels = [shown_value(name, math.nan)[0] for name in names]
        return (f"Not known, and taken as the training patients' median: {', '.join(labels)}.",)

    def kinds_of_networks(self) -> tuple[str, ...]:
        """Those that there are, the one of both scans last."""
        return tuple(kind for kind in (NETWORK_S, NETWORK_D) if kind in self.networks)
