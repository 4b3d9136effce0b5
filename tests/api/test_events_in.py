"""Events through the API: partial refusals, repeats, what a recommendation fills in, and how long a thousand take."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.instance import Instance
from matcher.store import audit as audit_store
from matcher.store.tables import audit
from matcher.store.tables_platform import events
from tests.api.in_process import Client

DEMAND = {"uscc": "91370602MA3TERT037", "amount_cny": "3000000", "term_months": 12, "purpose": "working_capital"}


@pytest.fixture(scope="module")
def demand_id(client: Client, platform: dict[str, str]) -> str:
    """A demand published on the instance's day."""
    return str(client.post("/v1/demands", json=DEMAND, headers=platform).json()["demand_id"])


@pytest.fixture(scope="module")
def listed(client: Client, platform: dict[str, str], demand_id: str) -> dict[str, Any]:
    """A recommendation for it."""
    found: dict[str, Any] = client.post("/v1/recommendations", json={"demand_id": demand_id}, headers=platform).json()
    return found


@pytest.fixture
def event(demand_id: str, catalogue: dict[str, Any]) -> dict[str, Any]:
    """A good event but for its id."""
    return {
        "type": "clicked",
        "occurred_at": "2026-11-01T09:30:00+08:00",
        "demand_id": demand_id,
        "product_id": catalogue["products"][0]["product_id"],
    }


def send(client: Client, headers: dict[str, str], *sent: dict[str, Any]) -> dict[str, Any]:
    answered = client.post("/v1/events", json={"events": list(sent)}, headers=headers)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


