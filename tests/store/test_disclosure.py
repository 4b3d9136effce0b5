"""What a recipient may know of an enterprise on a day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from matcher.store import enterprises
from matcher.store.clock import PinnedClock
from matcher.store.disclosure import may_know, may_know_each
from matcher.store.store import Store, open_store
from tests.conftest import FreshDatabase

DAY, NOW = date(2026, 10, 31), datetime(2026, 10, 31, 8, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=DAY))
    yield opened
    opened.close()


def grant(store: Store, source: str, purpose: str, recipient: str, expires_on: date | None = None) -> None:
    row = enterprises.ConsentRow(
        uscc="U", source=source, purpose=purpose, recipient=recipient, granted_on=DAY, expires_on=expires_on
    )
    store.write(lambda connection: enterprises.grant(connection, [row], NOW))


def asked(store: Store, recipient: str, purpose: str, as_of: date = DAY) -> tuple[set[str], bool, bool]:
    found = store.read(lambda connection: may_know(connection, "U", recipient, purpose, as_of, ("registry", "tax")))
    assert found.sources | found.missing == {"registry", "tax"}
    return set(found.sources), found.name, found.contact


def test_without_a_consent_nothing_is_known(store: Store) -> None:
    assert asked(store, "I-001", "lead_disclosure") == (set(), False, False)


def test_a_lead_consent_shows_the_name_to_its_recipient_alone_until_its_last_day(store: Store) -> None:
    grant(store, "registry", "lead_disclosure", "I-001", date(2026, 11, 5))
    assert asked(store, "I-001", "lead_disclosure", date(2026, 11, 5)) == ({"registry"}, True, False)
    assert asked(store, "I-001", "lead_disclosure", date(2026, 11, 6)) == (set(), False, False)
    assert asked(store, "I-001", "lead_disclosure", date(2026, 10, 30)) == (set(), False, False)
    assert asked(store, "I-002", "lead_disclosure") == (set(), False, False)


def test_contact_implies_name_and_another_source_shows_neither(store: Store) -> None:
    grant(store, "tax", "contact_disclosure", "I-001")
    assert asked(store, "I-001", "lead_disclosure") == (set(), False, False)
    grant(store, "registry", "contact_disclosure", "I-001")
    assert asked(store, "I-001", "lead_disclosure") == (set(), True, True)


def test_a_consent_to_institutions_is_for_each_of_them_and_not_for_the_platform(store: Store) -> None:
    grant(store, "registry", "lead_disclosure", "institutions")
    assert asked(store, "I-077", "lead_disclosure") == ({"registry"}, True, False)
    assert asked(store, "platform", "lead_disclosure") == (set(), False, False)


def test_reading_for_a_match_does_not_show_who_it_is(store: Store) -> None:
    grant(store, "registry", "financing_match", "I-001")
    assert asked(store, "I-001", "financing_match") == ({"registry"}, False, False)


def test_a_revoked_consent_shows_nothing_on_any_day_and_many_are_asked_at_once(store: Store) -> None:
    grant(store, "registry", "contact_disclosure", "I-001")
    both = store.read(lambda connection: may_know_each(connection, ["V", "U"], "I-001", "lead_disclosure", DAY))
    assert {uscc: found.contact for uscc, found in both.items()} == {"U": True, "V": False}
    store.write(lambda connection: enterprises.revoke(connection, "U", "registry", None, None))
    assert asked(store, "I-001", "lead_disclosure") == (set(), False, False)
