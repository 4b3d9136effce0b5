"""Whatever is done in whatever order, demand, leads, log, audit and outbox agree, and a closed demand takes nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from matcher.demand_states import MAIN_LINE, OPEN, NotAllowedError, State, Step, Turn
from matcher.desk_clocks import Clocks
from matcher.domain import Demand, Kind, Purpose
from matcher.store import audit, clocks, demands, leads, moves, turns
from matcher.store.clock import PinnedClock
from matcher.store.leads import KeptLead, Offer, Terms, lead_id_of
from matcher.store.moves import Act, RecordedMove
from matcher.store.store import Store, open_store
from matcher.store.tables import audit as audit_table
from matcher.store.tables_platform import outbox, push_queue
from tests.conftest import FreshDatabase

DAY = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)
DESKS = ("B-1", "B-2", "B-3")
S = State
NUMBER = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase) -> Iterator[Store]:
    """One store for every walk; each walks a demand of its own."""
    opened = open_store(fresh_database(tmp_path_factory.mktemp("walks")), PinnedClock(day=DAY))
    yield opened
    opened.close()


def act_on(day: date = DAY, actor: str = "somebody:1") -> Act:
    """Somebody acting on a day."""
    return Act(actor=actor, now=NOW, today=day)


def new_demand(connection: Connection, state: State = S.PUBLISHED, **facts: object) -> str:
    """A new demand in the library."""
    key = f"D-{next(NUMBER)}"
    needed_by = facts.pop("needed_by", None)
    demand = Demand(
        demand_id=key,
        uscc="91370602MA3TERT037",
        amount_cny=Decimal(3_000_000),
        term_months=12,
        purpose=facts.pop("purpose", Purpose.WORKING_CAPITAL),  # type: ignore[arg-type]
        kinds=(Kind.LOAN,),
        needed_by=needed_by,  # type: ignore[arg-type]
    )
    published = state is not S.DRAFT
    kept = demands.KeptDemand(
        demand=demand,
        state=state.value,
        published_on=DAY if published else None,
        expires_on=turns.last_open_day(demand, DAY, Clocks()) if published else None,
        **facts,  # type: ignore[arg-type]
    )
    demands.add(connection, kept, act_on())
    return key


def offer(institution: str) -> Offer:
    """An offer by the one product of an institution."""
    return Offer(
        institution_id=institution,
        product_id=f"P-{institution}",
        product_name={"zh": "贷款", "en": "Loan"},
        p_apply=0.5,
        p_approve=0.5,
        score=0.25,
        verdict="pass",
    )


def push(connection: Connection, key: str, day: date = DAY, desks: tuple[str, ...] = DESKS) -> tuple[KeptLead, ...]:
    """Push a demand to institutions."""
    offers = [offer(desk) for desk in desks]
    return leads.push(
        connection, key, offers, act_on(day, "service:push"), Clocks(), enterprise_name={"zh": "某", "en": "An"}
    )


def lead_of(connection: Connection, key: str, institution: str) -> KeptLead:
    """The lead of an institution; as listed where it has no row."""
    lead_id = lead_id_of(key, institution)
    return leads.find(connection, lead_id) or KeptLead(
        lead_id=lead_id,
        demand_id=key,
        institution_id=institution,
        product_id=f"P-{institution}",
        state=S.LISTED,
        origin="outreach",
    )


def take(
    connection: Connection, key: str, institution: str, step: Step, terms: Terms | None = None, day: date = DAY
) -> KeptLead:
    """A move of an institution at its lead."""
    lead = lead_of(connection, key, institution)
    return leads.take(connection, lead, step, act_on(day, f"institution:{institution}"), Clocks(), terms or Terms())


def state_of(connection: Connection, key: str) -> State:
    """Where a demand stands."""
    kept = demands.find(connection, key)
    assert kept is not None
    return State(kept.state)


def folded(log: tuple[RecordedMove, ...]) -> tuple[str | None, dict[str, str]]:
    """Demand and leads as the log alone says; every row must begin where the one before it ended."""
    demand: str | None = None
    desk: dict[str, str] = {}
    for row in log:
        if row.lead_id is None:
            assert row.before == demand
            demand = row.after
        else:
            assert row.before == desk.get(row.lead_id)
            desk[row.lead_id] = row.after
    return demand, desk


def check(connection: Connection, key: str) -> None:
    """Everything that must agree, agrees."""
    state, log = state_of(connection, key), moves.of_demand(connection, key)
    told, desk = folded(log)
    rows = {lead.lead_id: lead for lead in leads.of_demand(connection, key)}
    assert told == state.value
    assert desk == {lead_id: lead.state.value for lead_id, lead in rows.items()}
    live = [MAIN_LINE.index(lead.state) for lead in rows.values() if lead.state in MAIN_LINE]
    if state in {S.WITHDRAWN, S.EXPIRED, S.DRAFT}:
        assert not live
    elif live and max(live) > 0:
        assert state is MAIN_LINE[max(live)]
    if state in {S.DISBURSED, S.REPAID}:
        assert len(live) == 1
    for lead in rows.values():
        assert (lead.due_on is None) == (lead.state not in {S.PUSHED, S.CLAIMED, S.CONTACTED, S.DUE_DILIGENCE})
    entries = connection.execute(
        select(audit_table.c.action).where(
            audit_table.c.subject.in_([key, *rows]),
            audit_table.c.action.startswith("demand_") | audit_table.c.action.startswith("lead_"),
        )
    ).all()
    assert len(entries) == len(log)


STEP_MOVES = [step for step in Step if step not in {Step.PUSH, Step.CLOSE, Step.RELEASE, Step.COMPLETE}]
ONWARD = {
    S.CLAIMED: Step.CONTACT,
    S.RETURNED: Step.CONTACT,
    S.CONTACTED: Step.APPROVE,
    S.DUE_DILIGENCE: Step.APPROVE,
    S.APPROVED: Step.DISBURSE,
    S.SIGNED: Step.DISBURSE,
    S.DISBURSED: Step.REPAY,
}
"""What a desk does that wants the money out; it claims where nothing else is to be done."""
MOVES = st.sampled_from(
    [
        *((step, desk) for step in STEP_MOVES for desk in DESKS),
        *(("onward", desk) for desk in DESKS for _ in range(12)),
        *((turn, "") for turn in Turn),
        *((Turn.PUBLISH, ""), ("push", ""), ("push", ""), ("push", "")),
        *(("day", days) for days in ("1", "4", "30", "95")),
    ]
)


def walked(connection: Connection, walk: list[tuple[object, str]], start: State) -> str:
    """Walk; a move that is not allowed must leave everything as it was."""
    key, day = new_demand(connection, start), DAY
    for move, where in walk:
        before = (state_of(connection, key), moves.of_demand(connection, key))
        if move == "onward":
            move = ONWARD.get(lead_of(connection, key, where).state, Step.CLAIM)
        try:
            if isinstance(move, Turn):
                turns.turn(connection, key, move, act_on(day), Clocks())
            elif isinstance(move, Step):
                take(connection, key, where, move, day=day)
                assert before[0] in OPEN | {S.DISBURSED}
            elif move == "push":
                push(connection, key, day)
            else:
                day += timedelta(days=int(where))
                clocks.tick(connection, day, NOW, Clocks())
        except NotAllowedError:
            assert before == (state_of(connection, key), moves.of_demand(connection, key))
        check(connection, key)
    return key


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(walk=st.lists(MOVES, min_size=14, max_size=30), start=st.sampled_from([S.DRAFT, S.PUBLISHED]))
def test_no_walk_reaches_a_half_moved_demand(store: Store, walk: list[tuple[object, str]], start: State) -> None:
    store.write(lambda connection: walked(connection, walk, start))
    assert store.read(audit.verify) is None


def messages(connection: Connection, key: str) -> list[tuple[str, str, str | None]]:
    """Kind, institution and reason of what was announced about a demand."""
    rows = connection.execute(select(outbox).order_by(outbox.c.sequence)).all()
    told = [(row.kind, row.institution_id, json.loads(row.payload)) for row in rows]
    return [(kind, desk, payload.get("reason_code")) for kind, desk, payload in told if payload["demand_id"] == key]


def test_one_disbursement_closes_the_other_leads_and_says_why(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        push(connection, key)
        for desk in ("B-1", "B-2"):
            take(connection, key, desk, Step.CLAIM)
            take(connection, key, desk, Step.CONTACT)
        take(connection, key, "B-1", Step.APPROVE, Terms(amount_cny="2000000", annual_rate="0.04"))
        lead = take(connection, key, "B-1", Step.DISBURSE, Terms(amount_cny="1900000"))
        assert (lead.amount_cny, lead.annual_rate) == ("1900000", "0.04")
        assert [one.state for one in leads.of_demand(connection, key)] == [S.DISBURSED, S.CLOSED, S.CLOSED]
        assert messages(connection, key)[3:] == [
            ("lead.closed", "B-2", "funded_elsewhere"),
            ("lead.closed", "B-3", "funded_elsewhere"),
        ]
        with pytest.raises(NotAllowedError, match="closed"):
            take(connection, key, "B-2", Step.APPROVE)
        entered = [row.after for row in moves.of_demand(connection, key) if row.lead_id == lead.lead_id]
        assert entered == ["pushed", "claimed", "contacted", "due_diligence", "approved", "signed", "disbursed"]
        take(connection, key, "B-1", Step.REPAY)
        assert state_of(connection, key) is S.REPAID
        check(connection, key)

    store.write(change)


def test_a_withdrawal_closes_every_lead_and_a_reopening_pushes_anew(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        push(connection, key, desks=DESKS[:2])
        take(connection, key, "B-2", Step.REJECT, Terms(reason_code="collateral"))
        turns.turn(connection, key, Turn.WITHDRAW, act_on(), Clocks())
        assert messages(connection, key)[2:] == [("demand.withdrawn", "B-1", "withdrawn")]
        assert push(connection, key) == ()
        turns.turn(connection, key, Turn.REOPEN, act_on(), Clocks())
        assert state_of(connection, key) is S.REOPENED
        assert [lead.institution_id for lead in push(connection, key)] == list(DESKS)
        assert state_of(connection, key) is S.PUSHED
        check(connection, key)

    store.write(change)


def test_a_returned_demand_is_handed_back_completed_to_who_returned_it(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        push(connection, key)
        take(connection, key, "B-1", Step.CLAIM)
        take(connection, key, "B-1", Step.RETURN, Terms(detail={"complete": ["accounts"]}))
        assert state_of(connection, key) is S.RETURNED
        assert lead_of(connection, key, "B-1").detail == {"complete": ["accounts"]}
        turns.turn(connection, key, Turn.REOPEN, act_on(), Clocks())
        assert lead_of(connection, key, "B-1").state is S.CLAIMED
        assert state_of(connection, key) is S.CLAIMED
        assert messages(connection, key)[-1] == ("lead.reopened", "B-1", None)
        check(connection, key)

    store.write(change)


def test_what_one_desk_returned_is_completed_while_another_is_at_work(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        push(connection, key)
        for desk in ("B-1", "B-2"):
            take(connection, key, desk, Step.CLAIM)
        take(connection, key, "B-2", Step.CONTACT)
        take(connection, key, "B-1", Step.RETURN, Terms(detail={"complete": ["accounts"]}))
        assert state_of(connection, key) is S.CONTACTED
        turns.turn(connection, key, Turn.REOPEN, act_on(), Clocks())
        assert lead_of(connection, key, "B-1").state is S.CLAIMED
        assert lead_of(connection, key, "B-2").state is S.CONTACTED
        assert state_of(connection, key) is S.CONTACTED
        assert messages(connection, key)[-1] == ("lead.reopened", "B-1", None)
        check(connection, key)
        with pytest.raises(NotAllowedError):
            turns.turn(connection, key, Turn.REOPEN, act_on(), Clocks())

    store.write(change)


def test_a_second_push_of_the_same_demand_does_nothing(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        assert len(push(connection, key)) == 3
        log = moves.of_demand(connection, key)
        assert push(connection, key) == ()
        assert moves.of_demand(connection, key) == log
        assert connection.execute(select(push_queue).where(push_queue.c.demand_id == key)).all() == []

    store.write(change)


def test_a_demand_nobody_can_be_offered_stays_published_and_leaves_the_queue(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        assert push(connection, key, desks=()) == ()
        assert state_of(connection, key) is S.PUBLISHED
        assert key not in demands.to_push(connection, 100)

    store.write(change)


def test_who_is_due_is_reminded_once_a_day_and_who_is_over_is_late_until_the_next_answer(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        push(connection, key, desks=("B-1",))
        take(connection, key, "B-1", Step.CLAIM)  # contact is due on 3 November
        kinds = []
        for day in (1, 2, 2, 3, 4, 4, 5):
            clocks.tick(connection, date(2026, 11, day), NOW, Clocks())
            kinds.append([kind for kind, _, _ in messages(connection, key)][1:])
        reminded = ["lead.reminder"]
        assert kinds == [[], reminded, reminded, reminded * 2, *[[*reminded * 2, "lead.late"]] * 3]
        assert lead_of(connection, key, "B-1").late
        assert key in {one.demand.demand_id for one in demands.listed(connection, 500, late=True)}
        lead = take(connection, key, "B-1", Step.CONTACT, day=date(2026, 11, 5))
        assert (lead.late, lead.due_on) == (False, date(2026, 11, 15))
        tail = [(row.before, row.after, row.late) for row in moves.of_demand(connection, key) if row.lead_id][-2:]
        assert tail == [("claimed", "claimed", True), ("claimed", "contacted", True)]
        assert key not in {one.demand.demand_id for one in demands.listed(connection, 500, late=True)}

    store.write(change)


def test_a_lead_late_for_more_than_three_days_is_escalated_once(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = new_demand(connection)
        push(connection, key, desks=("B-1",))
        take(connection, key, "B-1", Step.CLAIM)  # contact is due on 3 November
        found = []
        for day in (4, 6, 7, 7, 8):
            clocks.tick(connection, date(2026, 11, day), NOW, Clocks())
            found.append([kind for kind, _, _ in messages(connection, key)].count("lead.escalated"))
        assert found == [0, 0, 1, 1, 1]
        assert [row.reason_code for row in moves.of_demand(connection, key) if row.lead_id][-1] == "escalated"
        assert take(connection, key, "B-1", Step.CONTACT, day=date(2026, 11, 8)).reminded_on is None

    store.write(change)


def test_looking_into_the_file_does_not_wind_the_clock_of_the_decision_up_again(store: Store) -> None:
    def change(connection: Connection) -> None:
        for whitelisted, due in ((None, date(2026, 11, 10)), (True, date(2026, 11, 3))):
            key = new_demand(connection, purpose=Purpose.LOAN_REPAYMENT, on_renewal_whitelist=whitelisted)
            take(connection, key, "B-1", Step.CLAIM)
            assert take(connection, key, "B-1", Step.CONTACT).due_on == due
            later = take(connection, key, "B-1", Step.DUE_DILIGENCE, day=date(2026, 11, 2))
            assert later.due_on == due

    store.write(change)


def test_a_demand_expires_after_its_last_day_unless_a_desk_is_at_work(store: Store) -> None:
    def change(connection: Connection) -> None:
        needed = date(2026, 11, 20)
        idle, busy = (new_demand(connection, needed_by=needed) for _ in range(2))
        for key in (idle, busy):
            push(connection, key, desks=("B-1",))
        take(connection, busy, "B-1", Step.CLAIM)
        clocks.tick(connection, needed, NOW, Clocks())
        assert state_of(connection, idle) is S.PUSHED
        clocks.tick(connection, needed + timedelta(days=1), NOW, Clocks())
        assert state_of(connection, idle) is S.EXPIRED
        assert state_of(connection, busy) is S.CLAIMED
        assert messages(connection, idle)[-1] == ("demand.expired", "B-1", "expired")
        with pytest.raises(NotAllowedError):
            take(connection, idle, "B-1", Step.CLAIM)

    store.write(change)


def test_a_loaded_demand_is_history_and_never_expires(store: Store) -> None:
    def change(connection: Connection) -> None:
        key = f"D-{next(NUMBER)}"
        demand = Demand(
            demand_id=key,
            uscc="91370602MA3TERT037",
            amount_cny=Decimal(1),
            term_months=1,
            purpose=Purpose.EXPORT,
            kinds=(Kind.LOAN,),
            needed_by=date(2025, 1, 1),
        )
        kept = demands.KeptDemand(demand=demand, state="published", published_on=date(2024, 12, 1))
        demands.publish(connection, [kept], "world", NOW)
        clocks.tick(connection, date(2026, 12, 31), NOW, Clocks())
        assert state_of(connection, key) is S.PUBLISHED
        assert key not in demands.to_push(connection, 1_000)
        take(connection, key, "B-1", Step.CLAIM)
        assert state_of(connection, key) is S.CLAIMED

    store.write(change)
