"""Referrals: only under a consent to this purpose and this recipient, and what they show ends with it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from api.instance import Instance
from matcher.domain import InstitutionKind
from matcher.store import outbox
from matcher.store.enterprises import ConsentRow, grant, revoke
from matcher.store.tables_platform import contacts, referrals
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture
def bank(keys: dict[str, Any]) -> dict[str, str]:
    """Headers of the institution."""
    return {"Authorization": f"Bearer {keys['institution']['key']}", "Accept-Language": "en"}


@pytest.fixture
def own(keys: dict[str, Any]) -> str:
    """The institution."""
    named: str = keys["institution"]["institution_id"]
    return named


@pytest.fixture
def uscc(instance: Instance) -> str:
    """An enterprise of the city."""
    return instance.profiles.codes[17]


def consent(instance: Instance, uscc: str, purpose: str, recipient: str, **changes: Any) -> None:
    today = instance.clock.today()
    row = ConsentRow(
        **{
            "uscc": uscc,
            "source": "registry",
            "purpose": purpose,
            "recipient": recipient,
            "granted_on": today,
            "expires_on": today + timedelta(days=30),
            **changes,
        }
    )
    instance.store.write(lambda connection: grant(connection, [row], instance.clock.now()))


def counted(instance: Instance) -> int:
    with instance.store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(referrals)).scalar() or 0)


def test_without_the_enterprises_own_consent_nothing_is_sent(
    client: Client, platform: dict[str, str], instance: Instance, own: str, uscc: str
) -> None:
    before = counted(instance)
    body = {"uscc": uscc, "kind": "equity", "recipient": own}
    today = instance.clock.today()
    consent(instance, uscc, "equity_referral", "institutions")
    consent(instance, uscc, "guarantee_referral", own)
    consent(instance, uscc, "equity_referral", own, granted_on=today - timedelta(9), expires_on=today - timedelta(1))
    refused = client.post("/v1/referrals", json=body, headers=platform)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("consent_missing")
    for part in ("registry", "equity_referral", own):
        assert part in refused.json()["detail"]
    assert counted(instance) == before
    for purpose, recipient in (("equity_referral", "institutions"), ("guarantee_referral", own)):
        instance.store.write(lambda one, p=purpose, r=recipient: revoke(one, uscc, "registry", p, r))


def test_a_referral_is_sent_answered_and_done_and_hidden_when_consent_ends(
    client: Client, platform: dict[str, str], bank: dict[str, str], instance: Instance, own: str, uscc: str
) -> None:
    name = instance.names[uscc]
    consent(instance, uscc, "equity_referral", own)
    instance.store.write(
        lambda one: one.execute(
            contacts.insert(), {"uscc": uscc, "document": '{"name": "王经理"}', "recorded_at": "2026"}
        )
    )
    body = {"uscc": uscc, "kind": "equity", "recipient": own, "note": "high growth"}
    headers = {**platform, "Idempotency-Key": "refer-1"}
    sent = client.post("/v1/referrals", json=body, headers=headers)
    assert sent.status_code == 201, sent.text
    assert client.post("/v1/referrals", json=body, headers=headers).content == sent.content
    assert client.post("/v1/referrals", json=body, headers=platform).status_code == 409
    referral_id = sent.json()["referral_id"]
    path = f"/v1/referrals/{referral_id}"
    with instance.store.reading() as connection:
        told = outbox.after(connection, own, 0, 10_000)
    assert any(referral_id in one.payload and one.kind == "referral.received" for one in told)
    assert all(name not in one.payload for one in told)

    seen = client.get(path, headers=bank).json()
    assert (seen["enterprise_name"], seen["contact"], seen["masked"]) == (name, None, False)
    consent(instance, uscc, "contact_disclosure", own)
    assert client.get(path, headers=bank).json()["contact"] == {"name": "王经理"}

    assert client.post(f"{path}/answer", json={"answer": "done"}, headers=bank).status_code == 409
    accepted = client.post(f"{path}/answer", json={"answer": "accepted", "note": "meet on Monday"}, headers=bank)
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    assert client.post(f"{path}/answer", json={"answer": "accepted"}, headers=bank).status_code == 409

    instance.store.write(lambda one: revoke(one, uscc, "registry", "equity_referral", own))
    hidden = client.get(path, headers=bank)
    assert (hidden.json()["uscc"], hidden.json()["contact"], hidden.json()["note"]) == (None, None, None)
    assert name not in hidden.text
    assert name not in client.get("/v1/referrals", headers=bank).text
    assert client.get(path, headers=platform).json()["enterprise_name"] == name
    assert client.post(f"{path}/answer", json={"answer": "done"}, headers=bank).json()["state"] == "done"
    instance.store.write(lambda one: revoke(one, uscc, "registry", "contact_disclosure", own))


def test_accepting_takes_the_consent_as_it_stands(
    client: Client, platform: dict[str, str], bank: dict[str, str], instance: Instance, own: str
) -> None:
    other = instance.profiles.codes[18]
    consent(instance, other, "equity_referral", own)
    body = {"uscc": other, "kind": "equity", "recipient": own}
    path = f"/v1/referrals/{client.post('/v1/referrals', json=body, headers=platform).json()['referral_id']}/answer"
    instance.store.write(lambda one: revoke(one, other, "registry", "equity_referral", own))
    assert client.post(path, json={"answer": "accepted"}, headers=bank).status_code == 409
    assert client.post(path, json={"answer": "declined"}, headers=bank).json()["state"] == "declined"


def test_an_institution_knows_nothing_of_anothers_referrals(
    client: Client, platform: dict[str, str], bank: dict[str, str], instance: Instance, own: str, uscc: str
) -> None:
    guarantor = next(
        name
        for name, one in instance.matcher.catalog.institutions.items()
        if one.kind is InstitutionKind.GUARANTOR and name != own
    )
    consent(instance, uscc, "guarantee_referral", guarantor)
    body = {"uscc": uscc, "kind": "guarantee", "recipient": guarantor}
    sent = client.post("/v1/referrals", json=body, headers=platform)
    assert sent.status_code == 201, sent.text
    path = f"/v1/referrals/{sent.json()['referral_id']}"
    assert client.get(path, headers=bank).status_code == 404
    assert client.post(f"{path}/answer", json={"answer": "accepted"}, headers=bank).status_code == 404
    shown = client.get("/v1/referrals?limit=200", headers=bank).json()["items"]
    assert {one["recipient"] for one in shown} <= {own}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"uscc": "9137"}, "/uscc"),
        ({"kind": "gift"}, "/kind"),
        ({"recipient": "I-nobody"}, "/recipient"),
        ({"demand_id": "D-nothing"}, "/demand_id"),
        ({"sex": "f"}, "/sex"),
    ],
)
def test_a_bad_referral_is_refused_by_its_field(
    client: Client, platform: dict[str, str], own: str, uscc: str, change: dict[str, Any], pointer: str
) -> None:
    body = {"uscc": uscc, "kind": "equity", "recipient": own, **change}
    refused = client.post("/v1/referrals", json=body, headers=platform)
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
