"""What is worked on for one patient of a cohort, apart from all others: files, settings, a function.

Systems say how a patient's features are made (an :data:`Extract` function) and list the patients
(:class:`PatientTask`); :mod:`hccsurv_core.batch` works through them, one process beside the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PatientTask:
    """One patient's part of a batch.

    Args:
        patient_id: unique within the batch.
        files: what the function reads, by role: files, or folders with all that lies in them.
            They need not exist: that is for the function to say. When a size or a time of
            change of any of them is another one, the patient is worked on again.
        settings: JSON values that the result depends on (the preset's name and parameters …).
    """

    patient_id: str
    files: Mapping[str, Path]
    settings: Mapping[str, Any] = field(default_factory=dict)


#: Makes a patient's features: a function of a module (no lambda, no method), since it is called in
#: other processes. The same names in the same order for every patient; NaN where a value is
#: missing. What it raises is recorded for the patient and stops nobody else.
Extract = Callable[[PatientTask], Mapping[str, float]]
