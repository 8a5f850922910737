"""Settings from plain values: what is not named keeps its default, and what is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.settings_json import read_settings


@dataclass(frozen=True)
class Part:
    size: int = 3


@dataclass(frozen=True)
class Whole:
    name: str = "a"
    part: Part = field(default_factory=Part)
    perhaps: Part | None = None


def _part(found):
    return read_settings(Part, found, "part")


PARTS = {"part": _part, "perhaps": _part}


def read(found):
    return read_settings(Whole, found, "settings", PARTS)


def test_what_is_not_named_keeps_its_default():
    assert read({}) == Whole()
    assert read({"part": {"size": 4}}) == Whole(part=Part(4))
    assert read({"perhaps": {}}) == Whole(perhaps=Part())
    assert read({"perhaps": None}) == Whole()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"nme": "b"}, "settings: no setting is called 'nme'"),
        ({"part": {"colour": 1}}, "part: no setting is called 'colour'"),
        ({"part": None}, "part: a setting cannot be used"),
        ({"perhaps": 3}, "part: a setting cannot be used"),
        (["name"], "settings: a setting cannot be used"),
        (5, "settings: a setting cannot be used"),
    ],
)
def test_what_is_wrong_is_named(found, message):
    with pytest.raises(InputError, match=message):
        read(found)


def test_an_unknown_name_brings_the_known_ones():
    with pytest.raises(InputError) as refused:
        read({"nme": "b"})
    assert refused.value.remedy == "choose among name, part, perhaps"
