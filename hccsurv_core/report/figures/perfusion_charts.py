"""Figures of a contrast clip: time-intensity curves over the phases, and how the region was followed."""

from __future__ import annotations

import numpy as np

from hccsurv_core.features.perfusion.examination import Perfusion
from hccsurv_core.features.perfusion.phases import PHASES
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, Span
from hccsurv_core.report.figures.palette import BLUE, GREEN, ORANGE, VERMILION

LESION_COLOR, REFERENCE_COLOR, DIFFERENCE_COLOR = VERMILION, BLUE, GREEN
#: Of each phase, so that neighbors differ.
_STRENGTH = (0.14, 0.05, 0.10)
_FITTED_POINTS = 400
_WORDS = {"arterial": "Arterial", "portal venous": "Portal venous", "late": "Late"}


def time_intensity_chart(found: Perfusion, *, difference: bool = False) -> Chart:
    """Lesion and reference against time, in percent of the lesion's highest fitted intensity.

    Args:
        difference: also lesion less reference.
    """
    curve = found.curve
    top = _top(found)
    series = [
        _dots("Lesion", curve.time_s, curve.lesion_enhancement / top, LESION_COLOR),
        *_fitted(found, top),
    ]
    reference = curve.reference_enhancement
    if reference is not None:
        series.append(_dots("Reference liver", curve.time_s, reference / top, REFERENCE_COLOR))
    if difference and curve.difference is not None:
        series.append(
            _dots("Lesion less reference", curve.time_s, curve.difference / top, DIFFERENCE_COLOR)
        )
    peak = found.peak_frame
    return Chart(
        title="Time-intensity curves",
        x_title="Time after injection (s)",
        y_title="Linear intensity (% of the lesion's peak)",
        series=tuple(series),
        caption=_caption(found),
        x_range=_range(curve.time_s),
        percent=True,
        guides=(
            Guide(
                (peak.time_s, peak.time_s), (0.0, 1.02), f"Peak frame {peak.frame}", color=ORANGE
            ),
        ),
        spans=phase_spans(float(curve.time_s[-1])),
    )


def ratio_chart(found: Perfusion) -> Chart:
    """Lesion over reference, dB: above 0 the lesion is brighter than the liver."""
    curve = found.curve
    ratio = curve.ratio_db
    if ratio is None:
        return Chart(
            "Lesion over reference", "Time after injection (s)", "Lesion over reference (dB)", (),
            message="No reference is outlined.",
        )  # fmt: skip
    guides = [Guide(_range(curve.time_s), (0.0, 0.0), "Equal")]
    if found.washout.onset_s is not None:
        ends = (float(np.nanmin(ratio)), float(np.nanmax(ratio)))
        guides.append(Guide((found.washout.onset_s,) * 2, ends, "Washout", "dash", ORANGE))
    return Chart(
        title="Lesion over reference",
        x_title="Time after injection (s)",
        y_title="Lesion over reference (dB)",
        series=(_dots("Lesion over reference", curve.time_s, ratio, LESION_COLOR),),
        caption=found.washout.sentence,
        x_range=_range(curve.time_s),
        y_range=_with_room(ratio),
        guides=tuple(guides),
        spans=phase_spans(float(curve.time_s[-1])),
        height=0.75,
    )


def motion_chart(found: Perfusion) -> Chart:
    """Where the region was in every frame, and how well it was found again."""
    motion, time = found.motion, found.curve.time_s
    shift = motion.shift_mm
    unit = "mm" if shift is not None else "pixels"
    moved = motion.shift_px if shift is None else shift
    used = ~motion.excluded
    left_out = np.flatnonzero(~used)
    series = [
        Series("Deeper", time, np.where(used, moved[:, 0], np.nan), color=BLUE),
        Series("To the right", time, np.where(used, moved[:, 1], np.nan), color=ORANGE),
    ]
    if left_out.size:
        hover = [f"frame {k}: {motion.reasons[k]}" for k in left_out]
        series.append(
            Series("Left out", time[left_out], np.zeros(left_out.size), color=NEUTRAL, kind="dots",
                   hover=hover)
        )  # fmt: skip
    return Chart(
        title="Motion followed",
        x_title="Time after injection (s)",
        y_title=f"Displacement ({unit})",
        series=tuple(series),
        caption=f"{motion.check.sentence} {left_out.size} of {len(motion)} frames are left out.",
        x_range=_range(time),
        height=0.75,
    )


def phase_spans(last_s: float) -> tuple[Span, ...]:
    """The phases that a clip reaches, shaded."""
    return tuple(
        Span((phase.start_s, min(phase.end_s, last_s)), _WORDS[phase.name], strength=strength)
        for phase, strength in zip(PHASES, _STRENGTH, strict=True)
        if phase.start_s < last_s
    )


def _top(found: Perfusion) -> float:
    """What counts as 100 %: the fitted peak, else the highest frame."""
    if found.fit is not None and found.fit.top > 0:
        return float(found.fit.top)
    highest = float(np.nanmax(found.curve.lesion_enhancement))
    return highest if highest > 0 else 1.0


def _fitted(found: Perfusion, top: float) -> list[Series]:
    if found.fit is None:
        return []
    time = found.curve.time_s
    until = float(time[-1]) if found.fit.until_s is None else float(found.fit.until_s)
    x = np.linspace(float(time[0]), float(time[-1]), _FITTED_POINTS)
    return [
        Series(
            f"Fitted: {found.fit.label}", x, found.fit.curve(x) / top, color=LESION_COLOR,
            wide=True, faint_from=until if until < time[-1] else None,
        )
    ]  # fmt: skip


def _dots(label: str, time: np.ndarray, values: np.ndarray, color: str) -> Series:
    hover = [
        f"<b>{label}</b><br>frame {k}, {t:.1f} s: {v:.3g}"
        for k, (t, v) in enumerate(zip(time, values, strict=True))
    ]
    return Series(label, time, values, color=color, kind="dots", hover=hover)


def _range(time: np.ndarray) -> tuple[float, float]:
    return float(min(time[0], 0.0)), float(time[-1]) * 1.01


def _with_room(values: np.ndarray) -> tuple[float, float] | None:
    """A y range with room for the phases' names at its top."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return None
    low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
    room = 0.15 * max(high - low, 1.0)
    return low - 0.3 * room, high + room


def _caption(found: Perfusion) -> str:
    curve = found.curve
    words = [
        "Mean linear intensity above the level before the agent, on the followed region; the "
        f"machine's logarithm over {curve.dynamic_range_db:g} dB is undone."
    ]
    if found.fit is not None:
        words.append(
            f"The {found.fit.label} curve explains {100 * found.fit.r2:.1f} % of the variance "
            f"({found.fit.n_frames} frames)."
        )
    return " ".join(words)
