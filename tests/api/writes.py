"""Writes to hammer the service with: each knows its own retry, and what it must have done to the store once."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from matcher.store.leads import lead_id_of
from matcher.store.tables import consents, demand_moves, demands
from matcher.store.tables_platform import events

DONE = {200, 201}
STEPS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("claim", {}, "claimed"),
    ("contact", {}, "contacted"),
    ("decision", {"approved": True, "amount_cny": "100000", "annual_rate": "0.04"}, "approved"),
    ("disbursement", {"amount_cny": "100000"}, "disbursed"),
)


@dataclass(frozen=True, kw_only=True)
class Write:
    """One request that changes something.

    Parameters
    ----------
    who
        ``platform`` or the id of an institution.
    once
        Its idempotency key; ``None`` where repeating is harmless by itself.
    mark
        What tells its effect from every other's: an amount, event ids, a lead and its state, a consent.
    """

    kind: str
    who: str
    method: str
    path: str
    body: Any
    once: str | None
    mark: Any


def jobs(
    number: int, usccs: Sequence[str], known: Sequence[tuple[str, str]], leads: Sequence[tuple[str, str]], count: int
) -> list[list[Write]]:
    """About so many writes of every kind, in jobs whose writes follow one another.

    Parameters
    ----------
    number
        Of the round: no two rounds write the same.
    known
        (demand, product) to tell events of.
    leads
        (demand, institution) that stand pushed, to be worked on.
    """
    chance = random.Random(number)
    found = [_steps(number, chance, demand, bank) for demand, bank in leads]
    left = count - sum(map(len, found))
    for place in range(left):
        kind = chance.random()
        if kind < 0.4:
            found.append([_publication(number, place, chance.choice(usccs))])
        elif kind < 0.75:
            found.append([_events(number, place, *chance.choice(known))])
        else:
            found.append([_consent(number, place, chance.choice(usccs))])
    chance.shuffle(found)
    return found


class Effects:
    """What writes did to a store, read once."""

    def __init__(self, connection: Connection) -> None:
        documents = connection.execute(select(demands.c.document)).scalars()
        self._amounts = Counter(msgspec.json.decode(text)["amount_cny"] for text in documents)
        self._events = set(connection.execute(select(events.c.event_id)).scalars())
        moves = select(demand_moves.c.lead_id, demand_moves.c.after).where(demand_moves.c.before.is_not(None))
        self._moves = Counter((row.lead_id, row.after) for row in connection.execute(moves))
        table = consents.c
        standing = select(table.uscc).where(
            table.source == "tax", table.recipient == "institutions", table.revoked.is_(False)
        )
        self._consents = Counter(connection.execute(standing).scalars())

    def of(self, write: Write) -> int:
        """How often a write is found: 1 where it was done, 0 where it was not; -1 where it was done in part."""
        if write.kind == "events":
            found = len(self._events & set(write.mark))
            return {0: 0, len(write.mark): 1}.get(found, -1)
        counted: Counter[Any] = {"demand": self._amounts, "lead": self._moves, "consent": self._consents}[write.kind]
        return counted[write.mark]


def _publication(number: int, place: int, uscc: str) -> Write:
    amount = f"{1_000_000 + number * 10_000 + place}.37"
    body = {"uscc": uscc, "amount_cny": amount, "term_months": 12, "purpose": "working_capital"}
    name = f"k{number}-{place}"
    return Write(kind="demand", who="platform", method="POST", path="/v1/demands", body=body, once=name, mark=amount)


def _events(number: int, place: int, demand: str, product: str) -> Write:
    names = [f"e{number}-{place}-{each}" for each in range(3)]
    body = {
        "events": [
            {
                "event_id": name,
                "type": "clicked",
                "occurred_at": "2026-10-31T12:00:00+08:00",
                "demand_id": demand,
                "product_id": product,
            }
            for name in names
        ]
    }
    once = f"k{number}-{place}"
    return Write(kind="events", who="platform", method="POST", path="/v1/events", body=body, once=once, mark=names)


def _consent(number: int, place: int, uscc: str) -> Write:
    day = f"2027-{1 + place % 12:02d}-{1 + number % 28:02d}"
    path = f"/v1/enterprises/{uscc}/consents/tax"
    body = {"purpose": "lead_disclosure", "recipient": "institutions", "expires_on": day}
    return Write(kind="consent", who="platform", method="PUT", path=path, body=body, once=None, mark=uscc)


def _steps(number: int, chance: random.Random, demand: str, bank: str) -> list[Write]:
    lead = lead_id_of(demand, bank)
    return [
        Write(
            kind="lead",
            who=bank,
            method="POST",
            path=f"/v1/leads/{lead}/{move}",
            body=body,
            once=f"k{number}-{lead}-{move}",
            mark=(lead, state),
        )
        for move, body, state in STEPS[: chance.randint(1, len(STEPS))]
    ]


def flat(given: Sequence[Sequence[Write]]) -> Iterator[Write]:
    """Every write of every job."""
    for job in given:
        yield from job
