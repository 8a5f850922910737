"""Commands of the ROI editor: stored, measured, answered with what changed; wrong ones change nothing."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import HccsurvError, InputError, NotFoundError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import STRUCTURES, BodySegmentation, L3Location
from hccsurv_core.roi.runs import from_runs, to_runs
from hccsurv_core.systems.roi_edits import apply_command, measure_again, open_document
from hccsurv_core.volume import Volume

SHAPE = (7, 20, 24)
PLANE = SHAPE[1:]


@pytest.fixture
def store(tmp_path):
    with PatientStore(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def study(store):
    """Muscle of 40 HU in a block, a psoas in it on each side, bone of 400 HU in the middle."""
    voxels = np.full(SHAPE, -100, np.int16)
    voxels[:, 4:16, 4:20] = 40
    voxels[:, 8:12, 11:13] = 400
    volume = Volume(voxels, np.diag([10.0, 10.0, 5.0, 1.0]))
    patient = store.add_patient(facts=PatientFacts("male", 60, 1.75, 80))
    study = store.add_study(patient.id, volume, modality="CT")
    masks = {name: np.zeros((3, *PLANE), bool) for name in STRUCTURES}
    masks["muscle"][:, 6:14, 5:10] = True
    masks["psoas_right"][:, 9:13, 6:9] = True
    store.save_level(study.id, L3Location(3, 15.0, 0.9, "automatic"), state="automatic")
    seg = BodySegmentation(2, 3, masks, "classical")
    store.save_segmentation(study.id, seg, state="automatic")
    measure_again(store, study.id, actor="local")
    return study


def block(rows, columns):
    mask = np.zeros(PLANE, bool)
    mask[rows, columns] = True
    return mask


def stroke(label, add=None, remove=None, **more):
    def runs(slices):
        return {str(z): to_runs(mask) for z, mask in (slices or {}).items()}

    return {"do": "stroke", "label": label, "add": runs(add), "remove": runs(remove), **more}


def mask_of(store, study, name, index=3):
    return store.load_segmentation(study.id).segmentation.mask_at(name, index)


def test_a_document_is_json_and_holds_everything(store, study):
    found = json.loads(json.dumps(open_document(store, study.id)))
    assert [label["id"] for label in found["labels"]] == list(STRUCTURES)
    assert found["labels"][0]["hu"] == [-29, 150] and found["labels"][0]["slices"] == [2, 4]
    drawn = from_runs(found["masks"]["psoas_right"]["3"], PLANE)
    np.testing.assert_array_equal(drawn, mask_of(store, study, "psoas_right"))
    assert set(found["masks"]) == {"muscle", "psoas_right"}
    assert found["history"]["body"] == {
        "revision": 1, "state": "automatic", "can_undo": False, "can_redo": False,
    }  # fmt: skip
    assert found["numbers"]["body"]["sma_cm2"] == pytest.approx(40.0)


def test_a_stroke_is_stored_by_the_rules_and_measured(store, study):
    command = stroke("psoas_left", {3: block(slice(8, 12), slice(10, 16))})
    answer = apply_command(store, study.id, command, actor="Dr. Who")
    added = block(slice(8, 12), slice(10, 16)) & ~block(slice(8, 12), slice(11, 13))
    assert mask_of(store, study, "psoas_left").sum() == 16
    np.testing.assert_array_equal(mask_of(store, study, "psoas_left"), added)
    assert mask_of(store, study, "muscle").sum() == 56  # psoas is muscle
    assert answer["message"] == "8 pixels outside -29 to 150 HU were left out."
    assert set(answer["changed"]) == {"psoas_left", "muscle"}
    assert set(answer["changed"]["muscle"]) == {"3"}
    np.testing.assert_array_equal(
        from_runs(answer["changed"]["muscle"]["3"], PLANE), mask_of(store, study, "muscle")
    )
    assert answer["before"]["body"] == 1 and answer["history"]["body"]["revision"] == 2
    assert answer["history"]["body"]["state"] == "edited"
    assert answer["numbers"]["body"]["sma_cm2"] == pytest.approx(56.0)
    assert store.load_measures(study.id)["measures"]["pma_cm2"] == pytest.approx(28.0)
    newest = store.revisions(study.id)[0]
    assert (newest.actor, newest.note) == ("Dr. Who", "psoas left: drawn, 16 pixels")


def test_a_stroke_over_slices_is_one_revision(store, study):
    remove = {z: block(slice(6, 8), slice(5, 10)) for z in (2, 3, 4)}
    answer = apply_command(store, study.id, stroke("muscle", remove=remove), actor="x")
    assert answer["history"]["body"]["revision"] == 2
    assert set(answer["changed"]["muscle"]) == {"2", "3", "4"}


def test_a_stroke_of_nothing_is_no_revision(store, study):
    command = stroke("muscle", {3: block(slice(6, 8), slice(5, 7))})
    answer = apply_command(store, study.id, command, actor="x")
    assert answer["changed"] == {} and answer["history"]["body"]["revision"] == 1
    assert len(store.revisions(study.id)) == 1


def test_undo_and_redo_answer_with_what_changed(store, study):
    apply_command(store, study.id, stroke("muscle", remove={3: block(6, slice(5, 10))}), actor="x")
    edited = mask_of(store, study, "muscle")
    undone = apply_command(store, study.id, {"do": "undo", "target": "body"}, actor="x")
    assert mask_of(store, study, "muscle").sum() == 40
    assert set(undone["changed"]["muscle"]) == {"3"}
    assert undone["history"]["body"]["can_redo"] and not undone["history"]["body"]["can_undo"]
    assert undone["numbers"]["body"]["sma_cm2"] == pytest.approx(40.0)
    redone = apply_command(store, study.id, {"do": "redo", "target": "body"}, actor="x")
    np.testing.assert_array_equal(mask_of(store, study, "muscle"), edited)
    assert redone["numbers"]["body"]["sma_cm2"] == pytest.approx(35.0)
    with pytest.raises(NotFoundError, match="nothing to do again"):
        apply_command(store, study.id, {"do": "redo", "target": "body"}, actor="x")


def test_reset_is_one_step_that_can_be_undone(store, study):
    for row in (6, 7):
        removed = {3: block(row, slice(5, 10))}
        apply_command(store, study.id, stroke("muscle", remove=removed), actor="x")
    answer = apply_command(store, study.id, {"do": "reset"}, actor="x")
    assert mask_of(store, study, "muscle").sum() == 40
    assert answer["history"]["body"]["state"] == "automatic"
    assert answer["history"]["body"]["can_undo"]
    apply_command(store, study.id, {"do": "undo", "target": "body"}, actor="x")
    assert mask_of(store, study, "muscle").sum() == 30


def test_everything_erased_leaves_numbers_that_are_not_known(store, study):
    everywhere = {3: np.ones(PLANE, bool)}
    answer = apply_command(store, study.id, stroke("muscle", remove=everywhere), actor="x")
    assert not mask_of(store, study, "psoas_right").any()
    assert answer["numbers"]["body"]["sma_cm2"] in (0, None)
    assert answer["numbers"]["body"]["ma_hu"] is None


def test_regions_are_added_drawn_renamed_and_deleted(store, study):
    answer = apply_command(store, study.id, {"do": "new_region"}, actor="x")
    label = answer["labels"][-1]
    assert (label["name"], label["target"], label["hu"]) == ("Lesion", "regions", None)
    second = apply_command(store, study.id, {"do": "new_region"}, actor="x")["labels"][-1]
    assert second["name"] == "Lesion 2"
    drawn = {0: block(slice(1, 3), slice(1, 4)), 6: block(19, 23)}
    answer = apply_command(store, study.id, stroke(label["id"], drawn), actor="x")
    assert answer["numbers"]["regions"][label["id"]]["volume_ml"] == pytest.approx(7 * 0.5)
    assert answer["numbers"]["regions"][label["id"]]["mean_hu"] == pytest.approx(-100)
    assert answer["history"]["body"]["revision"] == 1  # the outline is another history
    name = {"do": "rename_region", "label": label["id"], "name": "Segment 8"}
    assert apply_command(store, study.id, name, actor="x")["labels"][-2]["name"] == "Segment 8"
    gone = {"do": "delete_region", "label": label["id"]}
    answer = apply_command(store, study.id, gone, actor="x")
    np.testing.assert_array_equal(
        from_runs(answer["changed"][label["id"]]["0"], PLANE), np.zeros(PLANE, bool)
    )
    assert [found["name"] for found in answer["labels"][-1:]] == ["Lesion 2"]
    back = apply_command(store, study.id, {"do": "undo", "target": "regions"}, actor="x")
    assert [found["name"] for found in back["labels"][-2:]] == ["Segment 8", "Lesion 2"]
    assert set(back["changed"][label["id"]]) == {"0", "6"}


def test_a_clip_begins_with_a_lesion_and_the_liver_beside_it(store):
    """Intensities on ultrasound are told against a reference, so it is asked for by name."""
    patient = store.add_patient(facts=PatientFacts())
    clip = store.add_study(
        patient.id, Volume(np.zeros((3, 40, 50), np.int16), np.eye(4)), modality="US"
    )
    names = [
        apply_command(store, clip.id, {"do": "new_region"}, actor="x")["labels"][-1]["name"]
        for _ in range(3)
    ]
    assert names == ["Lesion", "Reference liver", "Lesion 2"]


def test_two_tabs_lose_nothing(store, study):
    """Strokes of many threads at once: all of them are in the end."""
    columns = range(10, 20)
    errors = []

    def draw(column):
        try:
            command = stroke("muscle", {3: block(slice(5, 7), column)})
            apply_command(store, study.id, command, actor=f"tab {column}")
        except HccsurvError as error:
            errors.append(error)

    threads = [threading.Thread(target=draw, args=(column,)) for column in columns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    expected = mask_of(store, study, "muscle")[5:7, 10:20]
    assert expected.all()
    assert store.load_segmentation(study.id).revision == 11


def test_a_click_grows_a_lesion(store):
    rng = np.random.default_rng(4)
    z, y, x = np.mgrid[:12, :60, :60]
    inside = ((z - 6) * 5.0) ** 2 + ((y - 30) * 1.5) ** 2 + ((x - 32) * 1.5) ** 2 < 18.0**2
    voxels = np.where(inside, 130, 70) + rng.normal(0, 8, inside.shape)
    volume = Volume(voxels.astype(np.int16), np.diag([1.5, 1.5, 5.0, 1.0]))
    study = store.add_study(store.add_patient().id, volume, modality="CT")
    label = apply_command(store, study.id, {"do": "new_region"}, actor="x")["labels"][-1]["id"]
    grow = {"do": "grow", "label": label, "seed": [6, 30, 32], "dimensions": 3}
    apply_command(store, study.id, grow, actor="x")
    (region,) = store.load_regions(study.id).regions
    found = region.whole(volume.shape)
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.85
    assert region.method == "grown from a click"


def test_interpolation_and_smoothing(store, study):
    label = apply_command(store, study.id, {"do": "new_region"}, actor="x")["labels"][-1]["id"]
    ends = {0: block(slice(5, 15), slice(5, 15)), 6: block(slice(5, 15), slice(5, 15))}
    apply_command(store, study.id, stroke(label, ends), actor="x")
    apply_command(store, study.id, {"do": "interpolate", "label": label}, actor="x")
    (region,) = store.load_regions(study.id).regions
    assert region.whole(SHAPE)[:, 6:14, 6:14].all()
    with pytest.raises(InputError, match="no slice between drawn ones is empty"):
        apply_command(store, study.id, {"do": "interpolate", "label": label}, actor="x")
    speck = {3: block(2, 20)}
    apply_command(store, study.id, stroke(label, speck), actor="x")
    smooth = {"do": "smooth", "label": label, "slice": 3, "radius_mm": 15}
    apply_command(store, study.id, smooth, actor="x")
    (region,) = store.load_regions(study.id).regions
    assert not region.mask_at(3, PLANE)[2, 20]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({}, "knows no command"),
        ({"do": ["stroke"]}, "knows no command"),
        ({"do": "stroke"}, "which label"),
        (stroke("liver", {3: block(1, 1)}), "this region is gone"),
        (stroke("muscle", {0: block(5, 5)}), "slice 0 has no outline"),
        ({"do": "stroke", "label": "muscle", "add": {"9": [480]}}, "9 is no slice"),
        ({"do": "stroke", "label": "muscle", "add": {"-1": [480]}}, "-1 is no slice"),
        ({"do": "stroke", "label": "muscle", "add": {"3": [1, 2]}}, "do not describe 20×24"),
        ({"do": "stroke", "label": "muscle", "add": [1]}, "cannot be read"),
        ({"do": "undo"}, "outline or regions"),
        ({"do": "undo", "target": "body"}, "nothing to undo"),
        ({"do": "undo", "target": "regions"}, "nothing to undo"),
        ({"do": "rename_region", "label": "x", "name": "y"}, "this region is gone"),
        ({"do": "smooth", "label": "muscle", "slice": "3"}, "a slice and a radius"),
        ({"do": "smooth", "label": "muscle", "slice": 3, "radius_mm": 1e9}, "no smoothing"),
        ({"do": "smooth", "label": "muscle", "slice": 0}, "nothing is drawn on this slice"),
        ({"do": "interpolate", "label": "muscle"}, "no slice between"),
        ({"do": "grow", "label": "muscle", "seed": [1, 2, 3]}, "this region is gone"),
    ],
)
def test_wrong_commands_say_so_and_change_nothing(store, study, command, words):
    with pytest.raises(HccsurvError, match=words):
        apply_command(store, study.id, command, actor="x")
    assert len(store.revisions(study.id)) == 1
    assert store.load_regions(study.id).revision == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "a place has slice, row and column"),
        ({"seed": [1, 2]}, "a place has slice, row and column"),
        ({"seed": [1, 2.5, 3]}, "three whole numbers"),
        ({"seed": [1, 2, 3], "box": 7}, "a box has two corners"),
        ({"seed": [1, 2, 3], "box": [[0, 0, 0], "x"]}, "a place has slice"),
        ({"seed": [99, 2, 3]}, "outside|not in"),
    ],
)
def test_growing_from_nowhere_is_refused(store, study, more, words):
    label = apply_command(store, study.id, {"do": "new_region"}, actor="x")["labels"][-1]["id"]
    with pytest.raises(HccsurvError, match=words):
        apply_command(store, study.id, {"do": "grow", "label": label, **more}, actor="x")
    assert store.load_regions(study.id).revision == 1
