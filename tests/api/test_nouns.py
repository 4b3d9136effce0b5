"""Products, enterprises, records, consents, policies and lists through the API."""

import io
from typing import Any

import openpyxl
import pytest

from api.instance import Instance
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")


def bearer(key: str) -> dict[str, str]:
    """Headers of a key, reading English."""
    return {"Authorization": f"Bearer {key}", "Accept-Language": "en"}


@pytest.fixture
def own_product(client: Client, keys: dict[str, Any], catalogue: dict[str, Any]) -> dict[str, Any]:
    """A product of the institution whose key there is."""
    owner = keys["institution"]["institution_id"]
    found: dict[str, Any] = next(p for p in catalogue["products"] if p["institution_id"] == owner)
    return found


def test_products_are_filtered_and_paged_without_loss(client: Client, platform: dict[str, str]) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        told = client.get(f"/v1/products?limit=7{cursor}", headers=platform).json()
        seen += [item["product_id"] for item in told["items"]]
        if told["next_cursor"] is None:
            break
        cursor = f"&cursor={told['next_cursor']}"
    assert len(seen) == len(set(seen)) == 60
    loans = client.get("/v1/products?kind=loan&amount_cny=500000&limit=200", headers=platform).json()["items"]
    assert loans
    for item in loans:
        assert item["kind"] == "loan"
        assert float(item["amount_min_cny"]) <= 500_000 <= float(item["amount_max_cny"])
    assert client.get("/v1/products?cursor=%21", headers=platform).status_code == 422
    refused = client.get("/v1/products?limit=0", headers=platform)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/limit"


def test_a_new_version_is_in_the_next_list_and_old_lists_still_replay(
    client: Client, keys: dict[str, Any], platform: dict[str, str], own_product: dict[str, Any], instance: Instance
) -> None:
    from api.serving import promising_demand

    demand_id = promising_demand(instance, instance.clock.today())
    before = client.post("/v1/recommendations", json={"demand_id": demand_id}, headers=platform).json()
    headers = bearer(keys["institution"]["key"])
    impossible = {
        "code": "nobody",
        "field": "demand.amount_cny",
        "operator": "le",
        "value": "0",
        "clause": {"zh": "无人可得", "en": "nobody gets it"},
        "settle_with": "demand.amount_cny",
    }
    changed = {**own_product, "rules": [*own_product["rules"], impossible]}
    path = f"/v1/products/{own_product['product_id']}"
    version = client.get(path, headers=headers).json()["version"]
    put = client.put(path, json=changed, headers=headers)
    assert put.status_code == 200, put.text
    assert put.json()["version"] == version + 1
    after = client.post("/v1/recommendations", json={"demand_id": demand_id}, headers=platform).json()
    assert after["versions"]["catalog"] != before["versions"]["catalog"]
    assert own_product["product_id"] not in [item["product_id"] for item in after["items"]]
    again = client.post(f"/v1/recommendations/{before['recommendation_id']}/replay", headers=platform).json()
    assert again["identical"] is True
    back = client.put(path, json=own_product, headers=headers)
    assert back.json()["version"] == version + 2


def test_a_product_put_back_as_it_was_shown_keeps_both_its_languages(
    client: Client, keys: dict[str, Any], own_product: dict[str, Any]
) -> None:
    path, english = f"/v1/products/{own_product['product_id']}", bearer(keys["admin"])
    chinese = {**english, "Accept-Language": "zh-CN"}
    before = client.get(path, headers=chinese).json()
    assert client.put(path, json=client.get(path, headers=english).json(), headers=english).status_code == 200
    after = client.get(path, headers=chinese).json()
    assert {**after, "version": 0} == {**before, "version": 0}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"rate_low": "0.5", "rate_high": "0.1"}, "/rate_high"),
        ({"colour": "red"}, "/colour"),
        ({"kind": "gift"}, "/kind"),
        ({"amount_max_cny": "1_000_000"}, "/amount_max_cny"),
        ({"valid_from": "20260101"}, "/valid_from"),
        ({"rules": [{"code": "x"}]}, "/rules/0/field"),
        ({"product_id": "P-other"}, "/product_id"),
    ],
)
def test_a_bad_product_is_refused_by_its_field(
    client: Client, keys: dict[str, Any], own_product: dict[str, Any], change: dict[str, Any], pointer: str
) -> None:
    path = f"/v1/products/{own_product['product_id']}"
    answered = client.put(path, json={**own_product, **change}, headers=bearer(keys["admin"]))
    assert answered.status_code == 422
    assert pointer in [error["pointer"] for error in answered.json()["errors"]]


