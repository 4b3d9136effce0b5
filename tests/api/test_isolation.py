"""Another institution's thing is not there: each route with another bank's key, held against a thing that is not."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.instance import Instance
from matcher.store import outbox
from matcher.store.outbox import Message
from tests.api.in_process import Client
from tests.api.lead_plans import forget, plan
from tests.api.test_edge import USES

pytestmark = pytest.mark.xdist_group("api")

OWNED: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/v1/institutions/{institution_id}/leads", None),
    ("POST", "/v1/leads/{lead_id}/claim", None),
    ("POST", "/v1/leads/{lead_id}/contact", None),
    ("POST", "/v1/leads/{lead_id}/due-diligence", None),
    ("POST", "/v1/leads/{lead_id}/return", {"complete": ["accounts"]}),
    ("POST", "/v1/leads/{lead_id}/decision", {"rejected": True, "reason_code": "collateral"}),
    ("POST", "/v1/leads/{lead_id}/sign", None),
    ("POST", "/v1/leads/{lead_id}/disbursement", {"amount_cny": "1000"}),
    ("POST", "/v1/leads/{lead_id}/repayment", None),
    ("GET", "/v1/institutions/{institution_id}/matchmaking-events/{event_id}", None),
    ("GET", "/v1/referrals/{referral_id}", None),
    ("POST", "/v1/referrals/{referral_id}/answer", {"answer": "accepted"}),
    ("DELETE", "/v1/webhooks/{webhook_id}", None),
    ("POST", "/v1/webhooks/{webhook_id}/rotate-secret", None),
    ("POST", "/v1/webhooks/{webhook_id}/enable", None),
    ("POST", "/v1/webhooks/{webhook_id}/test", None),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries", None),
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/replay", None),
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", None),
]
"""What belongs to one institution, by an id in the path."""
LISTED = [("GET", "/v1/webhooks"), ("GET", "/v1/subscriptions"), ("GET", "/v1/referrals")]
"""What shows the caller's own and nobody else's."""
OWN_ONLY = {
    ("POST", "/v1/webhooks"),
    ("PUT", "/v1/subscriptions/{kind}"),
    ("GET", "/v1/stream/leads"),
    ("PUT", "/v1/products/{product_id}"),
    ("POST", "/v1/products/{product_id}/preview"),
}
"""What acts on the caller's own: held in its own tests, the product's below."""
EVERYBODYS = {
    ("GET", "/v1/products"),
    ("GET", "/v1/products/{product_id}"),
    ("GET", "/v1/products/{product_id}/versions"),
    ("GET", "/v1/products/{product_id}/versions/{version}"),
    ("GET", "/v1/products/{product_id}/qr.{form}"),
    ("GET", "/v1/refusal-reasons"),
    ("POST", "/v1/policies/assess"),
    ("GET", "/v1/policies"),
    ("GET", "/v1/lists/{name}.{form}"),
}
"""What every role may see and no institution owns."""


@pytest.fixture(scope="module")
def bank(
    client: Client, instance: Instance, keys: dict[str, Any], platform: dict[str, str]
) -> Iterator[dict[str, str]]:
    """A bank with one of everything, by the names in the paths; ``secret`` must stand in no answer to another."""
    name = keys["institution"]["institution_id"]
    headers = {"Authorization": f"Bearer {keys['institution']['key']}"}
    hook = client.post("/v1/webhooks", json={"url": "https://bank.example/our-own-hook"}, headers=headers).json()
    client.post(f"/v1/webhooks/{hook['webhook_id']}/test", headers=headers)
    sent = client.get(f"/v1/webhooks/{hook['webhook_id']}/deliveries", headers=headers).json()["items"][0]
    planned = plan(instance, name, "isolated", most=2, looked_at=60)
    lead = client.get(f"/v1/institutions/{name}/leads", headers=headers).json()["items"][0]
    own = next(each for each in instance.matcher.catalog.products if each.institution_id == name)
    uscc = planned.uscc_of[planned.rows[0].demand_id]
    leave = {"purpose": "equity_referral", "recipient": name}
    client.put(f"/v1/enterprises/{uscc}/consents/registry", json=leave, headers=platform)
    referred = client.post("/v1/referrals", json={"uscc": uscc, "kind": "equity", "recipient": name}, headers=platform)
    seats = {"theme": "general", "day": "2027-01-15", "tables": 1, "slots": 2, "institutions": [name]}
    event = client.post("/v1/matchmaking-events/plan", json=seats | {"include_unknown": True}, headers=platform)
    assert (referred.status_code, event.status_code) == (201, 201), (referred.text, event.text)
    now = instance.clock.now()
    told = Message(
        institution_id=name, kind="lead.pushed", payload={name: lead[name] for name in ("lead_id", "demand_id")}
    )
    instance.store.write(lambda connection: outbox.announce(connection, [told], now, now))
    yield {
        "institution_id": name,
        "lead_id": lead["lead_id"],
        "webhook_id": hook["webhook_id"],
        "delivery_id": str(sent["delivery_id"]),
        "product_id": own.product_id,
        "referral_id": referred.json()["referral_id"],
        "event_id": event.json()["matchmaking_event_id"],
    }
    for path in ("/v1/referrals", f"/v1/institutions/{name}/matchmaking-events/{event.json()['matchmaking_event_id']}"):
        assert client.get(path, headers=headers).status_code == 200
    client.delete(f"/v1/enterprises/{uscc}/consents/registry?recipient={name}", headers=platform)
    client.delete(f"/v1/webhooks/{hook['webhook_id']}", headers=headers)
    forget(instance, name)


@pytest.fixture(scope="module")
def rival(instance: Instance, bank: dict[str, str]) -> dict[str, str]:
    """Headers of another bank."""
    other = next(each for each in sorted(instance.matcher.catalog.institutions) if each != bank["institution_id"])
    return {"Authorization": f"Bearer {instance.keyring.issue('institution', other)}", "Accept-Language": "en"}


@pytest.mark.parametrize(("method", "path", "body"), OWNED, ids=lambda value: str(value)[:60])
def test_another_banks_thing_is_answered_as_one_that_is_not(
    client: Client, bank: dict[str, str], rival: dict[str, str], method: str, path: str, body: dict[str, Any] | None
) -> None:
    absent = {name: "999999999" if name == "delivery_id" else "X-none" for name in bank}
    told = [client.request(method, path.format(**names), json=body, headers=rival).json() for names in (bank, absent)]
    for each in told:
        assert each["status"] == 404
        del each["instance"]
    assert told[0] == told[1]


@pytest.mark.parametrize(("method", "path"), LISTED)
def test_a_list_shows_the_callers_own_alone(
    client: Client, bank: dict[str, str], rival: dict[str, str], method: str, path: str
) -> None:
    told = client.request(method, path, headers=rival)
    assert told.status_code == 200
    assert not [value for value in (*bank.values(), "our-own-hook") if value in told.text]


def test_another_banks_product_is_not_edited_and_not_taken_over(
    client: Client, bank: dict[str, str], rival: dict[str, str]
) -> None:
    path = f"/v1/products/{bank['product_id']}"
    before = client.get(path, headers=rival).json()
    assert client.put(path, json=before, headers=rival).status_code == 404
    assert (
        client.put(
            "/v1/products/P-of-another", json={**before, "product_id": "P-of-another"}, headers=rival
        ).status_code
        == 404
    )
    assert client.get(path, headers=rival).json() == before


def test_every_route_an_institution_may_use_stands_in_one_of_the_tables(client: Client) -> None:
    known = {(method, path) for method, path, _ in OWNED} | set(LISTED) | OWN_ONLY | EVERYBODYS
    documented = [
        (method.upper(), path) for path, methods in client.app.openapi()["paths"].items() for method in methods
    ]
    open_to_banks = {
        found
        for method, used, roles in USES
        if "institution" in roles
        for found in documented
        if found[0] == method and _is_of(found[1], used.split("?")[0])
    }
    assert open_to_banks - known == set()


def _is_of(template: str, path: str) -> bool:
    shape, parts = template.split("/"), path.split("/")
    return len(shape) == len(parts) and all("{" in a or a == b for a, b in zip(shape, parts, strict=True))
