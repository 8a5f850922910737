"""What a training would use is counted rightly and said before it begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, NotFoundError, TableError
from hccsurv_core.features.feature_table import FeatureTable, read_feature_table
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems import training_preview
from hccsurv_core.systems.training_preview import preview_table, without_features
from hccsurv_core.systems.training_sources import (
    HELD_OUT,
    find_cohort_folder,
    hold_out_center,
    hold_out_share,
    joining_the_training,
    keep_table,
    list_cohort_folders,
)


def table(n=100, p=4, *, event=None, split=None, center=None, seed=0):
    rng = np.random.default_rng(seed)
    event = rng.random(n) < 0.6 if event is None else np.asarray(event)
    labels = {name: tuple(texts) for name, texts in (("split", split), ("center", center)) if texts}
    return FeatureTable(
        tuple(f"P{i}" for i in range(n)), tuple(f"f{i}" for i in range(p)), rng.normal(size=(n, p)),
        SurvivalOutcome(rng.uniform(1, 60, n), event), labels, "ours.csv",
    )  # fmt: skip


def test_the_training_refuses_what_the_preview_refuses():
    from hccsurv_core.systems.muscle.training import FEWEST_EVENTS, TRAIN

    assert training_preview.FEWEST_EVENTS == FEWEST_EVENTS
    assert training_preview.TRAIN == TRAIN
    few = preview_table(table(event=np.arange(100) < FEWEST_EVENTS - 1))
    assert "19 events among 100 patients are too few" in few.refusal
    assert preview_table(table(event=np.arange(100) < FEWEST_EVENTS)).refusal == ""


def test_parts_are_counted_and_only_training_patients_describe_the_training():
    split = ["train"] * 60 + ["internal"] * 30 + [""] * 10
    given = table(split=split, center=["a", "b"] * 50)
    given.values[:30, 0] = np.nan  # half of the training patients, and nobody else
    given.values[:31, 1] = np.nan
    given.values[:60, 2] = 7.0
    found = preview_table(given)
    events = given.outcome.event
    assert (found.n, found.n_events) == (100, events.sum())
    assert (found.training.n, found.training.n_events) == (60, events[:60].sum())
    assert [(p.name, p.n, p.n_events) for p in found.held_out] == [
        ("internal", 30, events[60:90].sum()),
        ("not known", 10, events[90:].sum()),
    ]
    assert [(p.name, p.n) for p in found.centers] == [("a", 50), ("b", 50)]
    assert found.mostly_missing == ("f1",)
    assert found.constant == ("f2",)
    assert found.missing_share == pytest.approx(61 / 240)
    assert found.events_per_feature == pytest.approx(events[:60].sum() / 4)
    text = " ".join(found.cautions)
    assert "1 feature is missing in more than half of the patients (f1)" in text
    assert "1 feature does not vary (f2)" in text
    assert "more than one center" in text


def test_everybody_is_learned_from_where_there_is_no_split_and_that_is_said():
    found = preview_table(table(n=400, p=2))
    assert found.training.n == 400 and found.held_out == ()
    assert any("Nobody is held out" in text for text in found.cautions)
    nobody = preview_table(table(split=["internal"] * 100))
    assert nobody.training.n == 0 and "Nobody is in split" in nobody.refusal


def test_many_features_for_few_events_are_a_caution_and_no_refusal():
    found = preview_table(table(p=500))
    assert found.refusal == ""
    assert any("0.1" in t and "events per feature" in t for t in found.cautions)
    assert not any("events per feature" in t for t in preview_table(table(n=400)).cautions)


def test_a_center_is_held_out():
    given = table(center=["north"] * 70 + ["south"] * 30)
    held = hold_out_center(given, "south")
    assert held.where("split", "south").tolist() == [False] * 70 + [True] * 30
    assert held.where("split", "train").sum() == 70
    assert preview_table(held).held_out[0].name == "south"
    with pytest.raises(TableError, match=r"nobody would be held out \(east\)"):
        hold_out_center(given, "east")
    with pytest.raises(TableError, match="everybody would be held out"):
        hold_out_center(table(center=["x"] * 100), "x")
    # Whatever a center is called, its patients are not learned from.
    odd = hold_out_center(table(center=["train"] * 40 + ["b"] * 60), "train")
    assert odd.where("split", "train").tolist() == [False] * 40 + [True] * 60


@given(st.floats(0.05, 0.9), st.integers(0, 50))
@settings(deadline=None, max_examples=25)
def test_a_share_is_held_out_with_its_share_of_events(share, seed):
    given = table(n=200)
    held = hold_out_share(given, share, seed=seed)
    out = held.where("split", HELD_OUT)
    n_events = given.outcome.n_events
    assert abs(out.sum() - share * 200) <= 1
    assert abs(given.outcome.event[out].sum() - share * n_events) <= 0.5
    assert (hold_out_share(given, share, seed=seed).where("split", HELD_OUT) == out).all()


def test_a_share_lies_between_nobody_and_everybody():
    for share in (0.0, 1.0, -0.2, 3.0, float("nan")):
        with pytest.raises(InputError, match="between 0 and 1"):
            hold_out_share(table(), share)


def test_it_is_told_who_joins_the_training_when_the_tables_split_is_set_aside():
    split = ["train"] * 50 + ["internal"] * 20 + ["external"] * 30
    given = table(split=split, center=["a"] * 70 + ["b"] * 30)
    assert joining_the_training(given, hold_out_center(given, "b")) == (
        "the table's own split is set aside: 20 patients whom it keeps out of the training are "
        "learned from (20 of internal)"
    )
    shared = hold_out_share(given, 0.5)
    n = int((shared.where("split", "train") & ~given.where("split", "train")).sum())
    assert f"{n} patients whom" in joining_the_training(given, shared)
    without = table(center=["a"] * 70 + ["b"] * 30)
    assert joining_the_training(without, hold_out_center(without, "b")) == ""
    exactly = table(split=["train"] * 70 + ["b"] * 30, center=["a"] * 70 + ["b"] * 30)
    assert joining_the_training(exactly, hold_out_center(exactly, "b")) == ""


def test_a_kept_table_is_the_same_table(tmp_path):
    given = hold_out_center(table(center=["a"] * 50 + ["b"] * 50), "b")
    given.values[3, 2] = np.nan
    path = keep_table(given, "unsere Tabelle (3).csv", tmp_path)
    assert path.name == "unsere-Tabelle--3-.csv"
    back = read_feature_table(path)
    assert back.patient_ids == given.patient_ids and back.names == given.names
    np.testing.assert_array_equal(back.values, given.values)
    assert back.labels == given.labels
    without = FeatureTable(("P",), ("f",), np.zeros((1, 1)))
    with pytest.raises(TableError, match="no outcome"):
        keep_table(without, "x.csv", tmp_path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    from hccsurv_core.cohort.folder import write_cohort
    from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables

    place = tmp_path_factory.mktemp("data")
    for system, n in (("muscle", 12), ("ceus", 5)):
        spec = cohort_spec(system)
        write_cohort(place / f"our-{system}", draw_tables(spec, n, 1)[0], spec.describe())
    (place / "library-entry").mkdir()
    (place / "broken").mkdir()
    (place / "broken" / "cohort.json").write_text("{", encoding="utf-8")
    return place


def test_cohort_folders_of_a_system_are_listed_and_damage_is_said(root):
    found = list_cohort_folders("muscle", root)
    assert [(f.name, f.n) for f in found] == [("broken", 0), ("our-muscle", 12)]
    assert "not readable as JSON" in found[0].problem
    assert found[1].info.simulated
    assert list_cohort_folders("muscle", root / "nowhere") == ()


@pytest.mark.parametrize("name", ["..", "../data", "/etc", "our-muscle/..", ".hidden", "", "other"])
def test_no_name_leads_out_of_the_cohorts(root, name):
    with pytest.raises(NotFoundError, match="no cohort folder"):
        find_cohort_folder(name, root)


def test_a_cohort_is_found_by_its_name_and_previewed_without_its_images(root):
    from hccsurv_core.cohort.folder import read_cohort

    cohort = read_cohort(find_cohort_folder("our-muscle", root))
    found = preview_table(without_features(cohort))
    splits = cohort.table["split"].tolist()
    assert found.n == 12 and found.training.n == splits.count("train")
    assert {p.name for p in found.held_out} == set(splits) - {"train"}
    assert found.n_features is None and found.missing_share is None
