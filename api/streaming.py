"""The stream of an institution's messages, as server-sent events: read from the store by number, never from memory.

A listener keeps nothing but the number of the last message it was sent, so a slow one costs no memory, one that comes
back with ``Last-Event-ID`` misses nothing, and several processes serve the same stream.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import errors
from api.metrics import Metrics
from matcher.store import outbox, webhooks
from matcher.store.outbox import Told
from matcher.store.push_kinds import KINDS
from matcher.store.store import Store

_LOG = structlog.get_logger(__name__)
MOST_PER_KEY, MOST_IN_ALL = 4, 256
_BATCH = 50


class Listener:
    """One open stream."""

    def __init__(self, key_id: str, institution_id: str) -> None:
        self.key_id, self.institution_id = key_id, institution_id
        self.ended = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """There is something new; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    def end(self) -> None:
        """Send no more; from any thread."""
        self.ended = True
        self.wake()

    async def news(self, seconds: float) -> bool:
        """Whether there is something new before so many seconds have passed."""
        try:
            await asyncio.wait_for(self._news.wait(), max(seconds, 0.001))
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Listeners:
    """Every open stream of this process, a bounded number of them."""

    def __init__(self, per_key: int = MOST_PER_KEY, in_all: int = MOST_IN_ALL) -> None:
        self._per_key, self._in_all = per_key, in_all
        self._open: set[Listener] = set()
        self._lock = threading.Lock()
        self._ended = False

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, key_id: str, institution_id: str) -> Listener:
        """Open one more.

        Raises
        ------
        ProblemError
            429 where a key, or all together, have as many as they may; 503 while the service stops.
        """
        with self._lock:
            if self._ended:
                raise errors.unready(["stopping"])
            of_key = Counter(one.key_id for one in self._open)[key_id]
            if of_key >= self._per_key or len(self._open) >= self._in_all:
                raise errors.busy(5)
            listener = Listener(key_id, institution_id)
            self._open.add(listener)
            return listener

    def leave(self, listener: Listener) -> None:
        """Close one."""
        with self._lock:
            self._open.discard(listener)

    def wake(self, institutions: Iterable[str]) -> None:
        """Wake the listeners of these institutions."""
        wanted = frozenset(institutions)
        with self._lock:
            found = [one for one in self._open if one.institution_id in wanted]
        for one in found:
            one.wake()

    def end(self) -> None:
        """End every one, and open no more."""
        with self._lock:
            self._ended = True
            found = list(self._open)
        for one in found:
            one.end()


@dataclass(frozen=True, kw_only=True)
class StreamPace:
    """Seconds of the stream: between heartbeats, until a client should come back, and to take what is sent."""

    heartbeat: float = 15.0
    come_back: float = 2.0
    slowest: float = 30.0


class EventStream(Response):
    """Sends the messages after a number, then each new one, until the client goes or the service stops.

    Parameters
    ----------
    still_allowed
        Asked at every heartbeat: a revoked key is sent no more.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        listeners: Listeners,
        listener: Listener,
        after: int,
        still_allowed: Callable[[], Awaitable[bool]],
        pace: StreamPace | None = None,
    ) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        self._store, self._metrics, self._listeners = store, metrics, listeners
        self._listener, self._after, self._still_allowed = listener, after, still_allowed
        self._pace = pace or StreamPace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        watching = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._say(send, f"retry: {int(self._pace.come_back * 1_000)}\n\n: open\n\n")
            await self._serve(send)
            await self._body(send, b"", more=False)
        except TimeoutError:
            _LOG.info("stream listener too slow", institution_id=self._listener.institution_id)
        finally:
            watching.cancel()
            self._listeners.leave(self._listener)

    async def _serve(self, send: Send) -> None:
        beat = time.monotonic() + self._pace.heartbeat
        while not self._listener.ended:
            told = self._next()
            if told:
                await self._tell(send, told)
            elif not self._listener.ended:
                await self._listener.news(beat - time.monotonic())
            if time.monotonic() >= beat:
                if not await self._still_allowed():
                    return
                await self._say(send, ": beat\n\n")
                beat = time.monotonic() + self._pace.heartbeat

    def _next(self) -> tuple[Told, ...]:
        institution = self._listener.institution_id
        return self._store.read(lambda connection: outbox.after(connection, institution, self._after, _BATCH))

    async def _tell(self, send: Send, told: tuple[Told, ...]) -> None:
        """Send messages; that they are being disclosed is durable before they leave."""
        institution = self._listener.institution_id
        opted = self._store.read(lambda connection: webhooks.subscriptions_of(connection, institution))
        wanted = [one for one in told if one.kind in KINDS and opted.get(one.kind, True)]
        if not all(one.is_delivered for one in wanted):
            now = self._store.clock.now()
            change = self._store.submit(
                lambda connection: outbox.disclose(connection, institution, wanted, "stream", now)
            )
            first = await asyncio.wrap_future(change)
            for one in first:
                delay = (self._store.clock.now() - one.occurred_at).total_seconds()
                self._metrics.push_delay.labels("stream").observe(max(0.0, delay))
        if wanted:
            await self._say(send, "".join(map(event_text, wanted)))
            self._metrics.push_attempts.labels("stream", "delivered").inc(len(wanted))
        self._after = told[-1].sequence

    async def _say(self, send: Send, text: str) -> None:
        await self._body(send, text.encode(), more=True)

    async def _body(self, send: Send, content: bytes, *, more: bool) -> None:
        async with asyncio.timeout(self._pace.slowest):
            await send({"type": "http.response.body", "body": content, "more_body": more})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listener.end()


def event_text(told: Told) -> str:
    """One event; JSON has no bare line end, so its data is one line.

    >>> from datetime import UTC, datetime
    >>> told = Told(sequence=3, institution_id="I-1", kind="lead.pushed", payload='{"lead_id":"L-1"}',
    ...             occurred_at=datetime(2026, 11, 23, tzinfo=UTC), is_delivered=False)
    >>> event_text(told)
    'id: 3\\nevent: lead.pushed\\ndata: {"lead_id":"L-1"}\\n\\n'
    """
    return f"id: {told.sequence}\nevent: {told.kind}\ndata: {told.payload}\n\n"
