"""From a cohort folder to a feature table for the verbs: extracted in parallel, kept, reported."""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hccsurv_core.batch import Failure
    from hccsurv_core.cohort.folder import Cohort
    from hccsurv_core.features.feature_table import FeatureTable

#: More patients without features than this share: something is wrong with the cohort.
MOST_FAILURES = 0.1
#: As many failures are told on standard error; the JSON object has all.
_TOLD = 10
_KEPT = "cohort_features"


@dataclass(frozen=True, eq=False)
class CohortTable:
    """What a cohort folder gave.

    Args:
        table: features that a model may take, with outcome and labels.
        scans: how the same patients were scanned (``scan.`` columns).
        failures: patients without features, each with the reason.
        cohort: as read.
    """

    table: FeatureTable
    scans: FeatureTable
    failures: tuple[Failure, ...]
    cohort: Cohort


def add_cohort_arguments(parser: argparse.ArgumentParser) -> None:
    """``--work``, ``--workers`` and ``--scheduler``: how a cohort's features are extracted."""
    parser.add_argument(
        "--work", metavar="DIR",
        help="keep a cohort's features here, so that a run that was stopped goes on and another "
        "need not begin (default: in the data folder)",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=int, metavar="N",
        help="processes that extract features (default: one per core; 0: this process alone)",
    )  # fmt: skip
    where.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="a Dask scheduler whose workers extract features (tcp://…), instead of this machine",
    )  # fmt: skip


def read_cohort_table(
    arguments: argparse.Namespace, preset: str | None, progress: Progress
) -> CohortTable:
    """Extract the features of a cohort folder.

    Args:
        arguments: with those of :func:`add_cohort_arguments` and ``cohort``.
        preset: of the radiomics; None leaves them out.

    Raises:
        InputError: the folder cannot be read, or too many patients gave no features.
    """
    from hccsurv_core.batch import BatchSettings, extract_batch
    from hccsurv_core.systems.muscle.case_checks import SCAN
    from hccsurv_core.systems.muscle.cohort import (
        case_tasks,
        cohort_features,
        extract_case,
        read_muscle_cohort,
    )

    settings = BatchSettings(workers=arguments.workers, scheduler=arguments.scheduler)
    folder = Path(arguments.cohort)
    cohort = read_muscle_cohort(folder)
    kept = Path(arguments.work) if arguments.work else kept_folder(folder)
    done = extract_batch(
        case_tasks(cohort, preset), extract_case, kept / (preset or "measures"),
        settings=settings, progress=progress,
    )  # fmt: skip
    tell_failures(done.failures, len(cohort), folder)
    whole = cohort_features(cohort, done.patient_ids, done.names, done.values)
    # A model's card names the study; the path of a machine is nobody's business.
    whole = replace(
        whole, source=f"{cohort.info.name} ({folder.resolve().name})",
        simulated=cohort.info.simulated,
    )  # fmt: skip
    scans = [name for name in whole.names if name.startswith(SCAN)]
    others = [name for name in whole.names if not name.startswith(SCAN)]
    return CohortTable(whole.columns(others), whole.columns(scans), done.failures, cohort)


def preset_of(feature_names: Sequence[str]) -> str | None:
    """The radiomics that a model's features need; None where it takes none."""
    from hccsurv_core.systems.muscle import cohort
    from hccsurv_core.systems.muscle.feature_groups import is_radiomic

    return cohort.PRESET if any(is_radiomic(name) for name in feature_names) else None


def kept_folder(folder: Path) -> Path:
    """Where what was measured on a cohort folder is kept, in the data folder."""
    from hccsurv_core.cohort.settings import data_folder

    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return data_folder() / _KEPT / digest


def tell_failures(failures: Sequence[Failure], n: int, folder: Path) -> None:
    """Say on standard error who gave no features.

    Raises:
        InputError: too many.
    """
    for failure in failures[:_TOLD]:
        print(f"note: {failure.patient_id}: {failure.message}", file=sys.stderr)
    if len(failures) > _TOLD:
        print(f"note: and {len(failures) - _TOLD} more", file=sys.stderr)
    if len(failures) > MOST_FAILURES * n:
        first = failures[0]
        raise InputError(
            f"{len(failures)} of {n} patients gave no features, more than "
            f"{100 * MOST_FAILURES:.0f} % (patient {first.patient_id}: {first.message})",
            source=str(folder),
            remedy="repair or remove those patients",
        )


def failures_json(failures: Sequence[Failure]) -> list[dict[str, str]]:
    """For a verb's answer."""
    return [{"patient_id": f.patient_id, "kind": f.kind, "reason": f.message} for f in failures]


def resolve_table(
    arguments: argparse.Namespace,
    *,
    with_outcome: bool,
    preset: str | None,
    progress: Progress,
) -> tuple[FeatureTable, CohortTable | None]:
    """The feature table that a verb is given, and the cohort folder it was extracted from, if any.

    Args:
        with_outcome: refuse a table without outcome.
        preset: of a cohort's radiomics.

    Raises:
        InputError: neither or both are given, or what is given cannot be used.
    """
    from hccsurv_core.features.feature_table import read_feature_table

    given = arguments.features_table
    if (given is None) == (arguments.cohort is None):
        raise InputError(
            "a cohort folder or --features-table is needed, and not both", source="arguments"
        )
    if given is not None:
        return read_feature_table(Path(given), with_outcome=with_outcome), None
    found = read_cohort_table(arguments, preset, progress)
    return found.table, found
