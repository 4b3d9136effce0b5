"""The monitor: every figure by hand, alarms that name themselves, and a plain "too few" where nothing can be told."""

import json
import zlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from features.schema import PROFILE
from matcher.store.database import open_database
from matcher.store.tables import institutions, recommendations
from matcher.store.tables_platform import events, leads
from tests.training.made_up import write_tiny_bundle
from training import monitor_store
from training.city.parameters import world_named
from training.city.served import ServedCity
from training.cli import app
from training.monitor import (
    LEAST_DEMANDS,
    LEAST_OUTCOMES,
    OVER_CAPACITY,
    PSI_ALARM,
    Finding,
    Window,
    findings,
    stability,
    status,
)
from training.monitor_page import document, page
from training.plots_monitor import pictures

pytestmark = pytest.mark.xdist_group("monitor")
DAY = date(2026, 9, 1)


def window(
    demands: int = 400,
    *,
    shift: float = 0.0,
    approved: float = 0.5,
    applied: float = 0.2,
    capacity: float = 100.0,
    refused: float = 0.3,
    worth_of_first_time: float = 1.0,
) -> Window:
    """Two lines a demand, at I-1 and I-2; said are p = 0.2 and q = 0.5, everything looked at."""
    line = np.repeat(np.arange(demands), 2)
    first_time = np.arange(demands) % 2 == 0
    reviews = np.arange(0, demands, 2)
    made = np.zeros(2 * demands)
    made[: round(applied * 2 * demands)] = 1.0
    return Window(
        first="2026-01-01",
        last="2026-02-01",
        demands=pd.DataFrame(
            {
                "sales_12m_cny": np.arange(demands) + shift,
                "freshness_tax_days": np.arange(demands) + shift,
                "first_time": first_time,
                "micro": np.zeros(demands, dtype=bool),
                "district": np.array(["370602"] * demands, dtype=object),
            }
        ),
        lines=pd.DataFrame(
            {
                "demand": line,
                "institution": np.tile(["I-1", "I-2"], demands),
                "position": np.tile([1, 2], demands),
                "p": 0.2,
                "q": np.where(first_time[line], 0.5 * worth_of_first_time, 0.5),
                "seen": 1.0,
                "known": True,
                "applied": made,
            }
        ),
        reviews=pd.DataFrame(
            {"demand": reviews, "q": 0.5, "approved": np.arange(len(reviews)) < approved * len(reviews)}
        ),
        capacity={"I-1": capacity, "I-2": capacity},
        refusals={"age_min": refused},
        refusals_of=demands,
    )


def alarms(reference: Window, since: Window) -> set[str]:
    return {f"{each.group}:{each.name}" for each in findings(reference, since) if each.state == "alarm"}


def test_two_windows_of_the_same_alarm_nobody() -> None:
    found = findings(window(), window())
    assert status(found) == "fine"
    assert not alarms(window(), window())


def test_a_column_the_models_read_alarms_when_it_moves_and_another_is_only_watched() -> None:
    moved = findings(window(), window(shift=200.0))
    states = {each.name: each.state for each in moved if each.group == "drift"}
    assert states["sales_12m_cny"] == "alarm"
    assert states["freshness_tax_days"] == "watch"
    assert "drift:sales_12m_cny" in alarms(window(), window(shift=200.0))


