"""Every virtual cohort bears any size: the check answers what it can, and never fails."""

import json
import math

import pytest

from hccsurv_core.simulate.cohort_writer import SYSTEM_NUMBERS, cohort_spec, draw_tables


@pytest.mark.parametrize("system", SYSTEM_NUMBERS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 12])
def test_a_handful_of_patients_is_checked(system, n):
    spec = cohort_spec(system)
    table, truth = draw_tables(spec, n, seed=3)
    answer = spec.check(table, truth)
    assert len(table) == len(truth) == n
    json.dumps(answer, default=lambda x: None if isinstance(x, float) and math.isnan(x) else str(x))
