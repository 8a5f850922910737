"""How near perfusion comes to the truth of simulated clips: motion, peak frame, times, slopes, washout.

`python -m benchmarks.ceus_kinetics [--seed 505] [--usual 4] [--dense 1] [--folder DIR] [--json F]`

For each of the four machines clips of the first patients of a seed are drawn: `--usual` with the
cohort's sampling (a frame every 0.5 s to 40 s, then rarer; 140 frames), `--dense` others with 360
frames, one a second. Each is read from its file, its panels are found, and it is measured inside a
simulated reader's outlines, as a hospital's clip would be. The truth is looked at only to judge:

* the true peak is that of the tumor's own curve at rest; a peak frame is right that is within one
  frame of the frame nearest to it. How bright the chosen frame is expected to be, of the brightest,
  says how much that matters: the top of the curve is flat;
* slopes (10–90 %) are compared over the peak, because a picture's gain is not known;
* the bound is what the same fit reaches on the tumor's own curve at the same frames, with the noise
  that was measured and nothing else wrong: no motion, no outline, no machine (50 draws a patient).

Constants were chosen while seed 71 was looked at; other seeds are fresh.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.features.perfusion.examination import Perfusion, measure_perfusion
from hccsurv_core.features.perfusion.fit import fit_bolus
from hccsurv_core.imaging.ultrasound_panels import find_panels
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.io.ultrasound_clip import read_clip
from hccsurv_core.simulate.ceus.causes import causes_of, draw
from hccsurv_core.simulate.ceus.clip import write_clip
from hccsurv_core.simulate.ceus.examination import examine, tumor_curve
from hccsurv_core.simulate.ceus.machines import MACHINE_NAMES
from hccsurv_core.simulate.ceus.table import patient_name

DENSE_TIMES = np.arange(0.0, 360.0, 1.0)
BOUND_DRAWS = 50
GOALS = {"time_to_peak": 0.05, "wash_in": 0.10, "peak_frame": 1}


@dataclass(frozen=True)
class Case:
    """A simulated patient's clip."""

    folder: Path
    seed: int
    index: int

    @property
    def patient_id(self) -> str:
        """Name of its folders."""
        return patient_name(self.index)

    def truth(self) -> dict[str, Any]:
        """What no pipeline reads."""
        path = self.folder / "rois" / self.patient_id / "clip_truth.json"
        return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=505)
    parser.add_argument("--usual", type=int, default=4, help="patients a machine, usual sampling")
    parser.add_argument("--dense", type=int, default=1, help="patients a machine, 360 frames")
    parser.add_argument("--folder", type=Path, help="keep the clips here")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        rows = {
            kind: [measure(case) for case in cases]
            for kind, cases in drawn(folder, arguments.seed, arguments.usual, arguments.dense)
        }
    report(rows)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def drawn(folder: Path, seed: int, usual: int, dense: int) -> list[tuple[str, list[Case]]]:
    """The clips of both samplings, drawn where they are not there yet."""
    machines = causes_of(draw(seed, list(range(400)))).machine
    of_machine = [np.flatnonzero(machines == k) for k in range(len(MACHINE_NAMES))]
    chosen = {
        "usual": [int(i) for m in of_machine for i in m[:usual]],
        "dense": [int(i) for m in of_machine for i in m[usual : usual + dense]],
    }
    found = []
    for kind, indices in chosen.items():
        target = folder / f"{kind}_{seed}"
        cases = [Case(target, seed, i) for i in indices]
        for case in cases:
            if not (target / "rois" / case.patient_id / "clip_truth.json").exists():
                write_clip(
                    target, seed, case.index, times_s=None if kind == "usual" else DENSE_TIMES
                )
        found.append((kind, cases))
    return found


def measure(case: Case) -> dict[str, Any]:
    """Errors of one clip."""
    clip = read_clip([case.folder / "images" / case.patient_id / "clip"]).clip
    truth = case.truth()
    masks = [
        read_nifti(case.folder / "rois" / case.patient_id / f"clip_{name}.nii.gz")[0].voxels
        for name in ("lesion", "parenchyma")
    ]
    lesion, liver = (np.squeeze(m) > 0 for m in masks)
    panels = find_panels(clip)
    started = time.process_time()
    found = measure_perfusion(
        clip, panels, lesion, truth["reference_frame"], reference=liver,
        dynamic_range_db=truth["dynamic_range_db"],
    )  # fmt: skip
    spent = time.process_time() - started
    row = judged(found, truth) | {"patient": case.patient_id, "cpu_s": spent}
    row["machine"] = examine(case.seed, case.index).settings.machine.name
    row |= bound(case, found, truth)
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}))
    return row


def judged(found: Perfusion, truth: dict[str, Any]) -> dict[str, Any]:
    """What was found against what is true."""
    curve, time_s = truth["curve"], np.array(truth["time_s"])
    fitted = found.parameters.fitted
    right = int(np.abs(time_s - curve["time_to_peak_s"]).argmin())
    expected = np.array(truth["lesion"])
    moved = np.array(truth["shift_mm"]) - truth["shift_mm"][truth["reference_frame"]]
    shift = found.motion.shift_mm
    used = ~found.motion.excluded
    washout = found.washout.onset_s
    return {
        "motion_mm": float(np.median(np.hypot(*(shift[:, ::-1] - moved).T)[used])),
        "motion_p95_mm": float(np.quantile(np.hypot(*(shift[:, ::-1] - moved).T)[used], 0.95)),
        "time_to_peak": fitted["time_to_peak_s"].value / curve["time_to_peak_s"] - 1,
        "time_to_peak_covered": bool(
            fitted["time_to_peak_s"].low <= curve["time_to_peak_s"] <= fitted["time_to_peak_s"].high
        ),
        "arrival_s": fitted["arrival_s"].value - curve["arrival_s"],
        "wash_in": _over(fitted["relative_wash_in_per_s"].value, curve["wash_in_per_s"], curve),
        "area": _over(
            fitted["area_s"].value / fitted["peak_intensity"].value, curve["area"], curve
        ),
        "mean_transit": fitted["mean_transit_observed_s"].value / curve["mean_transit_s"] - 1,
        "peak_frame": found.peak_frame.frame - right,
        "peak_frame_brightness": float(expected[found.peak_frame.frame] / expected.max()),
        "washout_s": washout,
        "true_washout_s": curve["washout_s"],
        "noise": found.fit.noise if found.fit else None,
        "frames": len(time_s),
    }


