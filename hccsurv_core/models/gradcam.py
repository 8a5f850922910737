"""Where in a picture a network finds what it answers by: class-activation maps, several ways.

The maps are made by the package pytorch-grad-cam (Gildenblat and others). Before they are stretched
to the range from 0 to 1, as a picture needs it, their own numbers are used: what points the other
way is 0, a map without any heat stays empty, and slices of one patient share one scale.

A warm area is where the network looks, not why, and not evidence that it is right. Two checks stand
beside every map: :func:`heat_shares` and
:func:`~hccsurv_core.models.gradcam_faithfulness.check_faithfulness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    from torch import nn

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Method:
    """A way to make a map.

    Args:
        class_name: in pytorch_grad_cam.
        words: what a page calls it.
        follows_score: whether the map is of this score; otherwise it shows what the layer sees
            most, whatever the answer.
        source: the paper.
    """

    class_name: str
    words: str
    follows_score: bool
    source: str


METHODS: dict[str, Method] = {
    "grad-cam": Method("GradCAM", "Grad-CAM", True, "Selvaraju et al., ICCV 2017"),
    "grad-cam++": Method(
        "GradCAMPlusPlus", "Grad-CAM++", True, "Chattopadhay et al., WACV 2018, arXiv:1710.11063"
    ),
    "layer-cam": Method(
        "LayerCAM", "LayerCAM", True, "Jiang et al., IEEE Trans Image Process 2021;30:5875-5888"
    ),
    "eigen-cam": Method(
        "EigenCAM", "EigenCAM", False, "Muhammad & Yeasin, IJCNN 2020, arXiv:2008.00299"
    ),
}
#: What a map speaks for → sign of the log odds of being alive.
TOWARD = {"death": -1.0, "survival": 1.0}


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Heat over a patient's slices.

    Args:
        method: key of :data:`METHODS`.
        layer: name of the stage it was made of.
        toward: "death" or "survival": what the warm area speaks for.
        heat: (slices, P, P) float32 from 0 to 1 at the hottest pixel of all slices; 0 everywhere
            where there is none.
        cells: (rows, columns) of the layer's own map; the heat is interpolated from as few.
        peak: largest value of the layer's own map, before it is scaled; 0 where there is no heat.
    """

    method: str
    layer: str
    toward: str
    heat: NDArray[np.float32]
    cells: tuple[int, int]
    peak: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether there is no heat at all."""
        return not bool(self.heat.any())

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside it."""
        found = [f"made of {self.cells[0]}×{self.cells[1]} cells: no finer than that"]
        if not METHODS[self.method].follows_score:
            found.append("shows what the layer responds to most, whatever the answer")
        if self.is_empty:
            found.append(f"nothing in this layer speaks for {self.toward}")
        return tuple(found)


@dataclass(frozen=True)
class HeatShares:
    """How the heat of a map is distributed.

    Args:
        lesion, liver, outside: shares of the heat inside the lesion's outline, in the rest of the
            liver, and beyond; they add up to 1, and are None without heat. Where the liver is not
            outlined it counts as outside, and ``liver`` is None.
        lesion_area, liver_area, outside_area: shares of the picture's area: what an even spread of
            heat would give.
    """

    lesion: float | None
    liver: float | None
    outside: float | None
    lesion_area: float
    liver_area: float | None
    outside_area: float

    def to_json(self) -> dict[str, float | None]:
        """Plain values."""
        return dict(vars(self))


