"""What stands under a nomogram: how to read it, whom it was trained on, and where to be careful."""

from __future__ import annotations

from hccsurv_core.models.nomogram import Nomogram, NomogramPoints
from hccsurv_core.models.nomogram_tables import rounding_error
from hccsurv_core.models.nomogram_variables import CategoryVariable, NumberVariable
from hccsurv_core.wording import agree


def nomogram_caption(
    nomogram: Nomogram, scored: NomogramPoints | None = None, interval_words: str = ""
) -> tuple[str, ...]:
    """Sentences for print and screen.

    Args:
        scored: the patient that is marked.
        interval_words: what the bars on the survival axes are; empty without bars.
    """
    sentences = [
        "Read each value's points off the scale at the top, add them, find the sum on Total points "
        "and read survival straight below.",
        _training_words(nomogram),
        _axis_words(nomogram),
        *_patient_words(nomogram, scored),
    ]
    if interval_words:
        sentences.append(f"Bars on the survival axes: {interval_words}.")
    if nomogram.without_effect:
        n = len(nomogram.without_effect)
        sentences.append(
            f"{', '.join(nomogram.without_effect)} {agree(n, 'has', 'have')} no effect in this "
            f"model and no axis."
        )
    worst = rounding_error(nomogram)
    sentences.append(
        f"With points rounded to whole numbers a survival can be off by up to "
        f"{_percent(max(worst.survival))} percentage points."
    )
    return tuple(s for s in sentences if s)


def _training_words(nomogram: Nomogram) -> str:
    training = nomogram.training
    whom = (
        f"{training.n:,} patients with {training.n_events:,} events, followed for up to "
        f"{training.follow_up_months:.0f} months"
    )
    if training.simulated:
        return f"Trained on simulated patients ({training.name}): {whom}."
    return f"Trained on {training.name}: {whom}."


def _axis_words(nomogram: Nomogram) -> str:
    numbers = [v for v in nomogram.variables if isinstance(v, NumberVariable)]
    found = []
    kinds = sorted({v.axis.words for v in numbers})
    if kinds:
        found.append(f"Axes of numbers go from {' or '.join(_ends(k) for k in kinds)}.")
    shown = []
    if any(v.axis.middle for v in numbers) or nomogram.training.linear_predictor:
        shown.append("gray bars: the middle half and 90 % of the training patients")
    if any(isinstance(v, CategoryVariable) and v.shares for v in nomogram.variables):
        shown.append("gray dots: their share at a level")
    if shown:
        words = "; ".join(shown)
        found.append(f"{words[0].upper()}{words[1:]}.")
    return " ".join(found)


def _ends(words: str) -> str:
    """ "training minimum to maximum" reads on after "go from"."""
    return f"the {words}" if words[0].isalpha() else words


def _patient_words(nomogram: Nomogram, scored: NomogramPoints | None) -> list[str]:
    if scored is None:
        return []
    found = []
    if scored.outside:
        labels = [nomogram.variable(name).label for name in scored.outside]
        found.append(
            f"* {', '.join(labels)} {agree(len(labels), 'lies', 'lie')} outside the range of the "
            "training patients; the points are computed beyond the axis and less certain."
        )
    if scored.total_outside:
        found.append("† No training patient had a total as low or as high.")
    if scored.whole:
        found.append("Points are rounded to whole numbers.")
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
