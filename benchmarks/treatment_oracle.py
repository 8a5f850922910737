"""How near the treatment models come to the truth: trained as in the paper, tested on fresh patients.

`python -m benchmarks.treatment_oracle [--seeds 11 12 13] [--n-test 1000] [--folder DIR] [--json F]
[--settings F.json]`

For each seed: the 208 + 78 training patients of a simulated cohort with confounded assignment, and
``--n-test`` patients of another seed (seed + 1000). Everything is read from the cohort folders as a
hospital's would be: clinical values, and lesion signs measured on arterial and portal venous CT
inside a simulated reader's outlines. The truth is looked at at the end, to compare.

Goals: C-index of each arm at least 88 % of the true hazard's margin over 0.5 (aim 95 %), months
lost at most half of the better of "treat all the same way" and "what was given", intervals of the
survival difference that cover the truth in 90 to 98 %. With ``--folder`` cohorts and signs are kept.
Seeds 1 to 5 were looked at while signs and models were made; 11 to 13 and 21 to 23 are judged.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hccsurv_core.batch import extract_batch
from hccsurv_core.cohort.folder_schema import SCHEMA_FILE
from hccsurv_core.models.store import Bundle
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.systems.treatment.cohort import TreatmentCohort, read_treatment_folder
from hccsurv_core.systems.treatment.evaluation import TreatmentEvaluation, evaluate_treatment
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.settings import TreatmentSettings, settings_from_json
from hccsurv_core.systems.treatment.signs import extract_signs, image_values, sign_tasks
from hccsurv_core.systems.treatment.training import train_treatment

#: Patients of a cohort whose split "train" has the paper's 208 + 78.
N_WITH_TRAINING = 409
TEST_SEEDS_FROM = 1000


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--n-test", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="keep cohorts and signs here")
    parser.add_argument("--settings", type=Path, help="TreatmentSettings that differ, as JSON")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    settings = TreatmentSettings()
    if arguments.settings is not None:
        settings = settings_from_json(json.loads(arguments.settings.read_text()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        found = {str(s): judge_seed(s, arguments.n_test, folder, settings) for s in arguments.seeds}
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def judge_seed(seed: int, n_test: int, folder: Path, settings: TreatmentSettings) -> dict[str, Any]:
    """Train and test once, and print."""
    training = load_cohort(folder / f"train_{seed}", N_WITH_TRAINING, seed, split="train")
    test = load_cohort(folder / f"test_{seed}", n_test, seed + TEST_SEEDS_FROM)
    answer: dict[str, Any] = {"n_train": len(training), "train_deaths": training.outcome.n_events}
    for name, cohort in (("with signs", training), ("clinical", replace(training, images=None))):
        found = evaluate(cohort, test, settings, seed)
        answer[name] = to_json(found)
        print_one(seed, name, found)
    return answer


def evaluate(
    training: TreatmentCohort, test: TreatmentCohort, settings: TreatmentSettings, seed: int
) -> TreatmentEvaluation:
    """One model on the test patients."""
    trained = train_treatment(training, settings, seed=seed)
    with tempfile.TemporaryDirectory() as temporary:
        bundle: Bundle = trained.write(Path(temporary) / "bundle")
        model = TreatmentModel.from_bundle(bundle)
        judged = test if training.images is not None else replace(test, images=None)
        return evaluate_treatment(model, judged, seed=seed, n_resamples=200)


def load_cohort(folder: Path, n: int, seed: int, split: str | None = None) -> TreatmentCohort:
    """A simulated cohort with its signs; drawn and measured where they are not there yet."""
    if not (folder / SCHEMA_FILE).is_file():
        write_simulated_cohort(folder, cohort_spec("treatment"), n=n, seed=seed)
    cohort, raw = read_treatment_folder(folder)
    cohort = cohort.split(split)
    here = set(cohort.patient_ids)
    tasks = [task for task in sign_tasks(raw) if task.patient_id in here]
    done = extract_batch(tasks, extract_signs, folder.with_name(f"{folder.name}_signs"))
    if done.failures:
        print(f"{len(done.failures)} patients gave no signs: {done.failures[0]}")
    measured = image_values(tuple(done.patient_ids), tuple(done.names), done.values)
    return replace(cohort, images=measured)


def to_json(found: TreatmentEvaluation) -> dict[str, Any]:
    """Plain values."""
    told = found.to_json()
    return {name: told[name] for name in ("n", "n_events", "metrics", "recommended", "truth")}


def print_one(seed: int, name: str, found: TreatmentEvaluation) -> None:
    """What the goals ask for."""
    truth = found.truth
    if truth is None:
        raise SystemExit("the test cohort has no truth with it")
    parts = [f"seed {seed}, {name}: {found.n} patients"]
    for arm, share in truth.share_of_margin.items():
        e, c = share["share"], found.arms[arm].performance.metrics["c_index"]
        parts.append(
            f"{arm} C {c.value:.3f}, {100 * e['value']:.1f} % ({100 * e['ci_low']:.1f} to "
            f"{100 * e['ci_high']:.1f}) of the truth's margin"
        )
    ratio = truth.regret.against_plain
    parts += [
        f"regret against {truth.regret.best_plain}: favored {ratio['favored'].value:.2f}, "
        f"recommendation {ratio['recommendation'].value:.2f}",
        f"covered {list(truth.covered.values())}",
        f"covered, single {truth.covered_individual and list(truth.covered_individual.values())}",
        f"recommended {found.recommended}",
    ]
    print("\n  ".join(parts), flush=True)


if __name__ == "__main__":
    main()
