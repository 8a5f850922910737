"""A trained network as a bundle of its own: weights as safetensors, what it is as JSON, a card."""

from __future__ import annotations

from pathlib import Path

from hccsurv_core.models.cnn.classifier import CnnClassifier, classifier_from_parts
from hccsurv_core.models.cnn.training import FittedCnn
from hccsurv_core.models.store import Bundle, read_bundle, write_bundle

#: Bundles that hold a network alone.
SYSTEM = "treatment-cnn"
_PART = "cnn"


def write_cnn(folder: Path, fitted: FittedCnn, *, card: str) -> Bundle:
    """Write a trained network.

    Args:
        folder: new, empty, or of a bundle that is replaced.
        card: Markdown for people.

    Raises:
        BundleError: it cannot be written.
    """
    import torch
    import torchvision

    versions = {"torch": str(torch.__version__), "torchvision": str(torchvision.__version__)}
    tensors = {f"{_PART}.{k}": v for k, v in fitted.classifier.tensors().items()}
    return write_bundle(
        folder, system=SYSTEM, description={_PART: fitted.describe(), "versions": versions},
        tensors=tensors, card=card,
    )  # fmt: skip


def read_cnn(folder: Path) -> CnnClassifier:
    """Read a network back.

    Raises:
        BundleError: the folder holds none, or a byte of it has changed.
    """
    bundle = read_bundle(folder)
    bundle.require_system(SYSTEM)
    return cnn_of(bundle)


def cnn_of(bundle: Bundle) -> CnnClassifier:
    """The network inside a bundle, of whatever system.

    Raises:
        BundleError: there is none.
    """
    data = bundle.description.get(_PART)
    return classifier_from_parts(
        data if isinstance(data, dict) else {}, bundle.tensors_of(_PART), source=str(bundle.folder)
    )
