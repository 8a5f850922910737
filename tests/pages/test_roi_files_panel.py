"""Masks in and out on the scan page: dropped, shown, mapped, taken over; errors lose nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from page_helpers import SHAPE, page_text, small_segmentation, small_volume
from streamlit.testing.v1 import AppTest

from hccsurv_core.errors import InputError
from hccsurv_core.io.export import label_map_from_masks, write_dicom_seg, write_nifti_labels
from hccsurv_core.roi.regions import region_of
from hccsurv_core.volume import Volume
from pages._shared import roi_files, routes, views

WIDER = (slice(4, 9), slice(20, 32), slice(37, 44))


def masks() -> dict[str, np.ndarray]:
    """The outline of the small body on the whole scan, its left psoas two rows longer."""
    seg = small_segmentation()
    whole = {name: np.zeros(SHAPE, bool) for name in ("muscle", "psoas_left", "psoas_right")}
    for name, mask in whole.items():
        mask[4:9] = seg.masks[name]
    return whole


def nifti(tmp_path: Path, volume: Volume | None = None) -> list[tuple[str, bytes]]:
    """Our own label map and its JSON of names, as uploads."""
    volume = volume or small_volume()
    path = write_nifti_labels(tmp_path / "m.nii.gz", label_map_from_masks(volume, masks()))
    return [(p.name, p.read_bytes()) for p in (path, tmp_path / "m.json")]


def drop(at: AppTest, study, files: list[tuple[str, bytes]]) -> AppTest:
    return (
        at.file_uploader(key=f"roi_files_{study.id}_0")
        .set_value([(name, data, "application/octet-stream") for name, data in files])
        .run()
    )


def choices(at: AppTest) -> dict[str, str]:
    prefix = "roi_is_"
    return {
        s.label.removeprefix("What ").removesuffix(" is"): s.value
        for s in at.selectbox
        if str(s.key).startswith(prefix)
    }


def test_a_mask_is_shown_mapped_and_taken_over(open_page, add_study, store, tmp_path) -> None:
    study = add_study()
    at = drop(open_page(routes.SCAN, study.id), study, nifti(tmp_path))
    assert not at.exception
    assert choices(at) == {n: n for n in ("muscle", "psoas_left", "psoas_right")}
    text = page_text(at)
    assert "3 regions" in text and "slices 5 to 9" in text
    # 5 slices of 70 pixels of 5 × 5 × 4 mm.
    assert "35.0 ml" in text
    at.button(key="roi_take_over").click().run()
    assert not at.exception
    held = store.load_segmentation(study.id)
    assert (held.state, held.revision, held.actor) == ("edited", 2, "local")
    assert held.note == "muscle, psoas left, psoas right imported from ….nii.gz (NIfTI)"
    for name, mask in masks().items():
        np.testing.assert_array_equal(held.segmentation.masks[name], mask[4:9])
    assert store.load_measures(study.id)["measures"]["pma_cm2"] == pytest.approx(35.0)
    # The widget is empty again: nothing is taken over twice.
    assert choices(at) == {}
    assert at.file_uploader(key=f"roi_files_{study.id}_1").value == []


def test_the_choice_is_the_user_s(open_page, add_study, store, tmp_path) -> None:
    study = add_study()
    at = drop(open_page(routes.SCAN, study.id), study, nifti(tmp_path))
    by_label = {s.label: s for s in at.selectbox}
    by_label["What muscle is"].select("").run()
    {s.label: s for s in at.selectbox}["What psoas_right is"].select("").run()
    {s.label: s for s in at.selectbox}["What psoas_left is"].select("lesion").run()
    at.button(key="roi_take_over").click().run()
    assert not at.exception
    assert store.load_segmentation(study.id).revision == 1
    (region,) = store.load_regions(study.id).regions
    assert (region.name, region.n_voxels) == ("psoas_left", 350)


def test_another_grid_is_refused_with_both_geometries_and_nothing_lost(
    open_page, add_study, store, tmp_path
) -> None:
    study = add_study()
    moved = small_volume().affine.copy()
    moved[0, 3] = 17.0
    wrong = nifti(tmp_path, Volume(small_volume().voxels, moved))
    at = open_page(routes.SCAN, study.id)
    drop(at, study, wrong)
    (error,) = [e.value for e in at.error]
    assert "m.nii.gz" in error and "do not coincide" in error
    assert error.count("64×48×12 voxels of 5×5×4 mm") == 2
    assert "at (0.0, 0.0, 0.0) mm" in error and "at (17.0, 0.0, 0.0) mm" in error
    # The right one beside the wrong one is read all the same.
    right = (nifti(tmp_path)[0][0].replace("m.", "good."), nifti(tmp_path)[0][1])
    drop(at, study, [*wrong, right])
    assert len(at.error) == 1 and list(choices(at)) == ["label 1", "label 2", "label 3"]
    assert at.button(key="roi_take_over").disabled
    assert store.load_segmentation(study.id).revision == 1


def test_an_error_while_taking_over_keeps_what_was_chosen(
    open_page, add_study, store, tmp_path
) -> None:
    study = add_study()
    path = tmp_path / "muscle.nii"
    elsewhere = np.zeros(SHAPE, np.uint8)
    elsewhere[0:2, 34:42, 16:48] = 1
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ small_volume().affine
    nibabel.save(nibabel.Nifti1Image(np.transpose(elsewhere, (2, 1, 0)), ras), path)
    at = drop(open_page(routes.SCAN, study.id), study, [("muscle.nii", path.read_bytes())])
    assert choices(at) == {"label 1": "muscle"}
    at.button(key="roi_take_over").click().run()
    (error,) = [e.value for e in at.error]
    assert "no pixel of its tissue on slice 7" in error and "slices 1 to 2" in error
    assert choices(at) == {"label 1": "muscle"}
    assert store.load_segmentation(study.id).revision == 1


def test_a_file_that_is_nothing_is_one_message(open_page, add_study) -> None:
    study = add_study()
    at = drop(open_page(routes.SCAN, study.id), study, [("notes.dcm", b"hello " * 200)])
    assert not at.exception
    (error,) = [e.value for e in at.error]
    assert "notes.dcm" in error and "neither NIfTI nor a DICOM file" in error
    assert "Give the mask as NIfTI, DICOM SEG or RTSTRUCT" in error
    assert [b for b in at.button if b.key == "roi_take_over"] == []


def test_many_regions_are_folded_away(open_page, add_study, tmp_path) -> None:
    study = add_study()
    many = {"psoas_left": masks()["psoas_left"]}
    for n in range(9):
        many[f"rib_left_{n + 1}"] = np.zeros(SHAPE, bool)
        many[f"rib_left_{n + 1}"][0, n, n] = True
    path = tmp_path / "seg.dcm"
    write_dicom_seg(path, many, source_files=(), volume=small_volume(), series_description="")
    at = drop(open_page(routes.SCAN, study.id), study, [("seg.dcm", path.read_bytes())])
    assert not at.exception
    assert "9 other regions" in [e.label for e in at.expander]
    chosen = choices(at)
    assert chosen.pop("Psoas muscle, left") == "psoas_left"
    assert set(chosen.values()) == {""} and len(chosen) == 9


def test_without_an_outline_masks_come_in_all_the_same(
    open_page, add_study, store, tmp_path
) -> None:
    study = add_study(measured=False)
    from page_helpers import level

    store.save_level(study.id, level(), state="confirmed")
    at = drop(open_page(routes.SCAN, study.id), study, nifti(tmp_path))
    at.button(key="roi_take_over").click().run()
    assert not at.exception
    held = store.load_segmentation(study.id).segmentation
    assert held.mask_at("psoas_left", 6).sum() == 70
    assert store.load_measures(study.id)["measures"]["pma_cm2"] == pytest.approx(35.0)


# -- out ---------------------------------------------------------------------------------------
def test_lesions_are_offered_for_download_as_they_are(open_page, add_study, store) -> None:
    study = add_study()
    assert "get_lesion_seg" not in [
        b.key for b in open_page(routes.SCAN, study.id).get("download_button")
    ]
    mask = np.zeros(SHAPE, bool)
    mask[2:4, 10:15, 20:30] = True
    lesions = [
        region_of("r1", "HCC 1", mask),
        region_of("r2", "HCC 2", mask, method="grown from a click"),
    ]
    store.save_regions(study.id, lesions)
    at = open_page(routes.SCAN, study.id)
    keys = [b.key for b in at.get("download_button")]
    assert {"get_nifti", "get_seg", "get_zip", "get_lesion_nifti", "get_lesion_seg"} <= set(keys)
    volume = views.open_store().load_volume(study.id)
    packed = roi_files.lesions_file(lesions, "nifti", volume=volume, source_files=())
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        # They overlap: a file each.
        assert sorted(archive.namelist()) == [
            "HCC_1.json",
            "HCC_1.nii.gz",
            "HCC_2.json",
            "HCC_2.nii.gz",
        ]
    seg = pydicom.dcmread(
        io.BytesIO(roi_files.lesions_file(lesions, "seg", volume=volume, source_files=()))
    )
    assert [(s.SegmentLabel, s.SegmentAlgorithmType) for s in seg.SegmentSequence] == [
        ("HCC 1", "MANUAL"),
        ("HCC 2", "SEMIAUTOMATIC"),
    ]


def test_a_lesion_for_itk_snap(add_study, store, tmp_path) -> None:
    study = add_study()
    volume = views.open_store().load_volume(study.id)
    lesion = region_of("r1", "HCC", np.ones((1, 2, 3), bool), (2, 10, 20))
    packed = roi_files.lesions_file([lesion], "nifti", volume=volume, source_files=())
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    image = sitk.ReadImage(str(tmp_path / "lesions.nii.gz"))
    array = sitk.GetArrayFromImage(image)
    seen = {
        tuple(image.TransformIndexToPhysicalPoint([int(n) for n in p[::-1]]))
        for p in np.argwhere(array)
    }
    assert seen == {tuple(volume.index_to_world(p)) for p in np.argwhere(lesion.whole(SHAPE))}


def test_nothing_chosen_is_an_error_of_the_core(add_study, store) -> None:
    from hccsurv_core.io.cropped_mask import CroppedMask
    from hccsurv_core.io.roi_files import RoiFile
    from pages._shared import roi_import

    study = add_study()
    roi = RoiFile("a.nii", "nifti", SHAPE, {"a": CroppedMask.of(np.ones(SHAPE, bool))})
    with pytest.raises(InputError, match="nothing was chosen"):
        roi_import.import_masks(views.load_view(study.id), roi, {})


# -- clips -------------------------------------------------------------------------------------
class Dropped(io.BytesIO):
    """What the upload widget hands out."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("kind", ["png", "frames"])
