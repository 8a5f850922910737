"""Worker processes: started on this machine, or those of a Dask scheduler somewhere else.

On this machine nothing listens but on the loopback address, everything said there is encrypted
and needs a key that only this process and its workers have (a Dask scheduler runs whatever it is
told), and no dashboard is opened.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import HccsurvError, InputError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

#: A worker does one patient at a time with one thread: as many workers as cores fill the machine.
ONE_THREAD: Mapping[str, str] = dict.fromkeys(
    (
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)
#: A patient that two workers died of is set apart and tried alone.
_ALLOWED_DEATHS = 1
#: For machines that are loaded to the brim: a dead process is noticed at once, a slow one is not
#: dead. Longer than a worker takes to start again, or it is given up for good.
_PATIENCE = "1 hour"
_CONNECT_SECONDS = 30
_CONFIG = {
    "distributed.scheduler.allowed-failures": _ALLOWED_DEATHS,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    # No longer: whoever asks a worker that has just died waits for as long.
    "distributed.comm.timeouts.connect": "60s",
    "distributed.comm.timeouts.tcp": "300s",
    "distributed.deploy.lost-worker-timeout": _PATIENCE,
    "distributed.scheduler.worker-ttl": _PATIENCE,
}


def n_cores() -> int:
    """Cores this process may use, by affinity and control group."""
    from dask.system import CPU_COUNT

    return int(CPU_COUNT)


@contextmanager
def local_workers(n: int) -> Iterator[Client]:
    """Start ``n`` worker processes; they are gone when the block is left, however it is left.

    Raises:
        HccsurvError: they cannot be started.
    """
    import dask
    from distributed import Client, LocalCluster

    with _environment_kept(), dask.config.set(_CONFIG):
        try:
            cluster = LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                security=True,
                silence_logs=logging.CRITICAL,
                env=dict(ONE_THREAD),
            )
        except (OSError, RuntimeError) as error:
            raise HccsurvError(
                f"the worker processes cannot be started ({error})",
                remedy="use fewer workers, or close other programs",
            ) from error
        try:
            with Client(cluster, set_as_default=False) as client:
                yield client
        finally:
            _kill(cluster)


@contextmanager
def workers_of(address: str) -> Iterator[Client]:
    """Use the workers of a running Dask scheduler.

    Raises:
        InputError: nobody answers at this address.
    """
    with _connected(address) as client:
        yield client


def _connected(address: str) -> Client:
    from distributed import Client

    try:
        return Client(address, set_as_default=False, timeout=_CONNECT_SECONDS)
    except (OSError, TypeError, ValueError) as error:
        # TypeError: tls:// where no certificate is configured.
        why = str(error)
    # The client that was made half closes itself when it is collected, and waits for ever if that
    # happens while another one starts. So it is collected here, where nobody refers to it any
    # more, the exception's frames included.
    gc.collect()
    raise InputError(
        f"no Dask scheduler answers ({why})",
        source=address,
        remedy="give the address that dask scheduler prints, such as tcp://host:8786",
    )


def _kill(cluster: LocalCluster) -> None:
    """End all workers now, whatever they are at, and then the scheduler."""

    async def kill() -> None:
        for nanny in cluster.workers.values():
            # Else it would start another worker in the dead one's place.
            nanny.close_gracefully(reason="batch-ended")
            if nanny.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(nanny.pid, signal.SIGKILL)

    cluster.sync(kill)
    cluster.close()


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what Dask sets in this process's own environment: training wants all cores later."""
    before: dict[str, Any] = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
