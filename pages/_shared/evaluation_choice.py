"""Which model is judged, and on whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared.model_store import learned_from_simulated, open_models
from pages._shared.session import session
from pages._shared.train_cohorts import SYSTEM
from pages._shared.train_runs import SYSTEM_TITLES, open_runs
from pages._shared.train_source import TrainingSource

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun

OWN = "Its own cohort"
_RIVALS = {
    "cox": "Ridge Cox regression",
    "gradient_boosting": "Gradient boosting",
    "random_forest": "Random survival forest",
}
_HORIZONS = (6, 12, 24, 36, 48, 60, 84)


@dataclass(frozen=True)
class Judged:
    """The model that is judged.

    Args:
        key: "model:<id>" or "run:<id>"; in the page's address.
        name: for people.
        read: gives the bundle, every byte checked.
        simulated: it learned from simulated patients; demo: it comes with the program.
        run: the training run that made it, where that is still here.
        system: what it is for.
    """

    key: str
    name: str
    read: Callable[[], Bundle]
    simulated: bool
    demo: bool
    run: TrainingRun | None
    system: str = "muscle"


@dataclass(frozen=True)
class EvaluationWish:
    """What was asked for on the page.

    Args:
        judged: which model.
        patients: on whom.
        own: they are those of the training run, the held-out ones among them.
        hold_out: who was held out in the training, as options of the verb train.
        rivals: baselines fitted to the training patients beside the model.
        settings: of the evaluation, where they differ from the usual ones.
        oracle: compare with the simulated truth.
    """

    judged: Judged
    patients: TrainingSource
    own: bool
    hold_out: Mapping[str, Any] = field(default_factory=dict)
    rivals: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    oracle: bool = False


def judged_models() -> list[Judged]:
    """Everything that can be judged: the library's models, then runs that were not published."""
    library, found, published = open_models(), [], set()
    runs = {_sha_of(r): r for r in open_runs().runs() if r.state == "done"}
    for entry in library.models():
        if entry.problem or entry.system not in SYSTEM_TITLES:
            continue
        published.add(entry.sha256)
        read = _reader(entry.id)
        found.append(
            Judged(f"model:{entry.id}", entry.name, read, entry.simulated, entry.shipped,
                   runs.get(entry.sha256), entry.system)
        )  # fmt: skip
    for sha256, run in runs.items():
        if sha256 and sha256 not in published:
            found.append(_judged_run(run))
    return found


def _reader(model_id: str) -> Callable[[], Bundle]:
    return lambda: open_models().bundle(model_id)


def _sha_of(run: TrainingRun) -> str:
    """Of a run's model; "" where it cannot be read any more."""
    from pages._shared.train_runs import bundle_of

    try:
        bundle = bundle_of(run)
    except HccsurvError:
        return ""
    return "" if bundle is None else bundle.sha256


def _judged_run(run: TrainingRun) -> Judged:
    from pages._shared.train_runs import bundle_of

    def read() -> Bundle:
        from hccsurv_core.models.store import read_bundle

        return read_bundle(run.folder / "bundle" if run.bundle is None else run.bundle)

    bundle = bundle_of(run)
    said = None if bundle is None else learned_from_simulated(bundle.description)
    simulated = bool(run.request.options.get("simulated")) if said is None else said
    return Judged(
        f"run:{run.id}", run.request.name, read, simulated, False, run, run.request.system
    )


def choose_model() -> Judged | None:
    """Draw the choice of the model; None and an empty state where there is none."""
    found = judged_models()
    if not found:
        components.empty_state(
            "No model to evaluate yet",
            "Train one, or take in a bundle in the model library; then see here how it does on "
            "patients it has not seen.",
            routes.TRAIN,
            "Train a model",
        )
        return None
    by_key = {j.key: j for j in found}
    wanted = _wanted(found)
    chosen = st.selectbox(
        "Model", list(by_key), index=list(by_key).index(wanted), key=f"evaluate_{wanted}",
        format_func=lambda key: _title(by_key[key]),
    )  # fmt: skip
    # The address keeps the model, so that a reload comes back to it.
    st.query_params["model"] = chosen
    return by_key[chosen]


def _title(judged: Judged) -> str:
    """A model's name in the list, with where it is from and what it is for."""
    name = judged.name
    if judged.system != SYSTEM:
        name += f" · {SYSTEM_TITLES[judged.system]}"
    if judged.demo:
        return f"{name} · comes with the program"
    return f"{name} · not published" if judged.key.startswith("run:") else name


