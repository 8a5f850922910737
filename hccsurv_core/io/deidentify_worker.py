"""De-identify uploads in a child process, so that a malicious file costs one message only.

The parent starts ``python -m hccsurv_core.io.deidentify_worker``, writes the job
as one JSON object to its stdin, and reads JSON lines: ``{"progress": [f, message]}``,
then ``{"done": [paths]}`` or ``{"error": {code, what, source, remedy}}``. The child
limits its own memory and processor time before it opens the first file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hccsurv_core import errors
from hccsurv_core.errors import DecoderFailedError, HccsurvError
from hccsurv_core.progress import Progress, silent


@dataclass(frozen=True)
class ChildLimits:
    """What the child may use.

    Args:
        seconds: wall-clock and processor time, seconds.
        memory_bytes: address space.
    """

    seconds: float = 300.0
    memory_bytes: int = 4 << 30


def deidentify_in_child(
    files: Sequence[Path],
    out_dir: Path,
    *,
    pseudonym: str,
    date_shift_days: int | None = None,
    uid_key: bytes | None = None,
    limits: ChildLimits | None = None,
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """:func:`~hccsurv_core.io.deidentify.deidentify_files` in a child process with limits.

    Raises:
        DecoderFailedError: the child died, ran out of memory or out of time.
        UnreadableFileError, InputError: as ``deidentify_files`` does.
        CancelledError: ``progress`` cancelled; the child is stopped.
    """
    bounds = limits or ChildLimits()
    job = {
        "files": [str(file.absolute()) for file in files],
        "out_dir": str(out_dir.absolute()),
        "pseudonym": pseudonym,
        "date_shift_days": date_shift_days,
        "uid_key": uid_key.hex() if uid_key else None,
        "seconds": bounds.seconds,
        "memory_bytes": bounds.memory_bytes,
    }
    # A file, because a job of many paths may not fit into a pipe that nobody reads yet.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as stdin:
        json.dump(job, stdin)
        stdin.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-m", "hccsurv_core.io.deidentify_worker"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            cwd=Path(errors.__file__).parents[1],
        )
    clock = threading.Timer(bounds.seconds, child.kill)
    clock.start()
    try:
        answer = _follow(child, progress)
    finally:
        clock.cancel()
        if child.poll() is None:
            child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()
    if "done" in answer:
        return tuple(Path(path) for path in answer["done"])
    _remove_leftovers(out_dir, len(files))
    if "error" in answer:
        raise _error_from(answer["error"])
    raise DecoderFailedError(
        "the process that removes identifiers died or ran out of time or memory",
        source=files[0].name if len(files) == 1 else f"{len(files)} files",
        remedy="the files may be damaged; export the series again from the archive",
    )


def _follow(child: subprocess.Popen[str], progress: Progress) -> dict[str, Any]:
    stdout: IO[str] | None = child.stdout
    for line in stdout or ():
        try:
            message = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        if "progress" not in message:
            return message
        progress(*message["progress"])
    return {}


def _remove_leftovers(out_dir: Path, count: int) -> None:
    for index in range(count):
        (out_dir / f"{index + 1:05d}.dcm").unlink(missing_ok=True)


def _error_from(told: dict[str, Any]) -> HccsurvError:
    kinds = {
        kind.code: kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, HccsurvError)
    }
    kind = kinds.get(told["code"], DecoderFailedError)
    return kind(told["what"], source=told["source"], remedy=told["remedy"])


def _limit(seconds: float, memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    whole = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Do the job that stdin holds; answer on stdout."""
    job = json.load(sys.stdin)
    _limit(job["seconds"], job["memory_bytes"])

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), flush=True)

    from hccsurv_core.io.deidentify import deidentify_files

    try:
        written = deidentify_files(
            [Path(file) for file in job["files"]],
            Path(job["out_dir"]),
            pseudonym=job["pseudonym"],
            date_shift_days=job["date_shift_days"],
            uid_key=bytes.fromhex(job["uid_key"]) if job["uid_key"] else None,
            progress=lambda fraction, message: tell({"progress": [fraction, message]}),
        )
    except HccsurvError as error:
        told = {"code": error.code, "what": error.what}
        tell({"error": {**told, "source": error.source, "remedy": error.remedy}})
        return 2
    tell({"done": [str(path) for path in written]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
