"""The state machine of the demand library, its clocks and its reasons, each as plain tables and laws."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.demand_states import (
    ENDED,
    MAIN_LINE,
    OPEN,
    STEPS,
    TURNS,
    NotAllowedError,
    Role,
    State,
    Step,
    Turn,
    is_reached,
    standing,
    step_path,
    steps_possible,
    turn_after,
    turns_possible,
)
from matcher.desk_clocks import Clocks, is_whitelisted_renewal, is_working_day
from matcher.domain import Purpose
from matcher.refusals import REFUSALS, REPAIRERS

S = State
LEAD_STATES = (S.LISTED, *MAIN_LINE, S.RETURNED, S.REJECTED, S.CLOSED)
DEMAND_STATES = tuple(state for state in State if state not in {S.LISTED, S.CLOSED})


def test_the_whole_way_is_walked_in_the_order_of_the_wire() -> None:
    lead = S.LISTED
    walked = []
    for step in (Step.PUSH, Step.CLAIM, Step.CONTACT, Step.DUE_DILIGENCE, Step.APPROVE, Step.SIGN, Step.DISBURSE):
        (lead,) = step_path(step, lead, S.PUBLISHED)
        walked.append(lead.value)
    assert step_path(Step.REPAY, lead, S.DISBURSED) == (S.REPAID,)
    assert walked == ["pushed", "claimed", "contacted", "due_diligence", "approved", "signed", "disbursed"]


def test_steps_left_out_are_passed_on_the_way() -> None:
    assert step_path(Step.APPROVE, S.CONTACTED, S.CONTACTED) == (S.DUE_DILIGENCE, S.APPROVED)
    assert step_path(Step.DISBURSE, S.APPROVED, S.APPROVED) == (S.SIGNED, S.DISBURSED)
    assert step_path(Step.APPROVE, S.DUE_DILIGENCE, S.DUE_DILIGENCE) == (S.APPROVED,)


@pytest.mark.parametrize(
    ("step", "lead"),
    [
        (Step.CONTACT, S.PUSHED),
        (Step.APPROVE, S.CLAIMED),
        (Step.DISBURSE, S.CONTACTED),
        (Step.REPAY, S.APPROVED),
        (Step.CLAIM, S.REJECTED),
        (Step.REJECT, S.DISBURSED),
    ],
)
def test_a_move_from_the_wrong_place_says_where_it_is_and_what_can_be_done(step: Step, lead: State) -> None:
    with pytest.raises(NotAllowedError) as refused:
        step_path(step, lead, S.CLAIMED)
    assert refused.value.state is lead
    assert refused.value.can == steps_possible(lead, S.CLAIMED)


def test_what_can_be_done_is_told_by_name() -> None:
    assert steps_possible(S.CLAIMED, S.CLAIMED) == ("contact", "return", "reject")
    assert steps_possible(S.PUSHED, S.WITHDRAWN) == ()
    assert turns_possible(S.EXPIRED) == ("reopen",)
    assert turns_possible(S.REPAID) == ()


@given(st.sampled_from(sorted(ENDED)), st.sampled_from(LEAD_STATES), st.sampled_from(list(Step)))
def test_a_demand_that_ended_admits_nothing_but_repayment(demand: State, lead: State, step: Step) -> None:
    if step in {Step.CLOSE, Step.RELEASE}:
        return
    if demand is S.DISBURSED and lead is S.DISBURSED and step is Step.REPAY:
        assert step_path(step, lead, demand) == (S.REPAID,)
    else:
        with pytest.raises(NotAllowedError):
            step_path(step, lead, demand)


@given(st.lists(st.sampled_from(LEAD_STATES), max_size=8), st.sampled_from(sorted(OPEN)), st.randoms())
def test_a_demand_stands_with_its_furthest_lead_in_whatever_order_they_come(
    leads: list[State], demand: State, chance: object
) -> None:
    found = standing(demand, leads)
    assert found is standing(demand, list(reversed(leads)))
    on_the_way = [MAIN_LINE.index(lead) for lead in leads if lead in MAIN_LINE]
    if on_the_way and max(on_the_way) > 0:
        assert found is MAIN_LINE[max(on_the_way)]
    elif S.RETURNED in leads:
        assert found is S.RETURNED
    elif on_the_way:
        assert found is S.PUSHED
    elif S.REJECTED in leads:
        assert found is S.REJECTED
    else:
        assert found is demand


@given(st.sampled_from(DEMAND_STATES), st.sampled_from(list(Turn)))
def test_a_turn_is_possible_where_the_table_says_and_nowhere_else(demand: State, turn: Turn) -> None:
    if demand in TURNS[turn].start:
        assert turn_after(turn, demand) is TURNS[turn].after
    else:
        with pytest.raises(NotAllowedError):
            turn_after(turn, demand)


def test_nobody_but_the_platform_withdraws_and_nobody_but_the_institution_answers() -> None:
    assert {turn for turn, rule in TURNS.items() if rule.by is Role.PLATFORM} == set(Turn) - {Turn.EXPIRE}
    service = {Step.PUSH, Step.CLOSE, Step.RELEASE}
    assert {step for step, rule in STEPS.items() if rule.by is Role.INSTITUTION} == set(Step) - service - {
        Step.COMPLETE
    }


def test_a_claim_made_already_is_made_whatever_came_after_it() -> None:
    assert is_reached(S.DUE_DILIGENCE, Step.CLAIM)
    assert not is_reached(S.CLOSED, Step.CLAIM)
    assert is_reached(S.CONTACTED, Step.CONTACT)
    assert not is_reached(S.APPROVED, Step.CONTACT)


FRIDAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("state", "renewal", "calendar", "working"),
    [
        (S.PUSHED, False, date(2026, 11, 21), date(2026, 11, 23)),
        (S.CLAIMED, False, date(2026, 11, 23), date(2026, 11, 25)),
        (S.CONTACTED, False, date(2026, 11, 30), date(2026, 12, 4)),
        (S.CONTACTED, True, date(2026, 11, 23), date(2026, 11, 25)),
        (S.APPROVED, False, None, None),
        (S.CLOSED, False, None, None),
    ],
)
def test_clocks_run_in_calendar_days_or_in_working_days(
    state: State, renewal: bool, calendar: date | None, working: date | None
) -> None:
    assert Clocks().due_on(state, FRIDAY, is_whitelisted_renewal=renewal) == calendar
    assert Clocks(working=True).due_on(state, FRIDAY, is_whitelisted_renewal=renewal) == working


def test_a_holiday_is_no_working_day_and_a_saturday_worked_in_exchange_is_one() -> None:
    clocks = Clocks(accept=1, working=True)
    assert clocks.due_on(S.PUSHED, date(2026, 9, 30), is_whitelisted_renewal=False) == date(2026, 10, 8)
    assert clocks.due_on(S.PUSHED, date(2026, 10, 9), is_whitelisted_renewal=False) == date(2026, 10, 10)
    assert not is_working_day(date(2026, 2, 23))
    assert is_working_day(date(2026, 2, 24))


def test_a_year_whose_holidays_are_not_on_file_has_plain_weekdays_and_says_so() -> None:
    assert is_working_day(date(2031, 10, 1))
    assert not Clocks(working=True).is_exact(date(2031, 10, 1))
    assert Clocks(working=True).is_exact(date(2026, 10, 1))
    assert Clocks().is_exact(date(2031, 10, 1))


def test_only_a_renewal_known_to_be_on_the_whitelist_has_the_shorter_clock() -> None:
    assert is_whitelisted_renewal(Purpose.LOAN_REPAYMENT, True)
    assert not is_whitelisted_renewal(Purpose.LOAN_REPAYMENT, None)
    assert not is_whitelisted_renewal(Purpose.LOAN_REPAYMENT, False)
    assert not is_whitelisted_renewal(Purpose.EQUIPMENT, True)


def test_every_reason_to_refuse_says_in_both_languages_who_repairs_it_and_how() -> None:
    assert 14 <= len(REFUSALS) <= 18
    for code, refusal in REFUSALS.items():
        assert refusal.code == code
        assert refusal.repaired_by in REPAIRERS
        assert all((refusal.text.zh, refusal.text.en, refusal.repair.zh, refusal.repair.en))
        assert len(code) <= 40
