"""How sure the verdicts are, in a real browser: at a glance, behind a click, after a correction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from waiting import settle

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation, L3Location
from hccsurv_core.systems.sarcopenia import remeasure
from hccsurv_core.volume import Volume

WAIT_MS = 120_000
SHAPE, PIXEL_MM, SLICE_MM = (9, 160, 200), 2.0, 4.0
#: At this height the muscle of :func:`body` is 50.4 cm²/m²: not low, by 1 %.
SMI = 50.4


def body() -> tuple[Volume, BodySegmentation]:
    """Two psoas (45 HU) before a broad back muscle (60 HU), in fat."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]] * PIXEL_MM
    right, left = (np.hypot(y - 130, x - column) <= 17 for column in (160.3, 239.6))
    back = ((y - 225) / 38) ** 2 + ((x - 200) / 75) ** 2 <= 1
    inside = ((y - 165) / 120) ** 2 + ((x - 200) / 170) ** 2 <= 1
    image = np.where(inside, -100, -1000)
    image[back], image[right | left] = 60, 45
    masks = {"muscle": back | right | left, "psoas_right": right, "psoas_left": left}
    masks = {name: np.repeat(mask[None], SHAPE[0], axis=0) for name, mask in masks.items()}
    volume = Volume(
        np.repeat(image[None].astype(np.int16), SHAPE[0], axis=0),
        np.diag([PIXEL_MM, PIXEL_MM, SLICE_MM, 1.0]),
    )
    return volume, BodySegmentation(0, 4, masks, "classical")


@pytest.fixture
def study(tmp_path):
    """A study in the server's own data folder, and how to correct its outline."""
    volume, outline = body()
    area_cm2 = np.count_nonzero(outline.mask_at("muscle")) * volume.pixel_area_cm2
    facts = PatientFacts(sex="male", age_years=60, height_m=float(np.sqrt(area_cm2 / SMI)))
    location = L3Location(4, 16.0, 1.0, "manual")
    with PatientStore(tmp_path / "data") as store:
        kept = store.add_study(store.add_patient("CLOSE", facts).id, volume, modality="CT")

        def save(segmentation: BodySegmentation, state: str) -> None:
            store.save_segmentation(kept.id, segmentation, state=state, actor="Dr. Who")
            store.save_measures(kept.id, remeasure(volume, location, segmentation, facts).to_json())

        store.save_level(kept.id, location, state="confirmed")
        save(outline, "automatic")
        yield kept.id, outline, save


def open_muscle(page, study_id):
    page.goto(
        page.url.split("?")[0].rstrip("/").removesuffix("/muscle") + f"/muscle?study={study_id}"
    )
    glance = page.get_by_test_id("uncertainty_glance")
    glance.wait_for(timeout=WAIT_MS)
    # A page that is drawn anew in the middle of a download would cancel it.
    block = page.locator(".st-key-model_block")
    told = block.get_by_test_id("model_risk").or_(block.get_by_text("No prediction"))
    told.or_(block.get_by_text("No model answers")).first.wait_for(timeout=WAIT_MS)
    settle(page, WAIT_MS)
    return glance


def test_a_close_verdict_is_marked_explained_taken_away_and_follows_a_correction(page, study):
    study_id, outline, save = study
    glance = open_muscle(page, study_id)
    assert "SMI would flip" in glance.inner_text()
    mark = page.get_by_test_id("would_flip_SMI")
    assert mark.inner_text() == "⇄ would flip"
    assert "muscle outline 0.2 mm inwards" in mark.get_attribute("title")

    page.get_by_text("Ranges, and what was moved").click()
    ranges = page.get_by_test_id("uncertainty_ranges")
    ranges.wait_for(timeout=WAIT_MS)
    row = ranges.locator("tr", has_text="SMI").inner_text()
    assert "50.4 cm²/m²" in row and "would flip: muscle outline 0.2 mm inwards" in row
    figure = page.locator(".st-key-chart_uncertainty .main-svg").first
    figure.wait_for(timeout=WAIT_MS)
    drawn = page.locator(".st-key-chart_uncertainty")
    for name in ("SMI", "PMA", "PMI", "PD", "MA"):
        assert drawn.get_by_text(name, exact=False).first.is_visible(), name
    # Nothing is wider than the page.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    page.locator(".st-key-uncertainty_downloads").get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.locator(".st-key-get_uncertainty_json button").click()
    told = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert told["definitions"][0]["smallest_flip"]["words"] == "muscle outline 0.2 mm inwards"

    masks = {name: mask.copy() for name, mask in outline.masks.items()}
    masks["muscle"][4, 120:] = False
    save(replace(outline, masks=masks, method="edited"), "edited")
    glance = open_muscle(page, study_id)
    assert "SMI" not in glance.inner_text()
    page.get_by_text("edited by Dr. Who").first.wait_for(timeout=WAIT_MS)
    assert page.get_by_test_id("would_flip_SMI").count() == 0
