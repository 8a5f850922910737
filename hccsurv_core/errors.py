"""Exceptions a caller can tell apart, each able to say what is wrong, with which file, and what to do.

Every error a user can cause is an :class:`InputError`; the command line turns
it into exit code 2 and one line, the pages into one message. Anything else
that escapes is a defect of ours.
"""

from __future__ import annotations


class HccsurvError(Exception):
    """Base of all errors of this package.

    Args:
        what: What is wrong, as a sentence fragment without a final full stop.
        source: The file, series or field it is about.
        remedy: What the user can do.
    """

    code = "error"

    def __init__(self, what: str, *, source: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what, source, remedy)
        self.what = what
        self.source = source
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.source}: {self.what}" if self.source else self.what
        return f"{text}; {self.remedy}" if self.remedy else text

    def with_source(self, source: str) -> HccsurvError:
        """Return the same error naming ``source``, unless it names a source already."""
        if self.source:
            return self
        return type(self)(self.what, source=source, remedy=self.remedy)


class InputError(HccsurvError):
    """Something the user gave cannot be used."""

    code = "input"


class UnreadableFileError(InputError):
    """A file is damaged, empty, or of a kind that is not read here."""

    code = "unreadable_file"


class UnsafeArchiveError(InputError):
    """An archive escapes its folder or exceeds a bound on size, ratio, count or depth."""

    code = "unsafe_archive"


class DecoderFailedError(InputError):
    """The child process that decodes an upload died, ran out of time, or out of memory."""

    code = "decoder_failed"


class NoUsableSeriesError(InputError):
    """An upload holds no series that this job can use."""

    code = "no_usable_series"


class WrongModalityError(InputError):
    """The series is not of the modality the job needs (an ultrasound where a CT is asked for)."""

    code = "wrong_modality"


class WrongBodyPartError(InputError):
    """The series shows another part of the body."""

    code = "wrong_body_part"


class GeometryError(InputError):
    """Slices do not form a volume that can be measured."""

    code = "geometry"


class GantryTiltError(GeometryError):
    """Slices are sheared against the table axis (tilted gantry)."""

    code = "gantry_tilt"


class UnevenSpacingError(GeometryError):
    """Slice positions are not evenly spaced, or slices are missing."""

    code = "uneven_spacing"


class GeometryMismatchError(GeometryError):
    """Two grids that must coincide do not."""

    code = "geometry_mismatch"


class IntensityError(InputError):
    """Voxel values are not credible Hounsfield units."""

    code = "intensity"


class LevelNotFoundError(InputError):
    """The L3 level cannot be found with evidence worth showing; a person must give it."""

    code = "level_not_found"


class SegmentationError(InputError):
    """A structure cannot be outlined on this slice."""

    code = "segmentation"


class RadiomicsError(InputError):
    """A region or an image cannot give every feature of a radiomics preset."""

    code = "radiomics"


class StatisticsError(InputError):
    """The data cannot answer the question: too few patients or events, one group, a constant."""

    code = "statistics"


class TableError(InputError):
    """A clinical table or a cohort folder cannot be used as it is."""

    code = "table"


class BundleError(InputError):
    """A model bundle is incomplete, was changed, or is not of the kind that is asked for."""

    code = "bundle"


class StoreError(HccsurvError):
    """The patient store is missing, damaged, or of another schema version."""

    code = "store"


class NotFoundError(StoreError):
    """A patient, study or mask with this key is not in the store."""

    code = "not_found"


class MissingDependencyError(HccsurvError):
    """An optional package or its weights are not installed."""

    code = "missing_dependency"


class CancelledError(HccsurvError):
    """The user cancelled the work."""

    code = "cancelled"
