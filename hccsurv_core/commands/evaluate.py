"""``evaluate``: how well a bundle predicts patients whose outcome is known."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.cohort_source import (
    CohortTable,
    add_cohort_arguments,
    failures_json,
    preset_of,
    resolve_table,
)
from hccsurv_core.commands.shared import add_common_arguments, write_answer
from hccsurv_core.commands.train import progress_by_percent
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, part_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.stats.survival_performance import SurvivalPerformance
    from hccsurv_core.systems.muscle.prediction import MuscleModel


#: The whole evaluation of a larger feature table takes minutes.
MOST_WITHOUT_ASKING = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a folder that the verb train wrote")
    parser.add_argument("cohort", metavar="COHORT", nargs="?", help="a cohort folder")
    parser.add_argument(
        "--features-table", metavar="T.csv", help="instead of a cohort: the model's features, "
        "time_months and event",
    )  # fmt: skip
    parser.add_argument(
        "--split", metavar="NAME", help="only patients whose column split says NAME"
    )
    parser.add_argument(
        "--unseen", action="store_true",
        help="only patients that the model has not learned from, by their names",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the bootstrap")
    parser.add_argument(
        "--report", metavar="DIR",
        help="write the whole evaluation there: tables, figures, model card, all numbers",
    )  # fmt: skip
    add_cohort_arguments(parser)
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Predict, compare with what happened, and write the measures.

    Raises:
        InputError: the bundle or the table cannot be used.
    """
    from hccsurv_core.models.store import read_bundle
    from hccsurv_core.stats.survival_performance import assess_survival_model
    from hccsurv_core.systems.muscle.concordance_by_label import c_index_by_label
    from hccsurv_core.systems.muscle.prediction import MuscleModel

    bundle = read_bundle(Path(arguments.bundle))
    if bundle.system == "treatment":
        from hccsurv_core.commands import evaluate_treatment

        evaluate_treatment.run(arguments, bundle)
        return
    if bundle.system == "ceus":
        from hccsurv_core.commands import evaluate_ceus

        evaluate_ceus.run(arguments, bundle)
        return
    if bundle.system == "immunotherapy":
        from hccsurv_core.commands import evaluate_immunotherapy

        evaluate_immunotherapy.run(arguments, bundle)
        return
    model = MuscleModel.from_bundle(bundle)
    progress = progress_by_percent()
    given, cohort = resolve_table(
        arguments, with_outcome=True, preset=preset_of(model.feature_names),
        progress=part_of(progress, 0.0, 0.5),
    )  # fmt: skip
    table = chosen_split(given, arguments.split)
    if arguments.unseen:
        table = table.subset(unseen_rows(bundle, table.patient_ids, table.source))
    prediction = model.predict_table(table)
    found = assess_survival_model(
        table.require_outcome(),
        prediction.risk_score,
        lambda times: model.ensemble.survival(prediction.risk_score, times),
        model.horizons_months,
        seed=arguments.seed,
    )
    warnings = _warnings(model, table, prediction.n_outside)
    for text in warnings:
        print(f"note: {text}", file=sys.stderr)
    answer = {
        "bundle": arguments.bundle,
        "sha256": bundle.sha256,
        "system": bundle.system,
        "table": table.source,
        "n": len(table),
        "n_events": table.require_outcome().n_events,
        "metrics": {name: e.to_json() for name, e in found.metrics.items()},
        "left_out": found.left_out,
        "c_index_by": c_index_by_label(model, table, prediction.risk_score, arguments.seed),
        **_truth(cohort, table, prediction.risk_score, arguments.seed),
        "evaluation": _whole(arguments, bundle, model, table, cohort, part_of(progress, 0.5, 1.0)),
        "warnings": warnings,
        "failures": [] if cohort is None else failures_json(cohort.failures),
        "versions": model.description["versions"],
    }
    write_answer(answer, arguments.json, _report(found, table))


def unseen_rows(bundle: Bundle, patient_ids: Sequence[str], source: str) -> np.ndarray:
    """(n,) mask of the patients whose names are not those of training patients.

    Raises:
        TableError: the bundle does not keep them, or nobody is left.
    """
    import numpy as np

    from hccsurv_core.errors import TableError
    from hccsurv_core.systems.muscle.leakage import patient_digests

    known = set(bundle.description["training"].get("patient_digests", ()))
    if not known:
        raise TableError(
            "the training patients had no names, so nobody can be told from them", source=source,
            remedy="leave --unseen out, or name a split",
        )  # fmt: skip
    rows = np.array([d not in known for d in patient_digests(patient_ids)], dtype=bool)
    if not rows.any():
        raise TableError("the model has learned from every patient", source=source)
    return rows


