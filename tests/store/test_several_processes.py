"""Several processes on one database: opened at once, written at once, nothing doubled and nothing lost."""

import subprocess
import sys
import threading
from contextlib import suppress
from datetime import date
from pathlib import Path

from sqlalchemy import Connection

from matcher.store import audit, enterprises, marketplace
from matcher.store.clock import PinnedClock
from matcher.store.store import open_store
from tests.conftest import FreshDatabase

WRITES = """
import sys
from datetime import date
from matcher.store import audit, marketplace
from matcher.store.clock import PinnedClock
from matcher.store.store import open_store
store = open_store(sys.argv[1], PinnedClock(day=date(2026, 10, 31)))
def change(connection, n):
    marketplace.state(connection, "latest", f"{sys.argv[2]}-{n}")
    audit.append(connection, audit.Entry(actor=sys.argv[2], action="b", subject=str(n), detail={}), store.clock.now())
for future in [store.submit(lambda connection, n=n: change(connection, n)) for n in range(40)]:
    future.result()
store.close()
"""


def test_processes_that_open_and_write_one_database_at_once_keep_one_whole_chain(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    url = fresh_database(tmp_path)
    started = [subprocess.Popen([sys.executable, "-c", WRITES, url, name]) for name in ("one", "two", "three")]
    assert [process.wait(120) for process in started] == [0, 0, 0]
    opened = open_store(url, PinnedClock(day=date(2026, 10, 31)))
    try:
        assert opened.read(audit.verify) is None
        head = opened.read(lambda connection: connection.exec_driver_sql("SELECT COUNT(*) FROM audit").scalar())
        assert head == 120
        assert opened.read(lambda connection: marketplace.stated(connection, "latest")) in {
            "one-39",
            "two-39",
            "three-39",
        }
    finally:
        opened.close()


def test_changes_of_one_row_before_and_after_the_audit_entry_never_wait_for_each_other(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    url = fresh_database(tmp_path)
    stores = [open_store(url, PinnedClock(day=date(2026, 10, 31))) for _ in range(2)]
    entry = audit.Entry(actor="a", action="b", subject="c", detail={})
    half_way = threading.Barrier(2)

    def switch(connection: Connection) -> None:
        enterprises.set_personalisation(connection, "U", False, stores[0].clock.now())

    def seal(connection: Connection) -> None:
        audit.append(connection, entry, stores[0].clock.now())

    def change(connection: Connection, *steps) -> None:  # type: ignore[no-untyped-def]
        steps[0](connection)
        with suppress(threading.BrokenBarrierError):
            half_way.wait(2)  # both are here at once only where neither waits for the other at the start
        steps[1](connection)

    try:
        stores[0].write(switch)
        first = stores[0].submit(lambda connection: change(connection, switch, seal))
        second = stores[1].submit(lambda connection: change(connection, seal, switch))
        first.result(30)
        second.result(30)
        assert stores[0].read(audit.verify) is None
    finally:
        for each in stores:
            each.close()