def test_an_event_sent_again_is_a_duplicate_and_the_same_id_with_another_story_is_refused(
    client: Client, platform: dict[str, str], event: dict[str, Any]
) -> None:
    first = {**event, "event_id": "again-1"}
    assert send(client, platform, first, first) == {"accepted": 1, "duplicates": 1, "refused": []}
    same_moment = {**first, "occurred_at": "2026-11-01T01:30:00Z"}
    assert send(client, platform, same_moment) == {"accepted": 0, "duplicates": 1, "refused": []}
    told = send(client, platform, {**first, "type": "applied"})
    assert told["accepted"] == told["duplicates"] == 0
    assert [(r["index"], r["event_id"], r["pointer"]) for r in told["refused"]] == [
        (0, "again-1", "/events/0/event_id")
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "bought"}, "type"),
        ({"occurred_at": "2026-11-01 09:30"}, "occurred_at"),
        ({"occurred_at": "2026-13-01T09:30:00Z"}, "occurred_at"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": "2026-10-30T15:59:59Z"}, "occurred_at"),
        ({"demand_id": "D-none"}, "demand_id"),
        ({"product_id": "P-none"}, "product_id"),
        ({"recommendation_id": "R-none"}, "recommendation_id"),
        ({"position": 0}, "position"),
        ({"position": 51}, "position"),
        ({"position": True}, "position"),
        ({"propensity": 0}, "propensity"),
        ({"propensity": 1.01}, "propensity"),
        ({"propensity": "much"}, "propensity"),
        ({"reason_code": "Zhang San"}, "reason_code"),
        ({"colour": "red"}, "colour"),
        ({"event_id": "a b"}, "event_id"),
    ],
)
def test_a_bad_event_is_refused_by_its_field_and_the_others_go_in(
    client: Client, platform: dict[str, str], event: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    name = f"partial-{field}-{abs(hash(str(change)))}"
    good = [{**event, "event_id": f"{name}-{n}"} for n in (0, 2)]
    told = send(client, platform, good[0], {**event, "event_id": f"{name}-1", **change}, good[1])
    assert told["accepted"] == 2
    assert [(r["index"], r["pointer"]) for r in told["refused"]] == [(1, f"/events/1/{field}")]
    assert told["refused"][0]["detail"]


def test_the_first_moment_of_the_day_of_publication_in_china_is_early_enough(
    client: Client, platform: dict[str, str], event: dict[str, Any]
) -> None:
    told = send(client, platform, {**event, "event_id": "first-moment", "occurred_at": "2026-10-30T16:00:00Z"})
    assert told["accepted"] == 1


def test_what_is_no_list_of_a_thousand_events_at_most_is_refused_whole(
    client: Client, platform: dict[str, str], event: dict[str, Any], instance: Instance
) -> None:
    def count() -> int:
        return int(
            instance.store.read(
                lambda connection: connection.execute(select(func.count()).select_from(events)).scalar_one()
            )
        )

    before = count()
    too_many = [{**event, "event_id": f"many-{n}"} for n in range(1_001)]
    for body in ({"events": too_many}, {"events": []}, {"events": ["x"]}, {"events": {}}, {}, {"events": [], "x": 1}):
        assert client.post("/v1/events", json=body, headers=platform).status_code == 422
    assert count() == before


def test_place_is_filled_from_the_recommendation_and_may_not_contradict_it(
    client: Client,
    platform: dict[str, str],
    event: dict[str, Any],
    listed: dict[str, Any],
    instance: Instance,
    catalogue: dict[str, Any],
) -> None:
    second = listed["items"][1]
    shown = {**event, "recommendation_id": listed["recommendation_id"], "product_id": second["product_id"]}
    unlisted = next(
        p["product_id"]
        for p in catalogue["products"]
        if p["product_id"] not in {item["product_id"] for item in listed["items"]}
    )
    told = send(
        client,
        platform,
        {**shown, "event_id": "place-1", "type": "exposed"},
        {**shown, "event_id": "place-2", "position": 2},
        {**shown, "event_id": "place-3", "position": 3},
        {**shown, "event_id": "place-4", "product_id": unlisted},
        {**shown, "event_id": "place-5", "demand_id": "D-000001"},
    )
    assert told["accepted"] == 2
    assert [(r["index"], r["pointer"].rsplit("/", 1)[1]) for r in told["refused"]] == [
        (2, "position"),
        (3, "product_id"),
        (4, "demand_id"),
    ]
    with instance.store.reading() as connection:
        kept = connection.execute(select(events).where(events.c.event_id == "place-1")).one()
    assert kept.position == 2
    assert kept.propensity == second.get("propensity")
    assert kept.institution_id == second["institution_id"]
    assert kept.uscc == DEMAND["uscc"]


def test_a_call_leaves_one_entry_in_the_audit_and_one_answer_under_its_key(
    client: Client, platform: dict[str, str], event: dict[str, Any], instance: Instance
) -> None:
    def entries() -> int:
        query = select(func.count()).select_from(audit).where(audit.c.action == "events_recorded")
        return int(instance.store.read(lambda connection: connection.execute(query).scalar_one()))

    before = entries()
    body = {"events": [{**event, "event_id": f"audited-{n}"} for n in range(5)]}
    headers = {**platform, "Idempotency-Key": "events-once"}
    first = client.post("/v1/events", json=body, headers=headers)
    again = client.post("/v1/events", json=body, headers=headers)
    assert first.json()["accepted"] == 5
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert send(client, platform, *body["events"])["duplicates"] == 5
    assert entries() == before + 1
    with instance.store.reading() as connection:
        assert audit_store.verify(connection) is None


def test_one_batch_brought_by_many_at_once_is_kept_once(
    client: Client, platform: dict[str, str], event: dict[str, Any], instance: Instance
) -> None:
    body = {"events": [{**event, "event_id": f"race-{n}"} for n in range(50)]}

    async def crowd() -> list[httpx.Response]:
        asked = [client.asynchronous.post("/v1/events", json=body, headers=platform) for _ in range(6)]
        return await asyncio.gather(*asked)

    told = [answered.json() for answered in client.wait(crowd())]
    assert sorted(each["accepted"] for each in told) == [0, 0, 0, 0, 0, 50]
    assert sorted(each["duplicates"] for each in told) == [0, 50, 50, 50, 50, 50]
    with instance.store.reading() as connection:
        query = select(func.count()).select_from(events).where(events.c.event_id.startswith("race-"))
        assert connection.execute(query).scalar_one() == 50


def test_a_thousand_events_take_a_moment(client: Client, platform: dict[str, str], event: dict[str, Any]) -> None:
    best = 9.0
    for turn in range(3):
        body = {"events": [{**event, "event_id": f"speed-{turn}-{n}"} for n in range(1_000)]}
        since = time.perf_counter()
        assert send(client, platform, *body["events"])["accepted"] == 1_000
        best = min(best, time.perf_counter() - since)
    print(f"1,000 events: {best * 1000:.0f} ms")
    assert best < 1.0, "a query per row would take longer; about 0.1 s on a quiet core"


def test_the_types_of_events_are_told_in_both_languages(client: Client, platform: dict[str, str]) -> None:
    english = client.get("/v1/events/types", headers=platform).json()["items"]
    chinese = client.get("/v1/events/types", headers={**platform, "Accept-Language": "zh-CN"}).json()["items"]
    assert {"exposed", "clicked", "applied", "withdrawn"} <= {each["type"] for each in english}
    assert all(a["meaning"] != b["meaning"] for a, b in zip(english, chinese, strict=True))
