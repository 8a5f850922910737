"""Where the pages are: the one list that `app.py` registers and the pages link to."""

from __future__ import annotations

WORKLIST = "pages/worklist.py"
UPLOAD = "pages/upload.py"
SCAN = "pages/scan.py"
MUSCLE = "pages/muscle.py"
TREATMENT = "pages/treatment.py"
CEUS = "pages/ceus.py"
FOLLOWUP = "pages/followup.py"
EVIDENCE = "pages/evidence.py"
SETTINGS = "pages/settings.py"
EXPLORER = "pages/explorer.py"
COHORT_IMPORT = "pages/cohort_import.py"
MODEL_EVALUATION = "pages/model_evaluation.py"
TRAIN = "pages/train.py"
MODEL_LIBRARY = "pages/model_library.py"
