"""The five models of Xia et al. (Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8).

CLN is the clinical score alone. Rad looks at images, RadCLN at both; S at the baseline scan, D at the
baseline and the follow-up scan. Each version has a clock of its own: S and CLN tell survival from the
baseline scan, D from the follow-up scan. Who has a follow-up scan was alive to have it; counted from the
baseline that time would be immortal.
"""

from __future__ import annotations

from collections.abc import Mapping

CLN, RAD_S, RADCLN_S, RAD_D, RADCLN_D = "CLN", "Rad-S", "RadCLN-S", "Rad-D", "RadCLN-D"
VERSIONS = (CLN, RAD_S, RADCLN_S, RAD_D, RADCLN_D)
#: Those that look at the follow-up scan, at images, and at the clinical score.
FOLLOWED = (RAD_D, RADCLN_D)
WITH_IMAGES = (RAD_S, RADCLN_S, RAD_D, RADCLN_D)
WITH_CLINICAL = (CLN, RADCLN_S, RADCLN_D)
VERSION_WORDS: Mapping[str, str] = {
    CLN: "clinical score",
    RAD_S: "baseline scan",
    RADCLN_S: "clinical score and baseline scan",
    RAD_D: "baseline and follow-up scan",
    RADCLN_D: "clinical score, baseline and follow-up scan",
}


def clock_words(version: str) -> str:
    """From when survival is told."""
    return "from the follow-up scan" if version in FOLLOWED else "from the baseline scan"


def best_version(*, clinical: bool, baseline: bool, followup: bool) -> str | None:
    """The version that uses all that is known of a patient; None where nothing is."""
    if baseline and followup:
        return RADCLN_D if clinical else RAD_D
    if baseline:
        return RADCLN_S if clinical else RAD_S
    return CLN if clinical else None
