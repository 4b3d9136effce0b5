"""The stream: every message of the institution once and in order, over drops, restarts and several processes."""

import asyncio
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from api.app import create_app
from api.auth import Keyring
from api.bench_http import free_port
from api.instance import Instance
from api.service import Service
from api.serving import Server
from api.streaming import MOST_PER_KEY, StreamPace
from matcher.store import audit, keys, outbox, webhooks
from matcher.store.outbox import Message
from matcher.store.store import Store, open_store
from tests.api.receiver import until
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.xdist_group("api")


@dataclass
class Running:
    """A server of its own on a free port."""

    base: str
    store: Store
    service: Service
    server: Server
    thread: threading.Thread

    def headers(self, institution: str) -> dict[str, str]:
        """Headers with a new key of an institution."""
        return {"Authorization": f"Bearer {Keyring(self.store).issue('institution', institution)}"}

    def stop(self) -> float:
        """Stop gracefully; the seconds it took."""
        since = time.monotonic()
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        return time.monotonic() - since


@contextmanager
def running(instance: Instance, url: str, pace: StreamPace | None = None) -> Iterator[Running]:
    """A process of the service in all but name: its own store, writer, push thread and server."""
    store = open_store(url, instance.clock)
    own = dataclasses.replace(
        instance, store=store, keyring=Keyring(store), profiles=SimpleNamespace(close=lambda: None)
    )
    app = create_app(instance.settings, opened=own)
    port = free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)
    server = Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    until(lambda: server.started, 30)
    if pace is not None:
        app.state.service.push.stream_pace = pace
    found = Running(
        base=f"http://127.0.0.1:{port}", store=store, service=app.state.service, server=server, thread=thread
    )
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def url(tmp_path: Path, fresh_database: FreshDatabase) -> str:
    """Where the store is."""
    return fresh_database(tmp_path)


@pytest.fixture
def served(instance: Instance, url: str) -> Iterator[Running]:
    """One process."""
    with running(instance, url) as found:
        yield found


class Reader:
    """Reads a stream in a thread of its own."""

    def __init__(self, base: str, headers: dict[str, str], last: str | None = None, query: str = "") -> None:
        self.lines: list[str] = []
        self.events: list[tuple[int, str, str]] = []
        self.status = 0
        self.ended = threading.Event()
        self._leave = threading.Event()
        more = {} if last is None else {"Last-Event-ID": last}
        self._arguments = (f"{base}/v1/stream/leads{query}", headers | more)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        until(lambda: ": open" in self.lines or self.status >= 400, 20)

    def _read(self) -> None:
        url, headers = self._arguments
        with httpx.Client(timeout=30, trust_env=False) as client, client.stream("GET", url, headers=headers) as answer:
            self.status = answer.status_code
            event: dict[str, str] = {}
            for line in answer.iter_lines():
                self.lines.append(line)
                name, _, value = line.partition(": ")
                event[name] = value
                if line == "" and "id" in event:
                    self.events.append((int(event["id"]), event["event"], event["data"]))
                event = event if line else {}
                if self._leave.is_set():
                    break
        self.ended.set()

    def wait(self, count: int) -> list[tuple[int, str, str]]:
        """The events, once there are so many."""
        until(lambda: len(self.events) >= count, 20)
        return list(self.events)

    def leave(self) -> None:
        """Go at the next line."""
        self._leave.set()


def announce(store: Store, institution: str, *numbers: int, kind: str = "lead.pushed", size: int = 0) -> None:
    """Announce numbered messages in one transaction."""
    now = store.clock.now()
    messages = [
        Message(institution_id=institution, kind=kind, payload={"number": number, "text": "x" * size})
        for number in numbers
    ]
    store.write(lambda connection: outbox.announce(connection, messages, now, now))


def numbers(events: list[tuple[int, str, str]]) -> list[int]:
    """The number in each event."""
    return [int(data.split('"number":')[1].split(",")[0]) for _, _, data in events]


def test_a_listener_gets_its_own_messages_as_they_come_and_nobody_elses(served: Running) -> None:
    reader = Reader(served.base, served.headers("I-1"))
    announce(served.store, "I-1", 1, 2)
    announce(served.store, "I-2", 3)
    announce(served.store, "I-1", 4, kind="lead.late")
    assert reader.wait(3) == [
        (1, "lead.pushed", '{"number":1,"text":""}'),
        (2, "lead.pushed", '{"number":2,"text":""}'),
        (4, "lead.late", '{"number":4,"text":""}'),
    ]
    told = served.store.read(
        lambda c: c.execute(text("SELECT subject, detail FROM audit WHERE action = 'pushed'")).all()
    )
    assert {subject for subject, _ in told} == {"I-1"}
    assert [f'"message_id":"msg_{n}"' in "".join(detail for _, detail in told) for n in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        True,
    ]
    assert served.store.read(audit.verify) is None


