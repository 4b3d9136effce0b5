"""Off-policy estimates: right by hand on two lines, unbiased where chance is known, honest where evidence is thin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.off_policy import (
    Estimate,
    Logged,
    Policy,
    as_logged,
    chance_of_being_free,
    doubly_robust,
    snips,
    together,
)
from training.off_policy_trial import Market, best_first, coverage, even_value, simulated_log, true_value


def logged(propensity: list[list[float]], outcome: list[list[float]]) -> Logged:
    chance = np.array(propensity)
    return Logged(
        propensity=chance,
        outcome=np.array(outcome),
        free=np.ones(chance.shape, dtype=bool),
        free_chance=np.ones(chance.shape),
    )


def policy(shows: list[list[float]], expected: float = 0.0, expected_logged: float = 0.0) -> Policy:
    matched = np.array(shows)
    return Policy(
        shows=matched,
        length=np.full(len(matched), matched.shape[1]),
        expected=np.full(matched.shape, expected),
        expected_logged=np.full(matched.shape, expected_logged),
    )


def made_market(demands: int = 400, products: int = 14, seed: int = 3) -> Market:
    """A market whose challenger knows half of what makes a product wanted."""
    rng = np.random.default_rng(seed)
    known, hidden = rng.normal(size=(demands, products)), rng.normal(size=(demands, products))
    chance = 1 / (1 + np.exp(1.5 - 0.7 * known - 0.7 * hidden))
    said = 1 / (1 + np.exp(1.4 - 0.6 * known))
    seen = 0.85 ** np.arange(10)
    return Market(
        demand=np.arange(demands),
        apply=said,
        approve=np.full((demands, products), 0.5),
        true_apply=chance,
        popularity=rng.normal(size=products)[None, :] + 0.3 * known,
        seen=seen,
        true_seen=seen,
    )


def test_an_applied_line_shown_one_time_in_four_stands_for_four() -> None:
    log = logged([[0.25], [0.5], [0.5], [1.0]], [[1.0], [1.0], [0.0], [1.0]])
    target = policy([[1.0], [1.0], [1.0], [0.0]])
    # Weights 4, 2, 2, 0: (4 + 2) / (4 + 2 + 2).
    assert snips(log, target)[0].value == pytest.approx(6 / 8)
    # Without a model the doubly robust estimate is plain weighting: (4 + 2) / 4 demands.
    assert doubly_robust(log, target)[0].value == pytest.approx(6 / 4)


def test_the_doubly_robust_estimate_is_the_model_corrected_by_its_errors() -> None:
    log = logged([[0.5], [0.5]], [[1.0], [0.0]])
    target = policy([[1.0], [0.0]], expected=0.4, expected_logged=0.3)
    # 0.4 + 2 · (1 - 0.3) for the matched demand, 0.4 for the other.
    assert doubly_robust(log, target)[0].value == pytest.approx((0.4 + 1.4 + 0.4) / 2)


def test_a_censored_line_counts_for_nothing_and_the_free_ones_for_it() -> None:
    log = Logged(
        propensity=np.full((2, 1), 1.0),
        outcome=np.array([[1.0], [0.0]]),
        free=np.array([[True], [False]]),
        free_chance=np.full((2, 1), 0.5),
    )
    assert as_logged(log)[0].value == pytest.approx(1.0)


def test_the_chance_of_a_free_line_with_two_applications_allowed() -> None:
    free = chance_of_being_free(np.array([[0.5, 0.5, 0.5, 0.5]]), most=2)
    assert free.tolist() == [[1.0, 1.0, 0.75, 0.5]]


def test_the_sum_of_positions_keeps_their_dependence_within_a_demand() -> None:
    error = np.array([1.0, -1.0, 1.0, -1.0])
    one = Estimate(value=0.5, influence=error)
    assert together((one, one)).value == 1.0
    assert together((one, one)).standard_error == pytest.approx(2 * one.standard_error)
    assert one.minus(one).standard_error == 0.0


def test_an_interval_resting_on_one_heavy_line_is_wider_than_one_resting_on_many() -> None:
    many = Estimate(value=0.0, influence=np.tile([1.0, -1.0], 500))
    few = Estimate(value=0.0, influence=np.concatenate([[np.sqrt(998.0)], np.full(999, -np.sqrt(998.0) / 999)]))
    assert few.standard_error == pytest.approx(many.standard_error, rel=0.01)
    assert few.half_width > 3 * many.half_width


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"propensity": np.array([[1.5]])}, "propensity"),
        ({"free_chance": np.array([[0.0]])}, "free_chance"),
        ({"outcome": np.zeros((2, 1))}, "one shape"),
    ],
)
def test_a_log_that_cannot_be_is_refused_by_name(wrong: dict[str, np.ndarray], message: str) -> None:
    right = {
        "propensity": np.array([[0.5]]),
        "outcome": np.array([[1.0]]),
        "free": np.ones((1, 1), dtype=bool),
        "free_chance": np.ones((1, 1)),
    }
    with pytest.raises(ValueError, match=message):
        Logged(**(right | wrong))


@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.booleans(), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=60)
def test_the_self_normalised_estimate_is_a_mean_of_outcomes_seen(rows: list[tuple[float, bool, bool]]) -> None:
    log = logged([[chance] for chance, _, _ in rows], [[float(applied)] for _, applied, _ in rows])
    target = policy([[float(same)] for _, _, same in rows])
    value = snips(log, target)[0].value
    if any(same for _, _, same in rows):
        assert 0.0 <= value <= 1.0 + 1e-12
    else:
        assert np.isnan(value)


def test_the_propensities_of_the_replications_are_those_of_their_draws() -> None:
    market = made_market(demands=1)
    lists = best_first(market.apply)
    shown = [simulated_log(market, np.random.default_rng(seed)) for seed in range(4_000)]
    weights = [float((1 / log.propensity[0, 2]) * (product[0, 2] == lists[0, 2])) for product, log in shown]
    assert np.mean(weights) == pytest.approx(1.0, abs=4 * np.std(weights) / np.sqrt(len(weights)))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    found = coverage(made_market(), replications=40, seed=1)
    assert found["dr"]["coverage"] >= 0.85
    assert found["snips"]["coverage"] >= 0.8
    assert found["dr_even"]["coverage"] >= 0.85
    assert abs(found["dr"]["bias"]) < 3 * found["dr"]["spread"] / np.sqrt(40) + 0.01


def test_the_challengers_lists_are_worth_more_than_even_ones() -> None:
    market = made_market()
    assert true_value(market, best_first(market.apply)).sum() > even_value(market).sum()
