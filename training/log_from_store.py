"""The store's own history in the shape of a world, so that a model learns from real rows the way it learns from a city.

Exposures and applications come from events, decisions and money from the desks' moves. An application nobody decided
is censored, never refused. What cannot be learned from (no position or propensity was logged, the product is gone) is
left out and counted in the manifest, never filled in.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, select

from matcher.catalog import Catalog
from matcher.store import events, marketplace
from matcher.store.database import open_database
from matcher.store.tables import demand_moves, demands
from matcher.store.tables_platform import leads, officers
from training.log_shape import APPLICATIONS, DEMANDS, EXPOSURES, OFFICERS
from training.log_sources import write_sources

_BLOCK = 5_000
Pair = tuple[str, str]


class NoHistoryError(Exception):
    """The store holds nothing to learn from; says what is lacking."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, and what was left out, each by its reason."""

    directory: Path
    rows: Mapping[str, int]
    left_out: Mapping[str, int]


def export(
    store_url: str,
    out: Path,
    *,
    sources: Path | None = None,
    received_until: datetime | None = None,
    as_of: date | None = None,
) -> Exported:
    """Write the store's history into a directory as ``training.dataset.read_history`` reads it.

    Parameters
    ----------
    sources
        Directory of raw tables the store's own records are added to; only the store's records where absent.
    received_until
        Events that came in later are not there yet: what a learner of that moment knew.
    as_of
        Day of the export, today in China if absent: rows go out only of sources whose consent holds on it.

    Raises
    ------
    NoHistoryError
        If no demand was ever published, or no catalogue runs.
    """
    database = open_database(store_url)
    try:
        with database.reads.connect() as connection:
            catalog = _catalogue(connection)
            told = _Told(connection, catalog, received_until)
            tables = {
                "demands": _table(_demands(connection), DEMANDS),
                "exposures": _table(told.exposures(), EXPOSURES),
                "applications": _table(told.applications(_decisions(connection)), APPLICATIONS),
                "officers": _table(_officers(connection), OFFICERS),
            }
            if not tables["demands"].num_rows:
                raise NoHistoryError("no demand was ever published in this store: there is nothing to learn from")
            out.mkdir(parents=True, exist_ok=True)
            (out / "catalog.json").write_bytes(catalog.to_json())
            day = as_of or datetime.now(events.CHINA).date()
            for name, count in write_sources(connection, out / "sources", sources, day).items():
                told.left_out[f"{name}_rows_without_consent"] = count
    finally:
        database.close()
    for name, table in tables.items():
        pq.write_table(table, out / f"{name}.parquet", row_group_size=100_000)
    rows = {name: int(table.num_rows) for name, table in tables.items()}
    _write_manifest(out, tables["demands"], rows, told.left_out)
    return Exported(directory=out, rows=rows, left_out=dict(told.left_out))


@dataclass(frozen=True, kw_only=True)
class _Decision:
    """How a desk's lead ended, as far as it was told."""

    product_id: str
    reviewed_on: date | None = None
    approved: bool | None = None
    reason: str | None = None
    amount_cny: float | None = None
    annual_rate: float | None = None
    disbursed_on: date | None = None
    matured_on: date | None = None


class _Told:
    """The events of the store, the first of each kind per demand and product."""

    def __init__(self, connection: Connection, catalog: Catalog, until: datetime | None) -> None:
        self.left_out: Counter[str] = Counter()
        self._catalog = catalog
        self._first: dict[str, dict[Pair, events.EventRow]] = {"exposed": {}, "clicked": {}, "applied": {}}
        for row in events.read(connection, until):
            self._take(row)
        shown = {row.recommendation_id for row in self._first["exposed"].values() if row.recommendation_id}
        self._explored = _explored(connection, sorted(shown))

    def exposures(self) -> Iterable[dict[str, Any]]:
        """One row per demand and product shown: its first exposure, and whether it was ever opened or applied for."""
        for pair, row in self._first["exposed"].items():
            applied = self._first["applied"].get(pair)
            yield {
                "demand_id": pair[0],
                "product_id": pair[1],
                "position": row.position,
                "propensity": row.propensity,
                "explored": (row.recommendation_id, pair[1]) in self._explored,
                "shown_on": row.occurred_on,
                "clicked": pair in self._first["clicked"],
                "applied": applied is not None,
                "applied_on": None if applied is None else applied.occurred_on,
                "received_on": events.day_of(row.received_at),
            }

    def applications(self, decisions: Mapping[Pair, _Decision]) -> Iterable[dict[str, Any]]:
        """One row per application to something shown, with what its desk decided."""
        queue: Counter[str] = Counter()
        for pair, row in self._first["applied"].items():
            if pair not in self._first["exposed"]:
                self.left_out["applications_without_exposure"] += 1
                continue
            institution = str(row.institution_id)
            queue[institution] += 1
            decided = decisions.get((pair[0], institution))
            if decided is None or decided.product_id != pair[1]:
                decided = _Decision(product_id=pair[1])
            yield {
                "application_id": f"A-{row.event_id}",
                "demand_id": pair[0],
                "product_id": pair[1],
                "institution_id": institution,
                "applied_on": row.occurred_on,
                "queue_position": queue[institution],
                "received_on": events.day_of(row.received_at),
                **_outcome(decided),
            }

    def _take(self, row: events.EventRow) -> None:
        if row.type not in self._first or row.demand_id is None or row.product_id is None:
            return
        if row.product_id not in self._catalog.row_of:
            self.left_out[f"{row.type}_of_products_gone"] += 1
        elif row.type == "exposed" and row.position is None:
            self.left_out["exposed_without_position"] += 1
        elif row.type == "exposed" and row.propensity is None:
            self.left_out["exposed_without_propensity"] += 1
        elif (row.demand_id, row.product_id) in self._first[row.type]:
            self.left_out[f"{row.type}_again"] += 1
        else:
            self._first[row.type][row.demand_id, row.product_id] = row


