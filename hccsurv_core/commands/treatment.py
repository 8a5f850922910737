"""``treatment``: hepatectomy or TACE for one patient: both curves, the difference, reasons."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import add_common_arguments, write_answer

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.case import Case
    from hccsurv_core.systems.treatment.model import TreatmentAnswer, TreatmentModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "bundle", metavar="BUNDLE", help="a folder that the verb train wrote for system treatment"
    )
    parser.add_argument(
        "case", metavar="CASE",
        help="a folder with case.json (and arterial/, portal_venous/ and outlines), a JSON file "
        "with what is known, or a cohort folder",
    )  # fmt: skip
    parser.add_argument(
        "--patient", metavar="ID", help="of a cohort folder (default: its only one)"
    )
    parser.add_argument(
        "--clinical-only", action="store_true", help="answer from clinical values, without images"
    )
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Answer for one patient.

    Raises:
        InputError: the bundle or the case cannot be used.
    """
    from hccsurv_core.systems.treatment.case import read_case
    from hccsurv_core.systems.treatment.model import CLINICAL, TreatmentModel

    start = time.perf_counter()
    model = TreatmentModel.read(Path(arguments.bundle))
    images = not arguments.clinical_only and model.versions != (CLINICAL,)
    case = read_case(Path(arguments.case), arguments.patient, images=images)
    values, warnings = (None, ()) if case.phases is None else model.measure(case.phases)
    found = model.answer(case.profile, values)
    answer = {
        "model": _what_it_is(model),
        "patient_id": case.name,
        **found.to_json(),
        "scores": {key: score.to_json() for key, score in case.profile.scores.items()},
        "signs": None if values is None else _finite(values),
        "warnings": list(warnings),
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(case, found, model, warnings))


def _what_it_is(model: TreatmentModel) -> dict[str, Any]:
    d = model.description
    return {
        "system": d["system"],
        "sha256": model.sha256,
        "trained_on": {k: d["training"][k] for k in ("source", "n", "n_events")},
        "simulated": model.simulated,
        "versions": list(model.versions),
        "note": d["note"],
    }


def _finite(values: Any) -> dict[str, float | None]:
    return {name: float(v) if v == v else None for name, v in values.items()}


def _report(
    case: Case, found: TreatmentAnswer, model: TreatmentModel, warnings: tuple[str, ...]
) -> str:
    from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, NONE
    from hccsurv_core.systems.treatment.recommendation_words import capital

    recommendation = found.recommendation
    contrast = recommendation.findings.contrast
    chosen = recommendation.recommendation
    said = "no recommendation" if chosen == NONE else ARM_WORDS[chosen]
    lines = [f"{case.name}: {said} ({found.version} model)"]
    for arm in ARMS:
        band = contrast.arms[arm].survival
        cells = ", ".join(
            f"{h:g} months {100 * v:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
            for h, v, low, high in zip(
                contrast.horizons_months, band.value[0], band.low[0], band.high[0], strict=True
            )
        )
        lines.append(f"  alive after {ARM_WORDS[arm]}: {cells}")
    lines += [f"  because: {capital(str(reason))}" for reason in recommendation.reasons]
    lines += [f"  mind: {capital(str(reason))}" for reason in recommendation.cautions]
    lines += [f"  note: {text}" for text in (*found.notes, *warnings)]
    lines.append(recommendation.caveat)
    if model.simulated:
        lines.append(
            "The model learned from simulated patients: this says nothing about a real one."
        )
    lines.append(str(model.description["note"]))
    return "\n".join(lines)
