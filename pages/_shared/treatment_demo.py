"""The tumor board's demo patients: two phases, lesion and liver outlined, and the record, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hccsurv_core.progress import Progress
from pages._shared import routes
from pages._shared.importing import Imported
from pages._shared.views import open_store

if TYPE_CHECKING:
    from hccsurv_core.simulate.treatment.demo import TreatmentDemo
    from hccsurv_core.simulate.treatment.images import LiverScan

_STUDY_DATE = "2024-09-10"
_READER = "simulated reader"
#: Of the worklist; muscle's demo patients are DEMO-1 and on.
_PSEUDONYM = "DEMO-T"


def open_treatment_demo(key: str, *, actor: str, progress: Progress) -> Imported:
    """Open a demo patient; the first time it is simulated and stored.

    Raises:
        NotFoundError: there is none of this key.
        StoreError: the data folder cannot be written; nothing is left behind.
    """
    from hccsurv_core.simulate.treatment.demo import (
        TREATMENT_DEMOS,
        build_treatment_demo,
        treatment_demo,
    )
    from hccsurv_core.systems.treatment.demo_record import demo_facts, demo_values

    store, demo = open_store(), treatment_demo(key)
    pseudonym = f"{_PSEUDONYM}{TREATMENT_DEMOS.index(demo) + 1}"
    for row in store.list_patients(pseudonym):
        if row.patient.simulated and row.patient.pseudonym == pseudonym and row.latest_study:
            return Imported(row.latest_study.id, routes.TREATMENT)
    progress(0.05, "Simulating both phases")
    scan = build_treatment_demo(key)
    progress(0.6, "Storing the scans")
    patient = store.add_patient(pseudonym, demo_facts(demo), simulated=True, actor=actor)
    try:
        store.save_clinical_values(patient.id, demo_values(demo), actor=actor, can_undo=False)
        studies = [
            _store_phase(store, patient.id, demo, scan, phase, actor) for phase in scan.volumes
        ]
    except BaseException:
        store.delete_patient(patient.id, actor=actor)
        raise
    progress(1.0, "Done")
    return Imported(studies[0], routes.TREATMENT)


def _store_phase(
    store: Any, patient_id: Any, demo: TreatmentDemo, scan: LiverScan, phase: str, actor: str
) -> Any:
    """Store one phase with its outlines; returns the study's key."""
    from hccsurv_core.roi.regions import region_of

    study = store.add_study(
        patient_id, scan.volumes[phase], modality="CT", study_date=_STUDY_DATE,
        description=demo.title, phase=phase, simulated=True, actor=actor,
    )  # fmt: skip
    regions = [
        region_of(
            f"{name.lower()}-1", name, labels[phase].voxels > 0, method=f"drawn by a {_READER}"
        )
        for name, labels in (("Lesion", scan.lesions), ("Liver", scan.livers))
    ]
    store.save_regions(study.id, regions, actor=actor, note=f"outlined by a {_READER}")
    return study.id
