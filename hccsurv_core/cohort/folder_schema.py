"""The schema of a cohort folder: what ``cohort.json`` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hccsurv_core.errors import TableError

SCHEMA_VERSION = 1
SCHEMA_FILE = "cohort.json"
SYSTEMS = ("muscle", "treatment", "ceus", "immunotherapy")
KINDS = ("number", "category", "boolean", "identifier")
PATIENT_ID = "patient_id"


@dataclass(frozen=True)
class ColumnInfo:
    """What one column holds.

    Args:
        kind: "number", "category" (text out of ``levels``), "boolean" (1 or 0) or "identifier".
        unit: of a number; None where it has none.
        levels: what a category may be, in order where there is one.
        meaning: a few words for a person.
    """

    kind: str
    unit: str | None = None
    levels: tuple[str, ...] | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TableError(
                f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}", source=SCHEMA_FILE
            )
        if (self.kind == "category") != (self.levels is not None):
            raise TableError(
                "a category, and only a category, has levels", source=f"{SCHEMA_FILE}, columns"
            )
        object.__setattr__(self, "levels", None if self.levels is None else tuple(self.levels))


@dataclass(frozen=True)
class Endpoint:
    """A right-censored endpoint of the table.

    Args:
        name: in words ("overall survival").
        time, event: its columns: months, and 1 where the event happened.
        horizons_months: when predictions of it are asked for.
    """

    name: str
    time: str = "time_months"
    event: str = "event"
    horizons_months: tuple[float, ...] = (12.0, 36.0, 60.0)


@dataclass(frozen=True)
class ImageInfo:
    """What the images of one role are: DICOM modality and meaning in words."""

    modality: str
    meaning: str = ""


@dataclass(frozen=True)
class RoiInfo:
    """What the outlines of one structure are.

    Args:
        image: the role on whose grid it is drawn.
        labels: label value (as text) to structure.
        meaning: who drew it and how.
    """

    image: str
    labels: Mapping[str, str] = field(default_factory=lambda: {"1": "inside"})
    meaning: str = ""


@dataclass(frozen=True)
class CohortInfo:
    """The schema of a cohort: what ``cohort.json`` holds.

    Args:
        name: for people.
        system: which of :data:`SYSTEMS` it is for.
        simulated: True where a computer drew the patients.
        endpoint: the main endpoint.
        columns: every column of the table, in its order.
        images: role to what it is.
        rois: "<role>_<structure>" to what it is.
        other_endpoints: further endpoints of the table.
        seed: of a simulated cohort.
        versions: of what made it.
        description: where the patients come from, a sentence or two.
    """

    name: str
    system: str
    simulated: bool
    endpoint: Endpoint
    columns: Mapping[str, ColumnInfo]
    images: Mapping[str, ImageInfo] = field(default_factory=dict)
    rois: Mapping[str, RoiInfo] = field(default_factory=dict)
    other_endpoints: tuple[Endpoint, ...] = ()
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise TableError(
                f"system must be one of {', '.join(SYSTEMS)}, got {self.system!r}",
                source=SCHEMA_FILE,
            )
        needed = {PATIENT_ID: "identifier"}
        for endpoint in (self.endpoint, *self.other_endpoints):
            needed |= {endpoint.time: "number", endpoint.event: "boolean"}
        for column, kind in needed.items():
            if column not in self.columns or self.columns[column].kind != kind:
                raise TableError(f"columns must describe {column!r} as {kind}", source=SCHEMA_FILE)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "schema_version": self.schema_version,
            "name": self.name,
            "description": self.description,
            "system": self.system,
            "simulated": self.simulated,
            "endpoint": _endpoint_to_json(self.endpoint),
            "other_endpoints": [_endpoint_to_json(e) for e in self.other_endpoints],
            "columns": {name: dict(vars(c)) for name, c in self.columns.items()},
            "images": {role: dict(vars(i)) for role, i in self.images.items()},
            "rois": {
                name: {"image": r.image, "labels": dict(r.labels), "meaning": r.meaning}
                for name, r in self.rois.items()
            },
            "seed": self.seed,
            "versions": dict(self.versions),
        }


def info_from_json(data: dict[str, Any]) -> CohortInfo:
    """The schema in what :meth:`CohortInfo.to_json` gave.

    Raises:
        TableError, KeyError, TypeError, ValueError: it is not such a thing.
    """
    return CohortInfo(
        name=str(data["name"]),
        description=str(data.get("description", "")),
        system=data["system"],
        simulated=bool(data["simulated"]),
        endpoint=_endpoint_from_json(data["endpoint"]),
        other_endpoints=tuple(_endpoint_from_json(e) for e in data.get("other_endpoints", [])),
        columns={name: ColumnInfo(**c) for name, c in data["columns"].items()},
        images={role: ImageInfo(**i) for role, i in data.get("images", {}).items()},
        rois={name: RoiInfo(**r) for name, r in data.get("rois", {}).items()},
        seed=data.get("seed"),
        versions=data.get("versions", {}),
    )


def _endpoint_to_json(endpoint: Endpoint) -> dict[str, Any]:
    return {**vars(endpoint), "horizons_months": list(endpoint.horizons_months)}


def _endpoint_from_json(data: dict[str, Any]) -> Endpoint:
    horizons = tuple(float(h) for h in data["horizons_months"])
    return Endpoint(**{**data, "horizons_months": horizons})
