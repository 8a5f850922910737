"""Size and turn of the lumbar vertebra in a slab, and the patient's own muscle attenuation.

Everything that outlines muscle hangs on these few numbers, so each is a
compromise between what the slab shows and what lumbar vertebrae are like:
a calcified aorta in front of the body must not make it 60 mm deep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.patient_frame import PatientFrame

#: What a mid-lumbar vertebra is expected to measure, mean and spread in mm: depth of the body, half
#: of its width, and from the canal's center to the body's back wall. Round values of ours, wide
#: enough for small women and tall men; priors for finding edges, not published measurements.
DEPTH_MM, HALF_WIDTH_MM, CANAL_MM = (34.0, 4.0), (23.5, 3.0), (8.5, 2.0)
#: Bone for outlining: above enhanced muscle and soft tissue, below cortical bone.
BONE_HU = 150.0
_MAX_ROTATION_DEG = 15


@dataclass(frozen=True)
class VertebraGeometry:
    """The vertebral body in frame millimetres (front negative).

    Args:
        posterior_wall_mm: posterior coordinate of the body's back wall (negative).
        anterior_wall_mm: posterior coordinate of its front wall (more negative).
        left_mm, right_mm: half widths towards the patient's left and right (both positive).
    """

    posterior_wall_mm: float
    anterior_wall_mm: float
    left_mm: float
    right_mm: float

    @property
    def center_mm(self) -> float:
        """Posterior coordinate of the body's middle (negative)."""
        return (self.posterior_wall_mm + self.anterior_wall_mm) / 2

    def half_width(self, side: int) -> float:
        """Half width towards the left (``side`` = +1) or the right (−1), mm."""
        return self.left_mm if side > 0 else self.right_mm

    def body_hull(self, posterior_mm: NDArray, lateral_mm: NDArray) -> NDArray[np.bool_]:
        """Points inside the vertebral body or the canal: bone, disc, dura; never muscle.

        A disc has the attenuation of muscle, so the body's outline is taken as a
        superellipse through all slices of the slab.
        """
        half_depth = (self.posterior_wall_mm - self.anterior_wall_mm) / 2
        half_width = np.where(lateral_mm >= 0, self.left_mm, self.right_mm)
        body = np.abs(lateral_mm / half_width) ** 3.0 + (
            np.abs((posterior_mm - self.center_mm) / half_depth) ** 3.0
        )
        canal_radius = min(9.0, -self.posterior_wall_mm + 1.0)
        return (body <= 1) | (np.hypot(posterior_mm, lateral_mm) <= canal_radius)

    def behind_processes(self, posterior_mm: NDArray, lateral_mm: NDArray) -> NDArray[np.bool_]:
        """Points behind the plane of the transverse processes, which slopes back to the sides.

        Psoas lies in front of it, the erector spinae behind.
        """
        return posterior_mm > self.process_plane_mm(lateral_mm)

    def process_plane_mm(self, lateral_mm: NDArray) -> NDArray:
        """Posterior coordinate of the transverse processes' plane at lateral coordinates, mm."""
        beside = np.clip(np.abs(lateral_mm) - (self.left_mm + self.right_mm) / 2, 0, None)
        return self.posterior_wall_mm + 9.0 + 0.15 * beside


@dataclass(frozen=True)
class MuscleTone:
    """The patient's own muscle: mean and spread of attenuation, HU."""

    mean_hu: float
    sd_hu: float


def estimate_rotation(images: NDArray, canal: NDArray, pixel_mm: tuple[float, float]) -> float:
    """How far the spine is turned on the table, radians: the angle of best mirror symmetry.

    Args:
        images: (n, rows, columns) HU, slices around the level.
        canal: (n, 2) row and column of the canal's center.
        pixel_mm: (row, column) pixel size.
    """
    step, reach = 2.0, 60.0
    axis = np.arange(-reach, reach + step, step)
    post, lat = np.meshgrid(axis, axis, indexing="ij")
    disc = np.hypot(post, lat) <= reach
    angles = np.radians(np.arange(-_MAX_ROTATION_DEG, _MAX_ROTATION_DEG + 1, 1.0))
    scores = np.zeros(len(angles))
    for image, (row, column) in zip(images, canal, strict=True):
        bone = np.clip(ndi.gaussian_filter(image.astype(np.float32), 1.0), 80, 400) - 80
        for a, angle in enumerate(angles):
            c, s = np.cos(angle), np.sin(angle)
            rows = row + (post * c + lat * s) / pixel_mm[0]
            columns = column + (lat * c - post * s) / pixel_mm[1]
            view = ndi.map_coordinates(bone, (rows, columns), order=1, prefilter=False) * disc
            # The canal's center is known to a few millimetres only: let the mirror shift.
            scores[a] += max(
                float((view * np.roll(view[:, ::-1], shift, axis=1)).sum())
                for shift in (-2, -1, 0, 1, 2)
            ) / max(1.0, float((view**2).sum()))
    # Lying straight is likelier than turned; a symmetric blur should not turn the patient.
    scores /= len(images)
    scores -= 0.02 * (np.degrees(angles) / _MAX_ROTATION_DEG) ** 2
    return float(angles[scores.argmax()])


