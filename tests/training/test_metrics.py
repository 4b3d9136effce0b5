"""Measures by hand-computed fractions."""

import numpy as np
import pytest

from training.metrics import auc, expected_calibration_error, ndcg


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_auc_counts_pairs_in_order_and_ties_by_half() -> None:
    # positives at 0.8 and 0.5, negatives at 0.5 and 0.2: three pairs in order, one tie
    assert auc(array(0.8, 0.5, 0.5, 0.2), array(1, 1, 0, 0)) == 3.5 / 4


def test_auc_against_true_chances_is_its_expectation() -> None:
    # pairs (i, j), i positive and j negative: 0.9*0.8 in order, 0.2*0.1 reversed, 0.9*0.1 + 0.2*0.8 with itself: ties
    expected = (0.72 + 0.5 * (0.09 + 0.16)) / (1.1 * 0.9)
    assert auc(array(2, 1), array(0.9, 0.2)) == pytest.approx(expected)


def test_scores_without_order_are_chance() -> None:
    assert auc(array(1, 1, 1), array(1, 0, 1)) == 0.5


def test_calibration_error_weighs_bins_of_equal_size() -> None:
    said, outcome = array(0.1, 0.3, 0.5, 0.9), array(0, 1, 1, 1)
    # bins {0.1, 0.3} says 0.2, is 0.5; {0.5, 0.9} says 0.7, is 1.0
    assert expected_calibration_error(said, outcome, bins=2) == pytest.approx(0.3)


def test_ndcg_of_a_swapped_pair() -> None:
    # gains 3 and 1 in the wrong order: (1 + 3/log2(3)) / (3 + 1/log2(3))
    worst = (1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3))
    assert ndcg(np.array([0, 0]), array(1, 2), array(3, 1)) == pytest.approx(worst)


def test_ndcg_is_the_mean_over_queries_with_something_to_find() -> None:
    query = np.array([0, 0, 1, 1, 2, 2])
    gains, scores = array(1, 0, 0, 1, 0, 0), array(2, 1, 2, 1, 2, 1)
    assert ndcg(query, scores, gains) == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_what_stands_below_the_tenth_place_counts_for_nothing() -> None:
    gains = array(*([0] * 10), 1)
    assert ndcg(np.zeros(11, dtype=int), -np.arange(11.0), gains) == 0.0
    assert ndcg(np.zeros(11, dtype=int), np.arange(11.0), gains) == 1.0
