"""A researcher's journey in a real browser: drop a table, correct it, decide, save, come back."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from waiting import go_to, settle

#: Positions of "Used as" and "Shown as" in the table of columns.
ROLE_CELL, LABEL_CELL = 3, 7


def small_table() -> str:
    """Sixty patients: two columns nobody needs, one age of 0, three times of zero."""
    lines = ["Patient,Age,Sex,Noise,AFP,OS_months,Death"]
    for i in range(60):
        age = 0 if i == 7 else 45 + i % 30
        months = 0 if i < 3 else 1 + i % 50
        lines.append(
            f"{i + 1},{age},{'mf'[i % 2]},{(i * 7919) % 101},{5 + i * 13 % 800},{months},{int(i % 3 == 0)}"
        )
    return "\n".join(lines) + "\n"


def open_import(page) -> None:
    """By the menu and the button, as a newcomer would."""
    go_to(page, "Explorer")
    page.get_by_role("button", name="Import a table").first.click()
    page.get_by_text("Drop a clinical table").wait_for()


def drop(page, file: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.locator(".st-key-card_summary .hcc-headline").wait_for()


def edit_cell(page, row: int, column: int, text: str) -> None:
    """Go to a cell of the table of columns with the keyboard, and choose there."""
    grid = page.locator("[class*=st-key-columns_] [data-testid=stDataFrame]").first
    grid.scroll_into_view_if_needed()
    settle(page)
    box = grid.locator("canvas").first.bounding_box()
    page.mouse.click(box["x"] + 40, box["y"] + 50)
    for key, times in (("ArrowDown", row), ("ArrowRight", column)):
        for _ in range(times):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    page.keyboard.type(text)
    page.wait_for_timeout(400)
    page.keyboard.press("Enter")
    settle(page)


def decide(page, finding: str, option: str) -> None:
    """Choose what is done about a thing to look at."""
    settle(page)  # a list that opens while the page is still drawn closes again
    card = page.locator(f".st-key-finding_{finding}")
    card.scroll_into_view_if_needed()
    card.locator("[data-testid=stSelectbox] input").first.click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def summary(page) -> str:
    return page.locator(".st-key-card_summary").inner_text()


def test_a_table_is_corrected_decided_saved_and_changed_again(page, tmp_path):
    file = tmp_path / "our cohort.csv"
    file.write_text(small_table(), encoding="utf-8")
    open_import(page)
    drop(page, file)
    text = summary(page)
    assert "60 patients" in text and "20 deaths" in text
    assert "2 things to look at" in text
    # A column is left out.
    edit_cell(page, 3, ROLE_CELL, "Leave")
    page.get_by_text("1 column not kept").wait_for()
    # An issue is decided, taken back, and decided again.
    decide(page, "zero_time_OS", "Leave the patient out")
    page.locator(".st-key-card_summary", has_text="57 patients").wait_for()
    page.locator(".st-key-issues_undo button").first.click()
    page.locator(".st-key-card_summary", has_text="60 patients").wait_for()
    decide(page, "zero_time_OS", "Leave the patient out")
    page.locator(".st-key-card_summary", has_text="3 rows left out").wait_for()
    # What is left out is taken away as a file, with its reasons.
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Rows left out as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"))))
    assert [row["row"] for row in rows] == ["2", "3", "4"]
    assert all("time of zero" in row["reason"] for row in rows)
    page.get_by_role("button", name="Save cohort").first.click()
    page.get_by_role("heading", name="Cohort explorer").wait_for()
    page.get_by_text(re.compile(r"57 patients")).first.wait_for()
    # The cohort is opened again, and the last decision is changed.
    page.get_by_role("button", name="Manage").click()
    page.get_by_role("button", name="Columns and decisions").click()
    page.get_by_role("heading", name="Change a cohort").wait_for()
    decide(page, "zero_time_OS", "Count as half a day")
    page.locator(".st-key-card_summary", has_text="60 patients").wait_for()
    page.get_by_role("button", name="Save changes").first.click()
    page.get_by_role("heading", name="Cohort explorer").wait_for()
    page.get_by_text(re.compile(r"60 patients")).first.wait_for()


@pytest.mark.shared
def test_a_real_cohort_needs_nothing_but_upload_and_save(page, shared_data):
    open_import(page)
    drop(page, shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    text = summary(page)
    assert "227 patients" in text and "97 deaths" in text and "143 recurrences" in text
    # A column is shown under another name, from now on and everywhere.
    edit_cell(page, 2, LABEL_CELL, "Patient sex")
    page.get_by_text("Nothing tells which value of Patient sex is male").wait_for()
    # Which sex is 1 is said where the page asks.
    card = page.locator(".st-key-finding_sex_code_Gender")
    card.scroll_into_view_if_needed()
    card.locator("[data-testid=stSelectbox] input").nth(1).click()
    page.get_by_role("option", name="male", exact=True).click()
    page.locator(".st-key-card_summary", has_text="1 thing to look at").wait_for()
    decide(page, "mostly_missing_warning_2", "Leave the column out")
    page.locator(".st-key-card_summary", has_text="17 variables").wait_for()
    page.get_by_role("button", name="Save cohort").first.click()
    page.get_by_role("heading", name="Cohort explorer").wait_for()
    page.get_by_text(re.compile(r"227 patients")).first.wait_for()
