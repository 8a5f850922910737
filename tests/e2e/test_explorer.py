"""The cohort explorer in a real browser: groups, a cut-off, downloads, reload, one patient."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from waiting import go_to


def choose(page, label: str, option: str) -> None:
    """Pick an option of a select box by its words."""
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()


def open_simulated_cohort(page) -> None:
    """From the home page to the explorer with the simulated cohort."""
    go_to(page, "Explorer")
    page.get_by_role("button", name="Open the simulated cohort").click()
    page.get_by_text("826 patients").first.wait_for(timeout=120_000)


def difference(page) -> str:
    """The test in large letters."""
    headline = page.get_by_test_id("difference")
    headline.wait_for()
    return headline.inner_text()


def open_section(page, name: str) -> None:
    """One of the explorer's sections."""
    page.locator(".st-key-explorer_section").get_by_text(name, exact=True).click()


def test_a_newcomer_compares_groups_and_takes_the_figure_away(page, tmp_path):
    open_simulated_cohort(page)
    assert "Simulated patients" in page.locator(".hcc-chips").first.inner_text()
    assert "Log-rank p" in difference(page)
    table = page.get_by_test_id("groups")
    table.wait_for()
    assert table.locator("tbody tr").count() >= 4

    choose(page, "Compare by", "Age")
    page.get_by_text("Search", exact=True).click()
    page.get_by_text("corrected for the searched cut-off").first.wait_for()
    assert "log-rank" not in difference(page).lower()

    # The numbers at risk stand under the curves they belong to: on the same time axis.
    figure = page.locator(".js-plotly-plot").first
    figure.wait_for()
    shared = figure.evaluate("p => [p._fullLayout.xaxis.range, p._fullLayout.xaxis2.range]")
    assert shared[0] == shared[1]

    page.locator(".st-key-get_survival").get_by_role("button", name="Download").first.click()
    for words, suffix in (("Figure (SVG)", "svg"), ("Medians and survival (CSV)", "csv")):
        with page.expect_download() as taken:
            page.get_by_role("button", name=words).click()
        path = tmp_path / f"file.{suffix}"
        taken.value.save_as(path)
        text = path.read_text(encoding="utf-8")
        if suffix == "svg":
            ET.fromstring(text)
        assert "Simulated patients" in text
        assert "Research use" in text


def test_a_reload_and_another_page_lose_nothing(page):
    open_simulated_cohort(page)
    choose(page, "Compare by", "Sex")
    page.get_by_test_id("groups").get_by_text("female").wait_for()
    go_to(page, "Settings")
    page.get_by_role("heading", name="Settings").wait_for()
    go_to(page, "Explorer")
    page.get_by_test_id("groups").get_by_text("female").wait_for()
    assert "cohort=" in page.url
    page.reload()
    page.get_by_text("826 patients").first.wait_for()


def test_every_section_answers_and_a_patient_finds_a_place(page):
    open_simulated_cohort(page)
    open_section(page, "Cox regression")
    page.get_by_text("Multivariable Cox regression").first.wait_for()
    open_section(page, "Scores")
    page.get_by_test_id("concordance").wait_for()
    page.get_by_text("Net benefit: true positives").wait_for()
    open_section(page, "Competing risks")
    page.get_by_text("Gray's test").first.wait_for()
    open_section(page, "Table 1")
    page.get_by_test_id("table_one").wait_for()
    choose(page, "Compare by", "Age")
    open_section(page, "This patient")
    box = page.get_by_role("spinbutton", name=re.compile("This patient's Age"))
    box.fill("70")
    box.press("Enter")
    placed = page.get_by_test_id("placement")
    placed.wait_for()
    assert re.search(r"Percentile \d+ of \d+ patients", placed.inner_text())
    assert page.get_by_text("Traceback").count() == 0
