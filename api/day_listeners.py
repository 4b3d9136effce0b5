"""The banks' ends of the push: a webhook receiver that believes nothing unsigned, and listeners of the stream."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from api import signing
from matcher.store.clock import Clock


@dataclass
class Inbox:
    """What one bank received.

    Parameters
    ----------
    bodies
        By message id: of a webhook ``msg_…`` and its bytes, of the stream its number and its data.
    refused
        Why something received was not believed.
    """

    secret: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


class Receivers:
    """Every bank's webhook at one address, told apart by its path."""

    def __init__(self, clock: Clock) -> None:
        self.inboxes: dict[str, Inbox] = {}
        self.port = 0
        self._clock = clock
        self._lock = threading.Lock()

    def url(self, institution_id: str) -> str:
        """Where this bank has its messages sent."""
        self.inboxes[institution_id] = Inbox()
        return f"http://127.0.0.1:{self.port}/{institution_id}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Believe one message or not; the status to answer."""
        inbox = self.inboxes.get(path.strip("/"))
        if inbox is None:
            return 404
        with self._lock:
            try:
                name = signing.verify([inbox.secret], headers, body, self._clock.now(), seen=inbox.seen)
            except signing.SignatureError as error:
                inbox.refused.append(f"{type(error).__name__}: {error}")
                return 400
            inbox.bodies[name] = body
        return 204


@contextmanager
def receiving(clock: Clock) -> Iterator[Receivers]:
    """Receive on a free port of the loopback."""
    receivers = Receivers(clock)

    class Handler(BaseHTTPRequestHandler):
        """Answers POST alone."""

        def do_POST(self) -> None:
            """Take one message."""
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receivers.take(self.path, headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receivers.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receivers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Listener:
    """One bank at the stream; it comes back where it was cut off, and misses nothing.

    Parameters
    ----------
    last
        Number of the last message received, 0 before the first.
    each
        Messages after which it lets the connection go, to come back by ``Last-Event-ID``.
    """

    def __init__(self, base: str, key: str, each: int = 25) -> None:
        self.inbox = Inbox()
        self.connections = 0
        self.last = "0"
        self._base, self._key, self._each = base, key, each
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="listener", daemon=True)

    def start(self) -> "Listener":
        """Begin to listen, from the first message kept."""
        self._thread.start()
        return self

    def end(self) -> None:
        """Come back no more; the service ends the open connection."""
        self._ended.set()

    def join(self) -> None:
        """Wait until the last connection is over."""
        self._thread.join(timeout=30)

    def _work(self) -> None:
        with httpx.Client(base_url=self._base, timeout=httpx.Timeout(5.0, read=40.0), trust_env=False) as client:
            while not self._ended.is_set():
                try:
                    self._listen(client)
                except httpx.HTTPError as error:
                    if not self._ended.is_set():
                        self.inbox.refused.append(type(error).__name__)
                        self._ended.wait(0.2)

    def _listen(self, client: httpx.Client) -> None:
        self.connections += 1
        headers = {"Authorization": f"Bearer {self._key}", "Last-Event-ID": self.last}
        number, left = "", self._each
        with client.stream("GET", "/v1/stream/leads", headers=headers) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = value
                elif name == "data":
                    if number in self.inbox.bodies:
                        self.inbox.refused.append(f"{number} twice")
                    self.inbox.bodies[number] = value.encode()
                    self.last, left = number, left - 1
                    if left <= 0:
                        return
