"""Import heavy packages in the background once the first page is out."""

from __future__ import annotations

import importlib
import logging
import threading
import time

logger = logging.getLogger("hccsurv.warmup")

MODULES = (
    "numpy",
    "plotly.graph_objects",
    "hccsurv_core.io.intake",
    "scipy.ndimage",
    "hccsurv_core.roi.spine",
    "hccsurv_core.roi.segmentation",
    "hccsurv_core.systems.sarcopenia",
    "hccsurv_core.report.figures.ct_screen",
    "hccsurv_core.systems.muscle.case",
    "hccsurv_core.systems.muscle.case_features",
    "hccsurv_core.systems.treatment.model",
    "hccsurv_core.systems.immunotherapy.model",
    "pydicom",
    "SimpleITK",
    "hccsurv_core.io.deidentify",
    "matplotlib.figure",
)
_lock = threading.Lock()
_started = False


def warm_up(delay_s: float = 0.6) -> None:
    """Start the imports once per server, after ``delay_s``."""
    global _started
    with _lock:
        if _started:
            return
        _started = True
    threading.Thread(target=_import_all, args=(delay_s,), name="warm-up", daemon=True).start()


def _import_all(delay_s: float) -> None:
    time.sleep(delay_s)
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            logger.info("not warmed up: %s", error)
        time.sleep(0.02)
