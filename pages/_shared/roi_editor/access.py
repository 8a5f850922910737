"""Who may ask the editor's routes: the session that opened a study, from the browser that it runs in.

Routes beside the pages know no session. So a session is given a token for one study when it shows
the editor; the token travels in a header, and counts only together with the browser's own cookie.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

#: A working day; whoever draws longer gets a new token with the next click.
LIFETIME_S = 12 * 3600
#: Tokens kept; the oldest goes first.
MOST_GRANTS = 2000
COOKIE = "_streamlit_xsrf"


@dataclass(frozen=True)
class Grant:
    """Leave to see and edit one study.

    Args:
        study_id: which.
        actor: who edits, for the record of changes.
        browser: what the browser's cookie stands for, "" where it has none.
        until: when it ends (monotonic seconds).
    """

    study_id: str
    actor: str
    browser: str
    until: float


class Grants:
    """The tokens of this server."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._lock = threading.Lock()

    def give(self, study_id: str, actor: str, cookie: str | None) -> str:
        """A new token."""
        token = secrets.token_urlsafe(32)
        grant = Grant(study_id, actor, browser_of(cookie), time.monotonic() + LIFETIME_S)
        with self._lock:
            self._grants[token] = grant
            while len(self._grants) > MOST_GRANTS:
                del self._grants[next(iter(self._grants))]
        return token

    def check(self, token: str | None, study_id: str, cookie: str | None) -> Grant | None:
        """The grant of a token for this study and browser, or None."""
        with self._lock:
            grant = self._grants.get(token or "")
            if grant is not None and grant.until < time.monotonic():
                del self._grants[str(token)]
                grant = None
        if grant is None or grant.study_id != study_id:
            return None
        same = secrets.compare_digest(grant.browser.encode(), browser_of(cookie).encode())
        return grant if same else None

    def take_back(self, token: str) -> None:
        """End a token."""
        with self._lock:
            self._grants.pop(token, None)


def browser_of(cookie: str | None) -> str:
    """What stays the same in the browser's cookie: its mask is drawn anew with each answer."""
    parts = (cookie or "").strip("\"'").split("|")
    if len(parts) != 4 or parts[0] != "2":
        return cookie or ""
    try:
        mask, masked = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
    except ValueError:
        return cookie or ""
    return bytes(b ^ mask[i % 4] for i, b in enumerate(masked)).hex() if len(mask) == 4 else ""


GRANTS = Grants()
