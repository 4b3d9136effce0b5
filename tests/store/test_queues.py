"""What a plan is made from: officers' months, open demands, files sent and what may be read, as kept."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from matcher.demand_states import Turn
from matcher.desk_clocks import Clocks
from matcher.domain import Demand, Purpose
from matcher.store import demands, enterprises, officers, queues, turns
from matcher.store.clock import PinnedClock
from matcher.store.moves import Act
from matcher.store.store import Store, open_store
from matcher.store.tables_platform import events, leads

DAY = date(2026, 10, 31)
OWNERS = {"P-1": "B-1", "P-2": "B-1", "P-3": "B-2"}


@pytest.fixture
def store(tmp_path: Path, fresh_database: Callable[[Path], str]) -> Iterator[Store]:
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=DAY))
    yield opened
    opened.close()


def month(period: date, reviewed: int | None = 5, institution: str = "B-1") -> officers.OfficerMonth:
    return officers.OfficerMonth(
        institution_id=institution, period=period, officers=3, capacity=None, reviewed=reviewed
    )


def event(number: int, kind: str, demand: str, product: str | None) -> dict[str, object]:
    at = f"2026-10-{number:02}T00:00:00+00:00"
    return {
        "event_id": f"EV-{number}",
        "type": kind,
        "occurred_at": at,
        "received_at": at,
        "actor": "platform",
        "demand_id": demand,
        "product_id": product,
        "fingerprint": "",
    }


def lead(demand: str, institution: str, state: str) -> dict[str, object]:
    return {
        "lead_id": f"{demand}{institution}",
        "demand_id": demand,
        "institution_id": institution,
        "product_id": "P-1",
        "state": state,
        "origin": "outreach",
        "late": False,
        "changed_at": "",
    }


def publish(store: Store, *names: str) -> None:
    stated = Demand(uscc="U", amount_cny=Decimal(1_000), term_months=12, purpose=Purpose.EXPORT)
    kept = [
        demands.KeptDemand(demand=replace(stated, demand_id=name), state="published", published_on=DAY)
        for name in names
    ]
    store.write(lambda connection: demands.publish(connection, kept, "test", store.clock.now()))


def test_months_reported_again_replace_what_was_said_and_later_ones_are_not_read(store: Store) -> None:
    now = store.clock.now()
    first, later = month(date(2026, 9, 1)), month(date(2026, 11, 1))
    store.write(lambda connection: officers.keep(connection, [first, later, month(DAY, None, "B-0")], now))
    again = replace(first, reviewed=None, capacity=7)
    store.write(lambda connection: officers.keep(connection, [again], now))
    found = store.read(lambda connection: officers.months_until(connection, DAY))
    assert found == (month(DAY, None, "B-0"), again)


def test_demands_are_open_for_thirty_days_unless_something_closed_them(store: Store) -> None:
    stated = Demand(uscc="U", amount_cny=Decimal(1_000), term_months=12, purpose=Purpose.EXPORT)
    days = {"D-1": DAY, "D-2": date(2026, 10, 2), "D-3": date(2026, 10, 1), "D-4": date(2026, 11, 1), "D-5": DAY}
    kept = [
        demands.KeptDemand(demand=replace(stated, demand_id=name), state="published", published_on=day)
        for name, day in days.items()
    ]
    store.write(lambda connection: demands.publish(connection, kept, "test", store.clock.now()))
    act = Act(actor="test", now=store.clock.now(), today=DAY)
    store.write(lambda connection: turns.turn(connection, "D-5", Turn.WITHDRAW, act, Clocks()))
    found = store.read(lambda connection: queues.open_demands(connection, DAY))
    assert [one.demand_id for one in found] == ["D-1", "D-2"]


def test_files_are_the_last_product_applied_for_at_each_institution_less_what_was_taken_back(store: Store) -> None:
    log = [
        event(1, "applied", "D-1", "P-1"),
        event(2, "applied", "D-1", "P-2"),
        event(3, "applied", "D-1", "P-3"),
        event(4, "applied", "D-2", "P-1"),
        event(5, "withdrawn", "D-2", None),
        event(6, "clicked", "D-3", "P-1"),
        event(7, "applied", "D-4", "P-gone"),
        event(8, "applied", "D-5", "P-3"),
        event(9, "applied", "D-6", "P-1"),
        event(10, "withdrawn", "D-6", "P-3"),
    ]
    publish(store, *(f"D-{number}" for number in range(1, 7)))
    answered = lead("D-5", "B-2", "rejected")
    store.write(lambda connection: connection.execute(events.insert(), log))
    store.write(lambda connection: connection.execute(leads.insert(), [answered]))
    assert store.read(lambda connection: queues.files_sent(connection, OWNERS, date(2026, 12, 1))) == ()
    found = store.read(lambda connection: queues.files_sent(connection, OWNERS, DAY))
    assert [(one.demand_id, one.product_id, one.institution_id) for one in found] == [
        ("D-1", "P-2", "B-1"),
        ("D-1", "P-3", "B-2"),
        ("D-6", "P-1", "B-1"),
    ]


def test_leads_in_work_are_promised_reviews(store: Store) -> None:
    rows = [
        lead("D-1", "B-1", "claimed"),
        lead("D-2", "B-1", "due_diligence"),
        lead("D-3", "B-1", "approved"),
        lead("D-4", "B-2", "pushed"),
    ]
    publish(store, "D-1", "D-2", "D-3", "D-4")
    store.write(lambda connection: connection.execute(leads.insert(), rows))
    assert store.read(queues.committed) == {"B-1": 2}
    assert store.read(lambda connection: queues.decided(connection, DAY)) == {("D-3", "B-1")}
    assert store.read(lambda connection: queues.decided(connection, date(2026, 12, 1))) == frozenset()


def test_what_may_be_read_is_what_each_enterprise_behind_an_open_demand_permits_that_day(store: Store) -> None:
    stated = Demand(demand_id="D-1", uscc="U", amount_cny=Decimal(1_000), term_months=12, purpose=Purpose.EXPORT)
    kept = [demands.KeptDemand(demand=stated, state="published", published_on=DAY)]
    spans = {"tax": None, "credit": DAY, "ip": date(2026, 10, 30)}
    grants = [
        enterprises.ConsentRow(
            uscc=uscc,
            source=source,
            purpose="financing_match",
            recipient="platform",
            granted_on=date(2026, 1, 1),
            expires_on=end,
        )
        for uscc in ("U", "V")
        for source, end in spans.items()
    ]
    store.write(lambda connection: demands.publish(connection, kept, "test", store.clock.now()))
    store.write(lambda connection: enterprises.grant(connection, grants, store.clock.now()))
    store.write(lambda connection: enterprises.revoke(connection, "U", "credit", None, None))
    found = store.read(lambda connection: queues.permissions(connection, "platform", "financing_match", DAY))
    assert found == {"U": frozenset({"tax"})}
