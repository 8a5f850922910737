"""Do the definitions, and a model's high-risk group, mean the same patients?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kappa import cohen_kappa, fleiss_kappa
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.proportions import proportion
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.risk_groups import RiskGroups


@dataclass(frozen=True)
class Disagreement:
    """Two verdicts on the same patients.

    Args:
        first, second: names.
        n: patients with both verdicts.
        only_first, only_second: low by one of the two alone.
        share: of patients on whom they disagree, exact interval; NaN with nobody.
        kappa: agreement beyond chance; with a reason where both say the same of everybody.
    """

    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    share: Estimate
    kappa: Answer[Estimate]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "first": self.first,
            "second": self.second,
            "n": self.n,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "disagree": self.share.to_json(),
            "kappa": self.kappa.to_json(),
        }


@dataclass(frozen=True, eq=False)
class DisagreementMatrix:
    """All pairs of verdicts in one set.

    Args:
        names: (m,) definitions first, then models.
        n_definitions: how many of the names are definitions.
        pairs: every pair once, in the order of the upper triangle.
        fleiss: agreement of all definitions together, on the patients who have them all.
        n_all_known: how many have all of them.
        n_positive: (definitions + 1,) of those, how many are low by 0, 1, 2, … definitions.
    """

    names: tuple[str, ...]
    n_definitions: int
    pairs: tuple[Disagreement, ...]
    fleiss: Answer[Estimate]
    n_all_known: int
    n_positive: np.ndarray

    def matrix(self) -> np.ndarray:
        """(m, m) share on whom each two disagree; 0 on the diagonal, NaN where nobody has both."""
        found = np.zeros((len(self.names), len(self.names)))
        place = {name: i for i, name in enumerate(self.names)}
        for pair in self.pairs:
            i, j = place[pair.first], place[pair.second]
            found[i, j] = found[j, i] = pair.share.value
        return found

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "names": list(self.names),
            "n_definitions": self.n_definitions,
            "disagree": [plain_numbers(row) for row in self.matrix()],
            "pairs": [p.to_json() for p in self.pairs],
            "fleiss_kappa": self.fleiss.to_json(),
            "n_all_known": self.n_all_known,
            "n_by_positive_definitions": self.n_positive.tolist(),
        }


def disagreement_matrix(groups: Sequence[RiskGroups], *, level: float = 0.95) -> DisagreementMatrix:
    """Disagreement of every two verdicts.

    Args:
        groups: verdicts of the same patients.

    Raises:
        StatisticsError: fewer than two of them know anybody.
    """
    known = [g for g in groups if np.isfinite(g.verdict).any()]
    known = sorted(known, key=lambda g: g.kind != "definition")
    if len(known) < 2:
        raise StatisticsError("fewer than two verdicts are known", source="disagreement")
    pairs = tuple(_compare(a, b, level) for i, a in enumerate(known) for b in known[i + 1 :])
    definitions = [g.verdict for g in known if g.kind == "definition"]
    verdicts = np.column_stack(definitions) if definitions else np.empty((0, 0))
    complete = verdicts[np.isfinite(verdicts).all(axis=1)] if definitions else verdicts
    return DisagreementMatrix(
        names=tuple(g.name for g in known),
        n_definitions=len(definitions),
        pairs=pairs,
        fleiss=attempt(_fleiss, complete, level),
        n_all_known=len(complete),
        n_positive=np.bincount(
            complete.sum(axis=1).astype(int), minlength=len(definitions) + 1
        ),
    )  # fmt: skip


def _compare(a: RiskGroups, b: RiskGroups, level: float) -> Disagreement:
    known = np.isfinite(a.verdict) & np.isfinite(b.verdict)
    first, second = a.verdict[known] == 1, b.verdict[known] == 1
    n = int(known.sum())
    return Disagreement(
        a.name, b.name, n, int((first & ~second).sum()), int((second & ~first).sum()),
        proportion(int((first != second).sum()), n, level=level),
        attempt(_kappa, first, second, level),
    )  # fmt: skip


def _kappa(first: np.ndarray, second: np.ndarray, level: float) -> Estimate:
    if first.size == 0:
        raise StatisticsError("nobody has both verdicts", source="kappa")
    return cohen_kappa(first, second, level=level)


def _fleiss(complete: np.ndarray, level: float) -> Estimate:
    if complete.shape[0] < 2 or complete.shape[1] < 2:
        raise StatisticsError("too few patients have every verdict", source="kappa")
    return fleiss_kappa(complete.astype(int), level=level).estimate
