"""What a CEUS patient's two stills are measured to: one table, a row a patient.

::

    tasks = image_tasks(cohort, settings)
    done = extract_batch(tasks, extract_image_features, kept)      # hccsurv_core.batch
    table = image_table(patients, done.patient_ids, done.names, done.values)

Names say frame, kind and feature: ``grayscale.radiomics.original_firstorder_Mean``,
``peak.deep.densenet121.denseblock3.0001``; those of signs begin with ``sign.``. With the settings as
they are: 1311 radiomics and 1024 deep features of each frame, 4670 in all, beside the signs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.cohort.folder import IMAGES, ROIS, Cohort
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.features.ultrasound_radiomics import PRESET, still_radiomics
from hccsurv_core.features.ultrasound_signs import measure_signs
from hccsurv_core.imaging.ultrasound_still import CONTRAST, Still, still_of
from hccsurv_core.systems.ceus.cohort import (
    DYNAMIC_RANGE,
    GRAYSCALE,
    LESION,
    PARENCHYMA,
    PEAK,
    REPEAT,
    CeusCohort,
)
from hccsurv_core.systems.ceus.deep_images import (
    DeepImageSettings,
    choose_network,
    deep_features,
    deep_settings_from_json,
    network_of_bundle,
)
from hccsurv_core.systems.ceus.signs import SIGN

if TYPE_CHECKING:
    from hccsurv_core.io.child import Decoder
    from hccsurv_core.models.cnn.fixed import FixedNetwork

#: The stills, by their role in a cohort folder, and what the outlined panel of each shows.
FRAMES: Mapping[str, str] = {GRAYSCALE: GRAYSCALE, PEAK: CONTRAST}
RADIOMICS, DEEP = "radiomics", "deep"
_WEIGHTS, _MODEL, _SETTINGS, _RANGE = "weights", "model", "images", "dynamic_range_db"


@dataclass(frozen=True)
class ImageFeatureSettings:
    """What is measured on each still.

    Args:
        preset: of radiomics; None measures none.
        deep: of the network; None asks none.
        weights: a local file of the network's weights; None draws them at random. Its path is not
            among the plain values: files count by what they hold.
        model: the bundle folder of a model whose own network is asked, whatever ``weights`` says.
    """

    preset: str | None = PRESET
    deep: DeepImageSettings | None = field(default_factory=DeepImageSettings)
    weights: Path | None = None
    model: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "preset": self.preset,
            "deep": None if self.deep is None else self.deep.to_json(),
            "weights": None if self.weights is None or self.model else self.weights.name,
        }

    @property
    def files(self) -> dict[str, Path]:
        """What the network is read from, by role in a task."""
        if self.model is not None:
            return {_MODEL: self.model}
        return {} if self.weights is None else {_WEIGHTS: self.weights}


@dataclass(frozen=True)
class Stills:
    """A patient's two stills."""

    grayscale: Still
    peak: Still

    @property
    def by_frame(self) -> dict[str, Still]:
        """In the order of :data:`FRAMES`."""
        return {GRAYSCALE: self.grayscale, PEAK: self.peak}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of both."""
        return (*self.grayscale.warnings, *self.peak.warnings)


# -- what is measured: each part takes both stills, and gives values by name -----------------------
_Part = Callable[[Stills, ImageFeatureSettings, "FixedNetwork | None"], dict[str, float]]


def _radiomics(
    stills: Stills, settings: ImageFeatureSettings, network: FixedNetwork | None
) -> dict[str, float]:
    if settings.preset is None:
        return {}
    return {
        f"{frame}.{RADIOMICS}.{name}": value
        for frame, still in stills.by_frame.items()
        for name, value in still_radiomics(still, settings.preset).features.items()
    }


def _deep(
    stills: Stills, settings: ImageFeatureSettings, network: FixedNetwork | None
) -> dict[str, float]:
    if settings.deep is None:
        return {}
    network = network or choose_network(settings.deep, settings.weights)
    return {
        f"{frame}.{DEEP}.{name}": value
        for frame, still in stills.by_frame.items()
        for name, value in deep_features(still, settings.deep, network).items()
    }


def _signs(
    stills: Stills, settings: ImageFeatureSettings, network: FixedNetwork | None
) -> dict[str, float]:
    found = measure_signs(stills.grayscale, stills.peak)
    return {SIGN + name: float(value) for name, value in found.values.items()}


_PARTS: tuple[_Part, ...] = (_signs, _radiomics, _deep)


def measure_images(
    stills: Stills,
    settings: ImageFeatureSettings | None = None,
    network: FixedNetwork | None = None,
) -> dict[str, float]:
    """The signs of a patient's stills, and everything the settings ask of them, by name.

    Args:
        network: of a model, in place of the one that the settings choose.

    Raises:
        InputError: a lesion is too small, or the weights' file cannot be used.
    """
    chosen = settings or ImageFeatureSettings()
    found: dict[str, float] = {}
    for part in _PARTS:
        found |= part(stills, chosen, network)
    return found


# -- a cohort's patients ---------------------------------------------------------------------------
def image_tasks(
    cohort: Cohort, settings: ImageFeatureSettings | None = None
) -> tuple[PatientTask, ...]:
    """One task a patient, in the table's order; see :data:`~hccsurv_core.cohort.patient_task.Extract`."""
    chosen = settings or ImageFeatureSettings()
    ranges = cohort.table.get(DYNAMIC_RANGE)
    known = [math.nan] * len(cohort) if ranges is None else [float(v) for v in ranges]
    return tuple(
        PatientTask(
            patient,
            {**still_files(cohort.folder, patient), **chosen.files},
            {_SETTINGS: chosen.to_json(), _RANGE: None if math.isnan(span) else span},
        )
        for patient, span in zip(cohort.patient_ids, known, strict=True)
    )