def chosen_split(table: FeatureTable, split: str | None) -> FeatureTable:
    """The patients of one split, or all.

    Raises:
        TableError: nobody is in it.
    """
    from hccsurv_core.errors import TableError

    if split is None:
        return table
    rows = table.where("split", split)
    if not rows.any():
        raise TableError(f"nobody is in split {split!r}", source=table.source)
    return table.subset(rows)


def _truth(
    cohort: CohortTable | None, table: FeatureTable, risk: np.ndarray, seed: int
) -> dict[str, Any]:
    """How near the model comes to the true hazard; nothing where no patients were simulated."""
    from hccsurv_core.systems.muscle.simulated_truth import compare_with_oracle, true_hazard

    if cohort is None or not cohort.cohort.info.simulated:
        return {}
    true = true_hazard(cohort.cohort.folder, table.patient_ids)
    return {} if true is None else {"oracle": compare_with_oracle(table, risk, true, seed)}


def _whole(
    arguments: argparse.Namespace,
    bundle: Bundle,
    model: MuscleModel,
    table: FeatureTable,
    cohort: CohortTable | None,
    progress: Progress,
) -> dict[str, Any]:
    """Everything that a reviewer asks for, and its files where they are wanted."""
    if cohort is None and arguments.report is None and len(table) > MOST_WITHOUT_ASKING:
        return {
            "reason": f"not made of more than {MOST_WITHOUT_ASKING} patients unless --report asks"
        }
    from hccsurv_core.systems.muscle.evaluation import evaluate_muscle
    from hccsurv_core.systems.muscle.evaluation_settings import EvaluationSettings
    from hccsurv_core.systems.muscle.model_evaluation import Study, evaluation_input
    from hccsurv_core.systems.muscle.simulated_truth import true_hazard

    simulated = table.simulated
    true = true_hazard(cohort.cohort.folder, table.patient_ids) if cohort and simulated else None
    study = Study(
        oracle=true, simulated=simulated,
        endpoint="Overall survival" if cohort is None else cohort.cohort.info.endpoint.name.capitalize(),
    )  # fmt: skip
    try:
        found = evaluate_muscle(
            evaluation_input(model, table, study, seed=arguments.seed),
            EvaluationSettings(seed=arguments.seed),
            progress=part_of(progress, 0.0, 0.7),
        )
    except InputError as error:
        if arguments.report is not None:
            raise
        return {"reason": str(error)}
    if arguments.report is not None:
        from hccsurv_core.report.evaluation_archive import write_evaluation
        from hccsurv_core.report.model_card import model_card

        write_evaluation(
            Path(arguments.report), found,
            source={"bundle": bundle.folder.name, "sha256": bundle.sha256},
            card=model_card(model.description, evaluation=found),
            progress=part_of(progress, 0.7, 1.0),
        )  # fmt: skip
    return found.to_json()


def _warnings(model: MuscleModel, table: FeatureTable, n_outside: np.ndarray) -> list[str]:
    import numpy as np

    from hccsurv_core.systems.muscle.leakage import find_duplicates

    found = []
    training = model.description["training"]
    seen = np.zeros(len(table), dtype=bool)
    duplicates = find_duplicates(
        seen, table.patient_ids if table.named else (), table.columns(model.feature_names).values,
        known_patients=training["patient_digests"], known_rows=training["row_digests"],
    )  # fmt: skip
    if duplicates is not None and duplicates.found:
        found.append(duplicates.words())
    far = int((n_outside > model.most_outside).sum())
    if far:
        found.append(
            f"{far} of {len(table)} patients lie outside the training ranges in more features "
            "than training patients do"
        )
    return found


def _report(found: SurvivalPerformance, table: FeatureTable) -> str:
    lines = [f"{len(table)} patients of {table.source}"]
    for name, e in found.metrics.items():
        lines.append(
            f"  {name:24}{e.value:8.3f} ({e.ci_low:.3f} to {e.ci_high:.3f})  "
            f"{e.n_events} events of {e.n}"
        )
    lines += [f"  {name:24}not known: {why}" for name, why in found.left_out.items()]
    return "\n".join(lines)
