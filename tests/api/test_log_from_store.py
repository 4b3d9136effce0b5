"""What training reads is what was sent: a piece of a city's log goes in as events and comes out as a log again."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from api.world import load_world, open_world
from matcher.store import enterprises, event_intake, events, officers
from matcher.store.clock import PinnedClock
from matcher.store.store import Store, open_store
from matcher.store.tables import demand_moves, demands
from matcher.store.tables_platform import leads
from tests.conftest import FreshDatabase
from training.dataset import read_history, reviewed_between
from training.log_from_store import NoHistoryError, export

NOW = datetime(2026, 10, 31, 8, tzinfo=UTC)
SENT_DEMANDS = 60


@pytest.fixture(scope="module")
def store(world: Path, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase) -> Iterator[Store]:
    """A store with the small city's first demands and its products, and no event yet."""
    opened = open_store(fresh_database(tmp_path_factory.mktemp("log")), PinnedClock(day=date(2026, 10, 31)))
    load_world(opened, open_world(world))
    last = f"D-{SENT_DEMANDS:06d}"
    opened.write(lambda connection: connection.execute(demands.delete().where(demands.c.demand_id > last)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def log(world: Path) -> dict[str, pd.DataFrame]:
    """The piece of the city's log that is sent."""
    first = pd.read_parquet(world / "demands.parquet")["demand_id"].iloc[:SENT_DEMANDS]
    frames = {name: pd.read_parquet(world / f"{name}.parquet") for name in ("exposures", "applications")}
    return {name: frame[frame["demand_id"].isin(first)].reset_index(drop=True) for name, frame in frames.items()}


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=events.CHINA)


def sent(log: dict[str, pd.DataFrame]) -> list[event_intake.Sent]:
    made: list[event_intake.Sent] = []
    for row in log["exposures"].itertuples():
        common = {"demand_id": row.demand_id, "product_id": row.product_id}
        place = {"position": row.position, "propensity": row.propensity}
        name = f"{row.demand_id}-{row.product_id}"
        made.append(
            event_intake.Sent(
                index=0, event_id=f"{name}-e", type="exposed", occurred_at=noon(row.shown_on), **common, **place
            )
        )
        if row.clicked:
            made.append(
                event_intake.Sent(
                    index=0, event_id=f"{name}-c", type="clicked", occurred_at=noon(row.shown_on), **common
                )
            )
        if row.applied:
            made.append(
                event_intake.Sent(
                    index=0, event_id=f"{name}-a", type="applied", occurred_at=noon(row.applied_on), **common
                )
            )
    return made


def decide(store: Store, log: dict[str, pd.DataFrame]) -> None:
    """Desks answer as the city's institutions did; what was never reviewed stays where it is."""
    made = log["applications"].drop_duplicates(["demand_id", "institution_id"])

    def change(connection):  # type: ignore[no-untyped-def]
        for row in made.itertuples():
            lead_id = f"L-{row.demand_id}-{row.institution_id}"
            after = "claimed" if not row.reviewed else "approved" if row.approved else "rejected"
            reason = row.refusal_reason if after == "rejected" else None
            lead = {"lead_id": lead_id, "demand_id": row.demand_id, "institution_id": row.institution_id}
            connection.execute(
                leads.insert(),
                {
                    **lead,
                    "product_id": row.product_id,
                    "state": after,
                    "origin": "push",
                    "late": False,
                    "reason_code": reason,
                    "changed_at": "x",
                },
            )
            move = {"actor": "institution:1", "occurred_at": "2026-10-31T00:00:00.000000+00:00", "late": False}
            connection.execute(
                demand_moves.insert(),
                {
                    **move,
                    "demand_id": row.demand_id,
                    "before": "contacted",
                    "after": after,
                    "reason_code": reason,
                    "lead_id": lead_id,
                    "institution_id": row.institution_id,
                    "occurred_on": row.reviewed_on if row.reviewed else row.applied_on,
                },
            )
        month = officers.OfficerMonth(
            institution_id="I-001", period=date(2026, 10, 1), officers=3, capacity=9, reviewed=None
        )
        officers.keep(connection, [month], NOW)

    store.write(change)


@pytest.fixture(scope="module")
def exported(store: Store, log: dict[str, pd.DataFrame], world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log sent in shuffled order, decided, and exported."""
    everything = sent(log)
    shuffled = [everything[n] for n in sorted(range(len(everything)), key=lambda n: (n * 7919) % len(everything))]
    for start in range(0, len(shuffled), 1_000):
        block = shuffled[start : start + 1_000]
        with store.reading() as connection:
            batch = event_intake.judge(connection, block, "platform:1", store.clock)
        assert batch.refused == ()
        store.write(lambda connection, batch=batch: event_intake.keep(connection, batch, "platform:1", NOW))
    decide(store, log)
    out = tmp_path_factory.mktemp("out")
    told = export(store.database.url, out, sources=world / "sources", as_of=date(2026, 10, 31))
    assert dict(told.left_out) == {}
    return out


def test_exposures_come_out_as_they_went_in(exported: Path, log: dict[str, pd.DataFrame]) -> None:
    found = pd.read_parquet(exported / "exposures.parquet")
    columns = ["demand_id", "product_id", "position", "propensity", "shown_on", "clicked", "applied", "applied_on"]
    order = ["demand_id", "product_id"]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(order, ignore_index=True),
        log["exposures"][columns].sort_values(order, ignore_index=True),
    )


def test_an_application_nobody_decided_is_censored_and_the_others_keep_their_answer(
    exported: Path, log: dict[str, pd.DataFrame]
) -> None:
    found = pd.read_parquet(exported / "applications.parquet").set_index(["demand_id", "product_id"]).sort_index()
    asked = log["applications"].drop_duplicates(["demand_id", "institution_id"])
    truth = asked.set_index(["demand_id", "product_id"]).sort_index()
    assert len(found) == len(log["applications"])
    assert 0 < (~truth["reviewed"]).sum() < len(truth)
    columns = ["institution_id", "applied_on", "reviewed", "reviewed_on", "approved", "refusal_reason"]
    told = found.loc[truth.index, columns]
    unread = told[~told["reviewed"]]
    assert unread["approved"].isna().all()
    assert unread["reviewed_on"].isna().all()
    assert unread["refusal_reason"].isna().all()
    assert (told["reviewed"] == truth["reviewed"]).all()
    read = told[told["reviewed"]]
    for column in columns:
        same = read[column].astype(object).where(read[column].notna(), None)
        wanted = truth.loc[read.index, column].astype(object).where(truth.loc[read.index, column].notna(), None)
        assert same.tolist() == wanted.tolist(), column


def test_training_reads_it_as_it_reads_a_world(exported: Path, log: dict[str, pd.DataFrame]) -> None:
    found = read_history(exported)
    assert len(found.demand_ids) == SENT_DEMANDS
    assert len(found.exposures) == len(log["exposures"])
    assert found.exposures["propensity"].notna().all()
    assert found.applications["propensity"].notna().all()
    assert len(reviewed_between(found, 0, found.months, None)) == int(found.applications["reviewed"].sum())
    assert not pd.isna(found.profiles["age_months"]).all()


def test_what_cannot_be_learned_from_is_left_out_and_counted(
    store: Store, exported: Path, tmp_path: Path, log: dict[str, pd.DataFrame]
) -> None:
    row = log["exposures"].iloc[0]
    common = {"demand_id": row["demand_id"], "occurred_at": noon(row["shown_on"])}
    listed = set(log["exposures"].loc[log["exposures"]["demand_id"] == row["demand_id"], "product_id"])
    others = [f"P-{n:04d}" for n in range(1, 60) if f"P-{n:04d}" not in listed][:3]
    odd = [
        event_intake.Sent(index=0, event_id="odd-1", type="exposed", product_id=others[0], **common),
        event_intake.Sent(index=1, event_id="odd-2", type="exposed", product_id=others[1], position=4, **common),
        event_intake.Sent(index=2, event_id="odd-3", type="applied", product_id=others[2], **common),
    ]
    with store.reading() as connection:
        batch = event_intake.judge(connection, odd, "platform:1", store.clock)
    store.write(lambda connection: event_intake.keep(connection, batch, "platform:1", NOW))
    told = export(store.database.url, tmp_path / "again", as_of=date(2026, 10, 31))
    assert dict(told.left_out) == {
        "exposed_without_position": 1,
        "exposed_without_propensity": 1,
        "applications_without_exposure": 1,
    }
    assert told.rows["exposures"] == len(log["exposures"])
    early = export(store.database.url, tmp_path / "early", received_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert (early.rows["exposures"], early.rows["applications"]) == (0, 0)


def test_rows_of_a_source_whose_consent_was_revoked_or_ended_teach_nobody(
    store: Store, exported: Path, world: Path, tmp_path: Path
) -> None:
    tax = pd.read_parquet(exported / "sources" / "tax.parquet")
    gone, ended, other = sorted(tax["uscc"].unique())[:3]
    brought = json.loads(tax[tax["uscc"] == gone].iloc[0].to_json(date_format="iso")) | {"known_on": "2026-10-30"}
    brought = {name: value[:10] if "T00:00" in str(value) else value for name, value in brought.items()}

    def change(connection):  # type: ignore[no-untyped-def]
        enterprises.append_records(connection, gone, "tax", date(2026, 10, 30), [brought], NOW)
        for uscc in (gone, ended):
            assert enterprises.revoke(connection, uscc, "tax", None, None) == 1
        again = enterprises.ConsentRow(
            uscc=ended,
            source="tax",
            purpose="financing_match",
            recipient="platform",
            granted_on=date(2026, 1, 1),
            expires_on=date(2026, 10, 31),
        )
        enterprises.grant(connection, [again], NOW)

    store.write(change)
    url, sources = store.database.url, world / "sources"
    last = export(url, tmp_path / "last", sources=sources, as_of=date(2026, 10, 31))
    after = export(url, tmp_path / "after", sources=sources, as_of=date(2026, 11, 1))
    rows = tax["uscc"].value_counts()
    found = {day: pd.read_parquet(tmp_path / day / "sources" / "tax.parquet")["uscc"] for day in ("last", "after")}
    assert {gone, ended, other} & set(found["last"]) == {ended, other}
    assert {gone, ended, other} & set(found["after"]) == {other}
    assert last.left_out["tax_rows_without_consent"] == rows[gone] + 1
    manifest = json.loads((tmp_path / "after" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["left_out"]["tax_rows_without_consent"] == rows[gone] + rows[ended] + 1
    assert after.left_out["tax_rows_without_consent"] == rows[gone] + rows[ended] + 1
    registry = pd.read_parquet(tmp_path / "after" / "sources" / "registry.parquet")
    assert {gone, ended} <= set(registry["uscc"])


def test_a_store_without_demands_has_nothing_to_teach(tmp_path: Path) -> None:
    with pytest.raises(NoHistoryError, match="catalogue"):
        export(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path / "out")
