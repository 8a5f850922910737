"""The editor's routes: voxels once, the drawn state, and commands. Each needs the session's token."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hccsurv_core.errors import HccsurvError, InputError, NotFoundError, StoreError
from pages._shared.formats import sentence
from pages._shared.roi_editor.access import COOKIE, GRANTS, Grant

if TYPE_CHECKING:
    from hccsurv_core.cohort.store import PatientStore

PATH = "/api/roi"
TOKEN_HEADER = "x-hccsurv-token"
#: A stroke over every slice of a large scan stays far below this.
MOST_BYTES = 64 * 2**20
#: Slices of one answer.
MOST_SLICES = 64
_FORBIDDEN = "this page may not see the study any more; load it again"


def _store() -> PatientStore:
    """The server's one store; importing what shows studies would slow the server's start."""
    from pages._shared.views import open_store

    return open_store()


def _grant(request: Request) -> Grant | None:
    return GRANTS.check(
        request.headers.get(TOKEN_HEADER),
        request.path_params["study_id"],
        request.cookies.get(COOKIE),
    )


def _refusal(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status, headers={"Cache-Control": "no-store"})


def _of_error(error: HccsurvError) -> JSONResponse:
    match error:
        case NotFoundError():
            status = 404
        case StoreError():
            status = 507
        case _:
            status = 422
    remedy = f" {sentence(error.remedy)}" if error.remedy else ""
    return _refusal(status, sentence(error.what) + remedy)


def _answer(found: Mapping[str, Any]) -> Response:
    return JSONResponse(dict(found), headers={"Cache-Control": "no-store"})


def voxels(request: Request) -> Response:
    """Slices ``first`` to ``first + count`` as little-endian int16, row by row."""
    import numpy as np

    grant = _grant(request)
    if grant is None:
        return _refusal(403, _FORBIDDEN)
    try:
        volume = _store().load_volume(grant.study_id)
        first, count = (int(request.query_params.get(name, "")) for name in ("first", "count"))
        if not (0 <= first < volume.shape[0] and 1 <= count <= MOST_SLICES):
            raise ValueError
    except ValueError:
        return _refusal(422, "which slices are wanted is not said")
    except HccsurvError as error:
        return _of_error(error)
    part = volume.voxels[first : first + count]
    if part.dtype != np.int16:
        part = np.clip(np.rint(part), -32768, 32767)
    # "identity": the server would spend seconds on compressing what goes to the same machine.
    return Response(
        np.ascontiguousarray(part, dtype="<i2").tobytes(),
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store", "Content-Encoding": "identity"},
    )


def document(request: Request) -> Response:
    """Labels, masks, history and numbers."""
    from hccsurv_core.systems.roi_edits import open_document

    grant = _grant(request)
    if grant is None:
        return _refusal(403, _FORBIDDEN)
    try:
        return _answer(open_document(_store(), grant.study_id))
    except HccsurvError as error:
        return _of_error(error)


async def command(request: Request) -> Response:
    """One command: applied, stored, answered with what changed."""
    from starlette.concurrency import run_in_threadpool

    grant = _grant(request)
    if grant is None:
        return _refusal(403, _FORBIDDEN)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return _refusal(413, "the stroke is larger than any scan")
    return await run_in_threadpool(_apply, grant, bytes(body))


class Answers:
    """The last answers, by the id that the browser gave the command.

    A command that is sent again, because its answer was lost on the way, is answered and not done
    once more: an undo would go back two steps.
    """

    MOST = 100

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Response] = OrderedDict()
        self._doing: dict[tuple[str, str], threading.Lock] = {}

    def once(self, study_id: str, command_id: Any, work: Callable[[], Response]) -> Response:
        """The kept answer, or the new one of ``work``; one at a time for one command."""
        if not isinstance(command_id, str) or not command_id:
            return work()
        key = (study_id, command_id[:80])
        with self._lock:
            turn = self._doing.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                answer = work()
            finally:
                with self._lock:
                    self._doing.pop(key, None)
            with self._lock:
                self._kept[key] = answer
                while len(self._kept) > self.MOST:
                    self._kept.popitem(last=False)
            return answer


ANSWERS = Answers()


def _apply(grant: Grant, body: bytes) -> Response:
    from hccsurv_core.systems.roi_edits import apply_command

    def work() -> Response:
        return _answer(apply_command(_store(), grant.study_id, wanted, actor=grant.actor))

    try:
        wanted = json.loads(body)
        if not isinstance(wanted, dict):
            raise InputError("a command is a JSON object", source="editor")
        return ANSWERS.once(grant.study_id, wanted.get("id"), work)
    except (ValueError, RecursionError) as error:
        if isinstance(error, HccsurvError):
            return _of_error(error)
        return _refusal(422, "the command is not JSON")
    except HccsurvError as error:
        return _of_error(error)


ROUTES = [
    Route(f"{PATH}/{{study_id}}/voxels", voxels, methods=["GET"]),
    Route(f"{PATH}/{{study_id}}/document", document, methods=["GET"]),
    Route(f"{PATH}/{{study_id}}/command", command, methods=["POST"]),
]
