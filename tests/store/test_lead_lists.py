"""Lead lists by plan: old ones stay until they are pruned, and the current one always stays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from matcher.store import lead_lists
from matcher.store.clock import PinnedClock
from matcher.store.lead_lists import LeadRow
from matcher.store.leads import lead_id_of
from matcher.store.store import Store, open_store
from tests.conftest import FreshDatabase

START = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
ROW = LeadRow(demand_id="D-1", product_id="P-1", value=0.2, p_apply=0.5, p_approve=0.5, origin="outreach")


@pytest.fixture
def store(tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=date(2026, 11, 1)))
    yield opened
    opened.close()


def keep(store: Store, *versions: str) -> None:
    """Keep a list of one lead for two institutions under each version, a day apart."""
    for days, version in enumerate(versions):
        at = START + timedelta(days=days)
        store.write(
            lambda connection, version=version, at=at: lead_lists.keep(
                connection, version, {"I-1": (ROW,), "I-2": (ROW,)}, at
            )
        )


def kept(store: Store, *versions: str) -> list[bool]:
    """Which of these versions are kept."""
    return [store.read(lambda c, v=version: lead_lists.kept_since(c, v)) is not None for version in versions]


def test_pruning_keeps_the_newest_plans(store: Store) -> None:
    keep(store, "a", "b", "c")
    assert store.read(lambda c: lead_lists.find(c, "a", "I-1")) == (ROW,)
    assert store.write(lambda c: lead_lists.prune(c, keep=2)) == 1
    assert kept(store, "a", "b", "c") == [False, True, True]
    assert store.write(lambda c: lead_lists.prune(c, keep=2)) == 0


def test_pruning_never_drops_the_current_plan_however_old(store: Store) -> None:
    keep(store, "new", "newest")
    store.write(lambda c: lead_lists.keep(c, "current", {"I-1": (ROW,)}, START - timedelta(days=9)))
    assert store.write(lambda c: lead_lists.prune(c, keep=1)) == 2
    assert kept(store, "new", "newest", "current") == [False, False, True]


def test_to_keep_no_plan_is_refused_by_name(store: Store) -> None:
    with pytest.raises(ValueError, match="keep is 0"):
        store.write(lambda c: lead_lists.prune(c, keep=0))


def test_a_lead_has_one_name_before_it_has_a_row() -> None:
    assert lead_id_of("D-1", "I-1") == lead_id_of("D-1", "I-1")
    assert len({lead_id_of("D-1", "I-1"), lead_id_of("D-1", "I-2"), lead_id_of("D-2", "I-1")}) == 3
    assert lead_id_of("D-1", "I-1").startswith("L-")
