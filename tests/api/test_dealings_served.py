"""Earlier dealings as requests read them: those of training, the store's own added, kept with the answer."""

import json
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from api.instance import Instance
from features.dealings import Line, dealings_of
from features.pairs import pair_rows, prepare_demands
from matcher.dealings_book import as_known
from matcher.eligibility import demand_columns
from matcher.store import dealings, recommendations
from matcher.store.dealings import Dealing
from matcher.store.tables import demand_moves
from matcher.store.tables import demands as demand_table
from matcher.store.tables_platform import events, leads
from tests.api.in_process import Client
from training.dataset import History, pair_matrix_of, read_demands, read_history
from training.dealings import lines_of

pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture(scope="module")
def history(instance: Instance) -> History:
    """The log of the world in service, as training reads it."""
    return read_history(instance.world.directory)


@pytest.fixture(scope="module")
def busy(history: History) -> list[int]:
    """Rows of the demands with most behind them."""
    return np.argsort(-np.bincount(history.dealings.demand, minlength=len(history.demand_ids)))[:25].tolist()


def served_lines(instance: Instance, history: History, row: int) -> tuple[Line, ...]:
    with instance.store.reading() as connection:
        return instance.dealings.lines(connection, history.demands["uscc"][row], history.published_on[row].item())


def test_a_request_knows_the_dealings_training_knew_that_day(
    instance: Instance, history: History, busy: list[int]
) -> None:
    names = history.catalog.columns["product_id"]
    for row in busy:
        logged = lines_of(history.dealings, row, names)
        assert Counter(served_lines(instance, history, row)) == Counter(logged)
        assert any(line.applied for line in logged)


def test_the_row_of_a_request_has_the_bits_of_the_row_learnt_from(
    instance: Instance, history: History, busy: list[int]
) -> None:
    ranker, stated = instance.matcher.ranker, read_demands(instance.world.directory)
    products = np.arange(len(history.catalog))
    for row in busy[:8]:
        logged = pair_matrix_of(history, ranker.effects, np.full(len(products), row), products)
        profile = {name: values[row : row + 1] for name, values in history.profiles.items()}
        known = dealings_of(served_lines(instance, history, row), history.catalog.row_of)
        side = prepare_demands(profile, demand_columns([stated[row]]), history.published_on[row].item(), known)
        served = pair_rows(side, ranker.prepare(history.catalog.columns), np.zeros_like(products), products)
        assert served.tobytes() == logged.tobytes()


DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("dealing", "line"),
    [
        ({"shown_on": DAY}, None),
        ({"shown_on": date(2026, 2, 18)}, (True, False, None)),
        ({"shown_on": date(2026, 2, 27), "applied_on": date(2026, 2, 28)}, (True, True, None)),
        ({"applied_on": DAY}, None),
        ({"applied_on": date(2026, 2, 1), "decided_on": DAY, "approved": False}, (False, True, None)),
        ({"applied_on": date(2026, 2, 1), "decided_on": date(2026, 2, 9), "approved": False}, (False, True, False)),
    ],
)
def test_what_a_dealing_says_before_a_day(dealing: dict[str, Any], line: tuple[Any, ...] | None) -> None:
    found = as_known(Dealing(demand_id="D", product_id="P", **dealing), DAY)
    assert (None if found is None else (found.shown, found.applied, found.approved)) == line


@pytest.mark.parametrize(
    ("state", "approved"),
    [("rejected", False), ("approved", True), ("signed", True), ("repaid", True), ("closed", False), ("pushed", False)],
)
def test_the_store_adds_what_happened_since_and_keeps_a_decision_whatever_follows_it(
    instance: Instance, state: str, approved: bool
) -> None:
    moments = {"exposed": "2026-02-01T09:00:00+08:00", "applied": "2026-02-03T09:00:00+08:00"}

    def happen(connection: Connection) -> list[Dealing]:
        demand = {"demand_id": "D-dealt", "uscc": "913706000000000000", "document": "{}", "state": "published"}
        connection.execute(demand_table.insert(), demand | {"recorded_at": "2026-02-01"})
        for kind, at in moments.items():
            row = {"event_id": f"E-{kind}", "type": kind, "occurred_at": at, "received_at": at, "actor": "test"}
            connection.execute(
                events.insert(), row | {"demand_id": "D-dealt", "product_id": "P-0001", "fingerprint": "f"}
            )
        lead = {"lead_id": "L-dealt", "demand_id": "D-dealt", "institution_id": "I-001", "product_id": "P-0001"}
        answer = {"state": state, "origin": "push", "changed_at": "2026-02-20T09:00:00+08:00"}
        connection.execute(leads.insert(), lead | answer)
        decision = "approved" if approved else "rejected"
        for before, after, day in (("contacted", decision, 9), (decision, state, 20), (state, state, 21)):
            if after != before or day > 20:
                move = {"actor": "test", "occurred_at": f"2026-02-{day:02d}T09:00:00+08:00", "late": day > 20}
                told = {"demand_id": "D-dealt", "lead_id": "L-dealt", "before": before, "after": after}
                connection.execute(demand_moves.insert(), move | told)
        found = dealings.dealings_of(connection, "913706000000000000")
        for table, key in (
            (events, events.c.demand_id),
            (demand_moves, demand_moves.c.demand_id),
            (leads, leads.c.demand_id),
            (demand_table, demand_table.c.demand_id),
        ):
            connection.execute(table.delete().where(key == "D-dealt"))
        return found

    assert instance.store.write(happen) == [
        Dealing(
            demand_id="D-dealt",
            product_id="P-0001",
            shown_on=date(2026, 2, 1),
            applied_on=date(2026, 2, 3),
            decided_on=date(2026, 2, 9),
            approved=approved,
        )
    ]


def test_dealings_are_kept_with_the_answer(
    instance: Instance, client: Client, platform: dict[str, str], history: History, busy: list[int]
) -> None:
    demand_id = str(history.demand_ids[busy[0]])
    made = client.post("/v1/recommendations", json={"demand_id": demand_id}, headers=platform).json()
    kept = instance.store.read(lambda connection: recommendations.find(connection, made["recommendation_id"]))
    assert kept is not None
    assert json.loads(kept.inputs)["dealings"]
    again = client.post(f"/v1/recommendations/{made['recommendation_id']}/replay", headers=platform).json()
    assert again["identical"]
