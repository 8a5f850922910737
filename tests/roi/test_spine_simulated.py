"""The level on simulated patients: contrast agent, variants of the spine, partial coverage.

The simulator and the locator share no code; neither was made to suit the other.
"""

from __future__ import annotations

import pytest

from hccsurv_core.roi.spine import locate_l3
from hccsurv_core.simulate.phantom.abdomen import simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import draw_acquisition
from hccsurv_core.simulate.phantom.anatomy import draw_anatomy

USUAL = {"n_lumbar": 5, "rib12_mm": 105.0}


def simulated(seed, anatomy, **acquisition):
    given = {"rows": 160, "slice_mm": 3.0, **acquisition}
    return simulate_abdomen(draw_anatomy(seed, **anatomy), draw_acquisition(seed, **given), seed)


@pytest.mark.parametrize(
    ("seed", "anatomy", "acquisition"),
    [
        pytest.param(30, {"phase": "portal_venous"}, {}, id="bright kidneys against the ribs"),
        pytest.param(
            33, {"phase": "arterial"}, {"bottom_level": -1.6, "top_level": 5.6}, id="no sacrum"
        ),
        pytest.param(12, {"bone_hu": 60.0}, {"top_level": 2.4}, id="osteoporosis, no ribs"),
    ],
)
def test_l3_of_simulated_patients(seed, anatomy, acquisition):
    scan = simulated(seed, {**USUAL, **anatomy}, **acquisition)
    found = locate_l3(scan.volume)
    true = scan.vertebra("L3")
    assert true.inferior_index < found.slice_index < true.superior_index
    assert abs(found.slice_index - true.center_index) * 3.0 <= 5.0
    assert found.confidence >= 0.8


@pytest.mark.parametrize("n_lumbar", [4, 6])
def test_a_vertebra_more_or_less_asks_the_user(n_lumbar):
    """Ribs and pelvis tell different levels: whichever is proposed, it is not sure."""
    scan = simulated(
        20, {"n_lumbar": n_lumbar, "rib12_mm": 105.0, "phase": "noncontrast"}, top_level=4.9
    )
    found = locate_l3(scan.volume)
    assert found.confidence < 0.8
    assert any("landmarks disagree" in warning for warning in found.warnings)
