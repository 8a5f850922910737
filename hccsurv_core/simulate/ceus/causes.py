"""Causes of the simulated CEUS patients: what the tumor and the liver are like.

Everything else (clinical values, pictures, recurrence, death) follows from these and from chance.
Causes written as ``z`` are standard normal before the center's case mix shifts them. One factor,
``aggressiveness``, makes them correlated: an aggressive tumor tends to be patchy, irregular,
with satellites, less vascular, and to wash out more.

Functions take a block of patients at once; patient i depends on nothing but its own generator.
Constants marked "published" reproduce Table 1 of Huang et al., World J Gastrointest Oncol
2022;14(12):2380-2392 (doi 10.4251/wjgo.v14.i12.2380); all others are ours, fixed by the
procedure that :mod:`hccsurv_core.simulate.ceus.check` describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.cohort_writer import patient_rng

Floats = NDArray[np.float64]

#: Streams of a patient's generators (see `cohort_writer.patient_rng`).
CAUSES_STREAM, SCENE_STREAM, STILL_STREAM, CLIP_STREAM, OUTLINE_STREAM = range(5)

CENTERS = ("north", "harbor", "valley", "island")
#: Share of each center in the training part and in the test part; "island" is only in the test.
_CENTER_SHARES = np.array([[0.50, 0.32, 0.18, 0.0], [0.35, 0.20, 0.10, 0.35]])
#: Case mix: shift of the aggressiveness. The first center is where the difficult cases are sent.
CENTER_SEVERITY = np.array([0.30, -0.25, -0.10, -0.20])
#: Which machine a center uses (rows: centers, columns: machines). "island" has the machine that
#: means a difficult case in the training part, but easy cases: what a model learned from the look
#: of the picture misleads it there.
_MACHINE_SHARES = np.array(
    [[0.85, 0.0, 0.15, 0.0], [0.0, 0.75, 0.25, 0.0], [0.0, 0.15, 0.35, 0.5], [0.7, 0.0, 0.0, 0.3]]
)
#: Patients of the published cohort, and of its training part.
PUBLISHED_N, PUBLISHED_TRAIN = 414, 289

#: Longest diameter: median (published), and standard deviation of its logarithm.
MEDIAN_DIAMETER_MM, SIZE_SPREAD = 24.0, 0.60

#: Correlation of each cause with the aggressiveness.
LOADINGS = {
    "size": 0.05, "heterogeneity": 0.62, "vascularity": -0.48, "wash_in": 0.10, "wash_out": 0.35,
    "mosaic": 0.58, "irregularity": 0.58, "capsule": -0.20, "satellite": 0.40, "necrosis": 0.30,
    "invasion": 0.12, "afp": 0.08,
}  # fmt: skip
_PLAIN = (
    "fibrosis", "echo", "arrival", "liver_delay", "liver_rise", "aspect", "grain",
    "albumin", "bilirubin", "age", "bmi", "alt", "ast", "wbc",
)  # fmt: skip
_NORMALS = ("aggressiveness", *LOADINGS, *_PLAIN)
_UNIFORMS = (
    "center", "machine", "sex", "hbsag", "hypovascular", "recurrence", "death", "entry", "dropout",
    "retreated", "lost_afp", "lost_albumin", "lost_bilirubin", "lost_mvi", "lost_wbc",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Draws:
    """The chance behind a block of patients: by name, one value a patient."""

    index: NDArray[np.int64]
    normal: dict[str, Floats]
    uniform: dict[str, Floats]
    readers: Floats


#: Normal draws kept for the readers (see `readers`).
N_READER_DRAWS = 24


def draw(seed: int, patients: Sequence[int]) -> Draws:
    """All chance behind the tables of some patients, one generator each."""
    n_z, n_u = len(_NORMALS), len(_UNIFORMS)
    z = np.empty((len(patients), n_z + N_READER_DRAWS))
    u = np.empty((len(patients), n_u))
    for row, i in enumerate(patients):
        rng = patient_rng("ceus", seed, i, CAUSES_STREAM)
        u[row] = rng.random(n_u)
        z[row] = rng.standard_normal(n_z + N_READER_DRAWS)
    return Draws(
        np.asarray(patients, np.int64),
        {name: z[:, k] for k, name in enumerate(_NORMALS)},
        {name: np.clip(u[:, k], 1e-12, 1 - 1e-12) for k, name in enumerate(_UNIFORMS)},
        z[:, n_z:],
    )


@dataclass(frozen=True, eq=False)
class Causes:
    """A block of patients, one value each.

    Args:
        center, machine: indices into :data:`CENTERS` and `machines.MACHINES`.
        in_test: True in the test part.
        aggressiveness: the common factor (z, shifted by the center).
        diameter_mm, aspect: longest diameter, and shortest over longest.
        vascularity: z; how much brighter than the liver the tumor gets in the arterial phase.
        wash_in: z; higher is a faster rise.
        wash_out: z; higher is a darker tumor in the late phase.
        heterogeneity: z; patchiness of the enhancement.
        grain_mm: standard deviation of the blur that makes that patchiness.
        mosaic: z; patchiness of the picture without contrast.
        irregularity: z; lobulation of the outline.
        capsule: True where an enhancing rim is there.
        satellites: nodules beside the tumor.
        necrosis: share of the tumor that takes up no contrast.
        echo_db: backscatter of the tumor against the liver.
        fibrosis: z; coarseness of the liver.
        arrival_s, liver_delay_s, liver_rise_s: of the contrast agent.
        hypovascular: True for the rare tumor that never enhances more than the liver.
        invasion, afp, albumin, bilirubin: z of the values the laboratory and pathology see.
    """

    center: NDArray[np.int64]
    machine: NDArray[np.int64]
    in_test: NDArray[np.bool_]
    aggressiveness: Floats
    diameter_mm: Floats
    aspect: Floats
    vascularity: Floats
    wash_in: Floats
    wash_out: Floats
    heterogeneity: Floats
    grain_mm: Floats
    mosaic: Floats
    irregularity: Floats
    capsule: NDArray[np.bool_]
    satellites: NDArray[np.int64]
    necrosis: Floats
    echo_db: Floats
    fibrosis: Floats
    arrival_s: Floats
    liver_delay_s: Floats
    liver_rise_s: Floats
    hypovascular: NDArray[np.bool_]
    invasion: Floats
    afp: Floats
    albumin: Floats
    bilirubin: Floats

    def __len__(self) -> int:
        return len(self.center)

    def one(self, row: int) -> Causes:
        """The block of one patient of this block."""
        return Causes(**{f.name: getattr(self, f.name)[row : row + 1] for f in fields(self)})


def is_test(index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The test part: evenly spread, 125 of every 414 patients (published)."""
    return (index + 1) * PUBLISHED_TRAIN // PUBLISHED_N == index * PUBLISHED_TRAIN // PUBLISHED_N


