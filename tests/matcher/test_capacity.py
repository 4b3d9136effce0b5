"""Capacity follows officers and past reviews; a slack month says little, a statement counts, unknown is not nought."""

from datetime import date

import pytest

from matcher.market import ReviewMonth, review_capacities

DAY = date(2026, 10, 31)


def months(name: str, reviewed: list[int | None], officers: int = 10, capacity: int | None = None) -> list[ReviewMonth]:
    """The months up to October."""
    first = 11 - len(reviewed)
    return [
        ReviewMonth(
            institution_id=name,
            period=date(2026, first + place, 1),
            officers=officers,
            capacity=capacity,
            reviewed=done,
        )
        for place, done in enumerate(reviewed)
    ]


def test_what_the_institution_states_counts_beside_what_its_months_say() -> None:
    found = review_capacities(months("B-1", [60, 60, 60], capacity=60), DAY)["B-1"]
    assert (found.reviews, found.how, found.officers) == (60.0, "stated", 10)
    assert found.estimated == pytest.approx(60, rel=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 60 < found.high


def test_busy_months_tell_the_rate_of_an_officer_and_new_officers_add_to_it() -> None:
    known = months("B-1", [50] * 5) + months("B-2", [50] * 5)
    known.append(ReviewMonth(institution_id="B-1", period=date(2026, 10, 15), officers=20))
    found = review_capacities(known, DAY)
    assert found["B-1"].how == "estimated"
    assert found["B-1"].reviews == pytest.approx(2 * found["B-2"].reviews, rel=0.02)
    assert found["B-2"].reviews == pytest.approx(50, rel=0.05)


def test_a_slack_month_does_not_lower_the_estimate() -> None:
    steady = review_capacities(months("B-1", [50] * 6) + months("B-2", [50] * 6), DAY)["B-1"]
    slack = review_capacities(months("B-1", [50, 50, 50, 50, 5, 50]) + months("B-2", [50] * 6), DAY)["B-1"]
    assert slack.reviews == pytest.approx(steady.reviews, rel=0.03)


def test_a_month_stated_as_slack_is_left_out_though_it_looks_full() -> None:
    stated = months("B-1", [40] * 3, capacity=80)[:3]
    busy = months("B-1", [80, 80], capacity=80)
    found = review_capacities([*stated[:1], *busy], DAY)["B-1"]
    assert found.estimated == pytest.approx(80, rel=0.05)


def test_the_last_months_weigh_more() -> None:
    rising = review_capacities(months("B-1", [40, 40, 40, 50, 50, 50]) + months("B-2", [45] * 6), DAY)["B-1"]
    falling = review_capacities(months("B-1", [50, 50, 50, 40, 40, 40]) + months("B-2", [45] * 6), DAY)["B-1"]
    assert rising.reviews > falling.reviews


def test_an_institution_without_reviews_works_at_the_rate_of_others() -> None:
    known = months("B-1", [50] * 6) + months("B-2", [50] * 6) + months("B-3", [None], officers=4)
    found = review_capacities(known, DAY)["B-3"]
    assert found.how == "pooled"
    assert found.reviews == pytest.approx(20, rel=0.05)


def test_one_month_is_drawn_towards_the_others_more_than_six() -> None:
    others = [month for name in ("B-2", "B-3", "B-4") for month in months(name, [50] * 6)]
    few = review_capacities(others + months("B-1", [100]), DAY)["B-1"]
    many = review_capacities(others + months("B-1", [100] * 6), DAY)["B-1"]
    assert 50 < few.reviews < many.reviews < 101


def test_later_months_are_not_read() -> None:
    known = months("B-1", [50] * 3)
    assert review_capacities(known, date(2026, 7, 31)) == {}


def test_promised_reviews_are_taken_off_and_never_leave_less_than_none() -> None:
    found = review_capacities(months("B-1", [9], capacity=9), DAY, committed={"B-1": 12})["B-1"]
    assert found.left == 0.0
    assert review_capacities(months("B-1", [9], capacity=9), DAY, committed={"B-1": 2})["B-1"].left == 7.0


def test_the_catalogue_speaks_only_for_institutions_without_a_month() -> None:
    found = review_capacities(months("B-1", [9], capacity=9), DAY, declared={"B-1": (1, 1), "B-2": (3, 12)})
    assert found["B-1"].reviews == 9.0
    assert (found["B-2"].reviews, found["B-2"].how) == (12.0, "declared")


def test_no_officers_and_nothing_stated_is_no_review() -> None:
    assert review_capacities(months("B-1", [None], officers=0), DAY)["B-1"].reviews == 0.0
