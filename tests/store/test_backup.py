"""A backup holds everything, comes back whole or not at all, and the service counts on after it."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from matcher.store import audit, marketplace, outbox, recommendations
from matcher.store.backup import METADATA, BackupError, backup, restore
from matcher.store.clock import PinnedClock
from matcher.store.store import Store, open_store
from matcher.store.tables_platform import officers
from tests.conftest import FreshDatabase

NOW, DAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC), date(2026, 10, 31)


@pytest.fixture
def filled(tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Store]:
    """A store with a little of every kind of value: text, bytes, days, numbers, nulls."""
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=DAY))
    kept = recommendations.Kept(
        recommendation_id="R-1", demand_id=None, uscc="u", as_of=DAY, inputs=b"in", answer=b"out", digest="d"
    )
    officer = {"institution_id": "B", "period": DAY, "officers": 3, "capacity": None, "recorded_at": "x"}
    opened.write(lambda connection: recommendations.keep(connection, kept, NOW))
    opened.write(lambda connection: connection.execute(officers.insert(), officer))
    opened.write(lambda connection: marketplace.run_catalogue(connection, "v", b"catalogue", NOW))
    for n in range(3):
        entry = audit.Entry(actor="a", action="b", subject=str(n), detail={"n": n})
        opened.write(lambda connection, entry=entry: audit.append(connection, entry, NOW))
        message = outbox.Message(institution_id="B", kind="lead.pushed", payload={"n": n})
        opened.write(lambda connection, message=message: outbox.announce(connection, [message], NOW, NOW))
    yield opened
    opened.close()


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as connection:
        ordered = {name: select(t).order_by(*t.primary_key.columns) for name, t in METADATA.tables.items()}
        return {name: [tuple(row) for row in connection.execute(query)] for name, query in ordered.items()}


@pytest.fixture
def empty(tmp_path: Path, fresh_database: FreshDatabase) -> str:
    """The URL of another, empty database."""
    (tmp_path / "other").mkdir()
    return fresh_database(tmp_path / "other")


def test_a_restored_store_holds_what_the_first_held_and_goes_on(filled: Store, empty: str, tmp_path: Path) -> None:
    backup(filled.database, tmp_path / "store.zip")
    restore(empty, tmp_path / "store.zip")
    again = open_store(empty, PinnedClock(day=DAY))
    try:
        assert everything(again) == everything(filled)
        message = outbox.Message(institution_id="B", kind="lead.pushed", payload={})
        again.write(lambda connection: outbox.announce(connection, [message], NOW, NOW))
        entry = audit.Entry(actor="a", action="b", subject="after", detail={})
        again.write(lambda connection: audit.append(connection, entry, NOW))
        assert again.read(audit.verify) is None
        assert max(row[0] for row in everything(again)["outbox"]) == 4  # type: ignore[type-var]  # a number
    finally:
        again.close()


def test_a_backup_restores_into_the_embedded_store_from_either_kind(filled: Store, tmp_path: Path) -> None:
    backup(filled.database, tmp_path / "store.zip")
    url = f"sqlite:///{tmp_path / 'embedded.db'}"
    restore(url, tmp_path / "store.zip")
    again = open_store(url, PinnedClock(day=DAY))
    try:
        assert everything(again) == everything(filled)
    finally:
        again.close()


def test_a_changed_backup_restores_nothing(filled: Store, empty: str, tmp_path: Path) -> None:
    backup(filled.database, tmp_path / "store.zip")
    with zipfile.ZipFile(tmp_path / "store.zip") as whole, zipfile.ZipFile(tmp_path / "changed.zip", "w") as changed:
        for name in whole.namelist():
            changed.writestr(name, whole.read(name).replace(b'"lead.pushed"', b'"lead.pulled"'))
    with pytest.raises(BackupError, match="outbox"):
        restore(empty, tmp_path / "changed.zip")
    again = open_store(empty, PinnedClock(day=DAY))
    try:
        assert not any(everything(again).values())
    finally:
        again.close()


def test_a_store_that_holds_something_is_not_written_over(filled: Store, tmp_path: Path) -> None:
    backup(filled.database, tmp_path / "store.zip")
    with pytest.raises(BackupError, match="not empty"):
        restore(filled.database.url, tmp_path / "store.zip")


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_what_is_no_backup_is_said_to_be_none(content: bytes, empty: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BackupError, match="cannot be read"):
        restore(empty, tmp_path / "file")
