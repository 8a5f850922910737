"""Models between servers: a bundle as one zip, and back, with every byte checked on the way in."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from hccsurv_core.cohort.model_entry import BUNDLE_FILES
from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.io.archive import Budget, unpack
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.models.store import Bundle, read_bundle

#: A bundle is three files; a zip of one may hold a few more that are passed over.
LIMITS = IntakeLimits(max_total_bytes=2 << 30, max_files=50, max_depth=1)
#: Two zips of the same model are the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def zip_bundle(bundle: Bundle, name: str) -> bytes:
    """A model's three files as a zip.

    Args:
        bundle: as it was read, so that what is packed was checked.
        name: of the folder inside.

    Raises:
        BundleError: it changed since it was read.
    """
    again = read_bundle(bundle.folder)
    if again.sha256 != bundle.sha256:
        raise BundleError("changed while it was packed", source=str(bundle.folder))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in BUNDLE_FILES:
            entry = zipfile.ZipInfo(f"{name}/{file}", _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (bundle.folder / file).read_bytes())
    return buffer.getvalue()


@contextmanager
def unzipped_bundle(archive: Path, *, name: str) -> Iterator[Bundle]:
    """A zipped bundle in a passing folder, for as long as the block lasts.

    Args:
        archive: what arrived.
        name: what the user calls it, for messages.

    Raises:
        UnsafeArchiveError, UnreadableFileError: the archive cannot be unpacked.
        BundleError: it holds no bundle or several, or one that is not what was written.
    """
    with tempfile.TemporaryDirectory(prefix="hccsurv-bundle-") as holder:
        members, folder = Path(holder) / "members", Path(holder) / "bundle"
        members.mkdir()
        folder.mkdir()
        found: dict[PurePosixPath, dict[str, Path]] = {}
        for file in unpack(archive, members, name=name, budget=Budget(LIMITS)):
            place = PurePosixPath(file.name.removeprefix(f"{name}/"))
            if place.name in BUNDLE_FILES:
                found.setdefault(place.parent, {})[place.name] = file.path
        if not found:
            raise BundleError(
                f"holds no model bundle ({', '.join(BUNDLE_FILES)})", source=name,
                remedy="download the bundle again from where it was published",
            )  # fmt: skip
        if len(found) > 1:
            raise BundleError(
                "holds more than one model", source=name, remedy="upload them one by one"
            )
        try:
            for file_name, path in next(iter(found.values())).items():
                shutil.move(path, folder / file_name)
        except OSError as error:
            raise InputError(f"cannot be unpacked ({error.strerror})", source=name) from error
        try:
            bundle = read_bundle(folder)
        except BundleError as error:
            # Of the upload, not of a folder that nobody knows.
            raise BundleError(error.what, source=name, remedy=error.remedy) from error
        yield bundle