def test_who_comes_back_with_the_last_id_misses_nothing_and_gets_nothing_twice(served: Running) -> None:
    headers = served.headers("I-1")
    announce(served.store, "I-1", *range(130))
    first = Reader(served.base, headers, last="0").wait(130)
    assert numbers(first) == list(range(130))
    announce(served.store, "I-1", *range(130, 200))
    by_header = Reader(served.base, headers, last=str(first[100][0]))
    by_query = Reader(served.base, headers, query=f"?last_event_id={first[100][0]}")
    announce(served.store, "I-1", 200)
    for reader in (by_header, by_query):
        assert numbers(reader.wait(100)) == list(range(101, 201))
    stamped = text("SELECT count(*) FROM audit WHERE action = 'pushed'")
    assert served.store.read(lambda c: c.execute(stamped).scalar()) < 20


def test_messages_of_another_process_reach_the_listener_and_a_restart_loses_none(instance: Instance, url: str) -> None:
    with ExitStack() as stack:
        one = stack.enter_context(running(instance, url))
        two = stack.enter_context(running(instance, url))
        headers = one.headers("I-1")
        reader = Reader(one.base, headers)
        for number in range(20):
            announce((one, two)[number % 2].store, "I-1", number)
        seen = reader.wait(20)
        one.stop()
        assert reader.ended.wait(10)
        announce(two.store, "I-1", 20, 21)
        after = Reader(two.base, headers, last=str(seen[-1][0])).wait(2)
    assert numbers(seen) == list(range(20))
    assert numbers(after) == [20, 21]


def test_the_end_of_the_service_ends_its_streams_and_waits_for_none(served: Running) -> None:
    readers = [Reader(served.base, served.headers(f"I-{number}")) for number in range(3)]
    assert served.stop() < 10
    assert all(reader.ended.wait(5) for reader in readers)


def test_what_was_refused_is_not_streamed(served: Running) -> None:
    served.store.write(lambda c: webhooks.subscribe(c, "I-1", "lead.late", False, served.store.clock.now()))
    reader = Reader(served.base, served.headers("I-1"))
    announce(served.store, "I-1", 1, kind="lead.late")
    announce(served.store, "I-1", 2)
    assert numbers(reader.wait(1)) == [2]
    assert served.store.read(lambda c: outbox.after(c, "I-1", 0, 1))[0].is_delivered is False


def test_a_key_has_a_bounded_number_of_streams(served: Running) -> None:
    headers = served.headers("I-1")
    readers = [Reader(served.base, headers) for _ in range(MOST_PER_KEY)]
    refused = httpx.get(f"{served.base}/v1/stream/leads", headers=headers, trust_env=False)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    readers[0].leave()
    announce(served.store, "I-1", 1)
    until(lambda: len(served.service.push.listeners) == MOST_PER_KEY - 1)
    assert Reader(served.base, headers).status == 200


@pytest.mark.parametrize("last", ["none", "-1", "1.5", "9" * 18, "９"])
def test_a_number_that_is_none_of_the_stream_is_refused(served: Running, last: str) -> None:
    answered = httpx.get(
        f"{served.base}/v1/stream/leads", params={"last_event_id": last}, headers=served.headers("I-1"), trust_env=False
    )
    assert answered.status_code == 422


def test_a_quiet_stream_beats_and_a_revoked_key_hears_no_more(instance: Instance, url: str) -> None:
    with running(instance, url, StreamPace(heartbeat=0.1)) as served:
        headers = served.headers("I-1")
        reader = Reader(served.base, headers)
        until(lambda: reader.lines.count(": beat") >= 2)
        key_id = headers["Authorization"].split("_")[1]
        served.store.write(lambda connection: keys.revoke(connection, key_id))
        assert reader.ended.wait(10)
        assert reader.events == []


def test_a_listener_that_does_not_read_is_dropped_and_resumes_without_loss(instance: Instance, url: str) -> None:
    with running(instance, url, StreamPace(slowest=0.3)) as served:
        headers = served.headers("I-1")
        host, port = served.base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            request = f"GET /v1/stream/leads HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n\r\n"
            deaf.sendall(request.encode())
            until(lambda: len(served.service.push.listeners) == 1)
            for start in range(0, 400, 100):
                announce(served.store, "I-1", *range(start, start + 100), size=20_000)
            until(lambda: len(served.service.push.listeners) == 0, 20)
        assert numbers(Reader(served.base, headers, last="0").wait(400)) == list(range(400))


def test_from_announcing_to_the_listener_takes_less_than_a_poll(
    served: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, took = Reader(served.base, served.headers("I-1")), []
    for number in range(100):
        since = time.monotonic()
        announce(served.store, "I-1", number)
        reader.wait(number + 1)
        took.append((time.monotonic() - since) * 1_000)
    took.sort()
    with capsys.disabled():
        print(f"\nstream, one at a time: announced to read p50 {took[50]:.1f} ms, p99 {took[98]:.1f} ms")
    assert took[50] < 250
    read = served.service.metrics.registry.get_sample_value
    assert read("matcher_push_delay_seconds_count", {"channel": "stream"}) == 100
