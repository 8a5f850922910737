"""A batch in this process: what is kept, what is used again, what is made anew, and what fails."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from batch_functions import moments, moments_or_error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hccsurv_core.batch import BatchResult, BatchSettings, Failure, extract_batch
from hccsurv_core.batch import work as batch_work
from hccsurv_core.batch.result_file import RESULT_FILE, Features, ResultFile
from hccsurv_core.batch.task_key import task_key
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import CancelledError, InputError, StoreError

HERE = BatchSettings(workers=0)


@pytest.fixture
def tasks(tmp_path: Path) -> list[PatientTask]:
    """Six patients with one file each; calls are written down in ``calls``."""
    rng = np.random.default_rng(5)
    made = []
    (tmp_path / "images").mkdir()
    for k in range(6):
        image = tmp_path / "images" / f"{k}.bin"
        image.write_bytes(rng.bytes(100 + k))
        made.append(PatientTask(f"P{k}", {"image": image}, {"log": str(tmp_path / "calls")}))
    return made


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], Counter[str]]:
    """How often the function was called for each patient since the last time this was asked."""

    def count() -> Counter[str]:
        log = tmp_path / "calls"
        found = Counter(x.split()[0] for x in log.read_text().splitlines()) if log.exists() else {}
        log.unlink(missing_ok=True)
        return Counter(found)

    return count


def _run(tasks: list[PatientTask], folder: Path, function=moments, **options) -> BatchResult:
    return extract_batch(tasks, function, folder / "run", settings=HERE, **options)


def _direct(tasks: list[PatientTask]) -> np.ndarray:
    return np.array([list(moments(t).values()) for t in tasks])


def _changed(task: PatientTask, **more: object) -> PatientTask:
    return replace(task, settings={**task.settings, **more})


def test_every_patient_gets_what_the_function_gives(tasks, calls, tmp_path: Path) -> None:
    result = _run(tasks, tmp_path)
    assert calls() == Counter(t.patient_id for t in tasks)
    assert result.patient_ids == ("P0", "P1", "P2", "P3", "P4", "P5")
    assert result.names == ("mean", "spread", "power")
    assert result.failures == () and result.n_reused == 0
    np.testing.assert_array_equal(result.values, _direct(tasks))


def test_a_second_run_does_nothing_and_says_the_same(tasks, calls, tmp_path: Path) -> None:
    first = _run(tasks, tmp_path)
    calls()
    again = _run(tasks, tmp_path)
    assert not calls()
    assert again.n_reused == 6
    np.testing.assert_array_equal(again.values, first.values)


def test_other_patients_and_another_order_use_what_is_there(tasks, calls, tmp_path: Path) -> None:
    _run(tasks[:4], tmp_path)
    calls()
    result = _run(tasks[::-1][:4], tmp_path)
    assert calls() == Counter(["P5", "P4"])
    assert result.patient_ids == ("P5", "P4", "P3", "P2")
    np.testing.assert_array_equal(result.values, _direct(tasks[::-1][:4]))


def _rewrite(image: Path) -> None:
    image.write_bytes(bytes(len(image.read_bytes())))


def _rewrite_with_the_old_date(image: Path) -> None:
    before = image.stat()
    _rewrite(image)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))


def _put_another_in_place(image: Path) -> None:
    other = image.with_suffix(".new")
    other.write_bytes(b"another image")
    other.replace(image)


@pytest.mark.parametrize("change", [_rewrite, _rewrite_with_the_old_date, _put_another_in_place])
def test_a_changed_file_is_worked_on_again(change, tasks, calls, tmp_path: Path) -> None:
    _run(tasks, tmp_path)
    calls()
    change(tasks[2].files["image"])
    result = _run(tasks, tmp_path)
    assert calls() == Counter(["P2"])
    np.testing.assert_array_equal(result.values, _direct(tasks))


def test_a_file_more_or_less_in_a_folder_is_noticed(tasks, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    task = replace(tasks[0], files={"series": folder})
    keys = [task_key(task, moments, "code")]
    (folder / "deep").mkdir()
    (folder / "deep" / "more.bin").write_bytes(b"more")
    keys.append(task_key(task, moments, "code"))
    (folder / "5.bin").unlink()
    keys.append(task_key(task, moments, "code"))
    (folder / "nowhere").symlink_to(folder / "gone")
    keys.append(task_key(task, moments, "code"))
    assert len(set(keys)) == 4


def test_files_that_change_places_are_noticed(tasks, tmp_path: Path) -> None:
    images = [t.files["image"] for t in tasks]
    one = replace(tasks[0], files={"image": images[0], "mask": images[1]})
    other = replace(tasks[0], files={"image": images[1], "mask": images[0]})
    assert task_key(one, moments, "code") != task_key(other, moments, "code")


def test_a_moved_cohort_is_the_same(tasks, calls, tmp_path: Path) -> None:
    _run(tasks, tmp_path)
    calls()
    (tmp_path / "images").rename(tmp_path / "moved")
    moved = [replace(t, files={"image": tmp_path / "moved" / t.files["image"].name}) for t in tasks]
    assert _run(moved, tmp_path).n_reused == 6
    assert not calls()


def test_another_setting_function_or_code_is_worked_on_again(
    tasks, calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(tasks, tmp_path)
    assert _run([_changed(t, bin_width=25) for t in tasks], tmp_path).n_reused == 0
    assert _run(tasks, tmp_path, moments_or_error).n_reused == 0
    calls()
    # What was there before is there still.
    assert _run(tasks, tmp_path).n_reused == 6
    monkeypatch.setattr(batch_work, "code_version", lambda extract: "other")
    with pytest.raises(InputError, match="hccsurv was changed on the disk while"):
        _run(tasks, tmp_path)
    assert not calls()


def test_a_failed_patient_stops_nobody_and_is_tried_again(tasks, calls, tmp_path: Path) -> None:
    tasks[1] = _changed(tasks[1], fails="input")
    tasks[4] = _changed(tasks[4], fails="defect")
    result = _run(tasks, tmp_path, moments_or_error)
    assert result.patient_ids == ("P0", "P2", "P3", "P5")
    assert result.failures == (
        Failure("P1", "P1: has no outline; draw one", "input"),
        Failure("P4", "ZeroDivisionError: nothing to divide", "defect"),
    )
    np.testing.assert_array_equal(result.values, _direct([tasks[k] for k in (0, 2, 3, 5)]))
    calls()
    again = _run(tasks, tmp_path, moments_or_error)
    assert again.failures == result.failures and again.n_reused == 4
    assert not calls(), "a patient that had succeeded was worked on again"


def test_features_that_differ_are_a_failure_and_not_a_hole(tasks, tmp_path: Path) -> None:
    tasks[0] = _changed(tasks[0], fails="less")
    tasks[1] = _changed(tasks[1], fails="infinite")
    tasks[2] = _changed(tasks[2], fails="turned")
    tasks[3] = _changed(tasks[3], fails="missing value")
    result = _run(tasks, tmp_path, moments_or_error)
    assert result.names == ("mean", "spread", "power")
    assert result.failures == (
        Failure("P0", "has 2 features where 3 are expected; spread is missing", "features"),
        Failure("P1", "ValueError: feature mean is infinite", "defect"),
    )
    # Another order is put right; a missing value stays missing.
    np.testing.assert_array_equal(result.values[0], _direct(tasks[2:3])[0])
    np.testing.assert_array_equal(result.values[1], [np.nan, 0, 0])


def test_expected_features_can_be_given(tasks, tmp_path: Path) -> None:
    result = _run(tasks, tmp_path, names=("mean", "spread", "power", "entropy"))
    assert result.patient_ids == () and result.values.shape == (0, 4)
    assert len(result.failures) == 6
    assert "3 features where 4 are expected; entropy is missing" in result.failures[0].message


def test_no_patients_and_none_that_succeeds(tasks, tmp_path: Path) -> None:
    empty = _run([], tmp_path)
    assert empty.patient_ids == () and empty.names == () and empty.values.shape == (0, 0)
    failing = [_changed(t, fails="input") for t in tasks]
    result = _run(failing, tmp_path, moments_or_error)
    assert len(result.failures) == 6 and result.values.shape == (0, 0)


def test_cancelled_run_goes_on_where_it_was(tasks, calls, tmp_path: Path) -> None:
    def after_two(fraction: float, message: str) -> None:
        if fraction >= 2 / 6:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        _run(tasks, tmp_path, progress=after_two)
    done = calls()
    assert 2 <= len(done) < 6
    result = _run(tasks, tmp_path)
    # At most the one that was in work when the run was cancelled is done twice.
    assert len(calls() & done) <= 1
    assert result.n_reused == 2
    np.testing.assert_array_equal(result.values, _direct(tasks))


def test_progress_only_grows_and_says_how_far(tasks, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    tasks[1] = _changed(tasks[1], fails="input")
    _run(tasks, tmp_path, moments_or_error, progress=lambda f, m: told.append((f, m)))
    fractions = [f for f, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert told[-1][1] == "6 of 6 patients, 1 failed"


def test_what_libraries_say_does_not_reach_standard_output(tasks, tmp_path, capsys) -> None:
    _run([_changed(tasks[0], fails="talks")], tmp_path, moments_or_error)
    found = capsys.readouterr()
    assert found.out == ""
    assert "what a library says" in found.err


def test_a_patient_twice_is_refused(tasks, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="P1: the patient occurs more than once"):
        _run([*tasks, tasks[1]], tmp_path)


def test_only_functions_of_a_module(tasks, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be a function of a module"):
        _run(tasks, tmp_path, lambda task: {})


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="workers: must be at least 0, got -1"):
        BatchSettings(workers=-1)
    with pytest.raises(InputError, match="limit_s: must be positive, got nan"):
        BatchSettings(limit_s=float("nan"))
    with pytest.raises(InputError, match="cannot be used at once"):
        BatchSettings(workers=2, scheduler="tcp://host:8786")


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, hccsurv_core.batch, hccsurv_core.systems.training_runs, "
        "hccsurv_core.cohort.model_library\n"
        "print(sorted({'dask', 'distributed', 'numba', 'pandas', 'scipy', 'sqlalchemy', 'torch'} "
        "& set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_two_runs_do_not_share_a_folder(tasks, tmp_path: Path) -> None:
    with (
        ResultFile(tmp_path / "run"),
        pytest.raises(InputError, match="another batch is writing its results here"),
    ):
        _run(tasks, tmp_path)
    assert _run(tasks, tmp_path).n_reused == 0


@pytest.mark.parametrize("damage", ["garbage", "foreign", "newer"])
def test_a_file_that_is_not_ours_is_refused(damage, tasks, tmp_path: Path) -> None:
    _run(tasks, tmp_path)
    path = tmp_path / "run" / RESULT_FILE
    for extra in path.parent.glob("*-wal"):
        extra.unlink()
    if damage == "garbage":
        path.write_bytes(b"garbage" * 1000)
    else:
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE something (x)")
            database.execute(f"PRAGMA user_version={99 if damage == 'newer' else 0}")
        database.close()
    with pytest.raises(StoreError, match=r"delete this file|give another folder"):
        _run(tasks, tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tasks, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        _run(tasks, tmp_path)


_NUMBERS = st.floats(allow_nan=True, allow_infinity=False, width=64)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(st.text(max_size=5), st.dictionaries(st.text(max_size=8), _NUMBERS, max_size=6)),
        max_size=6,
    )
)
def test_what_is_stored_comes_back_bit_by_bit(rows, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("store")
    newest: dict[str, Features] = {}
    for patient_id, found in rows:
        with ResultFile(folder) as file:
            features = Features(tuple(found), np.array(list(found.values()), float), 0.5)
            file.add_features(patient_id, "key", features)
            newest[patient_id] = features
    with ResultFile(folder) as file:
        assert file.features("nobody", "key") is None
        for patient_id, features in newest.items():
            stored = file.features(patient_id, "key")
            assert file.features(patient_id, "another key") is None
            assert stored.names == features.names and stored.seconds == 0.5
            assert stored.values.tobytes() == features.values.tobytes()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(st.sets(st.integers(0, 5)), st.lists(st.integers(0, 5), unique=True)),
        min_size=1,
        max_size=4,
    )
)
def test_any_history_of_changes_and_runs_gives_what_a_fresh_run_gives(
    steps, tasks, tmp_path_factory
) -> None:
    folder = tmp_path_factory.mktemp("history")
    for number, (changed, chosen) in enumerate(steps):
        for k in changed:
            tasks[k].files["image"].write_bytes(bytes([number, k]) * 40)
        some = [tasks[k] for k in chosen]
        result = _run(some, folder)
        assert result.patient_ids == tuple(t.patient_id for t in some)
        np.testing.assert_array_equal(
            result.values, _direct(some).reshape(len(some), len(result.names))
        )
