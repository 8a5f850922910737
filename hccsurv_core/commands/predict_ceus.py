"""The verb ``predict`` for system 3: one patient's recurrence, survival and class."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import write_answer
from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.ceus.answer import CeusAnswer
    from hccsurv_core.systems.ceus.model import CeusModel


def run(arguments: argparse.Namespace, bundle: Bundle) -> None:
    """Predict and write the answer.

    Raises:
        InputError: the bundle or the patient cannot be used.
    """
    from hccsurv_core.systems.ceus.case import read_case
    from hccsurv_core.systems.ceus.model import CeusModel
    from hccsurv_core.systems.ceus.settings import CLINICAL

    start = time.perf_counter()
    for name in ("features_table", "mask", "record", "slice", "horizons"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name.replace('_', '-')} is not of system ceus", source="arguments",
                remedy="leave it out",
            )  # fmt: skip
    if arguments.cohort is None:
        raise InputError("no case is given", source="arguments", remedy="give a folder")
    model = CeusModel.from_bundle(bundle)
    case = read_case(
        Path(arguments.cohort), arguments.patient, images=model.versions != (CLINICAL,)
    )
    values = None if case.stills is None else model.measure(case.stills)
    found = model.answer(case.profile, values)
    checks = () if case.stills is None else case.stills.warnings
    answer = {
        "model": _what_it_is(model),
        "patient_id": case.name,
        "horizons_months": list(found.horizons_months),
        "risk": {
            "early_recurrence_probability": float(found.early.value),
            "percentile": dict(found.percentiles),
            "class": found.class_number,
        },
        **found.to_json(),
        "checks": list(checks),
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(case.name, found, model, checks))


def _what_it_is(model: CeusModel) -> dict[str, Any]:
    d = model.description
    return {
        "system": d["system"],
        "sha256": model.sha256,
        "trained_on": {k: d["training"][k] for k in ("source", "n", "n_events")},
        "simulated": model.simulated,
        "versions": list(model.versions),
        "note": d["note"],
    }


def _report(name: str, found: CeusAnswer, model: CeusModel, checks: tuple[str, ...]) -> str:
    from hccsurv_core.systems.ceus.settings import VERSION_WORDS

    early = found.early
    lines = [
        f"{name}: class {found.class_number}, {found.class_words} "
        f"({VERSION_WORDS[found.version]}; this class in {100 * found.chances[found.class_number - 1]:.0f} % "
        "of equally likely models)",
        f"  recurrence within a year: {100 * float(early.value):.0f} % ({100 * float(early.low):.0f} to "
        f"{100 * float(early.high):.0f})",
    ]
    at = found.survival_at
    lines += [
        f"  alive at {h:g} months: {100 * at.value[i]:.0f} % ({100 * at.low[i]:.0f} to "
        f"{100 * at.high[i]:.0f})"
        for i, h in enumerate(found.horizons_months)
    ]
    lines += [f"  check: {text}" for text in (*found.warnings, *checks)]
    lines += [f"  note: {text}" for text in found.notes]
    if model.simulated:
        lines.append(
            "The model learned from simulated patients: this says nothing about a real one."
        )
    lines.append(str(model.description["note"]))
    return "\n".join(lines)
