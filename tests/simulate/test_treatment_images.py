"""Two-phase liver CT of the treatment cohort: traits show, files read back, nothing leaks."""

from __future__ import annotations

import filecmp
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from scipy import ndimage

from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.errors import NotFoundError
from hccsurv_core.io.intake import read_scan
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.simulate.treatment import demo as treatment_demo
from hccsurv_core.simulate.treatment.causes import TreatmentCauses
from hccsurv_core.simulate.treatment.files import write_liver_scan
from hccsurv_core.simulate.treatment.images import LiverScan, simulate_liver_scan
from hccsurv_core.simulate.treatment.scanner import draw_scan_settings

PHASES = ("arterial", "portal_venous")
TYPICAL = replace(
    treatment_demo.treatment_demo("tace_better").causes, infiltration=0.1, corona=0.1, capsule=1.0,
    necrosis=0.0, vascularity=0.8, washout=0.8, lesion_count=1, central=False, segment="6",
    fibrosis=0.2,
)  # fmt: skip


@lru_cache
def scanned(causes: TreatmentCauses = TYPICAL) -> LiverScan:
    """The same patient in the same scanner, whatever the tumor is like."""
    settings = draw_scan_settings(np.random.default_rng(5), "north")
    return simulate_liver_scan(causes, settings, np.random.default_rng(6))


def regions(scan: LiverScan, phase: str) -> tuple[np.ndarray, ...]:
    """HU, index tumor, liver clear of it, and signed in-plane distance (mm) to its outline."""
    hu = scan.volumes[phase].voxels.astype(float)
    lesion = scan.lesions[phase].voxels > 0
    pixel = scan.volumes[phase].spacing_mm[1]
    distance = np.stack(
        [
            (ndimage.distance_transform_edt(~m) - ndimage.distance_transform_edt(m)) * pixel
            if m.any()
            else np.full(m.shape, 99.0)
            for m in lesion
        ]
    )
    liver = (scan.livers[phase].voxels > 0) & (distance > 25)
    return hu, lesion, liver, distance


def test_a_typical_tumor_is_bright_early_dark_late_and_has_a_capsule() -> None:
    hu, lesion, liver, distance = regions(scanned(), "arterial")
    background = np.median(hu[liver])
    assert hu[lesion & (distance < -4)].mean() > background + 25
    hu, lesion, liver, distance = regions(scanned(), "portal_venous")
    background = np.median(hu[liver])
    middle = hu[lesion & (distance < -5)].mean()
    rim = hu[np.abs(distance) < 1.5].mean()
    assert middle < background - 12
    assert rim > middle + 20


def test_organs_have_the_intensities_of_their_phase() -> None:
    early, late = (regions(scanned(), phase) for phase in PHASES)
    liver = [np.median(part[0][part[2]]) for part in (early, late)]
    assert 50 < liver[0] < 95
    assert 90 < liver[1] < 135
    # The aorta is the brightest soft tissue early; bone alone is brighter late.
    brightest = [np.quantile(part[0], 0.999) for part in (early, late)]
    assert brightest[0] > 220
    lungs_and_air = (early[0] < -500).mean()
    assert 0.2 < lungs_and_air < 0.75


def dead_share(scan: LiverScan) -> float:
    hu, lesion, _, distance = regions(scan, "portal_venous")
    smooth = ndimage.gaussian_filter(hu, (0, 0.8, 0.8))
    return float((smooth[lesion & (distance < -2)] < 58).mean())


def arterial_gain(scan: LiverScan) -> float:
    hu, lesion, liver, distance = regions(scan, "arterial")
    return float(np.median(hu[lesion & (distance < -4)]) - np.median(hu[liver]))


def portal_gain(scan: LiverScan) -> float:
    hu, lesion, liver, distance = regions(scan, "portal_venous")
    return float(np.median(hu[lesion & (distance < -4)]) - np.median(hu[liver]))


def ring_gain(scan: LiverScan) -> float:
    hu, _, liver, distance = regions(scan, "arterial")
    ring = (scan.livers["arterial"].voxels > 0) & (distance > 3) & (distance < 9)
    return float(hu[ring].mean() - np.median(hu[liver]))


def rim_gain(scan: LiverScan) -> float:
    hu, lesion, _, distance = regions(scan, "portal_venous")
    return float(hu[np.abs(distance) < 1.5].mean() - hu[lesion & (distance < -5)].mean())


def unrest(scan: LiverScan) -> float:
    hu, lesion, _, distance = regions(scan, "portal_venous")
    smooth = ndimage.gaussian_filter(hu, (0, 1.0, 1.0))
    return float(smooth[lesion & (distance < -4)].std())


@pytest.mark.parametrize(
    ("trait", "low", "high", "measure", "least"),
    [
        ("necrosis", 0.0, 0.45, dead_share, 0.3),
        ("vascularity", 0.1, 0.9, arterial_gain, 30.0),
        ("washout", 0.1, 0.9, lambda s: -portal_gain(s), 15.0),
        ("corona", 0.1, 0.9, ring_gain, 12.0),
        ("capsule", 0.1, 1.0, rim_gain, 10.0),
        ("infiltration", 0.1, 0.9, unrest, 5.0),
    ],
)
def test_each_trait_shows(trait: str, low: float, high: float, measure, least: float) -> None:
    shown = [measure(scanned(replace(TYPICAL, **{trait: value}))) for value in (low, high)]
    assert shown[1] > shown[0] + least


