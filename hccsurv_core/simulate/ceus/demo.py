"""Demo patients of system 3: virtual patients with a clip and a story, picked once by their causes.

The pick is of :data:`DEMO_SEED`, which no cohort should use. Tests hold the stories to the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hccsurv_core.errors import NotFoundError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.ceus.clip import ClipTruth, write_clip
from hccsurv_core.simulate.ceus.examination import curve_truth, examine
from hccsurv_core.simulate.ceus.stills import write_stills

DEMO_SEED = 2022


@dataclass(frozen=True)
class CeusDemo:
    """One demo patient.

    Args:
        key: stable identifier.
        title: a few words for a list.
        story: what a sonographer should notice.
        index: of the patient under :data:`DEMO_SEED`.
    """

    key: str
    title: str
    story: str
    index: int


DEMO_CLIPS: tuple[CeusDemo, ...] = (
    CeusDemo(
        "typical",
        "Typical hepatocellular carcinoma",
        "A dark nodule of 37 mm that lights up evenly within half a minute, shows a bright rim, "
        "and is darker than the liver in the late phase.",
        1436,
    ),
    CeusDemo(
        "patchy_with_satellites",
        "Patchy, with satellites and necrosis",
        "A small, irregular nodule that enhances unevenly and in part not at all, with "
        "satellites beside it: high risk of recurrence and of death.",
        22,
    ),
    CeusDemo(
        "hypovascular",
        "Never brighter than the liver",
        "A dark nodule of 35 mm that stays darker than the liver in every phase: the frame of "
        "peak enhancement has to be looked for.",
        90,
    ),
    CeusDemo(
        "retreatment_helps",
        "High risk of recurrence, low risk of death",
        "A bright, smooth nodule of 27 mm. Class 1 of four: recurrence is likely, and treating "
        "it again helps.",
        660,
    ),
)


def ceus_demo(key: str) -> CeusDemo:
    """The demo patient called ``key``.

    Raises:
        NotFoundError: there is none, naming those there are.
    """
    for demo in DEMO_CLIPS:
        if demo.key == key:
            return demo
    known = ", ".join(d.key for d in DEMO_CLIPS)
    raise NotFoundError(f"no demo patient is called {key!r}", remedy=f"choose one of {known}")


def write_demo(folder: Path, key: str, progress: Progress = silent) -> ClipTruth:
    """Write one demo patient's stills, clip and outlines, laid out as in a cohort folder.

    Raises:
        NotFoundError: no demo patient has this key.
    """
    demo = ceus_demo(key)
    exam = examine(DEMO_SEED, demo.index)
    write_stills(folder, exam, curve_truth(exam))
    return write_clip(folder, DEMO_SEED, demo.index, progress=progress)
