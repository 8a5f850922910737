"""A clip's perfusion from one call: motion, curves, fit, parameters, phases, washout, peak frame.

>>> found = measure_perfusion(clip, panels, lesion, 48, reference=liver,
...                           dynamic_range_db=50)                          # doctest: +SKIP
>>> found.parameters["time_to_peak_s"].value, found.peak_frame.frame        # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_level
from hccsurv_core.clip import Clip, Panels
from hccsurv_core.errors import InputError
from hccsurv_core.features.perfusion.bolus_fit import BolusFit
from hccsurv_core.features.perfusion.curve import TimeIntensity, time_intensity
from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.features.perfusion.inner_region import BORDER_MM
from hccsurv_core.features.perfusion.models import MODELS
from hccsurv_core.features.perfusion.parameters import KineticParameters, kinetic_parameters
from hccsurv_core.features.perfusion.peak_frame import PeakFrame, choose_peak_frame
from hccsurv_core.features.perfusion.phases import (
    Enhancement,
    Washout,
    enhancement_by_phase,
    find_washout,
)
from hccsurv_core.imaging.clip_motion import Motion, MotionSettings, follow_region, no_motion
from hccsurv_core.progress import Progress, part_of, silent

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
#: Lesion and reference farther apart in depth than this are seen through different attenuation, mm.
#: Ours: a few dB in simulated and real pictures.
_SAME_DEPTH_MM = 20.0
#: A fit that explains less than this of the variance describes no bolus.
_NO_BOLUS_R2 = 0.5
#: The reference's curve is part of the lesion's only where a bolus explains so much of its variance.
_LIVER_R2 = 0.9
#: An agent takes longer than this to arrive and fill a lesion, s.
_SHORT_S = 10.0
#: Motion takes this share of the time.
_MOTION_SHARE = 0.8


@dataclass(frozen=True)
class PerfusionSettings:
    """How a clip is measured.

    Args:
        motion: how the region is followed; None leaves it where it was drawn.
        models: names of those that are fitted, see `hccsurv_core.features.perfusion.models`.
        whole: False fits only to where the agent comes back or the curve has fallen to half.
        border_mm: what of the lesion's outline is left out all around.
        level: of the intervals.
    """

    motion: MotionSettings | None = field(default_factory=MotionSettings)
    models: tuple[str, ...] = tuple(MODELS)
    whole: bool = True
    border_mm: float = BORDER_MM
    level: float = 0.95

    def __post_init__(self) -> None:
        checked_level(self.level)


@dataclass(frozen=True, eq=False)
class Perfusion:
    """What a contrast clip says about a lesion.

    Args:
        motion: where the lesion lies in every frame.
        curve: of lesion and reference.
        fit: of the lesion's curve; None where none could be made, `warnings` say why.
        parameters: of the lesion.
        reference_parameters: of the reference, from its frames: liver is filled twice and no
            single bolus; None where none was outlined.
        phases: enhancement against the reference.
        washout: when and how.
        peak_frame: that stands for the clip.
        warnings: what a user should know, all of them, sentences without a final full stop.
    """

    motion: Motion
    curve: TimeIntensity
    fit: BolusFit | None
    parameters: KineticParameters
    reference_parameters: KineticParameters | None
    phases: tuple[Enhancement, ...]
    washout: Washout
    peak_frame: PeakFrame
    warnings: tuple[str, ...]

    def with_peak_frame(self, frame: int) -> Perfusion:
        """The same with another peak frame, as a person says.

        Raises:
            InputError: there is no such frame.
        """
        return replace(self, peak_frame=choose_peak_frame(self.curve, self.fit, by_hand=frame))

    def to_json(self) -> dict[str, Any]:
        """Plain values; units are in the names, intensities are linear with white = 1."""
        reference = self.reference_parameters
        return {
            "motion": _motion_json(self.motion),
            "curve": _curve_json(self.curve),
            "fit": None if self.fit is None else _fit_json(self.fit, self.curve.time_s),
            "parameters": self.parameters.to_json(),
            "reference_parameters": None if reference is None else reference.to_json(),
            "phases": [phase.to_json() for phase in self.phases],
            "washout": self.washout.to_json(),
            "peak_frame": self.peak_frame.to_json(),
            "warnings": list(self.warnings),
        }


def measure_perfusion(
    clip: Clip,
    panels: Panels,
    lesion: Mask,
    reference_frame: int,
    *,
    reference: Mask | None = None,
    dynamic_range_db: float | None = None,
    injection_s: float | None = None,
    exclude: Iterable[int] = (),
    include: Iterable[int] = (),
    peak_frame: int | None = None,
    ignore: Mask | None = None,
    motion: Motion | None = None,
    settings: PerfusionSettings | None = None,
    progress: Progress = silent,
) -> Perfusion:
    """Measure a lesion's perfusion on a contrast clip.

    Args:
        clip, panels: what is measured.
        lesion, reference: (rows, columns) of the screen, drawn on either panel of
            ``reference_frame``, counted from 0.
        dynamic_range_db: of the contrast picture; None takes a usual one and warns.
        injection_s: on the clip's clock; None takes its 0 s.
        exclude, include: frames that a person leaves out or takes in.
        peak_frame: a person's choice; None chooses.
        ignore: (rows, columns) of the screen that is neither matched nor measured.
        motion: found before, so that frames can be left out without following anew.
        settings: default :class:`PerfusionSettings`.
        progress: called per frame; may raise to cancel.

    Raises:
        InputError: a still, an outline or a frame that cannot be used, no contrast panel, no frame
            with the lesion.
        GeometryError: an outline of another size than the screen.
    """
    chosen = settings or PerfusionSettings()
    if len(clip) < 2:
        raise InputError(
            "a still gives no time-intensity curve", source="clip", remedy="read a clip"
        )
    if motion is None:
        motion = _followed(
            clip, panels, lesion, reference_frame, ignore, chosen, part_of(progress, 0, _MOTION_SHARE)
        )  # fmt: skip
    motion = motion.with_frames(exclude=exclude, include=include)
    curve = time_intensity(
        clip, panels, lesion, motion, reference=reference, dynamic_range_db=dynamic_range_db,
        injection_s=injection_s, ignore=ignore, border_mm=chosen.border_mm,
        progress=part_of(progress, _MOTION_SHARE, 0.98),
    )  # fmt: skip
    found = _read_off(curve, motion, chosen, peak_frame)
    deeper = _different_depth(lesion, reference, panels)
    progress(1.0, "done")
    return replace(found, warnings=found.warnings + deeper)


def _followed(
    clip: Clip, panels: Panels, lesion: Mask, frame: int, ignore: Mask | None,
    settings: PerfusionSettings, progress: Progress,
) -> Motion:  # fmt: skip
    if settings.motion is None:
        shown = panels.contrast or panels.grayscale
        return no_motion(len(clip), None if shown is None else shown.spacing_mm)
    return follow_region(
        clip, panels, lesion, frame, settings=settings.motion, ignore=ignore, progress=progress
    )


def _read_off(
    curve: TimeIntensity, motion: Motion, settings: PerfusionSettings, peak_frame: int | None
) -> Perfusion:
    """Everything that follows from the curves."""
    if not curve.used.any():
        raise InputError(
            "no frame shows the lesion",
            source="time-intensity curve",
            remedy="check the outline and the panels, or take frames in again",
        )
    fit, why = _fitted(curve, settings)
    time = curve.time_s
    parameters = kinetic_parameters(time, curve.lesion_enhancement, fit, settings.level)
    reference = curve.reference_enhancement
    return Perfusion(
        motion=motion,
        curve=curve,
        fit=fit,
        parameters=parameters,
        reference_parameters=None
        if reference is None
        else kinetic_parameters(time, reference, None, settings.level),
        phases=enhancement_by_phase(curve, peak_s=None if fit is None else fit.peak_s),
        washout=find_washout(curve),
        peak_frame=choose_peak_frame(curve, fit, by_hand=peak_frame),
        warnings=_too_short(curve) + curve.warnings + why + parameters.warnings,
    )


def _fitted(
    curve: TimeIntensity, settings: PerfusionSettings
) -> tuple[BolusFit | None, tuple[str, ...]]:
    """The fit, or why there is none: a curve without one is still worth showing."""
    try:
        fit = fit_bolus(
            curve.time_s,
            curve.lesion_enhancement,
            floor_noise=curve.lesion_floor.noise,
            models=settings.models,
            whole=settings.whole,
            beside=_liver_fit(curve, settings),
        )
    except InputError as error:
        if error.source != "time-intensity curve":
            raise
        return None, (f"no bolus model was fitted: {error.what}",)
    why = _no_bolus(fit, float(curve.time_s[curve.used][-1]))
    return (None, (f"no bolus model was fitted: {why}",)) if why else (fit, ())


def _liver_fit(curve: TimeIntensity, settings: PerfusionSettings) -> BolusFit | None:
    """The reference's own curve, where it can be fitted well enough to be part of another."""
    if curve.reference_enhancement is None or curve.reference_floor is None:
        return None
    try:
        fit = fit_bolus(
            curve.time_s, curve.reference_enhancement, floor_noise=curve.reference_floor.noise,
            models=settings.models, whole=settings.whole,
        )  # fmt: skip
    except InputError as error:
        if error.source != "time-intensity curve":
            raise
        return None
    return fit if fit.r2 >= _LIVER_R2 else None


