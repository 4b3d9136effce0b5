"""Delivery: at least once, signed, tried again, given up in the end; one bad endpoint harms nobody else."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from api.metrics import Metrics
from api.outbound import Guard
from api.signing import verify
from api.webhooks_delivery import Pace, Push
from matcher.store import audit, deliveries, outbox, webhooks
from matcher.store.clock import PinnedClock
from matcher.store.outbox import Message
from matcher.store.store import Store, open_store
from matcher.store.tables_platform import deliveries as delivery_rows
from matcher.store.tables_platform import outbox as outbox_rows
from matcher.store.webhooks import Webhook
from tests.api.receiver import Receiver, receiving, until
from tests.conftest import FreshDatabase

QUICK = Pace(retries=(0.02, 0.02, 0.02), patience=1.0, look_every=0.05, parting=0.5)
SECRET, OTHER = "whsec_" + "A" * 43 + "=", "whsec_" + "B" * 43 + "="


@pytest.fixture
def url(tmp_path: Path, fresh_database: FreshDatabase) -> str:
    """Where the store is."""
    return fresh_database(tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(url, PinnedClock(day=date(2026, 10, 31)))
    yield opened
    opened.close()


@contextmanager
def pushing(
    store: Store, pace: Pace = QUICK, guard: Guard | None = None, metrics: Metrics | None = None
) -> Iterator[Push]:
    """A thread that delivers, at a quick pace."""
    push = Push(store, metrics or Metrics(), guard or Guard(is_production=False), pace).start()
    try:
        yield push
    finally:
        push.stop()


def register(store: Store, name: str, url: str, institution: str = "I-1") -> None:
    """Have new leads sent to an address."""
    hook = Webhook(
        webhook_id=name,
        institution_id=institution,
        url=url,
        kinds=("lead.pushed",),
        secret=SECRET,
        recorded_at=store.clock.now(),
    )
    store.write(lambda connection: webhooks.add(connection, hook))


def announce(store: Store, count: int = 1, institution: str = "I-1") -> None:
    """Announce numbered leads, each in a transaction of its own."""
    for number in range(count):
        message = Message(institution_id=institution, kind="lead.pushed", payload={"number": number})
        now = store.clock.now()
        store.write(lambda connection, m=message, now=now: outbox.announce(connection, [m], now, now))


def shown(store: Store, number: int) -> deliveries.Shown:
    """A delivery of the only webhook."""
    found = store.read(lambda connection: deliveries.of_webhook(connection, "WH-1", None, number + 1, 1))
    return found[0]


def states(store: Store) -> list[str]:
    """State of every delivery, in their order."""
    query = select(delivery_rows.c.state).order_by(delivery_rows.c.delivery_id)
    return list(store.read(lambda connection: connection.execute(query).scalars()))


def test_a_message_arrives_signed_with_its_type_moment_and_data(store: Store) -> None:
    with receiving(Receiver()) as bank, pushing(store):
        register(store, "WH-1", bank.url)
        announce(store)
        (got,) = bank.wait(1)
        until(lambda: states(store) == ["delivered"])
    assert verify([SECRET], got.headers, got.body, datetime.now(UTC)) == "msg_1"
    assert got.headers["content-type"] == "application/json"
    document = json.loads(got.body)
    kept = store.read(lambda connection: connection.execute(select(outbox_rows)).one())
    assert document == {"type": "lead.pushed", "timestamp": kept.occurred_at, "data": {"number": 0}}
    assert kept.first_delivered_at > kept.occurred_at


def test_while_a_secret_is_rotated_the_message_bears_both_signatures(store: Store) -> None:
    with receiving(Receiver()) as bank, pushing(store):
        register(store, "WH-1", bank.url)
        until_moment = store.clock.now() + timedelta(hours=24)
        store.write(lambda connection: webhooks.rotate(connection, "WH-1", OTHER, until_moment))
        announce(store)
        (got,) = bank.wait(1)
    for secret in (SECRET, OTHER):
        assert verify([secret], got.headers, got.body, datetime.now(UTC)) == "msg_1"


def test_a_failed_message_is_tried_again_under_the_same_id_with_the_same_body(store: Store) -> None:
    with receiving(Receiver(answer=lambda number: 500 if number < 2 else 200)) as bank, pushing(store):
        register(store, "WH-1", bank.url)
        announce(store)
        got = bank.wait(3)
        until(lambda: states(store) == ["delivered"])
    assert {one.headers["webhook-id"] for one in got} == {"msg_1"}
    assert len({one.body for one in got}) == 1
    (shown,) = store.read(lambda connection: deliveries.of_webhook(connection, "WH-1", None, None, 10))
    assert (shown.attempts, shown.last_status) == (3, 200)


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_after_the_last_attempt_a_message_is_dead_visible_and_replayable(store: Store, status: int) -> None:
    answers = [status] * 4 + [200]
    with receiving(Receiver(answer=lambda number: answers[number])) as bank, pushing(store):
        register(store, "WH-1", bank.url)
        announce(store)
        until(lambda: states(store) == ["dead"])
        (dead,) = store.read(lambda connection: deliveries.of_webhook(connection, "WH-1", "dead", None, 10))
        assert (dead.attempts, dead.last_error) == (4, f"answered {status}")
        store.write(lambda connection: deliveries.replay_dead(connection, "WH-1", store.clock.now()))
        until(lambda: states(store) == ["delivered"])
    assert len(bank.requests) == 5


def test_an_address_that_is_gone_is_sent_nothing_more(store: Store) -> None:
    with receiving(Receiver(answer=lambda _number: 410)) as bank, pushing(store):
        register(store, "WH-1", bank.url)
        announce(store)
        until(lambda: store.read(lambda c: webhooks.find(c, "WH-1", "I-1").active) is False)
        announce(store, 3)
        time.sleep(0.2)
    assert len(bank.requests) == 1
    assert states(store) == ["dead"]
    actions = store.read(lambda connection: connection.execute(text("SELECT action FROM audit")).scalars().all())
    assert actions == ["pushed", "webhook_disabled"]


def test_a_slow_endpoint_and_a_dead_one_do_not_delay_the_others(store: Store) -> None:
    with (
        receiving(Receiver(slow=8.0)) as slow,
        receiving(Receiver()) as quick,
        pushing(store, Pace(retries=(60,), at_once=12, per_webhook=4, parting=0.1)),
    ):
        register(store, "WH-slow", slow.url, "I-slow")
        register(store, "WH-dead", "http://127.0.0.1:9/hook", "I-dead")
        register(store, "WH-quick", quick.url, "I-quick")
        announce(store, 30, "I-slow")
        announce(store, 30, "I-dead")
        since = time.monotonic()
        announce(store, 10, "I-quick")
        quick.wait(10)
        assert time.monotonic() - since < 6.0
        assert len(slow.requests) <= 4


def test_one_webhook_is_sent_its_messages_in_order_where_one_goes_at_a_time(store: Store) -> None:
    with receiving(Receiver()) as bank:
        register(store, "WH-1", bank.url)
        announce(store, 20)
        with pushing(store, Pace(per_webhook=1, patience=1.0)):
            got = bank.wait(20)
    assert [json.loads(one.body)["data"]["number"] for one in got] == list(range(20))


def test_two_processes_on_one_store_send_each_message_once(store: Store, url: str) -> None:
    other = open_store(url, PinnedClock(day=date(2026, 10, 31)))
    try:
        with receiving(Receiver()) as bank, pushing(store), pushing(other):
            register(store, "WH-1", bank.url)
            announce(store, 30)
            announce(other, 30)
            until(lambda: states(store) == ["delivered"] * 60)
        numbers = [one.headers["webhook-id"] for one in bank.requests]
        assert sorted(numbers) == sorted(f"msg_{number}" for number in range(1, 61))
        assert store.read(audit.verify) is None
    finally:
        other.close()


KILLED_WHILE_SENDING = """
import sys, time
from datetime import date
from api.metrics import Metrics
from api.outbound import Guard
from api.webhooks_delivery import Pace, Push
from matcher.store.clock import PinnedClock
from matcher.store.store import open_store
store = open_store(sys.argv[1], PinnedClock(day=date(2026, 10, 31)))
Push(store, Metrics(), Guard(is_production=False), Pace(lease=0.5, per_webhook=2)).start()
time.sleep(60)
"""


def test_what_was_being_sent_when_the_process_was_killed_is_sent_again(store: Store, url: str) -> None:
    with receiving(Receiver(slow=5.0)) as bank:
        register(store, "WH-1", bank.url)
        announce(store, 3)
        with subprocess.Popen([sys.executable, "-c", KILLED_WHILE_SENDING, url]) as process:
            bank.wait(2, 30)
            process.kill()
        bank.slow = 0.0
        with pushing(store):
            until(lambda: states(store) == ["delivered"] * 3)
    ids = [one.headers["webhook-id"] for one in bank.requests]
    assert sorted(ids) == ["msg_1", "msg_1", "msg_2", "msg_2", "msg_3"]


def test_a_name_that_moved_to_a_private_address_is_sent_nothing(store: Store) -> None:
    async def moved(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1"]

    with pushing(store, Pace(retries=()), Guard(is_production=True, resolver=moved)):
        register(store, "WH-1", "https://bank.example/hook")
        announce(store)
        until(lambda: states(store) == ["dead"])
    (dead,) = store.read(lambda connection: deliveries.of_webhook(connection, "WH-1", None, None, 10))
    assert dead.last_status is None
    assert dead.last_error is not None
    assert "private" in dead.last_error
    assert store.read(lambda connection: connection.execute(text("SELECT count(*) FROM audit")).scalar()) == 0


def test_an_endpoint_that_never_answers_is_given_up_in_time_and_the_end_does_not_wait_for_it(store: Store) -> None:
    with receiving(Receiver(slow=12.0)) as bank:
        register(store, "WH-1", bank.url)
        announce(store)
        with pushing(store, Pace(patience=0.2, retries=(60,))):
            until(lambda: shown(store, 1).last_error == "no answer within 0.2 s")
        since = time.monotonic()
        announce(store)
        with pushing(store, Pace(patience=30.0, parting=0.1)):
            bank.wait(2)
        assert time.monotonic() - since < 8.0


def median_ms(times: list[float]) -> tuple[float, float]:
    """Median and the slowest of a hundred, in milliseconds."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2] * 1_000, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1_000


def test_from_announcing_to_the_first_delivery_takes_less_than_a_look(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = Metrics()
    lazy = Pace(look_every=30.0, patience=1.0)
    arrived: list[float] = []
    with receiving(Receiver()) as bank, pushing(store, lazy, metrics=metrics):
        register(store, "WH-1", bank.url)
        for number in range(100):
            since = time.monotonic()
            announce(store)
            arrived.append(bank.wait(number + 1)[number].at - since)
        until(lambda: states(store) == ["delivered"] * 100)
    query = select(outbox_rows.c.occurred_at, outbox_rows.c.first_delivered_at)
    kept = [
        (datetime.fromisoformat(done) - datetime.fromisoformat(begun)).total_seconds()
        for begun, done in store.read(lambda connection: connection.execute(query).all())
    ]
    with capsys.disabled():
        print("\npush, one at a time: announced to received p50 {:.1f} ms, p99 {:.1f} ms".format(*median_ms(arrived)))
        print("push, one at a time: announced to recorded p50 {:.1f} ms, p99 {:.1f} ms".format(*median_ms(kept)))
    assert median_ms(kept)[0] < 250
    assert metrics.registry.get_sample_value("matcher_push_delay_seconds_count", {"channel": "webhook"}) == 100
