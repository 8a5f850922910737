"""The cohort explorer."""

from __future__ import annotations

from pages._shared.navigation import require_frame

require_frame()
