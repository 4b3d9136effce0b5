"""``matcher keys``: make, list, replace and take away keys from the machine that runs the service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.settings import settings_of_environment

if TYPE_CHECKING:
    from matcher.store.store import Store

app = typer.Typer(no_args_is_help=True, help="Keys of callers.")


@app.command("add")
def add(
    role: Annotated[str, typer.Argument(help="platform, institution, analyst, regulator or admin.")],
    institution_id: Annotated[str | None, typer.Option(help="Whose key it is, for an institution.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Narrow it, as demands:read; repeat for more.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never if left out.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Its own rate limit.")] = None,
) -> None:
    """Make a key and print it once."""
    from api.keyring import ROLES, Keyring

    if role not in ROLES or (role == "institution") != (institution_id is not None):
        raise typer.BadParameter(f"a role of {', '.join(ROLES)}; an institution's key takes --institution-id")
    with _store() as store:
        expires_at = None if days is None else store.clock.now() + timedelta(days=days)
        made = Keyring(store).issue(
            role, institution_id, scopes=scope, expires_at=expires_at, requests_per_minute=per_minute
        )
    sys.stdout.write(made + "\n")


@app.command("list")
def every() -> None:
    """Every key by its public half."""
    from matcher.store import keys

    with _store() as store:
        rows = store.read(keys.every)
    table = Table("key", "role", "institution", "scopes", "expires", "per minute", "revoked")
    for row in rows:
        scopes = "all" if row.scopes is None else " ".join(row.scopes)
        limit = "" if row.requests_per_minute is None else str(row.requests_per_minute)
        cells = (row.key_id, row.role, row.institution_id or "", scopes, row.expires_at or "never", limit)
        table.add_row(*cells, "yes" if row.revoked else "")
    Console().print(table)


@app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="Public half of the key to replace.")],
    hours: Annotated[int, typer.Option(min=0, help="Hours the old key still opens.")] = 24,
) -> None:
    """Print a successor with the same rights."""
    from api.keyring import Keyring

    with _store() as store:
        made = Keyring(store).rotate(key_id, grace=timedelta(hours=hours))
    if made is None:
        raise typer.BadParameter(f"no key {key_id} that could be replaced; matcher keys list shows them")
    sys.stdout.write(made + "\n")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Public half of the key.")]) -> None:
    """Make a key useless at once."""
    from api.keyring import Keyring

    with _store() as store:
        done = Keyring(store).revoke(key_id)
    if not done:
        raise typer.BadParameter(f"no key {key_id}; matcher keys list shows them")


@contextmanager
def _store() -> "Iterator[Store]":
    from matcher.store.clock import SystemClock
    from matcher.store.store import open_store

    store = open_store(settings_of_environment().database, SystemClock())
    try:
        yield store
    finally:
        store.close()
