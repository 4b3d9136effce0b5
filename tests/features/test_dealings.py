"""Earlier dealings: sums by hand, null where unknown, the same bits alone, in bulk and in any order."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.dealings import DEALINGS_COLUMNS, Dealings, Line, dealings_of
from features.pair_columns import COLUMN_OF
from features.pairs import pair_matrix
from tests.training.made_up import DAY, demands, one, products, profiles, with_effects

RNG = np.random.default_rng(7)
N, M = 30, 12
PROFILES, DEMANDS = profiles(N, RNG), demands(N, RNG)
PRODUCTS = with_effects(products(M, RNG)) | {
    "product_apply_average": np.full(M, 0.2),
    "product_approve_average": np.full(M, 0.5),
    "institution_choice_share": np.full(M, 0.2),
}
ROW_OF = {f"P-{row}": row for row in range(M)}
AT = [COLUMN_OF[name] for name in DEALINGS_COLUMNS]


def line(product: int, *, applied: bool = False, approved: bool | None = None, shown: bool = True) -> Line:
    return Line(product_id=f"P-{product}", shown=shown, applied=applied, approved=approved)


def columns(lines: list[Line] | None, product: int) -> list[float]:
    """Dealings columns of one demand and one product."""
    dealings = dealings_of(lines, ROW_OF)
    pair = np.array([0]), np.array([product])
    X = pair_matrix(one(PROFILES, 0), one(DEMANDS, 0), PRODUCTS, *pair, as_of=DAY, dealings=dealings)
    return [float(value) for value in X[0, AT]]


def test_dealings_nobody_knows_of_are_null_and_none_at_all_are_the_average() -> None:
    assert np.isnan(columns(None, 0)).all()
    assert columns([], 0) == [0.0, 0.0, 0.0, 0.0]


def test_two_applications_at_one_institution_as_by_hand() -> None:
    lines = [line(0, applied=True, approved=True), line(5, applied=True, approved=False), line(1)]  # 0 and 5: B-0
    choice, appeal, here, anywhere = columns(lines, 0)
    assert choice == pytest.approx(log((2 + 4 * 0.2) / ((2 + 4) * 0.2)))
    assert appeal == pytest.approx(2 * (1 - 0.2) / (2 * 0.2 * 0.8 + 1 / 0.8**2))
    assert (here, anywhere) == (0.0, 0.0)  # one approved, one refused, a half is usual
    elsewhere = columns(lines, 1)
    assert elsewhere[0] == pytest.approx(log(4 * 0.2 / ((2 + 4) * 0.2)))
    assert elsewhere[1] == pytest.approx(-0.2 / (0.2 * 0.8 + 1 / 0.8**2))


def test_an_approval_counts_where_it_was_given_and_anywhere() -> None:
    step = 0.5 / (0.25 + 1 / 0.7**2)
    assert columns([line(0, applied=True, approved=True)], 5)[2:] == pytest.approx([step, step])
    assert columns([line(0, applied=True, approved=True)], 1)[2:] == pytest.approx([0.0, step])


def test_an_application_from_no_list_tells_choice_but_not_appeal() -> None:
    choice, appeal, *_ = columns([line(0, applied=True, shown=False)], 0)
    assert (choice > 0, appeal) == (True, 0.0)


def test_a_product_no_longer_offered_is_left_out() -> None:
    assert columns([Line(product_id="gone", shown=True, applied=True, approved=True)], 0) == [0.0] * 4


LINES = st.lists(
    st.builds(
        line,
        st.integers(0, M - 1),
        applied=st.booleans(),
        approved=st.sampled_from([True, False, None]),
        shown=st.booleans(),
    ),
    max_size=12,
)


@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_bit(lines: list[Line], random: object) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert columns(shuffled, 3) == columns(lines, 3)


@given(st.lists(LINES, min_size=3, max_size=3), st.integers(0, 2), st.integers(0, M - 1))
def test_a_row_alone_has_the_bits_of_the_row_in_bulk(every: list[list[Line]], demand: int, product: int) -> None:
    parts = [dealings_of(lines, ROW_OF) for lines in every]
    bulk = Dealings(
        known=np.ones(3, dtype=bool),
        demand=np.concatenate([part.demand + row for row, part in enumerate(parts)]),
        product=np.concatenate([part.product for part in parts]),
        shown=np.concatenate([part.shown for part in parts]),
        applied=np.concatenate([part.applied for part in parts]),
        approved=np.concatenate([part.approved for part in parts]),
    ).ordered()
    three = {name: values[:3] for name, values in PROFILES.items()}
    asked = {name: values[:3] for name, values in DEMANDS.items()}
    grid = np.repeat(np.arange(3), M), np.tile(np.arange(M), 3)
    X = pair_matrix(three, asked, PRODUCTS, *grid, as_of=DAY, dealings=bulk)
    pair = np.array([0]), np.array([product])
    alone = pair_matrix(one(PROFILES, demand), one(DEMANDS, demand), PRODUCTS, *pair, as_of=DAY, dealings=parts[demand])
    assert alone.tobytes() == X[demand * M + product : demand * M + product + 1].tobytes()
