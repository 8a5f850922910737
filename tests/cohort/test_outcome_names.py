"""Outcomes are found whatever language the columns are named in."""

from __future__ import annotations

import pytest
from raw_tables import raw_from_columns

from hccsurv_core.cohort.clinical_table import build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import check_mapping
from hccsurv_core.cohort.outcome_names import (
    BIRTH,
    DEATH_DATE,
    LAST,
    RECURRENCE_DATE,
    START,
)
from hccsurv_core.cohort.quantities import plain_name

N = 24
IDS = [f"P{n:03d}" for n in range(N)]
STARTS = [
    "surgery_date", "Date of diagnosis", "OP-Datum", "Operation", "Operationsdatum", "Datum der OP", "Diagnosedatum",
    "Erstdiagnose", "Datum Resektion", "Lebertransplantation", "Therapiebeginn", "date de chirurgie", "date d'intervention",
    "Date du diagnostic", "date de la greffe", "début du traitement", "fecha de cirugía", "fecha de diagnóstico",
    "fecha de intervención", "fecha de ingreso", "data intervento", "data di diagnosi", "data del trapianto", "手术日期",
]  # fmt: skip
LASTS = [
    "last_follow_up", "Last contact", "date last seen", "Letzter Kontakt", "letztes Follow-up", "Datum letzte Vorstellung",
    "zuletzt gesehen", "letzte Nachsorge", "date des dernières nouvelles", "DDN", "dernier contact", "date de dernier suivi",
    "fecha de último contacto", "última visita", "último seguimiento", "data ultimo contatto", "ultimo controllo", "末次随访日期",
]  # fmt: skip
DEATHS = [
    "death_date", "Date of death", "Todesdatum", "Sterbedatum", "verstorben am", "Datum Tod", "date de décès", "date du deces",
    "fecha de muerte", "fecha de fallecimiento", "fecha de defunción", "data di morte", "data decesso", "死亡日期",
]  # fmt: skip
RECURRENCES = [
    "date of recurrence", "Rezidivdatum", "Datum Rezidiv", "date de récidive", "fecha de recidiva", "data della recidiva",
    "复发日期",
]  # fmt: skip
BIRTHS = [
    "dob", "date of birth", "Geburtsdatum", "geb. am", "date de naissance", "fecha de nacimiento", "data di nascita", "出生日期",
]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "names"),
    [(START, STARTS), (LAST, LASTS), (DEATH_DATE, DEATHS), (RECURRENCE_DATE, RECURRENCES), (BIRTH, BIRTHS)],
    ids=["start", "last", "death", "recurrence", "birth"],
)  # fmt: skip
def test_dates_are_known_by_name_and_by_one_meaning_only(pattern, names):
    everything = [*STARTS, *LASTS, *DEATHS, *RECURRENCES, *BIRTHS]
    found = [name for name in everything if pattern.fullmatch(plain_name(name))]
    assert found == names


def days(month: int) -> list[str]:
    return [f"2015-{month:02d}-{n + 1:02d}" for n in range(N)]


def pair(**columns):
    raw = raw_from_columns(ID=IDS, **columns)
    mapping = guess_mapping(raw)
    check_mapping(raw, mapping)
    return raw, mapping


@pytest.mark.parametrize(
    ("start", "last", "death"),
    [
        ("OP-Datum", "Letzter Kontakt", "Todesdatum"),
        ("Diagnosedatum", "letzte Nachsorge", "verstorben am"),
        ("date de chirurgie", "date des dernières nouvelles", "date de décès"),
        ("fecha de cirugía", "fecha de último contacto", "fecha de muerte"),
        ("data intervento", "data ultimo contatto", "data decesso"),
        ("手术日期", "末次随访日期", "死亡日期"),
    ],
)
def test_dates_in_other_languages_make_an_outcome(start, last, death):
    dead = [day if n % 2 else None for n, day in enumerate(days(9))]
    raw, mapping = pair(**{death: dead, start: days(1), last: days(10)})
    [endpoint] = mapping.endpoints
    assert (endpoint.name, endpoint.start, endpoint.end, endpoint.event_date) == (
        "OS", start, last, death,
    )  # fmt: skip
    outcome, _ = build_cohort_table(raw, mapping).outcome("OS")
    assert outcome.n_events == N // 2
    assert outcome.time_months[:2].tolist() == pytest.approx([273 / 30.4375, 243 / 30.4375])


