"""The marketplace's products in versions: read, guarded, previewed, followed by every process, opened by a code."""

import threading
from typing import Any

import pytest

from api import catalogue, product_preview, product_put
from api.instance import Instance
from api.settings import Settings
from matcher.catalog import parse_product, product_json
from matcher.domain import Kind
from matcher.store import marketplace
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture
def admin(keys: dict[str, Any]) -> dict[str, str]:
    """Headers of the administrator."""
    return {"Authorization": f"Bearer {keys['admin']}", "Accept-Language": "en"}


@pytest.fixture
def product_id(instance: Instance) -> str:
    """A loan of the marketplace that admits somebody."""
    return next(one.product_id for one in instance.matcher.catalog.products if one.kind is Kind.LOAN)


def shown(client: Client, headers: dict[str, str], product_id: str) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"/v1/products/{product_id}", headers=headers).json()
    return document


def test_every_version_can_be_read_again(client: Client, admin: dict[str, str], product_id: str) -> None:
    before = shown(client, admin, product_id)
    put = client.put(f"/v1/products/{product_id}", json={**before, "days_to_disburse": 77}, headers=admin)
    assert put.status_code == 200, put.text
    assert put.json()["version"] > before["version"]
    assert put.headers["etag"] == f'"{put.json()["version"]}"'
    listed = client.get(f"/v1/products/{product_id}/versions", headers=admin).json()["items"]
    assert [one["version"] for one in listed if one["current"]] == [put.json()["version"]]
    kept = client.get(f"/v1/products/{product_id}/versions/{before['version']}", headers=admin)
    assert kept.json() == before
    assert client.get(f"/v1/products/{product_id}/versions/999", headers=admin).status_code == 404
    assert client.get("/v1/products/P-none/versions", headers=admin).status_code == 404


def test_a_stale_version_overwrites_nothing(client: Client, admin: dict[str, str], product_id: str) -> None:
    path = f"/v1/products/{product_id}"
    now = shown(client, admin, product_id)
    body = {name: value for name, value in now.items() if name != "version"}
    old = client.put(path, json=body, headers={**admin, "If-Match": f'"{now["version"] + 5}"'})
    assert old.status_code == 412
    assert old.headers["etag"] == f'"{now["version"]}"'
    assert shown(client, admin, product_id) == now
    good = client.put(path, json=body, headers={**admin, "If-Match": f'"{now["version"]}"'})
    assert good.status_code == 200


def test_a_catalogue_another_process_changed_is_followed_and_built_upon(
    client: Client, admin: dict[str, str], instance: Instance, product_id: str
) -> None:
    other = instance.matcher.catalog.products[instance.matcher.catalog.row_of[product_id] + 1]
    changed = {**product_json(other), "version": other.version + 1, "days_to_disburse": 88}
    theirs = instance.matcher.catalog.with_product(parse_product(changed))
    now = instance.clock.now()

    def elsewhere(connection: Any) -> None:
        marketplace.put_product(connection, changed, now)
        marketplace.run_catalogue(connection, theirs.version, theirs.to_json(), now)

    instance.store.write(elsewhere)
    mine = client.put(
        f"/v1/products/{product_id}",
        json={**shown(client, admin, product_id), "days_to_disburse": 66},
        headers=admin,
    )
    assert mine.status_code == 200, mine.text
    catalog = instance.matcher.catalog
    assert catalog.products[catalog.row_of[other.product_id]].days_to_disburse == 88
    assert catalog.products[catalog.row_of[product_id]].days_to_disburse == 66
    assert instance.store.read(marketplace.running) == catalog.version


