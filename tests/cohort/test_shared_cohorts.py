"""The two real cohorts import without a single click, and give the figures they are known for."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.io.tables import read_table
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def resected(shared_data) -> ClinicalTable:
    raw = read_table(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    return build_cohort_table(raw, guess_mapping(raw))


@pytest.fixture(scope="module")
def intermediate(shared_data) -> ClinicalTable:
    raw = read_table(shared_data / "cohorts" / "intermediate_hcc_visits_2360.csv")
    return build_cohort_table(raw, guess_mapping(raw))


def test_resected_patients(resected):
    assert len(resected) == 227
    assert resected.exclusions == ()
    assert [(e.name, e.n_events, e.original_unit) for e in resected.endpoints] == [
        ("OS", 97, "months"), ("RFS", 143, "months"),
    ]  # fmt: skip
    assert resected.report.counts["errors"] == 0
    assert resected.frame["patient_id"].tolist() == [str(n) for n in range(1, 228)]
    kinds = {c.name: c.kind for c in resected.columns}
    assert (kinds["Age"], kinds["AFP"], kinds["BCLC"], kinds["HBsAg"], kinds["CD8T"]) == (
        "number", "category", "category", "boolean", "number",
    )  # fmt: skip
    assert resected.column("Age").role == "age"
    assert resected.column("BCLC").role == "group"
    assert resected.column("CD8T").n_missing == 126


def test_resected_patients_saved_as_a_workbook_are_the_same(resected, shared_data, tmp_path):
    import pandas as pd

    table = pd.read_csv(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    table.to_excel(tmp_path / "cohort.xlsx", index=False)
    raw = read_table(tmp_path / "cohort.xlsx")
    again = build_cohort_table(raw, guess_mapping(raw))
    assert again.frame.equals(resected.frame)
    assert again.mapping == resected.mapping


def test_resected_survival_is_the_published_one(resected):
    outcome, rows = resected.outcome("OS")
    assert rows.tolist() == list(range(227))
    survival = fit_kaplan_meier(outcome).survival_at([12, 36, 60])
    assert survival == pytest.approx([0.8270, 0.6184, 0.5122], abs=5e-5)


def test_resected_recurrence_and_death_compete(resected):
    outcome, _, notes = resected.competing("RFS", "OS")
    # Nobody dies without a recurrence in this table, so whether a death was counted as one is
    # asked of the reader.
    assert np.bincount(outcome.cause).tolist() == [84, 143]
    assert notes == (
        "26 patients have recurrence and death at the same time; they are counted as recurrence.",
    )


def test_intermediate_patients_by_their_first_visit(intermediate):
    assert len(intermediate) == 2360
    assert intermediate.report.counts["visits_left_out"] == 11_684 - 2360
    assert intermediate.exclusions == ()
    [endpoint] = intermediate.endpoints
    assert (endpoint.name, endpoint.n_events, endpoint.original_unit) == ("OS", 1346, "days")
    assert intermediate.frame["patient_id"][0] == "5214045829"
    # The first patient's first visit left 1233 days.
    assert endpoint.time_months[0] == pytest.approx(1233 / 30.4375)
    assert endpoint.known.all()
    resection = intermediate.numbers("Resection") == 1
    embolization = intermediate.numbers("Embolization") == 1
    assert int((resection & ~embolization).sum()) == 438
    assert int((embolization & ~resection).sum()) == 1355


def test_intermediate_ages_and_sizes_of_zero_are_shown_and_set_missing(intermediate):
    age = intermediate.report.group("impossible_value:Age")
    size = intermediate.report.group("impossible_value:Largest.Diameter.of.Hepatic.Lesions")
    assert (age.count, size.count) == (4, 1)
    assert age.action == size.action == "set_missing"
    assert set(age.values) == {"0"}
    assert int(np.isnan(intermediate.numbers("Age")).sum()) == 4
    assert intermediate.report.group("zero_time:OS").count == 8
    assert intermediate.column("Largest.Diameter.of.Hepatic.Lesions").unit == "mm"


def test_intermediate_first_visits_are_those_of_pandas(intermediate, shared_data):
    import pandas as pd

    visits = pd.read_csv(shared_data / "cohorts" / "intermediate_hcc_visits_2360.csv")
    first = visits.sort_values("Date", kind="stable").drop_duplicates("ID").sort_index()
    assert intermediate.source_rows.tolist() == (first.index + 2).tolist()
    assert intermediate.numbers("AFP").tolist() == first["AFP"].tolist()
    times = intermediate.endpoint("OS").time_months
    assert times.tolist() == pytest.approx((first["OStime_day"] / 30.4375).tolist())
