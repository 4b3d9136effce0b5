"""Plans: lists that can be followed, prices that mean something, refusals that name the argument."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.market import CapacityError, ExaminationError, MarketInputError, Plan, ProbabilityError, ShapeError, plan
from training.market_worlds import build_world, decaying_examination

CURVE = decaying_examination(10)


def market(seed: int, demands: int = 40, products: int = 12, institutions: int = 4):
    generator = np.random.default_rng(seed)
    eligible = generator.random((demands, products)) < 0.6
    apply = np.where(eligible, generator.random((demands, products)), np.nan)
    approve = np.where(eligible, generator.random((demands, products)), 0.0)
    owner = np.concatenate([np.arange(institutions), generator.integers(0, institutions, products - institutions)])
    return apply, approve, owner, generator.integers(1, 12, institutions).astype(float)


def planned(seed: int, **options) -> Plan:
    return plan(*market(seed), examination=CURVE, **options)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_no_list_holds_an_ineligible_or_a_repeated_product(seed):
    apply, approve, owner, capacity = market(seed)
    lists = plan(apply, approve, owner, capacity, examination=CURVE).lists
    eligible = np.nan_to_num(apply) * approve > 0
    for demand, line in enumerate(lists):
        shown = line[line >= 0]
        assert len(set(shown)) == len(shown)
        assert eligible[demand, shown].all()
        assert (line[len(shown) :] == -1).all()
        assert len(shown) >= min(3, eligible[demand].sum())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_another_order_of_demands_products_and_institutions_permutes_the_answer(seed):
    apply, approve, owner, capacity = market(seed)
    generator = np.random.default_rng(seed)
    rows, columns, banks = (generator.permutation(size) for size in (*apply.shape, capacity.size))
    first = plan(apply, approve, owner, capacity, examination=CURVE)
    renamed = np.argsort(banks)[owner[columns]]
    second = plan(apply[rows][:, columns], approve[rows][:, columns], renamed, capacity[banks], examination=CURVE)
    assert np.array_equal(np.where(second.lists >= 0, columns[second.lists], -1), first.lists[rows])
    assert np.array_equal(second.prices, first.prices[banks])
    assert np.array_equal(second.queue_value, first.queue_value[rows])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_files_worth_their_price_fit_the_capacity(seed):
    apply, approve, owner, capacity = market(seed)
    result = plan(apply, approve, owner, capacity, examination=CURVE)
    shown = result.lists >= 0
    product = np.maximum(result.lists, 0)
    bank = owner[product]
    wanted = CURVE * np.take_along_axis(np.nan_to_num(apply), product, axis=1)
    counts = shown & (result.queue_value >= result.prices[bank])
    load = np.bincount(bank[counts], weights=_files(wanted * shown)[counts], minlength=capacity.size)
    assert (load <= capacity + 1.0).all()


def _files(wanted: np.ndarray, limit: int = 3) -> np.ndarray:
    made = np.zeros(wanted.shape)
    used = np.zeros((len(wanted), limit))
    used[:, 0] = 1
    for k in range(wanted.shape[1]):
        made[:, k] = wanted[:, k] * used.sum(axis=1)
        kept = used * (1 - wanted[:, [k]])
        kept[:, 1:] += used[:, :-1] * wanted[:, [k]]
        used = kept
    return made


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_an_institution_that_can_read_everything_has_no_price(seed, slack):
    apply, approve, owner, capacity = market(seed)
    capacity[slack] = 1_000
    assert plan(apply, approve, owner, capacity, examination=CURVE).prices[slack] == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_an_institution_filled_to_less_than_half_has_no_price(seed):
    apply, approve, owner, capacity = market(seed)
    result = plan(apply, approve, owner, capacity, examination=CURVE)
    assert (result.prices[result.load <= 0.5 * capacity] == 0).all()


def test_nobody_pays_where_capacity_is_endless():
    apply, approve, owner, capacity = market(2)
    assert (plan(apply, approve, owner, np.full(capacity.size, np.inf), examination=CURVE).prices == 0).all()


@pytest.mark.parametrize("mechanism", ["crowded", "many_small", "noisy_scores"])
def test_more_capacity_never_raises_a_price(mechanism):
    world = build_world(mechanism, 3, demands=300, products=40)
    prices = [
        plan(world.apply, world.approve, world.institution_of, share * world.capacity, examination=CURVE).prices
        for share in (0.7, 1.0, 1.5, 3.0)
    ]
    for scarce, ample in pairwise(prices):
        assert (ample <= scarce + 0.03).all()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(1.1, 4.0))
def test_more_officers_everywhere_never_raise_the_mean_price(seed, factor):
    apply, approve, owner, capacity = market(seed, demands=60)
    scarce, ample = (
        plan(apply, approve, owner, share * capacity, examination=CURVE).prices.mean() for share in (1.0, factor)
    )
    assert ample <= scarce + 0.02


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 6),
    st.integers(0, 5),
    st.lists(st.sampled_from([0.0, 1.0, 3.0, np.inf]), min_size=1, max_size=3),
    st.integers(0, 10_000),
)
def test_a_market_of_any_shape_with_unknown_pairs_has_an_answer(demands, products, capacity, seed):
    generator = np.random.default_rng(seed)
    apply = np.where(generator.random((demands, products)) < 0.5, np.nan, generator.random((demands, products)))
    owner = generator.integers(0, len(capacity), products)
    result = plan(apply, apply, owner, capacity, examination=CURVE)
    shown = result.lists >= 0
    assert result.lists.shape == result.queue_value.shape == (demands, 10)
    assert np.isfinite(result.prices).all()
    assert (result.prices >= 0).all()
    assert not shown[np.isnan(apply).all(axis=1)].any()
    assert (result.queue_value[~shown] == 0).all()
    assert (np.asarray(capacity)[owner[result.lists[shown]]] > 0).all()


def test_two_enterprises_and_two_banks_with_one_officer_each_are_sent_apart():
    both = [[0.9, 0.8], [0.9, 0.8]]
    result = plan(np.ones((2, 2)), both, [0, 1], [1, 1], examination=[1.0], max_applications=1, top_n=1)
    assert result.queue_value.shape == (2, 1)
    assert (result.prices >= 0).all()


@pytest.mark.parametrize(
    ("apply", "owner", "capacity"),
    [
        (np.zeros((0, 3)), [0, 0, 1], [1, 1]),
        (np.full((4, 3), np.nan), [0, 0, 1], [1, 1]),
        (np.full((4, 3), 0.5), [0, 0, 1], [0, 0]),
        (np.zeros((4, 0)), [], []),
        (np.zeros((4, 0)), [], [5]),
    ],
)
def test_where_nothing_can_be_listed_lists_are_empty(apply, owner, capacity):
    result = plan(apply, apply, owner, capacity, examination=CURVE)
    assert result.lists.shape == (len(apply), 10)
    assert (result.lists == -1).all()
    assert result.leads(capacity) == []


def test_one_product_is_listed_to_whom_it_is_open():
    result = plan([[0.5], [np.nan]], [[0.5], [0.5]], [0], [1], examination=CURVE)
    assert result.lists[:, 0].tolist() == [0, -1]
    assert (result.lists[:, 1:] == -1).all()


@pytest.mark.parametrize(
    ("change", "error", "name"),
    [
        ({"apply_prob": np.ones(3)}, ShapeError, "apply_prob"),
        ({"approve_prob": np.ones((2, 3)) / 2}, ShapeError, "approve_prob"),
        ({"apply_prob": np.full((2, 2), 1.1)}, ProbabilityError, "apply_prob"),
        ({"approve_prob": np.full((2, 2), -0.1)}, ProbabilityError, "approve_prob"),
        ({"approve_prob": np.full((2, 2), np.inf)}, ProbabilityError, "approve_prob"),
        ({"institution_of": [0]}, ShapeError, "institution_of"),
        ({"institution_of": [0, 2]}, MarketInputError, "institution_of"),
        ({"institution_of": [0, -1]}, MarketInputError, "institution_of"),
        ({"capacity": [1, -1]}, CapacityError, "capacity"),
        ({"capacity": [1, np.nan]}, CapacityError, "capacity"),
        ({"capacity": [[1, 1]]}, ShapeError, "capacity"),
        ({"examination": [0.5]}, ExaminationError, "examination"),
        ({"examination": np.full(10, 1.5)}, ExaminationError, "examination"),
        ({"examination": np.full(10, np.nan)}, ExaminationError, "examination"),
        ({"max_applications": 0}, MarketInputError, "max_applications"),
        ({"top_n": 0}, MarketInputError, "top_n"),
    ],
)
def test_what_cannot_be_planned_with_is_refused_by_name(change, error, name):
    good = {
        "apply_prob": np.ones((2, 2)) / 2,
        "approve_prob": np.ones((2, 2)) / 2,
        "institution_of": [0, 1],
        "capacity": [1, 1],
        "examination": CURVE,
    } | change
    with pytest.raises(error, match=name) as refused:
        plan(**good)
    assert refused.value.argument == name


def test_prices_fund_more_than_every_challenger_where_it_is_crowded():
    world = build_world("crowded", 0, demands=400, products=50)
    result = plan(world.apply, world.approve, world.institution_of, world.capacity, examination=CURVE)
    others = [value for name, value in result.expected_funded.items() if name != "prices"]
    assert result.method == "prices"
    assert result.expected_funded["prices"] > 1.05 * max(others)


def test_an_exposure_floor_is_reached():
    world = build_world("crowded", 0, demands=300, products=40)
    market_arguments = (world.apply, world.approve, world.institution_of, world.capacity)
    free = plan(*market_arguments, examination=CURVE)

    def views(result: Plan) -> np.ndarray:
        shown = result.lists >= 0
        seen = np.broadcast_to(CURVE, shown.shape)[shown]
        return np.bincount(result.lists[shown], weights=seen, minlength=40)

    least_seen = int(views(free).argmin())
    floor = np.zeros(40)
    floor[least_seen] = 20.0
    guarded = plan(*market_arguments, examination=CURVE, exposure_floor=floor)
    assert views(free)[least_seen] < 10.0
    assert views(guarded)[least_seen] > 16.0


def test_a_market_too_large_to_keep_whole_is_planned_about_as_well():
    world = build_world("crowded", 0, demands=700, products=90)
    arguments = (world.apply, world.approve, world.institution_of, world.capacity)
    whole = plan(*arguments, examination=CURVE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matcher.market.candidates._SMALL", 0)
        patch.setattr("matcher.market.planner._SAMPLE", 300)
        narrowed = plan(*arguments, examination=CURVE)
    assert narrowed.candidates.width < 90
    assert narrowed.expected_funded["prices"] > 0.97 * whole.expected_funded["prices"]
