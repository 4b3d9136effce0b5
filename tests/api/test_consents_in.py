"""Consents and the personalisation switch through the API."""

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, select

from api.instance import Instance
from matcher.store import demands, enterprises, recommendations
from matcher.store.tables_platform import leads, outbox
from tests.api.in_process import Client

LEAVE = {"purpose": "lead_disclosure", "recipient": "institutions"}


@pytest.fixture(scope="module")
def uscc(client: Client, platform: dict[str, str]) -> str:
    """An enterprise of the city."""
    return str(client.get("/v1/enterprises?limit=50", headers=platform).json()["items"][20]["uscc"])


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/purpose", "/recipient"}),
        ({"purpose": "financing_match"}, {"/recipient"}),
        ({"recipient": "platform"}, {"/purpose"}),
        ({**LEAVE, "purpose": "anything"}, {"/purpose"}),
        ({**LEAVE, "purpose": "*"}, {"/purpose"}),
        ({**LEAVE, "recipient": "*"}, {"/recipient"}),
        ({**LEAVE, "recipient": "I-none"}, {"/recipient"}),
        ({**LEAVE, "expires_on": "2026-10-30"}, {"/expires_on"}),
        ({**LEAVE, "forever": True}, {"/forever"}),
    ],
)
def test_a_consent_says_what_for_and_to_whom_or_grants_nothing(
    client: Client, platform: dict[str, str], uscc: str, body: dict[str, Any], pointers: set[str]
) -> None:
    before = client.get(f"/v1/enterprises/{uscc}/consents", headers=platform).json()
    answered = client.put(f"/v1/enterprises/{uscc}/consents/registry", json=body, headers=platform)
    assert answered.status_code == 422, answered.text
    assert {each["pointer"] for each in answered.json()["errors"]} == pointers
    assert client.get(f"/v1/enterprises/{uscc}/consents", headers=platform).json() == before


def test_a_consent_without_a_last_day_ends_in_a_year_and_stands_in_the_list_until_revoked(
    client: Client, platform: dict[str, str], uscc: str, catalogue: dict[str, Any]
) -> None:
    recipient = catalogue["institutions"][0]["institution_id"]
    path = f"/v1/enterprises/{uscc}/consents/registry"
    granted = client.put(path, json={**LEAVE, "recipient": recipient}, headers=platform).json()
    assert (granted["granted_on"], granted["expires_on"]) == ("2026-10-31", "2027-10-31")

    def state(query: str = "") -> str:
        items = client.get(f"/v1/enterprises/{uscc}/consents?limit=200{query}", headers=platform).json()["items"]
        return str(next(each["state"] for each in items if each["recipient"] == recipient))

    assert [state(), state("&as_of=2027-10-31"), state("&as_of=2027-11-01"), state("&as_of=2026-10-30")] == [
        "granted",
        "granted",
        "expired",
        "upcoming",
    ]
    assert client.delete(f"{path}?recipient={recipient}", headers=platform).json()["revoked"] == 1
    assert [state(), state("&as_of=2027-01-01")] == ["revoked", "revoked"]


