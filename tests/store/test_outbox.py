"""The outbox: numbered in the order it becomes visible, fanned out to those who opted in, claimed by one at a time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from matcher.store import audit, deliveries, outbox, webhooks
from matcher.store.clock import PinnedClock
from matcher.store.deliveries import Claimed, Outcome
from matcher.store.outbox import Message
from matcher.store.push_kinds import KINDS, UnknownKindError
from matcher.store.store import Store, open_store
from matcher.store.tables_platform import deliveries as delivery_rows
from matcher.store.tables_platform import outbox as outbox_rows
from matcher.store.webhooks import Webhook
from tests.conftest import FreshDatabase

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


@pytest.fixture
def store(tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(fresh_database(tmp_path), PinnedClock(day=date(2026, 10, 31)))
    yield opened
    opened.close()


def hook(name: str, institution: str = "I-1", kinds: tuple[str, ...] = ("lead.pushed",)) -> Webhook:
    """A webhook that names some kinds."""
    return Webhook(
        webhook_id=name,
        institution_id=institution,
        url="https://bank.example/hook",
        kinds=kinds,
        secret="whsec_c2VjcmV0",
        recorded_at=NOW,
    )


def message(institution: str = "I-1", kind: str = "lead.pushed", number: int = 0) -> Message:
    """A message with a number in it."""
    return Message(institution_id=institution, kind=kind, payload={"number": number})


def announce(store: Store, *messages: Message) -> None:
    """Announce durably."""
    store.write(lambda connection: outbox.announce(connection, messages, NOW, NOW))


def made(store: Store) -> list[tuple[str, int, str]]:
    """(webhook, message, state) of every delivery."""
    query = select(delivery_rows.c.webhook_id, delivery_rows.c.sequence, delivery_rows.c.state)
    return [
        tuple(row) for row in store.read(lambda one: one.execute(query.order_by(delivery_rows.c.delivery_id)).all())
    ]


def claim(store: Store, now: datetime = NOW, per_webhook: int = 10) -> tuple[Claimed, ...]:
    """Claim whatever is due, for thirty seconds."""
    wanted = [one for one, _ in store.read(lambda c: deliveries.due(c, now, per_webhook, (), 100))]
    return store.write(lambda c: deliveries.claim(c, wanted, now, now + timedelta(seconds=30)))


def record(store: Store, claimed: Claimed, state: str, status: int | None, at: datetime = NOW) -> bool:
    """Keep what became of an attempt."""
    outcome = Outcome(state=state, next_at=at, status=status, error=None)
    return store.write(lambda c: deliveries.record(c, claimed, outcome, at))


def test_a_message_has_a_delivery_for_each_webhook_that_names_its_kind_and_only_for_its_institution(
    store: Store,
) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    store.write(lambda c: webhooks.add(c, hook("two", kinds=("lead.late", "lead.pushed"))))
    store.write(lambda c: webhooks.add(c, hook("late only", kinds=("lead.late",))))
    store.write(lambda c: webhooks.add(c, hook("theirs", "I-2")))
    announce(store, message(), message("I-2"), message(kind="lead.closed"), message("I-3"))
    assert made(store) == [("one", 1, "pending"), ("two", 1, "pending"), ("theirs", 2, "pending")]


def test_who_opted_out_gets_no_delivery_even_of_what_waited(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one", kinds=("lead.pushed", "lead.late"))))
    announce(store, message(), message(kind="lead.late"))
    store.write(lambda c: webhooks.subscribe(c, "I-1", "lead.pushed", False, NOW))
    announce(store, message())
    assert made(store) == [("one", 1, "cancelled"), ("one", 2, "pending")]


def test_a_new_webhook_does_not_undo_a_refusal(store: Store) -> None:
    store.write(lambda c: webhooks.subscribe(c, "I-1", "lead.pushed", False, NOW))
    store.write(lambda c: webhooks.add(c, hook("one", kinds=("lead.pushed", "lead.late"))))
    stated = store.read(lambda c: webhooks.subscriptions_of(c, "I-1"))
    assert stated == {"lead.pushed": False, "lead.late": True}


def test_a_transaction_that_fails_leaves_neither_message_nor_delivery(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))

    def broken(connection: Connection) -> None:
        outbox.announce(connection, [message()], NOW, NOW)
        raise ValueError("after it was announced")

    with pytest.raises(ValueError, match="after it"):
        store.write(broken)
    assert store.read(outbox.head) == 0
    assert made(store) == []


def test_a_kind_that_is_not_on_the_list_is_refused(store: Store) -> None:
    with pytest.raises(UnknownKindError, match=r"lead\.pished"):
        announce(store, message(kind="lead.pished"))
    assert all(text.zh and text.en for text in KINDS.values())


def test_a_nudge_comes_after_a_commit_that_announced_and_after_no_other(store: Store) -> None:
    nudges: list[int] = []
    forget = outbox.on_announced(store.database, lambda: nudges.append(store.read(outbox.head)))
    store.write(lambda c: webhooks.add(c, hook("one")))
    assert nudges == []
    announce(store, message(), message())
    store.write(lambda c: webhooks.subscribe(c, "I-1", "lead.late", True, NOW))
    assert nudges == [2]
    forget()
    announce(store, message())
    assert nudges == [2]


def test_what_one_claimed_no_other_can_until_the_claim_lapses(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    announce(store, message(), message())
    first = claim(store)
    assert [one.attempt for one in first] == [1, 1]
    numbers = [one.delivery_id for one in first]
    assert store.write(lambda c: deliveries.claim(c, numbers, NOW, LATER)) == ()
    again = claim(store, LATER)
    assert [(one.delivery_id, one.attempt) for one in again] == [(numbers[0], 2), (numbers[1], 2)]


def test_an_attempt_whose_claim_lapsed_cannot_overwrite_the_one_after_it(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    announce(store, message())
    (stale,), (fresh,) = claim(store), claim(store, LATER)
    record(store, stale, "dead", None)
    assert made(store) == [("one", 1, "sending")]
    assert record(store, fresh, "delivered", 200)
    assert made(store) == [("one", 1, "delivered")]


def test_a_long_line_before_one_webhook_does_not_delay_another(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("crowded")))
    store.write(lambda c: webhooks.add(c, hook("quiet", "I-2")))
    announce(store, *[message(number=n) for n in range(50)], message("I-2"))
    found = store.read(lambda c: deliveries.due(c, NOW, 3, (), 10))
    assert [webhook for _, webhook in found] == ["crowded", "quiet", "crowded", "crowded"]
    assert [w for _, w in store.read(lambda c: deliveries.due(c, NOW, 3, ("crowded",), 10))] == ["quiet"]


def test_a_first_delivery_is_stamped_once_and_audited_for_each_webhook(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    store.write(lambda c: webhooks.add(c, hook("two")))
    announce(store, message())
    one, two = claim(store)
    assert record(store, one, "delivered", 204)
    assert not record(store, two, "delivered", 200, LATER)
    stamp = store.read(lambda c: c.execute(select(outbox_rows.c.first_delivered_at)).scalar())
    assert stamp == "2026-11-23T08:00:00.000000+00:00"
    rows = store.read(lambda c: c.execute(text("SELECT action, subject, detail FROM audit")).all())
    assert [(action, subject) for action, subject, _ in rows] == [("pushed", "I-1")] * 2
    assert all('"message_id":"msg_1"' in detail and '"kind":"lead.pushed"' in detail for *_, detail in rows)
    assert store.read(audit.verify) is None


def test_an_endpoint_that_refused_a_message_has_seen_it_and_one_never_reached_has_not(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    announce(store, message(), message())
    refused, unreached = claim(store)
    record(store, refused, "pending", 500)
    record(store, unreached, "pending", None)
    assert store.read(lambda c: c.execute(text("SELECT count(*) FROM audit")).scalar()) == 1
    (again,) = claim(store)[:1]
    assert again.was_answered
    record(store, again, "delivered", 200)
    assert store.read(lambda c: c.execute(text("SELECT count(*) FROM audit")).scalar()) == 1


def test_what_waits_for_a_webhook_that_is_gone_is_dead_and_can_be_replayed(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    announce(store, message(), message())
    (sent,) = claim(store, per_webhook=1)
    store.write(lambda c: webhooks.set_active(c, "one", False))
    record(store, sent, "pending", None)
    announce(store, message())
    assert claim(store) == ()
    assert made(store) == [("one", 1, "dead"), ("one", 2, "dead")]
    store.write(lambda c: webhooks.set_active(c, "one", True))
    assert store.write(lambda c: deliveries.replay_dead(c, "one", NOW)) == 2
    assert [one.attempt for one in claim(store)] == [1, 1]


def test_a_delivery_on_its_way_is_not_replayed_and_that_of_another_webhook_is_not_found(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    announce(store, message())
    assert store.write(lambda c: deliveries.replay(c, "one", 1, NOW)) == "pending"
    assert store.write(lambda c: deliveries.replay(c, "two", 1, NOW)) is None
    (claimed,) = claim(store)
    record(store, claimed, "delivered", 200)
    assert store.write(lambda c: deliveries.replay(c, "one", 1, NOW)) == "delivered"
    assert made(store) == [("one", 1, "pending")]


def test_a_removed_webhook_leaves_no_secret_and_no_delivery(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    announce(store, message())
    store.write(lambda c: webhooks.remove(c, "one"))
    assert made(store) == []
    assert store.read(lambda c: webhooks.find(c, "one", "I-1")) is None


def test_a_rotated_secret_signs_beside_the_new_one_until_its_moment(store: Store) -> None:
    store.write(lambda c: webhooks.add(c, hook("one")))
    store.write(lambda c: webhooks.rotate(c, "one", "whsec_bmV3", LATER))
    kept = store.read(lambda c: webhooks.find(c, "one", "I-1"))
    assert kept is not None
    assert kept.secrets_at(NOW) == ("whsec_bmV3", "whsec_c2VjcmV0")
    assert kept.secrets_at(LATER) == ("whsec_bmV3",)
    assert "whsec" not in repr(kept)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    groups=st.lists(st.lists(st.sampled_from(["I-1", "I-2", "I-3"]), max_size=4), max_size=5),
    page=st.integers(min_value=1, max_value=5),
)
def test_reading_on_from_the_last_number_loses_and_doubles_nothing(
    store: Store, groups: list[list[str]], page: int
) -> None:
    start = store.read(outbox.head)
    number = 0
    wanted: dict[str, list[int]] = {"I-1": [], "I-2": [], "I-3": []}
    for group in groups:
        for institution in group:
            wanted[institution].append(number := number + 1)
        first = number - len(group)
        announce(store, *[message(one, number=first + place) for place, one in enumerate(group, 1)])
    for institution, numbers in wanted.items():
        read, last = [], start
        while told := store.read(lambda c, i=institution, last=last: outbox.after(c, i, last, page)):
            assert {one.institution_id for one in told} == {institution}
            read += [int(one.payload.removeprefix('{"number":').removesuffix("}")) for one in told]
            last = told[-1].sequence
        assert read == numbers
