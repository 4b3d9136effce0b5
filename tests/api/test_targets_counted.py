"""The yearly targets counted from real rows: known, within bounds, or unknown with what would settle it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api import asking
from api.instance import Instance, open_instance
from api.settings import Settings
from api.target_counters import counters
from matcher.policy.targets import Cell, Counted, shown_cells, targets
from matcher.standing import size_of
from matcher.store import targets as kept_targets
from matcher.store.tables import demand_moves, demands
from matcher.store.tables_platform import events, leads, matchmaking_events
from matcher.store.targets import served
from tests.conftest import FreshDatabase

SIZED = {"micro", "small"}


@pytest.fixture(scope="module")
def own(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase
) -> Iterator[Instance]:
    """An instance with a store of its own."""
    home = tmp_path_factory.mktemp("targets")
    opened = open_instance(
        settings.model_copy(update={"matcher_home": home, "database_url": fresh_database(home)}), lambda _line: None
    )
    yield opened
    opened.close()


def paid(own: Instance, count: int) -> list[tuple[str, str, Decimal]]:
    """Let desks pay out for the first demands, a million and a bit each; (demand, enterprise, amount)."""
    with own.store.reading() as connection:
        query = select(demands.c.demand_id, demands.c.uscc).order_by(demands.c.demand_id).limit(count)
        rows = connection.execute(query).all()
    product = next(each for each in own.matcher.catalog.products if each.kind.value == "loan")
    made = [(row.demand_id, row.uscc, Decimal(1_000_000 + n)) for n, row in enumerate(rows)]

    def change(connection):  # type: ignore[no-untyped-def]
        for demand_id, _, amount in made:
            lead = {"lead_id": f"L-{demand_id}", "demand_id": demand_id, "institution_id": product.institution_id}
            connection.execute(
                leads.insert(),
                {
                    **lead,
                    "product_id": product.product_id,
                    "state": "disbursed",
                    "origin": "push",
                    "late": False,
                    "amount_cny": str(amount),
                    "changed_at": "x",
                },
            )
            for before, after, day in (
                ("claimed", "contacted", date(2026, 9, 1)),
                ("signed", "disbursed", date(2026, 9, 9)),
            ):
                move = {"demand_id": demand_id, "before": before, "after": after, "actor": "i", "occurred_at": "x"}
                connection.execute(
                    demand_moves.insert(),
                    {
                        **move,
                        "lead_id": f"L-{demand_id}",
                        "institution_id": product.institution_id,
                        "late": False,
                        "occurred_on": day,
                    },
                )
        for name, day in (("M-1", "2026-05-01"), ("M-2", "2026-06-01"), ("M-3", "2027-01-01")):
            document = f'{{"day": "{day}"}}'
            connection.execute(
                matchmaking_events.insert(), {"matchmaking_event_id": name, "document": document, "recorded_at": "x"}
            )
        connection.execute(
            events.insert(),
            {
                "event_id": "came",
                "type": "attended",
                "occurred_at": "2026-09-30T02:00:00.000000+00:00",
                "received_at": "2026-09-30T02:00:00.000000+00:00",
                "actor": "p",
                "uscc": "91370602MA3TERT037",
                "fingerprint": "f",
            },
        )

    own.store.write(change)
    return made


def test_before_any_desk_answered_everything_of_theirs_is_unknown_and_says_why(own: Instance) -> None:
    found = counters(own, 2026)
    assert found["mse_financing_cny"] == replace(found["mse_financing_cny"], lowest=None, highest=None)
    assert all(each.missing for name, each in found.items() if each.lowest is None)
    assert {name for name, each in found.items() if each.lowest is not None} == {
        "products_and_services",
        "products_with_qr",
    }


def test_the_year_is_counted_from_what_desks_paid_out(own: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    made = paid(own, 40)
    day = own.clock.today()
    with own.store.reading() as connection:
        since = kept_targets.recording_since(connection)
    assert since is not None
    assert since > date(2026, 1, 1)
    part = counters(own, 2026)["mse_financing_cny"]
    assert part.highest is None
    assert f"counted from {since.isoformat()}: of the days before, the store has no record" in [
        text.en for text in part.missing
    ]
    monkeypatch.setattr(kept_targets, "recording_since", lambda _connection: date(2026, 1, 1))
    with own.store.reading() as connection:
        sizes = {
            uscc: size_of(asking.profile_of(own, connection, uscc, day), day, own.matcher.rulebook)
            for _, uscc, _ in made
        }
        flags = {
            uscc: [
                asking.profile_of(own, connection, uscc, day)[name] for name in ("is_hnte", "is_tech_sme", "is_srdi")
            ]
            for _, uscc, _ in made
        }
    small = sum((amount for _, uscc, amount in made if sizes[uscc] in SIZED), Decimal(0))
    unsure = sum((amount for _, uscc, amount in made if sizes[uscc] == "undetermined"), Decimal(0))
    found = counters(own, 2026)
    assert 0 < small < Decimal(40_001_000)
    assert part.lowest == small
    assert (found["mse_financing_cny"].lowest, found["mse_financing_cny"].highest) == (small, small + unsure)
    assert sum(cell.amount for cell in found["mse_financing_cny"].breakdown) == small
    tech = {uscc for uscc, each in flags.items() if any(each)}
    assert found["tech_loans_cny"].lowest == sum((a for _, uscc, a in made if uscc in tech), Decimal(0))
    assert found["tech_enterprises_served"].lowest == len(tech)
    assert found["enterprises_served"].lowest == len(sizes) + 1
    assert found["matchmaking_events"].lowest == 2
    assert (found["first_time_borrowers"].lowest, found["first_time_borrowers"].highest) == (0, len(sizes))
    assert found["first_time_borrowers"].missing
    assert counters(own, 2025)["mse_financing_cny"].lowest is None
    assert counters(own, 2025)["matchmaking_events"].lowest is None
    assert counters(own, 2023)["matchmaking_events"].lowest is None


def test_a_lead_marked_late_or_repaid_in_part_served_nobody(own: Instance) -> None:
    with own.store.reading() as connection:
        before = served(connection, date(2025, 1, 1), date(2025, 12, 31))
        last = connection.execute(select(demands.c.demand_id).order_by(demands.c.demand_id.desc())).scalar()

    def change(connection):  # type: ignore[no-untyped-def]
        for state, late in (("contacted", True), ("disbursed", False)):
            stood = {"demand_id": last, "before": state, "after": state, "actor": "service:clock", "occurred_at": "x"}
            further = {"lead_id": "L-x", "institution_id": "I", "late": late, "occurred_on": date(2025, 3, 1)}
            connection.execute(demand_moves.insert(), stood | further)

    own.store.write(change)
    with own.store.reading() as connection:
        assert served(connection, date(2025, 1, 1), date(2025, 12, 31)) == before


@pytest.mark.parametrize(
    ("lowest", "highest", "reached"),
    [
        ("100", "100", "yes"),
        ("99", "99", "no"),
        ("99", "100", "unknown"),
        ("0", None, "unknown"),
        (None, "99", "no"),
        ("100", None, "yes"),
        (None, None, "unknown"),
    ],
)
def test_a_count_within_bounds_is_settled_only_where_both_agree(
    lowest: str | None, highest: str | None, reached: str
) -> None:
    bounds = [None if each is None else Decimal(each) for each in (lowest, highest)]
    told = targets({"matchmaking_events": Counted(lowest=bounds[0], highest=bounds[1])}, 2023)
    assert next(each.reached for each in told if each.target.counter == "matchmaking_events") == reached


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ({"a": 5, "b": 9}, {"a", "b"}),
        ({"a": 4, "b": 9}, set()),
        ({"a": 4, "b": 9, "c": 7}, {"b"}),
        ({"a": 4, "b": 2, "c": 7}, {"c"}),
        ({"a": 4}, set()),
        ({"a": 0, "b": 9}, {"a", "b"}),
    ],
)
def test_small_groups_cannot_be_told_from_what_is_shown(sizes: dict[str, int], shown: set[str]) -> None:
    cells = [Cell(group=group, enterprises=count, amount=Decimal(count)) for group, count in sizes.items()]
    assert {group for group, cell in shown_cells(cells).items() if cell is not None} == shown


def test_the_regulator_reads_counts_bounds_and_what_is_missing(client: Any, keys: dict[str, Any], world: Path) -> None:
    headers = {"Authorization": f"Bearer {keys['regulator']}", "Accept-Language": "en"}
    items = client.get("/v1/targets?year=2023", headers=headers).json()["items"]
    assert all(each["missing"] for each in items if each["reached"] == "unknown")
    assert all(each["counted_from"] for each in items if each["observed"] is not None)
    assert world.exists()
