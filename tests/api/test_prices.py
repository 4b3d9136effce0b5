"""Prices in service: planned at the first start, followed without a restart, replayed, no request lost."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import asking, prices
from api.app import create_app
from api.instance import Instance, open_instance
from api.keys import ensure_keys
from api.serving import promising_demand
from api.settings import Settings
from matcher.market import PriceTable
from matcher.planning import MarketPlan
from matcher.replanning import PLANS_KEPT, put_into_service
from matcher.store import demands, lead_lists
from matcher.store import prices as price_tables
from matcher.store.lead_lists import LeadRow
from matcher.store.officers import OfficerMonth, keep
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")
REQUESTS = 48


@pytest.fixture(scope="module")
def planned(
    world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory, fresh_database: Callable[[Path], str]
) -> Iterator[Instance]:
    """An instance of its own with a first plan."""
    home = tmp_path_factory.mktemp("prices")
    settings = Settings(
        matcher_home=home, matcher_city=world, matcher_models=models, database_url=fresh_database(home), explore=0.1
    )
    opened = open_instance(settings, lambda _line: None)
    assert opened.matcher.versions.prices == "none"
    prices.plan_now(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def priced(planned: Instance) -> Iterator[Client]:
    client = Client(create_app(planned.settings, opened=planned))
    yield client
    client.close()


@pytest.fixture(scope="module")
def headers(planned: Instance) -> dict[str, str]:
    made = ensure_keys(planned)
    assert made is not None
    return {"Authorization": f"Bearer {made['platform']}", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def body(planned: Instance) -> dict[str, Any]:
    return {"demand_id": promising_demand(planned, planned.clock.today())}


def other(table: PriceTable, turn: int) -> PriceTable:
    """Another table, all prices moved a little."""
    return replace(table, prices={name: min(0.8, price + 0.001 * turn) for name, price in table.prices.items()})


def publish(instance: Instance, table: PriceTable) -> None:
    """Put a table into the store as another process would."""
    plan = MarketPlan(prices=table, lists={}, pairs=0)
    instance.store.write(lambda connection: put_into_service(connection, plan, instance.store, "test"))


def table_of(instance: Instance) -> PriceTable:
    table = instance.matcher.prices
    assert table is not None
    return table


def test_prices_and_lead_lists_of_the_first_plan_are_in_the_store_together(planned: Instance) -> None:
    table = table_of(planned)
    with planned.store.reading() as connection:
        assert price_tables.current(connection) == table.version
        version = lead_lists.current(connection)
        assert version is not None
        assert version.startswith(table.version)
        lists = {name: lead_lists.find(connection, version, name) for name in planned.matcher.catalog.institutions}
    assert all(rows is not None for rows in lists.values())
    assert sum(len(rows or ()) for rows in lists.values()) > 0
    assert {queue.capacity.how for queue in table.queues.values()} == {"stated"}


def test_readiness_shows_version_age_and_examination(priced: Client, planned: Instance) -> None:
    told = priced.get("/health/ready").json()["prices"]
    assert told["version"] == table_of(planned).version
    assert (told["age_days"], told["stale"], told["fault"]) == (0, False, None)
    assert told["examination"]["chance"][0] == 1.0


def test_a_demand_asked_for_again_on_the_day_gets_the_same_lines(
    priced: Client, headers: dict[str, str], body: dict[str, Any]
) -> None:
    answers = [
        priced.post("/v1/recommendations", json=body, headers={**headers, "Accept-Language": language}).json()
        for language in ("en", "zh-CN", "en")
    ]
    lines = [[(i["product_id"], i["explored"], i["propensity"]) for i in answer["items"]] for answer in answers]
    assert lines[0] == lines[1] == lines[2]


def test_a_list_at_prices_says_what_was_charged_and_replays(
    priced: Client, headers: dict[str, str], planned: Instance
) -> None:
    latest = planned.store.read(lambda connection: demands.latest(connection, 20))
    bodies = [{"demand_id": one.demand.demand_id} for one in latest]
    answers = [priced.post("/v1/recommendations", json=body, headers=headers).json() for body in bodies]
    assert {answer["prices_stale"] for answer in answers} == {False}
    assert any(item["explored"] for answer in answers for item in answer["items"])
    charged = [item for answer in answers for item in answer["items"] if item["queue_price"] > 0]
    assert charged
    for item in charged:
        (reason,) = (each for each in item["reasons"] if each["code"] == "queue_price")
        assert "review queue is full until 2026-10-31" in reason["text"]
    for answer in answers:
        again = priced.post(f"/v1/recommendations/{answer['recommendation_id']}/replay", headers=headers)
        assert again.json()["identical"] is True


def test_a_day_far_from_the_plan_is_answered_without_prices_and_says_so(
    priced: Client, planned: Instance, headers: dict[str, str], body: dict[str, Any]
) -> None:
    day = planned.clock.today() + timedelta(days=4)
    answer = priced.post("/v1/recommendations", json={**body, "as_of": day.isoformat()}, headers=headers).json()
    assert answer["prices_stale"] is True
    assert answer["versions"]["prices"] == table_of(planned).version
    assert {item["queue_price"] for item in answer["items"]} == {0.0}


def test_answers_replay_after_newer_prices_and_after_a_restart(
    priced: Client, planned: Instance, headers: dict[str, str], body: dict[str, Any]
) -> None:
    before = priced.post("/v1/recommendations", json=body, headers=headers).json()
    publish(planned, other(table_of(planned), 5))
    watch = prices.PriceWatch(planned)
    assert watch.look()
    assert not watch.look()
    after = priced.post("/v1/recommendations", json=body, headers=headers).json()
    assert after["versions"]["prices"] != before["versions"]["prices"]
    again = priced.post(f"/v1/recommendations/{before['recommendation_id']}/replay", headers=headers)
    assert again.json()["identical"] is True
    restarted = open_instance(planned.settings, lambda _line: None)
    try:
        assert restarted.matcher.versions.prices == after["versions"]["prices"]
    finally:
        restarted.close()


def test_answers_of_before_the_market_still_replay(planned: Instance, body: dict[str, Any]) -> None:
    with planned.store.reading() as connection:
        demand = asking.demand_of(connection, body["demand_id"])
        profile = asking.profile_of(planned, connection, demand.uscc, planned.clock.today())
    question = asking.Question(demand=demand, as_of=planned.clock.today(), profile=profile, by_relevance=True)
    old = asking.answer(planned.matcher.with_prices(None), question, "R-old", "en")
    stored = json.loads(old.inputs)
    del stored["seed"], stored["explore"]
    assert asking.replayed(planned, json.dumps(stored).encode()).body == old.body
    document = json.loads(old.body)
    assert "prices_stale" not in document
    assert "propensity" not in document["items"][0]
    assert document["versions"]["prices"] == "none"


def test_no_request_fails_while_prices_change_and_each_is_answered_at_one(
    priced: Client, planned: Instance, headers: dict[str, str], body: dict[str, Any]
) -> None:
    watch, answered, table = prices.PriceWatch(planned), threading.Event(), table_of(planned)
    seen = {table.version}

    def change() -> None:
        turn = 10
        while not answered.is_set():
            turn += 1
            publish(planned, other(table, turn))
            watch.look()
            seen.add(table_of(planned).version)

    async def ask() -> list[httpx.Response]:
        found = []
        for _ in range(REQUESTS // 6):
            posts = (priced.asynchronous.post("/v1/recommendations", json=body, headers=headers) for _ in range(6))
            found += await asyncio.gather(*posts)
        return found

    changing = threading.Thread(target=change)
    changing.start()
    try:
        found = priced.wait(ask())
    finally:
        answered.set()
        changing.join()
    assert [answer.status_code for answer in found] == [200] * REQUESTS
    used = {answer.json()["versions"]["prices"] for answer in found}
    assert len(used) > 1
    assert used <= seen
    for answer in found[:: REQUESTS // 6]:
        key = answer.json()["recommendation_id"]
        assert priced.post(f"/v1/recommendations/{key}/replay", headers=headers).json()["identical"] is True


def test_a_table_that_cannot_be_read_leaves_the_one_in_service(planned: Instance) -> None:
    serving, now = planned.matcher.versions.prices, planned.store.clock.now()
    watch, day = prices.PriceWatch(planned), planned.clock.today()
    planned.store.write(lambda connection: price_tables.keep(connection, "broken", day, b"{}", now))
    assert not watch.look()
    assert watch.fault is not None
    assert planned.matcher.versions.prices == serving
    publish(planned, table_of(planned))
    watch.look()
    assert prices.standing(planned, watch)["version"] == serving


def test_a_plan_is_made_anew_when_a_queue_moves_and_not_before(planned: Instance) -> None:
    made: list[Settings] = []
    prices.plan_now(planned)
    watch = prices.PriceWatch(planned, plan=made.append)
    assert not watch.refresh()
    institution = next(iter(planned.matcher.catalog.institutions))
    period, now = planned.clock.today().replace(day=1), planned.store.clock.now()
    before = table_of(planned).queues[institution].capacity
    month = OfficerMonth(
        institution_id=institution,
        period=period,
        officers=before.officers,
        capacity=int(before.reviews) + 40,
        reviewed=None,
    )
    planned.store.write(lambda connection: keep(connection, [month], now))
    assert watch.refresh()
    assert made == [planned.settings]
    prices.plan_now(planned)
    assert not watch.refresh()
    assert table_of(planned).queues[institution].capacity.reviews == int(before.reviews) + 40


def test_lists_of_plans_long_past_are_dropped(planned: Instance) -> None:
    table = table_of(planned)
    old = "a-plan-of-long-ago"
    then = planned.store.clock.now() - timedelta(days=30)
    planned.store.write(lambda connection: lead_lists.keep(connection, old, {"I-1": ()}, then))
    assert planned.store.read(lambda connection: lead_lists.kept_since(connection, old)) is not None
    for turn in range(PLANS_KEPT):
        row = LeadRow(demand_id=f"D-{turn}", product_id="P", value=0.1, p_apply=0.1, p_approve=0.1, origin="outreach")
        plan = MarketPlan(prices=table, lists={"I-1": (row,)}, pairs=0)
        planned.store.write(lambda connection, plan=plan: put_into_service(connection, plan, planned.store, "test"))
    assert planned.store.read(lambda connection: lead_lists.kept_since(connection, old)) is None
    newest = planned.store.read(lead_lists.current)
    assert newest is not None
    assert planned.store.read(lambda connection: lead_lists.find(connection, newest, "I-1")) == (row,)


def test_a_plan_that_dies_tells_its_kind_and_nothing_it_was_working_on(
    planned: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices.sys, "executable", "/bin/sh")
    told = "Traceback (most recent call last):\nValueError: 91370602MA3TERT037 of somebody\n"
    monkeypatch.setattr(prices, "_COMMAND", ("-c", f"printf '%s' '{told}' >&2; exit 3"))
    watch = prices.PriceWatch(planned)
    serving = planned.matcher
    planned.matcher = serving.with_prices(replace(table_of(planned), model="another"))
    try:
        assert not watch.refresh()
    finally:
        planned.matcher = serving
    assert watch.fault == "planning ended with 3 (ValueError)"


def test_a_new_champion_is_planned_with_at_once_and_tried_once(planned: Instance) -> None:
    prices.plan_now(planned)
    watch, serving = prices.PriceWatch(planned, plan=lambda _settings: None), planned.matcher
    assert not watch.hurries()
    assert prices.standing(planned, watch)["due"] is None
    planned.matcher = serving.with_prices(replace(table_of(planned), model="the champion before"))
    try:
        told = prices.standing(planned, watch)
        assert (told["due"], told["model"]) == ("another_model", "the champion before")
        assert watch.hurries()
        assert not watch.hurries()
        planned.matcher = serving.with_prices(None)
        assert (watch.hurries(), prices.why_due(planned)) == (False, "no_prices")
    finally:
        planned.matcher = serving


def test_a_plan_that_fails_is_told_and_prices_in_service_go_on(planned: Instance) -> None:
    def fail(_settings: Settings) -> None:
        raise RuntimeError("no memory")

    serving = planned.matcher
    planned.matcher = serving.with_prices(replace(table_of(planned), model="another"))
    try:
        watch = prices.PriceWatch(planned, plan=fail)
        assert not watch.refresh()
        assert watch.fault == "no memory"
    finally:
        planned.matcher = serving


def test_the_watch_follows_by_itself_and_ends_when_told(planned: Instance) -> None:
    newer = other(table_of(planned), 90)
    watch = prices.PriceWatch(planned, every=0.01).start()
    publish(planned, newer)
    for _ in range(2_000):
        if planned.matcher.versions.prices == newer.version:
            break
        threading.Event().wait(0.01)
    watch.stop()
    assert planned.matcher.versions.prices == newer.version


def test_another_process_plans_for_the_same_instance(planned: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    prices.plan_now(planned)
    expected = planned.matcher.versions.prices
    publish(planned, other(table_of(planned), 95))
    for name, value in planned.settings.environment.items():
        monkeypatch.setenv(name, value)
    prices.main()
    assert prices.PriceWatch(planned).look() or planned.matcher.versions.prices == expected
    assert planned.matcher.versions.prices == expected
