"""Vertebrae, discs, spinal canal and sacrum, painted in the spine's local frames."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, capsule, smooth_min, superellipse
from hccsurv_core.simulate.phantom.spine_frames import Spine, SpineFrame

CORTEX_HU, CSF_HU, DISC_HU = 720.0, 22.0, 82.0


def paint_spine(canvas: Canvas, anatomy: Anatomy, spine: Spine, rng: np.random.Generator) -> None:
    """Paint the canal, then discs, then bones, so that bone lies over what it encloses."""
    texture = Noise(rng, (3.0, 3.0, 5.0), (48, 48, 32))
    _paint_canal(canvas, spine)
    for frame in spine.frames:
        if frame.index >= -3:
            _paint_disc(canvas, frame)
    for frame in spine.frames:
        # T7's arch hangs into a scan that ends in T8; the truth has no label above T8.
        if frame.index >= -2 and f"vertebra_{frame.name}" in LABELS:
            _paint_vertebra(canvas, anatomy, frame, texture, rng)
    _paint_sacrum(canvas, anatomy, spine, texture)


def _frame_box(
    canvas: Canvas, frame: SpineFrame, half: tuple[float, float], y: tuple[float, float], z: float
):
    cx, cy, cz = frame.center
    return canvas.box((cx - half[0], cx + half[1]), (cy + y[0], cy + y[1]), (cz - z, cz + z))


def _is_empty(box) -> bool:
    return any(s.start >= s.stop for s in box)


def body_distance(frame: SpineFrame, u: Array, v: Array, w: Array) -> tuple[Array, Array]:
    """In-plane and axial signed distances to a vertebral body with waist and hollow endplates."""
    a, b, half = frame.width / 2, frame.depth / 2, frame.height / 2
    along = np.clip(w / half, -1, 1)
    waist = 1 - 0.085 * (1 - along**2)
    taper = 1 - 0.025 * along
    hollow = 2.6 * np.clip(1 - np.abs(u) / (0.55 * a), 0, 1) * (v > 0)
    plane = superellipse(u, v + 0.02 * b, a * waist * taper, b * waist, 2.35) + hollow
    rho2 = np.clip((u / a) ** 2 + (v / b) ** 2, 0, 1)
    wedge = -1.6 * v / b if frame.index == -2 else 0.5 * v / b
    height = half - 1.9 * (1 - rho2) + wedge * 0.5
    return plane, np.abs(w) - height


def _paint_vertebra(
    canvas: Canvas, anatomy: Anatomy, frame: SpineFrame, texture: Noise, rng: np.random.Generator
) -> None:
    reach = frame.width / 2 + 36
    box = _frame_box(
        canvas, frame, (reach, reach), (-frame.depth * 0.75, 82), frame.height * 0.5 + 32
    )
    if _is_empty(box):
        return
    x, y, z = canvas.coordinates(box)
    u, v, w = frame.local(x, y, z)
    label = LABELS[f"vertebra_{frame.name}"]
    spongy = anatomy.bone_hu + 0.16 * anatomy.bone_hu * texture.nearest(u, v, w)
    arch = _arch_distance(anatomy, frame, u, v, w, rng)
    # Cartilage between the facets: thin dark line where the neighbour's arch is painted already.
    occupied = (canvas.labels[box] >= LABELS["vertebra_S2"]) & (
        canvas.labels[box] <= LABELS["vertebra_T8"]
    )
    canvas.paint(box, canvas.coverage(arch - 1.3) * occupied, 90.0, None)
    _paint_bone(canvas, box, arch, spongy * 1.3, 1.7, label, CORTEX_HU * 0.85)
    plane, axial = body_distance(frame, u, v, w)
    share = canvas.coverage(plane) * np.clip(0.5 - axial / canvas.slice_mm, 0, 1)
    wall = canvas.band(plane, -1.1, 0.1) * 0.6
    # The endplate's share of the slice, within the bone's share of it.
    reach = canvas.slice_mm / 2
    within = np.minimum(axial + reach, 0) - np.maximum(axial - reach, -2.0)
    bone = np.clip(0.5 - axial / canvas.slice_mm, 1e-3, 1)
    plate = np.clip(within, 0, None) / canvas.slice_mm / bone
    shell = np.maximum(wall, plate)
    canvas.paint(box, share, spongy + (CORTEX_HU - spongy) * shell, label)


def _paint_bone(
    canvas: Canvas,
    box,
    distance: Array,
    spongy: Array | float,
    cortex_mm: float,
    label: int,
    cortex_hu: float,
) -> None:
    """Bone with a cortical shell ``cortex_mm`` thick."""
    inner = canvas.coverage(distance + cortex_mm)
    canvas.paint(box, canvas.coverage(distance), cortex_hu + inner * (spongy - cortex_hu), label)


def _arch_distance(
    anatomy: Anatomy, frame: SpineFrame, u: Array, v: Array, w: Array, rng: np.random.Generator
) -> Array:
    """Pedicles, pillars, laminae, spinous and transverse processes of one vertebra."""
    width, b, h, s = frame.width, frame.depth / 2, frame.height, frame.width / 46.5
    lumbar = frame.index < anatomy.n_lumbar - 2
    au = np.abs(u)  # left and right at once
    x = (0.33 if frame.index > -2 else 0.37) * width
    # Heights are scaled: pedicles, laminae and processes are taller than thick.
    pedicle = capsule(
        au, v, (w - 0.18 * h) * 0.62, (x, b - 4, 0), (x + 1, b + 13 * s, 0), 4.4 * s, 4.6 * s
    )
    upper, lower = (0.37 * width, b + 14 * s, 0.48 * h), (0.335 * width, b + 21 * s, -0.62 * h)
    pillar = capsule(au, v, w, upper, lower, 6.0 * s, 5.8 * s)
    root, ridge = (0.30 * width, b + 18 * s, 0.0), (0.0, b + 28 * s, -1.0)
    lamina = capsule(au, v, (w + 0.12 * h) * 0.45, root, ridge, 3.4 * s, 3.6 * s)
    arch = np.minimum(pedicle, smooth_min(pillar, lamina, 3.0))
    arch = np.minimum(arch, _spinous_distance(frame, lumbar, u, v, w, rng))
    length = _transverse_length(anatomy, frame)
    if length > 2:
        tip = (0.40 * width + length, b + (15 if lumbar else 21) * s, 1.5)
        process = capsule(
            au, v, (w - 0.16 * h) * 0.75, (0.38 * width, b + 9 * s, 0), tip, 4.2 * s, 3.2 * s
        )
        arch = np.minimum(arch, process)
    return arch


def _spinous_distance(
    frame: SpineFrame, lumbar: bool, u: Array, v: Array, w: Array, rng: np.random.Generator
) -> Array:
    """Spinous process: a plate that droops, steeply in the chest."""
    b, h, s = frame.depth / 2, frame.height, frame.width / 46.5
    droop = -0.32 * h if lumbar else -0.95 * h
    usual = {-2: 43.0, -1: 50.0}.get(frame.index, 54.0 if lumbar else 46.0)
    tip = usual * s * (1 + 0.05 * rng.standard_normal())
    sunk = w - droop * (v - b - 26 * s) / (tip - 26 * s)
    end = (0.8 * rng.standard_normal(), b + tip, -2.2)
    flat = 0.40 if lumbar else 0.5
    return capsule(u, v, sunk * flat, (0, b + 27 * s, -1.5), end, 3.0 * s, 4.0 * s)


def _transverse_length(anatomy: Anatomy, frame: SpineFrame) -> float:
    """Length of the transverse process beyond the pedicle, mm."""
    from_top = anatomy.n_lumbar - 3 - frame.index  # 0 is L1
    lengths = {0: 20.0, 1: 25.0, 2: 31.0, 3: 27.0, 4: 24.0, 5: 24.0}
    if from_top in lengths:
        return lengths[from_top] * frame.width / 46.5
    return 9.0 if from_top == -1 else 17.0  # T12's is a stump


def _paint_disc(canvas: Canvas, frame: SpineFrame) -> None:
    """The disc under a vertebra, a little wider than its endplates."""
    half = frame.disc_below / 2
    if half < 1.5:
        return
    reach = frame.width / 2 + 8
    box = _frame_box(
        canvas, frame, (reach, reach), (-frame.depth, frame.depth), frame.height / 2 + 24
    )
    if _is_empty(box):
        return
    u, v, w = frame.local(*canvas.coordinates(box))
    plane = superellipse(u, v, frame.width / 2 + 0.5, frame.depth / 2 + 0.5, 2.3)
    axial = np.abs(w + frame.height / 2 + half) - (half + 4.0)
    share = canvas.coverage(plane) * np.clip(0.5 - axial / canvas.slice_mm, 0, 1)
    ring = np.clip(1 + plane / 7, 0, 1)
    canvas.paint(box, share, DISC_HU - 8 + 18 * ring, LABELS["disc"])


def canal_center(spine: Spine, z: float) -> tuple[float, float]:
    """x and y of the dural sac's middle at anatomical ``z``."""
    points = [f.to_world(0, f.depth / 2 + 8.5 * f.width / 46.5, 0) for f in spine.frames]
    c = np.array(points)
    return float(np.interp(z, c[:, 2], c[:, 0])), float(np.interp(z, c[:, 2], c[:, 1]))