def heat_maps(
    network: nn.Module,
    pictures: NDArray[np.floating],
    layers: Mapping[str, nn.Module],
    *,
    method: str = "grad-cam",
    toward: str = "death",
) -> tuple[HeatMap, ...]:
    """Maps of a patient's slices, one for each layer.

    Args:
        network: in evaluation mode, (s, channels, P, P) → (s, 1) log odds of being alive.
        pictures: (slices, channels, P, P).
        layers: name → module of the network whose output is (s, maps, rows, columns).
        method: key of :data:`METHODS`.
        toward: "death" warms what lowers the odds of being alive, "survival" what raises them.

    Raises:
        InputError: an unknown method or direction, or pictures of another shape.
    """
    if method not in METHODS or toward not in TOWARD:
        raise InputError(
            f"no map is called {method!r} toward {toward!r}", source="heat map",
            remedy=f"use {', '.join(METHODS)}, toward {' or '.join(TOWARD)}",
        )  # fmt: skip
    x = np.asarray(pictures, dtype=np.float32)
    if x.ndim != 4 or x.shape[-1] != x.shape[-2]:
        raise InputError(
            f"slices have shape (slices, channels, P, P), got {x.shape}", source="heat map"
        )
    found = []
    for name, module in layers.items():
        raw = _raw_map(network, x, module, method, TOWARD[toward])
        warm = np.maximum(np.nan_to_num(raw), 0.0)
        cells = (raw.shape[-2], raw.shape[-1])
        heat = _stretched(warm, x.shape[-1])
        found.append(HeatMap(method, name, toward, heat, cells, float(warm.max())))
    return tuple(found)


def heat_shares(heat: NDArray[np.floating], lesion: Mask, liver: Mask | None) -> HeatShares:
    """Shares of the heat inside the lesion, in the rest of the liver, and outside.

    Args:
        heat: (…, P, P) 0 or more.
        lesion: of the same shape; liver: with or without the lesion, or None.

    Raises:
        InputError: shapes differ, or heat is negative.
    """
    warmth = np.asarray(heat, dtype=np.float64)
    for mask, what in ((lesion, "lesion"), (liver, "liver")):
        if mask is not None and mask.shape != warmth.shape:
            raise InputError(
                f"heat of shape {warmth.shape} but an outline of {mask.shape}", source=what
            )
    if not (np.isfinite(warmth).all() and (warmth >= 0).all()):
        raise InputError("heat is 0 or more", source="heat map")
    rest = np.zeros_like(lesion) if liver is None else liver & ~lesion
    beyond = ~lesion & ~rest
    total = float(warmth.sum())
    shares: list[float | None] = [
        float(warmth[part].sum()) / total if total > 0 else None for part in (lesion, rest, beyond)
    ]
    areas = [float(part.mean()) for part in (lesion, rest, beyond)]
    known = liver is not None
    return HeatShares(
        shares[0], shares[1] if known else None, shares[2],
        areas[0], areas[1] if known else None, areas[2],
    )  # fmt: skip


def _raw_map(
    network: nn.Module, pictures: NDArray[np.float32], module: nn.Module, method: str, sign: float
) -> NDArray[np.float64]:
    """(slices, rows, columns) the method's own numbers, of either sign."""
    import pytorch_grad_cam
    import torch

    engine: Any = getattr(pytorch_grad_cam, METHODS[method].class_name)(network, [module])
    hooks = engine.activations_and_grads
    try:
        device = next(network.parameters()).device
        x = torch.from_numpy(pictures.copy()).to(device).requires_grad_()
        with torch.enable_grad():
            score = sign * hooks(x).sum()
            if score.requires_grad:
                score.backward()
        activations = hooks.activations[0].float().numpy()
        # A layer that the score does not pass through has no gradient.
        gradients = (
            hooks.gradients[0].float().numpy() if hooks.gradients else np.zeros_like(activations)
        )
        raw = np.asarray(
            engine.get_cam_image(x, module, [], activations, gradients, False), dtype=np.float64
        )
    finally:
        hooks.release()
        network.zero_grad(set_to_none=True)
    if not METHODS[method].follows_score:
        # The sign of a principal component is arbitrary; the larger end is taken as warm
        # (Chung & Ying, Appl Sci 2025;15:7562).
        turned = np.abs(raw.min((1, 2))) > np.abs(raw.max((1, 2)))
        raw[turned] *= -1.0
    return raw


def _stretched(raw: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """A layer's map on the picture's pixels, its largest value 1."""
    import torch
    from torch.nn import functional

    peak = float(raw.max())
    if not peak > 0:
        return np.zeros((raw.shape[0], size, size), dtype=np.float32)
    small = torch.from_numpy((raw / peak).astype(np.float32))[:, None]
    large = functional.interpolate(small, (size, size), mode="bilinear", align_corners=False)
    found = large[:, 0].numpy()
    return found / found.max()
