"""One patient's follow-up on a page: slices of both scans, scores, response, lesions; as PDF and HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.systems.immunotherapy.answer import ImmunotherapyAnswer
from hccsurv_core.systems.immunotherapy.response import PatientResponse
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hccsurv_core.report.figures.chart import Chart

_TIMES = {"baseline": "Baseline", "followup": "Follow-up"}
_ORGANS = {"liver": "Liver", "lung": "Lungs"}
#: Portrait A4, inches, and heights of its parts in lines of text.
_PAGE = (8.27, 11.69)
_LINE = 0.0125
#: Of an ordinary chart.
_CHART_INCHES = 3.8
#: Left, bottom, width and height of what is printed on the page of charts.
_MARGINS = (0.04, 0.03, 0.92, 0.94)

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class FollowupReport:
    """What is printed.

    Args:
        title: whose it is.
        dates: ISO date of "baseline" and "followup", or "no date".
        interval_days: between them; None is not known.
        pictures: role → (rows, columns, 3) pictures of its slices.
        positions_mm: role → height of each slice.
        answer: of the model; None without one. response: None where nothing is judged.
        volumes_ml: time → lesion's number → volume.
        notes: what a reader should know.
        provenance: what every file says of itself.
    """

    title: str
    dates: Mapping[str, str]
    interval_days: float | None
    pictures: Mapping[str, Sequence[np.ndarray]]
    positions_mm: Mapping[str, Sequence[float]]
    answer: ImmunotherapyAnswer | None
    response: PatientResponse | None
    volumes_ml: Mapping[str, Mapping[int, float]]
    notes: tuple[str, ...]
    provenance: tuple[str, ...]

    @property
    def subtitle(self) -> str:
        """Dates and interval."""
        if not any(role.startswith("followup") for role in self.pictures):
            return f"Baseline {self.dates['baseline']}"
        apart = "" if self.interval_days is None else f", {self.interval_days / 7:.0f} weeks apart"
        return f"Baseline {self.dates['baseline']}, follow-up {self.dates['followup']}{apart}"

    def score_rows(self) -> list[list[str]]:
        """Head and rows of the table of scores; empty without an answer."""
        if self.answer is None:
            return []
        horizons = self.answer.main.horizons_months
        head = [
            "Score",
            "Risk group",
            "Percentile",
            *(f"Alive at {h:g} months" for h in horizons),
            "Counts",
        ]
        rows = [head]
        for name, found in self.answer.versions.items():
            s = found.survival_at
            alive = [
                f"{100 * s.value[i]:.0f} % ({100 * s.low[i]:.0f}–{100 * s.high[i]:.0f})"
                for i in range(len(horizons))
            ]
            star = " *" if name == self.answer.version else ""
            rows.append(
                [f"{name}{star}: {VERSION_WORDS[name]}", "high" if found.high_risk else "low",
                 f"{100 * found.percentile:.0f}", *alive, found.clock]
            )  # fmt: skip
        return rows

    def lesion_rows(self) -> list[list[str]]:
        """Head and rows of the table of lesions; empty where nothing is judged."""
        if self.response is None:
            return []
        rows = [["Lesion", "Organ", "Baseline", "Follow-up", "Volume", ""]]
        for one in self.response.lesions:
            before, after = (self.volumes_ml[t].get(one.label or 0, 0.0) for t in _TIMES)
            pen = " (typed)" if one.by_hand else ""
            later = "–" if one.followup_mm is None else f"{one.followup_mm:.1f} mm{pen}"
            rows.append(
                [one.name, one.organ, f"{one.baseline_mm:.1f} mm", later,
                 f"{before:.3g} → {after:.3g} mL", self.response.target_of(one.name)]
            )  # fmt: skip
        return rows

    def charts(self) -> tuple[Chart, ...]:
        """Survival by the version that answers, and what moved its score; none without an answer."""
        from hccsurv_core.report.figures.followup_charts import parts_chart, version_survival_chart

        if self.answer is None:
            return ()
        return version_survival_chart(self.answer.main), parts_chart(self.answer.main)

    def response_lines(self) -> list[str]:
        """RECIST 1.1 and mRECIST in words."""
        if self.response is None:
            return [
                "Response is not judged: it needs lesions outlined, and a follow-up that was read."
            ]
        return [
            f"{told.criterion.title}: {told.category}; {told.reason}."
            if told.category
            else f"{told.criterion.title}: {told.reason}."
            for told in (self.response.recist, self.response.mrecist)
        ]


def report_pdf(report: FollowupReport) -> bytes:
    """As PDF: the page, and a second one with the curve and what moved the score."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with rc_context({"pdf.fonttype": 42, "font.size": 8}):
        figure = Figure(figsize=_PAGE)
        figure.text(0.06, 0.965, report.title, fontsize=14, weight="bold")
        figure.text(0.06, 0.947, report.subtitle, fontsize=9)
        top = _draw_films(figure, report, 0.925)
        for title, rows in (("Scores", report.score_rows()), ("Lesions", report.lesion_rows())):
            if rows:
                top = _draw_table(figure, title, rows, top)
        star = [] if report.answer is None else ["* answers: it uses all that is known."]
        lines = [*star, *report.response_lines(), "", *report.notes, "", *report.provenance]
        _draw_lines(figure, lines, top)
        buffer = io.BytesIO()
        # Without a date two savings of the same figures are the same file.
        with PdfPages(buffer, metadata={"CreationDate": None}) as pages:
            for page in (figure, *_chart_page(report)):
                pages.savefig(page)
    return buffer.getvalue()