def _no_bolus(fit: BolusFit, end_s: float) -> str:
    """Why a fit says nothing; "" where it does."""
    if fit.peak_s > end_s:
        return "the curve still rises where the clip ends"
    if fit.r2 < _NO_BOLUS_R2:
        return (
            f"the {fit.label} curve explains {100 * max(fit.r2, 0):.0f} % of what the "
            "intensity does"
        )
    return ""


def _too_short(curve: TimeIntensity) -> tuple[str, ...]:
    span = float(curve.time_s[-1] - curve.time_s[0])
    if span >= _SHORT_S:
        return ()
    return (
        f"the clip lasts {span:.1f} s, less than a bolus takes to come: its curve is shown, but "
        "neither times nor phases can be told from it",
    )


def _different_depth(lesion: Mask, reference: Mask | None, panels: Panels) -> tuple[str, ...]:
    """Attenuation takes light from what lies deeper; the field compares at one depth."""
    shown = panels.contrast
    if reference is None or shown is None or shown.spacing_mm is None:
        return ()
    rows = [float(np.flatnonzero(m.any(1)).mean()) for m in (lesion, reference)]
    apart = abs(rows[1] - rows[0]) * shown.spacing_mm[0]
    if apart <= _SAME_DEPTH_MM:
        return ()
    return (
        f"the reference lies {apart:.0f} mm {'deeper' if rows[1] > rows[0] else 'shallower'} than "
        "the lesion: attenuation enters their comparison, outline liver at the lesion's depth",
    )