def _over(value: float, true: float, curve: dict[str, Any]) -> float:
    """Error of something that was divided by the peak."""
    return value / (true / curve["peak"]) - 1


def bound(case: Case, found: Perfusion, truth: dict[str, Any]) -> dict[str, float]:
    """Shares within the goals where nothing is wrong but the noise that was measured."""
    time_s, curve = np.array(truth["time_s"]), truth["curve"]
    rest = tumor_curve(examine(case.seed, case.index), time_s) / curve["peak"]
    rng = np.random.default_rng([case.seed, case.index])
    noise = max(found.fit.noise, 0.005) if found.fit else 0.05
    right = int(np.abs(time_s - curve["time_to_peak_s"]).argmin())
    hits = []
    for _ in range(BOUND_DRAWS):
        value = rest * (1 + noise * rng.standard_normal(len(time_s)))
        value += 1e-3 * rng.standard_normal(len(time_s))
        fit = fit_bolus(time_s, value, floor_noise=1e-3, models=["lognormal"])
        frame = int(np.abs(time_s - fit.peak_s).argmin())
        off = abs(fit.peak_s / curve["time_to_peak_s"] - 1)
        hits.append((off <= GOALS["time_to_peak"], abs(frame - right) <= GOALS["peak_frame"]))
    times, frames = np.mean(hits, axis=0)
    return {"bound_time_to_peak": float(times), "bound_peak_frame": float(frames)}


def report(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Print the table of both samplings."""
    print("\n| | " + " | ".join(f"{k}: {len(v)} patients" for k, v in rows.items() if v) + " |")
    print("|---|" + "---|" * sum(bool(v) for v in rows.values()))
    lines = [
        ("motion, mm: median, 95th percentile over patients", _motion),
        ("time to peak within 5 %", lambda r: _within(r, "time_to_peak")),
        ("… the same fit on the tumor's own curve", lambda r: _mean(r, "bound_time_to_peak")),
        ("wash-in slope over peak within 10 %", lambda r: _within(r, "wash_in")),
        ("peak frame within one frame", _frames),
        ("… the same fit on the tumor's own curve", lambda r: _mean(r, "bound_peak_frame")),
        ("brightness of the chosen frame, of the brightest", _brightness),
        ("area over peak: error, median, 95th percentile", lambda r: _sizes(r, "area")),
        ("mean transit time: error, median, 95th percentile", lambda r: _sizes(r, "mean_transit")),
        ("true time to peak within its 95 % interval", lambda r: _mean(r, "time_to_peak_covered")),
        ("washout: found where true, not where not; onset error", _washout),
        ("processor time of a clip, s: median, largest", _cpu),
    ]
    for label, of in lines:
        print(f"| {label} | " + " | ".join(of(v) for v in rows.values() if v) + " |")


def _column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], float)


def _sizes(rows: list[dict[str, Any]], name: str) -> str:
    size = np.abs(_column(rows, name))
    return f"{100 * np.median(size):.1f} %, {100 * np.quantile(size, 0.95):.1f} %"


def _within(rows: list[dict[str, Any]], name: str) -> str:
    size = np.abs(_column(rows, name))
    share = int((size <= GOALS[name]).sum())
    return f"{share} of {len(rows)} (error {_sizes(rows, name)}; mean {100 * _column(rows, name).mean():+.1f} %)"


def _frames(rows: list[dict[str, Any]]) -> str:
    off = np.abs(_column(rows, "peak_frame"))
    return f"{int((off <= GOALS['peak_frame']).sum())} of {len(rows)} (largest {off.max():.0f})"


def _mean(rows: list[dict[str, Any]], name: str) -> str:
    return f"{100 * _column(rows, name).mean():.0f} %"


def _motion(rows: list[dict[str, Any]]) -> str:
    middle, far = _column(rows, "motion_mm"), _column(rows, "motion_p95_mm")
    return f"{np.median(middle):.2f}, {np.quantile(far, 0.95):.2f}"


def _brightness(rows: list[dict[str, Any]]) -> str:
    share = _column(rows, "peak_frame_brightness")
    return f"{100 * np.median(share):.1f} %, lowest {100 * share.min():.1f} %"


def _washout(rows: list[dict[str, Any]]) -> str:
    true = [row["true_washout_s"] is not None for row in rows]
    seen = [row["washout_s"] is not None for row in rows]
    both = [r for r, t, s in zip(rows, true, seen, strict=True) if t and s]
    off = [abs(r["washout_s"] - r["true_washout_s"]) for r in both]
    neither = sum(not t and not s for t, s in zip(true, seen, strict=True))
    text = f"{len(both)} of {sum(true)}, {neither} of {len(rows) - sum(true)}"
    return f"{text}; median {np.median(off):.0f} s" if off else text


def _cpu(rows: list[dict[str, Any]]) -> str:
    spent = _column(rows, "cpu_s")
    return f"{np.median(spent):.1f}, {spent.max():.1f}"


if __name__ == "__main__":
    main()
