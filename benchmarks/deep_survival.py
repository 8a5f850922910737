"""The survival network against DeepSurv's benchmarks: test C-index, mean of five seeds, in one run.

`python -m benchmarks.deep_survival FILE.h5 [--seeds 5] [--packages DIR] [--develop] [--json F]`

FILE holds a published split (groups train and test with x, t, e), as the DeepSurv repository has
it. Everything is trained on the train part, our model by what `train muscle --features-table`
does; the test part is looked at once. --develop looks at a fifth of the train part instead.
Reading the file needs h5py, and one of the rivals is pycox; neither is a requirement of ours:

    pip install --no-deps --target DIR h5py pycox torchtuples

Without --packages DIR pycox is left out. Test rows that also stand in the train part are counted,
and results are given with and without them (70 % of WHAS's are such rows).
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.outcome import DAYS_PER_MONTH, SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c, jackknife_concordance
from hccsurv_core.systems.muscle.training import TrainedMuscle, train_muscle

Scores = dict[str, np.ndarray]
OURS, SINGLE = "hccsurv, as trained by default", "hccsurv, one network of it"


@dataclass(frozen=True, eq=False)
class Split:
    """A published split.

    Args:
        train, test: features and outcomes.
        seen: (n_test,) test rows that stand in the train part too.
    """

    train: FeatureTable
    test: FeatureTable
    seen: np.ndarray


def read_split(path: Path, *, develop: bool) -> Split:
    """Read FILE; with ``develop`` the train part alone, one fifth of it standing in for the test."""
    import h5py

    with h5py.File(path) as file:
        parts = {
            name: {key: np.asarray(file[name][key], dtype=float) for key in "xte"}
            for name in (("train",) if develop else ("train", "test"))
        }
    train = _table(parts["train"], f"{path.name}, train")
    if develop:
        part = stratified_parts(train.require_outcome().event, 5, seed=2024)
        return _split(train.subset(part > 0), train.subset(part == 0))
    return _split(train, _table(parts["test"], f"{path.name}, test"))


def _table(part: dict[str, np.ndarray], source: str) -> FeatureTable:
    n, p = part["x"].shape
    return FeatureTable(
        tuple(f"row {i + 1}" for i in range(n)), tuple(f"x{i}" for i in range(p)), part["x"],
        SurvivalOutcome(part["t"] / DAYS_PER_MONTH, part["e"]), source=source, named=False,
    )  # fmt: skip


def _split(train: FeatureTable, test: FeatureTable) -> Split:
    known = {_row(train, i) for i in range(len(train))}
    return Split(train, test, np.array([_row(test, i) in known for i in range(len(test))]))


def _row(table: FeatureTable, i: int) -> bytes:
    outcome = table.require_outcome()
    end = [outcome.time_months[i], float(outcome.event[i])]
    return np.concatenate([table.values[i], end]).tobytes()


def ours(split: Split, seed: int) -> tuple[Scores, dict[str, float], TrainedMuscle]:
    """The default model, its members, and the rivals that every training is held against."""
    trained = train_muscle(split.train, seed=seed, device="cpu")
    members = trained.model.ensemble.member_scores(split.test.values)
    outcome = split.test.require_outcome()
    each = [harrell_c(outcome, member) for member in members]
    return {OURS: members.mean(axis=0)}, {SINGLE: statistics.mean(each)}, trained


def rivals(split: Split, seed: int) -> Scores:
    """Cox regression, gradient boosting and a random survival forest."""
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    x, new = _z_scores(split)
    outcome = split.train.require_outcome()
    y = Surv.from_arrays(outcome.event, outcome.time_months)
    models = {
        "Cox regression": CoxPHSurvivalAnalysis(alpha=1e-4, ties="efron"),
        "gradient boosting (scikit-survival)": GradientBoostingSurvivalAnalysis(random_state=seed),
        "random survival forest (scikit-survival)": RandomSurvivalForest(
            n_estimators=100, min_samples_leaf=15, max_features="sqrt", random_state=seed,
            max_samples=min(2000, len(x)), low_memory=True,
        ),
    }  # fmt: skip
    return {name: np.asarray(model.fit(x, y).predict(new)) for name, model in models.items()}


def pycox(split: Split, seed: int) -> Scores:
    """pycox's CoxPH (DeepSurv), as its own documentation trains it."""
    import torch
    import torchtuples
    from pycox.models import CoxPH

    np.random.seed(seed)  # noqa: NPY002 - what pycox draws from
    torch.manual_seed(seed)
    x, new = _z_scores(split)
    outcome = split.train.require_outcome()
    stop = stratified_parts(outcome.event, 5, seed) == 0
    data = [
        (
            x[rows].astype("float32"),
            (outcome.time_months[rows].astype("float32"), outcome.event[rows].astype("float32")),
        )
        for rows in (~stop, stop)
    ]
    net = torchtuples.practical.MLPVanilla(x.shape[1], [32, 32], 1, True, 0.1, output_bias=False)
    model = CoxPH(net, torchtuples.optim.Adam(0.01))
    model.fit(
        *data[0], 256, 512, [torchtuples.callbacks.EarlyStopping()], False,
        val_data=data[1], val_batch_size=256,
    )  # fmt: skip
    return {"CoxPH network (pycox)": model.predict(new.astype("float32"))[:, 0].astype(float)}