def _numbers(values: Floats | None) -> list[float | None] | None:
    """A list for JSON: six digits, gaps are null."""
    if values is None:
        return None
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values.tolist()]


def _motion_json(motion: Motion) -> dict[str, Any]:
    return {
        "shift_row_px": _numbers(motion.shift_px[:, 0]),
        "shift_column_px": _numbers(motion.shift_px[:, 1]),
        "spacing_mm": None if motion.spacing_mm is None else list(motion.spacing_mm),
        "quality": _numbers(motion.quality),
        "left_out": {str(k): reason for k, reason in enumerate(motion.reasons) if reason},
        "reference_frame": motion.reference_frame,
        "panel": motion.panel,
        "check": vars(motion.check),
    }


def _curve_json(curve: TimeIntensity) -> dict[str, Any]:
    return {
        "time_s": _numbers(curve.time_s),
        "lesion": _numbers(curve.lesion_enhancement),
        "reference": _numbers(curve.reference_enhancement),
        "difference": _numbers(curve.difference),
        "ratio_db": _numbers(curve.ratio_db),
        "saturated_share": _numbers(curve.saturated),
        "lesion_floor": curve.lesion_floor.level,
        "reference_floor": None if curve.reference_floor is None else curve.reference_floor.level,
        "dynamic_range_db": curve.dynamic_range_db,
        "border_mm": curve.border_mm,
    }


def _fit_json(fit: BolusFit, time_s: Floats) -> dict[str, Any]:
    return {
        "model": fit.model.name,
        "arrival_s": fit.arrival_s,
        "rise_s": fit.rise_s,
        "peak_intensity": fit.top,
        "liver_share": fit.mixed / fit.top,
        "shape": fit.shape,
        "offset": fit.offset,
        "r2": fit.r2,
        "rmse": fit.rmse,
        "relative_noise": fit.noise,
        "aicc": dict(fit.aicc),
        "n_frames": fit.n_frames,
        "until_s": fit.until_s,
        "at_bound": list(fit.at_bound),
        "lesion": _numbers(fit.curve(time_s)),
    }
