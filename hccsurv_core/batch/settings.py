"""Where a batch runs: in this process, in worker processes, or on a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from hccsurv_core.errors import InputError

#: So few patients are worked on in this process: workers take longer to start than they save (5 s
#: with their imports, where a patient of system 1 takes 0.9 s).
FEW_PATIENTS = 6


@dataclass(frozen=True)
class BatchSettings:
    """Where a batch runs.

    Args:
        workers: processes on this machine; None takes one per core, or this process alone for no
            more patients than :data:`FEW_PATIENTS`; 0 always takes this process alone.
        scheduler: address of a Dask scheduler whose workers are used instead (``tcp://…``). They
            need this package and see the files under the same paths; start them with
            ``--nthreads 1``. Dask runs what it is sent: use only a scheduler you trust.
        limit_s: how long one patient may take in a worker, which is then restarted; this process
            itself cannot be stopped so.

    Raises:
        InputError: ``workers`` is negative, ``limit_s`` is not positive, or workers and a
            scheduler are given.
    """

    workers: int | None = None
    scheduler: str | None = None
    limit_s: float = 3600.0

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise InputError(f"must be at least 0, got {self.workers}", source="workers")
        if not self.limit_s > 0:
            raise InputError(f"must be positive, got {self.limit_s}", source="limit_s")
        if self.workers is not None and self.scheduler is not None:
            raise InputError(
                "workers of this machine and a scheduler cannot be used at once",
                source="scheduler",
                remedy="give one of the two",
            )
