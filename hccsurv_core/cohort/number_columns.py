"""A column of numbers: what cannot be read, what lies beyond limits, what cannot be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.cell_values import Reading, read_number, read_numbers
from hccsurv_core.cohort.column_mapping import ColumnSpec
from hccsurv_core.cohort.quantities import TIME_UNITS, Quantity, find_unit, time_unit_in_name
from hccsurv_core.cohort.table_ledger import Ledger, Settled
from hccsurv_core.cohort.table_rows import RowChoice
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawColumn
from hccsurv_core.wording import agree, count_of, values_of

_NEGATIVE_CODES = (-1.0, -9.0, -99.0, -999.0, -9999.0)
_NINES = (999.0, 9999.0, 99999.0)
#: A value of all nines stands out if everything else is below this share of it (ours).
_STANDS_OUT = 1 / 3


class NumberReader:
    """Reads one column of numbers for the chosen rows and settles what is odd.

    Args:
        column: the column.
        spec: what it means.
        choice: the rows that stand for patients.
        ledger: where issues are settled.
    """

    def __init__(
        self, column: RawColumn, spec: ColumnSpec, choice: RowChoice, ledger: Ledger
    ) -> None:
        self.column = column
        self.spec = spec
        self.choice = choice
        self.ledger = ledger
        self.numbers = read_numbers(column, spec.decimal, spec.missing)
        self.codes = column.codes[choice.rows]
        fine = self.numbers.readings == Reading.FINE
        distinct = np.where(fine, self.numbers.values, np.nan)
        self.distinct = distinct
        self.values = np.append(distinct, np.nan)[self.codes]

    def read(self) -> tuple[ColumnSpec, NDArray[np.float64]]:
        """The spec, with the unit in which values are now, and the (n,) values, NaN if missing.

        Raises:
            TableError: a value put in by hand is no number.
        """
        self._tell_thousands()
        self._settle_faults()
        self._settle_limits()
        self._settle_units()
        self._settle_unreadable()
        quantity = self.spec.known_quantity
        if quantity is None:
            self._settle_codes()
            return self.spec, self.values
        self._settle_mixed_units(quantity)
        self._settle_impossible(quantity)
        return self._converted(quantity), self.values

    def _at(self, reading: Reading) -> NDArray[np.int64]:
        """Positions among the chosen rows whose text was read so."""
        texts = np.flatnonzero(self.numbers.readings == reading)
        return np.flatnonzero(np.isin(self.codes, texts))

    def _are(self, at: NDArray[np.int64], one: str, many: str) -> str:
        return values_of(len(at), self.spec.shown, one, many)

    def _settle(
        self,
        kind: str,
        severity: str,
        problem: str,
        at: NDArray[np.int64],
        actions: Sequence[str],
        meant: NDArray[np.float64] | None = None,
        told: Sequence[str | None] | None = None,
    ) -> None:
        """Settle positions; ``meant`` is what ``use_suggestion`` puts there, NaN for nothing."""
        rows = self.choice.rows[at]
        if told is None and meant is not None:
            told = [None if np.isnan(v) else f"{v:.10g}" for v in meant]
        if meant is None or np.isnan(meant).all():
            actions = [action for action in actions if action != "use_suggestion"]
        settled = self.ledger.settle(
            kind, self.spec.name, severity, problem, rows, actions,
            values=self.column.values()[rows], suggestions=told,
        )  # fmt: skip
        self._apply(settled, at, meant)

    def _apply(
        self, settled: Settled, at: NDArray[np.int64], meant: NDArray[np.float64] | None
    ) -> None:
        self.values[at[settled.where("set_missing")]] = np.nan
        if meant is not None:
            used = settled.where("use_suggestion")
            self.values[at[used]] = meant[used]
        for position, text in settled.values.items():
            value = read_number(text, self.spec.decimal)
            if np.isnan(value):
                raise TableError(
                    f"{text!r} is no number",
                    source=self.spec.name,
                    remedy="enter a number as the column has them",
                )
            self.values[at[position]] = value

    def _tell_thousands(self) -> None:
        """ "1,234" is 1234 or 1.234: which of them is told where nothing else shows."""
        sign = "," if self.spec.decimal == "." else "."
        texts = [at for at, text in enumerate(self.column.texts) if sign in text]
        read = [at for at in texts if self.numbers.readings[at] == Reading.FINE]
        at = np.flatnonzero(np.isin(self.codes, np.array(read, dtype=np.int64)))
        if len(at):
            example = self.column.texts[int(self.codes[at[0]])]
            self.ledger.settle_column(
                "thousands", self.spec.name, "info",
                f"{count_of(len(at), 'value')} of {self.spec.shown}, such as {example!r}, "
                f"{agree(len(at), 'is', 'are')} read with a thousands separator "
                f"({self.values[at[0]]:g}).", ("keep",),
            )  # fmt: skip

    def _settle_faults(self) -> None:
        at = self._at(Reading.FAULT)
        if len(at):
            self._settle(
                "formula_error", "error", self._are(at, "is a formula error.", "are formula errors."),
                at, ("set_missing", "exclude", "fix"),
            )  # fmt: skip

    def _settle_limits(self) -> None:
        at = self._at(Reading.LIMIT)
        if len(at):
            self._settle(
                "limit", "warning",
                self._are(at, "lies", "lie")
                + " beyond a limit (such as <20); the limit itself is used.",
                at, ("use_suggestion", "set_missing", "exclude", "fix"),
                self.numbers.values[self.codes[at]],
            )  # fmt: skip

    def _settle_units(self) -> None:
        at = self._at(Reading.WITH_UNIT)
        if not len(at):
            return
        factors = {code: self._factor(unit) for code, unit in self.numbers.units.items()}
        by_row = np.array([factors[int(code)] for code in self.codes[at]])
        meant = self.numbers.values[self.codes[at]] * by_row
        known = np.isfinite(by_row)
        shown = f" ({self.spec.unit})" if self.spec.unit else ""
        own = bool((by_row[known] == 1).all())
        written = (
            f"its unit{shown}" if own else f"a unit and converted to that of the column{shown}"
        )
        for chosen, kind, text, actions in (
            (known, "written_unit", f" written with {written}.",
             ("use_suggestion", "set_missing", "exclude", "fix")),
            (~known, "unknown_unit", " followed by something that is no unit of it.",
             ("set_missing", "use_suggestion", "exclude", "fix")),
        ):  # fmt: skip
            if chosen.any():
                plain = self.numbers.values[self.codes[at]]
                self._settle(
                    kind, "error" if kind == "unknown_unit" else "info" if own else "warning",
                    self._are(at[chosen], "is", "are") + text, at[chosen], actions,
                    np.where(known, meant, plain)[chosen],
                )  # fmt: skip

    def _factor(self, unit: str) -> float:
        """What a number written with ``unit`` is multiplied by; NaN if the unit is not known."""
        quantity = self.spec.known_quantity
        if quantity is None:
            own = time_unit_in_name(self.spec.unit or self.spec.name)
            theirs = time_unit_in_name(unit)
            if own is not None and theirs is not None:
                return TIME_UNITS[theirs] / TIME_UNITS[own]
            return 1.0 if unit == self.spec.unit else np.nan
        if quantity.key == "age" and time_unit_in_name(unit) == "years":
            return 1.0
        found = find_unit(unit, quantity)
        if found is None:
            return np.nan
        return quantity.factor(found) / quantity.factor(self.spec.unit)

    def _settle_unreadable(self) -> None:
        at = self._at(Reading.UNREADABLE)
        if not len(at):
            return
        other = "." if self.spec.decimal == "," else ","
        texts = self.column.values()[self.choice.rows[at]]
        meant = np.array([read_number(str(text), other) for text in texts])
        self._settle(
            "not_a_number", "error", self._are(at, "is no number.", "are no numbers."), at,
            ("set_missing", "use_suggestion", "exclude", "fix"), meant,
        )  # fmt: skip

    def _settle_codes(self) -> None:
        """Values that statistics programs write for *not known*."""
        known = self.values[np.isfinite(self.values)]
        if not len(known):
            return
        rest = known[~np.isin(known, _NEGATIVE_CODES)]
        if len(rest) and rest.min() >= 0:
            actions = ("set_missing", "keep", "exclude", "fix")
            self._settle_code("missing_code", _NEGATIVE_CODES, actions)
        top = known.max()
        below = known[known < top]
        twice = top in _NINES and (known == top).sum() > 1
        if twice and len(below) and below.max() <= _STANDS_OUT * top:
            actions = ("keep", "set_missing", "exclude", "fix")
            self._settle_code("all_nines", (top,), actions)

    def _settle_code(self, kind: str, codes: Sequence[float], actions: Sequence[str]) -> None:
        at = np.flatnonzero(np.isin(self.values, codes))
        if len(at):
            self._settle(
                kind, "warning",
                self._are(at, "looks", "look") + " like a code for missing.", at, actions,
            )  # fmt: skip

    def _settle_mixed_units(self, quantity: Quantity) -> None:
        """Values that are only possible in another unit, where units cannot be confused."""
        bad = np.flatnonzero(self._impossible(quantity, self.values))
        if not len(bad):
            return
        own_low, own_high = quantity.possible(self.spec.unit)
        for unit in quantity.all_units:
            low, high = quantity.possible(unit)
            if unit == self.spec.unit or (low <= own_high and own_low <= high):
                continue
            there = (self.values[bad] >= low) & (self.values[bad] <= high)
            at = bad[there]
            if not len(at) or unit not in quantity.usual:
                continue
            usual_low, usual_high = quantity.usual[unit]
            at = at[(self.values[at] >= usual_low) & (self.values[at] <= usual_high)]
            if len(at):
                meant = self.values[at] * quantity.factor(unit) / quantity.factor(self.spec.unit)
                self._settle(
                    "other_unit", "warning",
                    self._are(at, "is", "are") + f" in {unit}, not {self.spec.unit}.", at,
                    ("use_suggestion", "set_missing", "keep", "exclude", "fix"), meant,
                )  # fmt: skip
                return

    def _impossible(self, quantity: Quantity, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        low, high = quantity.possible(self.spec.unit)
        # A bound that was divided by a conversion factor may be off in its last digit.
        slack = 1e-9 * max(abs(low), abs(high))
        below = values <= low if quantity.low_open else values < low - slack
        return below | (values > high + slack)

    def _settle_impossible(self, quantity: Quantity) -> None:
        at = np.flatnonzero(self._impossible(quantity, self.values))
        if not len(at):
            return
        meant = self._from_other_visits(quantity, at)
        told = [None if np.isnan(v) else f"{v:.10g} (another visit)" for v in meant]
        self._settle(
            "impossible_value", "error",
            f"{self._are(at, 'cannot', 'cannot')} be: possible is "
            f"{quantity.range_text(self.spec.unit)}.",
            at, ("set_missing", "use_suggestion", "keep", "exclude", "fix"), meant, told,
        )  # fmt: skip

    def _from_other_visits(self, quantity: Quantity, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """The first possible value in the patient's other rows; NaN where there is none."""
        meant = np.full(len(at), np.nan)
        patients = self.choice.patients
        whose = patients[self.choice.rows[at]]
        others = np.setdiff1d(np.flatnonzero(np.isin(patients, whose)), self.choice.rows)
        values = np.append(self.distinct, np.nan)[self.column.codes[others]]
        good = np.isfinite(values) & ~self._impossible(quantity, values)
        others, values = others[good], values[good]
        for position, patient in enumerate(whose):
            found = values[patients[others] == patient]
            if len(found):
                meant[position] = found[0]
        return meant

    def _converted(self, quantity: Quantity) -> ColumnSpec:
        """The spec after the conversion that the mapping or a decision asks for."""
        spec = self.spec
        target = spec.target_unit
        if target is None and quantity.units and np.isfinite(self.values).any():
            usual = spec.unit == quantity.unit
            if usual and spec.unit_from in ("name", "user"):
                return spec
            why = {
                "range": f" by its values (median {np.nanmedian(self.values):.3g})",
                "assumed": "; nothing in the table tells",
            }.get(spec.unit_from or "", "")
            text = f"{spec.shown} is read in {spec.unit}{why}."
            if not usual:
                text += f" Usual here is {quantity.unit}."
            action = self.ledger.settle_column(
                "unit", spec.name, "info", text, ("keep",) if usual else ("keep", "convert")
            )
            if action == "convert":
                target = quantity.unit
        if target is None or target == spec.unit:
            return spec
        self.values = self.values * quantity.factor(spec.unit) / quantity.factor(target)
        self.ledger.notes.append(f"{spec.shown} was converted from {spec.unit} to {target}.")
        return replace(spec, unit=target, target_unit=None)