def test_masks_of_a_clip_go_out_and_come_in(store, kind: str, overlap: bool) -> None:
    patient = store.add_patient()
    clip = Volume(np.zeros((5, 20, 30), np.int16), np.diag([0.2, 0.3, 1.0, 1.0]))
    study = store.add_study(patient.id, clip, modality="US")
    view = views.load_view(study.id)
    mask = np.zeros(clip.shape, bool)
    mask[1:3, 4:9, 10:20] = True
    other = mask if overlap else np.roll(mask, 10, axis=2)
    regions = [region_of("a", "Lesion", mask), region_of("b", "Reference", other)]
    packed = roi_files.lesions_file(regions, kind, volume=clip, source_files=())
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert len([name for name in files if not name.endswith(".json")]) == (2 if overlap else 1)
    found, errors = roi_files.read_masks(view, [Dropped(n, d) for n, d in files.items()])
    assert errors == [] and list(found.regions) == ["Lesion", "Reference"]
    np.testing.assert_array_equal(found.mask("Reference"), other)
    # A clip of another size is refused with both sizes.
    larger = Volume(np.zeros((5, 20, 31), np.int16), clip.affine)
    elsewhere = store.add_study(patient.id, larger, modality="US")
    found, errors = roi_files.read_masks(
        views.load_view(elsewhere.id), [Dropped(n, d) for n, d in files.items()]
    )
    assert found is None and "30×20" in str(errors[0]) and "31×20" in str(errors[0])