def test_a_change_overtaken_while_it_is_written_is_built_anew(
    client: Client, admin: dict[str, str], instance: Instance, product_id: str, monkeypatch: Any
) -> None:
    body = shown(client, admin, product_id)
    other = instance.matcher.catalog.products[instance.matcher.catalog.row_of[product_id] + 2]
    changed = {**product_json(other), "version": other.version + 1, "days_to_disburse": 44}
    theirs = instance.matcher.catalog.with_product(parse_product(changed))
    now, real, built = instance.clock.now(), product_put.drafted, []

    def elsewhere(connection: Any) -> None:
        marketplace.put_product(connection, changed, now)
        marketplace.run_catalogue(connection, theirs.version, theirs.to_json(), now)

    def overtaken(*given: Any) -> Any:
        if not built:
            instance.store.write(elsewhere)
        built.append(given)
        return real(*given)

    monkeypatch.setattr(product_put, "drafted", overtaken)
    path = f"/v1/products/{product_id}"
    assert client.put(path, json={**body, "days_to_disburse": 33}, headers=admin).status_code == 200
    catalog = instance.matcher.catalog
    days = [catalog.products[catalog.row_of[each]].days_to_disburse for each in (product_id, other.product_id)]
    assert (len(built), days) == (2, [33, 44])


def test_a_watch_brings_the_stores_catalogue_into_service(instance: Instance, product_id: str) -> None:
    kept = instance.matcher.catalog.products[instance.matcher.catalog.row_of[product_id]]
    changed = {**product_json(kept), "version": kept.version + 1, "days_to_disburse": 55}
    theirs = instance.matcher.catalog.with_product(parse_product(changed))
    now = instance.clock.now()

    def elsewhere(connection: Any) -> None:
        marketplace.put_product(connection, changed, now)
        marketplace.run_catalogue(connection, theirs.version, theirs.to_json(), now)

    instance.store.write(elsewhere)
    watch = catalogue.CatalogueWatch(instance)
    assert watch.look()
    assert not watch.look()
    assert instance.matcher.versions.catalog == theirs.version


