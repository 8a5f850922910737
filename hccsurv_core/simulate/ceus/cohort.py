"""The virtual cohort of system 3: resected liver cancers with contrast-enhanced ultrasound.

414 patients (289 training, 125 test) after Huang et al., World J Gastrointest Oncol
2022;14(12):2380-2392 (doi 10.4251/wjgo.v14.i12.2380): two stills each, clips for the first few
and, by `clip.write_clip`, for any. What is published and what is ours is said in
`causes`, `table`, `outcomes` and `check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.cohort.folder_schema import CohortInfo, Endpoint, ImageInfo, RoiInfo
from hccsurv_core.simulate.ceus.causes import (
    CENTERS,
    PUBLISHED_N,
    Causes,
    causes_of,
    draw,
)
from hccsurv_core.simulate.ceus.check import check_cohort
from hccsurv_core.simulate.ceus.outcomes import Futures, futures_of
from hccsurv_core.simulate.ceus.perfusion import kinetics_of
from hccsurv_core.simulate.ceus.table import columns, rows_of
from hccsurv_core.simulate.cohort_writer import SimulatedPatient

if TYPE_CHECKING:
    from pandas import DataFrame

#: Clips written with the cohort: each takes seconds and about 10 MB.
DEFAULT_CLIPS = 4


@dataclass(frozen=True)
class CeusCohort:
    """The simulator of system "ceus".

    Args:
        clips: how many patients, from the first, get a contrast clip with the cohort.
    """

    clips: int = DEFAULT_CLIPS

    @property
    def name(self) -> str:
        """The system."""
        return "ceus"

    @property
    def default_n(self) -> int:
        """As published."""
        return PUBLISHED_N

    def describe(self) -> CohortInfo:
        """The schema."""
        grayscale = "on the gray still"
        peak = "on the contrast panel of the peak frame"
        again = "drawn again by the same reader"
        return CohortInfo(
            name="Simulated CEUS cohort",
            system="ceus",
            simulated=True,
            description=(
                "Virtual patients with resected hepatocellular carcinoma and contrast-enhanced "
                "ultrasound before it, after Huang et al. 2022 (doi 10.4251/wjgo.v14.i12.2380). "
                "No patient is behind any number or picture."
            ),
            endpoint=Endpoint("overall survival", horizons_months=(12.0, 36.0, 60.0)),
            other_endpoints=(
                Endpoint(
                    "recurrence", "recurrence_time_months", "recurrence_event", (12.0, 24.0, 36.0)
                ),
            ),
            columns=columns(),
            images={
                "grayscale": ImageInfo("US", "one panel without contrast agent"),
                "peak": ImageInfo("US", "two panels at the tumor's peak enhancement"),
                "clip": ImageInfo(
                    "US", "two panels from the injection to 360 s; of some patients only"
                ),
            },
            rois={
                "grayscale_lesion": RoiInfo("grayscale", meaning=f"tumor as a reader, {grayscale}"),
                "grayscale_lesion_repeat": RoiInfo("grayscale", meaning=f"tumor, {again}"),
                "grayscale_parenchyma": RoiInfo("grayscale", meaning=f"reference, {grayscale}"),
                "peak_lesion": RoiInfo("peak", meaning=f"tumor as a reader draws it, {peak}"),
                "peak_lesion_repeat": RoiInfo("peak", meaning=f"tumor, {again}"),
                "peak_parenchyma": RoiInfo("peak", meaning=f"reference, {peak}"),
                "clip_lesion": RoiInfo("clip", meaning=f"tumor, {peak} of the clip"),
                "clip_parenchyma": RoiInfo("clip", meaning=f"reference, {peak} of the clip"),
            },
        )

    def draw_patient(self, seed: int, i: int) -> SimulatedPatient:
        """Patient ``i``, without pictures."""
        return draw_patients(seed, [i])[0]

    def write_images(self, folder: Path, seed: int, i: int) -> Mapping[str, Any]:
        """Both stills with their outlines, and the clip where this patient gets one."""
        from hccsurv_core.simulate.ceus.clip import write_clip
        from hccsurv_core.simulate.ceus.examination import curve_truth, examine
        from hccsurv_core.simulate.ceus.stills import write_stills

        exam = examine(seed, i)
        curve = curve_truth(exam)
        write_stills(folder, exam, curve)
        if i < self.clips:
            write_clip(folder, seed, i)
        return {f"curve_{name}": value for name, value in asdict(curve).items()}

    def check(self, table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
        """Oracles, rivals and margins."""
        return check_cohort(table, truth)


def spec(clips: int = DEFAULT_CLIPS) -> CeusCohort:
    """The simulator of system "ceus"."""
    return CeusCohort(clips)


def draw_patients(seed: int, patients: list[int] | range) -> list[SimulatedPatient]:
    """Some patients without pictures, many at once."""
    draws = draw(seed, patients)
    causes = causes_of(draws)
    futures = futures_of(causes, draws)
    truths = _truths(causes, futures)
    rows = rows_of(draws, causes, futures)
    return [SimulatedPatient(r, t) for r, t in zip(rows, truths, strict=True)]


def _truths(causes: Causes, futures: Futures) -> list[dict[str, Any]]:
    kinetics = kinetics_of(causes)
    own = {
        "center": np.array(CENTERS)[causes.center],
        **{k: v for k, v in vars(causes).items() if k not in ("center", "machine", "in_test")},
        "tumor_rise_s": kinetics.tumor_rise_s,
        "tumor_spread": kinetics.tumor_spread,
        "tumor_peak": kinetics.tumor_peak,
        "death_predictor": futures.death_predictor,
        "recurrence_predictor": futures.recurrence_predictor,
        "true_class": futures.true_class,
        "retreatment_benefit": futures.benefit,
        "retreatment_probability": futures.retreatment_probability,
        "oracle_death_36_months": futures.oracle_death,
        "oracle_early_recurrence": futures.oracle_early_recurrence,
        "recurs_at_months": np.where(np.isfinite(futures.recurs_at), futures.recurs_at, np.nan),
        "dies_if_retreated_months": futures.dies_if_retreated,
        "dies_if_not_retreated_months": futures.dies_if_not,
        "follow_up_months": futures.follow_up,
    }
    plain = {
        name: values.astype(float) if values.dtype == bool else values
        for name, values in own.items()
    }
    return [{name: _item(v[k]) for name, v in plain.items()} for k in range(len(causes))]


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
