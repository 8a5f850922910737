"""The networks of system 4 on a cohort: pictures, what they are pretrained to measure, scores by fold.

Two networks, as published: one looks at the baseline scan, one at both. Before an outcome is looked at
both learn to tell what was measured inside the outlines (size, load, change): that teaches them to see
tumors, which the deaths of some hundred patients would not. Their log hazards are covariates of the
models of images. Those of training patients come from networks that had not seen them or their center.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.models.crnn.settings import CrnnSettings
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.parts import center_parts
from hccsurv_core.systems.immunotherapy.signs import BASELINE_NAMES, SIGN_NAMES
from hccsurv_core.systems.immunotherapy.tables import NETWORK_D, NETWORK_S, NETWORKS
from hccsurv_core.systems.study_cohort import ImageValues

if TYPE_CHECKING:
    from hccsurv_core.models.checkpoint import Checkpoint
    from hccsurv_core.models.crnn.samples import ScanPictures
    from hccsurv_core.models.crnn.training import TrainedCrnn

#: Kind of network → which scans it reads, in the words of its settings.
_TIMES = {NETWORK_S: "baseline", NETWORK_D: "both"}
#: Members of the networks of a fold: only their mean is looked at.
_FOLD_MEMBERS = 2
#: What a bundle calls the networks' part.
NETWORK_PART = "network"


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """Networks by kind.

    Args:
        trained: :data:`~hccsurv_core.systems.immunotherapy.tables.NETWORK_S` and ``NETWORK_D`` → what
            was trained; kinds that nobody could be taught with are absent.
        values: log hazards of the training patients, by networks that had not seen them.
        device: where they were trained.
    """

    trained: Mapping[str, TrainedCrnn]
    values: ImageValues
    device: str

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        return {
            f"{kind}.{name}": array
            for kind, found in self.trained.items()
            for name, array in found.crnn.tensors().items()
        }

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle and a card."""
        kinds = {kind: found.describe() for kind, found in self.trained.items()}
        first = next(iter(kinds.values()))
        pixels = first["settings"]["pixels"]
        return {
            "kinds": kinds,
            "pixels": pixels,
            "words": (
                f"Networks ({first['extractor']} of three liver and three lung slices, {pixels}×{pixels} "
                f"pixels, and an LSTM over the scans; {first['n_members']} each) were pretrained to tell "
                "what is measured, then trained on survival; their log hazards are covariates."
            ),
        }


def train_networks(
    cohort: ImmunotherapyCohort,
    pictures: ScanPictures,
    settings: CrnnSettings,
    *,
    n_folds: int = 5,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
    checkpoint: Path | None = None,
) -> TrainedNetworks:
    """Train both networks, and once a fold for scores of patients not seen.

    Args:
        cohort: training patients, with their signs where these were measured.
        pictures: of (at least) some of them; the others have no score.
        settings: of the networks; which scans they read is decided here.
        n_folds: of the scores of patients not seen; a center's patients stay together.

    Raises:
        StatisticsError: too few patients with pictures, or too few deaths.
    """
    from hccsurv_core.device import choose_device
    from hccsurv_core.models.checkpoint import Checkpoint

    where = choose_device(device)
    kept = Checkpoint(checkpoint)
    kinds = _of_kinds(cohort, pictures)
    trained, scores = {}, {}
    for number, (kind, who) in enumerate(kinds.items()):
        own = part_of(progress, number / len(kinds), (number + 1) / len(kinds))
        chosen = replace(settings, times=_TIMES[kind])
        trained[kind], scores[kind] = _train_kind(
            kind, who, chosen, n_folds, seed, where, own, kept.under(kind)
        )
    names = tuple(scores)
    by_patient = {
        p: np.array([scores[kind].get(p, np.nan) for kind in names]) for p in pictures.patient_ids
    }
    values = ImageValues(
        names, by_patient, {k: NETWORKS[k] for k in names}, dict.fromkeys(names, "")
    )
    return TrainedNetworks(trained, values, where)


@dataclass(frozen=True, eq=False)
class _Taught:
    """Who teaches one kind of network: patients (from the right clock), their pictures and targets."""

    cohort: ImmunotherapyCohort
    pictures: ScanPictures
    targets: np.ndarray | None

    def subset(self, rows: np.ndarray) -> _Taught:
        targets = None if self.targets is None else self.targets[rows]
        return _Taught(self.cohort.subset(rows), self.pictures.subset(rows), targets)


def _of_kinds(cohort: ImmunotherapyCohort, pictures: ScanPictures) -> dict[str, _Taught]:
    at = {patient: i for i, patient in enumerate(pictures.patient_ids)}
    cohorts = {NETWORK_S: cohort}
    if pictures.n_times == 2 and cohort.has_followup.any():
        cohorts[NETWORK_D] = cohort.from_followup()[0]
    found = {}
    for kind, part in cohorts.items():
        there = part.subset(np.array([p in at for p in part.patient_ids]))
        rows = [at[p] for p in there.patient_ids]
        found[kind] = _Taught(there, pictures.subset(rows), _targets(there, kind))
    return found


def _targets(cohort: ImmunotherapyCohort, kind: str) -> np.ndarray | None:
    """What was measured on the scans that the network reads."""
    if cohort.images is None:
        return None
    wanted = BASELINE_NAMES if kind == NETWORK_S else SIGN_NAMES
    at = [i for i, name in enumerate(cohort.images.names) if name in wanted]
    return cohort.images.matrix(cohort.patient_ids)[:, at] if at else None


def _train_kind(
    kind: str,
    who: _Taught,
    settings: CrnnSettings,
    n_folds: int,
    seed: int,
    device: str,
    progress: Progress,
    kept: Checkpoint,
) -> tuple[TrainedCrnn, dict[str, float]]:
    """The networks of all, and by patient the score of networks that had not seen his center."""
    from hccsurv_core.models.crnn.training import train_crnn

    quick = replace(settings, n_members=min(_FOLD_MEMBERS, settings.n_members))
    cost = n_folds * quick.n_members + settings.n_members
    part = center_parts(who.cohort.outcome.event, who.cohort.labels.get("center"), n_folds, seed)
    scores: dict[str, float] = {}
    for fold in range(n_folds):
        begin = fold * quick.n_members
        learned, left = who.subset(part != fold), who.subset(part == fold)
        if not len(left.cohort):
            continue
        found = train_crnn(
            learned.pictures, learned.cohort.outcome, quick, targets=learned.targets, seed=seed,
            device=device, checkpoint=kept.under("fold", fold),
            progress=part_of(progress, begin / cost, (begin + quick.n_members) / cost),
        )  # fmt: skip
        scores |= dict(
            zip(left.cohort.patient_ids, found.crnn.risk_score(left.pictures), strict=True)
        )
    last = train_crnn(
        who.pictures, who.cohort.outcome, settings, targets=who.targets, seed=seed, device=device,
        checkpoint=kept.under("all"),
        progress=part_of(progress, n_folds * quick.n_members / cost, 1.0),
    )  # fmt: skip
    return last, {p: float(v) for p, v in scores.items()}
