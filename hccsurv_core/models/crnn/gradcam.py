"""Where in the slices of a patient a CNN + LSTM finds the hazard: a map of every slice.

The maps of an organ share one scale over its slices and both times, so that they can be compared.
With an ensemble the map is of one member: maps of several networks have no common scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hccsurv_core.errors import InputError
from hccsurv_core.models.crnn.crnn import Crnn
from hccsurv_core.models.crnn.networks import ScanNetwork, last_maps
from hccsurv_core.models.crnn.samples import N_SLICES, ORGANS, ScanPictures
from hccsurv_core.models.crnn.threads import one_thread
from hccsurv_core.models.gradcam import HeatMap, HeatShares, heat_maps, heat_shares

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ScanHeat:
    """Heat over all slices of a patient.

    Args:
        method: key of :data:`~hccsurv_core.models.gradcam.METHODS`.
        toward: "death" warms what raises the hazard, "survival" what lowers it.
        member: of the ensemble, whose network it is.
        heat: (times, organs, slices, P, P) float32 from 0 to 1 at the hottest pixel of all slices
            of the organ at all times; 0 everywhere in an organ that has none.
        peak: (organs,) largest value of each organ's map before that: of one method and member,
            organs can be compared by it.
        maps: of each organ as it was made, its slices in the order of times.
    """

    method: str
    toward: str
    member: int
    heat: NDArray[np.float32]
    peak: NDArray[np.float64]
    maps: tuple[HeatMap, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside it."""
        said = (
            f"{organ}: {note}"
            for organ, made in zip(ORGANS, self.maps, strict=True)
            for note in made.notes
        )
        return tuple(said)

    def shares(self, tumor: Mask, organ: Mask | None = None) -> tuple[HeatShares, ...]:
        """How the heat of each organ is distributed over its slices.

        Args:
            tumor: (times, organs, slices, P, P) outlines of tumors on the pictures.
            organ: the same of organs, or None where they are not outlined; in the result "lesion"
                is the tumors and "liver" the rest of the organ.

        Raises:
            InputError: the shapes are not those of the heat.
        """
        for mask, what in ((tumor, "tumor"), (organ, "organ")):
            if mask is not None and mask.shape != self.heat.shape:
                raise InputError(
                    f"heat of shape {self.heat.shape} but an outline of {mask.shape}", source=what
                )
        return tuple(
            heat_shares(self.heat[:, k], tumor[:, k], None if organ is None else organ[:, k])
            for k in range(len(ORGANS))
        )


def scan_heat(
    crnn: Crnn,
    samples: ScanPictures,
    patient_id: str | None = None,
    *,
    method: str = "grad-cam",
    toward: str = "death",
    member: int = 0,
) -> ScanHeat:
    """Maps of one patient's log hazard, made of :func:`~hccsurv_core.models.crnn.networks.last_maps`.

    Args:
        crnn: the networks.
        samples: pictures of the patient, alone or among others.
        patient_id: who; may be left out where there is one patient.
        method: key of :data:`~hccsurv_core.models.gradcam.METHODS`.
        toward: "death" or "survival".
        member: which network of the ensemble.

    Raises:
        InputError: an unknown patient, member, method or direction, or other pictures than the
            networks read.
    """
    samples.require(crnn.settings.n_times, crnn.settings.pixels)
    if not 0 <= member < crnn.n_members:
        raise InputError(
            f"there is no member {member}", source="heat map",
            remedy=f"choose 0 to {crnn.n_members - 1}",
        )  # fmt: skip
    pictures = samples.pictures[_row(samples, patient_id), : crnn.settings.n_times]
    network = crnn.networks[member]
    made: list[HeatMap] = []
    # The LSTM of a GPU's own library takes no gradient outside of training.
    with torch.backends.cudnn.flags(enabled=False), one_thread():
        for k, organ in enumerate(ORGANS):
            slices = pictures[:, k].reshape(-1, 1, *pictures.shape[-2:])
            view = _OneOrgan(network, torch.from_numpy(pictures.copy()).to(crnn.device), k)
            layers = {f"{organ}, last block": last_maps(network, organ)}
            made += heat_maps(view.eval(), slices, layers, method=method, toward=toward)
    heat = np.stack([m.heat.reshape(-1, N_SLICES, *m.heat.shape[1:]) for m in made], axis=1)
    peak = np.array([m.peak for m in made])
    return ScanHeat(method, toward, member, heat, peak, tuple(made))


class _OneOrgan(nn.Module):
    """Slices of one organ, (times · slices, 1, P, P) → (1, 1) minus the log hazard.

    The other organ's slices stay as they are. Maps are made toward a score that falls with the
    hazard, as log odds of being alive do.
    """

    def __init__(self, network: ScanNetwork, pictures: torch.Tensor, organ: int) -> None:
        super().__init__()
        self.network, self.organ, self.pictures = network, organ, pictures

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        times = self.pictures.shape[0]
        own = slices.reshape(times, N_SLICES, *slices.shape[-2:])
        organs = [own if k == self.organ else self.pictures[:, k] for k in range(len(ORGANS))]
        return -self.network(torch.stack(organs, dim=1)[None])[:, None]


def _row(samples: ScanPictures, patient_id: str | None) -> int:
    if patient_id is None and len(samples) == 1:
        return 0
    if patient_id not in samples.patient_ids:
        who = "nobody is named" if patient_id is None else f"there is no {patient_id!r}"
        raise InputError(
            f"{who} among {len(samples)} patients", source="heat map",
            remedy="name the patient whose slices are explained",
        )  # fmt: skip
    return samples.patient_ids.index(patient_id)
