"""The process that reads ultrasound: ``python -m hccsurv_core.io.ultrasound_worker``.

It limits its own memory, time and output before it opens a file, and speaks the JSON lines of
:mod:`hccsurv_core.io.worker`. Commands: ``{"do": "list" | "read", "workspace", "inputs", "limits",
"choice", "interval_s"}``; frames are left as ``frames.npy`` in the workspace, the rest is the result.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from hccsurv_core.errors import DecoderFailedError, HccsurvError
from hccsurv_core.io.faults import error_to_dict
from hccsurv_core.io.worker import Channel, commands, limit_process, private_stdout, quieten


def run_command(command: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Do what one command says.

    Raises:
        HccsurvError: what is wrong with the upload.
    """
    from hccsurv_core.io.archive import UnpackedFile
    from hccsurv_core.io.limits import IntakeLimits
    from hccsurv_core.io.ultrasound_job import UltrasoundJob

    workspace = Path(command["workspace"])
    job = UltrasoundJob(
        workspace=workspace,
        inputs=[UnpackedFile(Path(path), name) for path, name in command["inputs"]],
        limits=IntakeLimits(**command["limits"]),
        progress=channel.progress,
        on_file=channel.on_file,
    )
    try:
        if command["do"] == "list":
            return job.listing()
        return job.read(command["choice"], command["interval_s"])
    finally:
        shutil.rmtree(workspace / "unpacked", ignore_errors=True)


def _answer(command: dict[str, Any], channel: Channel) -> None:
    try:
        channel.send(result=run_command(command, channel))
    except HccsurvError as error:
        channel.send(error=error_to_dict(error))
    except MemoryError:
        failed = DecoderFailedError(
            "decoding it needs more memory than one upload is allowed",
            remedy="upload the clip alone, or export it shorter",
        )
        channel.send(error=error_to_dict(failed))


def main() -> None:
    """Serve one parent until it closes stdin."""
    channel = Channel(private_stdout())
    channel.progress(0.0, "starting")
    quieten()
    lines = commands()
    limited = False
    while True:
        command = json.loads(lines.get())
        if not limited:
            limits = command["limits"]
            limit_process(
                int(limits["decode_bytes"]),
                2 * limits["decode_seconds"],
                int(limits["max_total_bytes"]),
            )
            limited = True
        _answer(command, channel)


if __name__ == "__main__":
    main()
