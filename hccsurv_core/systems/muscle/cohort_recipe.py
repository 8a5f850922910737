"""How system 1 learns from a cohort's features: which of them, in which roles, by which recipes.

Three kinds of features stand side by side. The 1343 radiomics go through the paper's autoencoder
to 100 codes. Nine measures of size, density and texture and nine values of the record pass it by:
each has a meaning, and they are few enough for the events of some hundred patients. A ridge Cox
model of all three is the linear part; deep Cox networks stand beside it and learn what it misses.
Cross-validation decides whether they do, and the description says how it came out.

The prior of the linear part is set before any outcome is seen: clinical values are coded so that
higher is worse and are drawn to one common weight; so are the four views of the streaks' coarseness,
either way; the other measures may move freely; each code as far as it varies between patients. Its
scales were chosen on simulated cohorts of the seeds 1, 11, 12 and 201;
``benchmarks/muscle_oracle.py`` reports how models of other seeds do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hccsurv_core.models.prior_ridge import Prior, PriorGroup
from hccsurv_core.models.recipe import Recipe
from hccsurv_core.systems.muscle.clinical_block import CLINICAL_NAMES
from hccsurv_core.systems.muscle.feature_groups import is_radiomic

#: Measures that stand beside the code, with what each is for.
MEASURES: dict[str, str] = {
    "muscle.size_index": "how much muscle, streaks of fat included, for the patient's height",
    "muscle.asymmetry": "how uneven left and right are",
    "muscle.lean_hu_above_fat": "how dense lean muscle is, without the scanner's offset",
    "muscle.back_hu_below_psoas": "how much less dense the back is, from fat too fine to see",
    "muscle.fat_root": "how much fat lies within the muscle, traces included",
    "muscle.coherence": "how coarse the streaks are: how alike neighbors are in faint fat",
    "muscle.coherence_wall": "the same in the lateral wall, where streaks are thinnest",
    "muscle.log_streaks_per_cm2": "how many streaks there are: coarse ones are few",
    "muscle.log_streak_length_mm": "how long the back's streaks are: coarse ones are long",
}
#: Four views of one thing, the coarseness of the streaks, with the way each goes with it. Whether
#: coarse is better or worse is left to the patients.
COARSENESS: dict[str, float] = {
    "muscle.coherence": 1.0,
    "muscle.coherence_wall": 1.0,
    "muscle.log_streaks_per_cm2": -1.0,
    "muscle.log_streak_length_mm": 1.0,
}
#: How far a measure's coefficient may move, a code's, and a clinical value's from the common one.
_MEASURE_SCALE, _CODE_SCALE, _CLINICAL_SCALE = 0.7, 0.3, 0.3
#: How far coarseness may move, and each view of it from the common one.
_COARSENESS_SPREAD, _VIEW_SCALE = 1.0, 0.15
#: How far the clinical values' common weight may move.
_CLINICAL_SPREAD = 0.6
#: Ridge penalties that are tried, per event.
PENALTIES = (0.1, 0.2)


def prior() -> Prior:
    """What is known of the linear part's coefficients beforehand."""
    return Prior(
        groups=(
            PriorGroup(dict.fromkeys(CLINICAL_NAMES, 1.0), _CLINICAL_SPREAD),
            PriorGroup(COARSENESS, _COARSENESS_SPREAD),
        ),
        own_scale=_CLINICAL_SCALE,
        free_scale=_CODE_SCALE,
        own_scales={n: _VIEW_SCALE if n in COARSENESS else _MEASURE_SCALE for n in MEASURES},
    )


def is_cohort_table(names: Sequence[str]) -> bool:
    """Whether a table's features are those of a cohort folder."""
    known = set(names)
    return all(name in known for name in (*MEASURES, *CLINICAL_NAMES))


def model_features(names: Sequence[str]) -> tuple[str, ...]:
    """The features of a cohort's table that a model takes, radiomics first, in the table's order."""
    radiomics = tuple(name for name in names if is_radiomic(name))
    return (*radiomics, *MEASURES, *CLINICAL_NAMES)


def cohort_recipes(base: Recipe, names: Sequence[str]) -> tuple[Recipe, ...]:
    """What is tried on a cohort's features.

    Args:
        base: settings of networks and autoencoder.
        names: of the table's features, as of :func:`model_features`.
    """
    wide = any(is_radiomic(name) for name in names)
    common = replace(
        base,
        scaling="normal-score",
        bypass_scaling="z-score",
        representation=base.representation if wide else "none",
        joint=base.joint and wide,
        bypass=(*MEASURES, *CLINICAL_NAMES),
        prior=prior(),
        linear_start=True,
    )
    # The autoencoder begins as principal components, which a linear model can do with.
    components = "pca" if wide else "none"
    linear = tuple(
        replace(
            common, name=f"linear part alone, ridge {p:g}", head="linear", penalty=p,
            representation=components, joint=False,
        )
        for p in PENALTIES
    )  # fmt: skip
    if base.head == "linear":
        return linear
    words = "linear part and deep Cox network" + (", jointly" if common.joint else "")
    deep = replace(common, name=words, head="deep", penalty=0.1)
    return (*linear, deep)
