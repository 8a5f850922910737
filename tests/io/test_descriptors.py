"""Series descriptions keep what radiology says and lose what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.io.descriptors import clean_description


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("ABD PORTAL VENOUS 5.0 B30f Doe, Jane 12345678", "ABD PORTAL VENOUS 5.0 B30f"),
        ("CT Body 3.0", "CT Body 3.0"),
        ("Thorax/Abdomen_venös 1.5mm", "Thorax Abdomen 1.5mm"),
        ("Abd^02_LiverC+ (Adult)", "Abd 02"),
        ("arterial phase for Dr. Müller 03.05.2024", "arterial phase"),
        ("LIVER C+ 5.0 / C- 2.5", "LIVER C+ 5.0 C- 2.5"),
        ("abd 2024-05-03 10:11 5 mm", "abd 5"),
        ("MEIER_HANS_19481231.nii.gz", ""),
    ],
)
def test_known_words_stay(text: str, kept: str) -> None:
    assert clean_description(text) == kept


@given(st.text(alphabet="ABDEGIKLMNORSTUYZ", min_size=3, max_size=12), st.sampled_from("^_ ,-/"))
def test_names_between_known_words_are_dropped(letters: str, separator: str) -> None:
    name = "Qw" + letters.lower()  # no word of radiology begins so
    text = separator.join(["abdomen", name, "portal", name.upper(), "5.0"])
    assert clean_description(text) == "abdomen portal 5.0"


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_description(text)
    assert clean_description(once) == once
