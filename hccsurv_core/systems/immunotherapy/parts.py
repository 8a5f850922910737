"""Who of a cohort is learned from, and folds that keep a center's patients together."""

from __future__ import annotations

import numpy as np

from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.training_part import TRAIN, TrainingPart
from hccsurv_core.systems.training_part import training_part as part_of_splits

VALIDATION = "validation"


def training_part(cohort: ImmunotherapyCohort) -> TrainingPart[ImmunotherapyCohort]:
    """Splits "train" and "validation" where there are any, else everybody.

    The paper stops its training by the validation patients and reports test patients alone; here
    cross-validation and an inner part decide, so both splits are learned from.
    """
    return part_of_splits(cohort, (TRAIN, VALIDATION))


def center_parts(
    event: np.ndarray, centers: tuple[str, ...] | None, n_parts: int, seed: int
) -> np.ndarray:
    """(n,) part 0 … n_parts − 1 of each patient; a center's patients are all in one.

    Centers go, in random order but large ones first, to the part that has fewest events so far. Where
    there are fewer than two centers a part, patients are spread one by one.

    Args:
        event: (n,) whether it happened.
        centers: n names, "" where it is not known (a center of its own); None without.
    """
    if centers is None or len(set(centers)) < 2 * n_parts:
        return stratified_parts(event, n_parts, seed)
    rng = np.random.default_rng(seed)
    names = [name or f"\0{i}" for i, name in enumerate(centers)]
    members = {name: [i for i, other in enumerate(names) if other == name] for name in set(names)}
    order = sorted(members)
    shuffled = [order[i] for i in rng.permutation(len(order))]
    part = np.empty(len(names), dtype=np.int64)
    load = np.zeros((n_parts, 2))
    for name in sorted(shuffled, key=lambda name: -len(members[name])):
        rows = members[name]
        best = min(range(n_parts), key=lambda k: tuple(load[k]))
        part[rows] = best
        load[best] += (float(event[rows].sum()), len(rows))
    return part