def test_the_index_of_two_halves_against_one_and_three_quarters() -> None:
    half, quarter = np.repeat([0.0, 1.0], 50), np.repeat([0.0, 1.0], [25, 75])
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert stability(half, quarter) == pytest.approx(expected)
    assert expected > PSI_ALARM


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_index_of_a_sample_against_itself_is_nought_and_never_negative(values: list[float]) -> None:
    sample = np.array(values)
    assert stability(sample, sample) == 0.0
    assert stability(sample, sample[: max(1, len(sample) // 2)]) >= 0.0


def test_approvals_above_what_was_said_are_named_overall_and_in_the_segment() -> None:
    found = alarms(window(), window(approved=0.9))
    assert {"calibration:p_approve:overall", "calibration:p_approve:first_time_borrowers"} <= found
    assert "calibration:p_apply:overall" not in found


def test_applications_missing_against_what_was_said_are_named() -> None:
    assert "calibration:p_apply:overall" in alarms(window(), window(applied=0.05))


def test_an_institution_over_its_capacity_is_named() -> None:
    # 400 demands × 2 lines × 0.2 = 160 applications, 80 at each of the two; 80 − 1.96·√80 = 62.47 = 1.5 × 41.6.
    assert OVER_CAPACITY == 1.5
    assert "exposure:I-1" not in alarms(window(), window(capacity=42))
    assert "exposure:I-1" in alarms(window(), window(capacity=41))


def test_an_institution_with_officers_that_is_never_shown_is_named() -> None:
    since = window()
    assert "exposure:I-3" in alarms(window(), replace(since, capacity={**since.capacity, "I-3": 100.0}))
    # 1 review of 201 would bring 800 / 201 = 4 looks: none at all tells nothing.
    assert "exposure:I-3" not in alarms(window(), replace(since, capacity={**since.capacity, "I-3": 1.0}))


def test_a_segment_whose_lists_lose_worth_is_named() -> None:
    # A half of the demands at 0.6 of the worth: 0.6 / 0.8 = 0.75 of all demands', from 1: a quarter lost.
    assert "segment:first_time_borrowers" in alarms(window(), window(worth_of_first_time=0.6))
    # At 0.7: 0.7 / 0.85 = 0.82, less than a fifth lost.
    assert "segment:first_time_borrowers" not in alarms(window(), window(worth_of_first_time=0.7))


def test_a_rule_that_excludes_more_than_before_is_named() -> None:
    assert alarms(window(), window(refused=0.36)) == {"refusals:age_min"}
    assert not alarms(window(), window(refused=0.34))


def test_too_little_is_said_and_alarms_nobody() -> None:
    small = min(LEAST_DEMANDS, LEAST_OUTCOMES) // 4
    found = findings(window(), window(small, shift=1e6, approved=1.0, capacity=0.01))
    assert {each.state for each in found} == {"too_few"}
    assert status(found) == "too_few"
    assert all(each.value is None and "too few" in each.text.en and "无法判断" in each.text.zh for each in found)


def test_the_page_stands_alone_in_both_languages_with_its_pictures() -> None:
    reference, since = window(), window(approved=0.9)
    found = findings(reference, since)
    told = document(reference, since, found, "model-1", "a <world>")
    drawn = pictures(reference, since, found)
    html = page(told, found, drawn)
    assert (told["status"], told["exit_status"]) == ("alarm", 1)
    assert "calibration:p_approve:overall" in told["alarms"]
    assert html.count("<svg") == len(drawn) == 5
    assert "a &lt;world&gt;" in html
    assert "模型监测" in html
    assert "src=" not in html
    assert json.loads(json.dumps(told))["thresholds"]["psi_alarm"] == PSI_ALARM


def test_a_page_of_too_little_is_still_a_page() -> None:
    reference, since = window(0), window(3)
    found: tuple[Finding, ...] = findings(reference, since)
    assert "样本不足" in page(document(reference, since, found, "m", "s"), found, pictures(reference, since, found))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models") / "ranker"
    root.mkdir()
    write_tiny_bundle(root)
    return root


def test_a_world_is_watched_from_the_command_and_the_status_is_told(models: Path, tmp_path: Path) -> None:
    world = tmp_path / "world"
    sizes = {"enterprises": 150, "demands": 1_200, "institutions": 10, "products": 40}
    city = ServedCity.open(world, world_named("default"), 5, sizes)
    for _ in range(2):
        city.serve(city.begin(), None)
    city.begin()
    city.write((2,))
    arguments = ["monitor", "--since", "2025-12-01", "--models", str(models), "--world", str(world), "--json"]
    out = tmp_path / "page.html"
    ran = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    told = json.loads(ran.stdout)
    assert ran.exit_code == told["exit_status"]
    assert told["since"]["first"] == "2025-12-01"
    # November is the reference; December and January came since, January not shown yet.
    assert 0 < told["reference"]["demands"] < told["since"]["demands"] < 300
    assert told["since"]["lines"] > told["since"]["reviews"] > 0
    states = {each["name"]: each["state"] for each in told["findings"] if each["group"] == "drift"}
    assert states == {"features": "too_few"}
    assert out.read_text().startswith("<!doctype html>")


def test_no_store_where_one_was_looked_for_is_status_two(models: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(
        app, ["monitor", "--since", "2026-09-01", "--models", str(models), "--home", str(tmp_path)]
    )
    assert ran.exit_code == 2
    assert "no store at" in ran.stderr


def recommended(place: int, day: date) -> dict[str, object]:
    known = {column.name: None for column in PROFILE} | {"has_prior_loan": float(place % 2), "division_code": "370602"}
    items = [
        {"rank": rank, "product_id": f"P-{rank}", "institution_id": f"I-{rank}", "p_apply": 0.5, "p_approve": 0.25}
        for rank in (1, 2)
    ]
    answer = {"items": items, "near_misses": [{"failed": [{"code": "age_min"}]}, {"failed": []}]}
    return {
        "recommendation_id": f"R-{place}",
        "demand_id": f"D-{place}",
        "uscc": "x",
        "as_of": day,
        "inputs": zlib.compress(json.dumps({"demand_id": f"D-{place}", "profile": known}).encode()),
        "answer": zlib.compress(json.dumps(answer).encode()),
        "digest": "",
        "recorded_at": "",
    }


def event(name: str, kind: str, demand: str, product: str) -> dict[str, object]:
    moments = {"occurred_at": "2026-09-02T00:00:00+00:00", "received_at": "2026-09-02T00:00:00+00:00"}
    row = {"event_id": name, "type": kind, "demand_id": demand, "product_id": product, "actor": "a", "fingerprint": "f"}
    return row | moments


def test_a_store_tells_exposures_by_events_and_decisions_by_leads(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'matcher.db'}")
    days = [DAY - timedelta(days=1), DAY, DAY + timedelta(days=40)]
    lead = {"institution_id": "I-1", "product_id": "P-1", "origin": "list", "late": False, "changed_at": ""}
    with database.writes.begin() as connection:
        connection.execute(recommendations.insert(), [recommended(place, day) for place, day in enumerate(days)])
        connection.execute(
            institutions.insert(),
            [{"institution_id": "I-1", "document": json.dumps({"reviews_per_month": 30}), "recorded_at": ""}],
        )
        connection.execute(
            events.insert(),
            [
                event("e1", "exposed", "D-1", "P-1"),
                event("e2", "applied", "D-1", "P-1"),
                event("e3", "exposed", "D-2", "P-1"),
            ],
        )
        connection.execute(
            leads.insert(),
            [
                lead | {"lead_id": "L-1", "demand_id": "D-1", "state": "disbursed"},
                lead | {"lead_id": "L-2", "demand_id": "D-2", "state": "rejected"},
                lead | {"lead_id": "L-0", "demand_id": "D-0", "state": "claimed"},
            ],
        )
    with database.reads.connect() as connection:
        reference, since = monitor_store.windows(connection, [1.0, 0.5], DAY)
    database.close()
    assert (len(reference.demands), len(since.demands)) == (1, 2)
    assert len(reference.reviews) == 0
    shown = since.lines.assign(day=since.lines["demand"])
    matured = shown[shown["known"]]
    # D-2 was shown forty days later: too young; P-2 was never said to be shown.
    assert list(matured["position"]) == [1]
    assert matured["applied"].all()
    assert sorted(since.reviews["approved"]) == [0.0, 1.0]
    assert set(since.reviews["q"]) == {0.25}
    assert list(shown["seen"])[:2] == [1.0, 0.5]
    assert since.refusals == {"age_min": 0.5}
    assert since.capacity["I-1"] == pytest.approx(30 * 41 / 30.4375)
    assert status(findings(reference, since)) == "too_few"
