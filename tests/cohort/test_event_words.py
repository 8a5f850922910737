"""What values of an event column say, in the languages of hospitals."""

from __future__ import annotations

import doctest

import pytest
from raw_tables import one_column, raw_from_columns

from hccsurv_core.cohort import event_words
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.event_words import Fate, assumptions, guess_event_codes, read_fate
from hccsurv_core.cohort.table_checks import check_table

N = 24
FATES = {
    Fate.DEAD: "dead Died DECEASED death Exitus tot gestorben verstorben Tod décédé décédée décès "
    "mort fallecido fallecida muerto muerte deceduto deceduta morto decesso óbito 死亡 去世",
    Fate.ALIVE: "alive Living lebt lebend vivant vivante vivo viva vivente NED ANED 存活 生存 健在",
    Fate.LOST: "lost LTFU LFU 失访",
    Fate.ALIVE_WITH_DISEASE: "AWD",
    Fate.DEAD_OF_DISEASE: "DOD",
    Fate.DEAD_OF_OTHER: "DOC DICD",
    Fate.NOT_HAPPENED: "0 no nein censored zensiert none rezidivfrei 否 未复发",
    Fate.HAPPENED: "1 yes oui j sì recurrence relapsed progression Rezidiv récidive recidiva recaída 是 复发",
}
PHRASES = {
    "dead of HCC": Fate.DEAD_OF_DISEASE, "died of disease": Fate.DEAD_OF_DISEASE, "Death from cancer": Fate.DEAD_OF_DISEASE,
    "died of tumor progression": Fate.DEAD_OF_DISEASE, "décédé du CHC": Fate.DEAD_OF_DISEASE, "verstorben an HCC": Fate.DEAD_OF_DISEASE,
    "HCC-related death": Fate.DEAD_OF_DISEASE, "死于肿瘤": Fate.DEAD_OF_DISEASE,
    "dead of other causes": Fate.DEAD_OF_OTHER, "dead, other cause": Fate.DEAD_OF_OTHER, "death (not HCC related)": Fate.DEAD_OF_OTHER,
    "non-cancer death": Fate.DEAD_OF_OTHER, "other death": Fate.DEAD_OF_OTHER, "no cancer death": Fate.NOT_HAPPENED,
    "verstorben (andere Ursache)": Fate.DEAD_OF_OTHER, "décédé d'une autre cause": Fate.DEAD_OF_OTHER,
    "fallecido por otra causa": Fate.DEAD_OF_OTHER, "deceduto per altra causa": Fate.DEAD_OF_OTHER,
    "died of sepsis": Fate.DEAD, "todesfall unklar": Fate.DEAD, "not alive": Fate.DEAD,
    "alive with disease": Fate.ALIVE_WITH_DISEASE, "alive, with recurrence": Fate.ALIVE_WITH_DISEASE,
    "lebt mit Tumor": Fate.ALIVE_WITH_DISEASE, "vivant avec maladie": Fate.ALIVE_WITH_DISEASE, "带瘤生存": Fate.ALIVE_WITH_DISEASE,
    "alive with no evidence of disease": Fate.ALIVE, "alive without disease": Fate.ALIVE, "alive (NED)": Fate.ALIVE,
    "en vie": Fate.ALIVE, "am Leben": Fate.ALIVE, "in vita": Fate.ALIVE,
    "lost to follow-up": Fate.LOST, "perdu de vue": Fate.LOST, "perso al follow-up": Fate.LOST,
    "not dead": Fate.NOT_HAPPENED, "no recurrence": Fate.NOT_HAPPENED, "kein Rezidiv": Fate.NOT_HAPPENED, "sans récidive": Fate.NOT_HAPPENED,
    "disease-free": Fate.NOT_HAPPENED, "recurrence free": Fate.NOT_HAPPENED, "no event": Fate.NOT_HAPPENED, "nicht verstorben": Fate.NOT_HAPPENED,
    "intrahepatic recurrence": Fate.HAPPENED, "recurrence in the liver": Fate.HAPPENED,
    "0:LIVING": Fate.ALIVE, "1:DECEASED": Fate.DEAD, "1 = alive": Fate.ALIVE, "2: dead": Fate.DEAD, "dead (1)": Fate.DEAD,
    "1 - verstorben": Fate.DEAD, "1:UNHEARD OF": Fate.HAPPENED, "0=?": Fate.NOT_HAPPENED, "7: strange": None,
    "0.5": None, "1-2": None, "1 year": None, "0=alive, 1=dead": None, "12": None, "1+": None, "1:recurred in 2 lobes": None,
    "unknown": None, "green": None, "liver failure": None, "?": None, "deadline": None, "": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fate"),
    [*((word, fate) for fate, words in FATES.items() for word in words.split()), *PHRASES.items()],
)
def test_a_value_says_what_became_of_the_patient(text, fate):
    assert read_fate(text) is fate


