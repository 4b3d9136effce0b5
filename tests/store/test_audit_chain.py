"""The audit against every tampering, its checkpoints, its archives, and retention."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from matcher.store import audit, enterprises, idempotency, outbox, retention, webhooks
from matcher.store.audit_archive import archive, verify_archive
from matcher.store.audit_checkpoint import CheckpointError, read_checkpoint, signing_key, write_checkpoint
from matcher.store.clock import PinnedClock, moment
from matcher.store.store import Store, open_store
from matcher.store.tables import audit as audit_table
from matcher.store.tables_platform import contacts, deliveries
from matcher.store.tables_platform import outbox as outbox_rows
from matcher.store.webhooks import Webhook
from tests.conftest import FreshDatabase

DAY, NOW = date(2026, 10, 31), datetime(2026, 10, 31, 8, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=DAY))
    yield opened
    opened.close()


def fill(store: Store, count: int, first: datetime = NOW) -> None:
    def change(connection):  # type: ignore[no-untyped-def]
        for n in range(count):
            entry = audit.Entry(actor="platform:1", action="tested", subject=f"S-{n}/x", detail={"n": n})
            audit.append(connection, entry, first + timedelta(days=n))

    store.write(change)


def broken(store: Store, known: audit.Link | None = None) -> tuple[int, str] | None:
    found = store.read(lambda connection: audit.verify(connection, known=known))
    return None if found is None else (found.sequence, found.reason)


def tamper(store: Store, *statements: str) -> None:
    for statement in statements:
        store.write(lambda connection, statement=statement: connection.execute(text(statement)))


def reseal(store: Store, sequence: int) -> None:
    """Change a row and seal everything from it on anew, as somebody would who knows how."""

    def change(connection):  # type: ignore[no-untyped-def]
        rows = [dict(row) for row in audit.rows_of(connection)]
        previous = ""
        for row in rows[sequence - 1 :]:
            row.pop("digest")
            if row["sequence"] == sequence:
                row["subject"] = "forged"
            else:
                row["previous"] = previous
            previous = audit.seal(row)
            values = {"subject": row["subject"], "previous": row["previous"], "digest": previous}
            connection.execute(audit_table.update().where(audit_table.c.sequence == row["sequence"]).values(**values))
        connection.execute(
            text("UPDATE facts SET value = :value WHERE name = 'audit_head'"),
            {"value": f"{rows[-1]['sequence']}:{previous}"},
        )

    store.write(change)


@pytest.mark.parametrize(
    ("statements", "row", "why"),
    [
        (["UPDATE audit SET detail = '{}' WHERE sequence = 3"], 3, "changed"),
        (["UPDATE audit SET actor = 'x' WHERE sequence = 5"], 5, "changed"),
        (["DELETE FROM audit WHERE sequence = 3"], 3, "missing"),
        (["DELETE FROM audit WHERE sequence = 1"], 1, "no row vouches"),
        (["DELETE FROM audit WHERE sequence = 5"], 5, "cut off the end"),
        (["DELETE FROM audit WHERE sequence >= 3"], 3, "cut off the end"),
        (["DELETE FROM audit"], 1, "cut off the end"),
        (["DELETE FROM facts WHERE name = 'audit_head'"], 5, "not stated"),
        (
            [
                "UPDATE audit SET sequence = -2 WHERE sequence = 2",
                "UPDATE audit SET sequence = 2 WHERE sequence = 3",
                "UPDATE audit SET sequence = 3 WHERE sequence = -2",
            ],
            2,
            "follow",
        ),
    ],
)
def test_every_tampering_is_found_where_it_is(store: Store, statements: list[str], row: int, why: str) -> None:
    fill(store, 5)
    assert broken(store) is None
    tamper(store, *statements)
    found = broken(store)
    assert found is not None
    assert found[0] == row
    assert why in found[1]


def test_what_is_appended_after_a_cut_does_not_hide_it(store: Store) -> None:
    fill(store, 5)
    tamper(store, "DELETE FROM audit WHERE sequence = 5")
    fill(store, 2)
    assert broken(store) == (5, "row missing or out of order")


def test_a_chain_rewritten_whole_is_betrayed_by_a_checkpoint_kept_elsewhere(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    key = signing_key(tmp_path / "audit.key", make=True)
    assert (tmp_path / "audit.key").stat().st_mode & 0o077 == 0
    head = store.read(audit.head)
    assert head is not None
    write_checkpoint(tmp_path / "point.json", head, key)
    fill(store, 2)
    known = read_checkpoint(tmp_path / "point.json", signing_key(tmp_path / "audit.key", make=False))
    assert broken(store, known) is None
    reseal(store, 4)
    assert broken(store) is None
    assert broken(store, known) == (5, "not the row that was known to stand here")


def test_a_forged_checkpoint_is_not_believed(tmp_path: Path) -> None:
    link = audit.Link(sequence=7, digest="ab")
    write_checkpoint(tmp_path / "point.json", link, b"k" * 32)
    assert read_checkpoint(tmp_path / "point.json", b"k" * 32) == link
    with pytest.raises(CheckpointError, match="not signed"):
        read_checkpoint(tmp_path / "point.json", b"x" * 32)
    (tmp_path / "point.json").write_text((tmp_path / "point.json").read_text().replace("7", "8"))
    with pytest.raises(CheckpointError, match="not signed"):
        read_checkpoint(tmp_path / "point.json", b"k" * 32)
    (tmp_path / "point.json").write_text("[]")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_checkpoint(tmp_path / "point.json", b"k" * 32)
    with pytest.raises(CheckpointError, match="no key"):
        signing_key(tmp_path / "none.key", make=False)


def test_archived_rows_leave_a_chain_that_holds_and_a_file_that_verifies(store: Store, tmp_path: Path) -> None:
    fill(store, 10, NOW)
    first = archive(store, date(2026, 11, 4), tmp_path, "operator:cli")
    assert isinstance(first, Path)
    assert broken(store) is None
    assert verify_archive(first) is None
    rows = list(store.read(lambda connection: list(audit.rows_of(connection))))
    assert [row["sequence"] for row in rows] == [5, 6, 7, 8, 9, 10, 11]
    assert rows[-1]["action"] == "audit_archived"
    second = archive(store, date(2026, 11, 6), tmp_path, "operator:cli")
    assert isinstance(second, Path)
    assert broken(store) is None
    assert verify_archive(second) is None
    assert archive(store, date(2026, 11, 6), tmp_path, "operator:cli") is None
    tamper(store, "DELETE FROM audit WHERE sequence = 7")
    assert broken(store) == (1, "the first rows are missing and no row vouches for their archive")


def test_a_broken_chain_is_not_archived(store: Store, tmp_path: Path) -> None:
    fill(store, 6)
    tamper(store, "UPDATE audit SET subject = 'x' WHERE sequence = 2")
    assert archive(store, date(2026, 12, 31), tmp_path, "operator:cli") == audit.Broken(
        sequence=2, reason="changed since it was written"
    )
    assert list(tmp_path.glob("audit-*")) == []
    assert len(store.read(lambda connection: list(audit.rows_of(connection)))) == 6


def test_rows_are_found_by_subject_and_what_stands_under_it(store: Store) -> None:
    fill(store, 12)
    find = lambda **wanted: [  # noqa: E731
        row["sequence"] for row in store.read(lambda connection: audit.find(connection, audit.Wanted(**wanted), 0, 100))
    ]
    assert find(subject="S-1") == [2]
    assert find(subject="S-1/x") == [2]
    assert find(subject="S_1") == []
    assert find(actor="platform:1", since=NOW + timedelta(days=10)) == [11, 12]
    assert find(until=NOW + timedelta(days=2)) == [1, 2]


def test_retention_tells_first_and_takes_only_what_is_older_than_the_policy(store: Store) -> None:
    today, long_ago = datetime(2026, 10, 31, 4, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)

    def change(connection):  # type: ignore[no-untyped-def]
        for n, at in enumerate((long_ago, today - timedelta(days=8), today - timedelta(days=6))):
            kept = idempotency.Answered(caller="c", key=f"k{n}", fingerprint="f", status=200, answer=b"{}")
            idempotency.keep(connection, kept, at)
        for uscc in ("consenting", "silent"):
            row = {"uscc": uscc, "document": "{}", "recorded_at": moment(long_ago)}
            connection.execute(contacts.insert(), row)
        leave = enterprises.ConsentRow(
            uscc="consenting",
            source="registry",
            purpose="contact_disclosure",
            recipient="I-001",
            granted_on=DAY,
            expires_on=None,
        )
        enterprises.grant(connection, [leave], today)

    store.write(change)
    old = {each.rule.kind: each for each in store.read(lambda c: retention.old(c, DAY, DAY))}
    assert {kind: each.rows for kind, each in old.items()} == {
        "idempotency": 2,
        "recommendations": 0,
        "contacts": 1,
        "audit": 0,
        "deliveries": 0,
        "outbox": 0,
        "events": 0,
    }
    assert all(each.rule.reason.zh and each.rule.reason.en for each in old.values())
    early = {each.rule.kind: each.rows for each in store.read(lambda c: retention.old(c, DAY, date(2023, 1, 1)))}
    assert early["idempotency"] == 1
    assert retention.prune(store, old["idempotency"], "operator:cli") == 2
    assert retention.prune(store, old["contacts"], "operator:cli") == 1
    left = store.read(lambda connection: connection.execute(contacts.select()).scalars().all())
    assert left == ["consenting"]
    with pytest.raises(ValueError, match="events"):
        retention.prune(store, old["events"], "operator:cli")
    assert [row["subject"] for row in store.read(lambda c: audit.find(c, audit.Wanted(), 0, 9))] == [
        "retention/idempotency",
        "retention/contacts",
    ]
    assert broken(store) is None


def test_a_long_chain_is_walked_in_blocks(store: Store) -> None:
    fill(store, 3_000)
    told: list[int] = []
    since = time.perf_counter()
    assert store.read(lambda connection: audit.verify(connection, told.append)) is None
    assert time.perf_counter() - since < 5
    assert told == []


def test_messages_told_long_ago_go_but_the_newest_and_what_is_on_its_way_stay(store: Store) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    hook = Webhook(
        webhook_id="W",
        institution_id="I-1",
        url="https://bank.example/hook",
        kinds=("lead.pushed",),
        secret="whsec_c2VjcmV0",
        recorded_at=long_ago,
    )

    def tell(connection, institution="I-1", at=long_ago):  # type: ignore[no-untyped-def]
        outbox.announce(
            connection, [outbox.Message(institution_id=institution, kind="lead.pushed", payload={})], at, at
        )

    def change(connection):  # type: ignore[no-untyped-def]
        webhooks.add(connection, hook)
        webhooks.subscribe(connection, "I-1", "lead.pushed", True, long_ago)
        for institution in ("I-1", "I-1", "I-2", "I-2"):
            tell(connection, institution)
        connection.execute(deliveries.update().where(deliveries.c.sequence == 1).values(state="delivered"))

    def left() -> tuple[list[int], list[int]]:
        with store.reading() as connection:
            told = connection.execute(outbox_rows.select().order_by(outbox_rows.c.sequence)).scalars().all()
            sent = connection.execute(deliveries.select().order_by(deliveries.c.delivery_id)).scalars().all()
        return list(told), list(sent)

    store.write(change)
    assert left() == ([1, 2, 3, 4], [1, 2])
    due = {each.rule.kind: each for each in store.read(lambda c: retention.old(c, DAY, DAY))}
    assert (due["deliveries"].rows, due["outbox"].rows) == (1, 2)
    assert retention.prune(store, due["deliveries"], "operator:cli") == 1
    assert retention.prune(store, due["outbox"], "operator:cli") == 2
    assert left() == ([2, 4], [2])
    store.write(tell)
    assert left()[0] == [2, 4, 5]
