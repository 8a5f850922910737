"""``predict``: what a bundle says about patients: risk, survival with interval, warnings."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import add_common_arguments, number, write_answer
from hccsurv_core.commands.train import resolve_table

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.muscle.prediction import MuscleModel, MusclePrediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a folder that the verb train wrote")
    parser.add_argument("cohort", metavar="CASE", nargs="?", help="a case folder")
    parser.add_argument(
        "--features-table", metavar="T.csv", help="instead of a case: the model's features"
    )
    parser.add_argument(
        "--horizons", type=_horizons, default=None, metavar="M,M",
        help="months (default: those of the model)",
    )  # fmt: skip
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Predict and write the answer.

    Raises:
        InputError: the bundle or the patients cannot be used.
    """
    from hccsurv_core.models.store import read_bundle
    from hccsurv_core.systems.muscle.prediction import MuscleModel

    bundle = read_bundle(Path(arguments.bundle))
    model = MuscleModel.from_bundle(bundle)
    table = resolve_table(arguments, with_outcome=False)
    prediction = model.predict_table(table, arguments.horizons)
    patients = [_patient(table, prediction, i) for i in range(len(table))]
    answer = {
        "model": _what_it_is(model, bundle.sha256),
        "horizons_months": prediction.eval_times.tolist(),
        "patients": patients,
    }
    write_answer(answer, arguments.json, _report(patients, prediction))


def _horizons(text: str) -> tuple[float, ...]:
    values = tuple(sorted({number(part) for part in text.split(",")}))
    if any(v <= 0 for v in values):
        raise argparse.ArgumentTypeError("horizons must be positive")
    return values


def _what_it_is(model: MuscleModel, sha256: str) -> dict[str, Any]:
    description = model.description
    training = description["training"]
    return {
        "system": description["system"],
        "sha256": sha256,
        "recipe": description["architecture"]["recipe"]["name"],
        "n_members": model.ensemble.n_members,
        "trained_on": {k: training[k] for k in ("source", "n", "n_events")},
        "cutoff": model.cutoff,
        "note": description["note"],
    }


def _patient(table: FeatureTable, prediction: MusclePrediction, i: int) -> dict[str, Any]:
    return {
        "patient_id": table.patient_ids[i],
        "risk_score": float(prediction.risk_score[i]),
        "high_risk": bool(prediction.high_risk[i]),
        "percentile": float(prediction.percentile[i]),
        "survival": {
            f"{months:g}": {
                "value": _plain(prediction.survival_probability[i, t]),
                "ci_low": _plain(prediction.survival_low[i, t]),
                "ci_high": _plain(prediction.survival_high[i, t]),
            }
            for t, months in enumerate(prediction.eval_times)
        },
        "warnings": list(prediction.warnings[i]),
    }


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _report(patients: list[dict[str, Any]], prediction: MusclePrediction) -> str:
    heads = "".join(f"{f'{h:g} months':>22}" for h in prediction.eval_times)
    lines = [f"{'patient':20}{'risk':>8}{'percentile':>12}{heads}"]
    for p in patients:
        cells = "".join(f"{_words(survival):>22}" for survival in p["survival"].values())
        lines.append(
            f"{p['patient_id'][:19]:20}{p['risk_score']:8.2f}{p['percentile']:12.0f}{cells}"
        )
        lines += [f"    {text}" for text in p["warnings"]]
    return "\n".join(lines)


def _words(survival: dict[str, float | None]) -> str:
    value, low, high = (survival[k] for k in ("value", "ci_low", "ci_high"))
    if value is None or low is None or high is None:
        return "not known"
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
