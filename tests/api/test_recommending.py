"""The main job through the API: nothing ineligible, nothing eligible missed, reasons add up, replays are identical."""

import random
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from api.instance import Instance
from tests.api.in_process import Client
from tests.api.plain_reader import verdict

pytestmark = pytest.mark.xdist_group("api")

KINDS = ("loan", "guarantee", "lease", "insurance")
PURPOSES = ("working_capital", "equipment", "construction", "loan_repayment", "startup", "export", "research")
COLLATERAL = ("real_estate", "machinery", "inventory", "receivable", "warehouse_receipt", "invention_patent")
LAST_DAY = "2026-10-31"


def made_up_demand(draw: random.Random, uscc: str) -> dict[str, Any]:
    """Any demand a person might state."""
    collateral = [
        {"kind": kind, "appraised_value_cny": draw.choice([None, str(draw.randrange(100_000, 20_000_000))])}
        for kind in draw.sample(COLLATERAL, draw.choice([0, 0, 1, 2]))
    ]
    day = date.fromisoformat(LAST_DAY) + timedelta(days=draw.randrange(1, 90))
    return {
        "uscc": uscc,
        "amount_cny": f"{draw.choice([50_000, 300_000, 1_000_000, 3_000_000, 10_000_000]) * draw.uniform(0.5, 2):.2f}",
        "term_months": draw.choice([3, 6, 12, 24, 36, 60]),
        "purpose": draw.choice(PURPOSES),
        "kinds": draw.sample(KINDS, draw.choice([1, 2, 2, 4])),
        "max_annual_rate": draw.choice([None, "0.0365", "0.05", "0.08"]),
        "collateral": collateral,
        "repayment": draw.choice(["any", "any", "bullet", "instalment", "revolving"]),
        "needed_by": draw.choice([None, None, day.isoformat()]),
    }


@pytest.fixture(scope="module")
def known(client: Client, platform: dict[str, str]) -> list[str]:
    """Codes of enterprises of the city."""
    items = client.get("/v1/enterprises?limit=200", headers=platform).json()["items"]
    return [item["uscc"] for item in items]


def profile_of(client: Client, headers: dict[str, str], uscc: str) -> dict[str, Any]:
    """Columns as the wire tells them, with size class and rating."""
    told = client.get(f"/v1/enterprises/{uscc}/profile", headers=headers).json()
    rating = told["platform_rating"]
    letter = None if rating is None else rating["letter"]
    return {**told["columns"], "size_class": told["size_class"], "platform_rating": letter}


