"""What pictures add to clinical values: net reclassification and integrated discrimination."""

from __future__ import annotations

from collections.abc import Iterator

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.chart import NEUTRAL
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.reclassification import Reclassification

_AXIS = ForestAxis("Continuous NRI", "NRI", False, 0.0, (-0.25, 0.5), (-2.0, 2.0))
CRITICISM = (
    "Continuous NRI and IDI overstate what a marker adds, and can be above 0 for a model that is "
    "merely badly calibrated (Kerr 2014, Hilden & Gerds 2014): judge by AUC, prediction error and net "
    "benefit. No p: tests of them are not valid for nested models."
)


def early_reclassification_forest(report: CeusReport) -> Forest | None:
    """Of early recurrence; None without pictures or where it cannot be told."""
    added = report.evaluation.added
    if added is None or added.early is None:
        return None
    own = report.evaluation.versions[report.evaluation.version].early
    title = (
        f"What pictures add: early recurrence · {own.n} patients, {own.n_events} early recurrences"
    )
    rows = tuple(_rows(added.early, "recurred early", "did not"))
    return _forest(title, rows, report)


def death_reclassification_forest(report: CeusReport) -> Forest | None:
    """Of death, horizon by horizon; None without pictures or where no horizon can be told."""
    added = report.evaluation.added
    if added is None or not added.death:
        return None
    rows: list[ForestRow] = []
    for horizon, found in added.death.items():
        rows.append(forest_heading(f"Death by {horizon:g} months"))
        rows += _rows(found, "died", "did not")
    everybody = report.evaluation
    title = f"What pictures add: death · {everybody.n} patients, {everybody.n_events} deaths"
    return _forest(title, tuple(rows), report)


def _forest(title: str, rows: tuple[ForestRow, ...], report: CeusReport) -> Forest:
    return Forest(
        title=title,
        rows=rows,
        caption=report.led(
            "From clinical values to clinical values and pictures; above 0: risks moved the right "
            "way. Total: the sum of both lines, from −2 to 2.",
            CRITICISM,
        ),
        axis=_AXIS,
        name_header="Patients who",
        count_header="",
        extra_header="IDI (95 % CI)",
        p_header="",
    )


def _rows(found: Reclassification, had: str, had_not: str) -> Iterator[ForestRow]:
    nri, idi = found.continuous_nri, found.idi
    for name, moved, gained in (
        (had, nri.events, idi.events),
        (had_not, nri.nonevents, idi.nonevents),
        ("total", nri.total, idi.total),
    ):
        yield ForestRow(
            name, "", (moved.value, moved.ci_low, moved.ci_high), estimate_words(moved, digits=2),
            "", _color(moved), estimate_words(gained, digits=3),
        )  # fmt: skip


def _color(estimate: Estimate) -> str:
    if estimate.ci_low > 0:
        return BLUE
    return VERMILION if estimate.ci_high < 0 else NEUTRAL
