"""Hip bones and ribs: the landmarks by which a reader counts vertebrae."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import (
    BACK_POWER,
    FRONT_POWER,
    WIDEST,
    Envelope,
)
from hccsurv_core.simulate.phantom.canvas import Canvas
from hccsurv_core.simulate.phantom.hip_fields import HipFields
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, capsule
from hccsurv_core.simulate.phantom.spine_frames import Spine


def paint_hip_bones(canvas: Canvas, anatomy: Anatomy, hip: HipFields, texture: Noise) -> None:
    """Paint both hip bones: cortical plates with a marrow that thins out in the wing."""
    label = LABELS["hip_bone"]
    near = (np.abs(hip.across) < 26) & (hip.along > -12) & (hip.along < hip.length + 12)
    for k in map(int, np.flatnonzero(near.any((1, 2)))):
        for side in (canvas.coarse_x[0] > 0, canvas.coarse_x[0] <= 0):
            found = canvas.field_box(near[k] & side)
            if found is None:
                continue
            rows, columns = found
            across = canvas.upsample(hip.across, k, rows, columns, distance=False)
            along = canvas.upsample(hip.along, k, rows, columns, distance=False)
            length, half = float(hip.length[k, 0, 0]), float(hip.half[k, 0, 0])
            t = np.clip(along / max(length, 1), 0, 1)
            thick = (
                half + 4.5 * np.clip(1 - t / 0.35, 0, 1) + 2.2 * np.clip((t - 0.75) / 0.25, 0, 1)
            )
            miss = along - np.clip(along, thick, np.maximum(length - thick, thick))
            distance = np.hypot(across, miss) - thick
            x, y = canvas.x[rows, columns], canvas.y[rows, columns]
            marrow = 0.75 * anatomy.bone_hu + 22 * texture.nearest(x, y, canvas.z[k])
            box = (k, rows, columns)
            share = canvas.coverage(distance)
            inner = canvas.coverage(distance + 1.6)
            canvas.paint(box, share, 680 + inner * (marrow - 680), label)


def rib_paths(anatomy: Anatomy, spine: Spine) -> list[tuple[np.ndarray, np.ndarray]]:
    """(points (n, 3), is cartilage (n,)) of the left ribs 12 to 8, anatomical mm."""
    envelope = Envelope(anatomy, spine)
    scale = anatomy.cross_scale
    top = anatomy.n_lumbar - 2  # chain index of T12
    wide = 0.5 * scale + 0.5 * anatomy.waist_half_width_mm / 140
    lengths = (anatomy.rib12_mm, *(length * wide for length in (180.0, 235.0, 265.0, 285.0)))
    cartilage = (0.0, 8.0, 45.0, 95.0, 130.0)
    slopes = (0.62, 0.55, 0.46, 0.42, 0.40)
    paths = []
    for i, (length, soft, slope) in enumerate(zip(lengths, cartilage, slopes, strict=True)):
        if length < 8 or top + i > spine.frames[-1].index:
            continue
        paths.append(_rib_path(envelope, spine.frame(top + i), length, soft, slope, scale))
    return paths


def _rib_path(envelope, frame, length: float, soft: float, slope: float, scale: float):
    start = frame.to_world(frame.width / 2 + 3, frame.depth * 0.42, frame.height * 0.25)
    points, run, angle = [start], 0.0, np.pi
    target_angle = np.arctan2(0.45, -0.88) % (2 * np.pi)
    angle = target_angle if target_angle > 0 else np.pi * 0.86
    step = 5.0
    while run < length + soft:
        z = points[-1][2] - step * slope * (0.55 if run > length else 1.0) * (
            -1.0 if run > length else 1.0
        )
        half, front, back = (float(v) for v in envelope.at(np.array(z)))
        half, front, back = half - 11.5 * scale, front + 10 * scale, back - 9 * scale
        middle = front + WIDEST * (back - front)
        angle -= step / np.hypot(half * np.cos(angle), 0.5 * (back - front) * np.sin(angle))
        ahead = np.cos(angle) > 0
        depth, power = (middle - front, FRONT_POWER) if ahead else (back - middle, BACK_POWER)
        out_x, out_y = np.abs((np.sin(angle), np.cos(angle))) ** (2 / power)
        wall = np.array([half * out_x, middle - depth * np.copysign(out_y, np.cos(angle)), z])
        blend = min(1.0, run / 45.0)
        out = np.array([start[0] + run * 0.95, start[1] + run * 0.30, z])
        points.append(out * (1 - blend) + wall * blend)
        run += step
        if angle < 0.35:
            break
    points_array = np.array(points)
    return points_array, np.arange(len(points)) * step > length


def paint_ribs(canvas: Canvas, anatomy: Anatomy, spine: Spine) -> None:
    """Paint the ribs of both sides with their cartilages."""
    for points, cartilage in rib_paths(anatomy, spine):
        for side in (1.0, -1.0):
            for shrink, hu, soft_hu in ((0.0, 560.0, 110.0), (1.5, 0.85 * anatomy.bone_hu, 85.0)):
                for i in range(len(points) - 1):
                    a, b = points[i] * (side, 1, 1), points[i + 1] * (side, 1, 1)
                    _paint_rib_piece(canvas, a, b, shrink, soft_hu if cartilage[i] else hu)


def _paint_rib_piece(
    canvas: Canvas, a: np.ndarray, b: np.ndarray, shrink: float, hu: float
) -> None:
    low, high = np.minimum(a, b) - 9, np.maximum(a, b) + 9
    box = canvas.box((low[0], high[0]), (low[1], high[1]), (low[2], high[2]))
    if any(s.start >= s.stop for s in box):
        return
    x, y, z = canvas.coordinates(box)
    flat = np.float32(0.62)  # ribs are taller than thick
    distance = capsule(
        x, y, z * flat, (a[0], a[1], a[2] * float(flat)), (b[0], b[1], b[2] * float(flat)),
        4.1 - shrink, 4.1 - shrink,
    )  # fmt: skip
    canvas.paint(box, canvas.coverage(distance), hu, LABELS["rib"])
