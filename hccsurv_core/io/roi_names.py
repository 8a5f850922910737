"""Which of our structures a name in somebody's mask file means: a proposal, for a person to confirm.

Names are compared as words, whatever separates them: ``iliopsoas_left`` (TotalSegmentator),
``Psoas muscle, left`` (ours), ``M. psoas li.``, ``Iliopsoas muscle, Right`` (a SNOMED CT meaning
with its laterality), ``SAT``. What is not recognized for certain is not guessed: a back muscle is
no total muscle, a psoas without a side is neither, and SMA may be an artery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from hccsurv_core.io.descriptors import clean_description

#: What a region can be here; a lesion may be any number of regions.
STRUCTURE_CHOICES = (
    "muscle",
    "psoas_left",
    "psoas_right",
    "subcutaneous_fat",
    "visceral_fat",
    "lesion",
)
_LEFT = {
    "left",
    "l",
    "lt",
    "li",
    "links",
    "linker",
    "gauche",
    "sinistra",
    "sin",
    "izquierdo",
    "lhs",
}
_RIGHT = {
    "right",
    "r",
    "rt",
    "re",
    "rechts",
    "rechter",
    "droit",
    "droite",
    "destra",
    "derecho",
    "rhs",
}
_BOTH = {"both", "bilateral", "beide", "bilat"}
#: "liver without tumor" is no tumor, "tumor-free" neither.
_NEGATIONS = {"without", "no", "non", "not", "minus", "free", "excluding", "sans", "ohne"}
_FAT = {"fat", "adipose", "fatty", "fett", "fettgewebe", "graisse"}
_LESIONS = {
    "lesion", "lesions", "tumor", "tumors", "tumour", "tumours", "hcc", "neoplasm", "carcinoma",
    "metastasis", "metastases", "metastase", "nodule", "nodules", "gtv", "malignancy",
}  # fmt: skip
#: Words that say that a muscle is one of many, not skeletal muscle as a whole.
_TOTAL_MUSCLE = {
    "muscle", "muscles", "skeletal", "total", "all", "abdominal", "l3", "area", "mask",
    "smm", "tissue", "smi", "skm", "psoas", "without", "body", "composition", "muskel",
    "muskulatur", "skelettmuskulatur", "at", "of", "the", "label", "segmentation", "and", "with",
}  # fmt: skip
_MUSCLE_WORDS = {
    "muscle", "muscles", "muskel", "muskulatur", "skelettmuskulatur", "smm", "skm",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+\d*|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def match_structures(
    names: Iterable[str], hints: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The structure that each name most likely means.

    Args:
        names: as in the file.
        hints: name to other words for it (the meaning of a code, a file's name), which count
            where the name itself says nothing.

    Returns:
        Name to one of :data:`STRUCTURE_CHOICES`, of those that are recognized. Several names may
        mean one structure: parts of a muscle, several lesions.
    """
    found = {}
    for name in names:
        structure = _structure(name) or _structure((hints or {}).get(name, ""))
        if structure is None:
            # "psoas" with its side in the code only
            structure = _structure(f"{name} {(hints or {}).get(name, '')}")
        if structure is not None:
            found[name] = structure
    return found


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def _structure(text: str) -> str | None:
    words = _words(text)
    said = set(words)
    bare = {word.rstrip("0123456789") for word in words}
    if any(word.startswith(("psoas", "iliopsoas")) for word in words) and not said & {"without"}:
        return _psoas(words)
    if _is_lesion(bare, said):
        return "lesion"
    fat = _fat(said)
    if fat is not None:
        return fat
    if said & _MUSCLE_WORDS and said <= _TOTAL_MUSCLE:
        return "muscle"
    return None


def _psoas(words: list[str]) -> str | None:
    left, right = bool(_LEFT & set(words)), bool(_RIGHT & set(words))
    if left == right or _BOTH & set(words):
        return None
    return "psoas_left" if left else "psoas_right"


def _is_lesion(bare: set[str], said: set[str]) -> bool:
    return bool(bare & _LESIONS) and not said & _NEGATIONS


def _fat(said: set[str]) -> str | None:
    if "sat" in said or ("subcutaneous" in said and (said & _FAT or "tissue" in said)):
        return "subcutaneous_fat"
    inner = {"visceral", "torso", "intraabdominal", "intraperitoneal", "abdomen"}
    if "vat" in said or (said & _FAT and said & inner) or {"intra", "abdominal", "fat"} <= said:
        return "visceral_fat"
    return None


def harmless_name(name: str) -> str:
    """A file's name for the record: people write patients' names into file names.

    Words that radiology and this module know stay, others become "…".

    >>> harmless_name("Doe_Jane_psoas_left.nii.gz")
    '…_psoas_left.nii.gz'
    """
    path = PurePosixPath(name.replace("\\", "/"))
    suffixes = "".join(s for s in path.suffixes if s.lower() in _SUFFIXES)
    stem = path.name[: len(path.name) - len(suffixes)] if suffixes else path.name
    kept: list[str] = []
    for word in re.split(r"[^\w]+|_+", stem):
        if word.isdecimal():
            known = False  # it may be a date of birth
        else:
            known = word.lower() in _KNOWN or (bool(word) and clean_description(word) == word)
        if known:
            kept.append(word)
        elif word and kept[-1:] != ["…"]:
            kept.append("…")
    return ("_".join(kept) or "…") + suffixes


_SUFFIXES = {".nii", ".gz", ".dcm", ".png", ".zip", ".json", ".txt"}
_KNOWN = (
    _LEFT | _RIGHT | _BOTH | _FAT | _LESIONS | _TOTAL_MUSCLE
    | {"iliopsoas", "subcutaneous", "visceral", "seg", "segmentation", "segmentations", "rtstruct",
       "rtss", "masks", "mask", "labels", "label", "roi", "rois", "lesion", "liver", "torso", "vat",
       "sat", "structures", "outline", "contours", "edited", "manual", "reader"}
)  # fmt: skip
