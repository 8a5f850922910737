"""A model goes from server to server unchanged, or not at all."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from hccsurv_core.cohort.model_exchange import unzipped_bundle, zip_bundle
from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.errors import BundleError, UnreadableFileError, UnsafeArchiveError
from hccsurv_core.models.store import write_bundle


@pytest.fixture
def bundle(tmp_path):
    return write_bundle(
        tmp_path / "trained", system="muscle",
        description={"training": {"n": 100, "n_events": 60, "source": "ours.csv"}},
        tensors={"w": np.arange(6.0).reshape(2, 3)}, card="# A card\n",
    )  # fmt: skip


@pytest.fixture
def packed(bundle, tmp_path):
    path = tmp_path / "model.zip"
    path.write_bytes(zip_bundle(bundle, "ours"))
    return path


def repack(packed, target, change):
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(target, "w") as out:
        for entry in source.infolist():
            for name, data in change(entry.filename, source.read(entry)):
                out.writestr(name, data)
    return target


def test_a_model_arrives_as_it_left_and_can_be_published(bundle, packed, tmp_path):
    with unzipped_bundle(packed, name="model.zip") as arrived:
        assert arrived.sha256 == bundle.sha256
        np.testing.assert_array_equal(arrived.tensors["w"], bundle.tensors["w"])
        library = ModelLibrary(tmp_path / "data", shipped=tmp_path / "none")
        entry = library.publish(arrived.folder, by="Dr. A")
        folder = arrived.folder
    assert not folder.exists()
    assert library.bundle(entry.id).sha256 == bundle.sha256
    assert zip_bundle(bundle, "ours") == packed.read_bytes()


def test_a_zip_without_its_folder_is_read_too(packed, tmp_path):
    flat = repack(
        packed, tmp_path / "flat.zip", lambda n, d: [(n.split("/")[-1], d), (f"{n}.txt", d)]
    )
    with unzipped_bundle(flat, name="flat.zip") as arrived:
        assert arrived.card == "# A card\n"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda n, d: [(n, d[:-1] + b"x" if n.endswith("card.md") else d)], BundleError,
         "model.zip: card.md is not what was written"),
        (lambda n, d: [(n, d.replace(b'"n": 100', b'"n": 900'))], BundleError,
         "model.zip: model.json is not what was written"),
        (lambda n, d: [] if n.endswith("weights.safetensors") else [(n, d)], BundleError,
         "model.zip: has no weights.safetensors"),
        (lambda n, d: [(f"other/{n}.txt", d)], BundleError, "holds no model bundle"),
        (lambda n, d: [(n, d), (f"again/{n}", d)], BundleError, "holds more than one model"),
        (lambda n, d: [(f"../{n}", d)], UnsafeArchiveError, "leads outside"),
    ],
)  # fmt: skip
def test_a_model_that_was_changed_or_is_none_is_refused(packed, tmp_path, change, error, words):
    spoiled = repack(packed, tmp_path / "spoiled.zip", change)
    with pytest.raises(error) as caught, unzipped_bundle(spoiled, name="model.zip"):
        pytest.fail("was taken")
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"PK\x03\x04" + b"nothing" * 40)
    with pytest.raises(UnreadableFileError), unzipped_bundle(path, name="x.zip"):
        pytest.fail("was taken")


def test_a_bundle_that_changed_since_it_was_read_is_not_packed(bundle):
    (bundle.folder / "card.md").write_text("other", encoding="utf-8")
    with pytest.raises(BundleError, match="not what was written"):
        zip_bundle(bundle, "ours")
