"""The editor's routes: only who owns a study is answered, and what comes is exactly what is stored."""

from __future__ import annotations

import gzip
import json
import threading
import time

import numpy as np
import pytest
import requests
import uvicorn
from starlette.applications import Starlette

from hccsurv_core.roi.runs import to_runs
from hccsurv_core.volume import Volume
from pages._shared.roi_editor import access, routes
from pages._shared.roi_editor.access import COOKIE, Grants, browser_of

COOKIE_TEXT = "2|0a0b0c0d|11223344556677889900aabbccddeeff|1700000000"


@pytest.fixture
def study(add_study):
    return add_study()


class Client(requests.Session):
    """A browser's connection to a real server."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.set_cookie(COOKIE_TEXT)

    def set_cookie(self, text):
        self.cookies.clear()
        if text is not None:
            self.headers["Cookie"] = f"{COOKIE}={text}"
        else:
            self.headers.pop("Cookie", None)

    def request(self, method, url, **more):
        return super().request(method, self.base + url, timeout=60, **more)


@pytest.fixture(scope="module")
def address():
    config = uvicorn.Config(Starlette(routes=routes.ROUTES), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def client(address):
    with Client(address) as opened:
        yield opened


def headers(study_id, cookie=COOKIE_TEXT, actor="Dr. Who"):
    return {"X-Hccsurv-Token": access.GRANTS.give(study_id, actor, cookie)}


def remasked(text):
    """The same cookie as the server writes it with its next answer."""
    mask, masked = (bytes.fromhex(part) for part in text.split("|")[1:3])
    plain = bytes(b ^ mask[i % 4] for i, b in enumerate(masked))
    new = bytes.fromhex("deadbeef")
    hidden = bytes(b ^ new[i % 4] for i, b in enumerate(plain))
    return f"2|{new.hex()}|{hidden.hex()}|1800000000"


# -- who may ask -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "voxels?first=0&count=1"), ("get", "document"), ("post", "command")],
)
def test_only_the_owner_is_answered(client, study, add_study, method, path):
    ask = getattr(client, method)
    url = f"{routes.PATH}/{study.id}/{path}"
    body = {"data": b'{"do": "new_region"}'} if method == "post" else {}
    assert ask(url, **body).status_code == 403
    for wrong in (
        {"X-Hccsurv-Token": "x"},
        headers(add_study().id),
        headers(study.id, cookie="2|b"),
    ):
        found = ask(url, headers=wrong, **body)
        assert found.status_code == 403
        assert "may not see the study" in found.json()["error"]
    assert ask(url, headers=headers(study.id), **body).status_code == 200


def test_another_browser_with_the_token_is_nobody(client, study):
    given = headers(study.id)
    url = f"{routes.PATH}/{study.id}/document"
    assert client.get(url, headers=given).status_code == 200
    client.set_cookie(remasked(COOKIE_TEXT))
    assert client.get(url, headers=given).status_code == 200
    client.set_cookie("2|0a0b0c0d|ffffffffffffffffffffffffffffffff|1700000000")
    assert client.get(url, headers=given).status_code == 403
    client.set_cookie(None)
    assert client.get(url, headers=given).status_code == 403


def test_a_grant_ends(monkeypatch):
    grants = Grants()
    clock = [1000.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: clock[0])
    token = grants.give("s", "a", None)
    assert grants.check(token, "s", None).actor == "a"
    clock[0] += access.LIFETIME_S + 1
    assert grants.check(token, "s", None) is None
    token = grants.give("s", "a", None)
    grants.take_back(token)
    assert grants.check(token, "s", None) is None
    monkeypatch.setattr(access, "MOST_GRANTS", 2)
    first, *_ = (grants.give("s", "a", None) for _ in range(3))
    assert grants.check(first, "s", None) is None


def test_what_a_cookie_stands_for_is_streamlits_own_token():
    from streamlit.web.server.starlette.starlette_app_utils import (
        decode_xsrf_token_string,
        generate_xsrf_token_string,
    )

    cookie = generate_xsrf_token_string()
    token, _ = decode_xsrf_token_string(cookie)
    assert browser_of(cookie) == token.hex()
    assert browser_of(generate_xsrf_token_string(token)) == token.hex()
    for odd in ("", None, "2|zz|zz|1", "2|00|00|1", "1|2"):
        assert isinstance(browser_of(odd), str)


# -- voxels ------------------------------------------------------------------------------------
def test_voxels_are_the_stored_ones(client, study, store):
    volume = store.load_volume(study.id)
    given = headers(study.id)
    got = []
    for first in range(0, volume.shape[0], 5):
        url = f"{routes.PATH}/{study.id}/voxels?first={first}&count=5"
        found = client.get(url, headers=given)
        assert found.headers["cache-control"] == "no-store"
        got.append(np.frombuffer(found.content, "<i2"))
    np.testing.assert_array_equal(np.concatenate(got).reshape(volume.shape), volume.voxels)


def test_other_kinds_of_voxels_become_whole_hu(client, store):
    voxels = np.array([[[-1e9, -0.6], [0.4, 1e9]]], dtype=np.float32)
    study = store.add_study(store.add_patient().id, Volume(voxels, np.eye(4)), modality="CT")
    url = f"{routes.PATH}/{study.id}/voxels?first=0&count=1"
    found = client.get(url, headers=headers(study.id))
    assert np.frombuffer(found.content, "<i2").tolist() == [-32768, -1, 0, 32767]


@pytest.mark.parametrize(
    "query", ["", "?first=0", "?first=-1&count=1", "?first=999&count=1", "?first=0&count=0",
              "?first=0&count=9999", "?first=a&count=1", "?first=0&count=1e3"],
)  # fmt: skip
def test_a_question_for_no_slices_is_refused(client, study, query):
    found = client.get(f"{routes.PATH}/{study.id}/voxels{query}", headers=headers(study.id))
    assert found.status_code == 422 and "which slices" in found.json()["error"]


# -- commands ----------------------------------------------------------------------------------
def post(client, study, command, given=None):
    body = command if isinstance(command, bytes) else json.dumps(command).encode()
    url = f"{routes.PATH}/{study.id}/command"
    return client.post(url, data=body, headers=given or headers(study.id))


def test_a_stroke_is_stored_under_the_owners_name(client, study, store):
    shape = store.get_study(study.id).shape[1:]
    remove = np.zeros(shape, bool)
    remove[20:25, 20:27] = True
    command = {"do": "stroke", "label": "psoas_right", "remove": {"6": to_runs(remove)}}
    found = post(client, study, command)
    assert found.status_code == 200
    stored = store.load_segmentation(study.id)
    assert (stored.state, stored.actor, stored.revision) == ("edited", "Dr. Who", 2)
    assert found.json()["history"]["body"]["revision"] == 2


def test_a_command_that_is_sent_again_is_done_once(client, study, store):
    for k in range(3):
        post(client, study, {"do": "new_region", "id": f"new-{k}"})
    again = {"do": "undo", "target": "regions", "id": "undo-1"}
    first = post(client, study, again).json()
    assert post(client, study, again).json() == first
    assert store.load_regions(study.id).revision == 2
    post(client, study, {**again, "id": "undo-2"})
    assert store.load_regions(study.id).revision == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "not JSON"),
        (b"\xff\xfe", 422, "not JSON"),
        (b"[" * 100_000, 422, "not JSON"),
        (b"[]", 422, "JSON object"),
        (b'{"do": "erase the disk"}', 422, "knows no command"),
        (b'{"do": "undo", "target": "regions"}', 404, "There is nothing to undo."),
        (gzip.compress(b"{}"), 422, "not JSON"),
    ],
)
def test_a_body_that_is_no_command_is_refused(client, study, body, status, words):
    found = post(client, study, body)
    assert found.status_code == status and words in found.json()["error"]


def test_a_body_without_end_is_cut_off(client, study, monkeypatch):
    monkeypatch.setattr(routes, "MOST_BYTES", 1000)
    assert post(client, study, b" " * 1001).status_code == 413


def test_a_study_that_is_gone_says_so(client, study, store):
    given = headers(study.id)
    store.delete_study(study.id)
    found = client.get(f"{routes.PATH}/{study.id}/document", headers=given)
    assert found.status_code == 404 and "not in the store" in found.json()["error"]
