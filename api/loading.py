"""``matcher load``: raw rows of one source in bulk, from csv or parquet; what is refused is written beside with why."""

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import Progress

from api.settings import settings_of_environment

if TYPE_CHECKING:
    import pandas as pd

    from features.reading_files import Refusal
    from matcher.store.store import Store

_SAY = Console(stderr=True, highlight=False)
BLOCK = 200
"""Enterprises sharing one transaction."""
COLUMNS = ("file", "line", "column", "reason_zh", "reason_en")


def load(
    source: Annotated[str, typer.Argument(help="registry, annual_report, tax, invoices, social_security, …")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .csv (UTF-8, header) or .parquet file.")],
    refused: Annotated[
        Path | None, typer.Option(help="Where refused rows are written; <file>.refused.csv if left out.")
    ] = None,
) -> None:
    """Append raw rows of a source for many enterprises; good ones go in, refused ones are named and make it exit 1.

    Rows carry ``uscc`` and ``known_on``. The same file loaded twice is the same facts twice, of which each stands once.
    """
    from features.reading import read_rows
    from features.schema import SOURCES
    from matcher.store.clock import SystemClock
    from matcher.store.store import open_store

    if source not in SOURCES:
        raise typer.BadParameter(f"one of {', '.join(SOURCES)}", param_hint="SOURCE")
    with _SAY.status(f"reading {file.name}"):
        read = read_rows(source, file)
    beside = refused or file.with_name(file.name + ".refused.csv")
    if read.refusals:
        write_refusals(beside, read.refusals)
    store = open_store(settings_of_environment().database, SystemClock())
    try:
        rows = append(store, source, read.frame)
    finally:
        store.close()
    lines = len({refusal.line for refusal in read.refusals})
    _SAY.print(f"{rows} rows of {source} loaded, {lines} refused" + (f": see {beside}" if lines else ""), markup=False)
    sys.exit(1 if lines else 0)


def append(store: "Store", source: str, frame: "pd.DataFrame") -> int:
    """Keep validated rows by enterprise and day, a block of enterprises a transaction, each with its audit row."""
    from sqlalchemy import Connection

    from matcher.store import audit, enterprises

    batches = list(_batches(frame))
    with Progress(console=_SAY, transient=True) as bar:
        task = bar.add_task(source, total=len(batches))
        for start in range(0, len(batches), BLOCK):
            block, now = batches[start : start + BLOCK], store.clock.now()

            def change(connection: Connection, block: Any = block, now: Any = now) -> None:
                for uscc, day, rows in block:
                    enterprises.append_records(connection, uscc, source, day, rows, now)
                detail: dict[str, object] = {
                    "rows": sum(len(rows) for _, _, rows in block),
                    "enterprises": len({one[0] for one in block}),
                }
                entry = audit.Entry(actor="operator", action="records_loaded", subject=source, detail=detail)
                audit.append(connection, entry, now)

            store.write(change)
            bar.advance(task, len(block))
    return len(frame)


def write_refusals(path: Path, refusals: "Sequence[Refusal]") -> None:
    """Every fault of every refused row, as a table a spreadsheet opens; a column may be called anything."""
    from api.lead_files import harmless

    with path.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for one in refusals:
            told = (one.file, one.column, one.reason.zh, one.reason.en)
            file, column, zh, en = (harmless(text) for text in told)
            writer.writerow((file, one.line, column, zh, en))


def _batches(frame: "pd.DataFrame") -> Iterator[tuple[str, date, list[dict[str, Any]]]]:
    for group, rows in frame.groupby(["uscc", "known_on"], sort=True):
        uscc, day = cast("tuple[str, date]", group)
        plain = rows.astype(object).where(rows.notna(), None).to_dict("records")
        yield uscc, day, [{str(name): _plain(value) for name, value in row.items()} for row in plain]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
