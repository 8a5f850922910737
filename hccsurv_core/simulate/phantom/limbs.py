"""Hip joints with the thigh's muscles about them (where the scan reaches them), and forearms."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import BodyFields, table_y
from hccsurv_core.simulate.phantom.canvas import Canvas
from hccsurv_core.simulate.phantom.hip_fields import HipFields
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, capsule, ellipsoid, superellipse
from hccsurv_core.simulate.phantom.spine_frames import Spine

#: The hip joint's middle under the crest's top, mm.
JOINT_DEPTH_MM = 180.0


def joint_center(anatomy: Anatomy, hip: HipFields) -> tuple[float, float, float]:
    """Middle of the left femoral head, anatomical mm."""
    s = anatomy.cross_scale
    return 90.0 * s, -20.0 * s, hip.top_z - JOINT_DEPTH_MM * anatomy.long_scale


def paint_hip_muscles(canvas: Canvas, anatomy: Anatomy, body: BodyFields, hip: HipFields) -> None:
    """Muscles about the hip joint, parted by fat; bones are painted over them."""
    cx, cy, cz = joint_center(anatomy, hip)
    if canvas.z[0] > cz + 75:
        return
    q = 0.5 + 0.5 * anatomy.muscle_scale
    x = np.abs(body.x)
    mass = ellipsoid(x, body.y, body.z, (cx + 14, cy + 6, cz - 25), (58 * q, 66 * q, 85))
    mass = np.maximum(mass, body.fascia + 3)
    planes = np.minimum(np.abs(x - cx - 26 + 0.4 * body.y), np.abs(body.y - cy - 28 + 0.3 * x - 20))
    mass = np.maximum(mass, 1.5 + 5 * anatomy.fat_streaks - planes)
    canvas.paint_field(mass, anatomy.muscle_hu, LABELS["pelvic_muscle"])


def paint_hip_joints(canvas: Canvas, anatomy: Anatomy, hip: HipFields, texture: Noise) -> None:
    """Socket, pubis, ischium and femur of both sides; a prosthesis on the left if there is one."""
    cx, cy, cz = joint_center(anatomy, hip)
    s = anatomy.cross_scale
    if canvas.z[0] > cz + 40:
        return
    for side in (1.0, -1.0):
        near, far = sorted((side * (cx + 62), -side * 4.0))
        box = canvas.box((near, far), (cy - 70, cy + 80), (cz - 110, cz + 40))
        if any(part.start >= part.stop for part in box):
            continue
        x, y, z = canvas.coordinates(box)
        u, v, w = side * x - np.float32(cx), y - np.float32(cy), z - np.float32(cz)
        origin = (0.0, 0.0, 0.0)
        socket = ellipsoid(u, v, w, (-4, 0, 4), (32 * s, 32 * s, 31))
        pubis = capsule(u, v, w, (-22, -20, -14), (-cx + 9, -40, -42), 10 * s, 9 * s)
        ischium = capsule(u, v, w, (-16, 26, -12), (-26, 36, -62), 13 * s, 14 * s)
        hip_bone = np.minimum(np.minimum(socket, pubis), ischium)
        head = capsule(u, v, w, origin, (0.0, 0.0, 0.01), 24.5 * s, 24.5 * s)
        neck = capsule(u, v, w, origin, (34, 10, -28), 15 * s, 17 * s)
        shaft = capsule(u, v, w, (36, 10, -30), (28, 6, -130), 18 * s, 15 * s)
        femur = np.minimum(np.minimum(head, neck), shaft)
        grain = 20 * texture.nearest(x, y, z)
        for distance, label, hu in ((hip_bone, "hip_bone", 600.0), (femur, "femur", 640.0)):
            if label == "femur":  # cartilage of the joint
                canvas.paint(box, canvas.coverage(head - 2.2), 75.0, LABELS["other_soft_tissue"])
            marrow = 0.9 * anatomy.bone_hu + grain
            core = canvas.coverage(distance + 2.2)
            canvas.paint(box, canvas.coverage(distance), hu + core * (marrow - hu), LABELS[label])
        if anatomy.metal_hip and side > 0:
            stem = capsule(u, v, w, (4, 2, -4), (32, 8, -90), 9.0, 6.5)
            metal = np.minimum(head + 1.0, stem)
            canvas.paint(box, canvas.coverage(metal), 3000.0, LABELS["metal"])


def paint_arms(canvas: Canvas, anatomy: Anatomy, spine: Spine) -> None:
    """Forearms resting beside the body."""
    s = anatomy.cross_scale
    x0 = anatomy.waist_half_width_mm + 1.6 * anatomy.subcutaneous_mm + 52 * s
    y0 = table_y(anatomy, spine) - 60 * s
    x, y = canvas.x, canvas.y
    for side in (1.0, -1.0):
        u, v = side * x - x0, y - y0
        arm = superellipse(u, v, 34 * s, 42 * s, 2.1)
        muscle = superellipse(u, v, 28 * s, 35 * s, 2.1)
        bones = np.minimum(
            superellipse(u + 6, v - 14, 7.5 * s, 7.5 * s, 2.0),
            superellipse(u - 4, v + 14, 7.5 * s, 7.5 * s, 2.0),
        )
        for k in range(len(canvas.z)):
            free = canvas.labels[k] == 0
            whole = (k, slice(None), slice(None))
            for distance, hu, label in (
                (arm, -100.0, "arm_soft_tissue"),
                (muscle, anatomy.muscle_hu, "arm_soft_tissue"),
                (bones, 800.0, "arm_bone"),
                (bones + 3.2, 60.0, "arm_bone"),
            ):
                canvas.paint(whole, canvas.coverage(distance) * free, hu, LABELS[label])
