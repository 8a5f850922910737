"""Settings back from plain values, as they come from a file, a bundle or a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)

#: How a part of the settings is made of its plain value.
Parts = Mapping[str, Callable[[Any], Any]]


def read_settings(
    kind: type[Settings], found: Mapping[str, Any], source: str, parts: Parts | None = None
) -> Settings:
    """An object of a settings' class, made of plain values; what is not named keeps its default.

    Args:
        kind: the dataclass of the settings.
        found: plain values by name.
        source: what is read, for messages.
        parts: of values that are settings themselves: what makes them. None is handed on as it is
            where it is the default.

    Raises:
        InputError: a name is unknown, or a value cannot be used; names it.
    """
    parts = parts or {}
    try:
        known = {f.name: f for f in fields(kind)}
        unknown = [name for name in found if name not in known]
        if unknown:
            raise InputError(
                f"no setting is called {unknown[0]!r}", source=source,
                remedy=f"choose among {', '.join(sorted(known))}",
            )  # fmt: skip
        plain = {
            name: parts[name](value)
            if name in parts and not _is_none(known[name], value)
            else value
            for name, value in found.items()
        }
        return kind(**plain)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        # A list where a name belongs, a text where a number does: told by whoever met it first.
        raise InputError(f"a setting cannot be used ({error})", source=source) from error


def _is_none(field: Field[Any], value: Any) -> bool:
    return value is None and field.default is None