def _z_scores(split: Split) -> tuple[np.ndarray, np.ndarray]:
    mean, spread = split.train.values.mean(axis=0), split.train.values.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (split.train.values - mean) / spread, (split.test.values - mean) / spread


def measure(split: Split, seeds: int, with_pycox: bool) -> dict[str, dict[str, list[float]]]:
    """Model → "all" and "unseen" → C-index by seed."""
    found: dict[str, dict[str, list[float]]] = {}
    outcome = split.test.require_outcome()
    parts = {"all": np.ones(len(split.test), dtype=bool)}
    if split.seen.any():
        parts["not in the train part"] = ~split.seen
    for seed in range(seeds):
        scores, single, trained = _timed(f"seed {seed}, ours", lambda s=seed: ours(split, s))
        print(f"  chosen: {trained.recipe.name}", file=sys.stderr)
        # The same whatever the seed: fitted once.
        if seed == 0:
            scores |= _timed("rivals", lambda: rivals(split, 0))
        if with_pycox:
            scores |= _timed(f"seed {seed}, pycox", lambda s=seed: pycox(split, s))
        for name, score in scores.items():
            for part, rows in parts.items():
                value = harrell_c(outcome.subset(rows), score[rows])
                found.setdefault(name, {}).setdefault(part, []).append(value)
        for name, value in single.items():
            found.setdefault(name, {}).setdefault("all", []).append(value)
        if seed == 0:
            for name, score in scores.items():
                interval = jackknife_concordance(outcome, score)
                print(
                    f"  {name}: {interval.value:.4f} ({interval.ci_low:.4f} to "
                    f"{interval.ci_high:.4f})", file=sys.stderr,
                )  # fmt: skip
    return found


def _timed(what: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    answer = work()
    print(f"  {what}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return answer


def _report(split: Split, found: dict[str, dict[str, list[float]]]) -> str:
    train, test = split.train.require_outcome(), split.test.require_outcome()
    lines = [
        f"{split.train.source}: {len(train)} patients, {train.n_events} events; test "
        f"{len(test)}, {test.n_events} events, {int(split.seen.sum())} of them also in the train part",
    ]
    parts = list(next(iter(found.values())))
    for part in parts:
        lines += [
            "",
            f"test patients: {part}",
            "| | C-index, mean | range | seeds |",
            "|---|---|---|---|",
        ]
        rows = [(statistics.mean(v[part]), name, v[part]) for name, v in found.items() if part in v]
        for mean, name, values in sorted(rows, reverse=True):
            lines.append(
                f"| {name} | {mean:.4f} | {min(values):.4f} to {max(values):.4f} | {len(values)} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--develop", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.packages:
        sys.path.append(str(arguments.packages))
    with_pycox = arguments.packages is not None and _there("pycox")
    split = read_split(arguments.file, develop=arguments.develop)
    found = measure(split, arguments.seeds, with_pycox)
    print(_report(split, found))
    if arguments.json:
        arguments.json.write_text(json.dumps({"c_index": found, "versions": _versions()}, indent=2))


def _there(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError as error:
        print(f"  {package} is left out: {error}", file=sys.stderr)
        return False
    return True


def _versions() -> dict[str, str]:
    found = {}
    for name in ("numpy", "torch", "scikit-survival", "pycox", "torchtuples"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
