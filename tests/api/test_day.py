"""The scripted day: sixty demands from publication to repayment; its audit agrees, and finds what is tampered with."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Connection, delete, update

from api.day import Played, day_settings, play
from api.day_cli import show
from api.day_script import stories
from api.settings import Settings
from matcher.domain import Demand, Purpose
from matcher.store.agreement import agreements
from matcher.store.clock import MovableClock
from matcher.store.database import open_database
from matcher.store.tables import audit, demand_moves, demands
from matcher.store.tables_platform import deliveries, events, leads, outbox
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.xdist_group("api")
DEMANDS = 60


@pytest.fixture(scope="module")
def settings_of_the_day(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase
) -> Settings:
    """A store of its own."""
    home = tmp_path_factory.mktemp("day")
    return day_settings(settings, home, fresh_database(home))


@pytest.fixture(scope="module")
def played(settings_of_the_day: Settings) -> Played:
    """The day."""
    return play(settings_of_the_day, DEMANDS, 7, lambda _line: None, lambda *_step: None)


def test_everything_agrees_with_the_event_log(played: Played) -> None:
    assert not [one.told() for one in played.agreements if not one.holds]
    compared = {one.name: one.compared for one in played.agreements}
    assert len(compared) == len(played.agreements)
    assert not [name for name, count in compared.items() if count == 0 and name != "push_queue"]


def test_everything_that_can_happen_happened(played: Played) -> None:
    assert played.counts["published"] == DEMANDS
    assert not [name for name, count in played.counts.items() if count == 0]
    assert sum(played.states.values()) == DEMANDS
    assert {"disbursed", "repaid", "withdrawn", "expired"} <= set(played.states)
    assert played.last_day - played.first_day == timedelta(days=96)


def test_the_report_says_simulated_in_chinese_first(played: Played) -> None:
    console = Console(width=150, record=True, file=io.StringIO())
    show(played, console)
    text = console.export_text()
    assert text.index("模拟") < text.index("simulated")
    assert "全部一致 everything agrees" in text
    assert json.loads(json.dumps(played.document()))["simulated"] is True


Tamper = Callable[[Connection], Any]


def of_lead(connection: Connection, state: str) -> str:
    found = connection.execute(leads.select().where(leads.c.state == state)).first()
    assert found is not None
    return str(found.lead_id)


TAMPERED: dict[str, tuple[str, Tamper]] = {
    "a lead moved without a move": (
        "lead_states",
        lambda c: c.execute(update(leads).where(leads.c.lead_id == of_lead(c, "repaid")).values(state="disbursed")),
    ),
    "a demand moved without a move": (
        "demand_states",
        lambda c: c.execute(update(demands).where(demands.c.state == "expired").values(state="published")),
    ),
    "a move taken out": (
        "moves_follow",
        lambda c: c.execute(
            delete(demand_moves).where(
                demand_moves.c.lead_id == of_lead(c, "repaid"), demand_moves.c.after == "contacted"
            )
        ),
    ),
    "two funders": (
        "one_funder",
        lambda c: c.execute(update(leads).where(leads.c.state == "closed").values(state="disbursed")),
    ),
    "an audit row changed": (
        "audit_chain",
        lambda c: c.execute(update(audit).where(audit.c.sequence == 40).values(subject="D-other")),
    ),
    "a message lost": ("pushes_told", lambda c: c.execute(delete(outbox).where(outbox.c.kind == "lead.pushed"))),
    "a lateness not told": ("late_told", lambda c: c.execute(delete(outbox).where(outbox.c.kind == "lead.late"))),
    "a closing not told": ("closings_told", lambda c: c.execute(delete(outbox).where(outbox.c.kind == "lead.closed"))),
    "a delivery lost": ("fan_out", lambda c: c.execute(delete(deliveries).where(deliveries.c.sequence < 9))),
    "an event lost": ("events_audited", lambda c: c.execute(delete(events).where(events.c.position == 1))),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_the_audit_of_the_day_finds(what: str, played: Played, settings_of_the_day: Settings) -> None:
    assert played.holds
    name, tamper = TAMPERED[what]
    database = open_database(settings_of_the_day.database)
    with database.writes.connect() as connection:
        tamper(connection)
        found = {one.name for one in agreements(connection) if not one.holds}
        connection.rollback()
    database.close()
    assert name in found


def test_a_disagreement_is_told(played: Played) -> None:
    broken = replace(played, agreements=(replace(played.agreements[0], differ=("L-1 is claimed",)),))
    assert not broken.holds
    assert broken.document()["agreements"][0]["differ"] == ["L-1 is claimed"]


def test_the_same_seed_tells_the_same_stories() -> None:
    demand = Demand(
        demand_id="D-1", uscc="91370602MA3TERT037", amount_cny=1, term_months=12, purpose=Purpose.WORKING_CAPITAL
    )
    once, again = (stories([demand] * 50, 3) for _ in range(2))
    assert once == again
    assert [one.errands(0) for one in once] == [one.errands(0) for one in again]
    assert once != stories([demand] * 50, 4)


def test_a_movable_clock_begins_each_day_in_the_morning_and_never_goes_back() -> None:
    clock = MovableClock(date(2026, 10, 31))
    first = clock.now()
    assert (first.isoformat()[:16], clock.today()) == ("2026-10-31T01:00", date(2026, 10, 31))
    assert clock.now() >= first
    clock.move_to(date(2026, 11, 2))
    assert (clock.now().date(), clock.today()) == (date(2026, 11, 2), date(2026, 11, 2))
    with pytest.raises(ValueError, match="cannot go back"):
        clock.move_to(date(2026, 11, 1))


def test_the_command_refuses_a_world_too_small(settings: Settings, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from api.cli import app

    done = CliRunner().invoke(
        app,
        ["day", "--world", str(settings.city), "--demands", "20000"],
        env={"MATCHER_MODELS": str(settings.matcher_models), "MATCHER_HOME": str(tmp_path)},
    )
    assert done.exit_code == 1
    assert "as many enterprises" in done.output
