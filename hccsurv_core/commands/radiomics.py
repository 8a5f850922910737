"""``radiomics``: every feature of a preset from an image and a mask."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.commands.shared import add_common_arguments, report_progress, write_answer
from hccsurv_core.errors import InputError
from hccsurv_core.features.radiomics.presets import PRESETS
from hccsurv_core.progress import part_of

if TYPE_CHECKING:
    from hccsurv_core.features.radiomics.extract import RadiomicsResult
    from hccsurv_core.volume import Volume


@dataclass(frozen=True, eq=False)
class _Image:
    """An image as read: its voxels, what to check, and what it is called."""

    volume: Volume
    warnings: tuple[str, ...]
    name: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "--image",
        nargs="+",
        required=True,
        metavar="IMAGE",
        help="a NIfTI file of any kind of image, or an abdominal CT as a folder, zip or DICOM files",
    )
    parser.add_argument(
        "--mask",
        required=True,
        metavar="MASK",
        help="a NIfTI label map or a DICOM SEG on the image's grid",
    )
    parser.add_argument(
        "--preset",
        required=True,
        choices=tuple(PRESETS),
        help="; ".join(f"{name}: {preset.title}" for name, preset in PRESETS.items()),
    )
    parser.add_argument(
        "--label",
        type=int,
        metavar="L",
        help="the label or segment to describe (default: all that is not background)",
    )
    parser.add_argument(
        "--engine",
        choices=("fast", "pyradiomics"),
        default="fast",
        help="fast: ours; pyradiomics: the reference, which gives the same values (default: fast)",
    )
    parser.add_argument(
        "--canonical",
        action="store_true",
        help="turn the image to patient axes first: wavelet features depend on how a file stores "
        "its axes, and PyRadiomics takes a NIfTI as it is stored (DICOM is always canonical)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write the features as one row of a CSV feature table"
    )
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read, extract, and write the answer.

    Raises:
        InputError: the image or the mask cannot be read, they do not coincide, or a feature of the
            preset has no value for this region.
    """
    from hccsurv_core.features.radiomics.extract import extract_radiomics
    from hccsurv_core.io.grids import read_mask

    start = time.perf_counter()
    mask_path = Path(arguments.mask)
    image = _read_image([Path(path) for path in arguments.image], arguments.canonical)
    mask = read_mask(
        mask_path,
        image.volume,
        label=arguments.label,
        progress=part_of(report_progress, 0.2, 0.3),
    )
    read_s = time.perf_counter() - start
    try:
        result = extract_radiomics(
            image.volume,
            mask,
            arguments.preset,
            label=arguments.label,
            engine=arguments.engine,
            device=arguments.device,
            progress=part_of(report_progress, 0.3, 1.0),
        )
    except InputError as error:
        raise _about_files(error, image.name, mask_path.name) from error
    answer = result.to_json()
    answer["settings"]["axes"] = image.volume.axes
    answer["warnings"] = list(image.warnings)
    total_s = time.perf_counter() - start
    answer["timings_s"] = {
        "read": round(read_s, 3),
        "extract": round(total_s - read_s, 3),
        "total": round(total_s, 3),
    }
    if arguments.out:
        _write_row(Path(arguments.out), image.name, result)
    write_answer(answer, arguments.json, _table(result, image, mask_path.name))


def _read_image(paths: list[Path], canonical: bool) -> _Image:
    """A NIfTI as stored; anything else through the intake, which reads and judges abdominal CT."""
    from hccsurv_core.io.grids import read_nifti_as_stored
    from hccsurv_core.io.intake import Upload

    reading = part_of(report_progress, 0.0, 0.2)
    if len(paths) == 1 and paths[0].is_file():
        volume = read_nifti_as_stored(paths[0], progress=reading)
        if volume is not None:
            if canonical:
                volume = volume.to_canonical()
            return _Image(volume, (), paths[0].name)
    with Upload(paths, progress=reading) as upload:
        scan = upload.load()
    return _Image(scan.volume, tuple(scan.warnings), paths[0].resolve().name)


def _about_files(error: InputError, image: str, mask: str) -> InputError:
    """The error with the file's name where the extraction says "image" or "mask"."""
    source = {"image": image, "mask": mask, None: mask}.get(error.source, error.source)
    return type(error)(error.what, source=source, remedy=error.remedy)


def _write_row(path: Path, name: str, result: RadiomicsResult) -> None:
    from hccsurv_core.features.feature_table import FeatureTable, write_feature_table

    stem = name.removesuffix(".gz").rsplit(".", 1)[0]
    table = FeatureTable((stem,), tuple(result.features), result.vector()[None])
    write_feature_table(path, table)


def _table(result: RadiomicsResult, image: _Image, mask: str) -> str:
    """A line for each feature, in groups of one image each."""
    volume_ml = result.n_voxels * image.volume.voxel_volume_ml
    lines = [
        f"{len(result.features)} features ({result.settings['preset']}, "
        f"{result.settings['engine']}) of {mask} in {image.name}: "
        f"{result.n_voxels} voxels, {volume_ml:.1f} ml",
    ]
    width = max(len(name) for name in result.features)
    group = None
    for name, value in result.features.items():
        if name.rsplit("_", 2)[0] != group:
            group = name.rsplit("_", 2)[0]
            lines.append("")
        lines.append(f"{name:<{width}}  {value:>14.7g}")
    lines += ["", *(f"check: {text}" for text in image.warnings)]
    lines.append("Research use. Not a medical device.")
    return "\n".join(lines)
