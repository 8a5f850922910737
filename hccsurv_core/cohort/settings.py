"""Where the patient store lies, and whether it keeps the dates of studies or shifts them."""

from __future__ import annotations

import os
from pathlib import Path

from hccsurv_core.errors import InputError

#: Environment variable that names the data folder.
FOLDER_VARIABLE = "HCCSURV_DATA"
#: Environment variable that chooses the date policy.
DATES_VARIABLE = "HCCSURV_DATES"
#: "shifted": every date of a patient is moved by one secret number of days, so that intervals
#: remain (DICOM PS3.15, Retain Longitudinal Temporal Information with Modified Dates).
#: "original": the store keeps the true study date in its own table; DICOM files stay shifted.
DATE_POLICIES = ("shifted", "original")


def data_folder(folder: Path | str | None = None) -> Path:
    """The data folder: the argument, else ``$HCCSURV_DATA``, else the user's data directory."""
    if folder is not None:
        return Path(folder).expanduser()
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("hccsurv", appauthor=False)


def date_policy(policy: str | None = None) -> str:
    """The date policy: the argument, else ``$HCCSURV_DATES``, else "shifted".

    Raises:
        InputError: it is none of :data:`DATE_POLICIES`.
    """
    chosen = policy or os.environ.get(DATES_VARIABLE, "").strip() or DATE_POLICIES[0]
    if chosen not in DATE_POLICIES:
        raise InputError(
            f"the date policy {chosen!r} is not known",
            source=DATES_VARIABLE,
            remedy=f"set it to {' or '.join(DATE_POLICIES)}",
        )
    return chosen
