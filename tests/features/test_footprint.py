"""Footprints know the past only, are shares, and can be worked out by hand."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.footprint import Footprint, Plan, Term, log_softmax
from features.footprint_city import CITY, city_events, city_tables

AS_OF = date(2024, 3, 1)

PLAN = Plan(
    region="state",
    half_life=30.0,
    terms=(
        Term(name="state", kind="share", columns=("state",), strength=2.0),
        Term(name="zip", kind="share", columns=("zip",), parent="state", strength=2.0),
        Term(name="industry", kind="ratio", columns=("state", "industry"), given=("state",), strength=2.0),
        Term(name="amount", kind="distance", columns=("amount",)),
        Term(name="steady", kind="share", columns=("state",), evened=("day",)),
    ),
)


def loans(*rows: tuple[str, date, str, str | None, str | None, float]) -> pd.DataFrame:
    names = ["institution", "day", "state", "zip", "industry", "amount"]
    frame = pd.DataFrame(list(rows), columns=names)
    return frame.assign(day=pd.to_datetime(frame["day"]))


def loan(institution: str, *, day: date = date(2024, 1, 1), zip_code: str | None = "1", industry: str | None = "a"):
    return (institution, day, "S", zip_code, industry, 100.0)


EVEN = Plan(
    region="state",
    terms=(
        Term(name="state", kind="share", columns=("state",), strength=2.0),
        Term(name="zip", kind="share", columns=("zip",), parent="state", strength=2.0),
        Term(name="industry", kind="ratio", columns=("state", "industry"), given=("state",), strength=2.0),
    ),
)

row = st.tuples(
    st.sampled_from(["north", "south", "west"]),
    st.dates(date(2024, 1, 1), date(2024, 4, 30)),
    st.sampled_from(["S", "T"]),
    st.sampled_from(["1", "2", None]),
    st.sampled_from(["a", "b", None]),
    st.sampled_from([10.0, 100.0, 900.0]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(row, min_size=1, max_size=25), st.lists(row, max_size=25))
def test_events_of_the_day_and_after_it_never_change_anything(past: list, future: list) -> None:
    known = loans(*[r for r in past if r[1] < AS_OF] or [loan("north")])
    later = loans(*[(f"new {r[0]}", max(r[1], AS_OF), *r[2:]) for r in future], *[(r[0], AS_OF, *r[2:]) for r in past])
    asked = loans(*past, *future)
    alone = Footprint.fit(known, AS_OF, PLAN)
    together = Footprint.fit(pd.concat([later, known], ignore_index=True), AS_OF, PLAN)
    assert list(alone.institutions) == list(together.institutions)
    np.testing.assert_allclose(alone.log_shares(asked), together.log_shares(asked), rtol=1e-5, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(row, min_size=2, max_size=25), st.integers(2, 5))
def test_only_shares_count_so_repeating_history_with_a_weaker_prior_changes_nothing(past: list, times: int) -> None:
    known = loans(*past)
    stronger = Plan(region="state", terms=EVEN.terms, strength=float(times))
    once = Footprint.fit(known, date(2025, 1, 1), EVEN)
    often = Footprint.fit(pd.concat([known] * times), date(2025, 1, 1), stronger)
    np.testing.assert_allclose(once.log_shares(known), often.log_shares(known), rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(row, min_size=1, max_size=20))
def test_the_posterior_of_every_demand_sums_to_one(past: list) -> None:
    footprint = Footprint.fit(loans(*past), date(2025, 1, 1), PLAN)
    np.testing.assert_allclose(np.exp(footprint.posterior(loans(*past))).sum(axis=1), 1.0, rtol=1e-4)


def test_shares_are_smoothed_towards_the_coarser_place() -> None:
    known = loans(loan("a"), loan("a"), loan("a"), loan("b", zip_code="2"))
    found = Footprint.fit(known, AS_OF, EVEN).log_shares(loans(loan("a", zip_code="2")))[0]
    in_state = (3 + 2 * 1 / 2) / (4 + 2)
    in_zip = (0 + 2 * in_state) / (1 + 2)
    assert found[0, 0] == pytest.approx(np.log(in_state / (1 / 2)), abs=1e-6)
    assert found[0, 1] == pytest.approx(np.log(in_zip / in_state), abs=1e-6)


def test_a_ratio_compares_the_institution_with_everyone() -> None:
    known = loans(loan("a"), loan("a"), loan("b", industry="b"), loan("b", industry="b"))
    found = Footprint.fit(known, AS_OF, EVEN).log_shares(loans(loan("a")))[0]
    assert found[0, 2] == pytest.approx(np.log((2 / 0.5 + 2) / (2 + 2)), abs=1e-6)
    assert found[1, 2] == pytest.approx(np.log((0 + 2) / (2 + 2)), abs=1e-6)


def test_an_event_one_half_life_old_counts_half() -> None:
    plan = Plan(terms=(Term(name="all", kind="share", columns=(), strength=1.0),), half_life=10.0)
    known = loans(loan("a", day=AS_OF - timedelta(days=10)), loan("b", day=AS_OF - timedelta(days=20)))
    found = np.exp(Footprint.fit(known, AS_OF, plan).posterior(known))[0]
    assert found.tolist() == pytest.approx([(0.5 + 0.5) / 1.75, (0.25 + 0.5) / 1.75])


def test_a_bulk_day_counts_less_once_evened() -> None:
    plan = Plan(terms=(Term(name="all", kind="share", columns=(), evened=("day",), strength=1e-6),))
    bulk = [loan("bulk", day=date(2024, 1, 1))] * 4
    steady = [loan("steady", day=date(2024, 1, d)) for d in (1, 2, 3, 4)]
    found = np.exp(Footprint.fit(loans(*bulk, *steady), AS_OF, plan).posterior(loans(loan("bulk"))))[0]
    assert found[0] == pytest.approx(4**0.4 / (4**0.4 + 4), abs=1e-5)


@pytest.mark.parametrize(("zip_code", "industry"), [(None, None), ("never seen", "never seen")])
def test_an_unknown_or_new_value_says_nothing(zip_code: str | None, industry: str | None) -> None:
    known = loans(loan("a"), loan("a", zip_code=None, industry=None), loan("b", zip_code="2", industry="b"))
    found = Footprint.fit(known, AS_OF, EVEN).log_shares(loans(loan("a", zip_code=zip_code, industry=industry)))[0]
    assert np.abs(found[:, 1:]).max() == pytest.approx(0.0, abs=1e-6)


def test_leaving_a_field_empty_does_not_identify_an_institution() -> None:
    filled = loans(loan("a"), loan("a"), loan("b"), loan("b"))
    careless = loans(loan("a"), loan("a"), loan("b"), loan("b", industry=None))
    asked = loans(loan("a", industry=None))
    for known in (filled, careless):
        assert Footprint.fit(known, AS_OF, EVEN).log_shares(asked)[0, :, 2].tolist() == [0.0, 0.0]


def test_candidates_are_those_with_a_loan_in_the_region_and_everyone_in_a_new_one() -> None:
    known = loans(loan("a"), ("b", date(2024, 1, 1), "T", "9", "a", 1.0))
    footprint = Footprint.fit(known, AS_OF, EVEN)
    asked = loans(loan("a"), ("b", AS_OF, "U", None, "a", 1.0))
    assert np.isfinite(footprint.posterior(asked)).tolist() == [[True, False], [True, True]]
    assert [block.known_region for block in footprint.blocks(asked)] == [False, True]


def test_the_usual_amount_is_closer_to_the_institution_that_lends_it() -> None:
    small = [("small", date(2024, 1, 1), "S", "1", "a", a) for a in (8.0, 10.0, 12.0) * 5]
    large = [("large", date(2024, 1, 1), "S", "1", "a", a) for a in (800.0, 1000.0, 1200.0) * 5]
    found = Footprint.fit(loans(*small, *large), AS_OF, PLAN).log_shares(
        loans(loan("x"), ("x", AS_OF, "S", "1", "a", 9.0))
    )
    assert found[1, 1, 3] > 0 > found[1, 0, 3]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(KeyError, match="industry"):
        Footprint.fit(loans(loan("a")).drop(columns="industry"), AS_OF, PLAN)


def financed(*rows: tuple[str, date, int, int]) -> pd.DataFrame:
    """Financings of the city: institution, day, county and section; the other levels unknown."""
    names, days, county, section = zip(*rows, strict=True)
    unknown = np.full(len(rows), -1)
    levels = {"district": np.array(county), "section": np.array(section), "division": unknown}
    return city_events(
        np.array(names, dtype=object),
        np.array(days, dtype="datetime64[D]"),
        {**levels, "size": unknown, "amount": unknown},
    )


def test_no_history_at_all_gives_every_named_institution_of_the_city_the_same_share() -> None:
    shares, tables = city_tables(financed(("one", AS_OF, 602, 2)), AS_OF, ["one", "two"])
    assert shares == {"one": 0.0, "two": 0.0}
    assert all(not levels for table in tables.values() for levels in table.values())


def test_the_city_tells_who_lends_where_as_the_hand_does() -> None:
    day = date(AS_OF.year - 1, 1, 1)
    events = financed(*[("one", day, 602, 2)] * 6, *[("two", day, 681, 2)] * 6)
    far = replace(CITY, half_life=1e9)
    shares, tables = city_tables(events, AS_OF, ["one", "two"], far)
    assert shares == {"one": 0.0, "two": 0.0}
    here = (6 + 10 * 0.5) / (6 + 10)  # six of six in the county, ten even ones from above
    assert tables["district"]["one"] == {"602": round(np.log(here / 0.5), 3), "681": round(np.log(5 / 16 / 0.5), 3)}
    assert tables["section"] == {"one": {}, "two": {}}  # both lend to this section as much as everyone


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 400))
def test_the_city_reads_nothing_of_its_day_or_later(days: int) -> None:
    before = [("one", date(AS_OF.year - 1, 3, 1), 602, 2), ("two", date(AS_OF.year - 1, 5, 1), 681, 0)]
    later = ("two", AS_OF + timedelta(days=days - 1), 602, 2)
    known = city_tables(financed(*before), AS_OF, ["one", "two"])
    assert city_tables(financed(*before, later), AS_OF, ["one", "two"]) == known


def test_log_softmax_survives_large_utilities() -> None:
    assert np.exp(log_softmax(np.array([[1000.0, 1000.0]], dtype=np.float32))).tolist() == [[0.5, 0.5]]
