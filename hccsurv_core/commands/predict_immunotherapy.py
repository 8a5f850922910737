"""The verb ``predict`` for system 4: one patient under immunotherapy."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import write_answer
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.immunotherapy.answer import ImmunotherapyAnswer
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel


def run(arguments: argparse.Namespace, bundle: Bundle) -> None:
    """Predict and write the answer.

    Raises:
        InputError: the bundle or the patient cannot be used.
    """
    from hccsurv_core.systems.immunotherapy.case import read_case
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
    from hccsurv_core.systems.immunotherapy.readings import response_of
    from hccsurv_core.systems.immunotherapy.versions import CLN

    start = time.perf_counter()
    for name in ("features_table", "mask", "record", "slice", "horizons"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name.replace('_', '-')} is not of system immunotherapy", source="arguments",
                remedy="leave it out",
            )  # fmt: skip
    if arguments.cohort is None:
        raise InputError("no case is given", source="arguments", remedy="give a folder")
    model = ImmunotherapyModel.from_bundle(bundle)
    case = read_case(
        Path(arguments.cohort), arguments.patient, images=model.versions != (CLN,),
        progress=progress_by_percent(),
    )  # fmt: skip
    scans = case.scans
    values = None if scans is None else model.measure(scans)
    found = model.answer(
        case.profile, values, followup=scans is not None and scans.has_followup,
        notes=() if scans is None else scans.notes,
    )  # fmt: skip
    response = response_of(case.readings or {})
    answer = {
        "model": _what_it_is(model),
        "patient_id": case.name,
        "horizons_months": list(found.main.horizons_months),
        "risk": {
            "risk_score": found.main.risk_score,
            "high_risk": found.main.high_risk,
            "percentile": found.main.percentile,
        },
        "survival": found.main.to_json()["survival"],
        **found.to_json(),
        "slices": None
        if scans is None
        else {role: list(own.slice_index) for role, own in scans.slices.items()},
        "recist": None if response is None else response.to_json(),
        "checks": list(case.warnings),
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(case.name, found, model, case.warnings))


def _what_it_is(model: ImmunotherapyModel) -> dict[str, Any]:
    d = model.description
    return {
        "system": d["system"],
        "sha256": model.sha256,
        "trained_on": {k: d["training"][k] for k in ("source", "n", "n_events")},
        "simulated": model.simulated,
        "versions": list(model.versions),
        "note": d["note"],
    }


def _report(
    name: str, found: ImmunotherapyAnswer, model: ImmunotherapyModel, checks: tuple[str, ...]
) -> str:
    main = found.main
    standing = "high" if main.high_risk else "not high"
    lines = [
        f"{name}: {standing} risk by {main.version}, {main.clock} (score {main.risk_score:.2f}, "
        f"percentile {100 * main.percentile:.0f})"
    ]
    at = main.survival_at
    lines += [
        f"  alive at {h:g} months: {100 * at.value[i]:.0f} % ({100 * at.low[i]:.0f} to "
        f"{100 * at.high[i]:.0f})"
        for i, h in enumerate(main.horizons_months)
    ]
    score = found.clinical
    lines.append(
        f"  clinical score CLN: {score.reason if score.value is None else f'{score.value:.4f}'}"
    )
    lines += [f"  check: {text}" for text in (*found.warnings, *checks)]
    lines += [f"  note: {text}" for text in found.notes]
    if model.simulated:
        lines.append(
            "The model learned from simulated patients: this says nothing about a real one."
        )
    return "\n".join([*lines, str(model.description["note"])])
