"""The rulebook: strict files, dated values, and a second city that needs no code."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from matcher.policy import NoLawInForceError, Rulebook, StatuteError, assess, default_rulebook
from matcher.policy.rulebook import CITIES

ACT = """
act: "海营〔2025〕1号"
city: {zh: "滨海市", en: "Seaside"}
title: {zh: "滨海方案", en: "Seaside plan"}
first_day: "2025-01-01"
last_day: "2026-12-31"
checked_on: "2025-06-01"
"""
CITE = 'cite: {act: "海营〔2025〕1号", checked_on: "2025-06-01", first_day: "2025-01-01", last_day: null}\n'
RENEWAL = (
    CITE
    + """
measures:
  renewal_fast_track:
    article: "3"
    force: hard
    payee: enterprise
    title: {zh: "快速续贷", en: "Quick renewal"}
    answer: {zh: "限期办结", en: "decided within days"}
    values:
      decision_days:
        - {value: "5", unit: days, article: "3", force: hard, last_day: "2025-06-30"}
        - {value: "2", unit: days, article: "3-1", force: hard, first_day: "2025-07-01"}
"""
)


def city(folder: Path, **files: str) -> Path:
    (folder / "act.yaml").write_text(ACT, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
    return folder


def test_another_city_is_another_folder(tmp_path: Path) -> None:
    seaside = Rulebook.load(city(tmp_path, renewal=RENEWAL))
    facts = {"on_renewal_whitelist": True, "renewal_filed_on": "2025-06-30"}
    (old,) = assess(facts, date(2025, 6, 30), seaside)
    (new,) = assess(facts, date(2025, 7, 1), seaside)
    assert (old.figures["decision_due_on"], new.figures["decision_due_on"]) == (date(2025, 7, 5), date(2025, 7, 2))
    assert (new.force, new.article, new.act) == ("hard", "3", "海营〔2025〕1号")


def test_the_last_day_of_an_act_is_in_force_and_the_next_is_not(tmp_path: Path) -> None:
    seaside = Rulebook.load(city(tmp_path, renewal=RENEWAL))
    facts = {"on_renewal_whitelist": True, "renewal_filed_on": "2026-12-30"}
    assert assess(facts, date(2026, 12, 31), seaside)[0].status == "entitled"
    assert assess(facts, date(2027, 1, 1), seaside)[0].status == "expired"
    assert assess(facts, date(2024, 12, 31), seaside)[0].status == "upcoming"


def test_a_value_is_looked_up_by_day_with_its_citation(tmp_path: Path) -> None:
    seaside = Rulebook.load(city(tmp_path, renewal=RENEWAL))
    found = seaside.value("renewal_fast_track", "decision_days", date(2025, 7, 1))
    assert found.value == Decimal(2)
    assert found.citation.article == "3-1"


def test_a_day_no_law_covers_is_an_error_that_says_what_to_add(tmp_path: Path) -> None:
    seaside = Rulebook.load(city(tmp_path, renewal=RENEWAL))
    with pytest.raises(NoLawInForceError, match=r"decision_days is in force on 2024-12-31: add .* to renewal.yaml"):
        seaside.value("renewal_fast_track", "decision_days", date(2024, 12, 31))
    with pytest.raises(NoLawInForceError, match="No measure free_lunch in Seaside"):
        seaside.value("free_lunch", "price", date(2025, 7, 1))


def test_a_measure_without_its_value_says_where_to_add_it(tmp_path: Path) -> None:
    bare = RENEWAL.split("    values:")[0]
    seaside = Rulebook.load(city(tmp_path, renewal=bare))
    facts = {"on_renewal_whitelist": True, "renewal_filed_on": "2025-06-30"}
    with pytest.raises(NoLawInForceError, match=r"renewal_fast_track.decision_days .* renewal.yaml"):
        assess(facts, date(2025, 7, 1), seaside)


def test_a_measure_no_code_computes_is_named(tmp_path: Path) -> None:
    seaside = Rulebook.load(city(tmp_path, renewal=RENEWAL.replace("renewal_fast_track", "free_lunch")))
    with pytest.raises(NoLawInForceError, match="No function computes free_lunch"):
        assess({}, date(2025, 7, 1), seaside)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('value: "2"', "value: 2"), r'renewal.yaml: line \d+: 2 is not quoted: write "2"'),
        (('first_day: "2025-07-01"', "first_day: 2025-07-01"), "2025-07-01 is not quoted"),
        (('first_day: "2025-07-01"', 'first_day: "2025-06-30"'), "decision_days: the span from 2025-01-01 overlaps"),
        (('last_day: "2025-06-30"', 'last_day: "2024-06-30"'), "lies before first_day"),
        (('first_day: "2025-07-01"', 'first_day: "2025-02-30"'), "first_day"),
        (('first_day: "2025-07-01"', 'first_day: "soon"'), "must be a day"),
        (('value: "2", unit: days, article: "3-1"', 'value: "2", unit: days'), "decision_days: article is missing"),
        (('force: hard, first_day: "2025-07-01"', 'first_day: "2025-07-01"'), "force is missing"),
        (("force: hard, last", "force: iron, last"), "force 'iron' is none of"),
        (('checked_on: "2025-06-01", ', ""), "checked_on is missing"),
        (('value: "2"', 'value: "two"'), "must be a plain number"),
        (("payee: enterprise", "payee: everybody"), "payee 'everybody'"),
        (("    payee: enterprise\n", "    payee: enterprise\n    payee: bank\n"), "key 'payee' stands twice"),
        (('title: {zh: "快速续贷", en: "Quick renewal"}', 'title: "续贷"'), "needs both languages"),
        (("measures:", "measures: ]"), "renewal.yaml"),
    ],
    ids=lambda part: part[1][:40] if isinstance(part, tuple) else "",
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    assert change[0] in RENEWAL
    with pytest.raises(StatuteError, match=complaint):
        Rulebook.load(city(tmp_path, renewal=RENEWAL.replace(*change)))


def test_a_measure_stands_in_one_file(tmp_path: Path) -> None:
    with pytest.raises(StatuteError, match="renewal_fast_track stands in another file too"):
        Rulebook.load(city(tmp_path, renewal=RENEWAL, again=RENEWAL))


def test_a_folder_without_an_act_is_no_city(tmp_path: Path) -> None:
    with pytest.raises(StatuteError, match="no statute file"):
        Rulebook.load(tmp_path)
    (tmp_path / "renewal.yaml").write_text(RENEWAL, encoding="utf-8")
    with pytest.raises(StatuteError, match=r"act\.yaml is missing"):
        Rulebook.load(tmp_path)


def test_the_version_is_that_of_the_bytes(tmp_path: Path) -> None:
    first = Rulebook.load(city(tmp_path, renewal=RENEWAL)).version
    assert Rulebook.load(tmp_path).version == first
    city(tmp_path, renewal=RENEWAL.replace('value: "5"', 'value: "6"'))
    assert Rulebook.load(tmp_path).version != first


def test_line_ends_do_not_change_the_version(tmp_path: Path) -> None:
    first = Rulebook.load(city(tmp_path, renewal=RENEWAL)).version
    (tmp_path / "renewal.yaml").write_bytes(RENEWAL.replace("\n", "\r\n").encode())
    assert Rulebook.load(tmp_path).version == first


def test_the_city_that_ships_is_read_once_and_whole() -> None:
    yantai = default_rulebook()
    assert yantai is default_rulebook()
    assert [path.name for path in CITIES.iterdir()] == ["yantai"]
    assert len(yantai.measures) == 15
    assert len(yantai.prime_rates) == 85


def test_prime_rates_keep_how_many_sources_agree() -> None:
    rates = {each.published_on: each for each in default_rulebook().prime_rates}
    assert rates[date(2023, 8, 21)].sources == 3
    assert rates[date(2024, 2, 20)].note.startswith("5y: A,B 3.95")
    assert rates[date(2026, 8, 20)].status.startswith("one transcription only")


def test_a_prime_rate_is_of_its_month_and_of_its_day() -> None:
    rulebook = default_rulebook()
    july = rulebook.one_year_rate(2023, 7, date(2024, 1, 1))
    assert july is not None
    assert july.one_year == Decimal("0.0355")
    assert rulebook.one_year_rate(2023, 8, date(2023, 8, 20)) is None
    assert rulebook.one_year_rate(2023, 8, date(2023, 8, 21)) is not None
    assert rulebook.one_year_rate(2026, 9, date(2030, 1, 1)) is None


def test_two_prime_rates_of_one_day_are_refused(tmp_path: Path) -> None:
    rates = 'one_year: "0.031", five_year: "0.036"'
    row = f'  - {{published_on: "2025-01-20", {rates}, sources: "3", status: "ok", note: ""}}\n'
    cite = 'cite: {act: "x", article: "LPR", checked_on: "2025-06-01", force: hard}\n'
    with pytest.raises(StatuteError, match="two prime rates published on 2025-01-20"):
        Rulebook.load(city(tmp_path, rates=f"{cite}loan_prime_rate:\n{row}{row}"))
