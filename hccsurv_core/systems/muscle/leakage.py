"""Are test patients really new? Duplicates by name and by features.

A bundle keeps digests of its training patients, not their names: sixteen hexadecimal digits of
SHA-256. They recognize a patient who comes again. They hide a pseudonym that nobody can guess,
not a hospital number: whoever can try all numbers can find it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.wording import agree, count_of

_DIGITS = 16
#: Features are compared at this many significant digits: a table written as text gives them back.
_SIGNIFICANT = 7
#: Fewer features than this can be alike in two patients.
_FEW_FEATURES = 20


@dataclass(frozen=True)
class Duplicates:
    """Patients that occur where they should not.

    Args:
        compared: what was compared ("names of 147 patients with those of 345 trained on").
        in_training_by_id: test patients named like a training patient.
        in_training_by_features: test patients with exactly a training patient's features.
        within_tests: test patients whose features another test patient has too.
        rows: positions of all of these.
        n_features: how many features had to be equal; with few it can be a coincidence.
    """

    compared: str
    in_training_by_id: int
    in_training_by_features: int
    within_tests: int
    rows: tuple[int, ...]
    n_features: int = 0

    @property
    def found(self) -> bool:
        """Whether there are any."""
        return bool(self.rows)

    def words(self) -> str:
        """For a report."""
        if not self.found:
            return f"No patient occurs twice ({self.compared})."
        counts = (
            (self.in_training_by_id, "named like a training patient", "named like training patients"),
            (self.in_training_by_features, "with a training patient's features",
             "with training patients' features"),
            (self.within_tests, "with another test patient's features",
             "with other test patients' features"),
        )  # fmt: skip
        parts = [f"{count_of(n, 'patient')} {agree(n, one, many)}" for n, one, many in counts if n]
        chance = (
            f" With only {count_of(self.n_features, 'feature')} it may be a coincidence."
            if 0 < self.n_features < _FEW_FEATURES and not self.in_training_by_id
            else ""
        )
        return (
            f"Duplicates: {', '.join(parts)} ({self.compared}). Results on patients seen before "
            f"flatter the model: look at them, and leave them out.{chance}"
        )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "compared": self.compared,
            "in_training_by_id": self.in_training_by_id,
            "in_training_by_features": self.in_training_by_features,
            "within_tests": self.within_tests,
            "rows": list(self.rows),
            "words": self.words(),
        }


def patient_digests(patient_ids: Iterable[str]) -> tuple[str, ...]:
    """What a bundle keeps of its training patients' pseudonyms."""
    return tuple(_digest(f"hccsurv patient {name}".encode()) for name in patient_ids)


def row_digests(features: np.ndarray) -> tuple[str, ...]:
    """What a bundle keeps of its training patients' features, one digest a row.

    Numbers count to seven significant digits; missing values equal each other. A row without any
    known value has an empty digest, which matches nothing.
    """
    values = np.asarray(features, dtype=np.float64)
    return tuple(
        _digest(rounded.tobytes()) if np.isfinite(row).any() else ""
        for row, rounded in zip(values, _rounded(values), strict=True)
    )


def find_duplicates(
    training_rows: np.ndarray,
    patient_ids: Sequence[str] = (),
    features: np.ndarray | None = None,
    *,
    known_patients: Sequence[str] = (),
    known_rows: Sequence[str] = (),
) -> Duplicates | None:
    """Test patients that were trained on, or that stand twice among the tests.

    Args:
        training_rows: (n,) who was trained on.
        patient_ids: (n,) pseudonyms; empty where there are none.
        features: (n, p), or None.
        known_patients, known_rows: digests that a bundle keeps of its own training patients.

    Returns:
        None where nothing can be compared: neither names nor features of training patients.
    """
    trained = np.asarray(training_rows, bool)
    names = np.array(patient_digests(patient_ids), dtype=object)
    rows = np.array([] if features is None else row_digests(features), dtype=object)
    old_names = {*known_patients, *(names[trained] if names.size else ())}
    old_rows = {*known_rows, *(rows[trained] if rows.size else ())} - {""}
    tested = np.flatnonzero(~trained)
    compared = []
    if names.size and old_names:
        compared.append(f"names of {tested.size} with those of {len(old_names)} trained on")
    if rows.size and old_rows:
        compared.append(f"features of {tested.size} with those of {len(old_rows)} trained on")
    if rows.size and tested.size > 1:
        compared.append(f"features of {tested.size} with each other")
    if not compared:
        return None
    by_name = {i for i in tested if names.size and names[i] in old_names}
    by_row = {i for i in tested if rows.size and rows[i] in old_rows}
    times = Counter(rows[i] for i in tested if rows.size and rows[i])
    within = {i for i in tested if rows.size and rows[i] and times[rows[i]] > 1}
    everyone = sorted(int(i) for i in by_name | by_row | within)
    n_features = 0 if features is None else np.shape(features)[1]
    return Duplicates(
        "; ".join(compared), len(by_name), len(by_row), len(within), tuple(everyone), n_features
    )


def _rounded(values: np.ndarray) -> np.ndarray:
    """(n, p) → (n, p, 2) whole numbers: seven digits, and the power of ten they are scaled by."""
    known = np.isfinite(values) & (values != 0)
    size = np.where(known, np.abs(values), 1.0)
    power = np.floor(np.log10(size))
    digits = np.rint(np.where(known, values, 0.0) / 10.0**power * 10.0 ** (_SIGNIFICANT - 1))
    # 9.99999996 is 1.000000 of the next power.
    carried = np.abs(digits) >= 10.0**_SIGNIFICANT
    digits, power = np.where(carried, digits / 10, digits), power + carried
    missing = ~np.isfinite(values)
    power = np.where(missing, 1e6, np.where(values == 0, 0, power))
    return np.ascontiguousarray(np.stack([digits, power], axis=-1).astype("<i8"))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGITS]