def repeat_tasks(
    cohort: Cohort, settings: ImageFeatureSettings, patients: Sequence[str]
) -> tuple[PatientTask, ...]:
    """As :func:`image_tasks`, inside the second outlines; of those patients who have them."""
    places = {patient: still_files(cohort.folder, patient, repeat=True) for patient in patients}
    twice = {
        patient: files
        for patient, files in places.items()
        if all(files[f"{role}_{LESION}"].is_file() for role in FRAMES)
    }
    return tuple(
        replace(task, files={**task.files, **twice[task.patient_id]})
        for task in image_tasks(cohort, settings)
        if task.patient_id in twice
    )


def still_files(folder: Path, patient: str, *, repeat: bool = False) -> dict[str, Path]:
    """Where a cohort folder keeps a patient's stills and outlines, by role.

    Args:
        repeat: the lesion's second outlines in place of the first.
    """
    files = {role: folder / IMAGES / patient / role for role in FRAMES}
    for role in FRAMES:
        for part in (LESION, PARENCHYMA):
            name = REPEAT if repeat and part == LESION else part
            files[f"{role}_{part}"] = folder / ROIS / patient / f"{role}_{name}.nii.gz"
    return files


def extract_image_features(task: PatientTask) -> Mapping[str, float]:
    """The features of one patient.

    Raises:
        InputError: a file is missing or cannot be read, an outline does not fit, or a feature has
            no value; the message names still or file.
    """
    settings = image_settings_from_json(task.settings[_SETTINGS], task.files.get(_WEIGHTS))
    network = network_of_bundle(task.files[_MODEL]) if _MODEL in task.files else None
    return measure_images(read_stills(task.files, task.settings[_RANGE]), settings, network)


def image_settings_from_json(
    data: Mapping[str, Any], weights: Path | None = None
) -> ImageFeatureSettings:
    """What :meth:`ImageFeatureSettings.to_json` gave, with the weights' file where it lies now.

    Raises:
        InputError: it is not such a thing, or the file is missing.
    """
    try:
        preset, deep = data["preset"], data["deep"]
        wanted = data["weights"]
    except (KeyError, TypeError) as error:
        raise InputError(f"cannot be read ({error!r})", source="image settings") from error
    if wanted is not None and weights is None:
        raise InputError(
            f"the network's weights {wanted} are not here", source="image settings",
            remedy="give the file that the features were made with",
        )  # fmt: skip
    return ImageFeatureSettings(
        None if preset is None else str(preset),
        None if deep is None else deep_settings_from_json(deep),
        weights,
    )


def read_stills(files: Mapping[str, Path], dynamic_range_db: float | None = None) -> Stills:
    """Both stills with their outlines.

    Args:
        files: a folder or file for each of ``grayscale`` and ``peak``, and a NIfTI for
            ``<still>_lesion`` and ``<still>_parenchyma``, on the screen's pixels.
        dynamic_range_db: of the contrast picture, where it is known.

    Raises:
        InputError: a file is missing or cannot be read, or an outline does not fit.
    """
    from hccsurv_core.io.ultrasound_clip import reading_process

    with reading_process() as process:
        return Stills(
            read_still(files, GRAYSCALE, None, process),
            read_still(files, PEAK, dynamic_range_db, process),
        )


def read_still(
    files: Mapping[str, Path],
    role: str,
    dynamic_range_db: float | None,
    process: Decoder | None = None,
) -> Still:
    """One still with its outlines.

    Args:
        process: that reads it, see :func:`~hccsurv_core.io.ultrasound_clip.reading_process`.

    Raises:
        InputError: as for :func:`read_stills`.
    """
    from hccsurv_core.io.ultrasound_clip import read_clip

    if not files[role].exists():
        raise InputError(
            f"there is no {role} still", source=files[role].name,
            remedy="give the grayscale still and the frame of peak enhancement",
        )  # fmt: skip
    # Outlines first: they are quick to read, and what lacks is mostly one of them.
    lesion, parenchyma = (_outline(files[f"{role}_{part}"]) for part in (LESION, PARENCHYMA))
    clip = read_clip([files[role]], process=process).clip
    return still_of(clip, FRAMES[role], lesion, parenchyma, dynamic_range_db=dynamic_range_db)


def _outline(path: Path) -> np.ndarray:
    from hccsurv_core.io.nifti import read_nifti

    if not path.is_file():
        raise InputError("is missing", source=path.name, remedy="outline lesion and parenchyma")
    drawn, _ = read_nifti(path)
    if drawn.shape[0] != 1:
        raise InputError(
            f"has {drawn.shape[0]} slices, a still has one", source=path.name,
            remedy="draw the outline on the still",
        )  # fmt: skip
    return np.asarray(drawn.voxels[0] > 0)


def image_table(
    patients: CeusCohort,
    patient_ids: Sequence[str],
    names: Sequence[str],
    values: np.ndarray,
) -> FeatureTable:
    """What a batch gave, with the outcome of its patients (death); others are left out.

    Args:
        patients: the cohort.
        patient_ids, names, values: see :class:`~hccsurv_core.batch.run.BatchResult`.

    Raises:
        TableError: none of the cohort's patients was measured.
    """
    at = {patient: i for i, patient in enumerate(patient_ids)}
    known = np.array([p in at for p in patients.patient_ids], dtype=bool)
    if not known.any():
        raise TableError(
            "the pictures of no patient could be measured", source=patients.source,
            remedy="look at why each of them failed",
        )  # fmt: skip
    measured = patients.subset(known)
    return FeatureTable(
        measured.patient_ids, tuple(names), values[[at[p] for p in measured.patient_ids]],
        measured.outcome, measured.labels, patients.source, simulated=patients.simulated,
    )  # fmt: skip
