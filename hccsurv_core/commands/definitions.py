"""``definitions``: the five verdicts from values that were measured elsewhere."""

from __future__ import annotations

import argparse

from hccsurv_core.commands.shared import (
    add_common_arguments,
    add_patient_arguments,
    number,
    write_answer,
)
from hccsurv_core.errors import InputError
from hccsurv_core.features.body import (
    BodyMeasures,
    DefinitionResult,
    apply_definitions,
    format_value,
)
from hccsurv_core.patient import PatientFacts, check_patient_facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_patient_arguments(parser, sex_required=True)
    parser.add_argument("--sma-cm2", type=number, metavar="X", help="skeletal muscle area, cm²")
    parser.add_argument("--pma-cm2", type=number, metavar="X", help="area of both psoas, cm²")
    parser.add_argument("--pd-hu", type=number, metavar="X", help="mean psoas attenuation, HU")
    parser.add_argument("--ma-hu", type=number, metavar="X", help="mean muscle attenuation, HU")
    add_common_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Apply the definitions and write the answer.

    Raises:
        InputError: no measure is given, or one is impossible.
    """
    check_patient_facts(PatientFacts(sex=arguments.sex, height_m=arguments.height_m))
    measures = BodyMeasures(
        sma_cm2=arguments.sma_cm2,
        pma_cm2=arguments.pma_cm2,
        pd_hu=arguments.pd_hu,
        ma_hu=arguments.ma_hu,
        height_m=arguments.height_m,
    )
    values = (measures.sma_cm2, measures.pma_cm2, measures.pd_hu, measures.ma_hu)
    if all(value is None for value in values):
        raise InputError(
            "no measure is given",
            source="definitions",
            remedy="give at least one of --sma-cm2, --pma-cm2, --pd-hu, --ma-hu",
        )
    results = apply_definitions(measures, arguments.sex)
    answer = {"measures": measures.to_json(), "definitions": [r.to_json() for r in results]}
    write_answer(answer, arguments.json, definitions_table(results))


def definitions_table(results: tuple[DefinitionResult, ...]) -> str:
    """The five definitions as a table for a terminal."""
    lines = [f"{'':4} {'value':>10} {'cut-off':>9}  verdict"]
    for r in results:
        value = "–" if r.value is None else format_value(r.value, r.cutoff)
        cutoff = "–" if r.cutoff is None else f"{'≤' if r.operator == '<=' else '<'} {r.cutoff:g}"
        verdict = {True: "low", False: "not low", None: r.reason}[r.positive]
        lines.append(f"{r.name:4} {value:>10} {cutoff:>9}  {verdict} ({r.unit}; {r.source})")
    return "\n".join(lines)
