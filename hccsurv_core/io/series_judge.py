"""May this series be used for body composition, how good is it, and how is it listed?"""

from __future__ import annotations

import re

import numpy as np

from hccsurv_core.errors import GeometryError, HccsurvError, InputError, WrongModalityError
from hccsurv_core.io import body_part, text_in_pixels, ultrasound
from hccsurv_core.io.dicom import PixelReader, read_hu
from hccsurv_core.io.dicom_header import Frame
from hccsurv_core.io.facts import contrast_phase
from hccsurv_core.io.faults import combine_errors
from hccsurv_core.io.geometry import judge_spacing
from hccsurv_core.io.intensity import check_rescale, finish_hu, fit_hu
from hccsurv_core.io.records import SeriesSummary
from hccsurv_core.io.series import Series, is_localizer_series, with_findings

_N_SAMPLES = 5
_AXIAL_CT = "upload an axial CT of the abdomen"
_PHASE_SCORE = {"portal_venous": 4.0, "delayed": 2.5, "arterial": 2.0, "noncontrast": 3.0}
_SHARP_KERNELS = ("LUNG", "BONE", "EDGE", "SHARP", "B60", "B70", "B80", "BR6", "BL6", "BV6")


def _name_modality(modality: str) -> str:
    return {
        "MR": "magnetic resonance",
        "PT": "PET",
        "CR": "a plain radiograph",
        "DX": "a plain radiograph",
        "XA": "angiography",
        "NM": "nuclear medicine",
        "SR": "a report (such as the dose report)",
        "SEG": "a segmentation",
        "RTSTRUCT": "a set of contours",
        "OT": "of another kind",
        "SC": "a screenshot",
        "DOC": "a document",
        "PR": "a presentation state",
    }.get(modality, modality or "of unknown modality")


def refuse_by_header(series: Series) -> list[InputError]:
    """Problems that the header alone shows: not an ordinary CT image series."""
    header = series.header
    if ultrasound.is_ultrasound(header):
        return [ultrasound.refuse_ultrasound(header)]
    if not series.frames:
        what = "this holds no images"
        if header.modality == "SR":
            what = "this is a report (such as the dose report), not images"
        return [WrongModalityError(what, remedy=_AXIAL_CT)]
    if header.modality != "CT":
        what = f"this is {_name_modality(header.modality)}, not CT"
        return [WrongModalityError(what, remedy=_AXIAL_CT)]
    first = series.frames[0]
    if text_in_pixels.is_secondary_capture(header, first.image_type) or header.samples != 1:
        what = "this is a screenshot (secondary capture), without Hounsfield units"
        return [WrongModalityError(what, remedy=_AXIAL_CT)]
    if is_localizer_series(series):
        return [WrongModalityError("this is a localizer (scout), not slices", remedy=_AXIAL_CT)]
    if any(f.index is None and f.file.n_frames > 1 for f in series.frames):
        what = "a file of many frames does not say where each frame lies"
        return [GeometryError(what, remedy="export the series as single slices")]
    return []


def judge(series: Series, reader: PixelReader, *, chest: bool = False) -> tuple[Series, int]:
    """Judge a series by header and sampled pixels.

    Args:
        chest: whether it may be of the chest.

    Returns:
        The series with problems and warnings, and the repair of the Hounsfield scale.
    """
    warnings = list(series.header.fact_warnings)
    declared = text_in_pixels.declared_text_warning(series.header)
    if declared:
        warnings.append(declared)
    wrong = refuse_by_header(series)
    if wrong:
        # A localizer's odd geometry is no news: what it is says it all.
        bare = Series(series.key, series.header, series.frames, series.geometry)
        if ultrasound.is_ultrasound(series.header):
            warnings += _text_in_ultrasound(series, reader, declared)
        return with_findings(bare, wrong, warnings), 0
    if series.header.lossy:
        warnings.append("the images were compressed with loss: densities may be off")
    problems: list[InputError] = []
    if series.geometry is not None and series.geometry.spacing_mm is not None:
        odd = judge_spacing(series.geometry.spacing_mm)
        if odd is not None and not series.problems:
            problems.append(odd)
    found = with_findings(series, problems, warnings)
    return _judge_pixels(found, reader, chest)


def _text_in_ultrasound(series: Series, reader: PixelReader, declared: str | None) -> list[str]:
    if declared or not series.frames:
        return []
    try:
        warning = text_in_pixels.seen_text_warning(reader.display(series.frames[0]))
    except InputError as error:
        return [str(error)]
    return [warning] if warning else []


