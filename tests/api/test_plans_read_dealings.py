"""A plan scores a pair with the same earlier dealings as the list the enterprise would be shown; old lists go."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, select

from api.instance import Instance
from features.dealings import dealings_of
from matcher.matching import Question
from matcher.planning import plan_market
from matcher.ranker import Ranker
from matcher.replanning import PLANS_KEPT, Queues, put_into_service, read_queues
from matcher.standing import Row, mask
from matcher.store import lead_lists
from matcher.store.tables import demands as demand_table
from matcher.store.tables_platform import events, leads, price_tables

pytestmark = pytest.mark.xdist_group("api")
CHAMPION = Path(__file__).parents[2] / "models" / "ranker"
MOMENT = "2026-09-01T09:00:00+08:00"


@pytest.fixture(scope="module")
def day(instance: Instance) -> date:
    """Today."""
    return instance.clock.today()


@pytest.fixture(scope="module")
def queue(instance: Instance, day: date) -> Queues:
    """What a plan of today is made from."""
    with instance.store.reading() as connection:
        return read_queues(connection, instance.matcher.catalog, instance.dealings, day)


@pytest.fixture(scope="module")
def rows(instance: Instance, queue: Queues, day: date) -> list[Row]:
    """Profiles behind the demands, as the platform may read them."""
    return [
        mask(instance.profiles.row(demand.uscc, day, 0, {}), queue.permitted.get(demand.uscc, frozenset()))
        for demand in queue.demands
    ]


def test_dealings_of_many_demands_are_those_of_each(instance: Instance, queue: Queues, day: date) -> None:
    row_of = instance.matcher.catalog.row_of
    with instance.store.reading() as connection:
        lines = [instance.dealings.lines(connection, demand.uscc, day) for demand in queue.demands]
    assert sum(map(bool, lines)) > 20
    for place, known in enumerate(lines):
        one, own = dealings_of(known, row_of), queue.dealings.behind(np.array([place]))
        for name in ("known", "demand", "product", "shown", "applied", "approved"):
            assert np.array_equal(getattr(one, name), getattr(own, name), equal_nan=name == "approved")


def test_what_the_store_adds_stands_for_what_the_log_says_in_both(instance: Instance, queue: Queues, day: date) -> None:
    uscc = next(demand.uscc for demand in queue.demands if demand.uscc in instance.dealings.rows_of)
    first, _ = instance.dealings.rows_of[uscc]
    logged = instance.dealings.demand_id[first]
    product = instance.dealings.products[instance.dealings.product[first]]

    def happen(connection: Connection) -> None:
        known = connection.execute(select(demand_table.c.uscc).where(demand_table.c.demand_id == logged)).scalar()
        assert known == uscc
        event = {"event_id": "E-again", "type": "applied", "occurred_at": MOMENT, "received_at": MOMENT}
        connection.execute(
            events.insert(),
            event | {"actor": "test", "demand_id": logged, "product_id": product, "fingerprint": "f"},
        )
        lead = {"lead_id": "L-again", "demand_id": logged, "institution_id": "I-none", "product_id": product}
        connection.execute(leads.insert(), lead | {"state": "rejected", "origin": "push", "changed_at": MOMENT})
        try:
            codes, row_of = [uscc, "nobody", uscc], instance.matcher.catalog.row_of
            both = instance.dealings.behind(connection, codes, row_of, day)
            one = dealings_of(instance.dealings.lines(connection, uscc, day), row_of)
        finally:
            connection.execute(leads.delete().where(leads.c.lead_id == "L-again"))
            connection.execute(events.delete().where(events.c.event_id == "E-again"))
        for place in (0, 2):
            own = both.behind(np.array([place]))
            assert np.array_equal(own.product, one.product)
            assert np.array_equal(own.approved, one.approved, equal_nan=True)
        assert (one.approved == 0.0).any()
        assert not (both.demand == 1).any()

    instance.store.write(happen)


def test_chances_in_lead_lists_are_those_of_the_list_of_the_same_day(
    instance: Instance, queue: Queues, rows: list[Row], day: date
) -> None:
    matcher = instance.matcher.with_prices(None).with_ranker(Ranker.load(CHAMPION))
    plan = plan_market(matcher, rows, queue.demands, queue.capacity, as_of=day, dealings=queue.dealings)
    place = {demand.demand_id: row for row, demand in enumerate(queue.demands)}
    compared = moved = 0
    for lead in [lead for own in plan.lists.values() for lead in own[:3]][:40]:
        row = place[lead.demand_id]
        demand = queue.demands[row]
        with instance.store.reading() as connection:
            lines = instance.dealings.lines(connection, demand.uscc, day)
        asked = Question(
            demand=demand,
            as_of=day,
            profile=rows[row],
            dealings=lines,
            top_n=len(matcher.catalog),
            include_unknown=True,
            by_relevance=True,
        )
        listed = {item.product.product_id: item for item in matcher.recommend(asked).items}[lead.product_id]
        assert listed.p_apply is not None
        assert listed.p_approve is not None
        assert (np.float32(listed.p_apply), np.float32(listed.p_approve)) == (lead.p_apply, lead.p_approve)
        bare = {item.product.product_id: item for item in matcher.recommend(replace(asked, dealings=None)).items}
        moved += bare[lead.product_id].p_apply != listed.p_apply
        compared += 1
    assert compared > 10
    assert moved > 0


def test_a_plan_prunes_old_lead_lists_and_no_price_table(
    instance: Instance, queue: Queues, rows: list[Row], day: date
) -> None:
    plan = plan_market(instance.matcher, rows[:20], queue.demands[:20], queue.capacity, as_of=day)

    def happen(connection: Connection) -> None:
        before = len(connection.execute(select(price_tables.c.version)).all())
        for turn in range(PLANS_KEPT + 2):
            table = replace(plan.prices, max_applications=2 + turn)
            put_into_service(connection, replace(plan, prices=table), instance.store, "test")
            newest = replace(plan, prices=table).lists_version
        kept = set(connection.execute(select(lead_lists.lead_lists.c.version)).scalars())
        assert (len(kept), newest in kept) == (PLANS_KEPT, True)
        assert len(connection.execute(select(price_tables.c.version)).all()) == before + PLANS_KEPT + 2
        raise _UndoneError

    with pytest.raises(_UndoneError):
        instance.store.write(happen)


class _UndoneError(Exception):
    """Takes everything back."""
