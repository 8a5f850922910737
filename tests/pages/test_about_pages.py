"""Evidence and settings pages."""

from __future__ import annotations

import html

from page_helpers import page_text

from hccsurv_core.features.body import DEFINITIONS
from pages._shared import routes
from pages._shared.warmup import MODULES


def test_evidence_names_every_source_cutoff_and_limit(open_page):
    text = page_text(open_page(routes.EVIDENCE))
    for definition in DEFINITIONS:
        assert f"https://doi.org/{definition.doi}" in text
        assert f"{definition.cutoff_male:g}" in text and f"{definition.cutoff_female:g}" in text
    assert "wrong by one vertebra" in text and "not a medical device" in text


def test_settings_keep_the_name_of_who_edits(open_page):
    at = open_page(routes.SETTINGS)
    at.text_input(key="settings_actor").set_value("  A. Reader ").run()
    assert at.session_state["hccsurv"].actor == "A. Reader"
    at.text_input(key="settings_actor").set_value("").run()
    assert at.session_state["hccsurv"].actor == "local"


def test_settings_say_where_data_lies_and_why_a_backend_is_missing(open_page, tmp_path):
    at = open_page(routes.SETTINGS)
    assert any(str(tmp_path) in block.value for block in at.code)
    assert "GPL-3.0-or-later" in page_text(at)
    assert at.radio(key="settings_backend").options[0] == "Anatomy and attenuation (built in)"


def test_what_is_warmed_up_exists():
    import importlib.util

    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    assert missing == []


def test_evidence_says_what_liu_et_al_found_and_what_differs(open_page):
    from hccsurv_core.features.radiomics.presets import PRESETS, feature_names
    from pages._shared.evidence_muscle_model import DOI, PUBLISHED

    text = page_text(open_page(routes.EVIDENCE))
    assert f"https://doi.org/{DOI}" in text
    for who, n, c in PUBLISHED:
        assert who in text and f">{n}<" in text and c in text
    # What is said of the feature set is what is computed.
    names = feature_names("muscle-1343")
    images = len(PRESETS["muscle-1343"].image_names())
    assert (len(names), images, len(names) // images) == (1343, 17, 79)
    assert "17 images" in text and "79 features" in text and "our reading" in text
    assert "cannot be reproduced here" in text and "combined model" in text


def test_evidence_tells_every_formula_rule_and_guideline_of_the_treatment_choice(open_page):
    """Each with its source, and how the source was checked."""
    from hccsurv_core.features.clinical_scores.registry import DEFINITIONS
    from hccsurv_core.systems.treatment.guidelines import STATEMENTS
    from hccsurv_core.systems.treatment.stop_rules import STOP_RULES
    from pages._shared.evidence_treatment_model import DOI

    text = html.unescape(page_text(open_page(routes.EVIDENCE)))
    assert DOI in text
    for score in DEFINITIONS.values():
        assert score.title in text
        assert score.doi in text
    for rule in STOP_RULES:
        assert rule.what in text
        assert rule.source in text
    for statement in STATEMENTS:
        assert statement.says in text
        assert statement.checked in text
    assert "not randomized" in text


def test_evidence_tells_what_huang_et_al_found_what_differs_and_every_formula(open_page):
    from hccsurv_core.features.ultrasound_signs import SIGNS
    from hccsurv_core.systems.ceus.covariates import CLINICAL_COVARIATES
    from hccsurv_core.systems.ceus.risk_classes import CLASSES
    from pages._shared.evidence_ceus_model import DOI, PUBLISHED

    text = page_text(open_page(routes.EVIDENCE))
    assert f"https://doi.org/{DOI}" in text
    for what, value in PUBLISHED:
        assert what in text and value in text
    assert "We had the project's account of the paper, not its full text" in text
    for sign in SIGNS:
        assert html.escape(sign.meaning) in text
    for covariate in CLINICAL_COVARIATES:
        assert html.escape(covariate.reason) in text
    for c in CLASSES:
        assert c.words in text
    assert "Camp, Clin Cancer Res 2004" in text and "7.895" in text
    # What is said of the number of features is what is measured.
    from hccsurv_core.features.radiomics.presets import feature_names
    from hccsurv_core.features.ultrasound_radiomics import PRESET

    n = len(feature_names(PRESET))
    assert f"{n} radiomics and 1024 deep features" in text and f"{2 * (n + 1024)} with" in text


def test_evidence_tells_what_xia_et_al_found_what_differs_and_how_all_is_computed(open_page):
    from hccsurv_core.features import recist, tumor_growth
    from hccsurv_core.features.clinical_scores.cln import CLN, CODE_READING, PAPER_READING
    from hccsurv_core.systems.immunotherapy.signs import SIGNS
    from pages._shared.evidence_immunotherapy_model import DOI
    from pages._shared.evidence_immunotherapy_texts import (
        FORMULAS,
        HAZARD_RATIOS,
        MEANINGS,
        PUBLISHED,
    )

    text = page_text(open_page(routes.EVIDENCE))
    assert f"https://doi.org/{DOI}" in text and CLN.doi == DOI
    for what, value in (*PUBLISHED, *HAZARD_RATIOS):
        assert what in text and value in text
    # The clinical score is in no registry of stages: it is told here, with both readings of the log.
    for said in (CLN.formula, *CLN.decisions, PAPER_READING, CODE_READING):
        assert html.escape(said) in text
    for doi in (recist.RECIST_1_1.doi, recist.MRECIST.doi):
        assert f"https://doi.org/{doi}" in text
    assert tumor_growth.SOURCE.split("doi:")[1] in {doi for *_, doi in FORMULAS}
    for sign in SIGNS:
        assert html.escape(MEANINGS[sign.name]) in text and html.escape(sign.label) in text
    assert (
        "time before it is immortal" in text
        and "a center's patients stay together" in html.unescape(text)
    )


def test_what_evidence_says_of_system_4_are_the_programs_own_numbers():
    from hccsurv_core.features.recist_lesions import MOST_TARGETS, TARGET_MM, TARGET_NODE_MM
    from hccsurv_core.features.recist_response import PROGRESSION_MM, PROGRESSION_PERCENT
    from hccsurv_core.features.tumor_growth import DAYS_PER_MONTH, FLOOR_MM
    from hccsurv_core.systems.immunotherapy import signs
    from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
    from pages._shared.evidence_immunotherapy_texts import DIFFERENCES, FORMULAS

    told = {what: how for what, how, *_ in FORMULAS}
    rule = told["RECIST 1.1"]
    assert (
        MOST_TARGETS == 5
        and f"{TARGET_MM:g} mm or more" in rule
        and f"{TARGET_NODE_MM:g} mm" in rule
    )
    assert f"{PROGRESSION_PERCENT:g} % and {PROGRESSION_MM:g} mm" in rule
    assert f"{DAYS_PER_MONTH:g} days" in told["Tumor growth rate"]
    assert f"counts as {FLOOR_MM:g} mm" in told["Tumor growth rate"]
    growth = told["Growth, as a covariate"]
    assert f"at most {signs._FASTEST_PER_MONTH:g} a month" in growth
    assert f"{signs.VANISHED_MM['liver']:g} mm in the liver" in growth.replace("\n", " ")
    pixels = ImmunotherapySettings().network.pixels
    assert any(f"{pixels}×{pixels}" in here for _, _, here in DIFFERENCES)
