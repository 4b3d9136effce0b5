"""Seven promises, each kept through what anybody can reach: a command, a request, a message that was pushed."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli import app
from api.client import ForgedError, RepeatedError, StaleError, verify_webhook
from api.instance import Instance
from api.lead_files import CSV, XLSX
from api.outbound import Guard
from matcher.store.clock import PinnedClock
from tests.api.in_process import Client
from tests.api.lead_plans import Planned, forget, plan
from tests.api.receiver import Received, Receiver, receiving
from tests.api.test_webhooks_delivery import pushing

pytestmark = pytest.mark.xdist_group("api")
FORMULA = '=HYPERLINK("http://evil.example","click")'


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as the bank's endpoint received it, with the secret it was told at the registration."""

    secret: str
    received: Received


@pytest.fixture(scope="module")
def bank_id(keys: dict[str, Any]) -> str:
    """The institution of the development key."""
    return str(keys["institution"]["institution_id"])


@pytest.fixture(scope="module")
def bank(keys: dict[str, Any]) -> dict[str, str]:
    """Headers of that institution, reading English."""
    return {"Authorization": f"Bearer {keys['institution']['key']}", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def rival(instance: Instance, bank_id: str) -> dict[str, str]:
    """Headers of another institution."""
    other = next(each for each in sorted(instance.matcher.catalog.institutions) if each != bank_id)
    return {"Authorization": f"Bearer {instance.keyring.issue('institution', other)}", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def planned(instance: Instance, bank_id: str) -> Iterator[Planned]:
    """A short plan of leads for the bank."""
    yield plan(instance, bank_id, "promised", most=3, looked_at=60)
    forget(instance, bank_id)


@pytest.fixture(scope="module")
def message(client: Client, instance: Instance, bank: dict[str, str]) -> Iterator[Message]:
    """A message pushed to the bank's own endpoint."""
    with receiving(Receiver()) as receiver:
        hook = client.post("/v1/webhooks", json={"url": receiver.url}, headers=bank).json()
        with pushing(instance.store):
            assert client.post(f"/v1/webhooks/{hook['webhook_id']}/test", headers=bank).status_code == 202
            (received,) = receiver.wait(1)
        yield Message(secret=hook["secret"], received=received)
        client.delete(f"/v1/webhooks/{hook['webhook_id']}", headers=bank)


def of(message: Message) -> datetime:
    """When it was sent."""
    return datetime.fromtimestamp(int(message.received.headers["webhook-timestamp"]), UTC)


def first_lead(client: Client, bank: dict[str, str], bank_id: str, uscc: str, planned: Planned) -> dict[str, Any]:
    """The lead of an enterprise in the bank's list."""
    items = client.get(f"/v1/institutions/{bank_id}/leads?limit=200", headers=bank).json()["items"]
    demands = {demand_id for demand_id, owner in planned.uscc_of.items() if owner == uscc}
    found: dict[str, Any] = next(each for each in items if each["demand_id"] in demands)
    return found


def test_a_tampered_audit_row_is_named_by_the_command_that_verifies(
    instance: Instance, client: Client, platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    demand = {"uscc": "91370602MA3TERT037", "amount_cny": "3000000", "term_months": 12, "purpose": "working_capital"}
    published = client.post("/v1/demands", json=demand, headers=platform).json()["demand_id"]
    monkeypatch.setenv("DATABASE_URL", instance.settings.database)
    monkeypatch.setenv("MATCHER_HOME", str(instance.settings.matcher_home))

    def rename(before: str, after: str) -> int:
        query = text("UPDATE audit SET actor = :after WHERE subject = :subject AND actor = :before")
        values = {"after": after, "before": before, "subject": published}
        return instance.store.write(lambda connection: connection.execute(query, values).rowcount)

    (row,) = instance.store.read(
        lambda one: one.execute(
            text("SELECT sequence, actor FROM audit WHERE subject = :subject"), {"subject": published}
        ).all()
    )
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0
    assert rename(row.actor, "platform:somebody-else") == 1
    told = CliRunner().invoke(app, ["audit", "verify"])
    assert rename("platform:somebody-else", row.actor) == 1
    assert told.exit_code == 1
    assert f"broken at row {row.sequence}: changed since it was written" in told.output
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0


def test_an_expired_consent_names_nobody_from_the_day_after_its_last(
    client: Client,
    instance: Instance,
    platform: dict[str, str],
    bank: dict[str, str],
    bank_id: str,
    planned: Planned,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uscc = planned.uscc_of[planned.rows[0].demand_id]
    today = instance.clock.today()
    path = f"/v1/enterprises/{uscc}/consents/registry"
    leave = {"purpose": "lead_disclosure", "recipient": bank_id, "expires_on": today.isoformat()}
    assert client.put(path, json=leave, headers=platform).status_code == 200
    on_its_last_day = first_lead(client, bank, bank_id, uscc, planned)
    monkeypatch.setattr(Instance, "clock", property(lambda _self: PinnedClock(day=today + timedelta(days=1))))
    the_day_after = first_lead(client, bank, bank_id, uscc, planned)
    client.delete(f"{path}?recipient={bank_id}", headers=platform)
    assert (on_its_last_day["masked"], on_its_last_day["uscc"]) == (False, uscc)
    assert on_its_last_day["enterprise_name"] == instance.names[uscc]
    assert (the_day_after["masked"], the_day_after["uscc"]) == (True, None)
    assert instance.names[uscc] not in str(the_day_after)


def test_a_replayed_webhook_is_believed_once_and_not_at_all_after_five_minutes(message: Message) -> None:
    seen: set[str] = set()
    sent, got = of(message), message.received
    assert verify_webhook([message.secret], got.headers, got.body, sent, seen=seen) == got.headers["webhook-id"]
    with pytest.raises(RepeatedError):
        verify_webhook([message.secret], got.headers, got.body, sent, seen=seen)
    with pytest.raises(StaleError):
        verify_webhook([message.secret], got.headers, got.body, sent + timedelta(seconds=301))


def test_a_forged_signature_is_not_believed(message: Message) -> None:
    got = message.received
    other_body = got.body.replace(b"webhook", b"Webhook", 1)
    assert other_body != got.body
    other_moment = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) + 1)}
    other_secret = "whsec_" + "A" * 43 + "="
    for secret, headers, body in (
        (message.secret, got.headers, other_body),
        (message.secret, other_moment, got.body),
        (other_secret, got.headers, got.body),
        (message.secret, {**got.headers, "webhook-signature": "v1,"}, got.body),
    ):
        with pytest.raises(ForgedError):
            verify_webhook([secret], headers, body, of(message))


def test_a_key_of_another_bank_finds_nothing_that_is_not_its_own(
    client: Client, bank: dict[str, str], rival: dict[str, str], bank_id: str, planned: Planned
) -> None:
    lead = client.get(f"/v1/institutions/{bank_id}/leads?limit=1", headers=bank).json()["items"][0]
    for method, path in (("GET", f"/v1/institutions/{bank_id}/leads"), ("POST", f"/v1/leads/{lead['lead_id']}/claim")):
        refused = client.request(method, path, headers=rival)
        assert refused.status_code == 404
        assert lead["demand_id"] not in refused.text


def test_a_formula_in_an_enterprises_name_is_text_in_csv_and_xlsx(
    client: Client,
    instance: Instance,
    platform: dict[str, str],
    bank: dict[str, str],
    bank_id: str,
    planned: Planned,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uscc = planned.uscc_of[planned.rows[0].demand_id]
    path = f"/v1/enterprises/{uscc}/consents/registry"
    client.put(path, json={"purpose": "lead_disclosure", "recipient": bank_id}, headers=platform)
    monkeypatch.setitem(instance.names, uscc, FORMULA)
    leads = f"/v1/institutions/{bank_id}/leads"
    table = client.get(leads, headers=bank | {"Accept": CSV}).content
    book = client.get(leads, headers=bank | {"Accept": XLSX}).content
    client.delete(f"{path}?recipient={bank_id}", headers=platform)
    cells = [cell for line in csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")) for cell in line]
    assert "'" + FORMULA in cells
    assert not [cell for cell in cells if cell.startswith("=")]
    written = [cell for row in openpyxl.load_workbook(io.BytesIO(book))["leads"].iter_rows() for cell in row]
    assert "'" + FORMULA in [cell.value for cell in written]
    assert "f" not in {cell.data_type for cell in written}


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.7/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/hook",
        "https://[::ffff:192.168.1.1]/hook",
        "https://0xa000007/hook",
        "http://bank.example/hook",
        "file:///etc/passwd",
    ],
)
def test_a_url_to_a_private_address_is_no_webhook(client: Client, bank: dict[str, str], url: str) -> None:
    refused = client.post("/v1/webhooks", json={"url": url}, headers=bank)
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/url"]


def test_in_production_this_machine_is_private_too(
    client: Client, bank: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.app.state.service, "guard", Guard(is_production=True))
    for url in ("https://127.0.0.1/hook", "https://localhost/hook", "http://127.0.0.1:8000/v1/keys"):
        assert client.post("/v1/webhooks", json={"url": url}, headers=bank).status_code == 422
