"""``recist``: response by RECIST 1.1 and mRECIST, and tumor growth, from a table or two masks."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.commands.shared import add_common_arguments, number, write_answer
from hccsurv_core.errors import InputError, IntensityError, TableError, UnreadableFileError

if TYPE_CHECKING:
    from hccsurv_core.features.recist_lesions import LesionSizes
    from hccsurv_core.features.recist_response import Response
    from hccsurv_core.features.tumor_growth import GrowthRate
    from hccsurv_core.io.tables import RawTable
    from hccsurv_core.volume import LabelMap

_NEEDED = ("lesion", "organ", "baseline_mm", "followup_mm")
_OPTIONAL = ("viable_baseline_mm", "viable_followup_mm")
#: Options that are masks, as the measuring calls them.
_MASKS = ("baseline", "followup", "viable_baseline", "viable_followup")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "table", nargs="?",
        help=f"CSV, TSV or XLSX with columns {', '.join(_NEEDED)}, and where known "
        f"{', '.join(_OPTIONAL)}; 0 is not there, empty at follow-up not evaluated",
    )  # fmt: skip
    for name in _MASKS:
        what = "viable (arterially enhancing) tumor" if "viable" in name else "lesions"
        when = "baseline" if "baseline" in name else "follow-up"
        parser.add_argument(
            f"--{name.replace('_', '-')}", metavar="MASK",
            help=f"NIfTI of {what} at {when}, a label a lesion, the same at both times",
        )  # fmt: skip
    parser.add_argument(
        "--organ", action="append", default=[], metavar="[LABEL=]NAME",
        help="organ of all lesions of the masks, or of one (repeatable; default liver)",
    )  # fmt: skip
    parser.add_argument(
        "--by-hand", action="append", default=[], metavar="LESION:SIZE=MM",
        help="a diameter in place of a measured one, as in 2:followup_mm=31.5 (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--new-lesion", action="store_true", help="the reader saw a new lesion beside those given"
    )
    parser.add_argument(
        "--non-target", type=_status, metavar="STATUS",
        help="lesions that are no targets: complete, not-complete, not-evaluated or progression "
        "(default: from those given)",
    )  # fmt: skip
    parser.add_argument("--interval-days", type=number, metavar="D", help="between the scans")
    parser.add_argument("--nadir-mm", type=number, metavar="X", help="smallest sum so far")
    parser.add_argument(
        "--viable-nadir-mm", type=number, metavar="X", help="smallest sum of mRECIST so far"
    )
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Judge the response and write the answer.

    Raises:
        InputError: neither or both of table and masks are given, or one cannot be used.
    """
    from hccsurv_core.features.recist import mrecist, recist

    if bool(arguments.table) == bool(arguments.baseline):
        raise InputError(
            "a table or masks are needed, not both",
            source="recist",
            remedy="give TABLE, or --baseline MASK and --followup MASK",
        )
    measured: dict[str, Any] = {}
    if arguments.table:
        lesions = _from_table(Path(arguments.table), arguments)
    else:
        lesions, measured = _from_masks(arguments)
    lesions = _typed(lesions, arguments.by_hand)
    said = {"new_lesion": arguments.new_lesion, "non_target": arguments.non_target}
    by_recist = recist(lesions, nadir_mm=arguments.nadir_mm, **said)
    by_mrecist = mrecist(lesions, nadir_mm=arguments.viable_nadir_mm, **said)
    growth = _growth(by_recist, arguments.interval_days)
    answer = {
        "lesions": [lesion.to_json() for lesion in lesions],
        "recist": by_recist.to_json(),
        "mrecist": by_mrecist.to_json(),
        "growth": {
            "interval_days": arguments.interval_days,
            "target_sum": None if growth is None else growth.to_json(),
            "volumes": measured.get("volumes"),
        },
        "diameters": measured.get("diameters"),
    }
    write_answer(answer, arguments.json, _text(by_recist, by_mrecist, growth))


def _status(text: str) -> str:
    from hccsurv_core.features.recist_response import NON_TARGET

    status = text.strip().lower().replace("-", " ").replace("_", " ")
    if status not in NON_TARGET:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(NON_TARGET)}")
    return status


# -- a table -----------------------------------------------------------------------------------
def _from_table(path: Path, arguments: argparse.Namespace) -> tuple[LesionSizes, ...]:
    from hccsurv_core.features.recist_lesions import LesionSizes
    from hccsurv_core.io.tables import read_table

    others = [name for name in _MASKS if getattr(arguments, name)] + ["organ"] * bool(
        arguments.organ
    )
    if others:
        raise InputError(
            f"--{others[0].replace('_', '-')} is for masks, not for a table",
            source="recist",
            remedy="leave it out",
        )
    raw = read_table(path)
    texts = {name: raw.column(name).values() for name in _NEEDED}
    texts |= {name: raw.column(name).values() for name in _OPTIONAL if name in raw.column_names}
    lesions = []
    for row in range(raw.n_rows):
        cells = {name: texts[name][row] for name in texts}
        sizes = {n: _size(raw, row, n, t) for n, t in cells.items() if n.endswith("_mm")}
        if sizes["baseline_mm"] is None:
            raise TableError(
                f"row {raw.row_numbers[row]} has no baseline_mm",
                source=raw.source,
                remedy="write 0 for a lesion that was not there yet",
            )
        name, organ = (str(cells[n] or "").strip() for n in ("lesion", "organ"))
        lesions.append(LesionSizes(name, organ, **sizes))  # type: ignore[arg-type]
    return tuple(lesions)