def report_html(report: FollowupReport) -> str:
    """The same as one HTML file with its pictures inside."""
    films = "".join(
        f"<figure><img src='{_as_png(picture)}' alt='{escape(_caption(role, place))}'>"
        f"<figcaption>{escape(_caption(role, place))}</figcaption></figure>"
        for role, pictures in report.pictures.items()
        for picture, place in zip(pictures, report.positions_mm[role], strict=True)
    )
    tables = "".join(
        f"<h2>{title}</h2>{_table_html(rows)}"
        for title, rows in (("Scores", report.score_rows()), ("Lesions", report.lesion_rows()))
        if rows
    )
    charts = "".join(
        f"<figure class='chart'><img src='{_chart_png(chart)}' alt='{escape(chart.title)}'></figure>"
        for chart in report.charts()
    )
    lines = "".join(f"<p>{escape(line)}</p>" for line in (*report.response_lines(), *report.notes))
    foot = "".join(f"<p class='foot'>{escape(line)}</p>" for line in report.provenance)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(report.title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(report.title)}</h1><p>{escape(report.subtitle)}</p>"
        f"<div class='films'>{films}</div>{tables}{charts}<h2>Response and notes</h2>{lines}{foot}</html>\n"
    )


_STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#17212B}"
    ".films{display:grid;grid-template-columns:repeat(3,1fr);gap:.5rem}figure{margin:0}"
    ".chart{margin-top:1.5rem}img{width:100%}figcaption,.foot{font-size:12px;color:#55606B;margin:0}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #D5DBE1;padding:.25rem .5rem;"
    "text-align:left}p{margin:.3rem 0}"
)


def _chart_page(report: FollowupReport) -> tuple[Figure, ...]:
    """The second page; none without charts."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from hccsurv_core.report.figures.chart_print import caption_lines, fill_figure, table_inches

    charts = report.charts()
    if not charts:
        return ()
    page = Figure(figsize=_PAGE, facecolor="white", layout=ConstrainedLayoutEngine(rect=_MARGINS))
    heights = [_CHART_INCHES * chart.height + table_inches(chart) + 0.6 for chart in charts]
    parts: Any = page.subfigures(
        len(charts) + 1, 1, height_ratios=[*heights, max(0.5, _PAGE[1] - sum(heights))]
    )
    for part, chart in zip(parts, charts, strict=False):
        fill_figure(part, chart, _CHART_INCHES * chart.height)
        part.suptitle(chart.title, fontsize=10, x=0.03, ha="left")
        words = caption_lines((chart.caption,), _PAGE[0])
        part.supxlabel("\n".join(words), fontsize=6.5, x=0.03, ha="left")
    foot = [line for text in report.provenance for line in caption_lines((text,), _PAGE[0])]
    parts[-1].text(0.03, 0.98, "\n".join([report.title, *foot]), fontsize=6.5, va="top")
    return (page,)


def _chart_png(chart: Chart) -> str:
    from hccsurv_core.report.figures.chart_print import draw_for_print

    stream = io.BytesIO()
    draw_for_print(chart).savefig(stream, format="png", dpi=150)
    return _data_url(stream)


def _draw_films(figure: Any, report: FollowupReport, top: float) -> float:
    """Pictures of both times beside each other, an organ a row; returns where the next part begins."""
    width, gap = 0.145, 0.004
    some = next((p[0] for p in report.pictures.values() if len(p)), None)
    if some is None:
        return top
    height = width * some.shape[0] / some.shape[1] * _PAGE[0] / _PAGE[1]
    for o, organ in enumerate(_ORGANS):
        low = top - 0.02 - (o + 1) * height - o * 0.022
        for t, time in enumerate(_TIMES):
            role = f"{time}_{organ}"
            for k, picture in enumerate(report.pictures.get(role, ())):
                left = 0.06 + t * 0.452 + k * (width + gap)
                axes: Axes = figure.add_axes((left, low, width, height))
                axes.imshow(picture)
                axes.set_axis_off()
                place = _caption(role, report.positions_mm[role][k])
                axes.set_title(place, fontsize=5.5, pad=2)
    return top - 0.02 - 2 * height - 0.022 - 0.03


def _draw_table(figure: Any, title: str, rows: Rows, top: float) -> float:
    from matplotlib.transforms import Bbox

    figure.text(0.06, top, title, fontsize=10, weight="bold")
    height = 0.0165 * len(rows)
    axes: Axes = figure.add_axes((0.06, top - height - 0.008, 0.88, height))
    axes.set_axis_off()
    lengths = [max(len(row[k]) for row in rows) + 2 for k in range(len(rows[0]))]
    drawn = axes.table(
        [list(row) for row in rows[1:]], colLabels=list(rows[0]), cellLoc="left", colLoc="left",
        colWidths=[n / sum(lengths) for n in lengths], bbox=Bbox.unit(),
    )  # fmt: skip
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(6.5)
    for (row, _), cell in drawn.get_celld().items():
        cell.visible_edges = "B"
        cell.PAD = 0.02
        cell.set_edgecolor("#C9D0D7")
        if row == 0:
            cell.get_text().set_fontweight("bold")
    return top - height - 0.032


def _draw_lines(figure: Any, lines: Sequence[str], top: float) -> None:
    import textwrap

    for line in lines:
        for part in textwrap.wrap(line, 128) or [""]:
            figure.text(0.06, top, part, fontsize=7.5)
            top -= _LINE


def _caption(role: str, place: float) -> str:
    time, organ = role.split("_")
    height = f"{place:.0f}".replace("-", "−")
    return f"{_TIMES[time]}, {_ORGANS[organ].lower()}, {height} mm"


def _as_png(picture: np.ndarray) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG")
    return _data_url(stream)


def _data_url(png: io.BytesIO) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def _table_html(rows: Rows) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
