"""What the page Follow-up says in words: how numbers are made, and what every file says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccsurv_core import __version__
from pages._shared.formats import plain
from pages._shared.treatment_words import SIMULATED

if TYPE_CHECKING:
    from pages._shared.followup_answer import Answered
    from pages._shared.views import StudyView

TIME_TITLES = {"baseline": "Baseline", "followup": "Follow-up"}
ORGAN_TITLES = {"liver": "Liver", "lung": "Lungs", "other": "Elsewhere"}
SIZE_TITLES = {
    "baseline_mm": "Baseline",
    "followup_mm": "Follow-up",
    "viable_baseline_mm": "Enhancing, baseline",
    "viable_followup_mm": "Enhancing, follow-up",
}
#: Sign and class of each category; the word stands beside it.
CATEGORY_SIGNS = {
    "CR": ("○", "ok"), "PR": ("▼", "ok"), "SD": ("■", "unknown"), "PD": ("▲", "low"),
    "NE": ("?", "unknown"),
}  # fmt: skip

HOW_COMPUTED = """
1. **Slices.** Scans are averaged to slices of 5 mm where they are thinner. Of each organ the three with the
   most tumor are taken, else with the most organ (Xia et al., Insights into Imaging 2024,
   doi 10.1186/s13244-024-01784-8). You may choose others. Windows: 400 HU about 0, and 1200 HU about −600.
2. **Organs and lesions.** Your outlines on Scan & ROIs; an organ that is not outlined there is outlined by the
   program, as Settings say (without weights, or by TotalSegmentator where it is installed).
   Lesions are matched between the scans by their names.
3. **Scores.** Five ridge Cox models: the clinical score (CLN), the baseline scan (Rad-S), both (RadCLN-S), both
   scans (Rad-D), and everything (RadCLN-D). Models of both scans tell survival **from the follow-up scan**:
   who has one was alive to have it.
4. **High risk.** Above the median score of the training patients; scores of patients that the model had not seen.
5. **Response.** Longest diameters in the axial plane, from the outlines or as typed; RECIST 1.1 (Eisenhauer et
   al. 2009) and mRECIST (Lencioni and Llovet 2010), which needs what enhances in the arterial phase.
6. **Growth.** Volumes of the outlines; rate in percent of volume per month (Ferté et al. 2014).
"""


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign, and a true minus."""
    text = f"{value:+.{digits}f}"
    return (text[1:] if float(text) == 0 else text).replace("-", "−")


def provenance_lines(view: StudyView, found: Answered | None) -> list[str]:
    """What every file says of itself."""
    lines = [
        f"hccsurv {__version__}",
        "Method after Xia et al. 2024, doi:10.1186/s13244-024-01784-8",
    ]
    if found is not None:
        lines.insert(0, f"Model: {found.entry.name}, {found.entry.sha256[:12]}")
    if view.simulated:
        lines.insert(0, "Simulated patient")
    if found is not None and found.simulated:
        lines.insert(0, f"{SIMULATED}: it says nothing about real ones")
    return lines


def model_words(found: Answered) -> str:
    """Which model answers, and how well it ranks patients not seen (Markdown)."""
    d, entry = found.model.description, found.entry
    told = [f"**Model**: {plain(entry.name)}, hash {entry.sha256[:12]}; {plain(entry.trained_on)}."]
    for row in d["cross_validation"]["results"]:
        c = row["c_index"]
        if row["version"] in found.answer.versions and c["value"] is not None:
            told.append(
                f"**{plain(row['name'])}**: C-index {c['value']:.2f} "
                f"({c['ci_low']:.2f}–{c['ci_high']:.2f}), {plain(row['words'])}."
            )
    return "\n".join(f"- {line}" for line in told)
