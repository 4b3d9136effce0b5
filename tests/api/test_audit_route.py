"""The audit as analysts read it, and its commands."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.instance import Instance
from tests.api.in_process import Client

DEMAND = {"uscc": "91370602MA3TERT037", "amount_cny": "3000000", "term_months": 12, "purpose": "working_capital"}


@pytest.fixture
def analyst(keys: dict[str, Any]) -> dict[str, str]:
    """Headers of the analyst, reading English."""
    return {"Authorization": f"Bearer {keys['analyst']}", "Accept-Language": "en"}


def test_rows_are_filtered_and_paged_in_the_order_of_the_chain(
    client: Client, platform: dict[str, str], analyst: dict[str, str]
) -> None:
    made = [client.post("/v1/demands", json=DEMAND, headers=platform).json()["demand_id"] for _ in range(5)]
    told = client.get(f"/v1/audit?subject={made[0]}", headers=analyst).json()
    assert [row["subject"] for row in told["items"]] == [made[0]]
    assert set(told["items"][0]) == {
        "sequence",
        "occurred_at",
        "actor",
        "action",
        "subject",
        "detail",
        "previous",
        "digest",
    }
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"?action=demand_published&limit=2{cursor and '&cursor=' + cursor}"
        page = client.get(f"/v1/audit{query}", headers=analyst).json()
        assert len(page["items"]) <= 2
        seen += page["items"]
        cursor = page["next_cursor"]
    sequences = [row["sequence"] for row in seen]
    assert sequences == sorted(set(sequences))
    assert set(made) <= {row["subject"] for row in seen}


def test_days_and_moments_bound_what_is_read(client: Client, platform: dict[str, str], analyst: dict[str, str]) -> None:
    made = client.post("/v1/demands", json=DEMAND, headers=platform).json()["demand_id"]
    row = client.get(f"/v1/audit?subject={made}", headers=analyst).json()["items"][0]
    at = row["occurred_at"]

    def found(query: str) -> int:
        return len(client.get(f"/v1/audit?subject={made}&{query}", headers=analyst).json()["items"])

    assert [found(f"from={at}"), found(f"until={at}"), found("until=2020-01-01"), found("from=2020-01-01")] == [
        1,
        0,
        0,
        1,
    ]
    for wrong in ("from=yesterday", "until=2026-02-30", "from=2026-01-01T00:00:00", "cursor=!", "limit=0", "actor=%00"):
        answered = client.get(f"/v1/audit?{wrong}", headers=analyst)
        assert answered.status_code == 422, wrong
        assert answered.json()["errors"]


def test_no_row_names_an_enterprise(client: Client, analyst: dict[str, str], instance: Instance) -> None:
    told = client.get("/v1/audit?limit=200", headers=analyst).text
    assert not [name for name in instance.names.values() if name in told]


def test_the_commands_verify_sign_and_find_what_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from sqlalchemy import text

    from matcher.store import audit
    from matcher.store.clock import SystemClock
    from matcher.store.store import open_store

    monkeypatch.setenv("MATCHER_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'matcher.db'}")
    runner = CliRunner()
    entry = audit.Entry(actor="a", action="b", subject="c", detail={})
    store = open_store(f"sqlite:///{tmp_path / 'matcher.db'}", SystemClock())
    for year in (2015, 2026, 2026):
        store.write(lambda connection, year=year: audit.append(connection, entry, datetime(year, 1, 1, tzinfo=UTC)))
    point = str(tmp_path / "point.json")
    assert runner.invoke(app, ["audit", "verify"]).exit_code == 0
    assert runner.invoke(app, ["audit", "checkpoint", point]).exit_code == 0
    assert runner.invoke(app, ["retention", "--before", "2026-01-01"]).exit_code == 0
    assert len(store.read(lambda connection: list(audit.rows_of(connection)))) == 3
    assert runner.invoke(app, ["retention", "--before", "2026-01-01", "--apply"]).exit_code == 0
    assert [row["sequence"] for row in store.read(lambda connection: list(audit.rows_of(connection)))] == [2, 3, 4]
    (kept,) = (tmp_path / "archive").glob("*.jsonl.gz")
    assert runner.invoke(app, ["audit", "verify", "--checkpoint", point, "--archive", str(kept)]).exit_code == 0
    store.write(lambda connection: connection.execute(text("UPDATE audit SET subject = 'x' WHERE sequence = 3")))
    assert runner.invoke(app, ["audit", "verify"]).exit_code == 1
    (tmp_path / "audit.key").write_bytes(b"another")
    assert runner.invoke(app, ["audit", "verify", "--checkpoint", point]).exit_code == 1
    store.close()
