"""``matcher backup`` and ``matcher restore``: the store as one file, and back."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.settings import settings_of_environment

_SAY = Console(stderr=True, highlight=False)


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; an older file of that name is replaced.")],
) -> None:
    """Write the whole store to one file while the service goes on; DATABASE_URL says which store."""
    from matcher.store.backup import backup as write
    from matcher.store.database import open_database

    database = open_database(settings_of_environment().database)
    try:
        found = write(database, file, _say)
    finally:
        database.close()
    _say(f"{sum(one.rows for one in found)} rows of {len(found)} tables in {file} ({file.stat().st_size} bytes)")


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file written by matcher backup.")],
) -> None:
    """Fill the empty store DATABASE_URL names with a backup; nothing is restored of a file that is not whole."""
    from matcher.store.backup import BackupError
    from matcher.store.backup import restore as read

    try:
        found = read(settings_of_environment().database, file, _say)
    except BackupError as error:
        _say(str(error))
        sys.exit(1)
    _say(f"{sum(one.rows for one in found)} rows of {len(found)} tables restored; the audit chain holds")


def _say(line: str) -> None:
    _SAY.print(line, markup=False)
