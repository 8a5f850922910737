"""The training runs of this server: one registry for all sessions, a list, and a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats
from pages._shared import train_words as words
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.tables import html_table

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun, TrainingRuns

POLL_S = 1.5
PAGE_LENGTH = 15
SYSTEM_TITLES = {
    "muscle": "muscle", "treatment": "hepatectomy or TACE", "ceus": "CEUS",
    "immunotherapy": "immunotherapy",
}  # fmt: skip
_COLUMNS = (0.3, 2.3, 1.5, 1.7, 2.3, 1.2)


@st.cache_resource(show_spinner=False)
def open_runs() -> TrainingRuns:
    """The one registry of training runs of this server."""
    from hccsurv_core.systems.training_runs import TrainingRuns

    return TrainingRuns()


def bundle_of(run: TrainingRun) -> Bundle | None:
    """The model of a run that is done, every byte checked; kept for the session.

    Raises:
        HccsurvError: it is not what was written.
    """
    if run.bundle is None:
        return None
    from hccsurv_core.models.store import read_bundle

    state = session()
    key = ("bundle", run.id, run.ended_at)
    if key not in state.cache:
        state.remember(key, read_bundle(run.bundle))
    return state.cache[key]


def open_run(run_id: str | None) -> None:
    """Show a run (None: the list) at the next run of the page."""
    if run_id is None:
        st.query_params.pop("run", None)
    else:
        st.query_params["run"] = run_id
    st.rerun()


def show_active(runs: Sequence[TrainingRun]) -> None:
    """What trains or waits now, live; nothing where nothing does."""
    if any(run.can_cancel or run.is_ending for run in runs):
        _active()


@st.fragment(run_every=POLL_S)
def _active() -> None:
    active = [r for r in open_runs().runs() if r.state in ("queued", "running")]
    if not active:
        st.rerun(scope="app")
    for run in reversed(active):
        with st.container(border=True, key=f"active_{run.id}"):
            bar, button = st.columns([6, 1], vertical_alignment="center")
            bar.progress(_fraction(run), text=progress_words(run))
            if button.button("Open", key=f"open_active_{run.id}", width="stretch"):
                st.query_params["run"] = run.id
                st.rerun(scope="app")


def _fraction(run: TrainingRun) -> float:
    return 0.0 if run.progress is None or run.state == "queued" else run.progress.fraction


def progress_words(run: TrainingRun) -> str:
    """What happens, how far, how long (Markdown)."""
    name = f"**{formats.plain(run.request.name)}**"
    if run.is_ending:
        return f"{name} — cancelling"
    if run.state == "queued":
        before = formats.plural(run.n_before, "run")
        return f"{name} — waiting for {before} before it" if run.n_before else f"{name} — starting"
    doing = (
        "starting"
        if run.progress is None
        else formats.plain(words.what_happens(run.progress.message))
    )
    timing = words.how_long(run)
    left = words.seconds_left(open_runs().steps(run.id), run.started_at)
    if left is not None:
        timing += f", about {formats.duration(max(1.0, left))} left"
    share = "" if run.progress is None else f"{run.progress.fraction:.0%}, "
    return f"{name} — {doing} ({share}{timing})"


def show_list(runs: Sequence[TrainingRun]) -> None:
    """All runs, the newest first, and a comparison of those that are ticked."""
    if not runs:
        with st.container(border=True):
            st.markdown(
                "**No training yet.** Choose patients under *New training* and press *Start*; the "
                "run appears here, goes on when you close the page, and can be resumed."
            )
        return
    heads = ("", "Run", "State", "When, by whom", "AUC, C-index", "")
    for column, text in zip(st.columns(_COLUMNS, gap="xsmall"), heads, strict=True):
        column.html(f'<span class="hcc-kicker">{text}</span>')
    n_pages = -(-len(runs) // PAGE_LENGTH)
    page = min(st.session_state.get("train_page", 1), n_pages)
    for run in runs[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]:
        _row(run)
    if n_pages > 1:
        st.pagination(n_pages, key="train_page")
    ticked = [r for r in runs if st.session_state.get(f"compare_{r.id}") and r.state == "done"]
    if len(ticked) == 1:
        st.caption("Tick one more run to compare them.")
    if len(ticked) > 1:
        _comparison(ticked)


def _row(run: TrainingRun) -> None:
    with st.container(key=f"row_run_{run.id}"):
        tick, name, state, who, result, act = st.columns(
            _COLUMNS, vertical_alignment="center", gap="xsmall"
        )
        done = run.state == "done"
        tick.checkbox(
            f"Compare {run.request.name}", key=f"compare_{run.id}", disabled=not done,
            label_visibility="collapsed", help="Compare" if done else "Only runs that are done",
        )  # fmt: skip
        source = run.request.cohort
        table = run.request.options.get("features-table")
        origin = source.name if source is not None else str(table or "").rsplit("/", 1)[-1]
        system = SYSTEM_TITLES.get(run.request.system, run.request.system)
        name.html(
            f"<b>{html(run.request.name)}</b><br><span class='hcc-quiet'>{html(origin)} · {system}"
            "</span>"
        )
        state.html(words.state_chip(run))
        who.html(
            f"{words.when(run.created_at)}<br><span class='hcc-quiet'>{html(run.by)}"
            f"{' · ' + words.how_long(run) if run.started_at else ''}</span>"
        )
        result.html(_result(run))
        if act.button("Open", key=f"open_run_{run.id}"):
            open_run(run.id)


def _result(run: TrainingRun) -> str:
    """C-index of a run that is done, or how it ended (HTML)."""
    if run.state != "done":
        text = run.message[:1].upper() + run.message[1:]
        return f'<span class="hcc-quiet">{html(text[:90])}</span>'
    try:
        bundle = bundle_of(run)
    except HccsurvError as error:
        return f'<span class="hcc-quiet">{html(error.what)}</span>'
    if bundle is None:
        return ""
    training = bundle.description["training"]
    told = "<br>".join(html(text) for text in words.own_words(bundle.description).split("; "))
    return (
        f'<span class="hcc-num">{told}</span><br>'
        f'<span class="hcc-quiet">{training["n"]} patients, {training["n_events"]} events</span>'
    )


def _comparison(runs: Sequence[TrainingRun]) -> None:
    """The ticked runs side by side."""
    found = []
    for run in runs:
        try:
            bundle = bundle_of(run)
        except HccsurvError as error:
            components.show_error(error)
            continue
        if bundle is not None:
            found.append((run, bundle.description))
    st.subheader("Compared", anchor=False)
    heads = ["", *(run.request.name for run, _ in found)]
    rows = [[title, *(str(value(run, d)) for run, d in found)] for title, value in _FACTS]
    st.html(html_table(heads, rows, "run_comparison"))
    if len({run.request.system for run, _ in found}) > 1:
        st.caption(
            ":orange[:material/warning:] These runs are of different systems and answer different "
            "questions."
        )
    elif len({(d["training"]["source"], d["training"]["n"]) for _, d in found}) > 1:
        st.caption(
            ":orange[:material/warning:] These runs learned from different patients: their "
            "C-indices are no contest between the settings."
        )


def _best_rival(description: Any) -> str:
    several = words.estimates_by_arm(description) or words.estimates_by_endpoint(description)
    if several or description.get("system") == "immunotherapy":
        return "–"  # its other versions are no baselines
    rivals = [
        r for r in description["cross_validation"]["results"]
        if r["kind"] == "rival" and r["c_index"]["value"] is not None
    ]  # fmt: skip
    if not rivals:
        return "–"
    best = max(rivals, key=lambda r: r["c_index"]["value"])
    return f"{best['name']} {best['c_index']['value']:.3f}"


_FACTS: tuple[tuple[str, Any], ...] = (
    ("AUC or C-index, cross-validated (95 % CI)", lambda run, d: words.own_words(d)),
    ("Best baseline", lambda run, d: _best_rival(d)),
    ("Patients learned from", lambda run, d: d["training"]["n"]),
    ("Events", lambda run, d: d["training"]["n_events"]),
    ("Features", lambda run, d: d["training"]["n_features"]),
    ("Source", lambda run, d: d["training"]["source"]),
    ("Settings chosen", lambda run, d: d["architecture"]["recipe"]["name"]),
    ("Compressed by", lambda run, d: d["architecture"].get("representation", "–")),
    ("Networks", lambda run, d: d["architecture"]["n_members"]),
    ("Seed", lambda run, d: d["seed"]),
    ("Took", lambda run, d: words.how_long(run)),
)
