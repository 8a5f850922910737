"""hccsurv's dashboard: `streamlit run app.py`.

Only the frame is here. The first page imports nothing heavy; what the others
need is imported in the background once it is out. `streamlit run` serves
`app`, which adds the editor's routes, and runs this file for each session.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Worker processes (a simulated cohort, a cohort's features) import the main module under another
# name: they must not run the dashboard once more.
if __name__ == "__main__":
    from pages._shared.app_frame import run_app

    run_app()
elif __name__ == "app":
    import streamlit as st

    from pages._shared.roi_editor.routes import ROUTES

    app = st.App(__file__, routes=ROUTES)
