"""The reader study of the simulated CEUS patients: calls of early recurrence by four readers.

Two senior and two junior readers call "recurs within a year" or not, first from the pictures,
then again after seeing a model's score. An impression is a noisy view of the patient's true
recurrence predictor; no reader knows what happened. Seniors see more than juniors, and the
model sees more than either; how much each moves towards the model differs. Everything is ours:
the paper's readers are not described where we could read it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.causes import N_READER_DRAWS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reader:
    """One reader.

    Args:
        name: part of the column names.
        insight: correlation of the impression with the true recurrence predictor.
        threshold: impression (standard normal) above which recurrence is called.
        trust: weight of the model's score in the second impression, 0 to 1.
    """

    name: str
    insight: float
    threshold: float
    trust: float


READERS: tuple[Reader, ...] = (
    Reader("senior_1", 0.58, 0.45, 0.35),
    Reader("senior_2", 0.50, 0.25, 0.50),
    Reader("junior_1", 0.30, 0.10, 0.65),
    Reader("junior_2", 0.22, -0.10, 0.80),
)
#: Correlation of the model that the readers saw with the true recurrence predictor.
MODEL_INSIGHT = 0.72
#: What readers of the same picture share beyond the truth (the same speckle misleads all).
_SHARED = 0.35


def column_names() -> tuple[str, ...]:
    """Columns of the calls, in the table's order."""
    return tuple(f"reader_{r.name}_{when}" for r in READERS for when in ("before", "after"))


def reader_calls(recurrence_predictor: Floats, spread: float, draws: Floats) -> dict[str, Floats]:
    """Calls (1 recurs early, 0 does not) by column.

    Args:
        recurrence_predictor: (n,) the truth, centered.
        spread: its standard deviation in the population.
        draws: (n, N_READER_DRAWS) standard normal.
    """
    truth = recurrence_predictor / spread
    shared, model_noise = draws[:, 0], draws[:, 1]
    score = MODEL_INSIGHT * truth + np.sqrt(1 - MODEL_INSIGHT**2) * model_noise
    calls = {}
    for k, reader in enumerate(READERS):
        own = np.sqrt(_SHARED) * shared + np.sqrt(1 - _SHARED) * draws[:, 2 + k]
        before = reader.insight * truth + np.sqrt(1 - reader.insight**2) * own
        after = (1 - reader.trust) * before + reader.trust * score
        # The second impression is no surer than the first.
        after = after / np.sqrt((1 - reader.trust) ** 2 + reader.trust**2)
        calls[f"reader_{reader.name}_before"] = (before > reader.threshold).astype(float)
        calls[f"reader_{reader.name}_after"] = (after > reader.threshold).astype(float)
    return calls


def sign_noise(draws: Floats) -> Floats:
    """Standard normal errors (n, 12) of the reader who described the pictures for the table."""
    return draws[:, N_READER_DRAWS - 12 :]
