"""Dealings and footprints of a log, point in time; and what chance tells of a hidden cause."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.city import build
from training.dataset import History, read_history
from training.dealings import dealings_before, lines_of
from training.footprint import averages_of, footprint_of
from training.hidden import hidden_shift

DAYS = np.datetime64("2026-03-01") + np.array([0, 5, 40]).astype("timedelta64[D]")
WHO = np.array(["one", "other", "one"], dtype=object)
NAMES = np.array(["P-0", "P-1"], dtype=object)


def log_of(applied_after: int, reviewed_after: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first demand saw two products and applied for the second; the other enterprise saw one."""
    shown = pd.to_datetime(DAYS[[0, 0, 1]])
    applied_on = pd.Series([pd.NaT, shown[1] + pd.Timedelta(days=applied_after), pd.NaT])
    exposures = pd.DataFrame(
        {"demand": [0, 0, 1], "product": [0, 1, 0], "shown_on": shown, "applied_on": applied_on}
    ).assign(applied=applied_on.notna())
    reviewed_on = [shown[1] + pd.Timedelta(days=reviewed_after)]
    files = pd.DataFrame({"demand": [0], "product": [1], "reviewed_on": reviewed_on, "approved": [True]})
    return exposures, files


def test_an_enterprise_meets_its_own_earlier_lines_alone() -> None:
    found = dealings_before(WHO, DAYS, *log_of(3, 20))
    assert found.demand.tolist() == [2, 2]
    lines = lines_of(found, 2, NAMES)
    assert [(line.product_id, line.applied, line.approved) for line in lines] == [
        ("P-0", False, None),
        ("P-1", True, True),
    ]


@given(st.integers(0, 80), st.integers(0, 80))
def test_nothing_of_the_day_of_the_demand_or_later_is_known(applied_after: int, reviewed_after: int) -> None:
    found = dealings_before(WHO, DAYS, *log_of(applied_after, applied_after + reviewed_after))
    line = next(each for each in lines_of(found, 2, NAMES) if each.product_id == "P-1")
    assert line.applied == (applied_after < 40)
    assert (line.approved is True) == (applied_after + reviewed_after < 40)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A very small city's log."""
    return read_history(build(tmp_path_factory.mktemp("city"), small=True))


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 9))
def test_a_footprint_reads_nothing_later_than_its_day(history: History, month: int) -> None:
    day = history.first_day(month)
    shown, made = history.exposures, history.applications
    past = History(
        **{
            **vars(history),
            "exposures": shown[(shown["shown_on"] < np.datetime64(day)).to_numpy()],
            "applications": made[(made["applied_on"] < np.datetime64(day)).to_numpy()],
        }
    )
    assert footprint_of(past, day).to_json() == footprint_of(history, day).to_json()
    assert averages_of(past, day).to_json() == averages_of(history, day).to_json()


def test_before_the_first_day_every_institution_stands_at_the_average(history: History) -> None:
    found = footprint_of(history, date(2020, 1, 1))
    assert set(found.by_institution["footprint_share"].values()) == {0.0}
    assert set(averages_of(history, date(2020, 1, 1)).by_product["product_approve_average"].values()) == {0.5}
    assert not any(levels for table in found.by_level.values() for levels in table.values())


def files(true_gap: float, count: int = 40_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Files from favourites and from lines drawn at random, whose log odds differ by ``true_gap``."""
    rng = np.random.default_rng(3)
    propensity = np.where(rng.random(count) < 0.1, 0.002, 0.9)
    log_odds = rng.normal(0.0, 1.0, count)
    truth = log_odds + np.where(propensity < 0.5, true_gap, 0.0)
    outcome = (rng.random(count) < 1 / (1 + np.exp(-truth))).astype(float)
    return log_odds, outcome, np.ones(count), propensity


def test_without_a_hidden_cause_nothing_is_shifted() -> None:
    assert hidden_shift(*files(0.0)) == pytest.approx(0.0, abs=0.06)


def test_where_what_chance_drew_fares_worse_q_is_lowered() -> None:
    assert -0.6 < hidden_shift(*files(-0.6)) < -0.25


def test_few_files_drawn_by_chance_shift_little() -> None:
    few = tuple(values[:200] for values in files(-0.6))
    assert abs(hidden_shift(*few)) < 0.2
