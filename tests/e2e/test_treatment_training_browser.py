"""System 2 from patients to a model in use, in a real browser: train, publish, activate, evaluate."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from waiting import go_to, settle

#: A training in a browser test takes a while on a loaded machine.
_LONG_MS = 300_000


@pytest.fixture
def table(tmp_path) -> Path:
    """A clinical table: rows of a simulated cohort, as a hospital would have them."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from treatment_folders import write_clinical_folder

    folder = write_clinical_folder(tmp_path / "drawn", 500, 5)
    path = tmp_path / "hospital.csv"
    pd.read_csv(folder / "cohort.csv").to_csv(path, index=False)
    return path


def choose_table(page, table: Path) -> None:
    """From the home page to what will be used of a clinical table."""
    settle(page)
    go_to(page, "Train")
    page.get_by_text("1 · Patients").first.wait_for()
    page.locator(".st-key-train_system").get_by_text("Hepatectomy or TACE", exact=True).click()
    settle(page)
    page.get_by_text("Clinical table", exact=True).click()
    page.locator(".st-key-card_clinical_table input[type=file]").set_input_files(str(table))
    page.get_by_test_id("will_learn").wait_for()


def test_a_clinical_table_becomes_a_model_that_is_published_and_judged(page, table):
    choose_table(page, table)
    frame = pd.read_csv(table)
    learned = frame[frame.split == "train"]
    assert (
        f"{len(learned)} patients to learn from" in page.get_by_test_id("will_learn").inner_text()
    )
    parts = page.get_by_test_id("parts").inner_text()
    assert "Given hepatectomy" in parts and "Given TACE" in parts and "Held out: test" in parts
    assert "ALBI score" in page.get_by_test_id("covariates").inner_text()
    page.get_by_text("The patients are simulated", exact=True).click()
    settle(page)
    box = page.get_by_role("textbox", name="Name of this run")
    box.fill("Our tumor board")
    box.press("Tab")
    settle(page)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile("run="))
    page.get_by_test_id("headline").wait_for(timeout=_LONG_MS)
    headline = page.get_by_test_id("headline").inner_text()
    assert re.search(r"Hepatectomy 0\.\d+ \(0\.\d+–0\.\d+\) · TACE 0\.\d+", headline)
    page.get_by_text("What the models are made of").first.wait_for()
    page.get_by_text("Nomogram: TACE", exact=True).click()
    settle(page)
    page.get_by_text(re.compile("Survival after TACE")).first.wait_for()

    page.get_by_role("textbox", name="Published by").fill("Dr. Adler")
    page.locator(".st-key-publish_go").get_by_role("button").click()
    page.get_by_text("In the library as").wait_for()
    page.get_by_role("button", name="Open the model library").click()
    page.get_by_test_id("model").filter(has_text="Our tumor board").wait_for()
    card = page.locator("[class*=st-key-card_model_treatment]").filter(has_text="Our tumor board")
    assert "System 2 · hepatectomy or TACE" in card.first.inner_text()
    # A model of simulated patients answers only when somebody says so.
    card.first.get_by_role("button", name="Activate").click()
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    page.get_by_test_id("answers").filter(has_text="Our tumor board").wait_for()

    card.first.get_by_role("button", name="Evaluate").click()
    page.get_by_text("Its own cohort", exact=True).wait_for()
    page.locator(".st-key-evaluate_go").get_by_role("button").click()
    page.get_by_test_id("evaluation").wait_for(timeout=_LONG_MS)
    assert f"{len(frame) - len(learned)} patients" in page.get_by_test_id("evaluation").inner_text()
    assert "cannot prove" in page.get_by_test_id("caveat").inner_text()
    for name in ("Calibration", "Risk groups", "Recommendations", "Following them"):
        page.locator(".st-key-evaluation_section_2").get_by_text(name, exact=True).click()
        settle(page)
        assert page.get_by_text("Traceback").count() == 0
    with page.expect_download(timeout=_LONG_MS) as taken:
        page.get_by_role("button", name="Everything (zip)").click()
    with zipfile.ZipFile(io.BytesIO(Path(taken.value.path()).read_bytes())) as archive:
        files = archive.namelist()
        assert "evaluation.json" in files and "figures/concordance.svg" in files
        assert "cannot prove" in archive.read("model_card.md").decode()


def test_a_table_that_is_none_says_what_is_missing(page, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("patient_id,time_months,event\nA,10,1\nB,12,0\n", encoding="utf-8")
    settle(page)
    go_to(page, "Train")
    page.get_by_text("1 · Patients").first.wait_for()
    page.locator(".st-key-train_system").get_by_text("Hepatectomy or TACE", exact=True).click()
    settle(page)
    page.get_by_text("Clinical table", exact=True).click()
    page.locator(".st-key-card_clinical_table input[type=file]").set_input_files(str(path))
    page.get_by_text("there is no column treatment", exact=False).first.wait_for()
    assert page.get_by_text("Traceback").count() == 0
