"""Sends what is due to webhooks, and wakes the listeners of the stream, from one thread with an event loop of its own.

A slow endpoint holds its own few slots and nobody else's. Nothing is decided here that is not in the store first: an
attempt is claimed before it is made, and what became of it is kept before the next one.
"""

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx
import msgspec
import structlog
from sqlalchemy import Connection

from api import signing
from api.metrics import Metrics
from api.outbound import Guard, PinnedTransport, RefusedUrlError, UnresolvedError
from api.streaming import Listeners, StreamPace
from matcher.store import audit, deliveries, outbox, webhooks
from matcher.store.deliveries import Claimed, Outcome
from matcher.store.push_kinds import TEST
from matcher.store.store import Store
from matcher.store.writer import WriterClosedError

_LOG = structlog.get_logger(__name__)
_GONE: Final = 410


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How eagerly is sent.

    Parameters
    ----------
    retries
        Seconds to wait after each failed attempt; after the last of them a failure is dead. Each wait is lengthened by
        up to a quarter at random, so that what failed together does not return together.
    patience
        Seconds an attempt may take, from the look-up of the name to the status line.
    lease
        Seconds after which a claim lapses whose process said nothing; more than ``patience``.
    look_every
        Seconds between two looks, where no nudge comes before.
    parting
        Seconds attempts in work are given at the end; one cut short is made again once its claim lapsed.
    at_once, per_webhook
        Attempts in work, in all and to one webhook.
    """

    retries: tuple[float, ...] = (5, 30, 120, 600, 3_600, 21_600, 86_400)
    patience: float = 10.0
    lease: float = 30.0
    parting: float = 3.0
    look_every: float = 0.25
    at_once: int = 64
    per_webhook: int = 4


class Push:
    """The thread that delivers.

    Parameters
    ----------
    listeners
        Woken when there is something new for their institution, whichever process announced it.
    """

    def __init__(self, store: Store, metrics: Metrics, guard: Guard, pace: Pace | None = None) -> None:
        self.listeners = Listeners()
        self.guard = guard
        self.stream_pace = StreamPace()
        self._store, self._metrics, self._pace = store, metrics, pace or Pace()
        self._ended = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="push", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._head = 0
        self._working: dict[asyncio.Task[None], str] = {}

    def start(self) -> "Push":
        """Begin to deliver; what is announced from now on reaches every listener."""
        self._head = self._store.read(outbox.head)
        self._forget = outbox.on_announced(self._store.database, self.nudge)
        self._thread.start()
        self._ready.wait()
        return self

    def nudge(self) -> None:
        """Look now: there is something new; from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop is over, and with it all there was to look for
                loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """End the listeners, begin no more attempts, and give those in work a moment to end."""
        self.listeners.end()
        self._ended.set()
        if self._thread.is_alive():
            self._forget()
            self.nudge()
            self._thread.join(self._pace.parting + self._pace.patience)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        transport = PinnedTransport(self.guard)
        timeout = httpx.Timeout(self._pace.patience)
        async with httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False) as client:
            while not self._ended.is_set():
                self._wake.clear()
                try:
                    self._wake_listeners()
                    await self._begin_due(client)
                except WriterClosedError:
                    break
                except Exception as error:  # whatever the store says now, what is due stays due
                    _LOG.error("push could not look", kind=type(error).__name__)
                await self._rest()
            if self._working:
                await asyncio.wait(self._working, timeout=self._pace.parting)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), self._pace.look_every)
        except TimeoutError:
            return

    def _wake_listeners(self) -> None:
        told = self._store.read(lambda connection: outbox.told_since(connection, self._head))
        if told:
            self._head = max(told.values())
            self.listeners.wake(told)

    async def _begin_due(self, client: httpx.AsyncClient) -> None:
        free = self._pace.at_once - len(self._working)
        if free <= 0:
            return
        now = self._store.clock.now()
        in_work = Counter(self._working.values())
        busy = {webhook for webhook, count in in_work.items() if count >= self._pace.per_webhook}
        found = self._store.read(lambda connection: deliveries.due(connection, now, self._pace.per_webhook, busy, free))
        wanted = []
        for delivery_id, webhook in found:
            if in_work[webhook] < self._pace.per_webhook:
                in_work[webhook] += 1
                wanted.append(delivery_id)
        if not wanted:
            return
        until = now + timedelta(seconds=self._pace.lease)
        claiming = self._store.submit(lambda connection: deliveries.claim(connection, wanted, now, until))
        for claimed in await asyncio.wrap_future(claiming):
            task = asyncio.create_task(self._deliver(client, claimed))
            self._working[task] = claimed.webhook.webhook_id
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("push not recorded", kind=type(task.exception()).__name__)

    async def _deliver(self, client: httpx.AsyncClient, claimed: Claimed) -> None:
        status, error = await self._post(client, claimed)
        now = self._store.clock.now()
        outcome = self._judge(claimed, status, error, now)
        is_first = await asyncio.wrap_future(
            self._store.submit(lambda connection: deliveries.record(connection, claimed, outcome, now))
        )
        self._metrics.push_attempts.labels("webhook", outcome.state).inc()
        if is_first and claimed.kind != TEST:
            self._metrics.push_delay.labels("webhook").observe(max(0.0, (now - claimed.occurred_at).total_seconds()))
        if status == _GONE:
            await asyncio.wrap_future(self._store.submit(lambda connection: _disable(connection, claimed, now)))

    async def _post(self, client: httpx.AsyncClient, claimed: Claimed) -> tuple[int | None, str | None]:
        """The status answered, or why there is none; nothing of the answer's body is read."""
        sent_at = self._store.clock.now()
        body = body_of(claimed)
        signed = signing.sign(claimed.webhook.secrets_at(sent_at), outbox.message_id(claimed.sequence), sent_at, body)
        headers = {**signed, "content-type": "application/json", "user-agent": "credit-matcher"}
        try:
            async with asyncio.timeout(self._pace.patience):
                async with client.stream("POST", claimed.webhook.url, content=body, headers=headers) as answer:
                    return answer.status_code, None
        except TimeoutError:
            return None, f"no answer within {self._pace.patience:g} s"
        except (RefusedUrlError, UnresolvedError) as error:
            return None, f"refused: {error}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return None, f"not reached ({type(error).__name__})"

    def _judge(self, claimed: Claimed, status: int | None, error: str | None, now: datetime) -> Outcome:
        if status is not None and 200 <= status < 300:
            return Outcome(state=deliveries.DELIVERED, next_at=now, status=status, error=None)
        told = error or f"answered {status}"
        if status == _GONE or claimed.attempt > len(self._pace.retries):
            return Outcome(state=deliveries.DEAD, next_at=now, status=status, error=told)
        wait = self._pace.retries[claimed.attempt - 1] * random.uniform(1.0, 1.25)
        return Outcome(state=deliveries.PENDING, next_at=now + timedelta(seconds=wait), status=status, error=told)


def body_of(claimed: Claimed) -> bytes:
    """What is posted: type, moment and data; the same bytes at every attempt."""
    return msgspec.json.encode(
        {
            "type": claimed.kind,
            "timestamp": claimed.occurred_at.isoformat(),
            "data": msgspec.Raw(claimed.payload.encode()),
        }
    )


def _disable(connection: Connection, claimed: Claimed, now: datetime) -> None:
    webhook = claimed.webhook
    webhooks.set_active(connection, webhook.webhook_id, False)
    detail: dict[str, object] = {"institution_id": webhook.institution_id, "reason": "answered 410 Gone"}
    entry = audit.Entry(actor="system:push", action="webhook_disabled", subject=webhook.webhook_id, detail=detail)
    audit.append(connection, entry, now)
