"""The market report over simulated cities: what a planner may see, what decides, and what is told of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from training import market_cities, market_city, market_report
from training.cli import app
from training.market_cities import aims, averaged, report
from training.market_city import CityMarket, Size, market_of_city
from training.market_controls import CONTROLS, controlled
from training.market_measures import linear_bound, measure
from training.market_play import simulate
from training.market_report import report as report_of_mechanisms
from training.market_trial import month_of, trial
from training.market_worlds import World, build_world

TINY = Size(enterprises=300, demands=1_200, institutions=10, products=40)


def made_up(demands: int = 60) -> CityMarket:
    """Two months of a made-up market of eight products at four institutions, every pair admitted."""
    rng = np.random.default_rng(5)
    demand, product = np.divmod(np.arange(2 * demands * 8), 8)
    apply, approve = rng.uniform(0.05, 0.6, (2, demand.size))
    curve = np.linspace(1.0, 0.4, 10)
    return CityMarket(
        month=np.repeat([0, 1], demands),
        demand=demand,
        product=product,
        apply=apply,
        approve=approve,
        popularity=rng.random(demand.size),
        true_apply=np.clip(apply + rng.normal(0, 0.1, demand.size), 0.01, 0.99),
        true_approve=np.clip(approve + rng.normal(0, 0.1, demand.size), 0.01, 0.99),
        institution_of=np.arange(8) % 4,
        small=np.array([True, False, False, False]),
        capacity=np.array([5.0, 9.0, 12.0, 11.0]),
        true_capacity=np.array([5, 9, 12, 11]),
        examination=curve,
        examination_low=curve - 0.05,
        examination_high=curve + 0.05,
        true_examination=curve,
    )


def two_by_two(**changes) -> World:
    certain = np.ones((2, 2))
    values = {
        "name": "two by two",
        "true_apply": certain,
        "true_approve": certain,
        "apply": certain,
        "approve": certain,
        "habit": np.array([[1.0, 2.0], [1.0, 2.0]]),
        "institution_of": np.array([0, 1]),
        "small": np.array([True, False]),
        "capacity": np.ones(2),
        "true_capacity": np.ones(2),
        "examination": np.ones(2),
        "true_examination": np.ones(2),
    } | changes
    return World(**values)


def test_a_planner_sees_trained_scores_and_the_truth_decides():
    market = made_up()
    changed = replace(market, true_apply=np.full(market.demand.size, 0.01))
    seen, other = month_of(market, 1), month_of(changed, 1)
    assert np.array_equal(seen.apply, other.apply)
    assert np.array_equal(seen.capacity, other.capacity)
    assert (other.true_apply == 0.01).all()
    assert trial(changed)["methods"]["prices"]["funded"] < 0.2 * trial(market)["methods"]["prices"]["funded"]


def test_each_month_holds_its_own_demands():
    market = made_up(demands=3)
    later = month_of(market, 1)
    assert later.apply.shape == (3, 8)
    assert later.apply[0, 0] == market.apply[3 * 8]
    assert month_of(market, 0).apply[2, 7] == market.apply[3 * 8 - 1]


def test_an_institution_that_reads_less_than_believed_funds_less():
    listed = np.array([[0, -1], [0, -1]]), np.ones((2, 2))
    assert measure(two_by_two(), listed, 2)["funded"] == pytest.approx(1.0)
    assert measure(two_by_two(true_capacity=np.array([2.0, 1.0])), listed, 2)["funded"] == pytest.approx(2.0)
    assert measure(two_by_two(true_capacity=np.array([0.0, 1.0])), listed, 2)["funded"] == pytest.approx(0.0)


def test_measures_of_two_enterprises_sent_to_one_of_two_institutions():
    found = measure(two_by_two(), (np.array([[0, -1], [0, -1]]), np.ones((2, 2))), 2)
    assert found["unreviewed"] == pytest.approx(0.5)
    assert found["utilisation"] == pytest.approx(0.5)
    assert found["small_share"] == pytest.approx(2.0)
    assert found["gini_exposure"] == pytest.approx(0.5)
    assert found["duplicate_approvals"] == pytest.approx(0.0)
    both = measure(two_by_two(), (np.array([[0, 1], [-1, -1]]), np.ones((2, 2))), 2)
    assert both["duplicate_approvals"] == pytest.approx(0.5)


def test_who_does_not_follow_the_list_goes_by_habit():
    nobody = simulate(two_by_two(), np.array([[0, -1], [0, -1]]), np.ones((2, 2)), seed=0, adoption=0.0)
    assert nobody.applications.tolist() == [2, 2]
    single = two_by_two(max_applications=1)
    outcome = simulate(single, np.array([[0, -1], [0, -1]]), np.ones((2, 2)), seed=0, adoption=0.0)
    assert outcome.applications.tolist() == [0, 2]


def test_no_list_beats_the_bound_and_what_lists_obey_makes_it_tighter():
    # One position, looked at by half; a pair is applied for half the time and approved half the time: 1/8 each.
    half = np.full((2, 2), 0.5)
    world = two_by_two(
        true_apply=half, true_approve=half, true_examination=np.array([0.5, 0.0]), true_capacity=np.full(2, 9.0)
    )
    assert linear_bound(world) == pytest.approx(2 * 0.125)
    assert linear_bound(world, with_lists=False) == pytest.approx(2 * 2 * 0.125)


def test_controls_leave_the_market_as_it_is_but_for_what_they_name():
    world = month_of(made_up(), 1)
    assert CONTROLS["as_planned"].changed(world) is world
    high = CONTROLS["capacity_believed_30_percent_high"].changed(world)
    assert np.allclose(high.capacity, 1.3 * world.capacity)
    assert np.array_equal(high.true_capacity, world.true_capacity)
    flat = CONTROLS["flat_examination_believed_decaying"].changed(world)
    assert np.array_equal(flat.examination, world.examination)
    assert flat.true_examination.sum() == pytest.approx(world.true_examination.sum())
    assert np.ptp(flat.true_examination) == 0.0
    found = controlled(world, draws=4)
    assert set(found) == set(CONTROLS)
    assert abs(found["no_crowding"]["gain_over_best"]) < 0.02


def test_nothing_is_gained_in_a_market_where_everything_is_reviewed():
    world = CONTROLS["no_crowding"].changed(build_world("crowded", 1, demands=200, products=40))
    assert controlled(world, draws=2)["as_planned"]["gain_over_best"] == pytest.approx(0.0, abs=0.03)


def test_an_aim_is_met_only_on_its_own_side():
    run = trial(made_up())
    found = {"worlds": {"crowded": averaged([run, run])}, "overall": averaged([run, run])}
    totals = ("gain_over_best", "gain_over_pq", "frozen_loss", "share_of_bound", "share_of_plain_bound")
    found["worst"] = dict.fromkeys(totals, "crowded")
    told = {row["aim"]: row for row in aims(found)}
    bound = told["share of the linear bound"]
    assert bound["met"] is (bound["found"] >= 0.75)
    unread = told["share of files unreviewed"]
    assert unread["met"] is (unread["found"] <= 0.30)
    assert told["gain over p·q in the crowded world"]["found"] == pytest.approx(run["gain_over_pq"])


def test_what_was_made_is_kept_and_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []

    def build(out: Path, world: str, **_: object) -> Path:
        made.append(world)
        return out

    monkeypatch.setattr(market_city, "build", build)
    monkeypatch.setattr(market_city, "read_market", lambda _: made_up())
    first = market_of_city("rural", 3, tmp_path, TINY)
    again = market_of_city("rural", 3, tmp_path, TINY)
    assert made == ["rural"]
    assert np.array_equal(first.apply, again.apply)
    assert [path.suffix for path in (tmp_path / "markets").iterdir()] == [".npz"]
    market_of_city("rural", 3, tmp_path, replace(TINY, products=41))
    assert made == ["rural", "rural"]


def test_the_report_has_every_world_and_seed_and_intervals_over_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, int]] = []

    def market(world: str, seed: int, *_: object) -> CityMarket:
        asked.append((world, seed))
        return made_up(demands=30 + 10 * seed)

    monkeypatch.setattr(market_cities, "market_of_city", market)
    found = report(tmp_path, worlds=("crowded", "rural"), seeds=(0, 1), size=TINY)
    assert asked == [("crowded", 0), ("rural", 0), ("crowded", 1), ("rural", 1)]
    assert found["simulated"]
    assert set(found["worlds"]) == {"crowded", "rural"}
    demands = found["overall"]["demands"]
    # Two seeds of 30 and 40 demands: standard error 5, Student's quantile for one degree of freedom 12.706.
    assert demands == pytest.approx({"mean": 35.0, "low": 35.0 - 5 * 12.7062, "high": 35.0 + 5 * 12.7062}, rel=1e-4)
    assert report(tmp_path, worlds=("crowded", "rural"), seeds=(0, 1), size=TINY) == found
    assert len(asked) == 4


def test_a_world_that_is_not_there_is_refused_with_the_names_of_those_that_are():
    answer = CliRunner().invoke(app, ["market", "--world", "atlantis", "--json"])
    assert answer.exit_code == 2
    assert "tight_credit" in answer.output


def test_the_command_prints_what_was_funded_the_aims_and_the_controls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(market_cities, "market_of_city", lambda *_: made_up(demands=20))
    asked = ["market", "--world", "crowded,rural", "--seeds", "2", "--controls", "--cache", str(tmp_path)]
    answer = CliRunner().invoke(app, asked, env={"COLUMNS": "300"})
    assert answer.exit_code == 0
    for told in ("Distinct enterprises funded a month, 2 seeds", "share of the linear bound", "no crowding", "overall"):
        assert told in answer.output
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert set(found["controls"]) == {"all", "crowded", "rural"}
    assert found["seeds"] == [0, 1]


def test_mechanisms_without_a_city_are_reported_too(monkeypatch: pytest.MonkeyPatch):
    def small(**_: object) -> dict[str, object]:
        return report_of_mechanisms(worlds=("slack",), seeds=(0, 1), demands=40, products=12, draws=1, bound_seeds=1)

    monkeypatch.setattr(market_report, "report", small)
    answer = CliRunner().invoke(app, ["market", "--world", "synthetic"], env={"COLUMNS": "200"})
    assert answer.exit_code == 0
    assert "slack" in answer.output
