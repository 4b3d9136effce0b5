"""Takes published demands from the queue to the institutions they can be offered to, and keeps the desk's clocks.

One thread of its own. What it finds undone at the start, after a crash or from another process, it does; a demand that
two processes take at once is pushed by one of them.
"""

import threading
import time

import structlog
from sqlalchemy import Connection

from api import asking
from api.instance import Instance
from matcher.matching import Question
from matcher.reach import Reach
from matcher.store import clocks, demands, enterprises, leads
from matcher.store.demands import KeptDemand
from matcher.store.moves import Act

_LOG = structlog.get_logger(__name__)
ACTOR = "service:push"
MASKED = {"zh": "某企业", "en": "An enterprise"}
"""What an institution reads for the name before a consent discloses it."""
_POLL_SECONDS = 1.0
_REST_SECONDS = 60.0
_BLOCK = 50


class Pusher:
    """The worker.

    Parameters
    ----------
    poll
        Seconds between two looks at the queue where nobody wakes it: what other processes left.
    """

    def __init__(self, instance: Instance, poll: float = _POLL_SECONDS) -> None:
        self._instance, self._poll = instance, poll
        self._woken, self._ended = threading.Event(), threading.Event()
        self._resting: dict[str, float] = {}
        self._next_tick = 0.0
        self._thread = threading.Thread(target=self._work, name="pusher", daemon=True)

    def start(self) -> "Pusher":
        """Begin, with whatever was left over."""
        self._thread.start()
        return self

    def wake(self) -> None:
        """Something waits in the queue: look at once."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the demand in hand, then end."""
        self._ended.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def push_waiting(self) -> int:
        """Push what waits now, the longest waiting first; how many demands were taken."""
        now = time.monotonic()
        waiting = self._instance.store.read(lambda connection: demands.to_push(connection, _BLOCK + len(self._resting)))
        ready = [demand_id for demand_id in waiting if self._resting.get(demand_id, now) <= now]
        for demand_id in ready:
            if self._ended.is_set():
                break
            self._push(demand_id)
        return len(ready)

    def tick(self) -> clocks.Round | None:
        """One round over the clocks; ``None`` where there was nothing to do."""
        return run_clocks(self._instance)

    def _push(self, demand_id: str) -> None:
        try:
            push_one(self._instance, demand_id)
            self._resting.pop(demand_id, None)
        except Exception as error:  # one demand that cannot be pushed must not keep the others waiting
            _LOG.error("not pushed", demand_id=demand_id, kind=type(error).__name__, exc_info=error)
            self._resting[demand_id] = time.monotonic() + _REST_SECONDS

    def _work(self) -> None:
        while not self._ended.is_set():
            self._woken.clear()
            try:
                more = self.push_waiting() >= _BLOCK
                self._tick_in_time()
            except Exception as error:  # the store may be away for a while; the thread must outlive that
                more = False
                _LOG.error("pusher", kind=type(error).__name__, exc_info=error)
            if not more:
                self._woken.wait(self._poll)

    def _tick_in_time(self) -> None:
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + self._instance.settings.clocks_tick_seconds
            self.tick()


def push_one(instance: Instance, demand_id: str) -> tuple[leads.KeptLead, ...]:
    """Offer one waiting demand to the institutions in the market's order; the leads made, none if it waits no more."""
    act = Act(actor=ACTOR, now=instance.clock.now(), today=instance.clock.today())
    with instance.store.reading() as connection:
        kept = demands.find(connection, demand_id)
        offers = () if kept is None or kept.state == demands.State.DRAFT else _offers(instance, connection, kept, act)
    settings = instance.settings

    def change(connection: Connection) -> tuple[leads.KeptLead, ...]:
        return leads.push(connection, demand_id, offers, act, settings.clocks, enterprise_name=MASKED)

    return instance.store.write(change)


def run_clocks(instance: Instance) -> clocks.Round | None:
    """One round over the clocks as of the instance's day; ``None`` where there was nothing to do."""
    today, now = instance.clock.today(), instance.clock.now()
    if instance.store.read(lambda connection: clocks.is_idle(connection, today, instance.settings.clocks)):
        return None
    settings = instance.settings
    done = instance.store.write(lambda connection: clocks.tick(connection, today, now, settings.clocks))
    _LOG.info("clocks", reminded=done.reminded, late=done.late, escalated=done.escalated, expired=done.expired)
    return done


def _offers(instance: Instance, connection: Connection, kept: KeptDemand, act: Act) -> tuple[leads.Offer, ...]:
    matcher = instance.matcher
    profile = asking.profile_of(instance, connection, kept.demand.uscc, act.today)
    personalised = enterprises.is_personalised(connection, kept.demand.uscc)
    dealings = instance.dealings.lines(connection, kept.demand.uscc, act.today) if personalised else None
    question = Question(
        demand=kept.demand, as_of=act.today, profile=profile, dealings=dealings, personalised=personalised
    )
    products = matcher.catalog.products
    row_of = matcher.catalog.row_of

    def offer(reach: Reach) -> leads.Offer:
        name = products[row_of[reach.product_id]].name
        return leads.Offer(
            institution_id=reach.institution_id,
            product_id=reach.product_id,
            product_name={"zh": name.zh, "en": name.en},
            p_apply=reach.p_apply,
            p_approve=reach.p_approve,
            score=reach.score,
            verdict=reach.verdict.value,
        )

    return tuple(offer(reach) for reach in matcher.reach(question))