def _paint_canal(canvas: Canvas, spine: Spine) -> None:
    """Ligament and epidural fat, the dural sac, the cord or roots, and the foramina's fat."""
    for k, z in enumerate(canvas.z):
        cx, cy = canal_center(spine, z)
        level = float(spine.z_to_level(float(z)))
        if level < -4.6:
            continue
        shrink = float(np.interp(level, [-4.5, -3, -2, 0, 4], [0.45, 0.75, 0.92, 1.0, 0.88]))
        box2 = canvas.box((cx - 42, cx + 42), (cy - 26, cy + 40), (z - 1e-3, z + 1e-3))[1:]
        x, y = canvas.x[box2] - np.float32(cx), canvas.y[box2] - np.float32(cy)
        box = (k, *box2)
        ligament = superellipse(x, y - 9, 25, 19, 2.2)
        canvas.paint(box, canvas.coverage(ligament), 45.0, LABELS["other_soft_tissue"])
        foramen = superellipse(np.abs(x) - 19, y - 1, 9, 6.5, 2.0)
        canvas.paint(box, canvas.coverage(foramen), -85.0, LABELS["visceral_fat"])
        root = superellipse(np.abs(x) - 17, y - 2, 3.2, 2.6, 2.0)
        canvas.paint(box, canvas.coverage(root), 30.0, LABELS["other_soft_tissue"])
        fat = superellipse(x, y - 1.5, 11, 10.0, 1.8)
        canvas.paint(box, canvas.coverage(fat), -75.0, LABELS["spinal_canal"])
        sac = superellipse(x, y, 9.2 * shrink, 7.4 * shrink, 2.2)
        canvas.paint(box, canvas.coverage(sac), CSF_HU, LABELS["spinal_canal"])
        if level > 1.3:
            cord = superellipse(x, y, 5.2, 3.9, 2.0)
            canvas.paint(box, canvas.coverage(cord), 40.0, LABELS["spinal_canal"])


