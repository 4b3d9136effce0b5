"""A matchmaking event over the wire: planned, read by each side, filed, attended."""

import io
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from api import asking, matchmaking_files
from api.instance import Instance
from matcher.eligibility import PASS
from matcher.matching import Question
from matcher.store import audit, demands, outbox
from matcher.store.enterprises import ConsentRow, grant, revoke
from matcher.store.tables_platform import events, matchmaking_events
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture(scope="module")
def day(instance: Instance) -> str:
    """The day of the event."""
    return instance.clock.today().isoformat()


@pytest.fixture(scope="module")
def asked(keys: dict[str, Any], day: str) -> dict[str, Any]:
    """A general event with the test's institution at a table."""
    return {
        "theme": "general",
        "day": day,
        "tables": 1,
        "slots": 6,
        "institutions": [keys["institution"]["institution_id"]],
        "include_unknown": True,
    }


@pytest.fixture(scope="module")
def planned(client: Client, platform: dict[str, str], asked: dict[str, Any]) -> dict[str, Any]:
    """The event as answered."""
    answered = client.post("/v1/matchmaking-events/plan", json=asked, headers=platform)
    assert answered.status_code == 201, answered.text
    document: dict[str, Any] = answered.json()
    assert answered.headers["location"] == f"/v1/matchmaking-events/{document['matchmaking_event_id']}"
    return document


@pytest.fixture
def bank(keys: dict[str, Any]) -> dict[str, str]:
    """Headers of the institution."""
    return {"Authorization": f"Bearer {keys['institution']['key']}", "Accept-Language": "en"}


def test_a_plan_seats_everybody_once_a_slot_and_adds_up(planned: dict[str, Any]) -> None:
    schedule = planned["schedule"]
    assert len(schedule) == planned["counts"]["meetings"] == 6
    assert len({(one["slot"], one["table"]) for one in schedule}) == len(schedule)
    assert len({(one["slot"], one["uscc"]) for one in schedule}) == len(schedule)
    assert {one["uscc"] for one in planned["invites"]} == {one["uscc"] for one in schedule}
    worths = [one["expected_matches"] for one in planned["invites"]]
    assert worths == sorted(worths, reverse=True)
    assert planned["expected_matches"] == pytest.approx(sum(worths), abs=1e-5)
    assert planned["counts"]["fits"] == planned["counts"]["invited"] + len(planned["unmatched"])
    assert schedule[0]["starts_at"].endswith("T09:00:00+08:00")


def test_a_plan_is_kept_and_read_again(client: Client, platform: dict[str, str], planned: dict[str, Any]) -> None:
    again = client.get(f"/v1/matchmaking-events/{planned['matchmaking_event_id']}", headers=platform).json()
    assert again["schedule"] == planned["schedule"]
    listed = client.get("/v1/matchmaking-events?limit=200", headers=platform).json()["items"]
    assert planned["matchmaking_event_id"] in [one["matchmaking_event_id"] for one in listed]
    assert client.get("/v1/matchmaking-events/MM-none", headers=platform).status_code == 404


def test_the_same_question_gives_the_same_timetable(
    client: Client, platform: dict[str, str], asked: dict[str, Any], planned: dict[str, Any]
) -> None:
    headers = {**platform, "Idempotency-Key": "matchmaking-1"}
    first = client.post("/v1/matchmaking-events/plan", json=asked, headers=headers)
    replayed = client.post("/v1/matchmaking-events/plan", json=asked, headers=headers)
    assert first.json()["schedule"] == planned["schedule"]
    assert replayed.content == first.content
    assert replayed.headers["Idempotent-Replayed"] == "true"


def test_institutions_with_a_table_are_told(keys: dict[str, Any], instance: Instance, planned: dict[str, Any]) -> None:
    with instance.store.reading() as connection:
        told = outbox.after(connection, keys["institution"]["institution_id"], 0, 500)
    invited = [one.payload for one in told if one.kind == "matchmaking.invited"]
    assert any(planned["matchmaking_event_id"] in payload for payload in invited)


