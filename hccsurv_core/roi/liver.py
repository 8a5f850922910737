"""The liver on a CT, without weights, and how sure its outline is.

Made for portal venous CT; plain scans work as far as the liver stands out. The result is a
proposal for a reader to correct: :mod:`~hccsurv_core.roi.liver_grow` tells how it is drawn, this
module what it is worth. Whatever makes it doubtful lowers the confidence and is said in words, and
what cannot be a liver is refused with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.liver_grow import BAND_HU, GrownLiver, grow_liver
from hccsurv_core.roi.liver_scene import LiverScene, build_liver_scene
from hccsurv_core.roi.lungs import LungsResult
from hccsurv_core.roi.organ_backends import CLASSICAL, outlined_by
from hccsurv_core.roi.organ_grid import IN_PLANE, OrganGrid, build_grid
from hccsurv_core.roi.solid_morphology import Mask, distance_mm, grown
from hccsurv_core.volume import LabelMap, Volume

NAMES = {1: "liver"}
#: The rim is cut half way between the parenchyma and this: fat, HU …
_FAT_HU = -100.0
#: … and holds nothing brighter than the parenchyma by this: bone, calcium.
_BRIGHTER_HU = 120.0
#: A smaller piece is no liver that can be measured: ml, and cm² on its largest slice.
_LEAST_ML, _LEAST_CM2 = 30.0, 12.0
#: Livers of adults, diseased ones included; outside, a whole one is doubted, ml.
_USUAL_ML = (600.0, 3500.0)
#: A solid organ holds a ball of this radius at least, mm: muscles and bowel do not.
_LEAST_BALL_MM = 17.0
#: Ribs lie this near to the outline of the lean trunk and are no larger on a slice than this.
_RIB_MM, _RIB_CM2, _RIB_HU = 30.0, 9.0, 150.0
#: Of the slices with liver, this share at least has a rib beside it.
_RIB_SLICES = 0.35
#: Attenuation of a liver's parenchyma: without doubt, and at all (steatosis, iron), HU.
_USUAL_HU, _POSSIBLE_HU = (40.0, 160.0), (-10.0, 200.0)
#: More of the border than this without an edge may be a leak; more of the liver than this differs
#: from its parenchyma.
_LEAK, _MUCH_LESION = 0.12, 0.35
#: Share of the liver on the left of the middle: 0.02 to 0.22 on the scans tried here.
_MOST_LEFT = 0.5
#: Fewer slices tell little about where the liver ends.
_FEW_SLICES = 8


@dataclass(frozen=True, eq=False)
class LiverResult:
    """The liver that was found.

    Args:
        labels: 1 liver (see :data:`NAMES`), tumors and vessels in it included, on the scan's
            grid; all 0 where none was found.
        volume_ml: volume in view.
        parenchyma_hu: mode of the parenchyma's attenuation; None where nothing was found.
        confidence: 0 to 1; a rule of thumb from the signs that the warnings name, not a
            calibrated probability. 0 where nothing was found.
        warnings: what a reader must check, or why there is no liver, in plain words.
        method: name of the backend.
    """

    labels: LabelMap
    volume_ml: float
    parenchyma_hu: float | None
    confidence: float
    warnings: tuple[str, ...] = ()
    method: str = CLASSICAL

    @property
    def mask(self) -> Mask:
        """The liver, boolean (slices, rows, columns)."""
        return self.labels.voxels > 0

    @property
    def found(self) -> bool:
        """Whether a liver was found."""
        return self.volume_ml > 0


def segment_liver(
    volume: Volume,
    *,
    backend: str = CLASSICAL,
    lungs: LungsResult | None = None,
    progress: Progress = silent,
) -> LiverResult:
    """Outline the liver; tumors and vessels in it belong to it, gallbladder and vena cava do not.

    Args:
        volume: canonical CT, HU; slices up to 8 mm apart. Three slices work, with less certainty.
        backend: "classical", or a name from
            :func:`~hccsurv_core.roi.organ_backends.organ_backends`.
        lungs: of the same scan, where they were found before; saves time and changes nothing.
        progress: called with the fraction done; what it raises stops the work.

    Returns:
        The liver, or an empty result with the reason among its warnings.

    Raises:
        GeometryError: the volume is not in canonical orientation.
        InputError: there is no such backend.
        MissingDependencyError: the backend is not installed.
    """
    progress(0.0, "looking for the liver")
    grid, found = (build_grid(volume), None) if lungs is None else _known(volume, lungs)
    if backend != CLASSICAL:
        return _outlined(grid, backend, progress)
    progress(0.3, "looking for the liver")
    scene = build_liver_scene(grid, found)
    progress(0.6, "outlining the liver")
    liver = grow_liver(scene)
    reason = _no_liver(grid, scene, liver)
    if reason is not None or liver is None:
        return _nothing(volume, reason or "No liver is in view.")
    mask, allowed = (_on_all_slices(grid, liver, part) for part in (liver.mask, liver.allowed))
    low = (liver.hu + _FAT_HU) / 2
    labels = grid.refined(mask, low, liver.hu + _BRIGHTER_HU, allowed).astype(np.uint8)
    confidence, warnings = _judged(grid, scene, liver)
    progress(1.0, "outlined the liver")
    size = float(np.count_nonzero(labels)) * volume.voxel_volume_ml
    outline = LabelMap(labels, volume.affine, NAMES)
    return LiverResult(outline, size, liver.hu, confidence, warnings)


def _known(volume: Volume, lungs: LungsResult) -> tuple[OrganGrid, NDArray[np.uint8] | None]:
    """The working grid and the lungs on it, if they are of this scan."""
    if lungs.coarse is None or lungs.coarse[0].volume is not volume:
        return build_grid(volume), None
    return lungs.coarse


def _outlined(grid: OrganGrid, backend: str, progress: Progress) -> LiverResult:
    """The outline of another backend, with what can be said of any outline."""
    volume = grid.volume
    mask = outlined_by(backend, volume, ("liver",), progress)["liver"]
    if not mask.any():
        return _nothing(volume, f"{backend} found no liver.", backend)
    size = float(np.count_nonzero(mask)) * volume.voxel_volume_ml
    labels = LabelMap(mask.astype(np.uint8), volume.affine, NAMES)
    doubt, warnings = _cut_off(mask)
    more, odd = _odd_size(size, whole=not warnings)
    hu = float(np.median(volume.voxels[mask]))
    return LiverResult(labels, size, hu, 0.95 - doubt - more, (*warnings, *odd), backend)


def _nothing(volume: Volume, reason: str, method: str = CLASSICAL) -> LiverResult:
    labels = LabelMap(np.zeros(volume.shape, dtype=np.uint8), volume.affine, NAMES)
    return LiverResult(labels, 0.0, None, 0.0, (reason,), method)


def _on_all_slices(grid: OrganGrid, liver: GrownLiver, part: Mask) -> Mask:
    whole = np.zeros(grid.hu.shape, dtype=bool)
    whole[liver.scene.first : liver.scene.first + len(part)] = part
    return whole


# -- is it a liver? --------------------------------------------------------------------------------
def _no_liver(grid: OrganGrid, scene: LiverScene, liver: GrownLiver | None) -> str | None:
    """Why what was found, if anything, is no liver; None where nothing speaks against it."""
    if not grid.body.any():
        return "No liver is in view: there is no body in the pictures."
    if scene.top is not None and scene.top < 0:
        return "No liver is in view: the scan shows the chest above the dome of the liver only."
    if liver is None or not liver.mask.any():
        return "No liver is in view: there is no solid organ in the right half of the trunk."
    mask, step = liver.mask, scene.step_mm
    area_cm2 = float(mask.sum(axis=(1, 2)).max()) * step[1] * step[2] / 100.0
    if mask.sum() * grid.voxel_ml < _LEAST_ML or area_cm2 < _LEAST_CM2:
        return "No liver is in view: what is solid on the right is too small."
    # The largest ball on a slice: few slices must not make an organ look thin.
    ball = max(float(ndi.distance_transform_edt(p, sampling=step[1:]).max()) for p in mask)
    if ball < _LEAST_BALL_MM:
        return "No liver is in view: what is solid on the right is too thin for a liver."
    if not _POSSIBLE_HU[0] <= liver.hu <= _POSSIBLE_HU[1]:
        return f"No liver is in view: the solid organ on the right has {liver.hu:.0f} HU."
    if not _under_lung(scene, liver) and _rib_slices(grid, liver) < _RIB_SLICES:
        return (
            "No liver is in view: the solid tissue on the right lies neither under the lung nor "
            "behind ribs."
        )
    return None


def _under_lung(scene: LiverScene, liver: GrownLiver) -> bool:
    """Whether the right lung lies on the liver."""
    lung = scene.right_lung[liver.scene.first : liver.scene.first + len(liver.mask)]
    touch = grown(liver.mask, 8.0, scene.step_mm) & lung
    return float(touch.sum()) * scene.voxel_ml > 3.0


def _rib_slices(grid: OrganGrid, liver: GrownLiver) -> float:
    """Share of the liver's slices on which a rib lies between it and the skin on the right."""
    pixel_cm2 = grid.step_mm[1] * grid.step_mm[2] / 100.0
    hits, n = 0, 0
    for k, plane in enumerate(liver.mask):
        if not plane.any():
            continue
        n += 1
        bone = grid.body[k + liver.scene.first] & (grid.hu[k + liver.scene.first] > _RIB_HU)
        labels, _ = ndi.label(bone, np.ones((3, 3)))
        sizes = np.bincount(labels.ravel()) * pixel_cm2
        near = distance_mm(plane[None], grid.step_mm)[0] < _RIB_MM
        lateral = np.arange(plane.shape[1])[None, :] < np.nonzero(plane)[1].mean()
        beside = np.unique(labels[near & lateral & bone & ~plane])
        hits += bool((sizes[beside[beside > 0]] < _RIB_CM2).any())
    return hits / max(n, 1)


