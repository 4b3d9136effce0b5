"""``kill -9`` in the middle of two thousand concurrent writes: what was acknowledged is there, nothing is half done."""

import asyncio
import os
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from api.bare_client import BareClient
from matcher.store import demands
from matcher.store.agreement import agreements
from matcher.store.database import Database, open_database
from matcher.store.tables import demands as demand_rows
from matcher.store.tables_platform import leads as lead_rows
from tests.api.prepared import City, prepared
from tests.api.processes import Running, launch, ready
from tests.api.writes import DONE, Effects, Write, jobs
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.xdist_group("api")
KILLS = {"sqlite": 20, "postgresql": 5}
"""On PostgreSQL the server outlives our process: fewer kills show as much. ``KILLS`` in the environment overrides."""
WRITES = 2_000
CONNECTIONS = 64
LATEST_KILL = 500
CONFLICT = 409


@dataclass
class Round:
    """What one round's clients were answered before the process was killed."""

    answered: list[tuple[Write, int]] = field(default_factory=list)
    cut_off: list[Write] = field(default_factory=list)
    begun: int = 0


@pytest.fixture(scope="module")
def city(world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase) -> City:
    """A store with prices, keys, and a few hundred leads already pushed."""
    home = tmp_path_factory.mktemp("killed")
    return prepared(world, models, home, fresh_database(home), 200)


def read(database: Database, question: Any) -> Any:
    with database.reads.connect() as connection:
        return question(connection)


def await_silence(database: Database) -> None:
    """Wait until the server of the database has noticed that the process is gone; a file needs no noticing."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(1_000):
        if database.reads.dialect.name == "sqlite" or not read(database, lambda c: c.execute(text(others)).scalar()):
            return
        time.sleep(0.02)
    raise AssertionError("the killed process still has a transaction open")


def pushed(connection: Connection) -> list[tuple[str, str]]:
    """Leads nobody has touched yet, at most enough for a round."""
    query = select(lead_rows.c.demand_id, lead_rows.c.institution_id).where(lead_rows.c.state == "pushed").limit(150)
    return [(row.demand_id, row.institution_id) for row in connection.execute(query)]


def some_demands(connection: Connection) -> list[str]:
    query = select(demand_rows.c.demand_id).where(demand_rows.c.published_on.is_not(None)).limit(500)
    return list(connection.execute(query).scalars())


async def hammer(running: Running, city: City, waiting: "deque[list[Write]]", until: int) -> Round:
    """Send everything over 64 connections and kill the process once so many writes were acknowledged."""
    told = Round()

    async def connection() -> None:
        client = BareClient(running.port)
        while waiting:
            for write in waiting.popleft():
                told.begun += 1
                try:
                    answer = await send(client, city, write)
                except (OSError, EOFError):
                    told.cut_off.append(write)
                    return
                told.answered.append((write, answer))
                if len(told.answered) == until:
                    running.kill()
                if answer not in DONE:
                    break
        client.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return told


async def send(client: BareClient, city: City, write: Write) -> int:
    """The status a write is answered with."""
    answer = await client.request(write.method, write.path, write.body, key=city.keys[write.who], once=write.once)
    assert answer.status in {*DONE, CONFLICT}, answer.body
    return answer.status


def check_answered(found: Effects, told: Round) -> None:
    """Every acknowledged write is there, once; one refused left nothing."""
    missing = [write for write, status in told.answered if status in DONE and found.of(write) != 1]
    assert not missing
    assert not [write for write in told.cut_off if found.of(write) not in {0, 1}]


async def retry(running: Running, city: City, told: Round) -> list[tuple[Write, int]]:
    """Send what was never answered again, as its sender would: by the same key."""
    client = BareClient(running.port)
    again = [(write, await send(client, city, write)) for write in told.cut_off]
    client.close()
    return again


@pytest.mark.timeout(900)
def test_killed_twenty_times_amid_two_thousand_writes_nothing_acknowledged_is_lost_nor_half_done(
    city: City, store_kind: str
) -> None:
    kills = int(os.environ.get("KILLS", KILLS[store_kind]))
    chance = random.Random(20)
    database = open_database(city.settings.database)
    totals: Counter[str] = Counter()
    running = launch(city.settings)
    asyncio.run(ready(running))
    for number in range(kills):
        since = time.monotonic()
        known = [(one, chance.choice(city.products)) for one in read(database, some_demands)]
        made = jobs(number, city.usccs, known, read(database, pushed), WRITES)
        assert sum(map(len, made)) >= WRITES
        told = asyncio.run(hammer(running, city, deque(made), chance.randint(1, LATEST_KILL)))
        running.gone()
        following = launch(city.settings, waiting=True)
        await_silence(database)
        assert told.cut_off, "nothing was in flight when the process was killed"
        crashed = read(database, Effects)
        check_answered(crashed, told)
        wrong = [one.told() for one in read(database, agreements) if not one.holds]
        assert not wrong, f"after kill {number + 1}: {wrong}"
        running = following
        running.go()
        asyncio.run(ready(running))
        again = asyncio.run(retry(running, city, told))
        found = read(database, Effects)
        assert not [write for write, status in again if status in DONE and found.of(write) != 1]
        totals += Counter(
            acknowledged=len(told.answered),
            cut_off=len(told.cut_off),
            done_though_cut_off=sum(crashed.of(write) == 1 for write in told.cut_off if write.kind != "consent"),
        )
        print(f"[killed] {number + 1}: {len(told.answered)} acknowledged, {time.monotonic() - since:.1f} s", flush=True)
    try:
        asyncio.run(_all_pushed(database))
    finally:
        running.end()
    assert not [one.told() for one in read(database, agreements) if not one.holds]
    database.close()
    print(f"[killed] {kills} kills: {dict(totals)}")
    assert totals["cut_off"] >= kills


async def _all_pushed(database: Database) -> None:
    """What waited to be pushed when the process died is pushed by the one after it."""
    for _ in range(6_000):
        if not read(database, lambda connection: demands.to_push(connection, 1)):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(read(database, lambda c: demands.to_push(c, 10_000)))} demands are never pushed")
