"""Demo patients of system 4: virtual patients with two full scans and a story, picked by their causes.

The pick is of :data:`DEMO_SEED`, which no cohort should use. Tests hold the stories to the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hccsurv_core.errors import NotFoundError
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.simulate.immunotherapy.causes import Causes, draw_causes
from hccsurv_core.simulate.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.simulate.immunotherapy.images import TIMES, Scan, full_scan

DEMO_SEED = 2024


@dataclass(frozen=True)
class FollowupDemo:
    """One demo patient.

    Args:
        key: stable identifier.
        title: a few words for a list.
        story: what an oncologist should notice.
        index: of the patient under :data:`DEMO_SEED`.
        baseline: ISO date of the first scan.
    """

    key: str
    title: str
    story: str
    index: int
    baseline: str

    @property
    def causes(self) -> Causes:
        """Everything the patient is made of."""
        return draw_causes(DEMO_SEED, self.index)

    @property
    def dates(self) -> tuple[str, str]:
        """ISO dates of both scans."""
        first = date.fromisoformat(self.baseline)
        return self.baseline, (first + timedelta(days=self.causes.interval_days)).isoformat()

    def record(self) -> dict[str, Any]:
        """Facts and clinical values by the cohort's column names."""
        return dict(ImmunotherapyCohort().draw_patient(DEMO_SEED, self.index).row)


FOLLOWUP_DEMOS: tuple[FollowupDemo, ...] = (
    FollowupDemo(
        "growing_though_stable",
        "Stable by RECIST, and growing",
        "Nine weeks into treatment the target lesions are a sixth longer: stable disease by RECIST 1.1, "
        "which asks for a fifth. In volume that is a quarter more every month, in liver and lungs, and "
        "nothing of it is dying.",
        4733,
        "2023-02-06",
    ),
    FollowupDemo(
        "shrinking_and_necrotic",
        "Response: smaller, and dead inside",
        "Eleven weeks into treatment the target lesions are half as long, and a large part of what is "
        "left does not enhance any more: partial response, and a low risk by the models.",
        678,
        "2023-05-15",
    ),
)


def followup_demo(key: str) -> FollowupDemo:
    """The demo patient called ``key``.

    Raises:
        NotFoundError: there is none, naming those there are.
    """
    for demo in FOLLOWUP_DEMOS:
        if demo.key == key:
            return demo
    known = ", ".join(demo.key for demo in FOLLOWUP_DEMOS)
    raise NotFoundError(f"no demo patient is called {key!r}", remedy=f"choose one of {known}")


def build_followup_demo(key: str, progress: Progress = silent) -> dict[str, Scan]:
    """Draw both scans of a demo patient, by "baseline" and "followup" (seconds).

    Raises:
        NotFoundError: no demo patient has this key.
    """
    demo = followup_demo(key)
    share = 1 / len(TIMES)
    return {
        name: full_scan(
            DEMO_SEED,
            demo.index,
            time,
            progress=part_of(progress, time * share, (time + 1) * share),
        )
        for time, name in enumerate(TIMES)
    }
