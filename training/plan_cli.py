"""What ``matcher-train plan`` does: estimate the examination curve, plan, put prices and leads into service."""

import json
import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from features.brought_in import tables_with
from features.profile import build_profiles, profile_columns
from features.sources import SourceTables
from matcher.catalog import Catalog
from matcher.dealings_book import open_dealings
from matcher.market import Examination
from matcher.matching import Matcher
from matcher.planning import TOP_N, Advance
from matcher.policy import default_rulebook
from matcher.ranker import BundleError, Ranker, champion_directory
from matcher.rating import RatingModel
from matcher.replanning import Replanned, replan
from matcher.standing import Row
from matcher.store import enterprises, marketplace
from matcher.store.clock import SystemClock
from matcher.store.database import StoreUnreachableError
from matcher.store.store import Store, open_store
from training.examination import examination_curve
from training.progress import steps

_LEAST_DRAWN = 500


class NothingToPlanError(Exception):
    """There is no store with a market, no model or no world to plan with; says which, and what to do."""


def run(store: str | None, home: Path, city: Path | None, models: Path, as_of: date | None) -> dict[str, Any]:
    """Plan once; gives a report of plain numbers.

    Parameters
    ----------
    as_of
        Day planned for; the last day of the world that the store was loaded from if absent.

    Raises
    ------
    NothingToPlanError
        If store, world or model are not there.
    """
    world = city or home / "city" / "default"
    opened = _store(store, home)
    try:
        with opened.reading() as connection:
            version = marketplace.stated(connection, marketplace.RUNNING)
            document = None if version is None else marketplace.archived_catalogue(connection, version)
            last_day = marketplace.stated(connection, "last_day")
        if document is None or last_day is None:
            raise NothingToPlanError(f"The store at {_place(store, home)} holds no market: start the service once.")
        day = as_of or date.fromisoformat(last_day)
        matcher = _matcher(Catalog.from_json(document), models)
        with ExitStack() as bars:
            made = replan(
                opened,
                matcher,
                lambda codes, on: _profiles(opened, world, codes, on),
                open_dealings(world),
                day,
                examination=estimated(world, day),
                actor="matcher-train plan",
                advance=_bar(bars),
            )
    finally:
        opened.close()
    return _report(made)


def estimated(world: Path, day: date) -> Examination | None:
    """The examination curve of a world's log up to a day, from the lines drawn at random; ``None`` with too few."""
    path = world / "exposures.parquet"
    if not path.exists():
        return None
    shown = pd.read_parquet(path, columns=["demand_id", "position", "propensity", "explored", "clicked", "shown_on"])
    shown = shown[pd.to_datetime(shown["shown_on"]) <= pd.Timestamp(day)]
    if int(shown["explored"].sum()) < _LEAST_DRAWN:
        return None
    try:
        curve = examination_curve(shown, positions=TOP_N)
    except ValueError:  # nobody looked at the first line drawn: nothing to compare with
        return None
    drawn = int(curve.exposures.sum())
    chance, low, high = ([round(float(value), 6) for value in each] for each in (curve.chance, curve.low, curve.high))
    source = f"log of {world.name} until {day.isoformat()}, {drawn} drawn lines"
    return Examination(chance=tuple(chance), low=tuple(low), high=tuple(high), source=source)


def show(report: dict[str, Any]) -> None:
    """The report as tables."""
    console = Console()
    console.print(
        f"{report['version']} · {report['demands']} open demands, {report['pairs']} pairs · planner: "
        f"{report['planner']} · {report['leads']} leads · {sum(report['seconds'].values()):.1f} s"
    )
    table = Table("institution", "capacity", "how", "estimated", "load", "price")
    for row in sorted(report["institutions"], key=lambda each: -each["price"]):
        guess = "–" if row["estimated"] is None else f"{row['estimated']:.0f}"
        table.add_row(
            row["institution_id"],
            f"{row['capacity']:.0f}",
            row["how"],
            guess,
            f"{row['load']:.0f}",
            f"{row['price']:.3f}",
        )
    console.print(table)


