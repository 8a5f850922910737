"""What stands behind a figure or a table: data, question, settings, versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hccsurv_core import __version__

RESEARCH_USE = "Research use. Not a medical device."
SIMULATED = "Simulated patients: drawn by a computer, not observed."
_PACKAGES = ("numpy", "scipy", "pandas", "plotly", "matplotlib")


@dataclass(frozen=True)
class Manifest:
    """Everything needed to make a result again.

    Args:
        result: what it is ("Kaplan-Meier curves").
        source: the data's name and digest.
        settings: the question as asked: endpoint, filters, groups, horizons, seed.
        simulated: whether the patients are not real.
    """

    result: str
    source: Mapping[str, Any]
    settings: Mapping[str, Any]
    simulated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values, versions included."""
        return {
            "result": self.result,
            "source": dict(self.source),
            "settings": dict(self.settings),
            "simulated": self.simulated,
            "versions": software_versions(),
            "note": RESEARCH_USE,
        }

    def to_text(self) -> str:
        """As a file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, default=str) + "\n"

    def caption(self) -> list[str]:
        """Lines under a printed figure: whose patients, which question, which version."""
        asked = "; ".join(
            f"{name.replace('_', ' ')}: {value}"
            for name, value in self.settings.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
        )
        lines = [SIMULATED] if self.simulated else []
        name = self.source.get("name", "")
        return [*lines, f"Data: {name}. {asked}. hccsurv {__version__}.".replace(". .", ".")]

    def csv_comment(self) -> str:
        """Last lines of a CSV file, marked as comments."""
        return "".join(f"# {line}\n" for line in [*self.caption(), RESEARCH_USE])


def software_versions() -> dict[str, str]:
    """Of this package, Python, and what numbers and figures are made with."""
    found = {"hccsurv": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
