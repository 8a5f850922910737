"""Pseudonyms, and the secret of each patient from which date shift and UID mapping follow.

The secret lies in the store and goes with the patient: once deleted, nothing
leads from exported files back to the true dates and UIDs.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from hccsurv_core.errors import InputError

#: No 0/O, 1/I/L, 5/S, 2/Z, 8/B and no vowels: read aloud without doubt, and never a word.
ALPHABET = "34679CDFGHJKMNPQRTVWXY"
MAX_LENGTH = 32
#: Dates move back by this many days at least and at most.
SHIFT_DAYS = (30, 1094)


def new_pseudonym(attempt: int = 0) -> str:
    """A random pseudonym such as "P-7K3F"; longer with each ``attempt`` that was taken already."""
    return "P-" + "".join(secrets.choice(ALPHABET) for _ in range(4 + attempt // 4))


def checked_pseudonym(text: str) -> str:
    """The pseudonym without surrounding spaces.

    Raises:
        InputError: it is empty, too long, or holds characters that do not print or that DICOM
            keeps for itself (backslash, caret, equals sign).
    """
    trimmed = text.strip()
    if not trimmed:
        raise InputError("the pseudonym is empty", source="pseudonym", remedy="give one")
    if len(trimmed) > MAX_LENGTH:
        raise InputError(
            f"the pseudonym has {len(trimmed)} characters",
            source="pseudonym",
            remedy=f"use at most {MAX_LENGTH}",
        )
    if not trimmed.isprintable() or any(c in "\\^=" for c in trimmed):
        raise InputError(
            "the pseudonym holds a character that cannot be used",
            source="pseudonym",
            remedy="use letters, digits, spaces and hyphens",
        )
    return trimmed


def pseudonym_key(pseudonym: str) -> str:
    """What two pseudonyms are compared by: case does not tell patients apart."""
    return pseudonym.casefold()


def new_secret() -> bytes:
    """Random bytes for one patient."""
    return secrets.token_bytes(32)


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.new(secret, purpose, hashlib.sha256).digest()


def uid_key(secret: bytes) -> bytes:
    """Key of the patient's one-way UID mapping."""
    return _derived(secret, b"uid")


def date_shift_days(secret: bytes) -> int:
    """Days to add to the patient's dates: 1 month to 3 years back, the same for all studies."""
    low, high = SHIFT_DAYS
    number = int.from_bytes(_derived(secret, b"dates")[:8], "big")
    return -(low + number % (high - low + 1))