def _report(made: Replanned) -> dict[str, Any]:
    table = made.plan.prices
    return {
        "version": table.version,
        "as_of": table.as_of.isoformat(),
        "lists": made.plan.lists_version,
        "planner": table.planner,
        "expected_funded": dict(table.expected_funded),
        "floored": table.floored,
        "demands": table.demands,
        "pairs": made.plan.pairs,
        "leads": sum(len(rows) for rows in made.plan.lists.values()),
        "seconds": made.seconds,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "examination": {
            "chance": table.examination.chance,
            "low": table.examination.low,
            "high": table.examination.high,
            "source": table.examination.source,
        },
        "institutions": [
            {
                "institution_id": name,
                "capacity": queue.capacity.left,
                "how": queue.capacity.how,
                "estimated": queue.capacity.estimated,
                "load": queue.load,
                "price": table.prices.get(name, 0.0),
            }
            for name, queue in table.queues.items()
        ],
    }


def _place(store: str | None, home: Path) -> str:
    return store or f"sqlite:///{(home / 'matcher.db').resolve()}"


def _store(store: str | None, home: Path) -> Store:
    if not store and not (home / "matcher.db").is_file():
        raise NothingToPlanError(f"There is no store at {home / 'matcher.db'}: start the service once, or say --store.")
    try:
        return open_store(_place(store, home), SystemClock())
    except StoreUnreachableError as error:
        raise NothingToPlanError(str(error)) from error


def _matcher(catalog: Catalog, models: Path) -> Matcher:
    try:
        ranker = Ranker.load(models)
    except (BundleError, OSError, json.JSONDecodeError) as error:
        raise NothingToPlanError(f"No model can be loaded from {models}: {error}") from error
    return Matcher(catalog, ranker, _rating(models.parent / "rating"), default_rulebook())


def _rating(directory: Path) -> RatingModel | None:
    chosen = champion_directory(directory)
    if chosen != directory:
        return RatingModel.load(chosen)
    versions = sorted(directory.glob("*/manifest.json"))
    return RatingModel.load(versions[-1].parent) if versions else None


def _profiles(store: Store, world: Path, codes: Sequence[str], day: date) -> list[Row]:
    """Profiles from the world's sources; of enterprises that brought rows in, with these."""
    sources = world / "sources"
    if not sources.is_dir():
        raise NothingToPlanError(
            f"There are no sources at {sources}: say --city with the world the store was loaded from."
        )
    with store.reading() as connection:
        changed = [uscc for uscc in enterprises.with_records(connection) if uscc in set(codes)]
        added = {uscc: enterprises.records(connection, uscc) for uscc in changed}
    tables = SourceTables.from_directory(sources)
    try:
        known = _rows(tables, day, [uscc for uscc in codes if uscc not in added])
    finally:
        tables.close()
    for uscc, records in added.items():
        own = tables_with(sources, uscc, records, is_known=True)
        try:
            known |= _rows(own, day, [uscc])
        finally:
            own.close()
    return [known[uscc] for uscc in codes]


def _rows(tables: SourceTables, day: date, codes: Sequence[str]) -> dict[str, Row]:
    if not codes:
        return {}
    frame = build_profiles(tables, day, enterprises=list(codes))
    columns = {name: values.tolist() for name, values in profile_columns(frame).items()}
    return {
        str(uscc): {
            name: None if values[row] is None or values[row] != values[row] else values[row]
            for name, values in columns.items()
        }
        for row, uscc in enumerate(frame.index)
    }


def _bar(bars: ExitStack) -> Callable[[int], Advance]:
    def begin(total: int) -> Advance:
        step = bars.enter_context(steps(sys.stderr.isatty(), "scoring", total))

        def advance(done: int) -> None:
            for _ in range(done):
                step()

        return advance

    return begin
