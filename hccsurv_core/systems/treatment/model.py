"""A trained model of system 2 as it lies in a bundle, and what it says of one patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.models.nomogram_json import nomogram_from_json
from hccsurv_core.models.store import Bundle, read_bundle
from hccsurv_core.systems.banded import Banded
from hccsurv_core.systems.covariates import Covariate, covariate_values
from hccsurv_core.systems.patient_profile import Profile
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.arms import row_of
from hccsurv_core.systems.treatment.cohort import SYSTEM
from hccsurv_core.systems.treatment.covariates import CLINICAL_COVARIATES, clinical_covariates
from hccsurv_core.systems.treatment.nomograms import nomogram_record
from hccsurv_core.systems.treatment.recommendation import Recommendation, recommend
from hccsurv_core.systems.treatment.recommender import Recommender
from hccsurv_core.systems.treatment.settings import CLINICAL, COMBINED, DEEP_PART
from hccsurv_core.wording import count_of

if TYPE_CHECKING:
    from hccsurv_core.imaging.lesion_crops import LesionPhase
    from hccsurv_core.systems.treatment.deep_images import DeepImages

    Phases = tuple[LesionPhase, LesionPhase]

#: Curves are told every so many months.
STEP_MONTHS = 0.5
_AGAIN = "train it again with this version"


@dataclass(frozen=True, eq=False)
class TreatmentAnswer:
    """What the model says of one patient.

    Args:
        version: "combined" where images were used, else "clinical".
        recommendation: with its reasons and all that it rests on.
        months: (t,) from 0; curves: by treatment, (t,) survival with interval.
        nomogram_records: by treatment, the patient as that arm's nomogram takes it.
        high_risk: by treatment, whether above the median of the patients who were given it.
        notes: what a reader should know besides.
    """

    version: str
    recommendation: Recommendation
    months: np.ndarray
    curves: Mapping[str, Banded]
    nomogram_records: Mapping[str, Mapping[str, Any]]
    high_risk: Mapping[str, bool]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; see :meth:`Recommendation.to_json` for most of them."""
        found = self.recommendation.to_json()
        spread = found["individual_survival_difference"]
        return found | {
            "version": self.version,
            # The interval for this patient where the model declares one, else of the average.
            "difference": {
                "survival": spread or found["survival_difference"],
                "rmst_months": found["individual_months_difference"] or found["months_difference"],
            },
            "curves": {
                "months": self.months.tolist(),
                **{arm: band.to_json() for arm, band in self.curves.items()},
            },
            "high_risk": dict(self.high_risk),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class TreatmentModel:
    """A bundle that was read.

    Args:
        recommenders: "clinical", and "combined" where it was trained with images.
        nomograms: by version and arm.
        covariates: the clinical ones.
        image_names: covariates that are measured on images; empty without.
        description: of the bundle; sha256: its name.
        deep_tensors: of its network; empty without.
    """

    recommenders: Mapping[str, Recommender]
    nomograms: Mapping[str, Mapping[str, Nomogram]]
    covariates: tuple[Covariate, ...]
    image_names: tuple[str, ...]
    description: Mapping[str, Any]
    sha256: str
    deep_tensors: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> TreatmentModel:
        """Read a bundle folder.

        Raises:
            BundleError: it is none, was changed, or is of another system.
        """
        return cls.from_bundle(read_bundle(folder))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> TreatmentModel:
        """From a bundle.

        Raises:
            BundleError: it is of another system, or lacks a part.
        """
        bundle.require_system(SYSTEM)
        d = bundle.description
        try:
            return cls(
                {
                    version: Recommender.from_parts(found, bundle.tensors_of(version))
                    for version, found in d["recommenders"].items()
                },
                {
                    version: {arm: nomogram_from_json(found[arm]) for arm in ARMS}
                    for version, found in d["nomograms"].items()
                },
                clinical_covariates([c["name"] for c in d["covariates"]]),
                tuple(c["name"] for c in d["image_covariates"]),
                d,
                bundle.sha256,
                bundle.tensors_of(DEEP_PART) if d.get(DEEP_PART) else {},
            )
        except (KeyError, TypeError, InputError) as error:
            raise BundleError(
                f"lacks a part of a treatment model ({error})", source=str(bundle.folder),
                remedy=_AGAIN,
            ) from error  # fmt: skip

    @property
    def simulated(self) -> bool:
        """Whether its training patients were drawn by a computer."""
        return bool(self.description["training"]["simulated"])

    @cached_property
    def deep(self) -> DeepImages | None:
        """The network and its signatures; None where it was trained without.

        Raises:
            BundleError: a part is missing.
        """
        if not self.deep_tensors:
            return None
        from hccsurv_core.systems.treatment.deep_images import DeepImages

        return DeepImages.from_parts(self.description[DEEP_PART], self.deep_tensors)

    def measure(self, phases: Phases) -> tuple[dict[str, float], tuple[str, ...]]:
        """What this model takes of a patient's images, by name, and what to check about them.

        Args:
            phases: arterial and portal venous, with lesion and liver outlined.

        Raises:
            InputError: they cannot be measured.
        """
        from hccsurv_core.systems.treatment.signs import SIGN, measure_signs

        values: dict[str, float] = {}
        warnings: tuple[str, ...] = ()
        if any(name.startswith(SIGN) for name in self.image_names):
            values, warnings = measure_signs(phases)
        if self.deep is not None:
            from hccsurv_core.imaging.lesion_crops import crop_lesion
            from hccsurv_core.systems.treatment.deep_images import DEEP_NAMES

            crops = crop_lesion(*phases, self.deep.classifier.crop)
            scores = self.deep.values(crops.images[None])[0]
            values |= dict(zip(DEEP_NAMES, map(float, scores), strict=True))
            warnings += tuple(crops.notes)
        return values, warnings

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(self.recommenders)

    @property
    def unknown_to_it(self) -> str:
        """What the choice often rests on and no training patient was known of, in a sentence."""
        names = [c.label for c in CLINICAL_COVARIATES if c.name in self.description["left_out"]]
        if not names:
            return ""
        return (
            f"The models know nothing of {', '.join(names)}: if the choice rested on these, the "
            "difference between the treatments may be theirs."
        )

    def choose_version(self, image_values: Mapping[str, float] | None) -> tuple[str, str]:
        """The version that a patient is answered by, and a sentence where images are not used.

        Images are used where at least half of what the model measures on them is known.
        """
        if COMBINED not in self.recommenders:
            return CLINICAL, ""
        if image_values is None:
            return CLINICAL, (
                "Answered from clinical values alone: the lesion is not outlined in both phases."
            )
        known = sum(math.isfinite(image_values.get(n, math.nan)) for n in self.image_names)
        if 2 * known < len(self.image_names):
            return CLINICAL, (
                f"Answered from clinical values alone: only {known} of "
                f"{count_of(len(self.image_names), 'sign')} could be measured."
            )
        return COMBINED, ""

    def answer(
        self, profile: Profile, image_values: Mapping[str, float] | None = None
    ) -> TreatmentAnswer:
        """What it says of one patient.

        Args:
            profile: see :func:`~hccsurv_core.systems.patient_profile.profile_of`.
            image_values: what was measured on the patient's images, by name; None without.

        Raises:
            InputError: a value is no number.
        """
        version, note = self.choose_version(image_values)
        models = self.recommenders[version]
        values = covariate_values(profile, self.covariates)
        if version == COMBINED:
            values |= dict(image_values or {})
        patient = {**profile.facts, **values}
        # A covariate that cannot be formed must not be looked up under the record's own name.
        row = row_of(values, models.names)
        months = np.arange(0.0, models.arms.settings.rmst_months + STEP_MONTHS / 2, STEP_MONTHS)
        curves = models.arms.curves(row, months, level=models.settings.level)
        cutoffs = self.description["cutoffs"]["by_version"][version]
        filled = models.arms.filled(row)
        return TreatmentAnswer(
            version,
            recommend(models, patient),
            months,
            {arm: band.of(0) for arm, band in curves.items()},
            {arm: nomogram_record(models.arms, arm, self.covariates, row) for arm in ARMS},
            {
                arm: bool(models.arms.models[arm].risk_score(filled)[0] > cutoffs[arm])
                for arm in ARMS
            },
            tuple(
                t for t in (note, self.unknown_to_it, *profile.assumed, *profile.disagreements) if t
            ),
        )
