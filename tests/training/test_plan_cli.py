"""The nightly plan: one command puts prices and leads into service; without a store it says what to do."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from matcher.catalog import Catalog
from matcher.replanning import current_table
from matcher.store import enterprises, lead_lists, marketplace, officers
from matcher.store.clock import SystemClock
from matcher.store.demands import KeptDemand, publish
from matcher.store.store import open_store
from tests.training.made_up import write_tiny_bundle
from training.city import build
from training.cli import app
from training.dataset import read_demands


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small city, its market in the store, and a tiny model."""
    import pyarrow.parquet as pq

    root = tmp_path_factory.mktemp("nightly")
    world = build(root / "city" / "default", small=True)
    (root / "models" / "ranker").mkdir(parents=True)
    write_tiny_bundle(root / "models" / "ranker")
    catalog = Catalog.from_json(world / "catalog.json")
    document = json.loads(catalog.to_json())
    published = pq.read_table(world / "demands.parquet", columns=["published_on"])["published_on"].to_pylist()
    store = open_store(f"sqlite:///{root / 'matcher.db'}", SystemClock())
    now = store.clock.now()
    kept = [
        KeptDemand(demand=demand, state="published", published_on=day)
        for demand, day in zip(read_demands(world), published, strict=True)
    ]
    store.write(lambda connection: marketplace.load(connection, document["institutions"], document["products"], now))
    store.write(lambda connection: marketplace.run_catalogue(connection, catalog.version, catalog.to_json(), now))
    store.write(lambda connection: publish(connection, kept, "world", now))
    store.write(lambda connection: marketplace.state(connection, "last_day", "2026-10-31"))
    months = [officers.OfficerMonth(**row) for row in pq.read_table(world / "officers.parquet").to_pylist()]
    store.write(lambda connection: officers.keep(connection, months, now))
    rows = [{"filed_on": "2026-10-01"}]
    store.write(
        lambda connection: enterprises.append_records(connection, kept[-1].demand.uscc, "tax", published[-1], rows, now)
    )
    store.close()
    return root


def test_one_command_plans_and_puts_prices_and_leads_into_service(home: Path) -> None:
    command = ["plan", "--home", str(home), "--models", str(home / "models" / "ranker"), "--json"]
    done = CliRunner().invoke(app, command, env={"DATABASE_URL": "", "MATCHER_CITY": ""}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    store = open_store(f"sqlite:///{home / 'matcher.db'}", SystemClock())
    try:
        table = store.read(current_table)
        version = store.read(lead_lists.current)
    finally:
        store.close()
    assert table is not None
    assert (table.version, version) == (report["version"], report["lists"])
    assert report["as_of"] == "2026-10-31"
    assert report["demands"] > 100
    assert report["leads"] > 0
    chance, low, high = (report["examination"][name] for name in ("chance", "low", "high"))
    assert chance[0] == 1.0
    assert all(below <= value <= above for below, value, above in zip(low, chance, high, strict=True))


def test_without_a_store_it_says_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["plan", "--home", str(tmp_path)], env={"DATABASE_URL": ""})
    assert done.exit_code == 1
    assert "start the service once" in done.output
