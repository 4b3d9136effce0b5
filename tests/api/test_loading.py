"""Bulk loading: good rows reach the profile, bad ones are named in a file, nothing is loaded twice as two facts."""

import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.settings import Settings
from matcher.store import audit, enterprises
from matcher.store.clock import SystemClock
from matcher.store.store import Store, open_store
from tests.conftest import FreshDatabase

GOOD = "91370602MA3TERT037"
ROWS = f"""uscc,known_on,period,taxed_sales_cny,tax_due_cny,tax_paid_cny,credit_grade
{GOOD},2026-02-15,2026-01-01,100000,3000,3000,B
{GOOD},2026-03-15,2026-02-01,many,3000,3000,B
91370602MA3TERT038,2026-03-15,2026-02-01,100000,3000,3000,B
"""


@pytest.fixture
def database(tmp_path: Path, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database the commands find by the environment."""
    url = fresh_database(tmp_path)
    monkeypatch.setenv("DATABASE_URL", url)
    return url


def opened(url: str) -> Store:
    return open_store(url, SystemClock())


def test_good_rows_go_in_and_the_others_are_named_with_line_and_reason(tmp_path: Path, database: str) -> None:
    file = tmp_path / "tax.csv"
    file.write_text(ROWS, encoding="utf-8")
    done = CliRunner().invoke(app, ["load", "tax", str(file)])
    assert done.exit_code == 1, done.output
    with (tmp_path / "tax.csv.refused.csv").open(encoding="utf-8-sig") as told:
        refused: list[dict[str, Any]] = list(csv.DictReader(told))
    assert {row["line"] for row in refused} == {"3", "4"}
    assert all(row["reason_zh"] and row["reason_en"] for row in refused)
    store = opened(database)
    try:
        kept = store.read(lambda connection: enterprises.records(connection, GOOD))
        assert [row["period"] for row in kept["tax"]] == ["2026-01-01"]
        assert store.read(audit.verify) is None
    finally:
        store.close()


def test_a_column_called_like_a_formula_is_told_as_text(tmp_path: Path, database: str) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(f'uscc,known_on,period,"=1+1"\n{GOOD},2026-02-10,2026-01-01,5\n', encoding="utf-8")
    assert CliRunner().invoke(app, ["load", "tax", str(file)]).exit_code == 1
    with (tmp_path / "odd.csv.refused.csv").open(encoding="utf-8-sig") as told:
        assert [row["column"] for row in csv.DictReader(told)] == ["'=1+1"]


def test_a_source_that_is_none_is_refused_with_those_there_are(tmp_path: Path, database: str) -> None:
    file = tmp_path / "any.csv"
    file.write_text("a\n1\n")
    done = CliRunner().invoke(app, ["load", "horoscope", str(file)])
    assert done.exit_code == 2
    assert "registry" in done.output


def test_the_database_of_the_test_is_the_one_the_commands_use(database: str) -> None:
    assert Settings().database == database
