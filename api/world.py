"""A world's directory read into the store: marketplace, demand library, officers, and consents for what it holds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import Connection

from features.schema import SOURCES
from matcher.catalog import Catalog
from matcher.domain import Collateral, CollateralKind, Demand, Kind, Purpose, Repayment
from matcher.store import demands, enterprises, marketplace, officers
from matcher.store.database import WORLD_LOCK, hold
from matcher.store.store import Store

LOADED = "world"
LAST_DAY = "last_day"
PURPOSE, RECIPIENT = "financing_match", "platform"
_BLOCK = 5_000


class NoWorldError(Exception):
    """There is no world where one was looked for; says where, and how to make one."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A world on disk.

    Parameters
    ----------
    digest
        Digest of its manifest: another world, another digest.
    first_day, last_day
        First day of the monthly records, and the day the world stands still on.
    simulated
        Whether its enterprises and data are made up, as its manifest says.
    """

    directory: Path
    digest: str
    first_day: date
    last_day: date
    simulated: bool = True

    @property
    def sources(self) -> Path:
        """Directory of the raw tables."""
        return self.directory / "sources"


def open_world(directory: Path) -> World:
    """A world, by its manifest.

    Raises
    ------
    NoWorldError
        If there is no readable manifest.
    """
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        return World(
            directory=directory,
            digest=str(manifest["digest"]),
            first_day=date.fromisoformat(manifest["first_day"]),
            last_day=date.fromisoformat(manifest["last_day"]),
            simulated=manifest.get("simulated") is not False,
        )
    except (OSError, ValueError, KeyError) as error:
        raise NoWorldError(
            f"There is no world at {directory} ({error!r}): make one with matcher-train city --out {directory}"
        ) from error


def load_world(store: Store, world: World) -> None:
    """Keep a world's marketplace, demands and consents, all of it or nothing; nothing happens where it is kept.

    Raises
    ------
    NoWorldError
        If the store holds another world.
    """
    loaded = store.read(lambda connection: marketplace.stated(connection, LOADED))
    if loaded == world.digest:
        return
    if loaded is not None:
        raise NoWorldError(
            f"The store holds another world ({loaded[:12]}) than {world.directory} ({world.digest[:12]}): "
            "point MATCHER_HOME or DATABASE_URL elsewhere, or remove the old store."
        )
    catalogue = (world.directory / "catalog.json").read_bytes()
    catalog = Catalog.from_json(catalogue)
    document = json.loads(catalog.to_json())
    now = store.clock.now()

    def change(connection: Connection) -> None:
        hold(connection, WORLD_LOCK)
        if marketplace.stated(connection, LOADED) == world.digest:
            return  # another process was faster
        marketplace.load(connection, document["institutions"], document["products"], now)
        marketplace.run_catalogue(connection, catalog.version, catalog.to_json(), now)
        for block in _demand_blocks(world):
            demands.publish(connection, block, "world", now)
        for grants in _consent_blocks(world, now):
            enterprises.grant(connection, grants, now)
        officers.keep(connection, _officer_months(world), now)
        marketplace.state(connection, LOADED, world.digest)
        marketplace.state(connection, LAST_DAY, world.last_day.isoformat())

    store.write(change)


def load_officers(store: Store, world: World) -> None:
    """Keep a world's officers in a store that was loaded before there was a table for them."""
    if store.read(lambda connection: officers.months_until(connection, world.last_day)):
        return
    now = store.clock.now()
    store.write(lambda connection: officers.keep(connection, _officer_months(world), now))


def names(world: World) -> dict[str, str]:
    """Registered names by code, as far as the world's registry knows them."""
    path = world.sources / "registry.parquet"
    if not path.exists():
        return {}
    table = pq.read_table(path, columns=["uscc", "name"])
    pairs = zip(table["uscc"].to_pylist(), table["name"].to_pylist(), strict=True)
    return {uscc: name for uscc, name in pairs if name}


def _officer_months(world: World) -> list[officers.OfficerMonth]:
    """Officers and reviews month by month, as institutions report them; none where the world has no such table."""
    path = world.directory / "officers.parquet"
    if not path.exists():
        return []
    return [officers.OfficerMonth(**row) for row in pq.read_table(path).to_pylist()]


def _demand_blocks(world: World) -> Iterator[list[demands.KeptDemand]]:
    table = pq.read_table(world.directory / "demands.parquet")
    for batch in table.to_batches(max_chunksize=_BLOCK):
        yield [
            demands.KeptDemand(
                demand=_demand(row), state=demands.State.PUBLISHED.value, published_on=row["published_on"]
            )
            for row in batch.to_pylist()
        ]


def _demand(row: dict[str, Any]) -> Demand:
    return Demand(
        demand_id=row["demand_id"],
        uscc=row["uscc"],
        amount_cny=_cny(row["amount_cny"]),
        term_months=int(row["term_months"]),
        purpose=Purpose(row["purpose"]),
        kinds=tuple(Kind(kind) for kind in row["kinds"]),
        max_annual_rate=None if row["max_annual_rate"] is None else Decimal(repr(row["max_annual_rate"])),
        collateral=tuple(
            Collateral(
                kind=CollateralKind(item["kind"]),
                appraised_value_cny=None if item["appraised_value_cny"] is None else _cny(item["appraised_value_cny"]),
            )
            for item in row["collateral"] or ()
        ),
        repayment=Repayment(row["repayment"]),
        needed_by=row["needed_by"],
    )


def _cny(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("0.01"))


def _consent_blocks(world: World, _now: datetime) -> Iterator[list[enterprises.ConsentRow]]:
    known = pq.read_table(world.sources / "registry.parquet", columns=["uscc"])["uscc"].unique().to_pylist()
    for start in range(0, len(known), 1_000):
        yield [
            enterprises.ConsentRow(
                uscc=uscc,
                source=source,
                purpose=PURPOSE,
                recipient=RECIPIENT,
                granted_on=world.first_day,
                expires_on=None,
            )
            for uscc in known[start : start + 1_000]
            for source in SOURCES
        ]
