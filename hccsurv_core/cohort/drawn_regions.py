"""Regions that people drew in a study, as revisions: nothing drawn is lost, every step can be undone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from hccsurv_core.cohort import codec, schema
from hccsurv_core.cohort.base import StoreBase, last_revision, newest_child
from hccsurv_core.cohort.files import blake2_of, new_id
from hccsurv_core.errors import InputError, NotFoundError, StoreError
from hccsurv_core.roi.regions import MOST_REGIONS, Region


@dataclass(frozen=True)
class StoredRegions:
    """One revision of a study's regions.

    Args:
        regions: in the order in which they are listed.
        revision: 1 for the first of a study, then counting up; 0 where nothing was ever drawn, or
            everything was undone.
        actor, at: who stored it, and when (UTC); "" and None at revision 0.
        note: what was done.
        can_undo, can_redo: whether there is a step before, or one that was undone.
    """

    regions: tuple[Region, ...] = ()
    revision: int = 0
    actor: str = ""
    at: datetime | None = None
    note: str = ""
    can_undo: bool = False
    can_redo: bool = False


class DrawnRegions(StoreBase):
    """The regions' part of :class:`~hccsurv_core.cohort.store.PatientStore`."""

    def save_regions(
        self, study_id: str, regions: Sequence[Region], *, actor: str = "local", note: str = ""
    ) -> StoredRegions:
        """Store regions as a new revision and make it the current one.

        Raises:
            NotFoundError: there is no such study.
            InputError: a region leaves the study's grid, two have one id, or there are too many.
            StoreError: the disk is full; the revision before stays the current one.
        """
        data = codec.pack_bits([region.mask for region in regions])
        mask_id = new_id()
        with self._files.writing():
            with self._read() as session:
                _check_regions(self._study(session, study_id), regions)
            self._files.write_masks(study_id, mask_id, data)
            try:
                with self._write() as session:
                    study = self._study(session, study_id)
                    head = _head(session, study_id)
                    row = schema.RegionSet(
                        id=mask_id,
                        study_id=study_id,
                        revision=last_revision(session, schema.RegionSet, study_id) + 1,
                        parent_id=head.region_set_id,
                        note=note,
                        regions=[_to_json(region) for region in regions],
                        file_bytes=len(data),
                        file_blake2=blake2_of(data),
                        actor=actor,
                    )
                    told = f"Regions, revision {row.revision}" + (note and f": {note}")
                    row.at = self._record(
                        session, actor, "regions_edited", study.patient_id, told, study_id=study_id
                    )
                    session.add(row)
                    head.region_set_id = mask_id
                    self._touch(session, study, row.at)
            except BaseException:
                self._files.remove_mask(study_id, mask_id)
                raise
        return _stored(row, tuple(regions), can_redo=False)

    def load_regions(self, study_id: str) -> StoredRegions:
        """The current regions of a study; none and revision 0 where nothing was drawn.

        Raises:
            NotFoundError: there is no such study.
            StoreError: the file is missing or damaged; names the patient and what to do.
        """
        with self._read() as session:
            study = self._study(session, study_id)
            head = session.get(schema.RegionHead, study_id)
            return self._open_regions(session, study, head.region_set_id if head else None)

    def undo_regions(self, study_id: str, actor: str = "local") -> StoredRegions:
        """Go back to the revision the current one was made from; nothing is removed.

        Raises:
            NotFoundError: there is no such study, or nothing to undo.
            StoreError: the earlier revision's file is missing or damaged.
        """
        with self._write() as session:
            study, head = self._study(session, study_id), _head(session, study_id)
            current = session.get(schema.RegionSet, head.region_set_id or "")
            if current is None:
                raise NotFoundError("there is nothing to undo")
            return self._move(session, study, head, current.parent_id, "undone", actor)

    def redo_regions(self, study_id: str, actor: str = "local") -> StoredRegions:
        """Go forward again to the newest revision that was made from the current one.

        Raises:
            NotFoundError: there is no such study, or nothing was undone.
            StoreError: that revision's file is missing or damaged.
        """
        with self._write() as session:
            study, head = self._study(session, study_id), _head(session, study_id)
            following = newest_child(session, schema.RegionSet, study_id, head.region_set_id)
            if following is None:
                raise NotFoundError("there is nothing to do again")
            return self._move(session, study, head, following.id, "redone", actor)

    def _move(
        self,
        session: Session,
        study: schema.Study,
        head: schema.RegionHead,
        target: str | None,
        verb: str,
        actor: str,
    ) -> StoredRegions:
        stored = self._open_regions(session, study, target)
        head.region_set_id = target
        told = f"Regions {verb}: back at revision {stored.revision}"
        at = self._record(
            session, actor, f"regions_{verb}", study.patient_id, told, study_id=study.id
        )
        self._touch(session, study, at)
        return stored

    def _open_regions(
        self, session: Session, study: schema.Study, set_id: str | None
    ) -> StoredRegions:
        following = newest_child(session, schema.RegionSet, study.id, set_id)
        can_redo = following is not None
        row = session.get(schema.RegionSet, set_id or "")
        if row is None:
            return StoredRegions(can_redo=can_redo)
        try:
            data = self._files.read_masks(study.id, row.id, row.file_bytes, row.file_blake2)
            masks = codec.unpack_bits(data, [tuple(r["shape"]) for r in row.regions])
        except StoreError as error:
            raise self._damaged(session, study, error) from error
        regions = tuple(
            Region(r["id"], r["name"], mask, tuple(r["offset"]), r["method"])
            for r, mask in zip(row.regions, masks, strict=True)
        )
        return _stored(row, regions, can_redo=can_redo)


def _stored(row: schema.RegionSet, regions: tuple[Region, ...], *, can_redo: bool) -> StoredRegions:
    return StoredRegions(
        regions, row.revision, row.actor, row.at, row.note, can_undo=True, can_redo=can_redo
    )


def _to_json(region: Region) -> dict[str, Any]:
    return {
        "id": region.id,
        "name": region.name,
        "method": region.method,
        "offset": [int(n) for n in region.offset],
        "shape": [int(n) for n in region.mask.shape],
    }


def _head(session: Session, study_id: str) -> schema.RegionHead:
    head = session.get(schema.RegionHead, study_id)
    if head is None:
        head = schema.RegionHead(study_id=study_id, region_set_id=None)
        session.add(head)
    return head


def _check_regions(study: schema.Study, regions: Sequence[Region]) -> None:
    if len({region.id for region in regions}) != len(regions):
        raise InputError("two regions have one id", source="regions")
    if len(regions) > MOST_REGIONS:
        raise InputError(
            f"{len(regions)} regions in one study, at most {MOST_REGIONS} are kept",
            source="regions",
            remedy="delete some first",
        )
    for region in regions:
        ends = np.add(region.offset, region.mask.shape)
        outside = min(region.offset) < 0 or (ends > np.array(study.shape)).any()
        if math.prod(region.mask.shape) and outside:
            raise InputError(
                f"{region.name} reaches {tuple(int(e) for e in ends)}, beyond the study's "
                f"{'×'.join(str(n) for n in study.shape)} voxels",
                source="regions",
            )
