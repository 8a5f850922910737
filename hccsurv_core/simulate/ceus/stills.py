"""The two stills of every patient: gray picture, and the frame of peak enhancement.

``grayscale`` is one panel without contrast. ``peak`` shows two, contrast and low-power gray, at
the time when the tumor is brightest. Both were taken in different breaths, so the tumor lies
elsewhere in them.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.causes import STILL_STREAM
from hccsurv_core.simulate.ceus.examination import (
    CurveTruth,
    Examination,
    outline_mask,
    reader_outlines,
    regions_of,
)
from hccsurv_core.simulate.ceus.images import Scatterers, contrast_power
from hccsurv_core.simulate.ceus.motion import draw_motion
from hccsurv_core.simulate.ceus.scene import Blob
from hccsurv_core.simulate.ceus.screen import (
    Picture,
    Screen,
    double_view,
    palette,
    single_view,
    to_color,
    to_palette,
)
from hccsurv_core.simulate.ceus.ultrasound_writer import Recording, write_ultrasound

GRAYSCALE, PEAK, CLIP = "grayscale", "peak", "clip"
#: Stills are padded to this, so that a file's size says nothing of what it shows.
_EVEN_BYTES = {"jpeg": 1 << 17, "jpeg_gray": 1 << 17, "palette_rle": 1 << 18, "jpeg2000": 1 << 18}
#: The low-power gray picture beside the contrast is darker.
LOW_POWER_DB = -5.0


def stored_picture(screen: Screen, picture: Picture, storage: str) -> NDArray[np.uint8]:
    """A picture as the machine stores it: levels, palette indices or colors."""
    if storage == "jpeg_gray":
        return picture
    return to_palette(screen, picture) if storage == "palette_rle" else to_color(screen, picture)


def study_date(exam: Examination) -> str:
    """A shifted date, as de-identification makes it: it says nothing of the follow-up."""
    day = np.random.default_rng([exam.seed, 77, exam.index]).integers(0, 2190)
    return (date(2014, 1, 1) + timedelta(days=int(day))).isoformat()


def write_stills(folder: Path, exam: Examination, curve: CurveTruth) -> None:
    """Write both stills and their outlines under the cohort folder."""
    rng = exam.rng(STILL_STREAM)
    motion = draw_motion(rng, exam.scene.lesion)
    scatterers = Scatterers(exam.tissue, exam.speckle, exam.settings.machine.looks, rng)
    shift, out = motion.at(float(rng.uniform(0, 20)))
    screen = single_view(exam.settings)
    gray = gray_levels(exam, screen, scatterers, shift, out, rng)
    _write_still(folder, exam, screen, GRAYSCALE, screen.picture(gray))
    write_outlines(folder, exam, screen, GRAYSCALE, shift)

    shift, out = motion.at(curve.time_to_peak_s)
    screen = double_view(exam.settings)
    gray = gray_levels(exam, screen, scatterers, shift, out, rng)
    contrast = contrast_levels(exam, screen, curve.time_to_peak_s, shift, rng)
    picture = screen.picture(gray, contrast, curve.time_to_peak_s)
    _write_still(folder, exam, screen, PEAK, picture)
    write_outlines(folder, exam, screen, PEAK, shift)


def gray_levels(
    exam: Examination, screen: Screen, scatterers: Scatterers, shift: tuple[float, float],
    out_of_plane: float, rng: np.random.Generator,
) -> NDArray[np.uint8]:  # fmt: skip
    """The picture without contrast: levels of its fan's pixels (1-D)."""
    power = scatterers.power(out_of_plane)
    if screen.contrast is not None:
        power = power * np.float32(10 ** (LOW_POWER_DB / 10))
    position = screen.gray.tissue_position(exam.scene.wall_mm, shift)
    return screen.gray.gray_levels(
        screen.gray.sampled(exam.tissue.grid, power, position), False, rng
    )


def contrast_levels(
    exam: Examination, screen: Screen, time_s: float, shift: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:  # fmt: skip
    """The contrast picture: levels of its fan's pixels (1-D)."""
    panel = screen.contrast or screen.gray
    power = contrast_power(
        exam.tissue, exam.speckle, exam.kinetics, time_s, exam.settings.machine.looks, rng
    )
    position = panel.tissue_position(exam.scene.wall_mm, shift)
    return panel.gray_levels(panel.sampled(exam.tissue.grid, power, position), True, rng)


def _write_still(
    folder: Path, exam: Examination, screen: Screen, role: str, picture: Picture
) -> None:
    machine = exam.settings.machine
    storage = machine.storage
    recording = Recording(
        patient_id=exam.patient_id,
        description=f"{role} simulated",
        model=machine.name,
        regions=regions_of(screen),
        palette=palette(machine) if storage == "palette_rle" else None,
        facts=exam.facts,
        study_date=study_date(exam),
        contrast=role != GRAYSCALE,
    )
    write_ultrasound(
        folder / "images" / exam.patient_id / role / "IM00001.dcm",
        [stored_picture(screen, picture, storage)],
        recording,
        storage={"palette_rle": "rle", "jpeg2000": "jpeg2000"}.get(storage, "jpeg"),
        even_bytes=_EVEN_BYTES[storage],
    )


def write_outlines(
    folder: Path, exam: Examination, screen: Screen, role: str, shift: tuple[float, float]
) -> None:
    """Write what a reader draws: tumor, tumor again, and reference parenchyma.

    On the two-panel view they lie on the contrast panel.
    """
    panel = screen.contrast or screen.gray
    first, second = reader_outlines(exam)
    drawn: dict[str, Blob] = {"lesion": first, "parenchyma": exam.scene.reference}
    if role != CLIP:
        drawn["lesion_repeat"] = second
    for structure, blob in drawn.items():
        mask = outline_mask(exam, screen, panel, blob, shift)
        path = folder / "rois" / exam.patient_id / f"{role}_{structure}.nii.gz"
        write_mask(path, mask, panel.pixel_mm)


def write_mask(path: Path, mask: NDArray[np.bool_], pixel_mm: float) -> None:
    """Write a mask (rows, columns) as NIfTI: columns, rows and one slice, mm from the top left."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    # NIfTI's x and y run against DICOM's.
    affine = np.diag([-pixel_mm, -pixel_mm, 1.0, 1.0])
    image = nibabel.Nifti1Image(mask.T[:, :, None].astype(np.uint8), affine, dtype=np.uint8)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nibabel.save(image, path)