def _wanted(found: list[Judged]) -> str:
    """Asked for from another page, or by the address, else the first."""
    state = session()
    asked = None
    if state.evaluate_run is not None:
        asked = next((j.key for j in found if j.run and j.run.id == state.evaluate_run), None)
    elif state.evaluate_model is not None:
        asked = f"model:{state.evaluate_model}"
    asked = asked or st.query_params.get("model")
    state.evaluate_run = state.evaluate_model = None
    return asked if asked in {j.key for j in found} else found[0].key


def choose_patients(
    judged: Judged,
    ways: Mapping[str, Callable[[], TrainingSource | None]],
    own_patients: Callable[[TrainingRun], TrainingSource],
) -> tuple[TrainingSource, bool] | None:
    """Draw the choice of the patients; returns them and whether they are the run's own.

    Args:
        ways: name → what draws the choice of that kind of patients.
        own_patients: those that a run learned from, the held-out ones included.
    """
    names = [OWN, *ways] if judged.run is not None else list(ways)
    way = st.segmented_control(
        "Patients", names, default=names[0], required=True, key=f"evaluate_on_{judged.key}",
    )  # fmt: skip
    try:
        if way == OWN and judged.run is not None:
            return own_patients(judged.run), True
        chosen = ways[way]()
    except HccsurvError as error:
        components.show_error(error)
        return None
    return None if chosen is None else (chosen, False)


def own_muscle_patients(run: TrainingRun) -> TrainingSource:
    """The cohort or table that a run learned from, those held out included.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    from pathlib import Path

    from hccsurv_core.features.feature_table import read_feature_table
    from pages._shared.train_source import read_cohort_source

    path = run.request.options.get("features-table")
    if path is None and run.request.cohort is not None:
        return read_cohort_source(run.request.cohort)
    state = session()
    key = ("own table", run.id)
    if key not in state.cache:
        table = read_feature_table(Path(str(path)))
        simulated = bool(run.request.options.get("simulated"))
        endpoint = str(run.request.options.get("endpoint") or "overall survival")
        state.remember(key, TrainingSource(Path(str(path)).stem, table, None, simulated, endpoint))
    return state.cache[key]


def ask_wish(judged: Judged, patients: TrainingSource, own: bool) -> EvaluationWish:
    """What else can be chosen, folded away."""
    with st.expander("Settings", icon=":material/tune:", key="evaluation_settings"):
        rivals: list[str] = []
        if own:
            rivals = st.multiselect(
                "Baselines fitted to the training patients", list(_RIVALS), default=["cox"],
                format_func=lambda r: _RIVALS[r], key="evaluation_rivals", placeholder="none",
            )  # fmt: skip
        horizons = st.multiselect(
            "AUC at (months)", list(_HORIZONS), default=[12, 24, 36, 60], key="evaluation_horizons"
        )
        resamples = st.select_slider(
            "Bootstrap resamples", [200, 500, 1000, 2000, 5000], 2000, key="evaluation_resamples",
            help="2000 for a paper; fewer for a first look.",
        )  # fmt: skip
        relative = st.toggle(
            "Definitions also as measure / cut-off", key="evaluation_relative",
            help="So that men and women are on one scale.",
        )  # fmt: skip
        oracle = False
        if patients.simulated and patients.cohort is not None:
            oracle = st.toggle(
                "Compare with the simulated truth", value=True, key="evaluation_oracle",
                help="The true hazard of simulated patients: no model can be expected to rank "
                "better. It is not known of real patients.",
            )  # fmt: skip
    settings: dict[str, Any] = {"n_resamples": int(resamples)}
    settings["horizons_months"] = tuple(float(h) for h in sorted(horizons or [12, 36, 60]))
    if relative:
        settings["definition_forms"] = ("measure", "verdict", "relative")
    hold_out = {} if judged.run is None or not own else judged.run.request.options
    return EvaluationWish(
        judged, patients, own,
        {k: v for k, v in hold_out.items() if k.startswith("hold-out") or k == "seed"},
        tuple(rivals), settings, oracle,
    )  # fmt: skip


def show_choice(patients: TrainingSource) -> None:
    """Who will be judged on, in a line of chips."""
    n_events = patients.table.require_outcome().n_events
    parts = []
    if patients.simulated:
        parts.append(components.chip("Simulated patients", kind="sim", sign="◇"))
    parts += [
        components.chip(formats.plural(len(patients.table), "patient")),
        components.chip(formats.plural(n_events, "event")),
    ]
    splits = patients.table.labels.get("split")
    if splits:
        parts.append(components.chip(f"{formats.plural(len(set(splits)), 'part')} of the study"))
    st.html(components.chips(parts))