def test_the_outline_has_the_size_of_the_tumor() -> None:
    small = replace(TYPICAL, diameter_mm=30.0, reported_diameter_mm=30.0)
    for causes in (TYPICAL, small):
        scan = scanned(causes)
        largest = max((scan.lesions["arterial"].voxels > 0), key=np.count_nonzero)
        rows, columns = np.nonzero(largest)
        points = np.stack([rows, columns], 1) * scan.volumes["arterial"].spacing_mm[1]
        apart = np.linalg.norm(points[:, None] - points[None], axis=2).max()
        assert apart == pytest.approx(causes.diameter_mm, rel=0.2)


def test_outlines_lie_on_their_image_and_inside_each_other() -> None:
    scan = scanned()
    for phase in PHASES:
        for labels in (scan.lesions[phase], scan.livers[phase]):
            assert labels.shape == scan.volumes[phase].shape
            np.testing.assert_array_equal(labels.affine, scan.volumes[phase].affine)
        lesion, liver = scan.lesions[phase].voxels > 0, scan.livers[phase].voxels > 0
        assert lesion.any()
        assert not (lesion & ~liver).any()
        assert liver.sum() > 3 * lesion.sum()


def test_more_tumors_and_ascites_are_drawn() -> None:
    scan = scanned(replace(TYPICAL, lesion_count=4, vascular_invasion=True, ascites="moderate"))
    assert scan.tumors_in_view == 4


def test_a_cohort_reads_back_through_the_door_of_real_scans(tmp_path: Path) -> None:
    import nibabel

    write_simulated_cohort(tmp_path / "c", cohort_spec("treatment"), n=1, seed=8, workers=1)
    cohort = read_cohort(tmp_path / "c")
    patient = cohort.patient_ids[0]
    for phase in PHASES:
        scan = read_scan([cohort.image_folder(patient, phase)])
        assert scan.series.refusal is None
        assert scan.warnings == ()
        assert scan.volume.shape == (7, 272, 272)
        for structure in ("lesion", "liver"):
            image = nibabel.load(cohort.roi_file(patient, phase, structure))
            assert image.shape == scan.volume.shape[::-1]
            lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
            np.testing.assert_allclose(lps, scan.volume.affine, atol=1e-3)
            mask = np.asarray(image.dataobj).T > 0
            assert 20 < np.median(scan.volume.voxels[mask]) < 200


@pytest.fixture(scope="module")
def two_tumors(tmp_path_factory) -> list[Path]:
    """Folders of the same patient with a good and with a bad tumor."""
    settings = draw_scan_settings(np.random.default_rng(5), "north")
    bad = replace(
        TYPICAL, infiltration=0.9, corona=0.9, capsule=0.1, necrosis=0.5, vascularity=0.1,
        afp_ng_ml=9000.0, vascular_invasion=True,
    )  # fmt: skip
    folders = []
    for causes in (TYPICAL, bad):
        folder = tmp_path_factory.mktemp("one")
        write_liver_scan(folder, "T00001", scanned(causes), settings, 0)
        folders.append(folder)
    return folders


def test_names_sizes_and_headers_tell_nothing_of_the_tumor(two_tumors: list[Path]) -> None:
    files = [sorted((folder / "images").rglob("*.dcm")) for folder in two_tumors]
    assert len(files[0]) == 14
    for good, bad in zip(*files, strict=True):
        assert good.relative_to(two_tumors[0]) == bad.relative_to(two_tumors[1])
        assert good.stat().st_size == bad.stat().st_size
        headers = [dcmread(path, stop_before_pixels=True) for path in (good, bad)]
        assert headers[0] == headers[1]
        assert "SIMULATED" in str(headers[0].ImageComments)
        assert (good.read_bytes() == bad.read_bytes()) is False


def test_the_same_patient_is_the_same_bytes(tmp_path: Path, two_tumors: list[Path]) -> None:
    settings = draw_scan_settings(np.random.default_rng(5), "north")
    scan = simulate_liver_scan(TYPICAL, settings, np.random.default_rng(6))
    write_liver_scan(tmp_path, "T00001", scan, settings, 0)
    names = [p.relative_to(tmp_path) for p in sorted(tmp_path.rglob("*")) if p.is_file()]
    assert len(names) == 14 + 8
    _, different, missing = filecmp.cmpfiles(tmp_path, two_tumors[0], names, shallow=False)
    assert (different, missing) == ([], [])


def test_the_story_of_each_demo_patient_is_true() -> None:
    truth = {demo.key: demo.truth() for demo in treatment_demo.TREATMENT_DEMOS}
    assert truth["tace_better"]["rmst_difference"] < -12
    assert 0.1 < truth["tace_better"]["propensity_tace"] < 0.9
    assert truth["hepatectomy_better"]["rmst_difference"] > 12
    assert truth["no_overlap"]["propensity_tace"] > 0.98
    record = treatment_demo.treatment_demo("no_overlap").record()
    assert (record["bclc_stage"], record["child_pugh_score"]) == ("C", 8)
    schema = cohort_spec("treatment").describe()
    assert set(record) <= set(schema.columns)


def test_demo_patients_are_drawn_on_demand() -> None:
    scan = treatment_demo.build_treatment_demo("hepatectomy_better")
    assert scan.facts.sex == "female"
    assert scan.lesions["portal_venous"].voxels.any()
    with pytest.raises(NotFoundError, match="no demo patient is called 'x'; choose one of tace"):
        treatment_demo.build_treatment_demo("x")
