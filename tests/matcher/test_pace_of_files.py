"""The pace of an office follows from days on which files waited; days without files take nothing from it."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.market import Files, ReviewMonth, review_capacities
from matcher.market.files import WORKDAYS_A_MONTH, paces

AUGUST = date(2026, 8, 3)
"""A Monday."""


def files(rows: list[tuple[str, int, int | None, int | None]]) -> Files:
    """Files by institution; days are counted from that Monday: came, was read, was needless."""
    never = np.datetime64("NaT", "D")
    start = np.datetime64(AUGUST, "D")

    def days(place: int) -> np.ndarray:
        return np.array([never if row[place] is None else start + row[place] for row in rows], dtype="datetime64[D]")

    return Files(
        institution_id=[row[0] for row in rows],
        product_id=[f"P-{row[0]}" for row in rows],
        applied_on=days(1),
        reviewed_on=days(2),
        needless_on=days(3),
    )


def office(pace: int, arrivals: list[int], name: str = "B-1") -> list[tuple[str, int, int | None, int | None]]:
    """First come, first read, the day it came at the earliest, weekends off."""
    rows: list[tuple[str, int, int | None, int | None]] = []
    waiting: list[int] = []
    for day, number in enumerate(arrivals):
        if day % 7 < 5:
            waiting += [day] * number
            rows += [(name, came, day, None) for came in waiting[:pace]]
            waiting = waiting[pace:]
    return rows + [(name, came, None, None) for came in waiting]


def pace_of(rows: list[tuple[str, int, int | None, int | None]], officers: int = 1, until: int = 19) -> float:
    """Reviews of an officer a working day, as found."""
    as_of = (np.datetime64(AUGUST) + until).item()
    return paces(files(rows), {"B-1": {AUGUST: officers}}, as_of)["B-1"].an_officer / WORKDAYS_A_MONTH


def test_days_with_files_left_over_tell_the_pace_and_days_without_do_not_lower_it() -> None:
    # Fifteen working days at 3 a day, first crowded, then one file a day: 45 could be read, 25 were.
    rows = office(3, [13, 2, 0, 0, 0, 0, 0, *[1] * 12])
    assert sum(row[2] is not None for row in rows) == 25
    assert pace_of(rows) == pytest.approx(3.0, rel=0.01)
    assert pace_of(rows, officers=2) == pytest.approx(1.5, rel=0.01)


def test_a_file_another_bank_made_needless_is_not_left_over() -> None:
    quick = [("B-1", day, day, None) for day in (0, 1, 2, 3, 4)]
    unread = [("B-1", 0, None, 0)] * 4
    idle = [("B-1", 0, None, None)] * 4
    assert pace_of(quick + idle, until=5) == pytest.approx(1.0, rel=0.01)
    # Five waited on the first day alone, one was read: still one a day; and nothing waited on the other days.
    assert paces(files(quick + unread), {"B-1": {AUGUST: 1}}, date(2026, 8, 8))["B-1"].pressed == pytest.approx(1.0)
    assert paces(files(quick + idle), {"B-1": {AUGUST: 1}}, date(2026, 8, 8))["B-1"].pressed == pytest.approx(5.0)


def test_what_happened_on_the_day_and_later_is_not_read() -> None:
    rows = office(2, [9, 0, 0, 0, 0])
    assert pace_of(rows, until=3) == pytest.approx(2.0, rel=0.01)
    assert paces(files(rows), {"B-1": {AUGUST: 1}}, AUGUST) == {}


def test_no_officers_no_reviews_or_no_files_have_no_pace() -> None:
    rows = office(2, [9, 0, 0])
    assert paces(files(rows), {"B-1": {AUGUST: 0}}, date(2026, 8, 8)) == {}
    assert paces(files(rows), {}, date(2026, 8, 8)) == {}
    assert paces(files([("B-1", 0, None, None)]), {"B-1": {AUGUST: 1}}, date(2026, 8, 8)) == {}
    assert paces(files([]), {}, date(2026, 8, 8)) == {}


@given(pace=st.integers(1, 6), crowd=st.integers(12, 40), later=st.lists(st.integers(0, 8), min_size=16, max_size=16))
def test_an_office_ever_pressed_is_known_whatever_came_later(pace: int, crowd: int, later: list[int]) -> None:
    assert pace_of(office(pace, [crowd, 0, 0, *later])) == pytest.approx(pace, rel=0.01)


def month(name: str, number: int, reviewed: int, capacity: int | None = None) -> ReviewMonth:
    return ReviewMonth(
        institution_id=name, period=date(2026, number, 1), officers=10, capacity=capacity, reviewed=reviewed
    )


def test_a_slack_office_is_estimated_from_its_pressed_days_where_its_months_would_say_too_little() -> None:
    rows = [row for name in ("B-1", "B-2") for row in office(8, [60, *[0] * 9, *[1] * 16], name)]
    months = [month(name, 8, 75) for name in ("B-1", "B-2")]
    found = review_capacities(months, date(2026, 8, 29), files=files(rows))["B-1"]
    assert found.how == "files"
    assert found.reviews == pytest.approx(8 * WORKDAYS_A_MONTH, rel=0.02)
    assert review_capacities(months, date(2026, 8, 31))["B-1"].reviews == pytest.approx(75, rel=0.02)


def test_two_months_of_more_reviews_than_the_pace_gives_are_believed_and_one_is_not() -> None:
    rows = [row for name in ("B-1", "B-2") for row in office(2, [30, *[0] * 25], name)]
    once = [month("B-1", 6, 90), month("B-1", 7, 40), month("B-2", 7, 40)]
    twice = [*once, month("B-1", 5, 80)]
    day = date(2026, 8, 29)
    assert review_capacities(once, day, files=files(rows))["B-1"].reviews == pytest.approx(43.5, rel=0.02)
    found = review_capacities(twice, day, files=files(rows))["B-1"]
    assert found.reviews == pytest.approx(80.0)
    assert found.low == pytest.approx(80.0)


def test_what_is_stated_is_taken_though_files_say_otherwise() -> None:
    rows = office(8, [60, *[0] * 9])
    found = review_capacities([month("B-1", 8, 20, capacity=30)], date(2026, 8, 29), files=files(rows))["B-1"]
    assert (found.reviews, found.how) == (30.0, "stated")
    assert found.estimated == pytest.approx(8 * WORKDAYS_A_MONTH, rel=0.1)
