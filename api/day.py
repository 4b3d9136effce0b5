"""A scripted day in the city: demands published, pushed, claimed, late, decided, paid out, repaid; then the books.

Everything goes over HTTP to a real server, with a clock that is moved from day to day; at the end the store, its event
log, the banks' mail, targets, lists and training data are held against each other and against what callers were told.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import uvicorn

from api import day_books
from api.app import create_app
from api.bench_http import free_port
from api.day_callers import Actors, Wire
from api.day_ledger import Ledger
from api.day_listeners import Listener, Receivers, receiving
from api.day_script import DAYS, REPAID_ON, Story, stories
from api.instance import Instance, open_instance
from api.prices import plan_now
from api.pushing import run_clocks
from api.serving import Server
from api.settings import Settings
from api.target_counters import counters
from matcher.domain import Demand
from matcher.store import deliveries, demands, outbox
from matcher.store.agreement import Agreement, of_books
from matcher.store.books import Books, open_books
from matcher.store.clock import MovableClock

Advance = Callable[[str, int, int], object]
_THREADS = 4
_LOOKED_AT = 20_000
_PATIENCE = 120.0
_PLANNED_ON = 3
_STREAMS = 3


class DayError(Exception):
    """The day cannot be played; says why."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A day that was played.

    Parameters
    ----------
    counts
        What happened, by name.
    agreements
        What was held against what.
    """

    seed: int
    first_day: date
    last_day: date
    counts: dict[str, int]
    states: dict[str, int]
    agreements: tuple[Agreement, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether everything agrees with everything."""
        return all(one.holds for one in self.agreements)

    def document(self) -> dict[str, Any]:
        """The whole as JSON; the city is simulated, and it says so."""
        return {
            "simulated": True,
            "seed": self.seed,
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
            "counts": self.counts,
            "states": self.states,
            "agreements": [
                {
                    "name": one.name,
                    "text": {"zh-CN": one.text.zh, "en": one.text.en},
                    "compared": one.compared,
                    "differ": list(one.differ),
                }
                for one in self.agreements
            ],
            "agrees": self.holds,
            "seconds": round(self.seconds, 1),
        }


def play(settings: Settings, count: int, seed: int, say: Callable[[str], None], advance: Advance) -> Played:
    """Play the day on a store of its own and hold its books against each other.

    Parameters
    ----------
    settings
        Of a development instance; its store should be a new one.
    advance
        Told what is being done, how many steps are done, and how many there are.

    Raises
    ------
    DayError
        If the world has too few enterprises, or the service does not come to rest.
    """
    since = time.perf_counter()
    instance = open_instance(settings, say, clock=MovableClock)
    clock = instance.clock
    if not isinstance(clock, MovableClock):
        raise DayError("the clock of the day cannot be moved")
    with _served(instance) as base, receiving(clock) as receivers:
        stage = _Stage(instance, clock, base, receivers, stories(_cast(instance, count), seed))
        try:
            for number, day in enumerate(_days()):
                advance(clock.today().isoformat(), number, len(_days()))
                stage.play(day)
            advance("audit", len(_days()), len(_days()))
            found = stage.agreements()
            return Played(
                seed=seed,
                first_day=stage.first,
                last_day=clock.today(),
                counts=stage.counts(found[1]),
                states=dict(sorted(day_books.demand_states(found[1], stage.actors.ids.values()).items())),
                agreements=tuple(found[0]),
                seconds=time.perf_counter() - since,
            )
        finally:
            stage.close()


@dataclass
class _Tally:
    reminded: int = 0
    late: int = 0
    escalated: int = 0
    expired: int = 0


