"""``matcher audit`` and ``matcher retention``: look after what the store has recorded."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.settings import Settings, settings_of_environment

if TYPE_CHECKING:
    from matcher.store.store import Store

audit_app = typer.Typer(no_args_is_help=True, help="The audit chain.")
_SAY = Console(stderr=True, highlight=False)
_ACTOR = "operator:cli"
KeyFile = Annotated[Path | None, typer.Option("--key", help="Key of the signature; audit.key in the home if absent.")]


@audit_app.command("verify")
def verify_audit(
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint written before: its row must stand.")] = None,
    key: KeyFile = None,
    archive: Annotated[list[Path] | None, typer.Option(help="Archives to walk too, first to last.")] = None,
) -> None:
    """Walk the audit chain; exit 1 where a row was changed, removed or moved, or rows were cut off the end."""
    from matcher.store.audit import head, verify
    from matcher.store.audit_archive import verify_archive
    from matcher.store.audit_checkpoint import CheckpointError, read_checkpoint, signing_key
    from matcher.store.clock import SystemClock
    from matcher.store.store import open_store

    settings = settings_of_environment()
    try:
        known = (
            None if checkpoint is None else read_checkpoint(checkpoint, signing_key(_key(key, settings), make=False))
        )
    except CheckpointError as error:
        sys.exit(str(error))
    for path in archive or ():
        broken = verify_archive(path)
        if broken is not None:
            _fail(f"{path.name} is broken at row {broken.sequence}: {broken.reason}")
    store = open_store(settings.database, SystemClock())
    try:
        with _SAY.status("walking the audit chain") as status, store.reading() as connection:
            stated = head(connection)
            total = 0 if stated is None else stated.sequence
            broken = verify(connection, lambda rows: status.update(f"{rows:,} rows of {total:,}"), known)
    finally:
        store.close()
    if broken is not None:
        _fail(f"broken at row {broken.sequence}: {broken.reason}")
    _SAY.print(f"the chain holds: {total:,} rows", markup=False)


@audit_app.command("checkpoint")
def checkpoint_audit(
    out: Annotated[Path, typer.Argument(help="File to write; keep it away from the store.")], key: KeyFile = None
) -> None:
    """Sign the head of the chain as it stands, once the whole chain holds."""
    from matcher.store.audit import head, verify
    from matcher.store.audit_checkpoint import signing_key, write_checkpoint
    from matcher.store.clock import SystemClock
    from matcher.store.store import open_store

    settings = settings_of_environment()
    store = open_store(settings.database, SystemClock())
    try:
        with store.reading() as connection:
            stated = head(connection)
            broken = verify(connection)
    finally:
        store.close()
    if broken is not None:
        _fail(f"broken at row {broken.sequence}: {broken.reason}; nothing was signed")
    if stated is None:
        _fail("the audit has no row yet")
        return
    write_checkpoint(out, stated, signing_key(_key(key, settings), make=True))
    _SAY.print(f"row {stated.sequence:,} is signed in {out}", markup=False)


def retention(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Touch nothing recorded from this day on.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only tell what would go.")] = False,
    archive: Annotated[
        Path | None, typer.Option(help="Where old audit rows go; archive/ in the home if absent.")
    ] = None,
) -> None:
    """Take out what is older than the policy keeps, and archive old rows of the audit; only tells, without --apply."""
    from matcher.store.clock import SystemClock
    from matcher.store.retention import AUDIT, old, prune
    from matcher.store.store import open_store

    settings = settings_of_environment()
    store = open_store(settings.database, SystemClock())
    try:
        today = store.clock.today()
        due = store.read(lambda connection: old(connection, today, before.date()))
        table = Table("kind", "kept, days", "recorded before", "rows", "why")
        for each in due:
            kept = "for good" if each.rule.days is None else str(each.rule.days)
            table.add_row(each.rule.kind, kept, str(each.cut or "–"), f"{each.rows:,}", each.rule.reason.en)
        _SAY.print(table)
        if not apply:
            _SAY.print("nothing was changed: add --apply to take these rows out")
            return
        for each in due:
            if each.rule.kind == AUDIT and each.cut is not None and each.rows:
                _archive(store, each.cut, archive or settings.matcher_home / "archive")
            elif each.rows:
                _SAY.print(f"{each.rule.kind}: {prune(store, each, _ACTOR):,} rows gone")
    finally:
        store.close()


def _archive(store: "Store", cut: date, directory: Path) -> None:
    from matcher.store.audit_archive import archive

    directory.mkdir(parents=True, exist_ok=True)
    done = archive(store, cut, directory, _ACTOR)
    if done is None:
        return
    if isinstance(done, Path):
        _SAY.print(f"audit: archived in {done}", markup=False)
    else:
        _fail(f"the audit is broken at row {done.sequence}: {done.reason}; nothing was archived")


def _key(given: Path | None, settings: Settings) -> Path:
    return given or settings.matcher_home / "audit.key"


def _fail(line: str) -> None:
    _SAY.print(line, markup=False)
    sys.exit(1)
