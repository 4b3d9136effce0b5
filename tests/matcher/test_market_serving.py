"""Serving one demand at frozen prices, and leads for institutions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.market import (
    ExaminationError,
    MarketInputError,
    ProbabilityError,
    ServedList,
    ShapeError,
    plan,
    serve,
)

CURVE = np.ones(3)


def test_the_first_line_weighs_approval_against_the_price():
    served = serve(
        np.array([0.5, 0.5, np.nan]),
        np.array([0.6, 0.5, 0.9]),
        np.array([0, 1, 1]),
        np.array([0.3, 0.0]),
        examination=CURVE,
        top_n=3,
    )
    assert served.order.tolist() == [1, 0]
    assert served.score[0] == pytest.approx(0.5 * 0.5)
    assert served.need.tolist() == pytest.approx([1.0, 0.75])
    assert served.score[1] == pytest.approx(0.5 * (0.6 * 0.75 - 0.3))
    assert served.price.tolist() == [0.0, 0.3]


def test_old_prices_are_not_charged_and_none_exceeds_the_ceiling():
    arguments = (np.array([0.5, 0.4]), np.array([0.9, 0.5]), np.array([0, 1]), np.array([0.95, 0.0]))
    assert serve(*arguments, examination=CURVE, top_n=2).price.max() == pytest.approx(0.8)
    stale = serve(*arguments, examination=CURVE, top_n=2, price_age_days=4)
    assert not stale.priced
    assert stale.order.tolist() == [0, 1]
    assert stale.price.tolist() == [0.0, 0.0]


def test_scores_fall_down_the_list():
    generator = np.random.default_rng(0)
    served = serve(
        generator.random(420),
        generator.random(420),
        generator.integers(0, 80, 420),
        generator.random(80),
        examination=np.full(20, 0.5),
        top_n=20,
    )
    assert served.order.size == 20
    assert (np.diff(served.score) <= 1e-12).all()
    assert not served.explored.any()
    assert served.propensity.tolist() == [1.0] * 20


def test_explored_lines_are_replayed_and_their_propensity_is_logged():
    arguments = (np.array([0.5, 0.4, 0.3]), np.array([0.9, 0.5, 0.2]), np.array([0, 0, 0]), np.array([0.0]))
    draws = np.array([[0.05, 0.9], [0.99, 0.0]])
    served, again = (serve(*arguments, examination=CURVE, top_n=2, explore=0.1, draws=draws) for _ in range(2))
    assert served.order.tolist() == again.order.tolist() == [2, 0]
    assert served.explored.tolist() == [True, False]
    assert served.propensity.tolist() == pytest.approx([0.1 / 3, 0.9 + 0.1 / 2])
    with pytest.raises(MarketInputError, match="draws"):
        serve(*arguments, examination=CURVE, top_n=2, explore=0.1)


def served_at_random(
    seed: int, *, prices: float = 1.0, order: np.ndarray | None = None
) -> tuple[ServedList, np.ndarray]:
    generator = np.random.default_rng(seed)
    products = int(generator.integers(0, 15))
    apply, approve = generator.random((2, products))
    apply[generator.random(products) < 0.3] = np.nan
    owner, price = generator.integers(0, 4, products), prices * generator.random(4)
    place = np.arange(products) if order is None else np.argsort(generator.random(products))
    served = serve(apply[place], approve[place], owner[place], price, examination=np.full(10, 0.7), explore=0.0)
    return served, np.flatnonzero(~np.isnan(apply)) if order is None else place


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_served_list_holds_each_eligible_product_once_until_it_is_full(seed):
    served, eligible = served_at_random(seed)
    assert len(set(served.order)) == served.order.size == min(10, eligible.size)
    assert set(served.order) <= set(eligible)
    assert (np.diff(served.need) <= 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_products_in_another_order_are_served_in_the_same_one(seed):
    served, _ = served_at_random(seed)
    again, place = served_at_random(seed, order=np.zeros(0))
    assert np.array_equal(place[again.order], served.order)
    assert again.score == pytest.approx(served.score)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_without_prices_the_first_line_is_the_likeliest_to_be_funded(seed):
    served, eligible = served_at_random(seed, prices=0.0)
    assert served.order.size == 0 or served.score[0] == pytest.approx(served.score.max())
    assert (served.price == 0).all()
    assert served.order.size == min(10, eligible.size)


@pytest.mark.parametrize(
    ("change", "error", "name"),
    [
        ({"apply_prob": np.ones((1, 2))}, ShapeError, "apply_prob"),
        ({"apply_prob": np.array([0.5, 1.5])}, ProbabilityError, "apply_prob"),
        ({"apply_prob": np.array([0.5, np.inf])}, ProbabilityError, "apply_prob"),
        ({"approve_prob": np.array([0.5])}, ShapeError, "approve_prob"),
        ({"approve_prob": np.array([0.5, -0.5])}, ProbabilityError, "approve_prob"),
        ({"institution_of": np.array([0])}, ShapeError, "institution_of"),
        ({"institution_of": np.array([0, 2])}, MarketInputError, "institution_of"),
        ({"institution_of": np.array([0, -1])}, MarketInputError, "institution_of"),
        ({"prices": np.array([0.1, -0.1])}, MarketInputError, "prices"),
        ({"prices": np.array([0.1, np.nan])}, MarketInputError, "prices"),
        ({"prices": np.array([[0.1, 0.1]])}, MarketInputError, "prices"),
        ({"examination": np.ones(1)}, ExaminationError, "examination"),
    ],
)
def test_what_cannot_be_served_with_is_refused_by_name(change, error, name):
    good = {
        "apply_prob": np.array([0.5, 0.5]),
        "approve_prob": np.array([0.5, 0.5]),
        "institution_of": np.array([0, 1]),
        "prices": np.array([0.1, 0.1]),
        "examination": np.ones(2),
        "top_n": 2,
    } | change
    with pytest.raises(error) as refused:
        serve(**good)
    assert refused.value.argument == name


def test_nothing_eligible_gives_an_empty_list():
    served = serve(np.array([np.nan]), np.array([0.5]), np.array([0]), np.array([0.0]), examination=CURVE, top_n=3)
    assert served.order.size == served.score.size == 0


def test_leads_do_not_send_two_banks_to_the_same_enterprise_when_another_waits():
    approve = [[0.9, 0.8], [0.5, 0.6]]
    planned = plan(np.ones((2, 2)), approve, [0, 1], [1, 1], examination=CURVE, top_n=2)
    leads = planned.leads([1, 1])
    assert [tuple(lead[:3]) for lead in leads] == [(0, 0, 0), (1, 1, 1)]
    assert [lead.value for lead in leads] == pytest.approx([0.9, 0.6])


def test_leads_name_an_enterprise_once_an_institution_with_its_best_product():
    generator = np.random.default_rng(0)
    apply, approve = generator.random((2, 30, 9))
    owner = np.arange(9) % 3
    leads = plan(apply, approve, owner, [5, 5, 5], examination=CURVE, top_n=3).leads([4, 40, 0])
    assert sum(lead.institution == 0 for lead in leads) == 4
    assert sum(lead.institution == 1 for lead in leads) == 30
    assert not any(lead.institution == 2 for lead in leads)
    assert len({lead[:2] for lead in leads}) == len(leads)
    for lead in leads:
        open_products = np.flatnonzero(owner == lead.institution)
        assert lead.product == open_products[(apply * approve)[lead.demand, open_products].argmax()]
    success = np.zeros(30)
    for demand in range(30):
        mine = [apply[d, p] * approve[d, p] for _, d, p, _ in leads if d == demand]
        success[demand] = 1 - np.prod(1 - np.asarray(mine))
    assert sum(lead.value for lead in leads) == pytest.approx(success.sum())


def test_leads_refuse_a_bad_capacity_by_name():
    planned = plan(np.ones((1, 1)), np.ones((1, 1)), [0], [1], examination=CURVE, top_n=1)
    for bad in ([1, 1], [-1], [np.nan]):
        with pytest.raises(MarketInputError, match="capacity"):
            planned.leads(bad)
