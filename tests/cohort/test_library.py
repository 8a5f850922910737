"""The cohort library: what is kept, undone, refused."""

import json

import pytest

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.library import CohortLibrary
from hccsurv_core.cohort.table_issues import Decision
from hccsurv_core.errors import InputError, NotFoundError, StoreError, TableError
from hccsurv_core.io.tables import read_table

TABLE = """patient_id,name,os_months,death,age
P1,Ann Lee,12,1,60
P2,Bo Chan,20,0,0
P3,Cy Diaz,8,1,55
P4,Di Eng,30,0,71
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "cohort.csv"
    path.write_text(TABLE)
    return read_table(path)


@pytest.fixture
def library(tmp_path):
    return CohortLibrary(tmp_path)


@pytest.fixture
def entry(library, raw):
    return library.add(raw, guess_mapping(raw), name="Our  cohort ")


def test_what_is_added_comes_back(library, entry, raw):
    assert (entry.name, entry.n_patients, entry.source) == ("Our cohort", 4, "cohort.csv")
    again = CohortLibrary(library.folder.parent)
    assert again.entries() == [entry]
    table = again.table(entry.id)
    outcome, _ = table.outcome()
    assert outcome.time_months.tolist() == [12, 20, 8, 30]
    assert again.raw(entry.id).sha256 == raw.sha256


def test_columns_that_name_people_are_not_kept(library, entry):
    files = b"".join(p.read_bytes() for p in (library.folder / entry.id).iterdir())
    assert b"Ann Lee" not in files
    assert "name" not in library.raw(entry.id).column_names


def test_a_change_can_be_undone(library, entry):
    key = next(g.key for g in library.table(entry.id).report.groups if g.column == "age")
    changed = library.change(
        entry.id, entry.state.mapping, [Decision(key, "exclude")], actor="Dr A"
    )
    assert changed.n_patients == 3
    assert changed.state.actor == "Dr A"
    assert len(library.table(entry.id)) == 3
    assert library.undo(entry.id).n_patients == 4
    with pytest.raises(InputError, match="there is nothing to undo"):
        library.undo(entry.id)


def test_a_change_that_cannot_be_built_changes_nothing(library, entry):
    key = library.table(entry.id).report.groups[0].key
    with pytest.raises(TableError):
        library.change(entry.id, entry.state.mapping, [Decision(key, "fly")])
    assert library.entry(entry.id) == entry


def test_renamed_and_deleted(library, entry):
    assert library.rename(entry.id, "Resected").name == "Resected"
    with pytest.raises(InputError, match="a cohort needs a name"):
        library.rename(entry.id, "  ")
    library.delete(entry.id)
    assert library.entries() == []
    with pytest.raises(NotFoundError):
        library.table(entry.id)


@pytest.mark.parametrize("key", ["..", "../x", "a/b", "", "nothing"])
def test_a_key_leads_nowhere_else(library, entry, key):
    with pytest.raises(NotFoundError):
        library.entry(key)


def test_a_damaged_cohort_is_told_and_does_not_hide_the_others(library, entry, raw):
    other = library.add(raw, guess_mapping(raw), name="Other")
    path = library.folder / entry.id / "entry.json"
    path.write_text(json.dumps({"id": entry.id}))
    with pytest.raises(StoreError, match="is damaged"):
        library.entry(entry.id)
    assert library.entries() == [other]
    (library.folder / other.id / "codes.npz").write_bytes(b"PK nothing")
    with pytest.raises(StoreError, match="table is damaged"):
        library.raw(other.id)
