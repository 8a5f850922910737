"""What a trained network sees in one patient's lesion: maps of several layers and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.lesion_crop_settings import CT_CHANNELS
from hccsurv_core.imaging.lesion_crops import LesionCrops
from hccsurv_core.models.cnn.architectures import architecture
from hccsurv_core.models.cnn.classifier import CnnClassifier
from hccsurv_core.models.gradcam import TOWARD, HeatMap, HeatShares, heat_maps, heat_shares
from hccsurv_core.models.gradcam_faithfulness import Faithfulness, check_faithfulness
from hccsurv_core.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class LesionExplanation:
    """Maps of one patient's crops.

    Args:
        crops: what the network was shown.
        maps: one for each layer, fine to coarse.
        shares: of the heat, over all slices, in the same order.
        faithfulness: of each map on the first slice; empty where it was not asked for.
    """

    crops: LesionCrops
    maps: tuple[HeatMap, ...]
    shares: tuple[HeatShares, ...]
    faithfulness: tuple[Faithfulness, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside all maps."""
        found = list(self.crops.notes)
        if "mask" in self.crops.channels:
            found.append(
                "the network is given the outline of the lesion: that it looks inside it is no "
                "proof that it found it"
            )
        if self.crops.liver is None:
            found.append("the liver is not outlined, so it counts as outside")
        return tuple(found)

    def on_scan(
        self, layer: str, slice_number: int = 0, phase: str = "arterial"
    ) -> tuple[int, NDArray[np.float32]]:
        """Heat on the pixels of the scan.

        Args:
            layer: name of one of the maps.
            slice_number: which of the crops, 0 the largest.
            phase: "arterial" or "portal".

        Returns:
            the scan's slice, and (rows, columns) of heat from 0 to 1 there.

        Raises:
            InputError: there is no such map, slice or phase.
        """
        by_name = {m.layer: m for m in self.maps}
        if layer not in by_name or not 0 <= slice_number < self.crops.n_slices:
            raise InputError(
                f"there is no map of {layer!r} on slice {slice_number}", source="heat map",
                remedy=f"choose of {', '.join(by_name)} and slices 0 to {self.crops.n_slices - 1}",
            )  # fmt: skip
        heat = self.crops.to_scan(by_name[layer].heat[slice_number], phase)
        return self.crops.places[phase].slices[slice_number], heat


def explain_lesion(
    classifier: CnnClassifier,
    crops: LesionCrops,
    *,
    method: str = "grad-cam",
    layers: Sequence[str] | None = None,
    toward: str = "death",
    n_random: int = 99,
    seed: int = 0,
    progress: Progress = silent,
) -> LesionExplanation:
    """Make maps of a patient's crops and check them.

    Args:
        classifier: the network.
        crops: cropped with its settings.
        method: key of :data:`~hccsurv_core.models.gradcam.METHODS`.
        layers: names of the network's stages; default the last two.
        toward: "death" or "survival".
        n_random: random areas each map is held against on the first slice; 0 leaves the check out,
            which takes most of the time.
        seed: of the random areas.
        progress: told as areas are deleted; may cancel.

    Raises:
        InputError: other crops than the network takes, an unknown layer, method or direction.
    """
    stages = _checked_stages(classifier, crops, layers)
    progress(0.0, "heat maps are made")
    maps = heat_maps(classifier.network, crops.images, stages, method=method, toward=toward)
    shares = tuple(heat_shares(m.heat, crops.lesion, crops.liver) for m in maps)
    tissue_channels = [k for k, name in enumerate(crops.channels) if name in CT_CHANNELS]

    def score(pictures: NDArray[np.float32]) -> NDArray[np.floating]:
        return TOWARD[toward] * classifier.log_odds(pictures[:, None])

    checks = []
    for number, made in enumerate(maps if n_random else ()):
        told = part_of(progress, number / len(maps), (number + 1) / len(maps))
        checks.append(
            check_faithfulness(
                score, crops.images[0], made.heat[0], tissue=crops.tissue[0],
                channels=tissue_channels, n_random=n_random, seed=seed, progress=told,
            )
        )  # fmt: skip
    return LesionExplanation(crops, maps, shares, tuple(checks))


def _checked_stages(
    classifier: CnnClassifier, crops: LesionCrops, layers: Sequence[str] | None
) -> dict[str, nn.Module]:
    """The modules that maps are made of, if these crops are what the network takes."""
    if crops.channels != classifier.crop.channels:
        raise InputError(
            f"the network takes {', '.join(classifier.crop.channels)}, "
            f"got {', '.join(crops.channels)}",
            source="lesion crops",
            remedy="crop with the network's own settings",
        )
    classifier.log_odds(crops.images[None])  # refuses another size
    stages = classifier.stages
    names = list(stages)[-2:] if layers is None else list(layers)
    unknown = [name for name in names if name not in stages]
    if unknown:
        raise InputError(
            f"{architecture(classifier.architecture).words} has no stage {unknown[0]!r}",
            source="layers", remedy=f"choose of {', '.join(stages)}",
        )  # fmt: skip
    return {name: stages[name] for name in names}
