"""Demo patients with a contrast clip: drawn, outlined and stored in seconds."""

from __future__ import annotations

from typing import Any

from hccsurv_core.progress import Progress, part_of
from pages._shared import routes
from pages._shared.importing import Imported
from pages._shared.views import open_store

_READER = "simulated reader"
#: Of the worklist; muscle's demo patients are DEMO-1 and on, the tumor board's DEMO-T1.
_PSEUDONYM = "DEMO-C"
LESION, REFERENCE = "Lesion", "Reference parenchyma"


def open_ceus_demo(key: str, *, actor: str, progress: Progress) -> Imported:
    """Open a demo patient; the first time it is simulated and stored.

    Raises:
        NotFoundError: there is none of this key.
        StoreError: the data folder cannot be written; nothing is left behind.
    """
    from hccsurv_core.simulate.ceus.demo import DEMO_CLIPS, ceus_demo
    from hccsurv_core.systems.ceus.demo_record import build_demo_clip, demo_facts, demo_values

    store, demo = open_store(), ceus_demo(key)
    pseudonym = f"{_PSEUDONYM}{DEMO_CLIPS.index(demo) + 1}"
    for row in store.list_patients(pseudonym):
        if row.patient.simulated and row.patient.pseudonym == pseudonym and row.latest_study:
            return Imported(row.latest_study.id, routes.CEUS)
    progress(0.02, "Simulating the clip")
    clip = build_demo_clip(demo, part_of(progress, 0.02, 0.85))
    patient = store.add_patient(pseudonym, demo_facts(demo), simulated=True, actor=actor)
    try:
        store.save_clinical_values(patient.id, demo_values(demo), actor=actor, can_undo=False)
        study = store.add_clip(
            patient.id,
            clip.loaded,
            panels=clip.panels,
            dynamic_range_db=clip.dynamic_range_db,
            study_date=clip.loaded.study_date,
            description=demo.title,
            outline_frame=clip.frame,
            simulated=True,
            actor=actor,
            progress=part_of(progress, 0.85, 1.0),
        )
        store.save_regions(study.id, _regions(clip), actor=actor, note=f"outlined by a {_READER}")
    except BaseException:
        store.delete_patient(patient.id, actor=actor)
        raise
    return Imported(study.id, routes.CEUS)


def _regions(clip: Any) -> list[Any]:
    """Lesion and reference on the peak frame alone: they are followed from there."""
    from hccsurv_core.roi.regions import region_of

    named = ((LESION, "lesion-1", clip.lesion), (REFERENCE, "reference-1", clip.parenchyma))
    return [
        region_of(id, name, mask[None], (clip.frame, 0, 0), method=f"drawn by a {_READER}")
        for name, id, mask in named
    ]