def measure_vertebra(frame_images: NDArray, frame: PatientFrame) -> VertebraGeometry:
    """Fit the vertebral body on a slab.

    Args:
        frame_images: (n, frame rows, frame columns) HU in the patient frame.
    """
    mean = np.clip(frame_images, -100, 600).mean(axis=0)
    smooth = ndi.gaussian_filter(mean, 1.0 / frame.spacing_mm)
    depths = np.arange(0.0, 64.0)
    strip = np.arange(-7.0, 7.1, 2.0)
    along = _profile(smooth, frame, -depths[:, None] + 0 * strip, 0 * depths[:, None] + strip)
    canal = _edge(along, depths, rising=True, prior=CANAL_MM, limits=(4.0, 15.0))
    depth_prior = (canal + DEPTH_MM[0], DEPTH_MM[1])
    front = _edge(along, depths, rising=False, prior=depth_prior, limits=(canal + 24, canal + 46))
    middle = -(canal + front) / 2
    rows = middle + np.arange(-6.0, 6.1, 2.0)
    widths = []
    for side in (1, -1):
        across = _profile(
            smooth, frame, 0 * depths[:, None] + rows, side * depths[:, None] + 0 * rows
        )
        widths.append(_edge(across, depths, rising=False, prior=HALF_WIDTH_MM, limits=(15.0, 34.0)))
    # The body is nearly symmetric: an osteophyte or a vessel on one side is not its edge.
    mean_width = float(np.mean(widths))
    left, right = (float(np.clip(w, mean_width - 3, mean_width + 3)) for w in widths)
    return VertebraGeometry(-canal, -front, left, right)


def _profile(image: NDArray, frame: PatientFrame, post: NDArray, lat: NDArray) -> NDArray:
    points = (
        (post - frame.posterior_mm[0]) / frame.spacing_mm,
        (lat - frame.lateral_mm[0]) / frame.spacing_mm,
    )
    return ndi.map_coordinates(image, points, order=1, cval=-100.0).mean(axis=-1)


def _edge(
    profile: NDArray,
    positions: NDArray,
    *,
    rising: bool,
    prior: tuple[float, float],
    limits: tuple[float, float],
) -> float:
    """Position of the steepest edge, weighed against the anatomical prior (mean, sd)."""
    slope = ndi.gaussian_filter1d(profile, 1.2, order=1) * (1 if rising else -1)
    # 20 HU/mm over a few millimetres is a cortex against soft tissue.
    score = np.clip(slope / 20.0, 0, 3) - 0.5 * ((positions - prior[0]) / prior[1]) ** 2
    score[(positions < limits[0]) | (positions > limits[1])] = -np.inf
    return float(positions[score.argmax()])


def measure_tone(frame_images: NDArray, frame: PatientFrame) -> MuscleTone:
    """Attenuation of the erector spinae beside the spinous processes: the patient's own muscle.

    Args:
        frame_images: (n, frame rows, frame columns) HU in the patient frame.
    """
    post, lat = np.meshgrid(frame.posterior_mm, frame.lateral_mm, indexing="ij")
    seed = (post > 8) & (post < 45) & (np.abs(lat) > 14) & (np.abs(lat) < 45)
    values = ndi.median_filter(frame_images, (1, 3, 3))[:, seed]
    values = values[(values > -20) & (values < 120)]
    if values.size < 50:
        return MuscleTone(50.0, 20.0)
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return MuscleTone(float(np.clip(median, 0, 85)), float(np.clip(spread, 12, 25)))