# -- how sure is it? -------------------------------------------------------------------------------
_Doubt = tuple[float, tuple[str, ...]]


def _judged(grid: OrganGrid, scene: LiverScene, liver: GrownLiver) -> tuple[float, tuple[str, ...]]:
    """Confidence and warnings."""
    whole = _on_all_slices(grid, liver, liver.mask)
    cut = _cut_off(whole)
    size = _odd_size(float(whole.sum()) * grid.voxel_ml, whole=not cut[1])
    doubts = [cut, size, _odd_side(liver), _odd_tissue(liver)]
    doubts += [_open_border(liver), _much_lesion(liver)]
    n_slices = int(np.count_nonzero(liver.mask.any(axis=(1, 2))))
    if n_slices < _FEW_SLICES:
        doubts.append((0.15, (f"Only {n_slices} slices show the liver: check its outline.",)))
    if scene.top is None and len(grid.hu) >= _FEW_SLICES:
        doubts.append((0.05, ()))
    confidence = 0.9 - sum(doubt for doubt, _ in doubts)
    return max(0.05, confidence), tuple(text for _, texts in doubts for text in texts)


def _cut_off(mask: Mask) -> _Doubt:
    warnings = []
    for end, plane in (("lower", mask[0]), ("upper", mask[-1])):
        if plane.any():
            warnings.append(f"The liver is cut off at the {end} end of the scan.")
    doubt = 0.0
    if mask[:, [0, -1]].any() or mask[:, :, [0, -1]].any():
        warnings.append("The liver is cut off at the edge of the pictures.")
        doubt = 0.2
    return doubt, tuple(warnings)


