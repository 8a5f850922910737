"""The causes behind one patient of the immunotherapy cohort, and the hazard they make.

Causes come first: tumor burden, lung metastases, portal vein thrombosis, an infiltrative habit,
the state of the liver, and the answer to treatment, which shows as growth, necrosis and new
lesions between two scans. They make images, clinical values and the hazard of death.

Published (Xia et al., Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8): 207 patients,
age 61 ± 12, 180 men, 138 deaths, median survival 475 days, and the coefficients of the clinical
score CLN. How frequent the seven clinical variables are, and all other numbers, is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.simulate.cohort_writer import patient_rng
from hccsurv_core.simulate.immunotherapy.centers import Center, center_of
from hccsurv_core.simulate.immunotherapy.lesions import Growth, Lesion, draw_lesions

SYSTEM = "immunotherapy"
DIFFERENTIATION = ("high", "moderate", "low", "undifferentiated")
#: Coefficients of the published clinical score.
CLN = {
    "differentiation": 0.3747, "nash": 0.1593, "surgery": -0.1801, "pvtt": 0.6732,
    "ebrt": -0.8235, "tace": 0.6482, "rfa": -0.4497,
}  # fmt: skip
#: Log hazard per unit of the standardized causes.
EFFECTS = {
    "cln": 0.8, "burden": 0.42, "lung": 0.30, "infiltration": 0.18, "cirrhosis": 0.22,
    "growth": 0.60, "necrosis": -0.30, "new_lesions": 0.30, "center": 1.0,
}  # fmt: skip
#: What is known at baseline; the rest shows only between two scans.
BASELINE_EFFECTS = ("cln", "burden", "lung", "infiltration", "cirrhosis")
#: Mean and standard deviation of causes that are not standard by construction.
_CLN_MEAN = 0.86
_LUNG_MEAN, _LUNG_SD = 0.75, 1.27
_NECROSIS_MEAN, _NECROSIS_SD = 0.9, 1.1
GROWTH_MEAN, GROWTH_SD = -0.02, 0.11
_NEW_MEAN, _NEW_SD = 0.24, 0.43


@dataclass(frozen=True)
class Causes:
    """One patient. z marks values with mean 0 and standard deviation 1 over the population.

    Args:
        center: where.
        age_years, sex: facts.
        burden: z, tumor load of the liver.
        infiltration: z, blurred and patchy tumors.
        cirrhosis: z, of the liver behind them.
        response: z, latent answer to treatment, higher = better.
        differentiation: 0 (high) to 3 (undifferentiated).
        nash, surgery, pvtt, ebrt, tace, rfa: the other six clinical variables.
        interval_days: from baseline to the follow-up scan (planned, where there is none).
        has_followup: a follow-up scan exists.
        has_followup_chest: it includes the chest.
        growth_rate: monthly change of the logarithm of the diameters.
        necrosis_shift: rise of the logit of the necrotic share from baseline to follow-up.
        lesions: at both times.
    """

    center: Center
    age_years: float
    sex: str
    burden: float
    infiltration: float
    cirrhosis: float
    response: float
    differentiation: int
    nash: bool
    surgery: bool
    pvtt: bool
    ebrt: bool
    tace: bool
    rfa: bool
    interval_days: float
    has_followup: bool
    has_followup_chest: bool
    growth_rate: float
    necrosis_shift: float
    lesions: tuple[Lesion, ...]

    def of(self, organ: str) -> tuple[Lesion, ...]:
        """Lesions of "liver" or "lung"."""
        return tuple(one for one in self.lesions if one.organ == organ)

    @property
    def clinical_score(self) -> float:
        """CLN as published."""
        return float(sum(weight * float(getattr(self, name)) for name, weight in CLN.items()))

    @property
    def has_new_lesion(self) -> bool:
        """Something is there at follow-up that was not at baseline."""
        return any(one.baseline_mm == 0 and one.followup_mm > 0 for one in self.lesions)

    def standardized(self) -> dict[str, float]:
        """What each of :data:`EFFECTS` is multiplied with."""
        lung_ml = sum(one.volume_ml(0) for one in self.of("lung"))
        return {
            "cln": self.clinical_score - _CLN_MEAN,
            "burden": self.burden,
            "lung": (np.log1p(lung_ml * 4) - _LUNG_MEAN) / _LUNG_SD,
            "infiltration": self.infiltration,
            "cirrhosis": self.cirrhosis,
            "growth": (self.growth_rate - GROWTH_MEAN) / GROWTH_SD,
            "necrosis": (self.necrosis_shift - _NECROSIS_MEAN) / _NECROSIS_SD,
            "new_lesions": (float(self.has_new_lesion) - _NEW_MEAN) / _NEW_SD,
            "center": self.center.hazard_shift,
        }

    def linear_predictor(self, only: tuple[str, ...] = tuple(EFFECTS)) -> float:
        """True log hazard ratio, or the part of it that the effects ``only`` make."""
        values = self.standardized()
        return float(sum(EFFECTS[name] * values[name] for name in only))


def draw_causes(seed: int, i: int) -> Causes:
    """Patient ``i`` of the cohort with this seed."""
    center = center_of(seed, i)
    rng = patient_rng(SYSTEM, seed, i, 0)
    z, u = rng.standard_normal(16), rng.random(12)
    burden = float(np.clip(0.98 * z[0] + center.burden_shift, -2.6, 2.6))
    infiltration = float(z[1])
    pvtt = bool(u[0] < _logistic(-0.95 + 0.8 * burden))
    differentiation = int(np.searchsorted((-1.3, 0.15, 1.6), 0.4 * infiltration + 0.92 * z[2]))
    response = float(z[3])
    interval = float(np.round(np.clip(center.interval_days + 11 * z[4], 45, 150)))
    has_followup = bool(u[1] < 0.95)
    growth = Growth(
        rate=float(GROWTH_MEAN - GROWTH_SD * (0.85 * response + 0.527 * z[5])),
        spread=0.02,
        months=interval / DAYS_PER_MONTH,
        necrosis_shift=float(_NECROSIS_MEAN + _NECROSIS_SD * (0.6 * response + 0.8 * z[6])),
        # A few of the best responders with little tumor lose all of it.
        complete=bool(response > 1.1 and burden < 0.4 and u[9] < 0.5),
    )
    return Causes(
        center=center,
        age_years=float(np.round(np.clip(61 + 12 * z[7], 24, 88))),
        sex="male" if u[2] < 180 / 207 else "female",
        burden=burden,
        infiltration=infiltration,
        cirrhosis=float(z[8]),
        response=response,
        differentiation=differentiation,
        nash=bool(u[3] < 0.12),
        surgery=bool(u[4] < _logistic(-0.6 - 0.35 * burden)),
        pvtt=pvtt,
        ebrt=bool(u[5] < (0.17 if pvtt else 0.10)),
        tace=bool(u[6] < _logistic(0.25 + 0.1 * burden)),
        rfa=bool(u[7] < _logistic(-1.5 - 0.45 * burden)),
        interval_days=interval,
        has_followup=has_followup,
        has_followup_chest=has_followup and bool(u[8] < center.chest_at_follow_up),
        growth_rate=growth.rate,
        necrosis_shift=growth.necrosis_shift,
        lesions=_lesions(patient_rng(SYSTEM, seed, i, 1), burden, infiltration, response, growth),
    )


def _lesions(
    rng: np.random.Generator, burden: float, infiltration: float, response: float, growth: Growth
) -> tuple[Lesion, ...]:
    z, u = rng.standard_normal(4), rng.random(2)
    index = float(np.clip(np.exp(np.log(56) + 0.45 * burden + 0.12 * z[0]), 14, 115))
    n_more = min(int(rng.poisson(np.exp(0.3 + 0.35 * burden))), 7)
    more = np.clip(index * rng.uniform(0.15, 0.65, n_more), 8.0, 48.0)
    core = -2.0 + 0.3 * burden + 0.4 * z[1]
    n_new = min(int(rng.poisson(np.exp(-1.85 - 0.6 * response))), 4)
    liver = draw_lesions(rng, "liver", [index, *sorted(more, reverse=True)], n_new, core, growth, 1)
    n_lung = 0
    if u[0] < _logistic(-0.75 + 0.45 * burden + 0.2 * infiltration):
        n_lung = min(1 + int(rng.poisson(rng.gamma(1.2, 2.2))), 14)
    sizes = np.clip(np.exp(np.log(10.5) + 0.3 * z[2] + 0.35 * rng.standard_normal(n_lung)), 5, 34)
    n_new = min(int(rng.poisson(np.exp(-2.5 - 0.6 * response + 0.8 * (n_lung > 0)))), 5)
    lung = draw_lesions(
        rng, "lung", sorted(sizes, reverse=True), n_new, -4.0, growth, len(liver) + 1
    )
    return liver + lung


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
