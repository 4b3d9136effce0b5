"""The closed loop on a tiny city: twins meet the same luck, learning sees the log alone, a bad model is refused."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.domain import Text
from training import loop_gate, loop_report
from training.city.luck import PairedLuck
from training.city.parameters import world_named
from training.city.served import ServedCity
from training.dataset import read_history, reviewed_between
from training.fit import Settings
from training.gate import CALIBRATION_BOUNDS, Gate
from training.loop import Loop, LoopSettings, run
from training.loop_gate import Verdict, caught_up
from training.loop_measures import compared
from training.promote import Ruling
from training.search import search
from training.until import until

pytestmark = pytest.mark.xdist_group("loop")
TINY = LoopSettings(
    cycles=1, warm_up=3, enterprises=200, demands=1_300, institutions=12, products=40, answers=4, seed=20_260_901
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loop") / "run"


@pytest.fixture(scope="module")
def loop(home: Path) -> Loop:
    return run(home, TINY)


def test_twins_served_by_the_same_model_end_the_same_to_the_last_demand(loop: Loop) -> None:
    launch = loop.months[0]
    assert launch.funded_retrained.sum() > 0
    assert np.array_equal(launch.ndcg_retrained, launch.ndcg_frozen)
    assert np.array_equal(launch.value_retrained, launch.value_frozen)
    assert launch.ece["q_retrained"] == launch.ece["q_frozen"]


def test_the_gate_is_asked_before_every_cycle_and_says_what_refuses(loop: Loop) -> None:
    assert len(loop.months) == 1 + TINY.cycles
    assert len(loop.verdicts) == TINY.cycles
    for verdict in loop.verdicts:
        assert verdict.passed == (not verdict.failing)
        names = {each.name for each in verdict.ruling.gates}
        assert {"ranking", "unseen_months", "eligibility", "replay", "segment:first_time_borrowers"} <= names


def test_the_model_taught_turned_round_labels_is_refused_by_name(loop: Loop) -> None:
    assert not loop.planted.passed
    assert any("first_time_borrowers" in each.name for each in loop.planted.failing)


def test_a_month_is_served_by_what_the_gate_let_pass(loop: Loop) -> None:
    verdict, cycle = loop.verdicts[0], loop.months[1]
    assert cycle.champion == (verdict.ruling.challenger if verdict.passed else loop.months[0].champion)


def test_the_way_back_brings_the_earlier_champion_back(loop: Loop, home: Path) -> None:
    named = json.loads((home / "models" / "champion.json").read_text())["version"]
    if loop.verdicts[0].passed:
        assert loop.way_back.restored
        assert (loop.way_back.before, loop.way_back.after) == (loop.months[1].champion, loop.months[0].champion)
    assert named == loop.way_back.after == loop.months[0].champion


def test_the_report_names_month_gate_and_interval_and_draws_itself(loop: Loop, tmp_path: Path) -> None:
    found = loop_report.report(loop)
    loop_report.write(found, tmp_path)
    kept = json.loads((tmp_path / "loop.json").read_text())
    assert [month["gate"] is None for month in kept["months"]] == [True, False]
    assert kept["months"][0]["funded"]["difference"] == 0.0
    assert kept["planted"]["failing"]
    assert kept["all_cycles"]["funded"]["low"] <= kept["all_cycles"]["funded"]["difference"]
    assert (tmp_path / "loop.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (tmp_path / "loop.svg").read_text()
    assert loop_report.table(found).row_count == 3


def test_what_is_written_before_a_month_knows_nothing_of_it(home: Path, loop: Loop) -> None:
    written = home / "retrained"
    evening = date(2026, 2, 28)
    shown, made = (pd.read_parquet(written / f"{name}.parquet") for name in ("exposures", "applications"))
    demands = pd.read_parquet(written / "demands.parquet")
    assert shown["shown_on"].max() <= evening < demands["published_on"].max()
    assert shown["applied"].equals(shown["applied_on"].notna())
    for days in (shown["applied_on"], made["applied_on"], made["reviewed_on"], made["disbursed_on"]):
        assert days.dropna().max() <= evening
    assert shown["applied"].sum() == len(made)
    assert json.loads((written / "manifest.json").read_text())["simulated"]


def test_profiles_read_month_by_month_are_those_read_at_once(home: Path, loop: Loop) -> None:
    whole = read_history(home / "retrained")
    short = np.nonzero(whole.month < 3)[0]
    earlier = replace(
        whole, demand_ids=whole.demand_ids[short], profiles={name: v[short] for name, v in whole.profiles.items()}
    )
    again = read_history(home / "retrained", earlier=earlier)
    for name, values in whole.profiles.items():
        assert pd.Series(again.profiles[name]).equals(pd.Series(values)), name


def test_a_search_is_judged_on_the_calibration_months_and_tries_the_usual_sizes_first(home: Path, loop: Loop) -> None:
    history = read_history(home / "retrained")
    with pytest.raises(ValueError, match="too few to search on"):
        search(history, 1)
    usual = Settings(threads=1)
    found = search(until(history, 5), 2, usual)
    assert len(found.trials) == 2
    assert found.trials[0]["apply_trees"] == usual.apply.trees
    assert found.usual == found.trials[0]["loss"]
    assert found.loss == min(each["loss"] for each in found.trials)
    chosen = min(found.trials, key=lambda each: each["loss"])
    assert found.settings.approve.leaves == chosen["approve_leaves"]
    assert found.settings.seed == usual.seed


def test_a_history_cut_in_time_knows_no_later_day(home: Path, loop: Loop) -> None:
    history = read_history(home / "retrained")
    cut = until(history, 2)
    assert (cut.known_until, cut.held_out_from) == (date(2025, 12, 31), date(2026, 1, 1))
    assert reviewed_between(cut, 0, 2, cut.known_until)["reviewed_on"].max() <= pd.Timestamp(2025, 12, 31)


def test_a_twin_lives_on_alone(tmp_path: Path) -> None:
    sizes = {"enterprises": 120, "demands": 240, "institutions": 10, "products": 40}
    city = ServedCity.open(tmp_path / "a", world_named("drifting"), 3, sizes)
    city.serve(city.begin(), None)
    twin = city.twin(tmp_path / "b")
    arrivals = twin.begin()
    twin.serve(arrivals, np.zeros(arrivals.verdict.shape))
    assert (city.month, twin.month) == (1, 2)
    assert twin.reviewed() > city.reviewed()
    again = city.begin()
    assert np.array_equal(again.verdict, arrivals.verdict)
    assert np.array_equal(again.judgement.chance, arrivals.judgement.chance)


@given(places=st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_paired_luck_follows_demand_and_product_wherever_it_stands(places: list[int]) -> None:
    luck = PairedLuck(5)
    luck.turn(14, 3, 6)
    straight, moved = np.tile(np.arange(6), (3, 1)), np.tile(np.array(places), (3, 1))
    for draw in (luck.clicks, luck.applies, luck.delays):
        assert np.array_equal(np.asarray(draw(straight))[:, places], draw(moved))


def test_a_loop_that_does_not_fit_into_the_calendar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must fit into the calendar's 12 months"):
        LoopSettings(cycles=6, warm_up=6)
    (tmp_path / "something").touch()
    with pytest.raises(FileExistsError, match="not empty"):
        run(tmp_path, TINY)


def test_a_paired_difference_is_that_of_the_means_or_of_the_totals() -> None:
    retrained, frozen = np.array([1.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    assert compared(retrained, frozen).difference == pytest.approx(0.25)
    total = compared(retrained, frozen, total=True)
    assert (total.retrained, total.frozen, total.difference) == (3.0, 2.0, 1.0)
    assert total.low >= 0.0


def gate(name: str, value: float, *, passed: bool) -> Gate:
    return Gate(name=name, value=value, bound=0.0, passed=passed, text=Text(zh="", en=""))


def test_calibration_is_held_to_the_larger_of_bound_and_champion_with_its_tolerance() -> None:
    assert CALIBRATION_BOUNDS["micro"] == 0.03
    found = gate("calibration:p_approve:micro", 0.05, passed=False)
    held = loop_gate.to_champion(found, {("p_approve", "micro"): 0.06})
    assert (held.passed, held.bound) == (True, 0.065)
    held = loop_gate.to_champion(found, {("p_approve", "micro"): 0.04})
    assert (held.passed, held.bound) == (False, 0.045)
    other = gate("ranking", -1.0, passed=False)
    assert loop_gate.to_champion(other, {}) is other


def test_the_version_that_serves_answers_for_itself_where_no_later_month_is_needed() -> None:
    judged = Verdict(
        judged="a",
        ruling=Ruling(
            challenger="a", champion="c", gates=(gate("ranking", 1, passed=True), gate("replay", 0, passed=True))
        ),
    )
    later = Verdict(
        judged="b",
        ruling=Ruling(
            challenger="b", champion="c", gates=(gate("ranking", 0, passed=False), gate("replay", 3, passed=False))
        ),
    )
    joined = caught_up(judged, later)
    assert (joined.judged, joined.ruling.challenger) == ("a", "b")
    assert [(each.name, each.passed) for each in joined.ruling.gates] == [("ranking", True), ("replay", False)]