@pytest.mark.parametrize(
    ("start", "last", "state", "words"),
    [
        ("Operation", "Letzter Kontakt", "Vitalstatus", ("lebt", "verstorben")),
        ("Diagnosedatum", "zuletzt gesehen", "Status letzter Kontakt", ("NED", "DOD")),
        ("date de greffe", "DDN", "État aux dernières nouvelles", ("vivant", "décédé")),
        ("fecha de ingreso", "última visita", "estado vital", ("vivo", "fallecido")),
        ("data intervento", "ultimo controllo", "stato vitale", ("vivo", "deceduto")),
    ],
)
def test_a_state_at_the_last_date_tells_who_died(start, last, state, words):
    raw, mapping = pair(**{start: days(1), last: days(10), state: list(words) * (N // 2)})
    [endpoint] = mapping.endpoints
    assert (endpoint.start, endpoint.end, endpoint.event) == (start, last, state)
    assert build_cohort_table(raw, mapping).endpoint("OS").n_events == N // 2


def test_a_date_of_death_or_last_contact_is_no_date_of_death():
    raw, mapping = pair(**{
        "surgery date": days(1), "date of death or last follow-up": days(10), "dead": [n % 2 for n in range(N)],
    })  # fmt: skip
    [endpoint] = mapping.endpoints
    assert (endpoint.end, endpoint.event_date) == ("date of death or last follow-up", None)
    assert build_cohort_table(raw, mapping).endpoint("OS").n_events == N // 2


def test_the_end_of_treatment_is_not_the_last_contact():
    _, mapping = pair(**{
        "start of treatment": days(1), "end of treatment": days(2), "last seen": days(10), "death date": days(9)[:5] + [None] * (N - 5),
    })  # fmt: skip
    assert mapping.endpoints[0].end == "last seen"


@pytest.mark.parametrize(
    ("time", "event", "found"),
    [
        ("Überlebenszeit (Monate)", "verstorben", ("OS", "months")),
        ("Gesamtüberleben Tage", "Tod", ("OS", "days")),
        ("survie globale (mois)", "décès", ("OS", "months")),
        ("supervivencia global (meses)", "fallecido", ("OS", "months")),
        ("sopravvivenza globale (mesi)", "deceduto", ("OS", "months")),
        ("rezidivfreies Überleben (Monate)", "Rezidiv", ("RFS", "months")),
        ("survie sans récidive (jours)", "récidive", ("RFS", "days")),
        ("Nachbeobachtungszeit (Jahre)", "Tod", ("OS", "years")),
        ("durée de suivi (mois)", "décès", ("OS", "months")),
        ("seguimiento (días)", "exitus", ("OS", "days")),
        ("生存时间（月）", "死亡", ("OS", "months")),
        ("OS时间（天）", "生存状态", ("OS", "days")),
    ],
)
def test_times_in_other_languages_find_their_event(time, event, found):
    _, mapping = pair(**{time: [n + 0.5 for n in range(N)], event: [n % 2 for n in range(N)]})
    [endpoint] = mapping.endpoints
    assert (endpoint.name, endpoint.time_unit) == found
    assert (endpoint.time, endpoint.event) == (time, event)
    assert endpoint.time_unit_from == "name"


# --- what else a table of another language holds --------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Vorname", "Name, Vorname", "Patientenname", "Geburtsdatum", "Geb.-Datum", "Telefonnummer", "Anschrift", "nom", "Prénom",
     "date de naissance", "téléphone portable", "apellidos", "nombre y apellidos", "fecha de nacimiento", "teléfono móvil", "cognome",
     "data di nascita", "codice fiscale", "姓名", "手机号", "身份证号", "Zip code"],
)  # fmt: skip
def test_personal_columns_are_known_in_other_languages(name):
    _, mapping = pair(**{name: [f"x {n}" for n in range(N)]})
    assert mapping.columns[1].role == "personal"


@pytest.mark.parametrize(
    "name", ["nombre de nodules", "numero de nodulos", "name of drug", "Tumorgröße", "date de greffe", "nom de l'hôpital"]
)  # fmt: skip
def test_what_only_sounds_personal_is_kept(name):
    _, mapping = pair(**{name: [n % 7 for n in range(N)]})
    assert mapping.columns[1].role == "variable"


@pytest.mark.parametrize(
    ("id_", "sex", "levels", "age"),
    [
        ("Patientennummer", "Geschlecht", ("m", "w"), "Alter bei OP"),
        ("numéro de dossier", "sexe", ("homme", "femme"), "âge au diagnostic"),
        ("código paciente", "sexo", ("varón", "mujer"), "edad (años)"),
        ("codice paziente", "sesso", ("maschio", "femmina"), "età"),
        ("住院号", "性别", ("男", "女"), "年龄（岁）"),
    ],
)
def test_patient_sex_and_age_are_known_in_other_languages(id_, sex, levels, age):
    raw = raw_from_columns(**{
        age: [40 + n for n in range(N)], id_: [f"K{n * 7}" for n in range(N)], sex: list(levels) * (N // 2),
    })  # fmt: skip
    mapping = guess_mapping(raw)
    roles = {role: mapping.with_role(role) for role in ("patient_id", "sex", "age")}
    assert [spec and spec.name for spec in roles.values()] == [id_, sex, age]
    assert dict(roles["sex"].level_labels) == {levels[0]: "male", levels[1]: "female"}