def codes_of(*texts: str, name: str = "status", outcome: str = "OS"):
    return guess_event_codes(one_column(texts, name), outcome)


def test_every_death_is_an_event_of_overall_survival():
    codes, competing = codes_of("NED", "AWD", "DOD", "DOC", "lost to follow-up")
    assert codes == {"AWD": 0, "NED": 0, "lost to follow-up": 0, "DOC": 1, "DOD": 1}
    assert competing == ()


def test_death_of_another_cause_competes_with_that_of_cancer():
    codes, competing = codes_of("alive", "dead of HCC", "dead of other causes", outcome="CSS")
    assert codes == {"alive": 0, "dead of HCC": 1, "dead of other causes": 2}
    assert competing == ("death of another cause",)


def test_what_is_assumed_is_said():
    assert assumptions({"alive": 0, "dead": 1, "0": 0}, "death") == ()
    assert assumptions({"NED": 0, "DOD": 1, "DOC": 1}, "death") == (
        "Deaths of other causes count as death.",
    )
    assert assumptions({"AWD": 0, "lost": 0, "DOC": 2}, "death of cancer") == (
        "Deaths of other causes are a competing event.",
        "Patients alive with disease are censored.",
        "Patients lost to follow-up are censored when last seen.",
    )
    assert assumptions({"dead": 1, "none": 0}, "recurrence") == ("Any death counts as recurrence.",)
    assert assumptions({"DOD": 1, "DOC": 2}, "death of cancer") == (
        "Deaths of other causes are a competing event.",
    )
    assert assumptions({"dead": 1}, "death of cancer") == (
        "Deaths of a cause that is not told count as death of cancer.",
    )
    # What a person has said is no assumption.
    assert assumptions({"DOC": 0, "DOD": 1, "lost": 1}, "death") == ()


def test_the_issue_says_what_was_assumed():
    raw = raw_from_columns(
        id=[f"P{n}" for n in range(N)], OS=[n + 0.5 for n in range(N)],
        status=["NED", "DOD", "DOC", "lost to follow-up"] * (N // 4),
    )  # fmt: skip
    group = check_table(raw, guess_mapping(raw)).group("event_code:OS")
    assert group.severity == "warning"
    assert group.problem == (
        "Overall survival: status is read as NED = censored, lost to follow-up = censored, "
        "DOC = death, DOD = death. Deaths of other causes count as death. Patients lost to "
        "follow-up are censored when last seen. Check this, and change what a value means if it "
        "is wrong."
    )


@pytest.mark.parametrize("words", [("alive", "dead"), ("vivant", "décédé"), ("lebt", "verstorben")])
def test_a_status_of_alive_and_dead_is_overall_survival(words):
    raw = raw_from_columns(
        id=[f"P{n}" for n in range(N)], time=[n + 0.5 for n in range(N)], status=list(words) * (N // 2),
    )  # fmt: skip
    [endpoint] = guess_mapping(raw).endpoints
    assert (endpoint.name, endpoint.event_label) == ("OS", "death")


@pytest.mark.parametrize("name", ["lebt", "vivant", "vivo", "in vita", "zensiert", "alive"])
def test_a_column_that_asks_for_life_is_turned_round(name):
    assert codes_of("1", "0", name=name)[0] == {"1": 0, "0": 1}


def test_examples():
    assert doctest.testmod(event_words).failed == 0
