"""Inspect a NIfTI upload: the same questions as to a DICOM series, without its header's answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.io.archive import UnpackedFile
from hccsurv_core.io.body_part import judge_body_part, measure_section
from hccsurv_core.io.facts import contrast_phase
from hccsurv_core.io.faults import combine_errors
from hccsurv_core.io.intensity import AIR_HU, finish_hu, fit_hu
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.nifti import NiftiInfo, read_nifti_header, read_nifti_values
from hccsurv_core.io.records import SeriesSummary
from hccsurv_core.io.series import series_key
from hccsurv_core.patient import PatientFacts
from hccsurv_core.volume import Volume, axes_of

_N_SAMPLES = 5


@dataclass(frozen=True, eq=False)
class NiftiSeries:
    """An inspected NIfTI; its canonical voxels wait in the workspace until they are loaded.

    Args:
        summary: its line in the listing.
        problems: why it cannot be measured; empty if it can.
        array: canonical HU as .npy, or None where it is refused.
        affine: of that array.
        axes: how the file stores its axes, see :func:`~hccsurv_core.volume.axes_of`.
    """

    summary: SeriesSummary
    problems: tuple[InputError, ...]
    array: Path | None
    affine: NDArray[np.float64]
    axes: str

    def load(self) -> Volume:
        """The canonical volume.

        Raises:
            InputError: why it is refused.
        """
        if self.array is None:
            error = combine_errors(list(self.problems))
            raise error.with_source(self.summary.description)
        return Volume(np.load(self.array, mmap_mode="r", allow_pickle=False), self.affine)


def inspect_nifti(file: UnpackedFile, workspace: Path, limits: IntakeLimits) -> NiftiSeries:
    """Read and judge one NIfTI file.

    Raises:
        InputError: it cannot be read at all (the caller lists it as skipped).
    """
    info = read_nifti_header(file.path, limits)
    key = series_key("nifti", file.name)
    problems, warnings = list(info.problems), list(info.warnings)
    array, affine = None, info.affine
    spacing = np.linalg.norm(info.affine[:3, :3], axis=0)[::-1]
    shape = info.shape[::-1]
    if not problems:
        volume = _read(file, info, warnings)
        spacing, shape, affine = np.array(volume.spacing_mm), volume.shape, volume.affine
        hu, found = _judge(volume, warnings)
        problems += found
        if not problems:
            array = workspace / f"nifti-{key}.npy"
            np.save(array, hu, allow_pickle=False)
    if shape[0] == 1:
        warnings.append("one slice only: taken as the level of L3")
    problem = combine_errors(problems) if problems else None
    summary = SeriesSummary(
        key=key,
        modality="NIFTI",
        body_part=None,
        description=file.name,
        phase=contrast_phase(file.name),
        n_slices=shape[0],
        rows=shape[1],
        columns=shape[2],
        spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        study_date=None,
        patient=PatientFacts(),
        refusal=None if problem is None else str(problem),
        refusal_code=None if problem is None else problem.code,
        warnings=tuple(warnings),
        score=-1.0 if problem else 8.0 + min(shape[0] * float(spacing[0]), 500.0) / 100.0,
    )
    axes = axes_of(info.affine) if array is not None else "LPS"
    return NiftiSeries(summary, tuple(problems), array, affine, axes)


def _read(file: UnpackedFile, info: NiftiInfo, warnings: list[str]) -> Volume:
    values, n_bad = read_nifti_values(file.path, info)
    if n_bad:
        warnings.append(f"{n_bad} voxels were not numbers: set to air")
    return Volume(values, info.affine).to_canonical()


def _judge(volume: Volume, warnings: list[str]) -> tuple[NDArray, list[InputError]]:
    """The final voxels and what is wrong with them."""
    voxels = volume.voxels
    chosen = sorted({round(x) for x in np.linspace(0, len(voxels) - 1, _N_SAMPLES)})
    no_padding = np.zeros(voxels.shape[1:], bool)
    try:
        fit = fit_hu([(voxels[n], no_padding) for n in chosen])
    except InputError as error:
        return voxels, [error]
    if fit.warning:
        warnings.append(fit.warning)
    dtype = np.dtype(np.int16 if voxels.dtype.kind == "i" else np.float32)
    hu: NDArray = np.empty(voxels.shape, dtype)
    for n, plane in enumerate(voxels):
        wide = plane.astype(np.int32 if plane.dtype.kind == "i" else np.float32)
        hu[n] = finish_hu(wide, no_padding, fit.offset, dtype)
    sections = [measure_section(hu[n], *volume.spacing_mm[1:])[0] for n in chosen]
    wrong, doubt = judge_body_part(None, sections)
    if doubt:
        warnings.append(doubt)
    if hu.max() <= AIR_HU:
        warnings.append("the image is empty")
    return hu, [wrong] if wrong else []
