"""The radiology score of the published network, from the authors' weights and a patient's two scans.

Xia et al., Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8; the architecture is that of the
reference code (github EstelleXIA/ProgHCC). No weights ship here. Slices are chosen and prepared as the
paper says; whether the authors' files turn a slice the same way round could not be checked without
them. The score is on the scale of the published fusion
(:func:`~hccsurv_core.features.clinical_scores.cln.rad_cln_d`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.systems.immunotherapy.pictures import ScannedPatient

#: The published network that the fusion takes.
KIND = "Rad-D"


@dataclass(frozen=True)
class PublishedRadiology:
    """What the network says.

    Args:
        score: its output, not centered; higher is worse.
        kind: of the network.
        weights, sha256: the file it came from.
        notes: what was carried forward or is missing.
    """

    score: float
    kind: str
    weights: str
    sha256: str
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def published_radiology(
    scans: ScannedPatient, weights: Path, *, device: str = "auto"
) -> PublishedRadiology:
    """Ask the published network of both scans.

    Args:
        scans: with a follow-up. weights: see
            :func:`~hccsurv_core.models.crnn.reference.load_reference_checkpoint`.
        device: "auto", "cpu" or "cuda".

    Raises:
        InputError: there is no follow-up scan, or the weights are of another network.
        UnreadableFileError: the weights are damaged, or hold more than arrays.
    """
    from hccsurv_core.device import choose_device
    from hccsurv_core.models.cnn.weights_file import read_weights
    from hccsurv_core.models.crnn.reference import reference_network
    from hccsurv_core.models.crnn.samples import ScanPictures

    if not scans.has_followup:
        raise InputError(
            "the network compares two scans, but there is no follow-up scan", source="scans",
            remedy="give the follow-up scan, or leave the weights out",
        )  # fmt: skip
    read = read_weights(weights)
    network = reference_network(read, KIND).on(choose_device(device))
    pictures, known = scans.pictures(network.settings.pixels)
    samples = ScanPictures(("patient",), pictures[None], known[None])
    score = float(network.risk_score(samples)[0])
    return PublishedRadiology(score, KIND, read.file_name, read.sha256, scans.notes)
