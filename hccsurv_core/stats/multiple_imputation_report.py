"""What was missing, and whether the chains of an imputation have settled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hccsurv_core.stats.multiple_imputation_table import CodedTable
from hccsurv_core.stats.plain import plain_number, plain_numbers
from hccsurv_core.wording import count_of


@dataclass(frozen=True)
class MissingCount:
    """One variable: ``n_missing`` of ``n`` patients have no value."""

    name: str
    n: int
    n_missing: int

    @property
    def share(self) -> float:
        """Of patients without a value."""
        return self.n_missing / self.n

    @property
    def words(self) -> str:
        """As "12 (4.3 %)"."""
        percent = 100 * self.share
        text = "<0.1" if 0 < percent < 0.05 else f"{percent:.1f}"
        return f"{self.n_missing:,} ({text} %)"


@dataclass(frozen=True)
class MissingReport:
    """What was missing in a table.

    Args:
        variables: each with its count, in the table's order.
        n: patients. n_complete: of whom no value is missing.
    """

    variables: tuple[MissingCount, ...]
    n: int
    n_complete: int

    @property
    def incomplete_share(self) -> float:
        """Of patients with at least one missing value."""
        return 1 - self.n_complete / self.n

    @property
    def advised_imputations(self) -> int:
        """One for each percent of incomplete patients, 5 at least (White, Royston & Wood, Stat Med
        2011;30:377-399): enough for the same answer another time."""
        return max(5, math.ceil(100 * self.incomplete_share - 1e-9))

    @property
    def sentence(self) -> str:
        """For a report."""
        gaps = [found for found in self.variables if found.n_missing]
        if not gaps:
            return f"Nothing is missing in {count_of(self.n, 'patient')}."
        named = ", ".join(f"{found.name} {found.words}" for found in gaps)
        return (
            f"{self.n - self.n_complete:,} of {count_of(self.n, 'patient')} lack at least one value: "
            f"{named}."
        )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "n": self.n,
            "n_complete": self.n_complete,
            "advised_imputations": self.advised_imputations,
            "variables": [
                {"name": v.name, "n_missing": v.n_missing, "share": v.share} for v in self.variables
            ],
        }


@dataclass(frozen=True, eq=False)
class Convergence:
    """Means of the imputed values as the chains went on.

    Args:
        names: (v,) variables with missing values.
        means: (m, iterations, v) mean of what was imputed: of a number (its logarithm where it was
            imputed so), of the level's place for a category.
    """

    names: tuple[str, ...]
    means: np.ndarray

    @property
    def r_hat(self) -> np.ndarray:
        """(v,) how much wider the means would spread if the chains went on for ever, from their
        second half (Gelman & Rubin 1992): near 1 where they have settled, NaN where there are too
        few chains or iterations. With ten or so iterations it is rough; look for trends, too."""
        late = self.means[:, self.means.shape[1] // 2 :]
        m, length, _ = late.shape
        if m < 2 or length < 2:
            return np.full(len(self.names), np.nan)
        within = late.var(axis=1, ddof=1).mean(axis=0)
        between = late.mean(axis=1).var(axis=0, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt((length - 1) / length + between / within)

    def to_json(self) -> dict[str, object]:
        """Plain values: for each variable its chains and its r_hat."""
        return {
            name: {
                "r_hat": plain_number(float(self.r_hat[i])),
                "means": [plain_numbers(chain) for chain in self.means[:, :, i]],
            }
            for i, name in enumerate(self.names)
        }


def report_missing(table: CodedTable) -> MissingReport:
    """Count what is missing."""
    missing = table.missing
    counts = tuple(
        MissingCount(variable.name, len(missing), int(missing[:, i].sum()))
        for i, variable in enumerate(table.variables)
    )
    return MissingReport(counts, len(missing), int((~missing.any(axis=1)).sum()))
