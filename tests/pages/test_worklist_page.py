"""The home page explains itself, finds patients, and asks before it deletes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from page_helpers import page_text

from hccsurv_core.simulate.demo_patients import DEMO_PATIENTS

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_worklist_says_what_to_do(open_page):
    text = page_text(open_page())
    assert "five published definitions" in text
    assert "Upload a scan" in text and "Open a demo patient" in text
    assert "No patients yet" in text
    assert "Research use. Not a medical device." in text


def test_each_demo_patient_has_a_button_and_a_story(open_page):
    at = open_page()
    text = page_text(at)
    for demo in DEMO_PATIENTS:
        assert at.button(key=f"open_demo_{demo.key}").label == demo.title
        assert demo.story.split(".")[0] in text


def test_a_patient_is_listed_searched_and_opened(open_page, add_study):
    one = add_study(pseudonym="Alpha")
    two = add_study(pseudonym="Beta", measured=False)
    at = open_page()
    assert "Alpha" in page_text(at) and "Beta" in page_text(at)
    at.text_input(key="worklist_search").set_value("alp").run()
    assert "Alpha" in page_text(at) and "Beta" not in page_text(at)
    at.text_input(key="worklist_search").set_value("nobody").run()
    assert "No patient has this pseudonym" in page_text(at)
    at.text_input(key="worklist_search").set_value("").run()
    at.button(key=f"open_{one.patient.id}").click().run()
    assert "definitions" in page_text(at)
    at = open_page()
    at.button(key=f"open_{two.patient.id}").click().run()
    assert "There is no L3 level yet" in page_text(at)


def test_deleting_asks_first(open_page, add_study, store):
    study = add_study(pseudonym="Gamma")
    at = open_page()
    at.button(key=f"delete_{study.patient.id}").click().run()
    assert "cannot be undone" in page_text(at)
    assert [row.patient.pseudonym for row in store.list_patients()] == ["Gamma"]
    at.button(key="delete_yes").click().run()
    assert not at.exception
    assert store.list_patients() == []


def test_many_patients_come_in_pages(open_page, store):
    for number in range(23):
        store.add_patient(f"Patient {number:02d}")
    at = open_page()
    text = page_text(at)
    assert "23 patients" in text
    assert sum(f"Patient {number:02d}" in text for number in range(23)) == 20


def test_the_first_page_imports_nothing_heavy():
    """Measured in a process of its own: what app.py and the worklist import before drawing."""
    code = (
        "import sys; sys.argv = ['app.py']\n"
        "import pages._shared.components, pages._shared.frame, pages._shared.outcomes\n"
        "import pages._shared.uploads, pages._shared.warmup\n"
        "import hccsurv_core.cohort.store, hccsurv_core.simulate.demo_patients\n"
        "import pages._shared.treatment_demo, hccsurv_core.simulate.treatment.demo\n"
        "heavy = {'SimpleITK', 'torch', 'monai', 'highdicom', 'nibabel', 'scipy', 'skimage',\n"
        "         'pandas', 'matplotlib', 'pydicom'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