def _size(raw: RawTable, row: int, name: str, text: str | None) -> float | None:
    from hccsurv_core.cohort.cell_values import is_missing_text, read_number

    if text is None or is_missing_text(text):
        return None
    value = read_number(text)
    if math.isnan(value):
        raise TableError(
            f"row {raw.row_numbers[row]}: {text!r} in {name} is no number",
            source=raw.source,
            remedy="write millimeters with a decimal point, and nothing where it is not known",
        )
    return value


# -- masks -------------------------------------------------------------------------------------
def _from_masks(arguments: argparse.Namespace) -> tuple[tuple[LesionSizes, ...], dict[str, Any]]:
    """The lesions, and what else the answer tells of them."""
    from hccsurv_core.features.recist_measure import measure_lesions
    from hccsurv_core.features.tumor_growth import label_volumes_ml, tumor_growth

    paths = {name: getattr(arguments, name) for name in _MASKS}
    maps = {name: _read_labels(Path(path)) for name, path in paths.items() if path}
    measured = measure_lesions(
        maps["baseline"],
        maps.get("followup"),
        viable_baseline=maps.get("viable_baseline"),
        viable_followup=maps.get("viable_followup"),
        **_organs(arguments.organ),
    )
    answer: dict[str, Any] = {
        "diameters": {
            size: {str(n): one.to_json() for n, one in at.items()}
            for size, at in measured.diameters.items()
        }
    }
    if "followup" in maps:
        before, after = (label_volumes_ml(maps[name]) for name in ("baseline", "followup"))
        answer["volumes"] = tumor_growth(before, after, arguments.interval_days).to_json()
    return measured.lesions, answer


def _read_labels(path: Path) -> LabelMap:
    """A NIfTI of whole numbers as labels."""
    import numpy as np

    from hccsurv_core.io.grids import read_nifti_as_stored
    from hccsurv_core.volume import LabelMap

    volume = read_nifti_as_stored(path)
    if volume is None:
        raise UnreadableFileError("is no NIfTI", source=path.name, remedy="give a NIfTI label map")
    voxels = volume.voxels
    if not np.issubdtype(voxels.dtype, np.integer):
        whole = voxels.astype(np.int32)
        if not np.array_equal(whole, voxels):
            raise IntensityError(
                "a mask holds whole numbers, this one others too",
                source=path.name,
                remedy="give the mask, not the image",
            )
        voxels = whole
    return LabelMap(voxels, volume.affine)


def _organs(given: Sequence[str]) -> dict[str, Any]:
    """Organs as the measuring takes them: of lesions that are named, and of all others."""
    found: dict[str, Any] = {"organs": {}}
    for text in given:
        label, equals, organ = text.rpartition("=")
        if not organ.strip() or (equals and not label.strip().isdecimal()):
            raise InputError(
                f"{text!r} names no organ", source="--organ", remedy="give for example 3=lung"
            )
        if equals:
            found["organs"][int(label)] = organ
        else:
            found["organ"] = organ
    return found


def _typed(lesions: tuple[LesionSizes, ...], given: Sequence[str]) -> tuple[LesionSizes, ...]:
    """The lesions with diameters typed by hand, found by their label or name."""
    found = list(lesions)
    for text in given:
        who, _, rest = text.rpartition(":")
        size, _, mm = rest.partition("=")
        at = [k for k, one in enumerate(found) if who in (one.name, str(one.label))]
        if len(at) != 1:
            raise InputError(
                f"{text!r} names no lesion", source="--by-hand",
                remedy="give for example 2:followup_mm=31.5",
            )  # fmt: skip
        try:
            value = float(mm)
        except ValueError as error:
            raise InputError(f"{mm!r} is not a number", source="--by-hand") from error
        found[at[0]] = found[at[0]].typed(**{size.strip(): value})
    return tuple(found)


# -- the answer --------------------------------------------------------------------------------
def _growth(response: Response, interval_days: float | None) -> GrowthRate | None:
    """Of the sum of the targets; None where one of the sums is not known."""
    from hccsurv_core.features.tumor_growth import growth_of_diameter

    before, after = response.baseline_sum_mm, response.followup_sum_mm
    if before is None or after is None:
        return None
    return growth_of_diameter(before, after, interval_days)


def _text(by_recist: Response, by_mrecist: Response, growth: GrowthRate | None) -> str:
    """For a terminal."""
    lines = []
    for response in (by_recist, by_mrecist):
        word = response.word or "not known"
        lines.append(f"{response.criterion.title}: {word} – {response.reason}")
        for target in response.targets:
            after = "not known" if target.followup_mm is None else f"{target.followup_mm:.1f}"
            lines.append(f"  {target.name} ({target.organ}): {target.baseline_mm:.1f} → {after} mm")
        lines += [f"  note: {note}" for note in response.notes]
    if growth is not None:
        rate = growth.rate_percent_per_month
        bound = " or faster, as the tumor vanished" if growth.is_bound else ""
        told = growth.reason if rate is None else f"{rate:+.1f} % of volume per month{bound}"
        lines.append(f"Tumor growth rate: {told}")
    lines.append("Research use. Not a medical device.")
    return "\n".join(lines)