def _outcome(decided: _Decision) -> dict[str, Any]:
    paid, back = decided.disbursed_on, decided.matured_on
    return {
        "reviewed": decided.approved is not None,
        "reviewed_on": decided.reviewed_on,
        "approved": decided.approved,
        "refusal_reason": decided.reason if decided.approved is False else None,
        "amount_cny": decided.amount_cny,
        "annual_rate": decided.annual_rate,
        "disbursed_on": paid,
        "matured_on": back,
        "outcome": "repaid" if back else "outstanding" if paid else "none",
    }


def _catalogue(connection: Connection) -> Catalog:
    version = marketplace.stated(connection, marketplace.RUNNING)
    document = None if version is None else marketplace.archived_catalogue(connection, version)
    if document is None:
        raise NoHistoryError("no catalogue runs in this store: load a world or put products in first")
    return Catalog.from_json(document)


def _demands(connection: Connection) -> Iterable[dict[str, Any]]:
    table = demands.c
    query = select(demands).where(table.published_on.is_not(None)).order_by(table.published_on, table.demand_id)
    for row in connection.execute(query.execution_options(yield_per=_BLOCK)):
        stated = msgspec.json.decode(row.document)
        yield {
            "demand_id": row.demand_id,
            "uscc": row.uscc,
            "amount_cny": float(stated["amount_cny"]),
            "term_months": stated["term_months"],
            "purpose": stated["purpose"],
            "kinds": stated["kinds"],
            "max_annual_rate": _number(stated["max_annual_rate"]),
            "collateral": [
                {"kind": one["kind"], "appraised_value_cny": _number(one["appraised_value_cny"])}
                for one in stated["collateral"]
            ],
            "repayment": stated["repayment"],
            "needed_by": _day(stated["needed_by"]),
            "published_on": row.published_on,
        }


def _decisions(connection: Connection) -> dict[Pair, _Decision]:
    """How each desk's lead ended, by demand and institution; the last decision stands."""
    table = demand_moves.c
    query = select(demand_moves).where(table.lead_id.is_not(None)).order_by(table.move_id)
    moved: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query.execution_options(yield_per=_BLOCK)):
        if row.before == row.after:  # a reminder or part of a repayment: nothing was decided
            continue
        cells = moved.setdefault(row.lead_id, {})
        day = row.occurred_on or events.day_of(datetime.fromisoformat(row.occurred_at))
        if row.after in {"approved", "rejected"}:
            cells |= {"reviewed_on": day, "approved": row.after == "approved", "reason": row.reason_code}
        elif row.after == "disbursed":
            cells["disbursed_on"] = day
        elif row.after == "repaid":
            cells["matured_on"] = day
    query = select(leads)
    return {
        (row.demand_id, row.institution_id): _Decision(
            product_id=row.product_id,
            amount_cny=_number(row.amount_cny),
            annual_rate=_number(row.annual_rate),
            **moved.get(row.lead_id, {}),
        )
        for row in connection.execute(query.execution_options(yield_per=_BLOCK))
    }


def _officers(connection: Connection) -> Iterable[dict[str, Any]]:
    query = select(officers).order_by(officers.c.period, officers.c.institution_id)
    for row in connection.execute(query):
        yield {name: getattr(row, name) for name in OFFICERS.names}


def _explored(connection: Connection, recommendation_ids: list[str]) -> set[tuple[str | None, str]]:
    """Items that stood in a list by chance, by recommendation and product."""
    found: set[tuple[str | None, str]] = set()
    for start in range(0, len(recommendation_ids), 500):
        for name, shown in events.shown(connection, recommendation_ids[start : start + 500]).items():
            found |= {(name, product) for product, place in shown.places.items() if place.explored}
    return found


def _table(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema)


def _write_manifest(out: Path, table: pa.Table, rows: Mapping[str, int], left_out: Mapping[str, int]) -> None:
    days = table["published_on"].to_pylist()
    digest = hashlib.sha256()
    for path in sorted(out.glob("*.parquet")):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    manifest = {
        "simulated": False,
        "world": "store",
        "first_day": min(days).isoformat(),
        "last_day": max(days).isoformat(),
        "rows": dict(rows),
        "left_out": dict(sorted(left_out.items())),
        "digest": digest.hexdigest(),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (out / "manifest.json").write_text(text, encoding="utf-8")


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