def causes_of(draws: Draws) -> Causes:
    """The causes behind a block of patients."""
    z, u = draws.normal, draws.uniform
    in_test = is_test(draws.index)
    center = _choose(_CENTER_SHARES[in_test.astype(int)], u["center"])
    factor = z["aggressiveness"] + CENTER_SEVERITY[center]

    def cause(name: str) -> Floats:
        loading = LOADINGS[name]
        return loading * factor + np.sqrt(1 - loading**2) * z[name]

    size = cause("size")
    return Causes(
        center=center,
        machine=_choose(_MACHINE_SHARES[center], u["machine"]),
        in_test=in_test,
        aggressiveness=factor,
        # Published: median 24 mm, quartiles 17 and 36.8 mm; the short diameter's median 20 mm.
        diameter_mm=np.clip(MEDIAN_DIAMETER_MM * np.exp(SIZE_SPREAD * size), 9.0, 70.0),
        aspect=np.clip(0.83 + 0.08 * z["aspect"], 0.62, 0.98),
        vascularity=cause("vascularity"),
        wash_in=cause("wash_in"),
        wash_out=cause("wash_out"),
        heterogeneity=cause("heterogeneity"),
        grain_mm=np.exp(np.log(1.5) + 0.10 * z["grain"]),
        mosaic=cause("mosaic"),
        irregularity=cause("irregularity"),
        capsule=cause("capsule") > 1.20,
        satellites=np.searchsorted([1.12, 1.65, 2.25], cause("satellite")),
        necrosis=np.clip(0.03 + 0.11 * (cause("necrosis") + 0.3 * size - 0.4), 0.0, 0.45),
        # Published: 88 % darker than the liver, 11 % brighter, 1 % equal.
        echo_db=np.select(
            [z["echo"] > 1.23, z["echo"] > 1.185],
            [3.6 + 1.2 * (z["echo"] - 1.6), 0.0],
            -5.6 + 1.6 * z["echo"],
        ),
        fibrosis=z["fibrosis"],
        arrival_s=np.clip(13.0 + 2.6 * z["arrival"], 6.0, 22.0),
        liver_delay_s=np.clip(9.5 + 1.0 * z["liver_delay"], 5.0, 13.0),
        liver_rise_s=21.0 * np.exp(0.14 * z["liver_rise"]),
        hypovascular=u["hypovascular"] < 0.010,
        invasion=cause("invasion"),
        afp=cause("afp"),
        # Function goes down as fibrosis goes up.
        albumin=-0.35 * z["fibrosis"] + 0.94 * z["albumin"],
        bilirubin=0.35 * z["fibrosis"] + 0.94 * z["bilirubin"],
    )


def _choose(shares: Floats, uniforms: Floats) -> NDArray[np.int64]:
    """Per row of ``shares`` the column that the uniform falls on."""
    return (np.cumsum(shares, 1) <= uniforms[:, None] * shares.sum(1, keepdims=True)).sum(1)
