"""From what the store holds to a new plan, and the plan into the store: prices and lead lists become visible at once.

Whoever calls says where profiles come from; everything else is read here. Nothing is written but the finished plan.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from time import perf_counter

from sqlalchemy import Connection

from features.dealings import Dealings
from matcher.catalog import Catalog
from matcher.dealings_book import DealingsBook
from matcher.domain import Demand
from matcher.market import Examination, PriceTable, ReviewCapacity, ReviewMonth, review_capacities
from matcher.matching import Matcher
from matcher.planning import Advance, MarketPlan, Sent, curve_of, plan_market
from matcher.standing import Row, mask
from matcher.store import audit, enterprises, lead_lists, marketplace, officers, prices, queues
from matcher.store.database import lock_audit
from matcher.store.store import Store

PURPOSE, RECIPIENT = "financing_match", "platform"
PLANS_KEPT = 12
"""Plans whose lead lists stay for whoever is paging through them: some hours of refreshes."""
Profiles = Callable[[Sequence[str], date], Sequence[Row]]
"""Profiles of enterprises by code on a day, before consents are looked at, one row a code."""


@dataclass(frozen=True, kw_only=True)
class Queues:
    """What a plan is made from, as the store holds it now.

    Parameters
    ----------
    impersonal
        Enterprises that switched personalisation off: they weigh in the load, and nobody is told to call them.
    """

    demands: tuple[Demand, ...]
    permitted: dict[str, frozenset[str]]
    capacity: dict[str, ReviewCapacity]
    sent: tuple[Sent, ...]
    decided: frozenset[tuple[str, str]]
    dealings: Dealings
    impersonal: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Replanned:
    """A plan that is in the store now.

    Parameters
    ----------
    seconds
        Time by step: reading, planning, writing.
    """

    plan: MarketPlan
    seconds: dict[str, float]


def read_queues(connection: Connection, catalog: Catalog, book: DealingsBook, as_of: date) -> Queues:
    """Open demands, capacities less what is promised, and files sent, as of a day."""
    owners = {product.product_id: product.institution_id for product in catalog.products}
    demands = queues.open_demands(connection, as_of)
    return Queues(
        demands=demands,
        permitted=queues.permissions(connection, RECIPIENT, PURPOSE, as_of),
        capacity=capacities(connection, catalog, book, as_of),
        sent=tuple(
            Sent(demand_id=one.demand_id, product_id=one.product_id, institution_id=one.institution_id)
            for one in queues.files_sent(connection, owners, as_of)
        ),
        decided=queues.decided(connection, as_of),
        dealings=book.behind(connection, [demand.uscc for demand in demands], catalog.row_of, as_of),
        impersonal=enterprises.not_personalised(connection),
    )


def capacities(
    connection: Connection, catalog: Catalog, book: DealingsBook | None, as_of: date
) -> dict[str, ReviewCapacity]:
    """Reviews each institution can make: as it states, else from officers, past reviews and files, else as declared.

    Parameters
    ----------
    book
        The world's log; ``None`` where every institution states its reviews, so that nothing has to be estimated.
    """
    declared = {
        name: (one.officers, one.reviews_per_month)
        for name, one in catalog.institutions.items()
        if one.officers or one.reviews_per_month
    }
    months = [
        ReviewMonth(
            institution_id=month.institution_id,
            period=month.period,
            officers=month.officers,
            capacity=month.capacity,
            reviewed=month.reviewed,
        )
        for month in officers.months_until(connection, as_of)
    ]
    owners = {product.product_id: product.institution_id for product in catalog.products}
    found = review_capacities(
        months,
        as_of,
        committed=queues.committed(connection),
        declared=declared,
        files=None if book is None else book.files(connection, owners, as_of),
    )
    return {name: one for name, one in found.items() if name in catalog.institutions}


def replan(
    store: Store,
    matcher: Matcher,
    profiles: Profiles,
    book: DealingsBook,
    as_of: date,
    *,
    examination: Examination | None = None,
    actor: str = "planner",
    advance: Callable[[int], Advance] = lambda _total: lambda _done: None,
) -> Replanned:
    """Plan for a day and put prices and lead lists into service, in one transaction.

    Parameters
    ----------
    book
        Earlier dealings of the world's log: chances are those of the lists, which read them.
    examination
        Curve to plan with; else the one of the table in service where that was estimated, else the ranker's.
    advance
        Given the number of demands, gives what to call with the number scored after each block.
    """
    since = perf_counter()
    with store.reading() as connection:
        queue = read_queues(connection, matcher.catalog, book, as_of)
        before = current_table(connection)
    codes = list(dict.fromkeys(demand.uscc for demand in queue.demands))
    nothing: frozenset[str] = frozenset()
    known = {
        uscc: mask(row, queue.permitted.get(uscc, nothing))
        for uscc, row in zip(codes, profiles(codes, as_of), strict=True)
    }
    read = perf_counter()
    plan = plan_market(
        matcher,
        [known[demand.uscc] for demand in queue.demands],
        queue.demands,
        queue.capacity,
        as_of=as_of,
        sent=queue.sent,
        dealings=queue.dealings,
        decided=queue.decided | _not_to_be_called(queue, matcher.catalog),
        examination=examination or _curve(matcher, before),
        advance=advance(len(queue.demands)),
    )
    planned = perf_counter()
    store.write(lambda connection: put_into_service(connection, plan, store, actor))
    seconds = {"reading": read - since, "planning": planned - read, "writing": perf_counter() - planned}
    return Replanned(plan=plan, seconds={name: round(value, 3) for name, value in seconds.items()})


def put_into_service(connection: Connection, plan: MarketPlan, store: Store, actor: str) -> None:
    """Keep a plan's prices and lists and make them the current ones in the caller's transaction."""
    now, table = store.clock.now(), plan.prices
    lock_audit(connection)  # two processes may have made the same plan: one after the other
    prices.keep(connection, table.version, table.as_of, table.to_json(), now)
    first = next(iter(plan.lists), "")
    if lead_lists.find(connection, plan.lists_version, first) is None:
        lead_lists.keep(connection, plan.lists_version, plan.lists, now)
    else:  # the same plan as one before
        marketplace.state(connection, lead_lists.CURRENT, plan.lists_version)
    lead_lists.prune(connection, PLANS_KEPT)
    entry = audit.Entry(
        actor=actor,
        action="planned",
        subject=table.version,
        detail={
            "as_of": table.as_of.isoformat(),
            "demands": table.demands,
            "planner": table.planner,
            "lists": plan.lists_version,
            "priced": len(table.prices),
        },
    )
    audit.append(connection, entry, now)


def current_table(connection: Connection) -> PriceTable | None:
    """The price table in service, ``None`` before the first plan.

    Raises
    ------
    PriceTableError
        If what is kept cannot be read.
    """
    version = prices.current(connection)
    document = None if version is None else prices.archived(connection, version)
    return None if document is None else PriceTable.from_json(document)


def _not_to_be_called(queue: Queues, catalog: Catalog) -> frozenset[tuple[str, str]]:
    """Demands not to be personalised with every institution: no plan lists them, whoever has a file has it anyway."""
    silent = [str(demand.demand_id) for demand in queue.demands if demand.uscc in queue.impersonal]
    return frozenset((demand, institution) for demand in silent for institution in catalog.institutions)


def _curve(matcher: Matcher, before: PriceTable | None) -> Examination:
    """The curve last estimated with an interval, else the ranker's: a refresh estimates nothing anew."""
    if before is not None and before.examination.low:
        return before.examination
    return curve_of(matcher)
