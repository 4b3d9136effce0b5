"""Two API processes on one database: whoever is asked, one answer, one effect, one push, one chain."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.bare_client import Answer, BareClient
from api.day_listeners import Listener, receiving
from matcher.desk_clocks import Clocks
from matcher.store import clocks, demands
from matcher.store.agreement import agreements
from matcher.store.books import open_books
from matcher.store.clock import SystemClock
from matcher.store.leads import lead_id_of
from matcher.store.store import Store, open_store
from tests.api.prepared import City, prepared
from tests.api.processes import Running, serving
from tests.api.receiver import until
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.xdist_group("api")
PAIRS, RACES, PUBLISHED = 50, 25, 40
OK, CREATED, CONFLICT = 200, 201, 409


@pytest.fixture(scope="module")
def city(world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase) -> City:
    """A store with prices, keys, and leads already pushed."""
    home = tmp_path_factory.mktemp("two")
    return prepared(world, models, home, fresh_database(home), 220)


@pytest.fixture(scope="module")
def two(city: City) -> Iterator[list[Running]]:
    """Two processes."""
    with serving(city.settings, 2) as found:
        yield found


@pytest.fixture(scope="module")
def store(city: City) -> Iterator[Store]:
    """The store they share, opened once more."""
    opened = open_store(city.settings.database, SystemClock())
    yield opened
    opened.close()


Ask = Callable[[BareClient], Any]


def at_once(two: list[Running], *asked: Ask) -> list[Answer]:
    """What the processes answer when asked at the same instant, each over a connection that stands already."""

    async def race() -> list[Answer]:
        clients = [BareClient(one.port) for one in two]
        for client in clients:
            await client.request("GET", "/health/live")
        found = await asyncio.gather(*(ask(client) for ask, client in zip(asked, clients, strict=True)))
        for client in clients:
            client.close()
        return list(found)

    return asyncio.run(race())


def move(city: City, demand: str, bank: str, name: str, body: dict[str, Any]) -> Ask:
    """A bank's move at its lead."""
    path = f"/v1/leads/{lead_id_of(demand, bank)}/{name}"
    return lambda client: client.request("POST", path, body, key=city.keys[bank])


def test_two_banks_move_one_demand_at_the_same_instant_and_both_get_a_consistent_answer(
    city: City, two: list[Running], store: Store
) -> None:
    pairs = city.pairs(store)[:PAIRS]
    assert len(pairs) == PAIRS
    terms = {"approved": True, "amount_cny": "100000", "annual_rate": "0.04"}
    won: Counter[int] = Counter()
    for number, (demand, first, second) in enumerate(pairs):
        for name, body in (("claim", {}), ("contact", {}), ("decision", terms)):
            answers = at_once(two, *(move(city, demand, bank, name, body) for bank in (first, second)))
            assert [one.status for one in answers] == [OK, OK], answers
            assert {one.json()["state"] for one in answers} == {
                {"claim": "claimed", "contact": "contacted", "decision": "approved"}[name]
            }
        paid = at_once(two, *(move(city, demand, b, "disbursement", {"amount_cny": "100000"}) for b in (first, second)))
        assert sorted(one.status for one in paid) == [OK, CONFLICT], paid
        won[[one.status for one in paid].index(OK)] += 1
        shown = at_once(
            two, *[lambda client, d=demand: client.request("GET", f"/v1/demands/{d}", key=city.keys["platform"])] * 2
        )
        assert shown[0].body == shown[1].body, number
        document = shown[0].json()
        assert document["state"] == "disbursed"
        own = [one["after"] for one in document["moves"] if one["lead_id"] is None]
        assert own[2:] == ["claimed", "contacted", "due_diligence", "approved", "signed", "disbursed"]
    assert sum(won.values()) == PAIRS


def test_one_key_raced_across_processes_has_one_effect(city: City, two: list[Running], store: Store) -> None:
    amounts = [f"{4_000_000 + number}.41" for number in range(RACES)]
    for number, amount in enumerate(amounts):
        body = {"uscc": city.usccs[number], "amount_cny": amount, "term_months": 12, "purpose": "working_capital"}

        def ask(client: BareClient, body: Any = body, number: int = number) -> Any:
            return client.request("POST", "/v1/demands", body, key=city.keys["platform"], once=f"raced-{number}")

        answers = at_once(two, ask, ask)
        assert {one.status for one in answers} <= {CREATED, CONFLICT}, answers
        again = at_once(two, ask, ask)
        assert [one.status for one in again] == [CREATED, CREATED]
        assert len({one.body for one in [*answers, *again] if one.status == CREATED}) == 1
    kept = Counter(str(one.demand.amount_cny) for one in store.read(lambda c: demands.listed(c, 100_000)))
    assert [kept[amount] for amount in amounts] == [1] * RACES


