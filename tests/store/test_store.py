"""The store: what is acknowledged is durable, what fails leaves nothing, the audit shows every tampering."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import IntegrityError

from matcher.demand_states import NotAllowedError, Turn
from matcher.desk_clocks import Clocks
from matcher.domain import Collateral, CollateralKind, Demand, Kind, Purpose, Repayment
from matcher.store import (
    audit,
    demands,
    enterprises,
    idempotency,
    marketplace,
    recommendations,
    rulebooks,
    tables_platform,
)
from matcher.store.clock import PinnedClock
from matcher.store.database import StoreUnreachableError, open_database
from matcher.store.documents import demand_from_document, demand_to_document
from matcher.store.moves import Act
from matcher.store.store import Store, open_store
from matcher.store.turns import turn
from matcher.store.writer import OutcomeUnknownError, WriterClosedError
from tests.conftest import FreshDatabase

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = date(2026, 10, 31)


@pytest.fixture
def store(tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=DAY))
    yield opened
    opened.close()


def demand(key: str) -> Demand:
    """A plain demand."""
    return Demand(
        demand_id=key,
        uscc="91370602MA3TERT037",
        amount_cny=Decimal("3000000.00"),
        term_months=12,
        purpose=Purpose.WORKING_CAPITAL,
    )


def entry(subject: str) -> audit.Entry:
    """A plain audit entry."""
    return audit.Entry(actor="platform:1", action="tried", subject=subject, detail={"n": 1})


def test_the_migrations_make_exactly_the_tables_the_code_speaks_of(store: Store) -> None:
    found = inspect(store.database.reads)
    assert set(found.get_table_names()) == {*tables_platform.leads.metadata.tables, "alembic_version"}
    for name, table in tables_platform.leads.metadata.tables.items():
        assert {column["name"] for column in found.get_columns(name)} == set(table.columns.keys())


def test_opening_a_store_twice_keeps_what_is_in_it(tmp_path: Path, fresh_database: FreshDatabase) -> None:
    url = fresh_database(tmp_path)
    for expected in (None, "yes"):
        opened = open_store(url, PinnedClock(day=DAY))
        assert opened.read(lambda connection: marketplace.stated(connection, "seen")) == expected
        opened.write(lambda connection: marketplace.state(connection, "seen", "yes"))
        opened.close()


def test_a_store_that_cannot_be_opened_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises((StoreUnreachableError, OSError), match="file"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'store.db'}")


def test_waiting_changes_share_one_commit(store: Store) -> None:
    started = store.writer.commits
    futures = [
        store.submit(lambda connection, n=n: marketplace.state(connection, f"fact {n}", "kept")) for n in range(200)
    ]
    for future in futures:
        future.result()
    assert store.writer.commits - started < 200
    assert store.read(lambda connection: marketplace.stated(connection, "fact 199")) == "kept"


def test_a_change_that_fails_leaves_nothing_and_spoils_no_sibling(store: Store) -> None:
    def broken(connection: Connection) -> None:
        marketplace.state(connection, "broken", "kept")
        raise ValueError("no")

    futures = [store.submit(broken)] + [
        store.submit(lambda connection, n=n: marketplace.state(connection, f"good {n}", "kept")) for n in range(5)
    ]
    with pytest.raises(ValueError, match="no"):
        futures[0].result()
    for future in futures[1:]:
        future.result()
    assert store.read(lambda connection: marketplace.stated(connection, "broken")) is None
    assert store.read(lambda connection: marketplace.stated(connection, "good 4")) == "kept"


@pytest.mark.parametrize("is_done", [True, False])
def test_a_group_whose_commit_was_not_answered_is_never_run_again(store: Store, is_done: bool) -> None:
    gate, started = threading.Event(), threading.Event()
    runs: list[int] = []

    def hold_back(_connection: Connection) -> None:
        started.set()
        assert gate.wait(10)

    def change(connection: Connection, number: int) -> None:
        runs.append(number)
        marketplace.state(connection, f"unanswered-{number}", "here")

    def go_away(connection: Connection) -> None:
        if not runs:
            return
        if is_done:
            connection.connection.commit()
        raise ConnectionError("the server closed the connection")

    first = store.submit(hold_back)
    assert started.wait(10)
    later = [store.submit(lambda connection, number=number: change(connection, number)) for number in range(3)]
    event.listen(store.database.writes, "commit", go_away)
    gate.set()
    try:
        first.result(10)
        found = [future.exception(10) for future in later]
    finally:
        event.remove(store.database.writes, "commit", go_away)
    assert [type(error) for error in found] == [OutcomeUnknownError] * 3
    assert runs == [0, 1, 2]
    store.write(lambda connection: change(connection, 3))
    kept = [store.read(lambda connection, n=n: marketplace.stated(connection, f"unanswered-{n}")) for n in range(4)]
    assert kept == ["here" if is_done else None] * 3 + ["here"]


def test_a_change_given_up_before_it_began_is_left_undone_and_the_writer_goes_on(store: Store) -> None:
    going, go_on = threading.Event(), threading.Event()

    def slow(_connection: Connection) -> None:
        going.set()
        go_on.wait(5)

    first = store.submit(slow)
    going.wait(5)
    given_up = store.submit(lambda connection: marketplace.state(connection, "given up", "kept"))
    assert given_up.cancel()
    assert not first.cancel()
    go_on.set()
    store.write(lambda connection: marketplace.state(connection, "after", "kept"))
    assert store.read(lambda connection: marketplace.stated(connection, "given up")) is None
    assert store.read(lambda connection: marketplace.stated(connection, "after")) == "kept"


def test_a_closed_store_takes_no_more_changes(tmp_path: Path, fresh_database: FreshDatabase) -> None:
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=DAY))
    opened.close()
    with pytest.raises(WriterClosedError, match="closing"):
        opened.write(lambda connection: marketplace.state(connection, "late", "no"))


WRITES_UNTIL_KILLED = """
import sys
from datetime import date
from matcher.store import audit, marketplace
from matcher.store.clock import PinnedClock
from matcher.store.store import open_store
store = open_store(sys.argv[1], PinnedClock(day=date(2026, 10, 31)))
number = 0
while True:
    block = range(number, number + 20)
    def change(connection, n):
        marketplace.state(connection, f"row {n}", "kept")
        entry = audit.Entry(actor="a", action="b", subject=str(n), detail={})
        audit.append(connection, entry, store.clock.now())
    for n, future in [(n, store.submit(lambda connection, n=n: change(connection, n))) for n in block]:
        future.result()
        print(n, flush=True)
    number += 20