def test_a_recipient_is_told_of_consents_by_its_own_leads_and_nobody_is_told_of_the_platforms(
    client: Client, platform: dict[str, str], instance: Instance, catalogue: dict[str, Any]
) -> None:
    kept = instance.store.read(lambda connection: demands.latest(connection, 1))[0]
    uscc, demand_id = kept.demand.uscc, str(kept.demand.demand_id)
    bank, other, third = (one["institution_id"] for one in catalogue["institutions"][:3])
    rows = [
        {"lead_id": f"L-{name}", "demand_id": demand_id, "institution_id": name, "product_id": "P-0001"}
        | {"state": "rejected", "origin": "push", "late": False, "changed_at": "x"}
        for name in (bank, other)
    ]
    instance.store.write(lambda connection: connection.execute(leads.insert(), rows))

    def told() -> list[tuple[str, str, dict[str, Any]]]:
        query = select(outbox).where(outbox.c.kind.like("consent.%")).order_by(outbox.c.sequence)
        with instance.store.reading() as connection:
            found = [(row.institution_id, row.kind, json.loads(row.payload)) for row in connection.execute(query)]
        return found[seen:]

    seen = 0
    seen = len(told())
    path = f"/v1/enterprises/{uscc}/consents/tax"
    for recipient in (third, "institutions", "platform"):
        body = {**LEAVE, "purpose": "financing_match", "recipient": recipient}
        assert client.put(path, json=body, headers=platform).status_code == 200
    assert [(name, kind, one["lead_ids"]) for name, kind, one in told()] == [
        (third, "consent.granted", []),
        (bank, "consent.granted", [f"L-{bank}"]),
        (other, "consent.granted", [f"L-{other}"]),
    ]
    assert told()[0][2] == {
        "source": "tax",
        "purpose": "financing_match",
        "recipient": third,
        "expires_on": "2027-10-31",
        "lead_ids": [],
    }
    seen += 3
    assert client.delete(f"{path}?recipient={third}", headers=platform).status_code == 200
    assert client.delete(f"{path}?recipient=institutions", headers=platform).status_code == 200
    assert [(name, kind) for name, kind, _ in told()] == [(one, "consent.revoked") for one in (third, bank, other)]
    named = [row["lead_id"] for row in rows]
    instance.store.write(lambda connection: connection.execute(leads.delete().where(leads.c.lead_id.in_(named))))


def test_a_consent_that_ended_opens_nothing_on_a_day_gone_by_either(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    uscc = str(client.get("/v1/enterprises?limit=50", headers=platform).json()["items"][21]["uscc"])

    def replace_by(expires_on: date) -> None:
        row = enterprises.ConsentRow(
            uscc=uscc,
            source="registry",
            purpose="financing_match",
            recipient="platform",
            granted_on=date(2026, 1, 1),
            expires_on=expires_on,
        )

        def change(connection: Connection) -> None:
            enterprises.revoke(connection, uscc, "registry", "financing_match", "platform")
            enterprises.grant(connection, [row], instance.clock.now())

        instance.store.write(change)

    def read(as_of: str) -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"/v1/enterprises/{uscc}/profile?as_of={as_of}", headers=platform).json()
        return found

    demand = {"uscc": uscc, "amount_cny": "500000", "term_months": 12, "purpose": "working_capital"}
    body = {"demand": demand, "as_of": "2026-10-15"}
    before = client.post("/v1/recommendations", json=body, headers=platform).json()
    replace_by(date(2026, 10, 31))
    assert read("2026-10-15")["columns"]["age_months"] is not None
    replace_by(date(2026, 10, 30))
    told = read("2026-10-15")
    assert told["columns"]["age_months"] is None
    assert told["consents"]["registry"] == "none"
    made = client.post("/v1/recommendations", json=body, headers=platform).json()
    with instance.store.reading() as connection:
        kept = recommendations.find(connection, made["recommendation_id"])
    assert kept is not None
    assert b'"age_months":null' in kept.inputs
    again = client.post(f"/v1/recommendations/{before['recommendation_id']}/replay", headers=platform)
    assert again.json()["identical"] is True


def test_switched_off_a_list_is_not_personalised_whatever_is_asked(
    client: Client, platform: dict[str, str], uscc: str
) -> None:
    demand = {"uscc": uscc, "amount_cny": "500000", "term_months": 12, "purpose": "working_capital"}
    switch = f"/v1/enterprises/{uscc}/personalisation"

    def asked() -> dict[str, Any]:
        body = {"demand": demand, "personalised": True}
        found: dict[str, Any] = client.post("/v1/recommendations", json=body, headers=platform).json()
        return found

    assert asked()["personalised"] is True
    assert client.put(switch, json={"enabled": False}, headers=platform).json()["personalised"] is False
    off = asked()
    assert off["personalised"] is False
    assert {item["p_apply"] for item in off["items"]} == {None}
    assert client.get(f"/v1/enterprises/{uscc}/profile", headers=platform).json()["personalised"] is False
    replayed = client.post(f"/v1/recommendations/{off['recommendation_id']}/replay", headers=platform).json()
    assert replayed["identical"] is True
    assert client.put(switch, json={"enabled": "no"}, headers=platform).status_code == 422
    client.put(switch, json={"enabled": True}, headers=platform)
    assert asked()["personalised"] is True