def test_many_changes_at_once_are_all_kept(
    client: Client, admin: dict[str, str], instance: Instance, product_id: str
) -> None:
    body = {name: value for name, value in shown(client, admin, product_id).items() if name != "version"}
    statuses: list[int] = []

    def change(days: int) -> None:
        answered = client.put(f"/v1/products/{product_id}", json={**body, "days_to_disburse": days}, headers=admin)
        statuses.append(answered.status_code)

    before = instance.store.read(lambda connection: marketplace.product_versions(connection, product_id))
    threads = [threading.Thread(target=change, args=(days,)) for days in range(1, 5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    after = instance.store.read(lambda connection: marketplace.product_versions(connection, product_id))
    assert statuses == [200] * 4
    assert len(after) == len(before) + 4


def test_a_preview_counts_what_the_rule_would_change_and_keeps_nothing(
    client: Client, admin: dict[str, str], instance: Instance, product_id: str
) -> None:
    body = shown(client, admin, product_id)
    path = f"/v1/products/{product_id}/preview"
    running = instance.store.read(marketplace.running)
    same = client.post(path, json=body, headers=admin)
    assert same.status_code == 200, same.text
    told = same.json()
    assert told["counts"]["preview"] == told["counts"]["present"]
    assert sum(told["counts"]["present"].values()) == told["demands"] > 0
    assert [told[name]["count"] for name in ("newly_admitted", "newly_unknown", "newly_refused")] == [0, 0, 0]
    nobody = {
        "code": "nobody",
        "field": "demand.amount_cny",
        "operator": "ge",
        "value": "9999999999",
        "clause": {"zh": "不向任何人", "en": "to nobody"},
        "settle_with": "amount_cny",
    }
    closed = client.post(path, json={**body, "rules": [*body["rules"], nobody]}, headers=admin).json()
    assert closed["counts"]["preview"]["pass"] == 0
    assert closed["counts"]["preview"]["fail"] == closed["demands"]
    refused = told["counts"]["present"]["pass"] + told["counts"]["present"]["unknown"]
    assert closed["newly_refused"]["count"] == refused
    assert len(closed["newly_refused"]["sample"]) == min(refused, product_preview.SAMPLE)
    strictest = next(one for one in closed["rules"] if one["code"] == "nobody")
    assert (strictest["failed"], strictest["failed_alone"]) == (closed["demands"], refused)
    assert "D-" not in str(closed["newly_refused"])
    assert instance.store.read(marketplace.running) == running
    wrong = client.post(path, json={**body, "rate_low": "x"}, headers=admin)
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/rate_low"]


def test_a_preview_counts_as_the_matcher_judges(client: Client, admin: dict[str, str], instance: Instance) -> None:
    guarantee = next(one for one in instance.matcher.catalog.products if one.kind is Kind.GUARANTEE)
    for product in (guarantee, instance.matcher.catalog.products[3]):
        told = client.post(
            f"/v1/products/{product.product_id}/preview", json=shown(client, admin, product.product_id), headers=admin
        ).json()
        asked = product_preview.asked_now(instance, instance.matcher, instance.clock.today())
        judged = instance.matcher.judge_many(asked.profiles, asked.demands, asked.as_of)
        column = judged[:, instance.matcher.catalog.row_of[product.product_id]]
        expected = {"pass": (column == 2).sum(), "unknown": (column == 1).sum(), "fail": (column == 0).sum()}
        assert told["counts"]["present"] == expected


def test_another_institutions_product_can_be_neither_changed_nor_previewed(
    client: Client, keys: dict[str, Any], instance: Instance
) -> None:
    own = keys["institution"]["institution_id"]
    bank = {"Authorization": f"Bearer {keys['institution']['key']}"}
    other = next(one for one in instance.matcher.catalog.products if one.institution_id != own)
    body = product_json(other)
    assert client.post(f"/v1/products/{other.product_id}/preview", json=body, headers=bank).status_code == 404
    assert client.put(f"/v1/products/{other.product_id}", json=body, headers=bank).status_code == 404


def test_a_code_opens_the_product_where_callers_reach_it(
    client: Client, admin: dict[str, str], product_id: str, monkeypatch: Any
) -> None:
    told: list[str] = []
    real = __import__("segno").make

    def make(address: str, **options: Any) -> Any:
        told.append(address)
        return real(address, **options)

    monkeypatch.setattr("api.routers.products.segno.make", make)
    drawn = client.get(f"/v1/products/{product_id}/qr.png", headers=admin)
    assert drawn.content.startswith(b"\x89PNG")
    assert drawn.headers["content-type"] == "image/png"
    client.app.state.service.settings, kept = (
        Settings(**{**client.app.state.service.settings.model_dump(), "public_url": "https://rong.example/yt/"}),
        client.app.state.service.settings,
    )
    try:
        assert client.get(f"/v1/products/{product_id}/qr.svg", headers=admin).status_code == 200
    finally:
        client.app.state.service.settings = kept
    assert told == [
        f"http://matcher.test/v1/products/{product_id}",
        f"https://rong.example/yt/v1/products/{product_id}",
    ]
    assert client.get(f"/v1/products/{product_id}/qr.gif", headers=admin).status_code == 422


def test_products_are_found_by_term_purpose_and_day(client: Client, admin: dict[str, str], instance: Instance) -> None:
    query = "/v1/products?limit=200&term_months=12&purpose=equipment&valid_on=2026-10-01"
    found = client.get(query, headers=admin).json()["items"]
    expected = [
        one.product_id
        for one in instance.matcher.catalog.products
        if one.term_min_months <= 12 <= one.term_max_months
        and (not one.purposes or "equipment" in one.purposes)
        and one.valid_from.isoformat() <= "2026-10-01"
        and (one.valid_to is None or one.valid_to.isoformat() >= "2026-10-01")
    ]
    assert [one["product_id"] for one in found] == sorted(expected)[:200]
    assert client.get("/v1/products?term_months=0", headers=admin).status_code == 422
    assert client.get("/v1/products?valid_on=soon", headers=admin).status_code == 422