def _paint_sacrum(canvas: Canvas, anatomy: Anatomy, spine: Spine, texture: Noise) -> None:
    """Bodies of S1–S3 with alae, foramina and a median crest."""
    for index in (-5, -4, -3):
        frame = spine.frame(index)
        box = _frame_box(canvas, frame, (75, 75), (-45, 62), 52)
        if _is_empty(box):
            continue
        u, v, w = frame.local(*canvas.coordinates(box))
        label = LABELS[f"vertebra_{frame.name}" if index > -5 else "vertebra_S2"]
        distance = sacral_distance(
            frame, u, v, w, min(1.0, 1.5 * canvas.pixel_mm / canvas.slice_mm)
        )
        spongy = anatomy.bone_hu * (
            0.95 - 0.25 * np.clip(np.abs(u) / 45, 0, 1)
        ) + 18 * texture.nearest(u, v, w)
        _paint_bone(canvas, box, distance, spongy, 1.7, label, 520.0)


def sacral_distance(frame: SpineFrame, u: Array, v: Array, w: Array, soft: float = 1.0) -> Array:
    """Distance to one sacral segment; ``soft`` < 1 blurs its ends."""
    top = frame.index == -3
    a, b, half = frame.width / 2, frame.depth / 2, frame.height / 2
    au = np.abs(u)
    plane = superellipse(u, v, a * (1 + 0.1 * w / half), b, 2.3)
    # Softer where the slices are coarse: no dotted endplates.
    ends = (np.abs(w) - half - (0.0 if top else 1.0)) * soft
    body = np.maximum(plane, ends)
    size = (
        {-3: 1.0, -4: 0.86, -5: 0.55}[frame.index]
        * frame.width
        / {-3: 52, -4: 42, -5: 34}[frame.index]
    )
    ala = capsule(
        au, v, w * 0.8, (0.6 * a, 2, -1), (50 * size, 13 * size + 4, -3), 12.5 * size, 13 * size
    )
    ala = np.maximum(ala, ends)
    bone = smooth_min(body, ala, 4.0)
    foramen = capsule(au, v, w, (16 * size, -b - 4, -half), (18 * size, b + 6, -half), 5.0, 4.5)
    lamina = capsule(au, v, w * 0.4, (24 * size, b + 8, 0), (0, b + 20 * size, 0), 4.0, 4.5)
    lamina = np.maximum(lamina, np.abs(w) - half - 1)
    mass = capsule(
        au, v, w * 0.6, (31 * size, b - 2, 0), (27 * size, b + 11 * size, 0), 8.5 * size, 6.0 * size
    )
    lamina = np.minimum(lamina, np.maximum(mass, ends))
    canal = superellipse(u, v - b - 7 * size, 11 * size, 7 * size, 2.0)
    return np.maximum(np.minimum(np.maximum(bone, -foramen), lamina), -canal)
