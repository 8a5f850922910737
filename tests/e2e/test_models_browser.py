"""From patients to a model in use, in a real browser: train, cancel, reload, publish, evaluate."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from waiting import go_to, settle

#: A training in a browser test takes a while on a loaded machine.
_LONG_MS = 900_000


#: Features by the names that this program measures, so that the model can answer here.
FEATURES = ("sma_cm2", "pma_cm2", "pd_hu", "ma_hu", "male", "height_m")


@pytest.fixture
def table(tmp_path) -> Path:
    """A small feature table: death depends on the density of muscle; a split and two centers."""
    rng = np.random.default_rng(11)
    n = 150
    density, size = rng.normal(size=n), rng.normal(size=n)
    death = rng.exponential(30 * np.exp(1.2 * density + 0.4 * size))
    lost = rng.uniform(20, 90, n)
    male = rng.random(n) < 0.8
    values = np.column_stack(
        [
            145 + 18 * size, 15.5 + 3 * size, 45 + 6 * density, 40 + 6 * density, male,
            np.where(male, 1.74, 1.62) + 0.05 * rng.normal(size=n),
        ]
    )  # fmt: skip
    lines = ["patient_id,split,center,time_months,event," + ",".join(FEATURES)]
    for i in range(n):
        months, event = min(death[i], lost[i]), int(death[i] <= lost[i])
        split, center = ("train", "internal")[i % 3 == 0], ("north", "south")[i % 2]
        cells = ",".join(f"{v:.4f}" for v in values[i])
        lines.append(f"P{i:03d},{split},{center},{months:.2f},{event},{cells}")
    path = tmp_path / "hospital.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def choose_table(page, table: Path) -> None:
    """From the home page to what will be used of a feature table."""
    settle(page)
    go_to(page, "Train")
    page.get_by_text("1 · Patients").first.wait_for()
    page.get_by_text("Feature table", exact=True).click()
    page.locator("input[type=file]").first.set_input_files(str(table))
    page.get_by_test_id("will_learn").wait_for()


def start(page, name: str, *, quick: bool = True) -> None:
    """Name the run and begin it."""
    if quick:
        page.get_by_text("Quick look", exact=True).click()
        settle(page)
    box = page.get_by_role("textbox", name="Name of this run")
    box.fill(name)
    box.press("Tab")
    settle(page)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile("run="))


def test_a_table_becomes_a_model_that_is_published_activated_and_evaluated(page, table, tmp_path):
    choose_table(page, table)
    assert "100 patients to learn from" in page.get_by_test_id("will_learn").inner_text()
    assert "Held out: internal test" in page.get_by_test_id("parts").inner_text()
    start(page, "Hospital, first try")
    # The page can be left in the middle: the run goes on and is found again.
    page.reload()
    page.get_by_text("Hospital, first try").first.wait_for()
    page.get_by_test_id("headline").wait_for(timeout=_LONG_MS)
    assert re.search(
        r"C-index 0\.\d+ \(0\.\d+–0\.\d+\)", page.get_by_test_id("headline").inner_text()
    )
    page.get_by_text("Baselines on the same folds").first.wait_for()

    page.get_by_role("textbox", name="Published by").fill("Dr. Adler")
    page.locator(".st-key-publish_go").get_by_role("button").click()
    page.get_by_text("In the library as").wait_for()
    page.get_by_role("button", name="Open the model library").click()
    page.get_by_test_id("model").filter(has_text="Hospital, first try").wait_for()
    settle(page)
    assert "Verified" in page.locator(".hcc-chips").first.inner_text()

    card = page.locator("[class*=st-key-card_model_muscle]").first
    card.get_by_role("button", name="Retire").click()
    page.get_by_role("textbox", name="Why").fill("for the test")
    page.get_by_role("dialog").get_by_role("button", name="Retire").click()
    card.get_by_text("Retired").wait_for()
    settle(page)
    card.get_by_role("button", name="Activate").click()
    page.get_by_role("dialog").get_by_role("button", name="Activate").click()
    page.get_by_test_id("answers").filter(has_text="Hospital, first try").wait_for()
    settle(page)
    with page.expect_download() as taken:
        card.get_by_role("button", name="Bundle").click()
    taken.value.save_as(tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert names == {"model.json", "weights.safetensors", "card.md"}

    card.get_by_role("button", name="Evaluate").click()
    page.get_by_text("Its own cohort", exact=True).wait_for()
    settle(page)
    page.locator(".st-key-evaluate_go").get_by_role("button").click()
    headline = page.get_by_test_id("evaluation")
    headline.wait_for(timeout=_LONG_MS)
    assert "internal test, 50 patients" in headline.inner_text()
    overview = page.get_by_test_id("overview").inner_text()
    assert "seen by the model, flatters it" in overview
    page.locator(".js-plotly-plot").first.wait_for()
    for section in ("Definitions", "Survival", "Calibration", "Checks"):
        page.locator(".st-key-evaluation_section").get_by_text(section, exact=True).click()
        settle(page)
        if section == "Definitions":
            definitions = page.get_by_test_id("table_2_internal").inner_text()
            assert all(name in definitions for name in ("SMI", "PMA", "PMI", "PD", "MA"))
    page.get_by_text("No patient occurs twice").wait_for()
    with page.expect_download(timeout=_LONG_MS) as taken:
        page.get_by_role("button", name="Everything (zip)").click()
    content = Path(taken.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = archive.namelist()
        assert "evaluation.json" in files and "model_card.md" in files
        assert any(name.endswith(".svg") for name in files)
    assert page.get_by_text("Traceback").count() == 0


def test_simulated_patients_are_drawn_learned_from_and_the_model_is_held_against_the_truth(page):
    settle(page)
    go_to(page, "Train")
    page.get_by_role("button", name="Simulate a cohort").click()
    for name, value in (("Patients", "70"), ("Seed", "8")):
        box = page.get_by_role("spinbutton", name=name)
        box.fill(value)
        box.press("Tab")
    page.get_by_role("button", name="Draw the cohort").click()
    page.get_by_test_id("will_learn").wait_for(timeout=_LONG_MS)
    # A cohort cut short has too few in its split: a center is held out instead.
    page.get_by_text("Held out: center b").wait_for()
    assert "56 patients to learn from" in page.get_by_test_id("will_learn").inner_text()
    start(page, "Simulated, first try")
    page.get_by_test_id("headline").wait_for(timeout=_LONG_MS)
    page.get_by_text("Simulated patients").first.wait_for()
    page.get_by_role("button", name="Evaluate this model").click()
    page.locator(".st-key-evaluate_go").get_by_role("button").click()
    headline = page.get_by_test_id("evaluation")
    headline.wait_for(timeout=_LONG_MS)
    assert "center_b, 14 patients" in headline.inner_text()
    page.get_by_text("Model trained on simulated patients").first.wait_for()
    page.get_by_text("Judged on simulated patients").first.wait_for()
    page.get_by_text("The oracle is the simulator").first.wait_for()
    assert "Best definition" in page.get_by_test_id("overview").inner_text()
    assert page.get_by_text("Traceback").count() == 0


def test_a_run_is_cancelled_resumed_and_found_in_the_list(page, table):
    choose_table(page, table)
    start(page, "To be stopped", quick=False)
    settle(page)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The training was cancelled").wait_for(timeout=_LONG_MS)
    address = page.url
    page.get_by_role("button", name="All runs").click()
    page.get_by_text(re.compile(r"Runs \(1\)")).click()
    row = page.locator("[class*=st-key-row_run_]").first
    row.get_by_text("Cancelled", exact=True).first.wait_for()
    page.goto(address)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel").wait_for(timeout=_LONG_MS)
    page.get_by_text("attempt 2").wait_for()
    settle(page)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The training was cancelled").wait_for(timeout=_LONG_MS)


def test_a_model_that_was_changed_on_its_way_is_refused(page, tmp_path):
    spoiled = tmp_path / "spoiled.zip"
    with zipfile.ZipFile(spoiled, "w") as archive:
        archive.writestr(
            "m/model.json", '{"format": "hccsurv model bundle", "version": 1, "sha256": {}}'
        )
        archive.writestr("m/weights.safetensors", b"x")
        archive.writestr("m/card.md", "# card")
    settle(page)
    go_to(page, "Model library")
    page.get_by_role("button", name="Upload a bundle").click()
    page.locator("input[type=file]").first.set_input_files(str(spoiled))
    page.get_by_role("textbox", name="Taken in by").fill("Dr. Adler")
    page.get_by_role("button", name="Check and publish").click()
    page.get_by_text("spoiled.zip").last.wait_for()
    page.get_by_text("is not what was written").wait_for()