def products_shown(client: Client, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The marketplace as the wire shows it now; other tests may have edited it."""
    shown: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/products?limit=200{cursor}", headers=headers).json()
        shown += page["items"]
        if page["next_cursor"] is None:
            return shown
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.parametrize("seed", range(4))
def test_lists_hold_exactly_what_an_independent_reader_of_the_rules_admits(
    client: Client, platform: dict[str, str], known: list[str], seed: int
) -> None:
    draw = random.Random(seed)
    by_id = {product["product_id"]: product for product in products_shown(client, platform)}
    for uscc in draw.sample(known, 25):
        profile = profile_of(client, platform, uscc)
        for turn in range(10):
            asked = made_up_demand(draw, uscc)
            headers = platform | {"Accept-Language": ("zh-CN", "en")[turn % 2]}
            answered = client.post("/v1/recommendations", json={"demand": asked, "top_n": 50}, headers=headers)
            assert answered.status_code == 200, answered.text
            answer = answered.json()
            _hold_to_the_rules(answer, by_id, profile, asked)
            assert all(
                _is_chinese(reason["text"]) != turn % 2 for item in answer["items"] for reason in item["reasons"]
            )
            again = client.post(f"/v1/recommendations/{answer['recommendation_id']}/replay", headers=platform)
            assert again.json()["identical"] is True


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _hold_to_the_rules(
    answer: dict[str, Any], products: dict[str, Any], profile: dict[str, Any], asked: dict[str, Any]
) -> None:
    caps = {
        item["product_id"]: check["verdict"]
        for item in answer["items"]
        for check in item["eligibility"]["checks"]
        if check["code"] == "guarantee_fee_cap"
    }
    told = {
        key: verdict(product, profile, asked, answer["as_of"], caps.get(key, "pass"))
        for key, product in products.items()
    }
    counts = answer["counts"]
    assert counts["eligible"] + counts["unknown"] + counts["failed"] == counts["catalog"] == len(products)
    if "guarantee" not in asked["kinds"]:
        spread = [list(told.values()).count(answered) for answered in ("pass", "unknown", "fail")]
        assert spread == [counts["eligible"], counts["unknown"], counts["failed"]]
    listed = {item["product_id"]: item["eligibility"]["verdict"] for item in answer["items"]}
    assert listed == {key: told[key] for key in listed}
    assert "fail" not in listed.values()
    assert len(listed) == min(50, counts["eligible"] + counts["unknown"])
    _hold_to_the_account(answer["items"])


def _hold_to_the_account(items: list[dict[str, Any]]) -> None:
    for place, item in enumerate(items):
        shares = sum(reason["contribution"] for reason in item["reasons"])
        assert item["reason_base"] + shares == pytest.approx(item["score"], abs=1e-6)
        worth = item["p_apply"] * (item["p_approve"] * item["still_needed"] - item["queue_price"])
        assert worth == pytest.approx(item["score"], abs=1e-6)
        assert 0 < item["propensity"] <= 1
        if place + 1 < len(items):
            margin = sum(reason["contribution"] for reason in item["versus_next"])
            assert margin == pytest.approx(item["score"] - items[place + 1]["score"], abs=1e-6)
    scores = [item["score"] for item in items if not item["explored"]]
    assert scores == sorted(scores, reverse=True)
    needed = [item["still_needed"] for item in items]
    assert needed == sorted(needed, reverse=True)
    assert needed[:1] in ([], [1.0])


def test_a_list_replays_to_the_same_bytes_and_is_shown_as_it_was_served(
    client: Client, platform: dict[str, str], known: list[str]
) -> None:
    draw = random.Random(11)
    for language in ("zh-CN", "en"):
        headers = {**platform, "Accept-Language": language}
        body = {"demand": made_up_demand(draw, draw.choice(known)), "personalised": draw.random() < 0.5}
        served = client.post("/v1/recommendations", json=body, headers=headers)
        key = served.json()["recommendation_id"]
        assert client.get(f"/v1/recommendations/{key}", headers=headers).content == served.content
        again = client.post(f"/v1/recommendations/{key}/replay", headers=platform).json()
        assert again["identical"] is True
        assert again["digest"] == again["recorded_digest"]


def test_texts_come_in_the_language_asked_for(client: Client, platform: dict[str, str], instance: Instance) -> None:
    body = {"demand_id": _full_list(client, platform, instance)}
    english = client.post("/v1/recommendations", json=body, headers=platform).json()["items"][0]
    chinese = client.post("/v1/recommendations", json=body, headers={**platform, "Accept-Language": "zh-CN"}).json()[
        "items"
    ][0]
    assert english["product_name"].isascii()
    assert not chinese["product_name"].isascii()
    assert [r["contribution"] for r in english["reasons"]] == [r["contribution"] for r in chinese["reasons"]]
    assert all(not reason["text"].isascii() for reason in chinese["reasons"])


def test_without_personalisation_the_same_set_is_ordered_by_declared_terms(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    body = {"demand_id": _full_list(client, platform, instance), "top_n": 50}
    personal = client.post("/v1/recommendations", json=body, headers=platform).json()
    declared = client.post("/v1/recommendations", json={**body, "personalised": False}, headers=platform).json()
    assert declared["counts"] == personal["counts"]
    assert {i["product_id"] for i in declared["items"]} == {i["product_id"] for i in personal["items"]}
    scores = [item["score"] for item in declared["items"]]
    assert scores == sorted(scores, reverse=True)
    for item in declared["items"]:
        assert (item["p_apply"], item["p_approve"]) == (None, None)
        assert sum(r["contribution"] for r in item["reasons"]) == pytest.approx(item["score"], abs=1e-9)
    for above, below in pairwise(declared["items"]):
        margin = sum(r["contribution"] for r in above["versus_next"])
        assert margin == pytest.approx(above["score"] - below["score"], abs=1e-9)


def test_without_unknowns_only_products_that_pass_every_rule_are_listed(
    client: Client, platform: dict[str, str], known: list[str]
) -> None:
    draw = random.Random(5)
    for uscc in draw.sample(known, 10):
        body = {"demand": made_up_demand(draw, uscc), "include_unknown": False, "top_n": 50}
        answer = client.post("/v1/recommendations", json=body, headers=platform).json()
        assert {item["eligibility"]["verdict"] for item in answer["items"]} <= {"pass"}
        assert len(answer["items"]) == min(50, answer["counts"]["eligible"])


def test_an_unknown_enterprise_gets_a_cold_start_answer_naming_every_missing_source(
    client: Client, platform: dict[str, str]
) -> None:
    asked = made_up_demand(random.Random(3), "91370602MA3TERT037")
    answer = client.post("/v1/recommendations", json={"demand": asked}, headers=platform).json()
    assert len(answer["missing_sources"]) == 12
    assert answer["counts"]["eligible"] + answer["counts"]["unknown"] + answer["counts"]["failed"] == 60


@pytest.mark.parametrize("day", ["2000-01-01", "2099-12-31"])
def test_any_day_that_may_be_asked_for_is_answered(client: Client, platform: dict[str, str], day: str) -> None:
    asked = made_up_demand(random.Random(3), "91370602MA3TERT037")
    answered = client.post("/v1/recommendations", json={"demand": asked, "as_of": day}, headers=platform)
    assert answered.status_code == 200
    assert answered.json()["enterprise"]["size_class"] == "undetermined"


def test_money_written_with_an_exponent_is_told_without_one(client: Client, platform: dict[str, str]) -> None:
    asked = {**made_up_demand(random.Random(3), "91370602MA3TERT037"), "amount_cny": "3e6"}
    published = client.post("/v1/demands", json=asked, headers=platform).json()
    assert published["demand"]["amount_cny"] == "3000000"


def test_an_unknown_demand_is_not_found(client: Client, platform: dict[str, str]) -> None:
    answered = client.post("/v1/recommendations", json={"demand_id": "D-nobody"}, headers=platform)
    assert answered.status_code == 404
    assert answered.json()["title"] == "Not found"


def _full_list(client: Client, platform: dict[str, str], instance: Instance) -> str:
    from api.serving import promising_demand

    return promising_demand(instance, instance.clock.today())
