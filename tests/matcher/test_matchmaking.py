"""Meetings at an event: nobody is in two places at once, and seats go where matches are expected."""

from decimal import Decimal
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher.domain import Collateral, CollateralKind, Demand, Purpose
from matcher.matchmaking import (
    assign,
    expected,
    greedy,
    plan_meetings,
    seat_institutions,
    timetable,
)
from matcher.matchmaking_themes import THEMES

Floats = NDArray[np.float64]
chances = st.one_of(st.just(0.0), st.floats(0.01, 1.0))


@st.composite
def markets(draw: st.DrawFn, most: int = 12) -> Floats:
    enterprises, tables = draw(st.integers(1, most)), draw(st.integers(1, 6))
    values = draw(st.lists(chances, min_size=enterprises * tables, max_size=enterprises * tables))
    return np.array(values).reshape(enterprises, tables)


@settings(max_examples=25, deadline=None)
@given(chance=markets(), slots=st.integers(1, 6), most=st.integers(1, 4), invited=st.integers(1, 12))
def test_a_timetable_never_clashes_and_keeps_every_bound(chance: Floats, slots: int, most: int, invited: int) -> None:
    plan = plan_meetings(chance, slots, min(most, slots), invited)
    rows, tables = np.nonzero(plan.meets)
    moments = plan.slot[rows, tables]
    assert len(set(zip(rows.tolist(), moments.tolist(), strict=True))) == len(rows)
    assert len(set(zip(tables.tolist(), moments.tolist(), strict=True))) == len(rows)
    assert ((moments >= 0) & (moments < slots)).all()
    assert plan.meets.sum(axis=1).max() <= min(most, slots)
    assert plan.meets.sum(axis=0).max() <= slots
    assert plan.meets.any(axis=1).sum() <= invited
    assert (chance[plan.meets] > 0.0).all()
    assert plan.expected == pytest.approx(expected(chance, plan.meets))


@settings(max_examples=40, deadline=None)
@given(meets=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=9))
def test_as_many_slots_suffice_as_the_busiest_has_meetings(meets: list[list[bool]]) -> None:
    graph = np.array(meets)
    busiest = max(int(graph.sum(axis=0).max()), int(graph.sum(axis=1).max()))
    slot = timetable(graph, max(busiest, 1))
    assert ((slot >= 0) == graph).all()
    for line in (*slot, *slot.T):
        used = line[line >= 0].tolist()
        assert len(set(used)) == len(used)


def test_more_meetings_than_slots_are_refused() -> None:
    with pytest.raises(ValueError, match="3 meetings and there are 2 slots"):
        timetable(np.ones((1, 3), dtype=bool), 2)


@settings(max_examples=15, deadline=None)
@given(chance=markets(most=4).filter(lambda each: each.size <= 8), slots=st.integers(1, 2), most=st.integers(1, 2))
def test_the_assignment_is_the_best_of_all_assignments(chance: Floats, slots: int, most: int) -> None:
    best = 0.0
    for flags in product((False, True), repeat=chance.size):
        meets = np.array(flags).reshape(chance.shape)
        if meets.sum(axis=0).max() <= slots and meets.sum(axis=1).max() <= most:
            best = max(best, float(chance[meets].sum()))
    assert chance[assign(chance, slots, most)].sum() == pytest.approx(best)


@settings(max_examples=25, deadline=None)
@given(chance=markets(), slots=st.integers(1, 4), most=st.integers(1, 3))
def test_the_plan_is_never_worse_than_taking_meetings_one_by_one(chance: Floats, slots: int, most: int) -> None:
    plan = plan_meetings(chance, slots, most, len(chance))
    assert plan.expected >= expected(chance, greedy(chance, slots, min(most, slots), len(chance))) - 1e-12


@given(chance=markets(), slots=st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_the_same_market_gives_the_same_timetable(chance: Floats, slots: int) -> None:
    first, second = (plan_meetings(chance, slots, slots, 8) for _ in range(2))
    assert (first.slot == second.slot).all()


def test_a_second_bank_goes_to_who_has_none() -> None:
    # One seat at each of two tables: 0.5 + 0.4 for two firms beats 1 − 0.5·0.4 = 0.8 for one.
    chance = np.array([[0.5, 0.6], [0.0, 0.4]])
    plan = plan_meetings(chance, 1, 1, 2)
    assert plan.meets.tolist() == [[True, False], [False, True]]
    assert plan.expected == pytest.approx(0.9)


def test_the_places_there_are_go_to_the_best() -> None:
    plan = plan_meetings(np.array([[0.2], [0.9], [0.5]]), 3, 1, 2)
    assert plan.meets[:, 0].tolist() == [False, True, True]


def test_an_institution_without_a_chance_gets_no_table() -> None:
    chance = np.array([[0.0, 0.3, 0.2], [0.0, 0.3, 0.0]])
    assert seat_institutions(chance, 3, 2) == (1, 2)
    assert seat_institutions(chance, 1, 2) == (1,)


def test_nobody_to_meet_is_an_empty_plan() -> None:
    plan = plan_meetings(np.zeros((3, 2)), 4, 2, 3)
    assert not plan.meets.any()
    assert plan.expected == 0.0


def demand(**changes: object) -> Demand:
    given = {"uscc": "91370602MA3TERT037", "amount_cny": Decimal(1), "term_months": 12}
    return Demand(**{**given, "purpose": Purpose.EQUIPMENT, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("theme", "facts", "fits"),
    [
        ("general", {}, True),
        ("specialised_new", {"is_srdi": 1.0}, True),
        ("specialised_new", {"is_srdi": 0.0}, False),
        ("specialised_new", {}, None),
        ("export", {"exports_12m_cny": 0.0, "imports_12m_cny": 5.0}, True),
        ("export", {"exports_12m_cny": 0.0}, None),
        ("export", {"exports_12m_cny": 0.0, "imports_12m_cny": 0.0}, False),
        ("first_loan", {"has_prior_loan": 0.0}, True),
        ("first_loan", {"has_prior_loan": 1.0}, False),
        ("first_loan", {"has_prior_loan": None}, None),
        ("technology", {"is_hnte": 0.0, "is_tech_sme": None, "invention_patents": 2.0}, True),
        ("technology", {"is_hnte": 0.0, "is_tech_sme": None, "invention_patents": 0.0}, None),
        ("agri_rural", {"is_agri_rural": 1.0}, True),
        ("renewal", {"maturing_90d_cny": 0.0}, False),
        ("supply_chain", {}, False),
    ],
)
def test_a_theme_admits_who_fits_and_leaves_unknown_what_is_not_known(
    theme: str, facts: dict[str, float | None], fits: bool | None
) -> None:
    assert THEMES[theme].fits(facts, demand()) is fits


def test_what_a_demand_says_itself_settles_a_theme() -> None:
    receivable = Collateral(kind=CollateralKind.RECEIVABLE)
    assert THEMES["supply_chain"].fits({}, demand(collateral=(receivable,))) is True
    assert THEMES["export"].fits({}, demand(purpose=Purpose.EXPORT)) is True


def test_an_unknown_theme_names_the_sources_that_settle_it() -> None:
    assert THEMES["technology"].settle_with({"is_hnte": 0.0}) == ("honours", "ip")


def test_every_theme_reads_as_told_in_two_languages() -> None:
    assert all(theme.title.zh and theme.title.en and theme.meaning.zh for theme in THEMES.values())
