"""Size class: inclusive lower bounds of every indicator; unknown is never zero."""

import timeit
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.policy import NoLawInForceError, default_rulebook
from matcher.policy.size import size_class, size_classes

WAN = 10_000
CODES = ["A0111", "C3311", "E47", "F51", "F5299", "G54", "G53", "H61", "I65", "J66", "K7010", "K702", "K7040", "L71"]
CODES += ["M73", "P83", "Q84", "Q85", "S91", "T97", "C", "F", "K", "", None, "C9999"]


@pytest.mark.parametrize(
    ("code", "employees", "revenue", "assets", "expected"),
    [
        ("C3311", 20, 300 * WAN, None, "small"),
        ("C3311", 19, 300 * WAN, None, "micro"),
        ("C3311", 20, 300 * WAN - 1, None, "micro"),
        ("C3311", 300, 2000 * WAN, None, "medium"),
        ("C3311", 299, 2000 * WAN, None, "small"),
        ("C3311", 1000, 40_000 * WAN, None, "large"),
        ("C3311", 1000, 40_000 * WAN - 1, None, "medium"),
        ("C3311", 1_000_000, 299 * WAN, None, "micro"),
        ("A0111", None, 50 * WAN, None, "small"),
        ("A0111", None, 50 * WAN - 1, None, "micro"),
        ("A", None, 20_000 * WAN, None, "large"),
        ("E47", None, 300 * WAN, 300 * WAN, "small"),
        ("E47", None, 80_000 * WAN, 79_999 * WAN, "medium"),
        ("F51", 5, 1000 * WAN, None, "small"),
        ("F52", 5, 1000 * WAN, None, "micro"),
        ("F52", 10, 100 * WAN, None, "small"),
        ("G59", 20, 100 * WAN, None, "small"),
        ("K7010", None, 100 * WAN, 2000 * WAN, "small"),
        ("K7010", None, 200_000 * WAN, 10_000 * WAN, "large"),
        ("K702", 100, 500 * WAN, None, "small"),
        ("K703", 10, None, None, "small"),
        ("K7090", 9, None, None, "micro"),
        ("L72", 10, None, 100 * WAN, "small"),
        ("Q85", 10, None, None, "small"),
        ("M73", 300, None, None, "large"),
        ("J66", 500, 500 * WAN, 500 * WAN, "not_classified"),
        ("P83", 10, 1, 1, "not_classified"),
        ("Q84", 10, 1, 1, "not_classified"),
        ("G53", 10, 1, 1, "not_classified"),
        ("K7040", 10, 1, 1, "not_classified"),
        ("S91", 10, 1, 1, "not_classified"),
        ("T97", 10, 1, 1, "not_classified"),
        ("C", 20, 300 * WAN, None, "small"),
        ("F", 20, 300 * WAN, None, "undetermined"),
        ("K70", 20, 300 * WAN, None, "undetermined"),
        ("Q", 20, 300 * WAN, None, "undetermined"),
        ("3311", 20, 300 * WAN, None, "small"),
        ("6610", 20, 300 * WAN, None, "not_classified"),
        ("K7210", 20, 300 * WAN, 1, "undetermined"),
        ("X12", 20, 300 * WAN, None, "undetermined"),
        ("", 20, 300 * WAN, None, "undetermined"),
        (None, 20, 300 * WAN, None, "undetermined"),
        ("C3311", None, None, None, "undetermined"),
        ("C3311", 20, None, None, "undetermined"),
        ("C3311", 5000, float("nan"), None, "undetermined"),
        ("C3311", 19, None, None, "micro"),
        ("C3311", None, 299 * WAN, None, "micro"),
        ("C3311", Decimal(20), Decimal("3000000"), None, "small"),
    ],
)
def test_the_class_of_an_enterprise(
    code: str | None, employees: float | None, revenue: float | None, assets: float | None, expected: str
) -> None:
    assert size_class(code, employees, revenue, assets) == expected


NUMBERS = st.one_of(st.none(), st.floats(min_value=0, max_value=3e9))
ROWS = st.lists(st.tuples(st.sampled_from(CODES), NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=30)


@given(ROWS)
def test_many_at_once_are_each_alone(rows: list[tuple[str | None, float | None, float | None, float | None]]) -> None:
    def column(index: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return np.array([np.nan if row[index] is None else row[index] for row in rows], dtype=np.float64)

    found = size_classes([row[0] for row in rows], column(1), column(2), column(3))
    assert found.tolist() == [size_class(*row) for row in rows]


GRADES = ("micro", "small", "medium", "large")
SIZES = st.floats(min_value=0, max_value=3e9)


@given(st.sampled_from([code for code in CODES if code and len(code) > 2]), SIZES, SIZES, SIZES, st.floats(1, 100))
def test_growth_never_makes_an_enterprise_smaller(
    code: str, employees: float, revenue: float, assets: float, factor: float
) -> None:
    before = size_class(code, employees, revenue, assets)
    after = size_class(code, employees * factor, revenue * factor, assets * factor)
    if before in GRADES:
        assert GRADES.index(after) >= GRADES.index(before)
    else:
        assert after == before


@given(st.sampled_from(["C3311", "F51", "E47", "K702", "L71"]), SIZES, SIZES, SIZES, st.integers(0, 2))
def test_what_is_said_without_an_indicator_stands_with_it(
    code: str, employees: float, revenue: float, assets: float, hidden: int
) -> None:
    whole: list[float | None] = [employees, revenue, assets]
    partial = [None if index == hidden else each for index, each in enumerate(whole)]
    said = size_class(code, *partial)
    assert said in {"undetermined", size_class(code, *whole)}


def test_no_standard_is_in_force_before_2011() -> None:
    with pytest.raises(NoLawInForceError, match="2011-06-17"):
        size_class("C", 20, 3e6, None, as_of=date(2011, 6, 17))
    assert size_class("C", 20, 3e6, None, as_of=date(2011, 6, 18), rulebook=default_rulebook()) == "small"


def test_a_city_of_enterprises_is_classified_in_a_blink() -> None:
    rows = 25_000
    rng = np.random.default_rng(7)
    codes = rng.choice(np.array(CODES, dtype=object), rows)
    values = rng.uniform(0, 1e9, (3, rows))
    size_classes(codes, *values)
    best = min(timeit.repeat(lambda: size_classes(codes, *values), number=1, repeat=5))
    assert best < 0.2  # 0.02 s when the machine is idle
