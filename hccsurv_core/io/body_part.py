"""Which part of the body a CT shows: by its header, and by its cross-section where headers lie.

An adult abdomen's cross-section measures 250 to 1200 cm², a head's about
230 cm² inside a ring of bone, a limb's less. Only strong evidence refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError, WrongBodyPartError
from hccsurv_core.io.dicom_header import FileHeader

_HEAD = r"HEAD|BRAIN|SKULL|CRANI|\bNEURO|SINUS|ORBIT|\bIAM\b|TEMPORAL|MAXILL|DENTAL|SCHADEL|SCHÄDEL|\bCERVEAU|\bTETE\b"
_NECK = r"\bNECK\b|C[ -]?SPINE|CERVICAL|LARYNX|THYROID|CAROTID|\bHALS\b"
_LIMB = (
    r"\b(ARM|LEG|HAND|FOOT|KNEE|ANKLE|ELBOW|WRIST|SHOULDER|FEMUR|TIBIA|HUMERUS|FOREARM|THIGH|CALF"
    r"|FINGER|TOE|EXTREMITY|CLAVICLE|LOWER EXT\w*|UPPER EXT\w*)S?\b"
)
_CHEST = r"CHEST|THORAX|THORAC|\bLUNG|\bHEART\b|CARDIAC|CORONARY|\bBREAST|T[ -]?SPINE|\bPE\b"
_TRUNK = (
    r"ABD|PELV|LIVER|HEPAT|\bLEBER|L[ -]?SPINE|LUMBAR|KIDNEY|RENAL|PANCREA|\bTAP\b|\bCAP\b|TRUNK"
    r"|WHOLE|\bBODY|BOWEL|COLON|BECKEN|\bTORSO|\bUROGRA|\bAORTA|\bBAUCH|ENTERO|\bRUMPF"
)

_GRID_MM = 5.0
_BODY_HU = -300
_BONE_HU = 300
_LUNG_HU = -600
#: No adult trunk is smaller at every level; see the module's docstring.
_SMALLEST_TRUNK_CM2 = 200.0
_LARGEST_HEAD_CM2 = 330.0
_SKULL_FRACTION = 0.10


def part_from_text(text: str) -> str | None:
    """``trunk``, ``chest``, ``head``, ``neck``, ``limb`` or None; anything naming the trunk is trunk."""
    words = re.sub(r"[_/^.,;()\\]+", " ", text.upper())
    for part, pattern in (
        ("trunk", _TRUNK),
        ("head", _HEAD),
        ("neck", _NECK),
        ("chest", _CHEST),
        ("limb", _LIMB),
    ):
        if re.search(pattern, words):
            return part
    return None


def part_from_header(header: FileHeader) -> tuple[str | None, str]:
    """The part and the words that named it. ``BodyPartExamined`` and descriptions all count.

    Any of them naming the trunk wins: a chest-abdomen-pelvis CT is often filed under CHEST.
    """
    texts = (header.body_part, header.description, header.protocol, header.study_description)
    found = [(part_from_text(t), t) for t in texts if t]
    for part, text in found:
        if part == "trunk":
            return part, text
    return next(((part, text) for part, text in found if part), (None, ""))


@dataclass(frozen=True)
class Section:
    """One cross-section of the patient.

    Args:
        area_cm2: largest connected piece of body, holes (lung, bowel) filled.
        bone_fraction: share of it above 300 HU.
        lung_fraction: share of it below −600 HU.
        cut_off: True if the field of view cuts the body along much of its edge.
    """

    area_cm2: float
    bone_fraction: float
    lung_fraction: float
    cut_off: bool


def _flood(seed: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow ``seed`` through 4-neighbours within ``inside``. The grid is coarse, so sweeps are cheap."""
    grown = seed & inside
    while True:
        wider = grown.copy()
        wider[1:] |= grown[:-1]
        wider[:-1] |= grown[1:]
        wider[:, 1:] |= grown[:, :-1]
        wider[:, :-1] |= grown[:, 1:]
        wider &= inside
        if np.array_equal(wider, grown):
            return grown
        grown = wider


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    best = np.zeros_like(mask)
    rest = mask.copy()
    for _ in range(50):
        flat = np.flatnonzero(rest)
        if flat.size <= best.sum():
            break
        seed = np.zeros_like(rest)
        seed.flat[flat[flat.size // 2]] = True
        piece = _flood(seed, rest)
        rest &= ~piece
        if piece.sum() > best.sum():
            best = piece
    return best


def measure_section(
    intensity_hu: NDArray, row_mm: float, column_mm: float
) -> tuple[Section, NDArray[np.bool_]]:
    """Measure one axial slice on a coarse grid.

    Args:
        intensity_hu: (rows, columns).
        row_mm, column_mm: pixel spacing.

    Returns:
        The section, and the filled body mask at the slice's own size.
    """
    step_r = max(1, round(_GRID_MM / row_mm))
    step_c = max(1, round(_GRID_MM / column_mm))
    rows, columns = (intensity_hu.shape[0] // step_r, intensity_hu.shape[1] // step_c)
    if min(rows, columns) < 3:
        return Section(0.0, 0.0, 0.0, True), np.ones(intensity_hu.shape, bool)
    blocks = intensity_hu[: rows * step_r, : columns * step_c]
    blocks = blocks.reshape(rows, step_r, columns, step_c).astype(np.float32)
    coarse = blocks.mean(axis=(1, 3))
    body = _largest_piece(coarse > _BODY_HU)
    outside_seed = np.zeros_like(body)
    outside_seed[[0, -1], :] = True
    outside_seed[:, [0, -1]] = True
    filled = ~_flood(outside_seed, ~body)
    n = max(int(filled.sum()), 1)
    edge = np.concatenate([filled[0], filled[-1], filled[:, 0], filled[:, -1]])
    cell_cm2 = step_r * row_mm * step_c * column_mm / 100
    bone = (blocks > _BONE_HU).mean(axis=(1, 3))
    section = Section(
        area_cm2=float(filled.sum() * cell_cm2),
        bone_fraction=float(bone[filled].sum() / n),
        lung_fraction=float((coarse[filled] < _LUNG_HU).sum() / n),
        cut_off=bool(edge.mean() > 0.25),
    )
    wide = np.repeat(np.repeat(filled, step_r, axis=0), step_c, axis=1)
    full = np.zeros(intensity_hu.shape, bool)
    full[: wide.shape[0], : wide.shape[1]] = wide
    return section, full


def part_from_sections(sections: list[Section]) -> str | None:
    """``trunk``, ``head``, ``small`` (head, neck or limb) or None where the sections do not tell."""
    whole = [s for s in sections if not s.cut_off and s.area_cm2 > 1]
    if len(whole) < len(sections) / 2 or not whole:
        return None
    largest = max(s.area_cm2 for s in whole)
    bone = float(np.median([s.bone_fraction for s in whole]))
    if largest < _LARGEST_HEAD_CM2 and bone > _SKULL_FRACTION:
        return "head"
    if largest < _SMALLEST_TRUNK_CM2:
        return "small"
    return "trunk" if largest > _LARGEST_HEAD_CM2 else None


_REMEDY = "upload a CT of the abdomen that shows the third lumbar vertebra"


def judge_body_part(
    header: FileHeader | None, sections: list[Section], *, chest: bool = False
) -> tuple[InputError | None, str | None]:
    """Whether the series can show an abdomen.

    Args:
        header: None where there is none (NIfTI).
        sections: samples from the inferior to the superior end; empty if pixels were not read.
        chest: whether a chest is what is looked for, too.

    Returns:
        (refusal without source, warning); either may be None.
    """
    named, words = (None, "") if header is None else part_from_header(header)
    seen = part_from_sections(sections)
    if named in ("head", "neck", "limb"):
        if seen == "trunk":
            return None, f"the header calls it {words!r}, but the body is as wide as a trunk"
        return WrongBodyPartError(f"this is a {_noun(named)} CT ({words})", remedy=_REMEDY), None
    if seen == "head":
        return WrongBodyPartError("this looks like a head CT", remedy=_REMEDY), None
    if seen == "small":
        area = max(s.area_cm2 for s in sections)
        what = f"the body's cross-section ({area:.0f} cm²) is too small for an adult's abdomen"
        return WrongBodyPartError(what, remedy=_REMEDY), None
    if named == "chest" and chest:
        return None, _chest_words(words, sections)
    if named == "chest":
        if not sections or sections[0].lung_fraction > 0.10:
            return WrongBodyPartError(f"this is a chest CT ({words})", remedy=_REMEDY), None
        return None, f"the header calls it {words!r}: check that L3 is in view"
    if sections and min(s.lung_fraction for s in sections) > 0.10:
        return None, "every slice shows lung: L3 may not be in view"
    return None, None


def _chest_words(words: str, sections: list[Section]) -> str:
    if sections and sections[0].lung_fraction <= 0.10:
        return f"the header calls it {words!r}: check that L3 is in view"
    return (
        f"this is a chest CT ({words}): muscle at L3 cannot be measured on it; the page Follow-up takes "
        "it beside the abdomen"
    )


def _noun(part: str) -> str:
    return {"limb": "limb (extremity)"}.get(part, part)
