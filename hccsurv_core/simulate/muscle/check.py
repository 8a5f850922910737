"""How hard the muscle cohort is, and how close its margins are to the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.muscle.measures import DEFINITIONS, low_muscle
from hccsurv_core.simulate.truth_check import (
    Concordance,
    Margin,
    concordance,
    cox_concordance,
    report,
)

if TYPE_CHECKING:
    from pandas import DataFrame

LIU_2024 = "Liu et al., J Zhejiang Univ Sci B 2024, doi:10.1631/jzus.B2300363"
OURS = "ours"
#: What a clinic would fit without looking at muscle.
CLINICAL = (
    "age_years", "sex", "bmi", "tumor_diameter_mm", "tumor_number", "log_afp", "albumin_g_l",
    "log_bilirubin", "platelets_10e9_l",
)  # fmt: skip
#: Where the oracle must lie, and single definitions (project's specification after the papers).
ORACLE_RANGE, DEFINITION_RANGE = (0.76, 0.82), (0.52, 0.60)


def check_cohort(table: DataFrame, truth: DataFrame) -> Mapping[str, Any]:
    """Oracle, rivals and margins of a muscle cohort, for ``truth.json``; bears any n.

    The verdicts of the definitions rest on what was measured on the true masks where images were
    drawn, on the closed form of the causes where not.
    """
    measured = "measured_smi" in truth
    discovery = table["split"].isin(["train", "internal"]).to_numpy()
    frame = _with_measures(table, truth, "measured_" if measured else "expected_")
    scores: list[Concordance | None] = []
    if discovery.any():
        scores += _scores(frame[discovery].reset_index(drop=True), "discovery")
    for split in ("internal", "external", "transplant"):
        rows = (table["split"] == split).to_numpy()
        if rows.any():
            outcome = _outcome(frame[rows])
            scores.append(_oracle(frame[rows], outcome, split))
    return report(
        scores,
        _margins(frame[discovery]),
        measures_from="true masks" if measured else "closed form of the causes",
        ranges={"oracle": list(ORACLE_RANGE), "definitions": list(DEFINITION_RANGE)},
    )


def _with_measures(table: DataFrame, truth: DataFrame, prefix: str) -> DataFrame:
    columns = [c for c in truth.columns if c.startswith(prefix)]
    measures = truth[columns].rename(columns=lambda c: c.removeprefix(prefix))
    causes = truth[["linear_predictor", "muscle_predictor", "recurrence_predictor", "true_bmi"]]
    return table.join(measures).join(causes)


def _outcome(frame: DataFrame) -> SurvivalOutcome:
    return SurvivalOutcome(frame["time_months"].to_numpy(), frame["event"].to_numpy(float))


def _oracle(frame: DataFrame, outcome: SurvivalOutcome, where: str) -> Concordance:
    return concordance(
        outcome,
        frame["linear_predictor"].to_numpy(),
        f"true linear predictor, {where}",
        kind="oracle",
        published=ORACLE_RANGE,
    )


def _scores(frame: DataFrame, where: str) -> list[Concordance | None]:
    outcome = _outcome(frame)
    scores: list[Concordance | None] = [
        _oracle(frame, outcome, where),
        concordance(
            outcome, frame["muscle_predictor"].to_numpy(), f"true muscle part, {where}",
            kind="oracle",
        ),
    ]  # fmt: skip
    for name, low in low_muscle(frame, frame["sex"].to_numpy()).items():
        label = f"{name}, low or not, {where}"
        scores.append(
            concordance(outcome, low, label, kind="definition", published=DEFINITION_RANGE)
        )
    recurrence = SurvivalOutcome(
        frame["recurrence_time_months"].to_numpy(), frame["recurrence_event"].to_numpy(float)
    )
    for column, label in (
        ("recurrence_predictor", "true recurrence predictor"),
        ("muscle_predictor", "true muscle part"),
    ):
        scores.append(
            concordance(
                recurrence,
                frame[column].to_numpy(),
                f"{label}, recurrence, {where}",
                kind="oracle" if column == "recurrence_predictor" else "rival",
            )
        )
    return scores + _cox_rivals(frame, outcome)


def _cox_rivals(frame: DataFrame, outcome: SurvivalOutcome) -> list[Concordance | None]:
    """Classical models, fitted on "train" and judged on "internal"."""
    with_logs = frame.assign(
        log_afp=np.log(frame["afp_ng_ml"]),
        log_bilirubin=np.log(frame["bilirubin_umol_l"]),
        bmi=frame["true_bmi"],
    )
    train = (frame["split"] == "train").to_numpy()
    measures = ("smi", "pmi", "pd_hu", "ma_hu")
    return [
        cox_concordance(with_logs, columns, outcome, f"{name}, internal", train=train)
        for name, columns in (
            ("Cox on clinical values", CLINICAL),
            ("Cox on true areas and attenuations", measures),
            ("Cox on both", CLINICAL + measures),
        )
    ]


def _margins(discovery: DataFrame) -> list[Margin]:
    n = len(discovery)
    found = [Margin("patients in discovery", float(n), 492.0, LIU_2024)]
    if not n:
        return found
    sex = discovery["sex"].to_numpy()
    found += [
        Margin("men", float((sex == "male").mean()), 0.85, LIU_2024),
        Margin("age, mean", float(discovery["age_years"].mean()), 55.9, LIU_2024),
        Margin("age, standard deviation", float(discovery["age_years"].std()), 11.1, LIU_2024),
        Margin("BMI, mean", float(discovery["true_bmi"].mean()), 22.9, LIU_2024),
        Margin("BMI, standard deviation", float(discovery["true_bmi"].std()), 2.9, LIU_2024),
    ]
    for name, low in low_muscle(discovery, sex).items():
        found.append(Margin(f"low {name}", float(low.mean()), DEFINITIONS[name][4], LIU_2024))
    died = discovery["event"].to_numpy(float)
    found.append(Margin("deaths observed", float(died.mean()), None, OURS))
    found.append(
        Margin("recurrences observed", float(discovery["recurrence_event"].mean()), None, OURS)
    )
    return found