def _odd_size(size_ml: float, *, whole: bool) -> _Doubt:
    if size_ml > _USUAL_ML[1] or (whole and size_ml < _USUAL_ML[0]):
        return 0.3, (f"A liver of {size_ml:.0f} ml is unusual: check its outline.",)
    return 0.0, ()


def _odd_side(liver: GrownLiver) -> _Doubt:
    left = float((liver.mask & (liver.scene.lateral_mm > 0)).sum()) / max(1, liver.mask.sum())
    if left <= _MOST_LEFT:
        return 0.0, ()
    text = "Most of it lies on the left: another organ, or a scan whose sides are mistaken."
    return 0.4, (text,)


def _odd_tissue(liver: GrownLiver) -> _Doubt:
    if _USUAL_HU[0] <= liver.hu <= _USUAL_HU[1]:
        # Without contrast the liver hardly stands out from bowel, muscle and spleen.
        faint = 0.1 if liver.hu < 70.0 else 0.0
        text = f"The liver is hardly enhanced ({liver.hu:.0f} HU): its border is less certain."
        return faint, (text,) if faint else ()
    return 0.3, (f"The attenuation of {liver.hu:.0f} HU is unusual for a liver.",)


def _open_border(liver: GrownLiver) -> _Doubt:
    """Where tissue like the liver's goes on beyond the outline."""
    scene = liver.scene
    rim = ndi.binary_dilation(liver.mask, IN_PLANE, iterations=2) & ~liver.mask
    alike = rim & scene.tissue & (np.abs(scene.edges - liver.hu) < BAND_HU / 2)
    share = float(alike.sum()) / max(1, rim.sum())
    if share <= _LEAK:
        return 0.0, ()
    text = f"{100 * share:.0f} % of the border has no edge against what surrounds it."
    return min(0.4, 2 * (share - _LEAK) + 0.1), (text,)


def _much_lesion(liver: GrownLiver) -> _Doubt:
    differs = liver.mask & (np.abs(liver.scene.smooth - liver.hu) > BAND_HU)
    deep = liver.mask & (distance_mm(~liver.mask, liver.scene.step_mm) > 5.0)
    share = float((differs & deep).sum()) / max(1, deep.sum())
    if share <= _MUCH_LESION:
        return 0.0, ()
    text = (
        f"{100 * share:.0f} % of the liver differs from its parenchyma ({liver.hu:.0f} HU): tumor, "
        "or another organ."
    )
    return 0.2, (text,)
