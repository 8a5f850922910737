"""The paper's two signatures of the pictures: thousands of features, selected for either endpoint.

DLR (deep learning and radiomics) is what Huang et al., World J Gastrointest Oncol
2022;14(12):2380-2392, call features of both frames together. A signature's score of a patient whom it
was selected on flatters it, so models learn from scores of signatures that never saw the patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import BundleError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.binary_chain import (
    BinarySignature,
    cross_fit_binary_chain,
    fit_binary_chain,
)
from hccsurv_core.models.chain_result import ChainResult
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.selection_chain import Signature
from hccsurv_core.models.survival_chain import cross_fit_survival_chain, fit_survival_chain
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.ceus.settings import CeusSettings
from hccsurv_core.systems.study_cohort import ImageValues

#: Covariates: a signature's score, higher is worse.
DLR_EARLY, DLR_DEATH = "dlr.early", "dlr.death"
DLR_NAMES = (DLR_EARLY, DLR_DEATH)
#: Where a bundle keeps the signatures.
DLR_PART = "signatures"
_LABELS = {
    DLR_EARLY: "Signature of early recurrence",
    DLR_DEATH: "Signature of death",
}


@dataclass(frozen=True, eq=False)
class DlrSignatures:
    """One signature for each endpoint.

    Args:
        early: log odds of early recurrence. death: log hazard of death. An empty one scores all alike.
    """

    early: BinarySignature
    death: Signature

    @property
    def names(self) -> tuple[str, ...]:
        """The features that either looks at."""
        return tuple(dict.fromkeys((*self.early.names, *self.death.names)))

    @property
    def is_deep(self) -> bool:
        """Whether either looks at a network's features."""
        return any(".deep." in name for name in self.names)

    def values(self, features: FeatureTable) -> np.ndarray:
        """(n, 2) scores in the order of :data:`DLR_NAMES`.

        Raises:
            TableError: a feature is not there.
        """
        return np.column_stack([self.early.score(features), self.death.score(features)])

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        parts = {"early": self.early.tensors(), "death": self.death.tensors()}
        return {f"{part}.{k}": v for part, found in parts.items() for k, v in found.items()}

    def describe(self) -> dict[str, Any]:
        """For a bundle."""
        return {"early": list(self.early.names), "death": list(self.death.names)}

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> DlrSignatures:
        """Back from :meth:`describe` and :meth:`tensors`.

        Raises:
            BundleError: a part is missing.
        """
        try:
            early, death = tuple(description["early"]), tuple(description["death"])
        except (KeyError, TypeError) as error:
            raise BundleError(
                f"describes no signatures ({error!r})", source="signatures"
            ) from error
        return cls(
            BinarySignature.from_tensors(early, tensors_of(tensors, "early")),
            Signature.from_tensors(death, tensors_of(tensors, "death")),
        )


@dataclass(frozen=True, eq=False)
class TrainedDlr:
    """What came out of a selection.

    Args:
        signatures: of all training patients, for new ones.
        values: of the training patients, by signatures that had not seen them.
        report: what each chain selected, whole and in each fold, plain values.
    """

    signatures: DlrSignatures
    values: ImageValues
    report: Mapping[str, Any]


def train_dlr(
    features: FeatureTable,
    early: np.ndarray,
    settings: CeusSettings,
    *,
    gate: FeatureGate | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> TrainedDlr:
    """Select for both endpoints.

    Args:
        features: of the training patients, with the outcome (death).
        early: (n,) early recurrence 1 or 0, NaN where follow-up is too short to tell; these take no
            part in that chain and are scored by it.
        settings: of the chains.
        gate: features that may take part, decided without outcomes.
        seed: of the folds.
        progress: may cancel.

    Raises:
        StatisticsError: too few events, or no feature varies.
    """
    known = np.isfinite(early)
    seen, happened = features.subset(known), early[known]
    whole = fit_binary_chain(
        seen, happened, settings.early_chain, gate=gate, progress=part_of(progress, 0.0, 0.1)
    )
    crossed = cross_fit_binary_chain(
        seen, happened, settings.early_chain, gate=gate, n_folds=settings.n_folds, seed=seed,
        progress=part_of(progress, 0.1, 0.6),
    )  # fmt: skip
    survival = fit_survival_chain(
        features, settings.death_chain, gate=gate, progress=part_of(progress, 0.6, 0.7)
    )
    crossed_survival = cross_fit_survival_chain(
        features, settings.death_chain, gate=gate, n_folds=settings.n_folds, seed=seed,
        progress=part_of(progress, 0.7, 1.0),
    )  # fmt: skip
    signatures = DlrSignatures(whole.signature, survival.signature)
    scores = signatures.values(features)
    # The whole signature of early recurrence was not fitted on those of whom it is not known.
    scores[known, 0] = crossed.linear_predictor
    scores[:, 1] = crossed_survival.linear_predictor
    return TrainedDlr(
        signatures,
        dlr_values(dict(zip(features.patient_ids, scores, strict=True))),
        {
            "n_features": len(features.names),
            "n_by_kind": _count_kinds(features.names),
            "early": _short(whole) | {"in_folds": crossed.to_json()},
            "death": _short(survival) | {"in_folds": crossed_survival.to_json()},
        },
    )


def dlr_values(by_patient: Mapping[str, np.ndarray]) -> ImageValues:
    """(2,) scores of patients as covariates."""
    return ImageValues(DLR_NAMES, by_patient, _LABELS, dict.fromkeys(DLR_NAMES, ""))


def _count_kinds(names: tuple[str, ...]) -> dict[str, int]:
    """Features by what stands before the last part of their names' first two ("grayscale.deep")."""
    counts: dict[str, int] = {}
    for name in names:
        kind = ".".join(name.split(".")[:2])
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _short(chain: ChainResult) -> dict[str, Any]:
    """The chain without the fate of each of a thousand features that was dropped."""
    told = chain.to_json()
    kept = [f for f in told["features"] if f.get("name") in told["selected"]]
    return told | {"features": kept}
