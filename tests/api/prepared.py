"""A store as several processes find it: a small city with prices, a key for everybody, and leads already pushed."""

import secrets
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.instance import Instance, open_instance
from api.keys import ensure_keys
from api.prices import plan_now
from api.pushing import push_one
from api.settings import Settings
from matcher.demand_states import State
from matcher.store import demands
from matcher.store.demands import KeptDemand
from matcher.store.documents import demand_to_document
from matcher.store.moves import Act
from matcher.store.store import Store
from matcher.store.tables_platform import leads


@dataclass(frozen=True, kw_only=True)
class City:
    """Settings of the service under test, and what its callers know.

    Parameters
    ----------
    keys
        By role, and by institution.
    bodies
        Demands to publish, likely to reach somebody.
    """

    settings: Settings
    day: date
    keys: dict[str, str]
    usccs: list[str]
    products: list[str]
    bodies: list[dict[str, Any]]

    def pairs(self, store: Store, state: str = "pushed") -> list[tuple[str, str, str]]:
        """Demands that reached several institutions, with two of them; both leads in a state, if one is named."""
        query = select(leads.c.demand_id, leads.c.institution_id, leads.c.state).order_by(leads.c.lead_id)
        found: dict[str, list[str]] = {}
        for row in store.read(lambda connection: connection.execute(query).all()):
            if row.state == (state or row.state):
                found.setdefault(row.demand_id, []).append(row.institution_id)
        return [(demand, banks[0], banks[1]) for demand, banks in found.items() if len(banks) > 1]

    def busiest(self, store: Store) -> tuple[str, str]:
        """The two institutions with most leads."""
        rows = store.read(lambda connection: connection.execute(select(leads.c.institution_id)).scalars().all())
        (first, _), (second, _) = Counter(rows).most_common(2)
        return first, second


def prepared(world: Path, models: Path, home: Path, url: str, count: int) -> City:
    """Make the store, with so many demands published and pushed."""
    settings = Settings(
        matcher_home=home,
        matcher_city=world,
        matcher_models=models,
        database_url=url,
        refresh_minutes=0,
        requests_per_minute=10_000_000,
        max_in_flight=256,
    )
    instance = open_instance(settings, lambda _line: None)
    plan_now(instance)
    made = ensure_keys(instance)
    assert made is not None
    keys = {bank: instance.keyring.issue("institution", bank) for bank in instance.matcher.catalog.institutions}
    known = instance.store.read(lambda connection: demands.latest(connection, 2 * count))
    _publish(instance, known[:count])
    city = City(
        settings=settings,
        day=instance.clock.today(),
        keys={**keys, "platform": made["platform"], "admin": made["admin"]},
        usccs=sorted({one.demand.uscc for one in known}),
        products=[product.product_id for product in instance.matcher.catalog.products],
        bodies=[_body(one) for one in known[:count]],
    )
    instance.close()
    return city


def _publish(instance: Instance, known: tuple[KeptDemand, ...]) -> None:
    act = Act(actor="test", now=instance.clock.now(), today=instance.clock.today())
    for kept in known:
        name = f"D-{secrets.token_hex(8)}"
        added = KeptDemand(
            demand=replace(kept.demand, demand_id=name), state=State.PUBLISHED.value, published_on=act.today
        )
        instance.store.write(lambda connection, added=added: demands.add(connection, added, act))
        push_one(instance, name)


def _body(kept: KeptDemand) -> dict[str, Any]:
    document = demand_to_document(kept.demand)
    document["collateral"] = [
        {name: value for name, value in one.items() if value is not None} for one in document["collateral"]
    ]
    return {name: value for name, value in document.items() if value is not None and name != "needed_by"}
