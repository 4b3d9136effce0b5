"""From a small world to a bundle: time splits, censoring, one path for rows, determinism, and chance when shuffled."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.dealings import dealings_of
from features.pairs import pair_rows, prepare_demands
from matcher.calibration import expit
from matcher.ranker import Ranker
from training import metrics
from training.bundle import write_bundle
from training.city.build import build
from training.dataset import History, exposures_between, pair_matrix_of, read_history, reviewed_between
from training.dealings import lines_of
from training.effects import Evidence, effects_by_month
from training.evaluate import evaluate, verdict
from training.fit import Fitted, Settings, Size, fit
from training.market_city import scored
from training.market_trial import month_of, trial
from training.train import bundle_of, card

pytestmark = pytest.mark.xdist_group("small_world")
SETTINGS = Settings(
    apply=Size(trees=30, leaves=4, learning_rate=0.2), approve=Size(trees=40, leaves=4, learning_rate=0.2), threads=1
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("world"), small=True)


@pytest.fixture(scope="module")
def history(world: Path) -> History:
    return read_history(world)


@pytest.fixture(scope="module")
def fitted(history: History) -> Fitted:
    return fit(history, SETTINGS)


@pytest.fixture(scope="module")
def ranker(history: History, fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    folder = write_bundle(tmp_path_factory.mktemp("models"), bundle_of(history, fitted, SETTINGS, "default", ""))
    return Ranker.load(folder)


def test_the_last_two_months_are_held_out(history: History) -> None:
    assert history.held_out_from == date(2026, 9, 1)
    assert history.known_until == date(2026, 8, 31)
    shown = exposures_between(history, 0, history.months - 2)
    assert history.published_on[shown["demand"].to_numpy()].max() < np.datetime64("2026-09-01")


def test_what_was_never_reviewed_or_is_not_yet_known_is_no_refusal(history: History) -> None:
    known = reviewed_between(history, 0, history.months, date(2026, 3, 31))
    assert known["approved"].notna().all()
    assert (known["reviewed_on"] <= np.datetime64("2026-03-31")).all()
    assert len(known) < len(history.applications)


def test_a_served_row_has_the_bits_of_the_logged_row(history: History, ranker: Ranker) -> None:
    shown = history.exposures.sample(40, random_state=1)
    demand, product = shown["demand"].to_numpy(), shown["product"].to_numpy()
    logged = pair_matrix_of(history, ranker.effects, demand, product)
    offered = ranker.prepare(history.catalog.columns)
    for row, (i, j) in enumerate(zip(demand, product, strict=True)):
        profile = {name: values[i : i + 1] for name, values in history.profiles.items()}
        asked = {name: values[i : i + 1] for name, values in history.demands.items()}
        day = history.published_on[i].item()
        lines = lines_of(history.dealings, i, history.catalog.columns["product_id"])
        served = pair_rows(
            prepare_demands(profile, asked, day, dealings_of(lines, history.catalog.row_of)),
            offered,
            np.zeros(len(history.catalog), dtype=int),
            np.arange(len(history.catalog)),
        )
        assert served[j].tobytes() == logged[row].tobytes()


def evidence(history: History, outcome: np.ndarray) -> Evidence:
    reviewed = reviewed_between(history, 0, history.months, None)

    def derivatives(rows: np.ndarray) -> Any:
        return lambda log_odds: (expit(log_odds) - outcome[rows], np.full(len(rows), 0.25))

    return Evidence(
        demand=reviewed["demand"].to_numpy(),
        product=reviewed["product"].to_numpy(),
        expected=np.zeros(len(reviewed)),
        known_on=reviewed["reviewed_on"].to_numpy().astype("datetime64[D]"),
        derivatives=derivatives,
    )


def test_effects_of_a_month_do_not_see_what_became_known_in_it_or_later(history: History) -> None:
    reviewed = reviewed_between(history, 0, history.months, None)
    outcome = reviewed["approved"].to_numpy(dtype=float)
    later = (reviewed["reviewed_on"] >= np.datetime64(history.first_day(5))).to_numpy()
    turned = np.where(later, 1.0 - outcome, outcome)
    told, untold = (effects_by_month(history, evidence(history, y), evidence(history, y), 6) for y in (outcome, turned))
    assert [told[month] for month in range(6)] == [untold[month] for month in range(6)]
    assert told[6] != untold[6]


def test_effects_are_of_every_institution(history: History, fitted: Fitted) -> None:
    found = fitted.effects.by_institution["institution_approve_effect"]
    assert any(value != 0 for value in found.values())
    assert set(found) == set(history.catalog.institutions)


def test_the_same_history_gives_the_same_bundle(
    history: History, fitted: Fitted, ranker: Ranker, tmp_path: Path
) -> None:
    again = write_bundle(tmp_path, bundle_of(history, fit(history, SETTINGS), SETTINGS, "default", ""))
    assert Ranker.load(again).manifest["digest"] == ranker.manifest["digest"]


def test_the_ranker_learns_and_shuffled_outcomes_teach_nothing(
    history: History, world: Path, ranker: Ranker, tmp_path: Path
) -> None:
    blind = Settings(apply=SETTINGS.apply, approve=SETTINGS.approve, threads=1, shuffled=True)
    folder = write_bundle(tmp_path, bundle_of(history, fit(history, blind), blind, "default", ""))
    learned = evaluate(history, world, ranker, with_baselines=False)
    taught_nothing = evaluate(history, world, Ranker.load(folder), with_baselines=False)
    assert learned["p_approve"]["overall"]["auc"] > 0.65
    assert abs(taught_nothing["p_approve"]["overall"]["auc"] - 0.5) < 0.12
    assert learned["ndcg_at_10"]["model"] > taught_nothing["ndcg_at_10"]["model"]


def test_the_report_stands_beside_baselines_and_oracle(history: History, world: Path, ranker: Ranker) -> None:
    report = evaluate(history, world, ranker)
    assert set(report["ndcg_at_10"]) == {
        "model",
        "oracle",
        "popularity_in_place",
        "cheapest_eligible",
        "logistic",
        "lambdarank",
    }
    assert report["ndcg_at_10"]["oracle"] == 1.0
    assert set(report["p_apply"]) == {"overall", "first_time_borrowers", "micro", "selected"}
    assert set(verdict(report).values()) <= {True, False}
    assert "simulated" in card("default", report)


def test_a_world_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="matcher-train city"):
        read_history(tmp_path)


def test_an_oracle_scores_its_own_truth_perfectly() -> None:
    chance = np.array([0.1, 0.9, 0.4])
    assert metrics.ndcg(np.zeros(3, dtype=int), chance, chance) == 1.0


def test_a_held_out_month_becomes_a_market_of_trained_scores(world: Path, history: History, ranker: Ranker) -> None:
    market = scored(world, history, ranker)
    later = month_of(market, 1)
    admitted = later.apply > 0
    assert set(np.unique(market.month)) == {0, 1}
    assert np.array_equal(admitted, later.true_apply > 0)
    assert not np.array_equal(later.apply, later.true_apply)
    assert market.capacity.shape == market.true_capacity.shape == (len(history.catalog.institution_list),)
    assert (market.capacity > 0).all()
    assert (np.diff(market.examination) <= 0).all()
    assert trial(market)["methods"]["prices"]["funded"] > 0