def _samples(series: Series) -> list[Frame]:
    last = len(series.frames) - 1
    chosen = sorted({round(x) for x in np.linspace(0, last, min(_N_SAMPLES, last + 1))})
    return [series.frames[n] for n in chosen]


def _judge_pixels(series: Series, reader: PixelReader, chest: bool) -> tuple[Series, int]:
    """Hounsfield scale, body part and burned-in text from a few slices."""
    geometry = series.geometry
    axial = geometry is not None and _is_axial(series)
    offset = 0
    problems: list[InputError] = []
    warnings: list[str] = []
    sections: list[body_part.Section] = []
    try:
        check_rescale(series.frames)
        samples = [read_hu(reader, frame) for frame in _samples(series)]
        fit = fit_hu(samples)
        offset = fit.offset
        warnings += [fit.warning] if fit.warning else []
        spacing = series.frames[0].pixel_spacing_mm
        if axial and spacing is not None and min(spacing) > 0:
            for hu, padding in samples:
                slice_hu = finish_hu(hu, padding, offset, np.dtype(np.float32))
                section, body = body_part.measure_section(slice_hu, *spacing)
                sections.append(section)
                text = text_in_pixels.seen_text_warning(slice_hu, body | (slice_hu < 200))
                warnings += [text] if text else []
    except InputError as error:
        problems.append(error)
    wrong_part, doubt = body_part.judge_body_part(series.header, sections, chest=chest)
    problems += [wrong_part] if wrong_part else []
    warnings += [doubt] if doubt else []
    return with_findings(series, problems, warnings), offset


def _is_axial(series: Series) -> bool:
    geometry = series.geometry
    if geometry is None:
        return False
    orientation = series.frames[0].orientation
    if orientation is None:
        return True
    normal = np.cross(orientation[:3], orientation[3:])
    return bool(np.argmax(np.abs(normal)) == 2)


def score(series: Series) -> float:
    """For preselection: abdomen, portal venous or plain, soft kernel, many thin axial slices."""
    if series.problems or not series.frames:
        return -1.0 - len(series.problems)
    first, header = series.frames[0], series.header
    points = 10.0
    part, _ = body_part.part_from_header(header)
    points += {"trunk": 6.0, "chest": -4.0}.get(part or "", 0.0)
    points += _PHASE_SCORE.get(_phase(series) or "", 1.0)
    points -= 5.0 * any(sharp in first.kernel.upper() for sharp in _SHARP_KERNELS)
    points += 2.0 * ("ORIGINAL" in first.image_type) - 3.0 * header.lossy
    points += 4.0 if _is_axial(series) else 0.0
    if series.geometry is not None and series.geometry.spacing_mm is not None:
        slice_mm = series.geometry.spacing_mm[0]
        covered_mm = slice_mm * len(series.frames)
        points += min(covered_mm, 500.0) / 100.0 - max(slice_mm - 5.0, 0.0)
    if len(series.frames) == 1:
        points -= 5.0
    return points


def _phase(series: Series) -> str | None:
    header = series.header
    phase = contrast_phase(header.description, header.protocol)
    if phase is None and re.match(r"no\b|none|without|kein|ohne", header.contrast_agent.lower()):
        return "noncontrast"
    return phase


def summarize(series: Series) -> SeriesSummary:
    """The line of the listing."""
    header = series.header
    problem = combine_errors(list(series.problems)) if series.problems else None
    description = header.description or header.study_description or header.protocol
    if ultrasound.is_ultrasound(header):
        label = f"ultrasound {ultrasound.describe_ultrasound(header)}"
        description = f"{description} ({label})" if description else label
    n_images = len(series.frames)
    if n_images == 1 and series.frames[0].index is None:
        n_images = header.n_frames
    return SeriesSummary(
        key=series.key,
        modality=header.modality or "?",
        body_part=header.body_part or None,
        description=description,
        phase=_phase(series) if header.modality == "CT" else None,
        n_slices=n_images,
        rows=header.rows,
        columns=header.columns,
        spacing_mm=None if series.geometry is None else series.geometry.spacing_mm,
        study_date=header.study_date,
        patient=header.facts,
        refusal=_refusal_text(problem),
        refusal_code=None if problem is None else problem.code,
        warnings=series.warnings,
        score=score(series),
    )


def _refusal_text(problem: HccsurvError | None) -> str | None:
    return None if problem is None else str(problem)


def name_source(error: InputError, source: str) -> InputError:
    """``error`` naming ``source`` unless it names a file already."""
    return error if error.source else type(error)(error.what, source=source, remedy=error.remedy)
