"""Agreement of raters and of methods: one door to its three rooms.

Continuous ratings: intraclass correlation. Categories: kappa and percent agreement. Two methods
of measuring: limits of agreement and concordance correlation.
"""

from hccsurv_core.stats.intraclass import (
    IntraclassCorrelation,
    intraclass_correlation,
    intraclass_correlations,
)
from hccsurv_core.stats.kappa import (
    FleissKappa,
    cohen_kappa,
    cohen_kappa_of_table,
    fleiss_kappa,
    fleiss_kappa_of_counts,
    percent_agreement,
    rating_table,
)
from hccsurv_core.stats.method_comparison import (
    LimitsOfAgreement,
    concordance_correlation,
    limits_of_agreement,
)

__all__ = [
    "FleissKappa",
    "IntraclassCorrelation",
    "LimitsOfAgreement",
    "cohen_kappa",
    "cohen_kappa_of_table",
    "concordance_correlation",
    "fleiss_kappa",
    "fleiss_kappa_of_counts",
    "intraclass_correlation",
    "intraclass_correlations",
    "limits_of_agreement",
    "percent_agreement",
    "rating_table",
]
