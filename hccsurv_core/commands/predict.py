"""``predict``: what a bundle says about patients: risk, survival with interval, warnings."""

from __future__ import annotations

import argparse
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.cohort_source import (
    add_cohort_arguments,
    failures_json,
    preset_of,
    resolve_table,
)
from hccsurv_core.commands.shared import (
    add_common_arguments,
    number,
    write_answer,
)
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.muscle.case import CasePrediction
    from hccsurv_core.systems.muscle.case_source import CaseSource
    from hccsurv_core.systems.muscle.prediction import MuscleModel, MusclePrediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a folder that the verb train wrote")
    parser.add_argument(
        "cohort", metavar="CASE", nargs="?",
        help="a scan (folder, zip, DICOM file or NIfTI; case.json in the folder says what is known "
        "of the patient), or a cohort folder",
    )  # fmt: skip
    parser.add_argument(
        "--features-table", metavar="T.csv", help="instead of a case: the model's features"
    )
    parser.add_argument(
        "--patient", metavar="ID", help="of a cohort folder, this patient (default: all)"
    )
    parser.add_argument(
        "--mask", metavar="M",
        help="of a scan: NIfTI (1 muscle without psoas, 2 psoas) or DICOM SEG on its grid "
        "(default: L3 is found and outlined)",
    )  # fmt: skip
    parser.add_argument(
        "--record", metavar="FILE.json",
        help="of a scan: what is known of the patient, by the names of a cohort table "
        '({"sex": "male", "age_years": 61, "albumin_g_l": 38})',
    )  # fmt: skip
    parser.add_argument(
        "--slice", type=int, metavar="K",
        help="of a scan: the slice that shows L3, from 0 from the feet up",
    )  # fmt: skip
    parser.add_argument(
        "--horizons", type=_horizons, default=None, metavar="M,M",
        help="months (default: those of the model)",
    )  # fmt: skip
    add_cohort_arguments(parser)
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Predict and write the answer.

    Raises:
        InputError: the bundle or the patients cannot be used.
    """
    from hccsurv_core.models.store import read_bundle
    from hccsurv_core.systems.muscle.prediction import MuscleModel

    start = time.perf_counter()
    bundle = read_bundle(Path(arguments.bundle))
    if bundle.system == "treatment":
        raise InputError(
            "holds a model of system treatment, which compares two treatments",
            source=arguments.bundle, remedy="ask it with the verb treatment",
        )  # fmt: skip
    if bundle.system == "ceus":
        from hccsurv_core.commands import predict_ceus

        predict_ceus.run(arguments, bundle)
        return
    if bundle.system == "immunotherapy":
        from hccsurv_core.commands import predict_immunotherapy

        predict_immunotherapy.run(arguments, bundle)
        return
    model = MuscleModel.from_bundle(bundle)
    what = _what_it_is(model, bundle.sha256)
    if arguments.features_table is None and arguments.cohort is not None:
        case = _one_case(arguments, model)
        if case is not None:
            answer = {"model": what, **_answer(*case)}
            answer["timings_s"] = {"total": round(time.perf_counter() - start, 3)}
            write_answer(answer, arguments.json, _case_report(*case))
            return
    _refuse_case_options(arguments)
    table, cohort = resolve_table(
        arguments, with_outcome=False, preset=preset_of(model.feature_names),
        progress=progress_by_percent(),
    )  # fmt: skip
    prediction = model.predict_table(table, arguments.horizons)
    patients = [_patient(table, prediction, i) for i in range(len(table))]
    answer = {
        "model": what,
        "horizons_months": prediction.eval_times.tolist(),
        "patients": patients,
        "failures": [] if cohort is None else failures_json(cohort.failures),
        "timings_s": {"total": round(time.perf_counter() - start, 3)},
    }
    write_answer(answer, arguments.json, _report(patients, prediction))


def _one_case(
    arguments: argparse.Namespace, model: MuscleModel
) -> tuple[CaseSource, CasePrediction] | None:
    """The one patient that is asked for; None where CASE is a cohort of several."""
    from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
    from hccsurv_core.systems.muscle.case import predict_case
    from hccsurv_core.systems.muscle.case_features import image_features, measure_with_record
    from hccsurv_core.systems.muscle.case_slab import FEWEST_SLICES
    from hccsurv_core.systems.muscle.case_source import read_cohort_case, read_scan_case
    from hccsurv_core.systems.muscle.clinical_block import left_out

    place = Path(arguments.cohort)
    preset = preset_of(model.feature_names)
    if (place / SCHEMA_FILE).is_file():
        if arguments.patient is None and not _has_one_row(place):
            return None
        _refuse_scan_options(arguments)
        source = read_cohort_case(place, arguments.patient)
    else:
        if arguments.patient is not None:
            raise InputError(
                "--patient is of a cohort folder", source=str(place), remedy="leave it out"
            )
        # Another process decodes the scan; this one has time to load the compiled engine.
        with ThreadPoolExecutor(1) as aside:
            if preset is not None:
                aside.submit(_load_engine)
            source = read_scan_case(
                place,
                mask=None if arguments.mask is None else Path(arguments.mask),
                record=None if arguments.record is None else Path(arguments.record),
                slice_index=arguments.slice,
                fewest=1 if preset is None else FEWEST_SLICES,
                progress=progress_by_percent(),
            )
    features = measure_with_record(image_features(source.images, preset), source.record)
    left = left_out(source.record)
    return source, predict_case(model, features, arguments.horizons, left)


def _load_engine() -> None:
    # The import is most of the work, so it is not where the module begins.
    from hccsurv_core.features.radiomics.warmup import load_compiled

    load_compiled()


def _has_one_row(folder: Path) -> bool:
    from hccsurv_core.systems.muscle.cohort import read_muscle_cohort

    return len(read_muscle_cohort(folder)) == 1


def _refuse_case_options(arguments: argparse.Namespace) -> None:
    if arguments.patient is not None:
        raise InputError(
            "--patient is of a cohort folder", source="arguments", remedy="leave it out"
        )
    _refuse_scan_options(arguments)


def _refuse_scan_options(arguments: argparse.Namespace) -> None:
    for name in ("mask", "record", "slice"):
        if getattr(arguments, name) is not None:
            raise InputError(f"--{name} is of a scan", source="arguments", remedy="leave it out")


def _answer(source: CaseSource, case: CasePrediction) -> dict[str, Any]:
    """One case: the contract's values at the top, everything under "patients" as for several."""
    told = case.to_json()
    del told["model"]
    patient = {
        "patient_id": source.name,
        **told,
        "warnings": [str(w) for w in case.warnings],
        "checks": list(source.warnings),
    }
    return {
        "horizons_months": case.eval_times.tolist(),
        "risk": {name: told[name] for name in ("risk_score", "percentile", "high_risk")},
        "survival": told["survival"],
        "patients": [patient],
    }


def _case_report(source: CaseSource, case: CasePrediction) -> str:
    standing = "high" if case.high_risk else "not high"
    lines = [f"{source.name}: risk score {case.risk_score:.2f}, {standing}. {case.sentence}"]
    for months, *survival in zip(
        case.eval_times, case.survival_probability, case.survival_low, case.survival_high,
        strict=True,
    ):  # fmt: skip
        keys = ("value", "ci_low", "ci_high")
        told = _words(dict(zip(keys, map(_plain, survival), strict=True)))
        lines.append(f"  alive after {months:g} months: {told}")
    lines += [f"  {c.title:18} hazard × {c.factor:.2f}  ({c.meaning})" for c in case.contributions]
    lines += [f"check: {text}" for text in (*source.warnings, *map(str, case.warnings))]
    if case.model.simulated:
        lines.append(
            "The model learned from simulated patients: this says nothing about a real one."
        )
    lines.append(case.model.note)
    return "\n".join(lines)


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
        "simulated": bool(training.get("simulated", False)),
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
