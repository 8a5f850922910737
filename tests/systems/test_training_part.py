"""Who is learned from: what somebody held out never is, nor a real split, however small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.systems.ceus.cohort import read_ceus_folder
from hccsurv_core.systems.study_cohort import StudyCohort
from hccsurv_core.systems.training_part import FEWEST_IN_SPLIT, training_part
from hccsurv_core.systems.training_sources import HELD_OUT


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> StudyCohort:
    folder = tmp_path_factory.mktemp("ceus") / "cohort"
    write_simulated_cohort(folder, cohort_spec("ceus"), n=414, seed=5, images=False)
    return read_ceus_folder(folder)[0]


def with_split(cohort: StudyCohort, n: int, names: tuple[str, ...]) -> StudyCohort:
    """The first n patients, the last of them in the last of these splits, and so on."""
    split = tuple(names[i % len(names)] for i in range(n))
    part = cohort.subset(np.arange(n))
    return replace(part, labels={**part.labels, "split": split})


def test_the_papers_289_are_learned_from(cohort):
    part = training_part(cohort)
    assert len(part.cohort) == 289 and set(part.cohort.labels["split"]) == {"train"}
    assert part.words == "the 289 patients of split “train”"


@pytest.mark.parametrize("held_out", [HELD_OUT, "center north", "Hospital B"])
def test_what_was_held_out_of_a_cohort_cut_short_is_not_learned_from(cohort, held_out):
    part = training_part(with_split(cohort, 90, ("train", "train", held_out)))
    assert len(part.cohort) == 60 and set(part.cohort.labels["split"]) == {"train"}


def test_a_simulated_cohort_cut_short_is_taken_as_a_whole(cohort):
    part = training_part(with_split(cohort, 90, ("train", "test")))
    assert len(part.cohort) == 90
    assert part.words == (
        f"all 90 patients: split “train” has 45 patients, fewer than {FEWEST_IN_SPLIT}"
    )


def test_a_split_of_real_patients_is_never_given_up(cohort):
    real = replace(with_split(cohort, 90, ("train", "test")), simulated=False)
    assert len(training_part(real).cohort) == 45


@pytest.mark.parametrize("simulated", [True, False])
def test_without_a_split_everybody_is_learned_from(cohort, simulated):
    plain = replace(cohort, simulated=simulated, labels={})
    assert training_part(plain).words == "all 414 patients: there is no split “train”"
    assert len(training_part(plain).cohort) == 414


def test_several_splits_may_be_learned_from(cohort):
    three = with_split(cohort, 414, ("train", "validation", "test"))
    part = training_part(three, ("train", "validation"))
    assert part.words == "the 276 patients of splits “train” and “validation”"
    assert len(part.cohort) == 276