def test_an_institution_sees_its_own_table_and_no_name_until_consent(
    client: Client, keys: dict[str, Any], bank: dict[str, str], instance: Instance, planned: dict[str, Any]
) -> None:
    own = keys["institution"]["institution_id"]
    path = f"/v1/institutions/{own}/matchmaking-events/{planned['matchmaking_event_id']}"
    uscc = planned["schedule"][0]["uscc"]
    name = instance.names[uscc]
    before = client.get(path, headers=bank)
    assert before.status_code == 200
    assert name not in before.text
    assert uscc not in before.text
    today = instance.clock.today()
    row = ConsentRow(
        uscc=uscc,
        source="registry",
        purpose="lead_disclosure",
        recipient=own,
        granted_on=today,
        expires_on=today + timedelta(days=30),
    )
    instance.store.write(lambda connection: grant(connection, [row], instance.clock.now()))
    assert name in client.get(path, headers=bank).text
    instance.store.write(lambda connection: revoke(connection, uscc, "registry", "lead_disclosure", own))
    assert name not in client.get(path, headers=bank).text
    other = next(each for each in instance.matcher.catalog.institutions if each != own)
    assert client.get(path.replace(own, other), headers=bank).status_code == 404


def test_the_files_open_safely(
    client: Client, platform: dict[str, str], instance: Instance, planned: dict[str, Any], monkeypatch: Any
) -> None:
    uscc = planned["schedule"][0]["uscc"]
    monkeypatch.setitem(instance.names, uscc, "=HYPERLINK(1)")
    path = f"/v1/matchmaking-events/{planned['matchmaking_event_id']}"
    written = client.get(path, headers={**platform, "Accept": "text/csv"})
    assert written.headers["content-type"].startswith("text/csv")
    lines = written.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 7
    assert any("'=HYPERLINK(1)" in line for line in lines)
    book = load_workbook(io.BytesIO(client.get(path, headers={**platform, "Accept": matchmaking_files.XLSX}).content))
    cells = [cell.value for row in book.worksheets[0].iter_rows() for cell in row]
    assert "'=HYPERLINK(1)" in cells


def test_attendance_comes_back_as_events_once(
    client: Client, platform: dict[str, str], instance: Instance, planned: dict[str, Any]
) -> None:
    path = f"/v1/matchmaking-events/{planned['matchmaking_event_id']}/attendance"
    met = [{name: one[name] for name in ("demand_id", "institution_id", "slot")} for one in planned["schedule"]]
    body = {"attended": met[:2], "absent": met[2:3]}
    first = client.post(path, json=body, headers=platform)
    assert first.status_code == 200, first.text
    assert first.json() == {"accepted": 3, "duplicates": 0, "refused": []}
    assert client.post(path, json=body, headers=platform).json()["duplicates"] == 3
    other = client.post(path, json={"absent": met[:1]}, headers=platform).json()
    assert [one["field"] for one in other["refused"]] == ["event_id"]
    query = select(events.c.type).where(events.c.event_id.startswith(planned["matchmaking_event_id"]))
    with instance.store.reading() as connection:
        assert sorted(connection.execute(query).scalars()) == ["absent", "attended", "attended"]
    wrong = {"attended": [{**met[0], "slot": 48}]}
    refused = client.post(path, json=wrong, headers=platform)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/attended/0"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"theme": "party"}, "/theme"),
        ({"day": "2001-01-01"}, "/day"),
        ({"tables": 0}, "/tables"),
        ({"slots": 49}, "/slots"),
        ({"starts_at": "25:00"}, "/starts_at"),
        ({"starts_at": "23:00"}, "/slots"),
        ({"institutions": ["I-nobody"]}, "/institutions/0"),
        ({"kinds": ["yacht"]}, "/kinds/0"),
        ({"sex": "f"}, "/sex"),
    ],
)
def test_what_no_event_can_be_is_refused_by_its_field(
    client: Client,
    platform: dict[str, str],
    asked: dict[str, Any],
    instance: Instance,
    change: dict[str, Any],
    pointer: str,
) -> None:
    def count() -> int:
        with instance.store.reading() as connection:
            return len(connection.execute(select(matchmaking_events)).all())

    before = count()
    answered = client.post("/v1/matchmaking-events/plan", json={**asked, **change}, headers=platform)
    assert answered.status_code == 422, answered.text
    assert pointer in [error["pointer"] for error in answered.json()["errors"]]
    assert count() == before


