"""Demo patients under immunotherapy: two full scans, lesions and organs outlined, and the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hccsurv_core.progress import Progress, part_of
from pages._shared import routes
from pages._shared.importing import Imported
from pages._shared.views import open_store

if TYPE_CHECKING:
    from hccsurv_core.simulate.immunotherapy.demo import FollowupDemo
    from hccsurv_core.simulate.immunotherapy.images import Scan

_READER = "simulated reader"
#: Of the worklist; the tumor board's demo patients are DEMO-T1 and on.
_PSEUDONYM = "DEMO-F"
_ORGANS = {1: "Liver", 2: "Lungs"}


def open_followup_demo(key: str, *, actor: str, progress: Progress) -> Imported:
    """Open a demo patient; the first time it is simulated and stored.

    Raises:
        NotFoundError: there is none of this key.
        StoreError: the data folder cannot be written; nothing is left behind.
    """
    from hccsurv_core.simulate.immunotherapy.demo import (
        FOLLOWUP_DEMOS,
        build_followup_demo,
        followup_demo,
    )
    from hccsurv_core.systems.immunotherapy.demo_record import demo_facts, demo_values

    store, demo = open_store(), followup_demo(key)
    pseudonym = f"{_PSEUDONYM}{FOLLOWUP_DEMOS.index(demo) + 1}"
    for row in store.list_patients(pseudonym):
        if row.patient.simulated and row.patient.pseudonym == pseudonym and row.latest_study:
            return Imported(row.latest_study.id, routes.FOLLOWUP)
    scans = build_followup_demo(key, part_of(progress, 0.0, 0.9))
    progress(0.9, "Storing both scans")
    patient = store.add_patient(pseudonym, demo_facts(demo), simulated=True, actor=actor)
    try:
        store.save_clinical_values(patient.id, demo_values(demo), actor=actor, can_undo=False)
        studies = [
            _store_scan(store, patient.id, demo, scan, day, actor)
            for scan, day in zip(scans.values(), demo.dates, strict=True)
        ]
    except BaseException:
        store.delete_patient(patient.id, actor=actor)
        raise
    progress(1.0, "Done")
    return Imported(studies[-1], routes.FOLLOWUP)


def _store_scan(
    store: Any, patient_id: Any, demo: FollowupDemo, scan: Scan, day: str, actor: str
) -> Any:
    """Store one scan with its outlines; returns the study's key."""
    from hccsurv_core.roi.regions import region_of

    study = store.add_study(
        patient_id, scan.volume, modality="CT", study_date=day, phase="portal_venous",
        description=f"Chest and abdomen: {demo.title.lower()}", simulated=True, actor=actor,
    )  # fmt: skip
    method = f"drawn by a {_READER}"
    regions = [
        region_of(f"{name.lower()}-1", name, scan.organ.voxels == value, method=method)
        for value, name in _ORGANS.items()
    ]
    regions += [
        region_of(
            f"lesion-{number}", f"Lesion {number}", scan.lesions.voxels == number, method=method
        )
        for number in (scan.lesions.names or {})
    ]
    store.save_regions(study.id, regions, actor=actor, note=f"outlined by a {_READER}")
    return study.id
