"""What each of the five models takes, of whom, and from when survival counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.immunotherapy.clinical import SCORE
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.signs import BY_NAME
from hccsurv_core.systems.immunotherapy.versions import (
    CLN,
    FOLLOWED,
    RAD_D,
    RAD_S,
    RADCLN_D,
    RADCLN_S,
    VERSIONS,
    WITH_CLINICAL,
)

#: Log hazards of the networks that look at the baseline scan, and at both.
NETWORK_S, NETWORK_D = "network.baseline", "network.both"
NETWORKS = {NETWORK_S: "Network, baseline scan", NETWORK_D: "Network, both scans"}


@dataclass(frozen=True, eq=False)
class VersionTable:
    """One version's patients.

    Args:
        table: their covariates; its outcome counts from the version's own scan.
        rows: positions of these patients in the cohort.
        centers: of them; None where they are not known.
    """

    table: FeatureTable
    rows: np.ndarray
    centers: tuple[str, ...] | None

    @property
    def outcome(self) -> SurvivalOutcome:
        """Of these patients."""
        return self.table.require_outcome()


def version_names(version: str, image_names: Sequence[str]) -> tuple[str, ...]:
    """Covariates of a version, the clinical score first.

    Args:
        image_names: what was measured on a cohort's images, signs and network scores.
    """
    clinical = (SCORE.name,) if version in WITH_CLINICAL else ()
    if version == CLN:
        return clinical
    late = version in FOLLOWED
    skipped = NETWORK_S if late else NETWORK_D
    return clinical + tuple(
        name
        for name in image_names
        if name != skipped and (late or name not in BY_NAME or not BY_NAME[name].followed)
    )


def version_tables(cohort: ImmunotherapyCohort) -> dict[str, VersionTable]:
    """Every version that this cohort can teach: those with images where there are any, those of two
    scans where somebody has two."""
    found = {CLN: _table(cohort, CLN, np.arange(len(cohort)))}
    if cohort.images is None:
        return found
    for version in (RAD_S, RADCLN_S):
        found[version] = _table(cohort, version, np.arange(len(cohort)))
    if not (
        cohort.outcome.time_months > np.where(cohort.has_followup, cohort.interval_months, np.inf)
    ).any():
        return found
    later, kept = cohort.from_followup()
    for version in (RAD_D, RADCLN_D):
        found[version] = _table(later, version, np.flatnonzero(kept))
    return {version: found[version] for version in VERSIONS if version in found}


def _table(cohort: ImmunotherapyCohort, version: str, rows: np.ndarray) -> VersionTable:
    names = version_names(version, () if cohort.images is None else cohort.images.names)
    table = cohort.features((SCORE,), images=cohort.images is not None)
    return VersionTable(
        replace(table.columns(names), outcome=cohort.outcome), rows, cohort.labels.get("center")
    )