def test_each_meeting_is_over_the_best_admitted_product_of_its_institution(
    client: Client, platform: dict[str, str], asked: dict[str, Any], instance: Instance
) -> None:
    body = {**asked, "include_unknown": False, "tables": 2, "institutions": None}
    answered = client.post("/v1/matchmaking-events/plan", json=body, headers=platform).json()
    assert answered["schedule"]
    matcher, today = instance.matcher, instance.clock.today()
    for meeting in answered["schedule"]:
        with instance.store.reading() as connection:
            kept = demands.find(connection, meeting["demand_id"])
            assert kept is not None
            profile = asking.profile_of(instance, connection, kept.demand.uscc, today)
        verdicts = matcher.judge(Question(demand=kept.demand, as_of=today, profile=profile)).verdict
        own = [
            row
            for row, one in enumerate(matcher.catalog.products)
            if one.institution_id == meeting["institution_id"] and verdicts[row] == PASS
        ]
        scores = matcher.score_many([profile], [kept.demand], today, np.zeros(len(own), dtype=np.intp), np.array(own))
        worth = (scores.p_apply * scores.p_approve).tolist()
        assert meeting["expected_match"] == pytest.approx(max(worth), abs=1e-5)
        assert meeting["product_id"] in [matcher.catalog.products[row].product_id for row in own]
        assert meeting["verdict"] == "pass"
    undecided = [one for one in answered["unmatched"] if one["reason"] == "not_settled"]
    assert undecided
    assert all(one["settle_with"] for one in undecided)


def test_an_id_or_cursor_no_store_could_hold_is_refused(client: Client, platform: dict[str, str]) -> None:
    assert client.get("/v1/matchmaking-events/%00", headers=platform).status_code == 422
    assert client.get("/v1/referrals/%00", headers=platform).status_code == 422
    assert client.get("/v1/matchmaking-events?cursor=AA", headers=platform).status_code == 422


def test_nobody_has_attended_an_event_to_come(
    client: Client, platform: dict[str, str], asked: dict[str, Any], instance: Instance
) -> None:
    body = {**asked, "day": (instance.clock.today() + timedelta(days=200)).isoformat()}
    planned = client.post("/v1/matchmaking-events/plan", json=body, headers=platform).json()
    met = {name: planned["schedule"][0][name] for name in ("demand_id", "institution_id", "slot")}
    path = f"/v1/matchmaking-events/{planned['matchmaking_event_id']}/attendance"
    told = client.post(path, json={"attended": [met]}, headers=platform).json()
    assert (told["accepted"], [one["field"] for one in told["refused"]]) == (0, ["occurred_at"])


def test_a_theme_nobody_is_known_to_fit_says_so_and_whom_to_ask(
    client: Client, platform: dict[str, str], asked: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr("api.matchmaking.mask", lambda row, _permitted: dict.fromkeys(row))
    body = {**asked, "theme": "specialised_new"}
    answered = client.post("/v1/matchmaking-events/plan", json=body, headers=platform).json()
    assert answered["schedule"] == answered["invites"] == []
    assert answered["counts"]["unknown"] == len(answered["unknown"]) > 0
    assert answered["unknown"][0]["settle_with"] == ["honours"]
    assert answered["notes"] == ["No open demand fits the theme: the plan is empty."]


def test_the_audit_still_verifies(instance: Instance) -> None:
    with instance.store.reading() as connection:
        assert audit.verify(connection) is None
