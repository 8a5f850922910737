"""The store is killed (SIGKILL) in the middle of its writes; what it lists afterwards is whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.cohort.store import PatientStore

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")

WRITER = """
import sys
from pathlib import Path
import numpy as np
from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
source = folder.parent / "source.dcm"
source.write_bytes(b"d" * 200_000)
rng = np.random.default_rng(seed)
store = PatientStore(folder)
print("ready", flush=True)
while True:
    patient = store.add_patient()
    value = int(rng.integers(-1000, 1000))
    volume = Volume(np.full((16, 128, 128), value, np.int16), np.eye(4))
    # The description tells what the voxels must be; words are cleaned, numbers stay.
    study = store.add_study(patient.id, volume, modality="CT", description=str(value),
                            simulated=True, dicom_files=[source] * 3)
    print("study", study.id, patient.id, flush=True)
    for revision in (1, 2, 3):
        masks = {"muscle": np.full((4, 128, 128), revision % 2 == 0)}
        store.save_segmentation(study.id, BodySegmentation(0, 1, masks, "edited"), state="edited")
        print("mask", study.id, revision, flush=True)
    store.save_measures(study.id, {"value": value})
    if rng.random() < 0.3:
        store.delete_study(study.id)
        print("deleted", study.id, flush=True)
"""


def _killed_writer(folder: Path, seed: int, seconds: float) -> list[list[str]]:
    """Run a writer, kill it after a while, and return what it had reported as stored."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    told, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    # The last line may be cut off by the kill.
    return [line.split() for line in told.splitlines(keepends=True) if line.endswith("\n")]


def _check_everything(store: PatientStore) -> set[str]:
    ids = set()
    for row in store.list_patients():
        for study in row.studies:
            store.verify_study(study.id)
            value = int(study.description)
            assert (store.load_volume(study.id).voxels == value).all()
            stored = store.load_segmentation(study.id)
            if stored is not None:
                mask = stored.segmentation.masks["muscle"]
                assert (mask == (stored.revision % 2 == 0)).all()
                assert [r.revision for r in store.revisions(study.id)] == list(
                    range(stored.revision, 0, -1)
                )
            measures = store.load_measures(study.id)
            assert measures is None or measures == {"value": value}
            ids.add(study.id)
    return ids


def test_every_listed_study_is_whole_after_each_kill(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    moments = random.Random(20240503)
    told: list[list[str]] = []
    for seed in range(6):
        told += _killed_writer(folder, seed, moments.uniform(0.05, 0.5))
        with PatientStore(folder) as store:
            ids = _check_everything(store)
            # No orphan is left: not a folder, not a mask, not a half-written file.
            assert {p.name for p in (folder / "studies").iterdir()} == ids
            for study_id in ids:
                masks = {p.name for p in (folder / "studies" / study_id / "masks").iterdir()}
                assert len(masks) == len(store.revisions(study_id))
    stored = {line[1]: line[2] for line in told if line[0] == "study"}
    assert len(stored) > 5, "the writer was killed before it wrote anything"
    with PatientStore(folder) as store:
        # What had been reported as stored is there, unless the writer itself deleted it.
        for study_id in stored.keys() - ids:
            entries = store.history(stored[study_id])
            assert ("study_deleted", study_id) in [(e.action, e.study_id) for e in entries]
        for study_id in stored.keys() & ids:
            revisions = [int(line[2]) for line in told if line[:2] == ["mask", study_id]]
            assert len(store.revisions(study_id)) >= max(revisions, default=0)


def test_sweep_spares_what_a_live_process_is_writing(tmp_path: Path) -> None:
    with PatientStore(tmp_path) as store:
        orphan = tmp_path / "studies" / ("a" * 32)
        with store._files.writing():
            orphan.mkdir()
            PatientStore(tmp_path).close()
            assert orphan.is_dir()
        PatientStore(tmp_path).close()
        assert not orphan.exists()


def test_sweep_removes_only_what_no_row_names(
    store: PatientStore, study, make_segmentation
) -> None:
    store.save_segmentation(study.id, make_segmentation(), state="automatic")
    masks = store.folder / "studies" / study.id / "masks"
    (masks / ".writing-x").write_bytes(b"half")
    (masks / ("b" * 32 + ".npz")).write_bytes(b"no row")
    (store.folder / "studies" / (".incoming-" + "c" * 32)).mkdir()
    (store.folder / "studies" / "stray.txt").write_text("?")
    outside = store.folder.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (store.folder / "studies" / "link").symlink_to(outside)
    PatientStore(store.folder).close()
    assert [p.name for p in (store.folder / "studies").iterdir()] == [study.id]
    assert len(list(masks.iterdir())) == 1
    assert (outside / "kept").is_file()
    np.testing.assert_array_equal(
        store.load_segmentation(study.id).segmentation.masks["muscle"],
        make_segmentation().masks["muscle"],
    )


def test_two_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from hccsurv_core.cohort.store import PatientStore\n"
        "s = PatientStore(sys.argv[1]); [s.add_patient() for _ in range(20)]"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "d")]) for _ in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    with PatientStore(tmp_path / "d") as store:
        assert len(store.list_patients()) == 60
