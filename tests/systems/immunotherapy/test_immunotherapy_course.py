"""How networks learned is read from a bundle and from a training that still goes on."""

from __future__ import annotations

import json
import math

import numpy as np

from hccsurv_core.models.checkpoint import COURSE, Checkpoint
from hccsurv_core.models.crnn.course import Course
from hccsurv_core.systems.immunotherapy.training_course import (
    network_histories,
    read_network_course,
)

_NOTHING = np.zeros(0)


def course(train, stop) -> Course:
    return Course(1, np.array(train), np.array(stop), np.full(len(train), math.nan), _NOTHING)


def test_a_bundles_networks_are_told_by_kind_and_phase():
    first, second = course([3.0, 2.5], [3.1, math.nan]), course([2.0], [2.1])
    measured = course([1.0, 0.5], [1.1, 0.9])
    kinds = {
        "network.both": {
            "courses": [first.to_json(), second.to_json()], "pretraining": [measured.to_json()],
        },
        "network.baseline": {"courses": [first.to_json()], "pretraining": []},
    }  # fmt: skip
    found = network_histories({"networks": {"kinds": kinds}})
    assert list(found) == [
        "Network, both scans: what is measured", "Network, both scans: survival",
        "Network, baseline scan: survival",
    ]  # fmt: skip
    rows = found["Network, both scans: survival"]
    assert [r[:3] for r in rows] == [(0, 1, 3.0), (0, 2, 2.5), (1, 1, 2.0)]
    assert rows[0][3] == 3.1 and math.isnan(rows[1][3])
    assert network_histories({"networks": None}) == {}


def test_a_training_that_goes_on_is_read_from_what_it_noted(tmp_path):
    assert read_network_course(tmp_path) == {}
    kept = Checkpoint(tmp_path)
    for fold in range(2):
        own = kept.under("fold", fold)
        own.note("crnn pretraining 0", **course([1.0], [1.2]).to_json())
        own.note("crnn member 0", **course([3.0 + fold], [3.5]).to_json())
    # The same network once more, after a restart: its last word counts.
    kept.under("fold", 0).note("crnn member 0", **course([2.0], [2.5]).to_json())
    kept.note("fold", name="something else")
    with (tmp_path / COURSE).open("a") as file:
        file.write(json.dumps({"what": "crnn member 1"}) + '\n{"what": "crn')
    found = read_network_course(tmp_path)
    assert list(found) == ["Networks so far: what is measured", "Networks so far: survival"]
    assert found["Networks so far: survival"] == [(0, 1, 2.0, 2.5), (1, 1, 4.0, 3.5)]
