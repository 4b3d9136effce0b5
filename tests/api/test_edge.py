"""The edge trusts nobody: every bad input is a clear problem document and changes nothing; every role does its own."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.instance import Instance
from matcher.store.tables import audit, consents, demands, products, recommendations, record_batches
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")

GOOD_USCC = "91370602MA3TERT037"
DEMAND: dict[str, Any] = {
    "uscc": GOOD_USCC,
    "amount_cny": "3000000",
    "term_months": 12,
    "purpose": "working_capital",
}


def counted(instance: Instance) -> list[int]:
    """Rows of every table a caller can write to."""
    tables = (audit, consents, demands, products, recommendations, record_batches)
    with instance.store.reading() as connection:
        return [int(connection.execute(select(func.count()).select_from(table)).scalar() or 0) for table in tables]


BAD_DEMANDS: list[tuple[dict[str, Any], str]] = [
    ({"uscc": "91370602MA3TERT038"}, "/demand/uscc"),
    ({"uscc": "9137"}, "/demand/uscc"),
    ({"uscc": 7}, "/demand/uscc"),
    ({"amount_cny": "-1"}, "/demand/amount_cny"),
    ({"amount_cny": "0"}, "/demand/amount_cny"),
    ({"amount_cny": "1e30"}, "/demand/amount_cny"),
    ({"amount_cny": "three million"}, "/demand/amount_cny"),
    ({"amount_cny": "NaN"}, "/demand/amount_cny"),
    ({"amount_cny": True}, "/demand/amount_cny"),
    ({"amount_cny": "1.001"}, "/demand/amount_cny"),
    ({"amount_cny": "1_000"}, "/demand/amount_cny"),
    ({"amount_cny": " 1000"}, "/demand/amount_cny"),
    ({"amount_cny": "１０００"}, "/demand/amount_cny"),
    ({"amount_cny": None}, "/demand/amount_cny"),
    ({"term_months": 0}, "/demand/term_months"),
    ({"term_months": "12"}, "/demand/term_months"),
    ({"term_months": 10_000}, "/demand/term_months"),
    ({"purpose": "gambling"}, "/demand/purpose"),
    ({"kinds": []}, "/demand/kinds"),
    ({"kinds": ["loan", "loan"]}, "/demand/kinds"),
    ({"max_annual_rate": "4.35"}, "/demand/max_annual_rate"),
    ({"collateral": [{"kind": "yacht"}]}, "/demand/collateral/0/kind"),
    ({"collateral": [{"kind": "equity", "appraised_value_cny": "-5"}]}, "/demand/collateral/0/appraised_value_cny"),
    ({"needed_by": "2026-02-30"}, "/demand/needed_by"),
    ({"needed_by": 20261231}, "/demand/needed_by"),
    ({"needed_by": "1699920000"}, "/demand/needed_by"),
    ({"needed_by": "2126-12-31"}, "/demand/needed_by"),
    ({"sex": "f"}, "/demand/sex"),
]


@pytest.mark.parametrize(
    ("change", "detail"),
    [({"amount_cny": "99999999999"}, "must be at most 10000000000"), ({"kinds": "loan"}, "must be a list")],
    ids=("most", "list"),
)
def test_a_bad_demand_is_told_in_plain_words(
    client: Client, platform: dict[str, str], change: dict[str, Any], detail: str
) -> None:
    answered = client.post("/v1/demands", json={**DEMAND, **change}, headers=platform)
    assert [error["detail"] for error in answered.json()["errors"]] == [detail]


@pytest.mark.parametrize(("change", "pointer"), BAD_DEMANDS, ids=lambda value: str(value)[:40])
def test_a_bad_demand_is_refused_by_its_field_and_changes_nothing(
    client: Client, platform: dict[str, str], instance: Instance, change: dict[str, Any], pointer: str
) -> None:
    before = counted(instance)
    for path, body in (
        ("/v1/recommendations", {"demand": {**DEMAND, **change}}),
        ("/v1/demands", {**DEMAND, **change}),
    ):
        answered = client.post(path, json=body, headers=platform)
        problem = answered.json()
        assert answered.status_code == 422, answered.text
        assert answered.headers["content-type"] == "application/problem+json"
        told = pointer if path.endswith("recommendations") else pointer.removeprefix("/demand")
        assert told in [error["pointer"] for error in problem["errors"]]
        assert problem["instance"] == path
    assert counted(instance) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"top_n": NaN}', 400),
        (b'{"top_n": Infinity}', 400),
        (b'{"top_n": 1, "top_n": 2}', 400),
        (b"[" * 100_000, 400),
        (b"1" * 6_000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b"{}", 422),
        (b'{"demand_id": "D-1", "top_n": 51}', 422),
        (b'{"demand_id": "D-1", "top_n": 0}', 422),
        (b'{"demand_id": "D-1", "personalised": "no"}', 422),
        (b'{"demand_id": "D-1", "as_of": "today"}', 422),
        (b'{"demand_id": "\\ud800"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"demand_id": "' + b"x" * 5_000_000 + b'"}', 413),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_body_is_a_problem_document(
    client: Client, platform: dict[str, str], instance: Instance, body: bytes, status: int
) -> None:
    before = counted(instance)
    answered = client.post("/v1/recommendations", content=body, headers=platform)
    assert answered.status_code == status, answered.text
    assert set(answered.json()) >= {"type", "title", "status", "detail", "instance"}
    assert counted(instance) == before


def test_the_wrong_digit_of_a_code_is_named_in_both_languages(client: Client, platform: dict[str, str]) -> None:
    body = {"demand": {**DEMAND, "uscc": "91370602MA3TERT038"}}
    english = client.post("/v1/recommendations", json=body, headers=platform).json()
    chinese = client.post("/v1/recommendations", json=body, headers={**platform, "Accept-Language": "zh"}).json()
    assert "18" in english["errors"][0]["detail"]
    assert "第18位" in chinese["errors"][0]["detail"]


USES = [
    ("POST", "/v1/recommendations", {"platform"}),
    ("GET", "/v1/recommendations/R-none", {"platform", "analyst"}),
    ("POST", "/v1/recommendations/R-none/replay", {"platform", "analyst"}),
    ("GET", "/v1/products", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/products/P-none", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("PUT", "/v1/products/P-none", {"institution", "admin"}),
    ("POST", "/v1/products/P-none/preview", {"institution", "admin"}),
    ("GET", "/v1/products/P-none/versions", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/products/P-none/versions/1", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/products/P-none/qr.png", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/products/P-none/qr.svg", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/enterprises", {"platform"}),
    ("GET", f"/v1/enterprises/{GOOD_USCC}/profile", {"platform"}),
    ("PUT", f"/v1/enterprises/{GOOD_USCC}/records/none", {"platform"}),
    ("PUT", f"/v1/enterprises/{GOOD_USCC}/consents/none", {"platform"}),
    ("DELETE", f"/v1/enterprises/{GOOD_USCC}/consents/none", {"platform"}),
    ("GET", f"/v1/enterprises/{GOOD_USCC}/consents", {"platform"}),
    ("PUT", f"/v1/enterprises/{GOOD_USCC}/personalisation", {"platform"}),
    ("POST", "/v1/events", {"platform"}),
    ("GET", "/v1/events/types", {"platform", "analyst"}),
    ("GET", "/v1/audit", {"analyst"}),
    ("POST", "/v1/demands", {"platform"}),
    ("GET", "/v1/demands/D-none", {"platform"}),
    ("GET", "/v1/demands", {"platform"}),
    ("POST", "/v1/demands/D-none/withdraw", {"platform"}),
    ("GET", "/v1/matchmaking-events/themes", {"platform"}),
    ("POST", "/v1/matchmaking-events/plan", {"platform"}),
    ("GET", "/v1/matchmaking-events", {"platform"}),
    ("GET", "/v1/matchmaking-events/MM-none", {"platform"}),
    ("POST", "/v1/matchmaking-events/MM-none/attendance", {"platform"}),
    ("GET", "/v1/institutions/I-none/matchmaking-events/MM-none", {"institution"}),
    ("POST", "/v1/referrals", {"platform"}),
    ("GET", "/v1/referrals", {"platform", "institution"}),
    ("GET", "/v1/referrals/RF-none", {"platform", "institution"}),
    ("POST", "/v1/referrals/RF-none/answer", {"institution"}),
    ("GET", f"/v1/enterprises/{GOOD_USCC}/flags", {"platform"}),
    ("GET", "/v1/anchors", {"platform", "admin"}),
    ("PUT", f"/v1/anchors/{GOOD_USCC}", {"platform", "admin"}),
    ("DELETE", f"/v1/anchors/{GOOD_USCC}", {"platform", "admin"}),
    ("POST", "/v1/webhooks", {"institution"}),
    ("GET", "/v1/webhooks", {"institution"}),
    ("DELETE", "/v1/webhooks/WH-none", {"institution"}),
    ("POST", "/v1/webhooks/WH-none/rotate-secret", {"institution"}),
    ("POST", "/v1/webhooks/WH-none/enable", {"institution"}),
    ("POST", "/v1/webhooks/WH-none/test", {"institution"}),
    ("GET", "/v1/webhooks/WH-none/deliveries", {"institution"}),
    ("POST", "/v1/webhooks/WH-none/deliveries/replay", {"institution"}),
    ("POST", "/v1/webhooks/WH-none/deliveries/1/replay", {"institution"}),
    ("GET", "/v1/subscriptions", {"institution"}),
    ("PUT", "/v1/subscriptions/lead.none", {"institution"}),
    ("GET", "/v1/stream/leads?last_event_id=none", {"institution"}),
    ("GET", "/v1/institutions/I-none/leads", {"institution"}),
    ("POST", "/v1/demands/D-none/publish", {"platform"}),
    ("POST", "/v1/demands/D-none/reopen", {"platform"}),
    *[
        ("POST", f"/v1/leads/L-none/{move}", {"institution"})
        for move in ("claim", "contact", "due-diligence", "return", "decision", "sign", "disbursement", "repayment")
    ],
    ("GET", "/v1/refusal-reasons", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("POST", "/v1/policies/assess", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/policies", {"platform", "institution", "analyst", "regulator", "admin"}),
    ("GET", "/v1/targets?year=2023", {"regulator"}),
    ("POST", "/v1/keys", {"admin"}),
    ("GET", "/v1/keys", {"admin"}),
    ("POST", "/v1/keys/none/rotate", {"admin"}),
    ("DELETE", "/v1/keys/none", {"admin"}),
    ("GET", "/v1/lists/products.csv", {"platform", "institution", "analyst", "regulator", "admin"}),
]


@pytest.mark.parametrize(
    ("method", "path", "allowed"), USES, ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else value
)
def test_each_role_may_do_its_own_and_nothing_else(
    client: Client, keys: dict[str, Any], method: str, path: str, allowed: set[str]
) -> None:
    assert client.request(method, path, content=b"{}").status_code == 401
    forged = {"Authorization": "Bearer cm_000000000000_" + "A" * 43}
    assert client.request(method, path, content=b"{}", headers=forged).status_code == 401
    for role, kept in keys.items():
        key = kept["key"] if role == "institution" else kept
        answered = client.request(method, path, content=b"{}", headers={"Authorization": f"Bearer {key}"})
        assert (answered.status_code == 403) == (role not in allowed), (role, answered.text)
        assert answered.status_code < 500


def test_every_route_of_the_document_stands_in_the_table_of_roles(client: Client) -> None:
    documented = {
        (method.upper(), path)
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method in methods
        if path.startswith("/v1")
    }
    tried = [(method, path.split("?")[0]) for method, path, _ in USES]
    for method, path in documented:
        shape = path.split("/")
        assert any(
            method == used
            and len(shape) == len(there.split("/"))
            and all(a == b or "{" in a for a, b in zip(shape, there.split("/"), strict=True))
            for used, there in tried
        ), f"{method} {path} is not in the table"


def test_one_idempotency_key_does_its_work_once(client: Client, platform: dict[str, str], instance: Instance) -> None:
    headers = {**platform, "Idempotency-Key": "publish-once"}
    first = client.post("/v1/demands", json=DEMAND, headers=headers)
    before = counted(instance)
    again = client.post("/v1/demands", json=DEMAND, headers=headers)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    other = client.post("/v1/demands", json={**DEMAND, "term_months": 24}, headers=headers)
    assert other.status_code == 422
    assert counted(instance) == before


def test_a_key_whose_first_request_is_in_work_is_a_conflict(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    key_id = platform["Authorization"].split("_")[1]
    instance.in_flight.enter(key_id, "busy")
    try:
        headers = {**platform, "Idempotency-Key": "busy"}
        assert client.post("/v1/demands", json=DEMAND, headers=headers).status_code == 409
    finally:
        instance.in_flight.leave(key_id, "busy")
    assert client.post("/v1/demands", json=DEMAND, headers=headers).status_code == 201


def test_a_demand_is_published_shown_and_withdrawn_once(client: Client, platform: dict[str, str]) -> None:
    published = client.post("/v1/demands", json=DEMAND, headers=platform)
    key = published.json()["demand_id"]
    assert client.get(published.headers["Location"], headers=platform).json() == published.json()
    assert client.post("/v1/recommendations", json={"demand_id": key}, headers=platform).status_code == 200
    assert client.post(f"/v1/demands/{key}/withdraw", headers=platform).json()["state"] == "withdrawn"
    assert client.post(f"/v1/demands/{key}/withdraw", headers=platform).status_code == 409
    assert client.post("/v1/recommendations", json={"demand_id": key}, headers=platform).status_code == 409
    assert client.post("/v1/demands/D-none/withdraw", headers=platform).status_code == 404


def test_more_than_can_be_taken_on_is_told_to_come_back(client: Client, platform: dict[str, str]) -> None:
    admission = client.app.state.service.admission
    most, admission._most = admission._most, 1
    try:

        async def crowd() -> list[httpx.Response]:
            asked = [
                client.asynchronous.post("/v1/recommendations", json={"demand": DEMAND}, headers=platform)
                for _ in range(8)
            ]
            return await asyncio.gather(*asked)

        answers = client.wait(crowd())
    finally:
        admission._most = most
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert {answer.status_code for answer in answers} == {200, 429}


def test_many_at_once_are_all_recorded_and_the_audit_chain_holds(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    from matcher.store.audit import verify

    async def crowd() -> list[httpx.Response]:
        asked = [
            client.asynchronous.post("/v1/recommendations", json={"demand": DEMAND}, headers=platform)
            for _ in range(40)
        ]
        return await asyncio.gather(*asked)

    answers = client.wait(crowd())
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        key = answer.json()["recommendation_id"]
        assert client.get(f"/v1/recommendations/{key}", headers=platform).content == answer.content
    assert instance.store.read(verify) is None


@pytest.mark.parametrize("day", ["1999-12-31", "2100-01-01", "1", "2026-W01-1"])
def test_a_day_out_of_reach_is_refused_wherever_a_day_is_asked(
    client: Client, platform: dict[str, str], day: str
) -> None:
    for path in ("/v1/policies", f"/v1/enterprises/{GOOD_USCC}/profile"):
        refused = client.get(f"{path}?as_of={day}", headers=platform)
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/as_of"]
        assert "datetime" not in refused.text


def test_what_should_be_a_list_is_said_to_be_one_in_both_languages(client: Client, platform: dict[str, str]) -> None:
    body = {"demand": {**DEMAND, "kinds": "loan"}}
    told = [
        client.post("/v1/recommendations", json=body, headers={**platform, "Accept-Language": language}).json()
        for language in ("en", "zh-CN")
    ]
    assert [each["errors"][0]["detail"] for each in told] == ["must be a list", "必须是列表"]


def test_readiness_names_the_day_and_the_versions(client: Client) -> None:
    told = client.get("/health/ready")
    assert told.status_code == 200
    assert told.json()["as_of"] == "2026-10-31"
    assert set(told.json()["versions"]) >= {"model", "policy", "catalog", "prices", "features"}
    assert client.get("/health/live").status_code == 200
    assert "matcher_request_seconds" in client.get("/metrics").text


def test_keys_are_left_to_their_owner_alone(instance: Instance, keys: dict[str, Any]) -> None:
    assert instance.settings.keys_file.stat().st_mode & 0o777 == 0o600
    assert json.loads(instance.settings.keys_file.read_text()) == keys


def test_the_pages_of_documentation_need_no_other_host(client: Client) -> None:
    for page in ("/docs", "/redoc"):
        shown = client.get(page)
        assert shown.status_code == 200
        assert "https://" not in shown.text
        scripts = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', shown.text)
        assert scripts
        assert all(client.get(script).status_code == 200 for script in scripts)
