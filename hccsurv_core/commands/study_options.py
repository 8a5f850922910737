"""A study's patients as a verb's options want them, and whether a model knows them already."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from hccsurv_core.systems.study_cohort import StudyCohort

SomeCohort = TypeVar("SomeCohort", bound="StudyCohort")


def with_options(cohort: SomeCohort, arguments: argparse.Namespace) -> SomeCohort:
    """The cohort with those held out who are asked for, named and marked as the options say.

    Raises:
        InputError: nobody can be held out as asked.
    """
    endpoint = " ".join((arguments.endpoint or cohort.endpoint).split())[:80]
    return replace(
        _held_out(cohort, arguments),
        endpoint=endpoint,
        simulated=cohort.simulated or arguments.simulated,
    )


def _held_out(cohort: SomeCohort, arguments: argparse.Namespace) -> SomeCohort:
    from hccsurv_core.systems.training_sources import (
        hold_out_center,
        hold_out_share,
        joining_the_training,
    )

    table = cohort.features((), images=False)
    if arguments.hold_out_center is not None:
        held_out = hold_out_center(table, arguments.hold_out_center)
    elif arguments.hold_out_share is not None:
        held_out = hold_out_share(table, arguments.hold_out_share, seed=arguments.seed)
    else:
        return cohort
    joined = joining_the_training(table, held_out)
    if joined:
        print(f"note: {joined}", file=sys.stderr)
    return replace(cohort, labels=held_out.labels)


def seen_warnings(description: Mapping[str, Any], cohort: StudyCohort) -> list[str]:
    """That some of these patients were learned from; nothing where nobody was."""
    from hccsurv_core.systems.muscle.leakage import patient_digests

    known = set(description["training"]["patient_digests"])
    again = sum(digest in known for digest in patient_digests(cohort.patient_ids))
    if not again:
        return []
    # A number is all the name that a simulated patient has.
    shared = "; simulated cohorts of every seed share their names" if cohort.simulated else ""
    return [
        f"{again} of {len(cohort)} patients have the names of training patients: what is said of "
        f"them is not of patients not seen{shared}"
    ]