"""


def test_whatever_was_acknowledged_before_a_kill_is_there_after_it(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    url = fresh_database(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [int(next(process.stdout)) for _ in range(150)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    opened = open_store(url, PinnedClock(day=DAY))
    try:
        with opened.reading() as connection:
            assert all(marketplace.stated(connection, f"row {n}") == "kept" for n in acknowledged)
            assert audit.verify(connection) is None
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("tampering", "row"),
    [
        ("UPDATE audit SET subject = 'x' WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 2", 2),
        ("UPDATE audit SET sequence = -1 WHERE sequence = 3", 1),
        ("UPDATE audit SET previous = digest WHERE sequence = 3", 3),
        ("UPDATE audit SET occurred_at = '2020-01-01T00:00:00.000000+00:00' WHERE sequence = 1", 1),
    ],
)
def test_a_tampered_audit_is_found_at_its_row(store: Store, tampering: str, row: int) -> None:
    for name in ("one", "two", "three"):
        store.write(lambda connection, name=name: audit.append(connection, entry(name), NOW))
    assert store.read(audit.verify) is None
    store.write(lambda connection: connection.execute(text(tampering)))
    broken = store.read(audit.verify)
    assert broken is not None
    assert broken.sequence == row


def test_a_demand_is_withdrawn_once_and_keeps_its_moves(store: Store) -> None:
    kept = demands.KeptDemand(demand=demand("D-1"), state="published", published_on=DAY)
    store.write(lambda connection: demands.publish(connection, [kept], "platform:1", NOW))
    assert store.read(lambda connection: demands.find(connection, "D-1")) == kept
    assert store.read(lambda connection: demands.latest(connection, 5)) == (kept,)
    act = Act(actor="platform:1", now=NOW, today=DAY)
    store.write(lambda connection: turn(connection, "D-1", Turn.WITHDRAW, act, Clocks()))
    assert store.read(lambda connection: demands.latest(connection, 5)) == ()
    with pytest.raises(NotAllowedError, match="withdrawn"):
        store.write(lambda connection: turn(connection, "D-1", Turn.WITHDRAW, act, Clocks()))
    assert store.write(lambda connection: turn(connection, "D-2", Turn.WITHDRAW, act, Clocks())) is None


def test_a_revoked_consent_is_gone_and_a_later_one_stands(store: Store) -> None:
    row = enterprises.ConsentRow(uscc="u", source="tax", purpose="p", recipient="r", granted_on=DAY, expires_on=None)
    store.write(lambda connection: enterprises.grant(connection, [row], NOW))
    assert store.write(lambda connection: enterprises.revoke(connection, "u", "tax", None, None)) == 1
    assert store.read(lambda connection: enterprises.consents_of(connection, "u")) == ()
    assert store.write(lambda connection: enterprises.revoke(connection, "u", "tax", None, None)) == 0
    store.write(lambda connection: enterprises.grant(connection, [row], NOW))
    assert store.read(lambda connection: enterprises.consents_of(connection, "u")) == (row,)


def test_batches_of_records_are_kept_in_order_and_numbered(store: Store) -> None:
    for year in (2024, 2025):
        store.write(
            lambda connection, year=year: enterprises.append_records(
                connection, "u", "annual_report", DAY, [{"year": year}], NOW
            )
        )
    assert store.read(lambda connection: enterprises.records(connection, "u")) == {
        "annual_report": [{"year": 2024}, {"year": 2025}]
    }
    assert store.read(lambda connection: enterprises.latest_batch(connection, "u")) == 2
    assert store.read(lambda connection: enterprises.latest_batch(connection, "nobody")) == 0


def test_a_recommendation_is_kept_byte_for_byte(store: Store) -> None:
    kept = recommendations.Kept(
        recommendation_id="R-1",
        demand_id=None,
        uscc="u",
        as_of=DAY,
        inputs=b'{"a":1}',
        answer="答案".encode() * 1000,
        digest="d" * 64,
    )
    store.write(lambda connection: recommendations.keep(connection, kept, NOW))
    assert store.read(lambda connection: recommendations.find(connection, "R-1")) == kept


def test_an_idempotency_key_is_kept_once(store: Store) -> None:
    kept = idempotency.Answered(caller="c", key="k", fingerprint="f", status=201, answer=b"{}")
    store.write(lambda connection: idempotency.keep(connection, kept, NOW))
    with pytest.raises(IntegrityError):
        store.write(lambda connection: idempotency.keep(connection, kept, NOW))
    assert store.read(lambda connection: idempotency.find(connection, "c", "k")) == kept


def test_an_archived_catalogue_stays_when_another_runs(store: Store) -> None:
    for version in ("one", "two"):
        store.write(
            lambda connection, version=version: marketplace.run_catalogue(connection, version, version.encode(), NOW)
        )
    assert store.read(lambda connection: marketplace.archived_catalogue(connection, "one")) == b"one"
    assert store.read(lambda connection: marketplace.stated(connection, marketplace.RUNNING)) == "two"


def test_an_archived_law_comes_back_as_it_was_and_is_kept_once(store: Store) -> None:
    law = {"act.yaml": "act: 办法\n", "fee.yaml": "x: 1\n"}
    for texts in (law, {"act.yaml": "another"}):
        store.write(lambda connection, texts=texts: rulebooks.archive(connection, "v", texts, NOW))
    assert store.read(lambda connection: rulebooks.archived(connection, "v")) == law
    assert store.read(lambda connection: rulebooks.archived(connection, "never")) is None


money = st.decimals(min_value=1, max_value=10**10, places=2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(
        Demand,
        uscc=st.just("91370602MA3TERT037"),
        amount_cny=money,
        term_months=st.integers(1, 360),
        purpose=st.sampled_from(Purpose),
        kinds=st.lists(st.sampled_from(Kind), min_size=1, unique=True).map(tuple),
        max_annual_rate=st.none() | st.decimals(min_value=0, max_value=1, places=4),
        collateral=st.lists(
            st.builds(Collateral, kind=st.sampled_from(CollateralKind), appraised_value_cny=st.none() | money),
            max_size=3,
        ).map(tuple),
        repayment=st.sampled_from(Repayment),
        needed_by=st.none() | st.dates(),
        demand_id=st.just("D-1"),
    )
)
def test_a_demand_comes_back_from_its_document_as_it_was(stated: Demand) -> None:
    assert demand_from_document(demand_to_document(stated), "D-1") == stated
