"""Import a clinical table: map its columns, decide what is odd, keep it as a cohort."""

from __future__ import annotations

from pages._shared.navigation import require_frame

require_frame()
