"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the checkout; the test skips where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(
            "real scans are not on this machine (no folder shared/data beside the checkout)"
        )
    return SHARED_DATA
