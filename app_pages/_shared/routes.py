"""Where the pages are: the one list that `app.py` registers and the pages link to."""

from __future__ import annotations

WORKLIST = "app_pages/worklist.py"
UPLOAD = "app_pages/upload.py"
SCAN = "app_pages/scan.py"
MUSCLE = "app_pages/muscle.py"
EVIDENCE = "app_pages/evidence.py"
SETTINGS = "app_pages/settings.py"
