"""The report on simulated markets, and the examination curve from logged clicks."""

import numpy as np
import pandas as pd
import pytest

from training.examination import examination_curve
from training.market_measures import gini, linear_bound
from training.market_play import simulate
from training.market_report import report
from training.market_worlds import World


def tiny(**changes) -> World:
    certain = np.ones((3, 1))
    values = {
        "name": "tiny",
        "true_apply": certain,
        "true_approve": certain,
        "apply": certain,
        "approve": certain,
        "habit": certain,
        "institution_of": np.array([0]),
        "small": np.array([False]),
        "capacity": np.array([2.0]),
        "true_capacity": np.array([2.0]),
        "examination": np.ones(1),
        "true_examination": np.ones(1),
    } | changes
    return World(**values)


def test_an_institution_reads_its_best_files_first_and_no_more_than_it_can():
    outcome = simulate(tiny(), np.zeros((3, 1), dtype=int), np.array([[0.1], [0.9], [0.5]]), seed=0)
    assert outcome.funded.tolist() == [False, True, True]
    assert outcome.applications.tolist() == [3]
    assert outcome.reviewed.tolist() == [2]


def test_the_bound_counts_reviews_and_chances():
    assert linear_bound(tiny()) == pytest.approx(2.0)
    assert linear_bound(tiny(true_approve=np.full((3, 1), 0.5))) == pytest.approx(1.0)


def test_gini_of_equal_shares_is_zero_and_of_one_owner_among_four_three_quarters():
    assert gini(np.ones(4)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 5.0])) == pytest.approx(0.75)


def test_the_report_finds_prices_ahead_and_nothing_to_gain_without_crowding():
    found = report(worlds=("popular_few",), seeds=(0, 1), demands=250, products=40, draws=3, bound_seeds=1)
    world = found["worlds"]["popular_few"]
    assert world["gain_over_best"]["mean"] > 0.05
    assert 0.5 < world["share_of_bound"]["mean"] <= 1.05
    assert found["gain_over_best"]["worst_world"] == "popular_few"
    assert abs(found["controls"]["no_crowding"]["gain_over_best"]["mean"]) < 0.05


def test_the_examination_curve_is_found_from_random_lines_whatever_the_policy_showed():
    generator = np.random.default_rng(0)
    truth = np.array([1.0, 0.6, 0.4])
    rows = 40_000
    position = generator.integers(1, 4, rows)
    explored = generator.random(rows) < 0.5
    liked = np.where(explored, 0.3, 0.9 / position)
    log = pd.DataFrame(
        {
            "demand_id": np.arange(rows) // 3,
            "position": position,
            "explored": explored,
            "propensity": np.where(explored, 0.01, 0.9),
            "clicked": generator.random(rows) < liked * truth[position - 1],
        }
    )
    curve = examination_curve(log, positions=3, resamples=100)
    assert curve.chance == pytest.approx(truth, abs=0.05)
    assert (curve.low <= truth + 0.01).all()
    assert (curve.high >= truth - 0.01).all()
    assert (curve.high - curve.low)[1:].max() < 0.12


def test_a_log_without_a_random_click_at_the_top_is_refused():
    log = pd.DataFrame({"demand_id": [1], "position": [1], "explored": [True], "propensity": [0.1], "clicked": [False]})
    with pytest.raises(ValueError, match="explore more"):
        examination_curve(log)
