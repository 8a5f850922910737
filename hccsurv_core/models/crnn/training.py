"""Training of CNN + LSTM ensembles: measure first, then tell hazards.

A hundred deaths are too few to teach a network what a tumor is. What was measured in the pictures
(say, the area of tumor on each scan) is there for every patient, is far less noisy than a survival
time, and says where to look; so the extractors learn it first (Caruana, Mach Learn 1997;28:41-75).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.checkpoint import Checkpoint, fingerprint
from hccsurv_core.models.crnn.course import Course
from hccsurv_core.models.crnn.crnn import Crnn, crnn_from_tensors
from hccsurv_core.models.crnn.samples import ScanPictures
from hccsurv_core.models.crnn.settings import CrnnSettings
from hccsurv_core.models.crnn.threads import one_thread
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from hccsurv_core.models.crnn.run import MemberRun, TrainingData

_SOURCE = "CNN + LSTM"
#: A validation part without events says nothing, and few events little.
_FEWEST_EVENTS = 5


@dataclass(frozen=True, eq=False)
class TrainedCrnn:
    """Networks, and how they got there.

    Args:
        crnn: the networks, each as it was at its best epoch.
        courses: of each member, while it learned hazards.
        pretraining: of each network that learned targets: one, or one a member; empty without.
        validation: (members, n) which patients said when each member stops.
        left_out: (n,) mean log hazard ratio by the members that were not trained on the patient;
            NaN where there is none. They stopped where these patients were told best, so it flatters
            a little: cross-validation does not.
        seed: of all chance.
    """

    crnn: Crnn
    courses: tuple[Course, ...]
    pretraining: tuple[Course, ...]
    validation: np.ndarray
    left_out: np.ndarray
    seed: int

    def describe(self) -> dict[str, Any]:
        """For a bundle: plain values."""
        return {
            **self.crnn.to_json(),
            "seed": self.seed,
            "courses": [course.to_json() for course in self.courses],
            "pretraining": [course.to_json() for course in self.pretraining],
            "patients to stop on": self.validation.sum(axis=1).tolist(),
        }


def train_crnn(
    samples: ScanPictures,
    outcome: SurvivalOutcome,
    settings: CrnnSettings | None = None,
    *,
    targets: ArrayLike | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> TrainedCrnn:
    """Train an ensemble.

    Args:
        samples: pictures of n patients.
        outcome: of the same patients.
        settings: default :class:`CrnnSettings`.
        targets: (n, q) what was measured in the pictures, on scales where differences count alike
            (logarithms of sizes), NaN where missing; learned first. None, or no epochs for it in
            the settings: hazards are learned from the start.
        seed: of weights, parts, order, flips and dropout. On a CPU it fixes everything, on a GPU
            up to rounding.
        device: "cpu" or "cuda".
        progress: told at each step; may cancel.
        checkpoint: keeps finished members; the same training goes on after them.

    Raises:
        InputError: shapes do not fit, or pictures are not of these settings.
        StatisticsError: too few events, or the training diverges.
    """
    settings = settings or CrnnSettings()
    data = _checked(samples, outcome, settings, targets)
    validation = validation_parts(outcome, settings, seed)
    kept = (checkpoint or Checkpoint()).under(
        "crnn", settings.to_json(), seed, outcome.time_months, outcome.event,
        fingerprint(data.pictures, data.targets),
    )  # fmt: skip
    ensemble = _Ensemble(data, settings, validation, seed, device, kept)
    with one_thread(settings.extractor == "small"):
        members = ensemble.train(progress)
    return ensemble.assembled(members)


def validation_parts(outcome: SurvivalOutcome, settings: CrnnSettings, seed: int) -> np.ndarray:
    """(members, n) which patients say when each member stops, events spread evenly.

    Parts rotate from member to member, so that with enough members everybody is left out once.

    Raises:
        StatisticsError: there are too few events for parts of this size.
    """
    n, share = len(outcome), settings.validation_share
    if share == 0:
        return np.zeros((settings.n_members, n), dtype=bool)
    n_parts = max(2, round(1 / share))
    if outcome.n_events < _FEWEST_EVENTS * n_parts or n < 2 * _FEWEST_EVENTS * n_parts:
        raise StatisticsError(
            f"{n} patients with {outcome.n_events} events are too few to stop on one of {n_parts} "
            "parts",
            source=_SOURCE,
            remedy="give more patients, or set the validation share to 0 and train to the end",
        )
    found = []
    for k in range(settings.n_members):
        part = stratified_parts(outcome.event, n_parts, seed + 7919 * (k // n_parts))
        found.append(part == k % n_parts)
    return np.array(found)


class _Ensemble:
    """Members that are trained one after the other, each kept when it is done."""

    def __init__(
        self, data: TrainingData, settings: CrnnSettings, validation: np.ndarray, seed: int,
        device: str, kept: Checkpoint,
    ) -> None:  # fmt: skip
        self.data, self.settings, self.validation = data, settings, validation
        self.seed, self.device, self.kept = seed, device, kept
        self.measures = bool(data.targets.shape[1]) and settings.pretraining_epochs > 0
        self.starts: dict[int, dict[str, np.ndarray]] = {}

    def train(self, progress: Progress) -> list[dict[str, np.ndarray]]:
        """Arrays of all members: weights, course, log hazards of the training patients."""
        work = self._work()
        whole, done, members = sum(cost for _, _, cost in work), 0.0, []
        for kind, k, cost in work:
            told = part_of(progress, done / whole, (done + cost) / whole)
            done += cost
            if kind == "measures":
                self.starts[k] = self._piece(f"pretraining {k}", partial(self._pretrain, k, told))
            else:
                members.append(self._piece(f"member {k}", partial(self._train_member, k, told)))
        progress(1.0, f"trained {len(members)} networks")
        return members

    def assembled(self, members: list[dict[str, np.ndarray]]) -> TrainedCrnn:
        """The result."""
        hazards = np.stack([m["log_hazard"] for m in members], axis=1)
        unseen = self.validation.T
        center = np.array([h[~u].mean() for h, u in zip(hazards.T, unseen.T, strict=True)])
        arrays = {
            f"{k}.{name}": value
            for k, m in enumerate(members)
            for name, value in tensors_of(m, "network").items()
        }
        shape = {"settings": self.settings.to_json(), "n_members": len(members)}
        total = np.where(unseen, hazards - center, 0.0).sum(axis=1)
        count = unseen.sum(axis=1)
        return TrainedCrnn(
            crnn_from_tensors(shape, {**arrays, "center": center}),
            tuple(Course.from_tensors(tensors_of(m, "course")) for m in members),
            tuple(Course.from_tensors(tensors_of(s, "course")) for s in self.starts.values()),
            self.validation,
            np.where(count > 0, total / np.maximum(count, 1), np.nan),
            self.seed,
        )

    def _work(self) -> list[tuple[str, int, float]]:
        """What is done, for which member, and about how long it takes, in epochs."""
        chosen = self.settings
        rests = self.measures and chosen.extractor_share == 0
        found: list[tuple[str, int, float]] = []
        for k in range(chosen.n_members):
            if self.measures and (k == 0 or chosen.pretrain_each):
                found.append(("measures", k, float(chosen.pretraining_epochs)))
            found.append(("hazards", k, 1.0 if rests else float(chosen.max_epochs)))
        return found

    def _piece(self, key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """A finished piece out of the checkpoint, or a new one, which is put there."""
        found = self.kept.get(key)
        if found is None:
            found = make()
            self.kept.put(key, found)
            course = Course.from_tensors(tensors_of(found, "course"))
            self.kept.note(f"crnn {key}", **course.to_json())
        return found

    def _pretrain(self, k: int, told: Progress) -> dict[str, np.ndarray]:
        """The parts are drawn without a look at the events."""
        run = self._run(k)
        n, share = len(self.data.outcome), self.settings.validation_share
        left = np.zeros(n, dtype=bool)
        if share > 0:
            left = stratified_parts(np.zeros(n), max(2, round(1 / share)), run.seed) == 0
        course = run.learn_targets(np.flatnonzero(~left), np.flatnonzero(left), told)
        return {**run.tensors(), **_course(course)}

    def _train_member(self, k: int, told: Progress) -> dict[str, np.ndarray]:
        run = self._run(k)
        if self.measures:
            start = self.starts[k if self.settings.pretrain_each else 0]
            run.begin_at({name: v for name, v in start.items() if not name.startswith("course.")})
        left = self.validation[k]
        course = run.learn_hazards(np.flatnonzero(~left), np.flatnonzero(left), told)
        return {**run.tensors(), **_course(course), "log_hazard": run.log_hazard()}

    def _run(self, k: int) -> MemberRun:
        from hccsurv_core.models.crnn.run import MemberRun

        seed = int(np.random.SeedSequence((self.seed, k)).generate_state(1)[0])
        return MemberRun(self.data, self.settings, seed=seed, device=self.device)


def _course(course: Course) -> dict[str, np.ndarray]:
    return {f"course.{name}": value for name, value in course.tensors().items()}


def _checked(
    samples: ScanPictures, outcome: SurvivalOutcome, settings: CrnnSettings,
    targets: ArrayLike | None,
) -> TrainingData:  # fmt: skip
    """What is trained on, if it fits together."""
    from hccsurv_core.models.crnn.run import TrainingData

    samples.require(settings.n_times, settings.pixels)
    n = len(samples)
    if len(outcome) != n:
        raise InputError(f"pictures of {n} patients but {len(outcome)} outcomes", source=_SOURCE)
    if outcome.n_events < 2:
        raise StatisticsError(
            f"{outcome.n_events} events are too few to learn hazards from", source=_SOURCE,
            remedy="give patients with longer follow-up",
        )  # fmt: skip
    measured = np.zeros((n, 0)) if targets is None else checked_numbers(targets, "targets")
    if measured.ndim != 2 or len(measured) != n or np.isinf(measured).any():
        raise InputError(
            f"targets of {n} patients have shape ({n}, q) and are finite or missing, got "
            f"{measured.shape}",
            source="targets",
        )
    return TrainingData(samples.pictures, outcome, _standardized(measured))


def _standardized(targets: np.ndarray) -> np.ndarray:
    """Each with mean 0 and standard deviation 1; those that do not vary are left out."""
    known = np.isfinite(targets)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, targets, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (targets - mean) ** 2, 0.0).sum(axis=0) / count)
    # A spread of rounding is none.
    varies = spread > 1e-9 * np.maximum(1.0, np.abs(mean))
    return np.asarray((targets - mean)[:, varies] / spread[varies])