def test_an_institution_cannot_touch_the_product_of_another(
    client: Client, keys: dict[str, Any], catalogue: dict[str, Any]
) -> None:
    other = next(p for p in catalogue["products"] if p["institution_id"] != keys["institution"]["institution_id"])
    headers = bearer(keys["institution"]["key"])
    assert client.put(f"/v1/products/{other['product_id']}", json=other, headers=headers).status_code == 404


def test_the_qr_code_is_a_drawing(client: Client, platform: dict[str, str], own_product: dict[str, Any]) -> None:
    drawn = client.get(f"/v1/products/{own_product['product_id']}/qr.svg", headers=platform)
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in drawn.content


def known_enterprise(client: Client, platform: dict[str, str], place: int) -> str:
    """An enterprise of the city."""
    items = client.get("/v1/enterprises?limit=50", headers=platform).json()["items"]
    return str(items[place]["uscc"])


def test_revoking_a_consent_drops_every_derived_column_at_once(client: Client, platform: dict[str, str]) -> None:
    uscc = known_enterprise(client, platform, 3)
    profile = f"/v1/enterprises/{uscc}/profile"
    before = client.get(profile, headers=platform).json()
    source = next(name for name in ("invoices", "tax", "credit") if name not in before["missing_sources"])
    assert client.delete(f"/v1/enterprises/{uscc}/consents/{source}", headers=platform).status_code == 200
    after = client.get(profile, headers=platform).json()
    assert source in after["missing_sources"]
    assert after["consents"][source] == "none"
    assert after["columns"][f"freshness_{source}_days"] is None
    assert client.delete(f"/v1/enterprises/{uscc}/consents/{source}", headers=platform).status_code == 404
    demand = {"uscc": uscc, "amount_cny": "500000", "term_months": 12, "purpose": "working_capital"}
    answer = client.post("/v1/recommendations", json={"demand": demand}, headers=platform).json()
    assert source in answer["missing_sources"]
    leave = {"purpose": "financing_match", "recipient": "platform"}
    assert client.put(f"/v1/enterprises/{uscc}/consents/{source}", json=leave, headers=platform).status_code == 200
    assert client.get(profile, headers=platform).json() == before


def test_an_expired_consent_permits_nothing_after_its_last_day(client: Client, platform: dict[str, str]) -> None:
    uscc = known_enterprise(client, platform, 4)
    path = f"/v1/enterprises/{uscc}/consents/registry"
    leave = {"purpose": "financing_match", "recipient": "platform"}
    client.put(path, json={**leave, "expires_on": "2026-11-05"}, headers=platform)
    told = [
        client.get(f"/v1/enterprises/{uscc}/profile?as_of={day}", headers=platform).json()["consents"]["registry"]
        for day in ("2026-11-05", "2026-11-06")
    ]
    assert told == ["granted", "none"]
    client.put(path, json=leave, headers=platform)


def test_good_rows_go_in_and_bad_ones_are_named(client: Client, platform: dict[str, str]) -> None:
    uscc = known_enterprise(client, platform, 5)
    rows = [
        {"year": 2025, "revenue_cny": 8_000_000, "assets_cny": 5_000_000, "employees": 12},
        {"year": 2025, "revenue_cny": -1},
    ]
    path = f"/v1/enterprises/{uscc}/records/annual_report"
    answered = client.put(path, json={"known_on": "2026-10-30", "rows": rows}, headers=platform)
    assert answered.status_code == 200, answered.text
    told = answered.json()
    assert told["accepted"] == 1
    assert [(refused["row"], refused["column"]) for refused in told["refused"]] == [(1, "revenue_cny")]
    columns = client.get(f"/v1/enterprises/{uscc}/profile", headers=platform).json()["columns"]
    assert columns["revenue_annual_cny"] == 8_000_000
    assert columns["employees_reported"] == 12
    early = client.get(f"/v1/enterprises/{uscc}/profile?as_of=2026-10-29", headers=platform).json()["columns"]
    assert early["revenue_annual_cny"] != 8_000_000


@pytest.mark.parametrize("second", [5_000_000, 9_000_000])
def test_a_row_sent_again_for_the_same_day_replaces_the_first(
    client: Client, platform: dict[str, str], second: int
) -> None:
    uscc = known_enterprise(client, platform, 7)
    path = f"/v1/enterprises/{uscc}/records/annual_report"
    for revenue in (7_000_000, second):
        rows = [{"year": 2025, "revenue_cny": revenue, "assets_cny": 5_000_000}]
        answered = client.put(path, json={"known_on": "2026-10-30", "rows": rows}, headers=platform)
        assert answered.json()["accepted"] == 1, answered.text
        columns = client.get(f"/v1/enterprises/{uscc}/profile", headers=platform).json()["columns"]
        assert columns["revenue_annual_cny"] == revenue