class _Stage:
    """One city with its banks, and what happens in it day by day."""

    def __init__(
        self, instance: Instance, clock: MovableClock, base: str, receivers: Receivers, told: Sequence[Story]
    ) -> None:
        self.first = clock.today()
        self.ledger = Ledger()
        self._instance, self._clock, self._receivers, self._stories = instance, clock, receivers, told
        self._banks = sorted(instance.matcher.catalog.institutions)
        keys = {bank: instance.keyring.issue("institution", bank) for bank in self._banks}
        keys |= {role: instance.keyring.issue(role) for role in ("platform", "regulator")}
        self._client = httpx.Client(base_url=base, timeout=60.0, trust_env=False)
        self._wire = Wire(self._client, keys)
        self.actors = Actors(self._wire, self.ledger, clock)
        self._listeners = {bank: Listener(base, keys[bank]).start() for bank in self._banks[1 : 2 * _STREAMS : 2]}
        for bank in self._banks[::2]:
            self._register(bank)
        self._tally = _Tally()
        plan_now(instance)

    def play(self, day: int) -> None:
        """One day: the clocks first, then what is published, then everybody's work, then rest."""
        if day:
            self._clock.move_to(self.first + timedelta(days=day))
        done = run_clocks(self._instance)
        if done is not None:
            self._tally.reminded += done.reminded
            self._tally.late += done.late
            self._tally.escalated += done.escalated
            self._tally.expired += done.expired
        self._prepare(day)
        if day == _PLANNED_ON:
            plan_now(self._instance)
        self._each(self.actors.publish, [story for story in self._stories if story.published_on == day])
        self._rest()
        self._each(lambda story: self.actors.work(story, day), self._stories)
        if day == 0:
            self.actors.invite()
        elif day == 1:
            self.actors.attend()
        self._rest()

    def agreements(self) -> tuple[list[Agreement], Books]:
        """Everything held against everything."""
        books = self._instance.store.read(open_books)
        year = self.first.year
        hooks, streams = self._receivers.inboxes, {bank: one.inbox for bank, one in self._listeners.items()}
        paid = [self.ledger.usccs[one.demand_id] for one in self.ledger.moves if one.move == "disbursement"]
        self._instance.profiles.prepare(paid, self._clock.today())
        wire, ledger = self._wire, self.ledger
        found = [
            *of_books(books),
            *day_books.of_callers(ledger, books),
            *day_books.of_messages(hooks, streams, books),
            day_books.of_consents(wire, ledger),
            *day_books.of_targets(wire, counters(self._instance, year), ledger, books, year),
            *day_books.of_training(self._instance.store.database.url, ledger, books),
            *day_books.of_lists(wire, self._banks, ledger, self._instance.store.read(open_books)),
        ]
        return found, books

    def counts(self, books: Books) -> dict[str, int]:
        """What happened, counted from what callers were told and from the log."""
        moved = self.ledger.count
        decided = [one for one in self.ledger.moves if one.move == "decision"]
        claims: dict[str, int] = {}
        for one in self.ledger.moves:
            if one.move == "claim":
                claims[one.demand_id] = claims.get(one.demand_id, 0) + 1
        return {
            "published": moved("published") + moved("publish"),
            "recommended": len(self.ledger.recommendations),
            "events": len(self.ledger.events),
            "pushed_leads": len(books.told("lead.pushed")),
            "webhook_messages": sum(len(one.bodies) for one in self._receivers.inboxes.values()),
            "stream_messages": sum(len(one.inbox.bodies) for one in self._listeners.values()),
            "claimed": moved("claim"),
            "claimed_by_several": sum(count > 1 for count in claims.values()),
            "contacted": moved("contact"),
            "reminded": self._tally.reminded,
            "late": self._tally.late,
            "escalated": self._tally.escalated,
            "late_moves": sum(bool(move.late) and move.before != move.after for move in books.moves),
            "returned": moved("return"),
            "reopened": moved("reopen"),
            "rejected": sum(bool(one.body.get("rejected")) for one in decided),
            "approved": sum(bool(one.body.get("approved")) for one in decided),
            "signed": moved("sign"),
            "disbursed": moved("disbursement"),
            "repaid": moved("repayment"),
            "withdrawn": moved("withdraw"),
            "expired": self._tally.expired,
            "meetings_held": self.ledger.met.get("attended", 0),
            "closed_meanwhile": sum(self.ledger.refused.values()),
            "consents_changed": len(self.ledger.granted),
            "audit_rows": len(books.audit),
        }

    def close(self) -> None:
        """Let everybody go home."""
        for one in self._listeners.values():
            one.end()
        self._client.close()

    def _register(self, bank: str) -> None:
        url = self._receivers.url(bank)
        made = self._wire.call(bank, "POST", "/v1/webhooks", {"url": url}).json()
        self._receivers.inboxes[bank].secret = made["secret"]

    def _prepare(self, day: int) -> None:
        """Have the profiles at hand that the day will ask for."""
        wanted = [one.body["uscc"] for one in self._stories if day in {one.published_on, self._reopened(one)}]
        self._instance.profiles.prepare(wanted, self._clock.today())

    def _reopened(self, story: Story) -> int | None:
        return None if story.reopened_on is None else story.published_on + story.reopened_on

    def _each(self, do: Callable[[Story], None], told: Sequence[Story]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(do, told))

    def _rest(self) -> None:
        """Wait until nothing waits to be pushed or sent, and every listener heard what there was to hear."""
        deadline = time.monotonic() + _PATIENCE
        while not self._is_at_rest():
            if time.monotonic() > deadline:
                raise DayError("the pushes of the day do not come to an end")
            time.sleep(0.02)

    def _is_at_rest(self) -> bool:
        with self._instance.store.reading() as connection:
            if demands.to_push(connection, 1) or deliveries.is_busy(connection):
                return False
            return all(not outbox.after(connection, bank, int(one.last), 1) for bank, one in self._listeners.items())


def _days() -> tuple[int, ...]:
    return (*range(DAYS + 1), REPAID_ON)


def _cast(instance: Instance, count: int) -> list[Demand]:
    """Demands of as many enterprises, the latest of each, to be published anew."""
    found: dict[str, Demand] = {}
    for kept in instance.store.read(lambda connection: demands.latest(connection, _LOOKED_AT)):
        if kept.demand.uscc in instance.profiles:
            found.setdefault(kept.demand.uscc, kept.demand)
    if len(found) < count:
        raise DayError(f"{count} demands need as many enterprises: this world has {len(found)} with a demand")
    return list(found.values())[:count]


@contextmanager
def _served(instance: Instance) -> Iterator[str]:
    """The service under uvicorn on a free port of the loopback, in a thread; its address."""
    port = free_port()
    app = create_app(instance.settings, opened=instance)
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise DayError("the service did not start; the lines above say why")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def day_settings(settings: Settings, home: Any, database: str | None) -> Settings:
    """Settings of the day: a home and store of its own, the same world and models, nothing planned in between."""
    changes: Mapping[str, Any] = {
        "matcher_home": home,
        "matcher_city": settings.city,
        "database_url": database,
        "refresh_minutes": 0,
        "clocks_tick_seconds": 86_400,
        "max_in_flight": 64,
    }
    return settings.model_copy(update=dict(changes))
