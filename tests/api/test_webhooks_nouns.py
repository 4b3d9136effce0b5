"""Webhooks over the wire: registered once, seen by their institution alone, rotated, removed, and what they want."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from api.instance import Instance
from api.routers.webhooks import MOST_WEBHOOKS
from matcher.store import audit, deliveries, outbox, webhooks
from matcher.store.deliveries import Outcome
from matcher.store.outbox import Message
from matcher.store.push_kinds import KINDS
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")
HOOK = {"url": "https://bank.example/hook?token=hidden", "kinds": ["lead.pushed"]}


@pytest.fixture
def bank(instance: Instance, keys: dict[str, Any]) -> dict[str, str]:
    """Headers of an institution, reading English."""
    return {"Authorization": f"Bearer {keys['institution']['key']}", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def rival(instance: Instance) -> dict[str, str]:
    """Headers of another institution."""
    return {"Authorization": f"Bearer {instance.keyring.issue('institution', 'I-rival')}"}


@pytest.fixture
def hook(client: Client, bank: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A new webhook."""
    made = client.post("/v1/webhooks", json=HOOK, headers=bank)
    assert made.status_code == 201
    yield made.json()
    client.delete(f"/v1/webhooks/{made.json()['webhook_id']}", headers=bank)


def announce(instance: Instance, institution: str, count: int = 1) -> None:
    """Announce new leads."""
    now = instance.clock.now()
    messages = [Message(institution_id=institution, kind="lead.pushed", payload={"n": n}) for n in range(count)]
    instance.store.write(lambda connection: outbox.announce(connection, messages, now, now))


def kill(instance: Instance) -> None:
    """Let every delivery that waits be dead."""

    def change(connection: Any) -> None:
        now = instance.clock.now()
        wanted = [one for one, _ in deliveries.due(connection, now, 200, (), 200)]
        for claimed in deliveries.claim(connection, wanted, now, now):
            deliveries.record(connection, claimed, Outcome(state="dead", next_at=now, status=500, error="no"), now)

    instance.store.write(change)


def audited(instance: Instance, subject: str) -> list[tuple[str, str]]:
    """(action, detail) of what the audit says about a webhook."""
    query = text("SELECT action, detail FROM audit WHERE subject = :subject ORDER BY sequence")
    return [tuple(row) for row in instance.store.read(lambda one: one.execute(query, {"subject": subject}).all())]


def test_a_secret_is_shown_once_and_stands_in_no_list_and_no_audit(
    client: Client, bank: dict[str, str], hook: dict[str, Any], instance: Instance
) -> None:
    assert hook["secret"].startswith("whsec_")
    assert hook["kinds"] == ["lead.pushed"]
    assert hook["name_resolved"] is False
    listed = client.get("/v1/webhooks", headers=bank)
    (found,) = [one for one in listed.json()["items"] if one["webhook_id"] == hook["webhook_id"]]
    assert "secret" not in found
    (registered,) = audited(instance, hook["webhook_id"])
    assert registered[0] == "webhook_registered"
    assert hook["secret"] not in registered[1]
    assert "hidden" not in registered[1]


def test_one_idempotency_key_registers_one_webhook(client: Client, bank: dict[str, str]) -> None:
    headers = bank | {"Idempotency-Key": "hook-once"}
    first, second = (client.post("/v1/webhooks", json=HOOK, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert client.delete(f"/v1/webhooks/{first.json()['webhook_id']}", headers=bank).status_code == 204


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url"),
        ({"url": "https://[::ffff:10.0.0.1]/hook"}, "/url"),
        ({"url": "http://bank.example/hook"}, "/url"),
        ({"url": ""}, "/url"),
        ({"kinds": ["lead.pished"]}, "/kinds/0"),
        ({"kinds": []}, "/kinds"),
        ({"kinds": ["lead.late", "lead.late"]}, "/kinds"),
        ({"secret": "mine"}, "/secret"),
    ],
)
def test_a_bad_webhook_is_refused_by_its_field(
    client: Client, bank: dict[str, str], change: dict[str, Any], pointer: str
) -> None:
    refused = client.post("/v1/webhooks", json=HOOK | change, headers=bank)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_a_rotated_secret_is_new_and_the_old_one_is_good_for_a_day(
    client: Client, bank: dict[str, str], hook: dict[str, Any], instance: Instance, keys: dict[str, Any]
) -> None:
    path = f"/v1/webhooks/{hook['webhook_id']}/rotate-secret"
    rotated = client.post(path, headers=bank).json()
    assert rotated["secret"] != hook["secret"]
    institution = keys["institution"]["institution_id"]
    kept = instance.store.read(lambda one: webhooks.find(one, hook["webhook_id"], institution))
    assert kept is not None
    assert kept.secrets_at(instance.clock.now()) == (rotated["secret"], hook["secret"])
    assert [action for action, _ in audited(instance, hook["webhook_id"])] == [
        "webhook_registered",
        "webhook_secret_rotated",
    ]


def test_nobody_reaches_the_webhook_of_another(
    client: Client, bank: dict[str, str], rival: dict[str, str], hook: dict[str, Any], instance: Instance
) -> None:
    path = f"/v1/webhooks/{hook['webhook_id']}"
    tried = [
        client.delete(path, headers=rival),
        client.post(f"{path}/rotate-secret", headers=rival),
        client.post(f"{path}/enable", headers=rival),
        client.post(f"{path}/test", headers=rival),
        client.get(f"{path}/deliveries", headers=rival),
        client.post(f"{path}/deliveries/replay", headers=rival),
        client.post(f"{path}/deliveries/1/replay", headers=rival),
    ]
    assert [one.status_code for one in tried] == [404] * 7
    assert client.get("/v1/webhooks", headers=rival).json()["items"] == []
    assert len(audited(instance, hook["webhook_id"])) == 1


