"""Warn about text burned into pixels: de-identifying headers does not remove it.

Two kinds of evidence: what the header declares (BurnedInAnnotation, screenshots),
and rows of small bright shapes of equal height, as letters are. The second is
a screen, not a proof: it misses faint or very large text, so its silence is no
promise that there is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.io.dicom_header import FileHeader

#: Secondary capture (PS3.4 B.5): screenshots, scanned film, multi-frame captures.
SECONDARY_CAPTURE_PREFIX = "1.2.840.10008.5.1.4.1.1.7"

_HEIGHT_PX = (5, 32)
_MIN_LINE = 4
_MIN_GLYPHS = 8
_MAX_PIECES = 6000
#: More letter-sized shapes than a full screen of text holds: noise.
_MAX_BOXES = 1200
#: Of a word whose letters touch: a letter's width over its height, and the share of its box it fills.
_LETTER_WIDTH, _FILL = 0.9, (0.2, 0.75)
#: Grey levels (share of the range) at which shapes are cut out: dim and bright text.
_LEVELS = (0.3, 0.55)
_MIN_SHARE = 0.2


def is_secondary_capture(header: FileHeader, image_type: tuple[str, ...] = ()) -> bool:
    """True for screenshots and scanned film."""
    return header.sop_class.startswith(SECONDARY_CAPTURE_PREFIX) or "SCREEN SAVE" in " ".join(
        image_type
    )


def declared_text_warning(header: FileHeader) -> str | None:
    """A warning where the header says, or the kind of image implies, that text is in the pixels."""
    if header.burned_in:
        return "the header says that text is burned into the images: look for names before sharing"
    if is_secondary_capture(header):
        return "a screenshot may show the patient's name in the picture: look before sharing"
    return None


def count_glyphs(image: NDArray, ignore: NDArray[np.bool_] | None = None) -> int:
    """Count letter-like shapes that stand in lines.

    Args:
        image: grey values (rows, columns).
        ignore: where not to look (the patient's body in a CT).

    Returns:
        The number of shapes in lines of at least four; 0 where there is no text.
    """
    low, high = np.percentile(image, 1), image.max()
    if high <= low:
        return 0
    best = 0
    for level in _LEVELS:
        bright = image > low + level * (high - low)
        if ignore is not None:
            bright &= ~ignore
        if not bright.any():
            continue
        boxes = _glyph_boxes(bright)
        in_lines = sum(len(line) for line in _lines(boxes))
        # In speckle a few of very many pieces fall into line by chance.
        if in_lines >= _MIN_SHARE * len(boxes):
            best = max(best, in_lines)
    return best


def text_lines(bright: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lines of letter-like shapes, and words whose letters touch.

    Args:
        bright: (rows, columns) True where text may be.

    Returns:
        (n, 5) first row, row after the last, first column, column after the last, and number of
        letters of each line or word of at least four.
    """
    boxes = _glyph_boxes(bright)
    found = _words(bright)
    for line in _lines(boxes):
        members = _sorted_by_left(boxes)[line]
        found.append(
            (members[:, 0].min(), members[:, 1].max(), members[:, 2].min(), members[:, 3].max(),
             len(line))
        )  # fmt: skip
    return np.array(found, dtype=np.int64).reshape(-1, 5)


def _words(bright: NDArray[np.bool_]) -> list[tuple[int, int, int, int, int]]:
    """Shapes as long as words and as often interrupted along their rows as letters are."""
    from scipy import ndimage

    labels, n = ndimage.label(bright, structure=np.ones((3, 3)))
    if n == 0 or n > _MAX_PIECES:
        return []
    words = []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        letters = round(width / (_LETTER_WIDTH * height))
        if not _HEIGHT_PX[0] <= height <= _HEIGHT_PX[1] or letters < _MIN_LINE:
            continue
        piece = labels[rows, columns] == label
        strokes = np.count_nonzero(np.diff(piece.astype(np.int8), axis=1) == 1, axis=1)
        if _FILL[0] <= piece.mean() <= _FILL[1] and np.median(strokes) >= letters:
            words.append((rows.start, rows.stop, columns.start, columns.stop, letters))
    return words


def _sorted_by_left(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes[np.argsort(boxes[:, 2], kind="stable")]


def _glyph_boxes(bright: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, 4) top, bottom, left, right of shapes with the size and fill of letters."""
    from scipy import ndimage

    labels, n = ndimage.label(bright, structure=np.ones((3, 3)))
    if n == 0 or n > _MAX_PIECES:
        return np.empty((0, 4))
    areas = np.bincount(labels.ravel())[1:]
    boxes = []
    for area, found in zip(areas, ndimage.find_objects(labels), strict=True):
        rows, columns = found
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not _HEIGHT_PX[0] <= height <= _HEIGHT_PX[1] or width > 1.6 * height:
            continue
        fill = area / (height * width)
        # A full block is a marker or a grey scale, unless as slim as an I or a 1.
        if 0.12 <= fill <= (0.92 if width > 0.35 * height else 1.0):
            boxes.append((rows.start, rows.stop, columns.start, columns.stop))
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _lines(boxes: NDArray[np.float64]) -> list[list[int]]:
    """Chains of boxes of like height on one baseline, less than two heights apart."""
    if len(boxes) > _MAX_BOXES:
        return []
    boxes = _sorted_by_left(boxes)
    used: set[int] = set()
    lines: list[list[int]] = []
    for start in range(len(boxes)):
        if start in used:
            continue
        line = [start]
        for candidate in range(start + 1, len(boxes)):
            last = boxes[line[-1]]
            if boxes[candidate, 2] - last[3] > 2.0 * (last[1] - last[0]):
                break  # sorted by their left edges: all further ones are too far away
            if candidate not in used and _follows(last, boxes[candidate]):
                line.append(candidate)
        if len(line) >= _MIN_LINE and not _is_ruler(boxes[line]):
            lines.append(line)
            used.update(line)
    return lines


def _follows(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    height = a[1] - a[0]
    gap = b[2] - a[3]
    return bool(
        abs(a[1] - b[1]) <= 0.2 * height + 1
        and abs(height - (b[1] - b[0])) <= 0.35 * height + 1
        and -0.2 * height <= gap <= 2.0 * height
    )


def _is_ruler(boxes: NDArray[np.float64]) -> bool:
    """Tick marks: all of one size at one pitch."""
    widths, pitch = boxes[:, 3] - boxes[:, 2], np.diff(boxes[:, 2])
    return bool(np.ptp(widths) <= 1 and np.ptp(pitch) <= 1.5)


def seen_text_warning(image: NDArray, ignore: NDArray[np.bool_] | None = None) -> str | None:
    """A warning where the picture itself seems to hold text; see :func:`count_glyphs`."""
    if count_glyphs(image, ignore) < _MIN_GLYPHS:
        return None
    return "there seems to be text burned into the images: look for names before sharing"