def test_one_batch_of_events_raced_across_processes_is_kept_once(city: City, two: list[Running], store: Store) -> None:
    demand = city.pairs(store, "")[0][0]
    for number in range(RACES):
        events = [
            {
                "event_id": f"raced-{number}-{place}",
                "type": "clicked",
                "occurred_at": "2026-10-31T12:00:00+08:00",
                "demand_id": demand,
                "product_id": product,
            }
            for place, product in enumerate(city.products[:20])
        ]

        def ask(client: BareClient, events: Any = events) -> Any:
            return client.request("POST", "/v1/events", {"events": events}, key=city.keys["platform"])

        told = [one.json() for one in at_once(two, ask, ask)]
        assert sum(one["accepted"] for one in told) == len(events), told
        assert sum(one["duplicates"] for one in told) == len(events), told
    kept = store.read(open_books).events
    assert sum(row.event_id.startswith("raced-") for row in kept) == RACES * 20


def test_what_one_process_publishes_is_pushed_once_and_heard_at_the_other(
    city: City, two: list[Running], store: Store
) -> None:
    bank, other = city.busiest(store)
    listener = Listener(f"http://127.0.0.1:{two[1].port}", city.keys[bank], each=10_000).start()
    with receiving(SystemClock()) as receivers:
        asyncio.run(_register(two[0], city, other, receivers.url(other), receivers.inboxes[other]))
        asyncio.run(_publish(two, city))
        until(lambda: not store.read(lambda connection: demands.to_push(connection, 1)), 60)
        books = store.read(open_books)
        heard = {str(row.sequence) for row in books.outbox if row.institution_id == bank}
        sent = {row.sequence for row in books.deliveries}
        assert heard
        assert sent
        until(lambda: heard <= set(listener.inbox.bodies), 30)
        until(lambda: len(receivers.inboxes[other].bodies) >= len(sent), 30)
        time.sleep(0.3)  # whatever is sent twice comes now
        assert not receivers.inboxes[other].refused
        assert len(receivers.inboxes[other].bodies) == len(sent)
    listener.end()
    entered = Counter(
        move.lead_id for moves in books.lead_moves.values() for move in moves if move.after == "pushed" != move.before
    )
    assert set(entered.values()) == {1}


async def _register(one: Running, city: City, bank: str, url: str, inbox: Any) -> None:
    client = BareClient(one.port, city.keys[bank])
    made = await client.request("POST", "/v1/webhooks", {"url": url})
    assert made.status == CREATED, made.body
    inbox.secret = made.json()["secret"]
    client.close()


async def _publish(two: list[Running], city: City) -> None:
    clients = [BareClient(one.port, city.keys["platform"]) for one in two]
    for number in range(PUBLISHED // 2):
        bodies = [city.bodies[2 * number + place] for place in (0, 1)]
        answers = await asyncio.gather(
            *(client.request("POST", "/v1/demands", body) for client, body in zip(clients, bodies, strict=True))
        )
        assert {one.status for one in answers} == {CREATED}
    for client in clients:
        client.close()


def test_a_product_put_at_one_process_is_in_the_lists_of_the_other(city: City, two: list[Running]) -> None:
    async def put() -> None:
        here, there = (BareClient(one.port, city.keys["admin"]) for one in two)
        path = f"/v1/products/{city.products[0]}"
        before = (await here.request("GET", path)).json()
        made = await here.request("PUT", path, {**before, "days_to_disburse": 71})
        assert made.status == OK, made.body
        for _ in range(500):
            if (await there.request("GET", path)).json()["days_to_disburse"] == 71:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the other process never took the product up")
        here.close()
        there.close()

    asyncio.run(put())


def test_rounds_of_the_clock_at_the_same_instant_mark_each_lead_late_once(city: City, store: Store) -> None:
    other = open_store(city.settings.database, SystemClock())
    day = city.day + timedelta(days=2)
    books = store.read(open_books)
    due = sum(row.due_on is not None and row.due_on < day and not row.late for row in books.leads)
    before = len(books.told("lead.late"))
    done: list[clocks.Round] = []

    def tick(one: Store) -> None:
        done.append(one.write(lambda connection: clocks.tick(connection, day, one.clock.now(), Clocks())))

    threads = [threading.Thread(target=tick, args=(one,)) for one in (store, other) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert due
    assert sum(one.late for one in done) == due
    assert len(store.read(open_books).told("lead.late")) == before + due


def test_whatever_two_processes_did_the_store_agrees_with_itself(two: list[Running], store: Store) -> None:
    assert len(two) == 2
    found = store.read(agreements)
    assert not [one.told() for one in found if not one.holds]
