"""A trained ensemble of CNN + LSTM networks: log hazards from pictures of two times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.models.crnn.samples import ORGANS, ScanPictures
from hccsurv_core.models.crnn.settings import EXTRACTORS, CrnnSettings, crnn_settings_from_json
from hccsurv_core.models.crnn.threads import one_thread
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from hccsurv_core.models.crnn.networks import ScanNetwork

#: Patients that are read at once: 96 pictures.
_AT_ONCE = 8
_CENTER = "center"


@dataclass(frozen=True, eq=False)
class Crnn:
    """Networks that were trained alike.

    Args:
        settings: they were built by.
        networks: one a member, in evaluation mode.
        center: (members,) mean log hazard of each member's training patients; it is taken from its
            answers, so that members can be averaged.
        device: where they are.
    """

    settings: CrnnSettings
    networks: tuple[ScanNetwork, ...]
    center: np.ndarray
    device: str = "cpu"

    @property
    def n_members(self) -> int:
        """How many networks."""
        return len(self.networks)

    def on(self, device: str) -> Crnn:
        """The same networks, moved to "cpu" or "cuda"."""
        for network in self.networks:
            network.to(device)
        return replace(self, device=device)

    def log_hazards(self, samples: ScanPictures, *, progress: Progress = silent) -> np.ndarray:
        """(n, members) log hazard ratio against the mean training patient; higher is worse.

        Args:
            samples: pictures of n patients.
            progress: told as patients are read; may cancel.

        Raises:
            InputError: there are fewer times or other pictures than the networks read.
        """
        import torch

        samples.require(self.settings.n_times, self.settings.pixels)
        found = []
        with torch.inference_mode(), one_thread():
            for done, batch in self._batches(samples):
                progress(done, f"reading pictures of {len(samples)} patients")
                members = [network(batch).float().cpu().numpy() for network in self.networks]
                found.append(np.stack(members, axis=1))
        progress(1.0, "pictures are read")
        return np.concatenate(found).astype(np.float64) - self.center

    def risk_score(self, samples: ScanPictures, *, progress: Progress = silent) -> np.ndarray:
        """(n,) mean log hazard ratio of the members; higher is worse. Raises as log_hazards."""
        return self.log_hazards(samples, progress=progress).mean(axis=1)

    def features(self, samples: ScanPictures) -> np.ndarray:
        """(n, members, 64) what each member knows of a patient: 32 of the liver, 32 of the lungs.

        Raises:
            InputError: there are fewer times or other pictures than the networks read.
        """
        import torch

        samples.require(self.settings.n_times, self.settings.pixels)
        with torch.inference_mode(), one_thread():
            found = [
                np.stack([n.features(batch).float().cpu().numpy() for n in self.networks], axis=1)
                for _, batch in self._batches(samples)
            ]
        return np.concatenate(found).astype(np.float64)

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle: ``0.cls_1.weight`` and so on by member, and the centers."""
        arrays = {
            f"{k}.{name}": value.detach().cpu().contiguous().numpy()
            for k, network in enumerate(self.networks)
            for name, value in network.state_dict().items()
        }
        return {_CENTER: np.asarray(self.center, dtype=np.float64), **arrays}

    def to_json(self) -> dict[str, Any]:
        """What it is, beside its weights."""
        return {
            "settings": self.settings.to_json(),
            "extractor": EXTRACTORS[self.settings.extractor],
            "organs": list(ORGANS),
            "n_members": self.n_members,
            "answers": "log hazard ratio against the mean training patient",
        }

    def _batches(self, samples: ScanPictures) -> Iterator[tuple[float, torch.Tensor]]:
        import torch

        for first in range(0, len(samples), _AT_ONCE):
            part = samples.pictures[first : first + _AT_ONCE, : self.settings.n_times]
            yield first / len(samples), torch.from_numpy(part).to(self.device)


def crnn_from_tensors(
    data: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, source: str = "CNN + LSTM"
) -> Crnn:
    """Back from :meth:`Crnn.to_json` and :meth:`Crnn.tensors`.

    Raises:
        BundleError: they are not of such networks.
    """
    from hccsurv_core.models.cnn.classifier import load_arrays
    from hccsurv_core.models.crnn.networks import build_crnn

    try:
        settings = crnn_settings_from_json(data["settings"])
        n_members, center = int(data["n_members"]), np.array(tensors[_CENTER], dtype=np.float64)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise BundleError(f"describes no networks ({error})", source=source) from error
    if n_members < 1 or center.shape != (n_members,):
        raise BundleError(f"has {center.size} centers of {n_members} networks", source=source)
    networks = []
    for k in range(n_members):
        network = build_crnn(settings)
        load_arrays(network, tensors_of(tensors, str(k)), source)
        networks.append(for_use(network))
    return Crnn(settings, tuple(networks), center)


def for_use(network: ScanNetwork) -> ScanNetwork:
    """The network in evaluation mode, laid out so that a CPU reads pictures fast; it learns no more."""
    import torch

    ready = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ready.eval().requires_grad_(False)