def test_a_consent_that_ended_before_it_began_is_refused(client: Client, platform: dict[str, str]) -> None:
    uscc = known_enterprise(client, platform, 4)
    path = f"/v1/enterprises/{uscc}/consents/registry"
    ended = {"purpose": "financing_match", "recipient": "platform", "expires_on": "2020-01-01"}
    answered = client.put(path, json=ended, headers=platform)
    assert answered.status_code == 422, answered.text
    assert answered.json()["errors"][0]["pointer"] == "/expires_on"
    told = client.get(f"/v1/enterprises/{uscc}/profile", headers=platform).json()
    assert told["consents"]["registry"] == "granted"


def test_rows_none_of_which_is_good_change_nothing(client: Client, platform: dict[str, str]) -> None:
    uscc = known_enterprise(client, platform, 6)
    path = f"/v1/enterprises/{uscc}/records/annual_report"
    before = client.get(f"/v1/enterprises/{uscc}/profile", headers=platform).json()
    for rows in ([{"year": 1800}], [{"planet": "Mars"}], [{}]):
        answered = client.put(path, json={"known_on": "2026-10-30", "rows": rows}, headers=platform)
        assert answered.status_code == 422, answered.text
        assert answered.json()["errors"]
    assert client.get(f"/v1/enterprises/{uscc}/profile", headers=platform).json() == before
    assert (
        client.put(
            f"/v1/enterprises/{uscc}/records/gossip", json={"known_on": "2026-10-30", "rows": [{}]}, headers=platform
        ).status_code
        == 404
    )


def test_a_case_is_assessed_and_bad_facts_are_named(client: Client, platform: dict[str, str]) -> None:
    facts = {"size_class": "small", "guarantor_is_government": True, "guaranteed_amount_cny": "3000000"}
    body = {"as_of": "2024-03-01", "facts": {**facts, "existing_guaranteed_cny": "3000000"}}
    told = client.post("/v1/policies/assess", json=body, headers=platform).json()
    cap = next(item for item in told["items"] if item["measure"] == "guarantee_fee_cap")
    assert cap["figures"]["cap_rate"] == "0.015"
    assert cap["article"] == "7"
    assert {item["payee"] for item in told["items"]} == {"enterprise", "bank", "guarantor"}
    wrong = client.post("/v1/policies/assess", json={"facts": {"annual_rate": "4.35"}}, headers=platform)
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/facts/annual_rate"
    assert "0.0435" in wrong.json()["errors"][0]["detail"]


def test_the_rulebook_and_the_targets_are_shown_with_their_articles(client: Client, keys: dict[str, Any]) -> None:
    law = client.get("/v1/policies?as_of=2024-01-01", headers=bearer(keys["regulator"])).json()
    assert {item["measure"] for item in law["items"]} >= {"inclusive_scheme", "guarantee_fee_cap"}
    assert all(item["article"] for item in law["items"])
    targets = client.get("/v1/targets?year=2023", headers=bearer(keys["regulator"])).json()["items"]
    assert {item["article"] for item in targets} == {"1", "2", "3", "5", "7", "9", "11"}


def test_targets_are_held_against_what_the_marketplace_counts_and_unknown_elsewhere(
    client: Client, keys: dict[str, Any], catalogue: dict[str, Any]
) -> None:
    told = client.get("/v1/targets?year=2023", headers=bearer(keys["regulator"])).json()
    day = told["counted_on"]
    shown = sum(
        p["valid_from"] <= day and (p["valid_to"] is None or day <= p["valid_to"]) for p in catalogue["products"]
    )
    found = {item["code"]: (item["observed"], item["reached"]) for item in told["items"]}
    assert 0 < shown <= 100
    assert found.pop("products_and_services") == (str(shown), "no")
    assert found.pop("products_with_qr") == (str(shown), "no")
    assert set(found.values()) == {(None, "unknown")}


@pytest.mark.parametrize("name", ["products", "policies"])
def test_the_lists_of_article_3_are_the_same_in_csv_and_xlsx(
    client: Client, platform: dict[str, str], name: str
) -> None:
    text = client.get(f"/v1/lists/{name}.csv", headers=platform)
    book = client.get(f"/v1/lists/{name}.xlsx", headers=platform)
    assert text.content.startswith(b"\xef\xbb\xbf")
    assert text.headers["etag"] == book.headers["etag"]
    sheet = openpyxl.load_workbook(io.BytesIO(book.content))[name]
    header = text.content.decode("utf-8-sig").splitlines()[0].split(",")
    assert [cell.value for cell in sheet[1]] == header
    assert client.get(f"/v1/lists/{name}.pdf", headers=platform).status_code == 422