def test_dead_messages_are_listed_paged_and_sent_again_one_or_all(
    client: Client, bank: dict[str, str], hook: dict[str, Any], instance: Instance, keys: dict[str, Any]
) -> None:
    path = f"/v1/webhooks/{hook['webhook_id']}/deliveries"
    announce(instance, keys["institution"]["institution_id"], 3)
    kill(instance)
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{path}?state=dead&limit=2{cursor and '&cursor=' + cursor}", headers=bank).json()
        seen += page["items"]
        cursor = page["next_cursor"]
    assert [(one["state"], one["attempts"], one["last_status"], one["last_error"]) for one in seen] == [
        ("dead", 1, 500, "no")
    ] * 3
    assert [one["delivery_id"] for one in seen] == sorted((one["delivery_id"] for one in seen), reverse=True)
    one = f"{path}/{seen[0]['delivery_id']}/replay"
    assert client.post(one, headers=bank).json()["replayed"] == 1
    assert client.post(one, headers=bank).status_code == 409
    assert client.post(f"{path}/replay", headers=bank).json()["replayed"] == 2
    assert client.get(f"{path}?state=dead", headers=bank).json()["items"] == []
    assert client.post(f"{path}/{2**40}/replay", headers=bank).status_code == 404
    assert client.get(f"{path}?cursor=bm8", headers=bank).status_code == 422


def test_a_disabled_webhook_is_enabled_before_it_is_sent_to_again(
    client: Client, bank: dict[str, str], hook: dict[str, Any], instance: Instance
) -> None:
    path = f"/v1/webhooks/{hook['webhook_id']}"
    instance.store.write(lambda connection: webhooks.set_active(connection, hook["webhook_id"], False))
    assert client.post(f"{path}/test", headers=bank).status_code == 409
    assert client.post(f"{path}/deliveries/replay", headers=bank).status_code == 409
    assert client.post(f"{path}/enable", headers=bank).json()["active"] is True
    queued = client.post(f"{path}/test", headers=bank)
    assert queued.status_code == 202
    (delivery,) = client.get(f"{path}/deliveries", headers=bank).json()["items"]
    assert (delivery["kind"], delivery["message_id"]) == ("webhook.test", queued.json()["message_id"])


def test_every_kind_is_listed_with_its_text_and_can_be_refused(client: Client, rival: dict[str, str]) -> None:
    listed = client.get("/v1/subscriptions", headers=rival).json()["items"]
    assert {one["kind"]: one["text"] for one in listed} == {kind: text.zh for kind, text in KINDS.items()}
    assert {one["enabled"] for one in listed} == {None}
    put = client.put("/v1/subscriptions/lead.late", json={"enabled": False}, headers=rival)
    assert put.json() == {"kind": "lead.late", "text": KINDS["lead.late"].zh, "enabled": False}
    again = client.get("/v1/subscriptions", headers=rival).json()["items"]
    assert [one["kind"] for one in again if one["enabled"] is False] == ["lead.late"]
    assert client.put("/v1/subscriptions/lead.none", json={"enabled": True}, headers=rival).status_code == 404
    assert client.put("/v1/subscriptions/lead.late", json={"enabled": "yes"}, headers=rival).status_code == 422


def test_an_institution_has_a_bounded_number_of_webhooks(client: Client, instance: Instance) -> None:
    crowded = {"Authorization": f"Bearer {instance.keyring.issue('institution', 'I-crowded')}"}
    made = [client.post("/v1/webhooks", json=HOOK, headers=crowded) for _ in range(MOST_WEBHOOKS + 1)]
    assert [one.status_code for one in made] == [201] * MOST_WEBHOOKS + [409]
    assert instance.store.read(audit.verify) is None


def test_every_answer_of_a_push_route_is_documented(client: Client) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if path.startswith(("/v1/webhooks", "/v1/subscriptions", "/v1/stream")):
            for method, told in methods.items():
                assert {"401", "403", "503"} <= set(told["responses"]), (method, path)
                assert any(status.startswith("2") for status in told["responses"]), (method, path)
    assert "Problem" in document["components"]["schemas"]
    assert "secret" not in document["components"]["schemas"]["WebhookShown"]["properties"]
    json.dumps(document)


def test_a_test_message_repeated_under_one_key_is_one_message_and_unknown_fields_are_refused(
    client: Client, bank: dict[str, str], hook: dict[str, Any]
) -> None:
    path = f"/v1/webhooks/{hook['webhook_id']}"
    once = bank | {"Idempotency-Key": "test-once"}
    first, again = client.post(f"{path}/test", headers=once), client.post(f"{path}/test", headers=once)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (again.headers["Idempotent-Replayed"], again.content) == ("true", first.content)
    other = client.post(f"{path}/test", json={}, headers=bank).json()
    assert other["message_id"] != first.json()["message_id"]
    for move in ("test", "rotate-secret"):
        assert client.post(f"{path}/{move}", json={"loud": True}, headers=bank).status_code == 422
        assert client.post(f"{path}/{move}", content=b"{", headers=bank).status_code == 400
