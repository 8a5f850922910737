"""From what was chosen on the page to a training run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pages._shared.train_cohorts import SYSTEM
from pages._shared.train_runs import open_runs
from pages._shared.train_source import TrainingSource

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.training_runs import TrainingRun
    from pages._shared.train_treatment_source import TreatmentSource


def start(
    source: TrainingSource,
    table: FeatureTable,
    *,
    name: str,
    options: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: str,
) -> TrainingRun:
    """Begin a training run.

    Args:
        source: who.
        table: its table, with those held out who are asked for.
        name: of the run; empty takes the source's.
        options, settings: of the verb train, of the model.
        by: who starts it.

    Raises:
        HccsurvError: the data folder cannot be written, or nothing can be trained here.
    """
    from hccsurv_core.systems.training_runs import TrainingRequest
    from hccsurv_core.systems.training_sources import keep_table

    told = dict(options)
    if source.cohort is None:
        # Who is held out stands in the kept table already.
        told = {k: v for k, v in told.items() if not k.startswith("hold-out")}
        told["features-table"] = str(keep_table(table, source.name).absolute())
        told["simulated"] = bool(source.simulated)
        told["endpoint"] = source.endpoint
    request = TrainingRequest(SYSTEM, name.strip() or source.name, source.cohort, told, settings)
    return open_runs().start(request, by=by)


def start_treatment(
    source: TreatmentSource,
    table: FeatureTable,
    *,
    name: str,
    options: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: str,
) -> TrainingRun:
    """Begin a training run of system 2; arguments and errors as of :func:`start`.

    An uploaded table is kept as it is; the verb holds out whom ``options`` say.
    """
    from hccsurv_core.systems.training_runs import TrainingRequest
    from hccsurv_core.systems.training_sources import keep_file

    told, place = dict(options), source.cohort
    if source.upload is not None:
        place = keep_file(source.upload.content, source.upload.name).absolute()
        told["simulated"] = bool(source.simulated)
        told["endpoint"] = source.endpoint
    request = TrainingRequest("treatment", name.strip() or source.name, place, told, settings)
    return open_runs().start(request, by=by)


def start_ceus(
    source: TrainingSource,
    table: FeatureTable,
    *,
    name: str,
    options: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: str,
) -> TrainingRun:
    """Begin a training run of system 3; arguments and errors as of :func:`start`.

    The cohort folder stays where it is; the verb holds out whom ``options`` say.
    """
    return _start_in_folder("ceus", source, name, options, settings, by)


def start_immunotherapy(
    source: TrainingSource,
    table: FeatureTable,
    *,
    name: str,
    options: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: str,
) -> TrainingRun:
    """Begin a training run of system 4; arguments and errors as of :func:`start_ceus`."""
    return _start_in_folder("immunotherapy", source, name, options, settings, by)


def _start_in_folder(
    system: str,
    source: TrainingSource,
    name: str,
    options: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: str,
) -> TrainingRun:
    from hccsurv_core.systems.training_runs import TrainingRequest

    request = TrainingRequest(
        system, name.strip() or source.name, source.cohort, dict(options), settings
    )
    return open_runs().start(request, by=by)
