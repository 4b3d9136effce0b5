"""The demand library and the desk through the API: from publication to repayment, by several institutions at once."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from api.cli import app
from api.instance import Instance
from api.pushing import Pusher, push_one, run_clocks
from api.serving import promising_demand
from api.settings import Settings
from matcher import replanning
from matcher.matching import Question
from matcher.store import audit, demands, lead_lists, leads
from matcher.store.clock import PinnedClock
from matcher.store.lead_lists import LeadRow
from matcher.store.leads import lead_id_of
from matcher.store.tables_platform import outbox
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")
GOOD_USCC = "91370602MA3TERT037"
DEMAND: dict[str, Any] = {
    "uscc": GOOD_USCC,
    "amount_cny": "3000000",
    "term_months": 12,
    "purpose": "working_capital",
}
OK, CREATED = 200, 201


@pytest.fixture(scope="module")
def likely(instance: Instance) -> dict[str, Any]:
    """A demand several institutions can have, as a body to publish."""
    kept = instance.store.read(lambda c: demands.find(c, promising_demand(instance, instance.clock.today())))
    assert kept is not None
    demand = kept.demand
    return {
        "uscc": demand.uscc,
        "amount_cny": str(demand.amount_cny),
        "term_months": demand.term_months,
        "purpose": demand.purpose.value,
        "kinds": [kind.value for kind in demand.kinds],
        "collateral": [
            {"kind": item.kind.value, "appraised_value_cny": str(item.appraised_value_cny)}
            for item in demand.collateral
            if item.appraised_value_cny is not None
        ],
    }


@pytest.fixture(scope="module")
def banks(instance: Instance) -> dict[str, dict[str, str]]:
    """Headers of every institution, by its id."""
    return {
        institution: {"Authorization": f"Bearer {instance.keyring.issue('institution', institution)}"}
        | {"Accept-Language": "en"}
        for institution in instance.matcher.catalog.institutions
    }


def published(client: Client, platform: dict[str, str], body: dict[str, Any]) -> str:
    """A demand published now."""
    answered = client.post("/v1/demands", json=body, headers=platform)
    assert answered.status_code == CREATED, answered.text
    return str(answered.json()["demand_id"])


def pushed(client: Client, platform: dict[str, str], instance: Instance, body: dict[str, Any]) -> tuple[str, list[str]]:
    """A demand published and pushed, and the institutions it went to, best first."""
    key = published(client, platform, body)
    return key, [lead.institution_id for lead in push_one(instance, key)]


def shown(client: Client, platform: dict[str, str], key: str) -> dict[str, Any]:
    """The demand as the platform sees it."""
    document: dict[str, Any] = client.get(f"/v1/demands/{key}", headers=platform).json()
    return document


def say(client: Client, headers: dict[str, str], key: str, bank: str, move: str, **body: Any) -> httpx.Response:
    """A bank's move at its lead."""
    return client.post(f"/v1/leads/{lead_id_of(key, bank)}/{move}", json=body, headers=headers)


def test_a_demand_lives_from_publication_to_repayment(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, reached = pushed(client, platform, instance, likely)
    assert len(reached) >= 2
    first, second = reached[:2]
    seen = [shown(client, platform, key)["state"]]
    walk: list[tuple[str, dict[str, Any]]] = [
        ("claim", {}),
        ("contact", {}),
        ("decision", {"approved": True, "amount_cny": "2000000", "annual_rate": "0.0385"}),
        ("disbursement", {"amount_cny": "2000000"}),
        ("repayment", {}),
    ]
    assert say(client, banks[second], key, second, "claim").status_code == OK
    for move, body in walk:
        answered = say(client, banks[first], key, first, move, **body)
        assert answered.status_code == OK, answered.text
        again = say(client, banks[first], key, first, move, **body)
        assert again.status_code == OK
        assert again.json() == answered.json()
        seen.append(shown(client, platform, key)["state"])
    assert seen == ["pushed", "claimed", "contacted", "approved", "disbursed", "repaid"]
    document = shown(client, platform, key)
    told = {lead["institution_id"]: lead for lead in document["leads"]}
    assert told[first]["state"] == "repaid"
    assert (told[first]["amount_cny"], told[first]["annual_rate"]) == ("2000000", "0.0385")
    assert (told[second]["state"], told[second]["reason_code"]) == ("closed", "funded_elsewhere")
    own = [move["after"] for move in document["moves"] if move["lead_id"] is None]
    assert own[:3] == ["published", "pushed", "claimed"]
    assert own[-5:] == ["due_diligence", "approved", "signed", "disbursed", "repaid"]
    assert instance.store.read(audit.verify) is None
    refused = client.post("/v1/recommendations", json={"demand_id": key}, headers=platform)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":repaid")


def test_a_push_reaches_the_best_product_of_each_institution_that_passes_in_order(
    client: Client, platform: dict[str, str], instance: Instance, likely: dict[str, Any]
) -> None:
    key, reached = pushed(client, platform, instance, likely)
    kept = instance.store.read(lambda c: demands.find(c, key))
    assert kept is not None
    from api import asking

    with instance.store.reading() as connection:
        profile = asking.profile_of(instance, connection, kept.demand.uscc, instance.clock.today())
    question = Question(demand=kept.demand, as_of=instance.clock.today(), profile=profile, top_n=50)
    passing = [item for item in instance.matcher.recommend(question).items if item.verdict.value == "pass"]
    assert set(reached) >= {item.product.institution_id for item in passing}
    reach = instance.matcher.reach(question)
    assert [one.score for one in reach] == sorted((one.score for one in reach), reverse=True)
    assert len({one.institution_id for one in reach}) == len(reach)
    best = {item.product.institution_id: item for item in reversed(passing)}
    for one in reach:
        assert one.verdict.value == "pass"
        assert one.score == pytest.approx(one.p_apply * one.p_approve)
        if one.institution_id in best:
            assert (
                one.p_apply == best[one.institution_id].p_apply
                or one.product_id != best[one.institution_id].product.product_id
            )


def test_a_demand_that_is_not_to_be_personalised_is_pushed_by_declared_terms_and_told_without_scores(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    switch = f"/v1/enterprises/{likely['uscc']}/personalisation"
    assert client.put(switch, json={"enabled": False}, headers=platform).status_code == OK
    try:
        key, reached = pushed(client, platform, instance, likely)
        body = {"demand_id": key, "top_n": 50, "include_unknown": False}
        declared = client.post("/v1/recommendations", json=body, headers=platform).json()
        order = list(dict.fromkeys(item["institution_id"] for item in declared["items"]))
        assert len(order) >= 2
        assert reached[: len(order)] == order
        with instance.store.reading() as connection:
            rows = connection.execute(select(outbox.c.payload).where(outbox.c.kind == "lead.pushed")).scalars()
            told = [payload for payload in map(json.loads, rows) if payload.get("demand_id") == key]
            kept = [leads.find(connection, lead_id_of(key, bank)) for bank in reached]
            queue = replanning.read_queues(
                connection, instance.matcher.catalog, instance.dealings, instance.clock.today()
            )
        assert {(payload["p_approve"], payload["personalised"]) for payload in told} == {(None, False)}
        assert {one.value for one in kept if one is not None} == {None}
        assert key in {demand.demand_id for demand in queue.demands}
        assert likely["uscc"] in queue.impersonal
        monkeypatch.setattr(replanning, "put_into_service", lambda *_: None)
        made = replanning.replan(
            instance.store,
            instance.matcher,
            lambda codes, day: [instance.profiles.row(code, day, 0, {}) for code in codes],
            instance.dealings,
            instance.clock.today(),
        ).plan
        assert made.prices.demands == len(queue.demands)
        named = {row.demand_id for rows in made.lists.values() for row in rows}
        assert named
        own = {demand.demand_id for demand in queue.demands if demand.uscc == likely["uscc"]}
        assert not named & own
        url = f"/v1/institutions/{reached[0]}/leads?limit=200"
        page = client.get(url, headers=banks[reached[0]]).json()["items"]
        item = next(each for each in page if each["demand_id"] == key)
        assert (item["personalised"], item["value"], item["p_apply"], item["p_approve"]) == (False, None, None, None)
        assert (item["reasons"], item["reason_base"]) == ([], None)
        assert item["note"].startswith("not personalised")
        scored = [each["personalised"] for each in page]
        assert scored == sorted(scored, reverse=True)
        csv = client.get(url, headers=banks[reached[0]] | {"Accept": "text/csv"})
        assert "not personalised" in csv.text
    finally:
        assert client.put(switch, json={"enabled": True}, headers=platform).status_code == OK


def test_the_pusher_pushes_within_a_blink_and_what_was_left_over_at_its_start(
    client: Client, platform: dict[str, str], instance: Instance, likely: dict[str, Any]
) -> None:
    left = published(client, platform, likely)
    service = client.app.state.service
    service.pusher = Pusher(instance, poll=30.0).start()
    try:
        wait_for_push(client, platform, left)
        since = time.perf_counter()
        key = published(client, platform, likely)
        wait_for_push(client, platform, key)
        assert time.perf_counter() - since < 3
    finally:
        service.pusher.stop()
        service.pusher = None


def wait_for_push(client: Client, platform: dict[str, str], key: str) -> None:
    """Until the demand is pushed, ten seconds at most."""
    for _ in range(500):
        if shown(client, platform, key)["state"] == "pushed":
            return
        time.sleep(0.02)
    pytest.fail("not pushed")


def test_a_demand_of_an_enterprise_nobody_knows_is_offered_where_rules_are_unknown_and_says_so(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    key, reached = pushed(client, platform, instance, DEMAND)
    document = shown(client, platform, key)
    assert document["state"] == ("pushed" if reached else "published")
    with instance.store.reading() as connection:
        rows = connection.execute(select(outbox.c.payload).where(outbox.c.kind == "lead.pushed")).scalars()
        told = [payload for payload in map(json.loads, rows) if payload.get("demand_id") == key]
    assert len(told) == len(reached)
    assert {payload["verdict"] for payload in told} <= {"pass", "unknown"}
    assert all(payload["enterprise_name"]["zh"] == "某企业" for payload in told)


def test_two_pushers_of_one_demand_push_it_once(
    client: Client, platform: dict[str, str], instance: Instance, likely: dict[str, Any]
) -> None:
    key, reached = pushed(client, platform, instance, likely)
    assert push_one(instance, key) == ()
    assert [lead["institution_id"] for lead in shown(client, platform, key)["leads"]] == sorted(reached)


def test_all_banks_claiming_at_the_same_instant_each_get_their_own_lead(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, reached = pushed(client, platform, instance, likely)

    async def crowd() -> list[httpx.Response]:
        asked = [
            client.asynchronous.post(f"/v1/leads/{lead_id_of(key, bank)}/claim", headers=banks[bank])
            for bank in reached
            for _ in range(4)
        ]
        return await asyncio.gather(*asked)

    answers = client.wait(crowd())
    assert {answer.status_code for answer in answers} == {OK}
    assert {answer.json()["state"] for answer in answers} == {"claimed"}
    moves = shown(client, platform, key)["moves"]
    claimed = [move["institution_id"] for move in moves if move["after"] == "claimed" and move["lead_id"]]
    assert sorted(claimed) == sorted(reached)


def test_of_two_disbursements_at_the_same_instant_one_closes_the_other(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, reached = pushed(client, platform, instance, likely)
    pair = reached[:2]
    for bank in pair:
        for move, body in (
            ("claim", {}),
            ("contact", {}),
            ("decision", {"approved": True, "amount_cny": "100", "annual_rate": "0.04"}),
        ):
            assert say(client, banks[bank], key, bank, move, **body).status_code == OK

    async def race() -> list[httpx.Response]:
        asked = [
            client.asynchronous.post(
                f"/v1/leads/{lead_id_of(key, bank)}/disbursement", json={"amount_cny": "100"}, headers=banks[bank]
            )
            for bank in pair
        ]
        return await asyncio.gather(*asked)

    answers = client.wait(race())
    assert sorted(answer.status_code for answer in answers) == [OK, 409]
    problem = next(answer.json() for answer in answers if answer.status_code == 409)
    assert "closed" in problem["detail"]
    states = {lead["institution_id"]: lead["state"] for lead in shown(client, platform, key)["leads"]}
    assert sorted(states[bank] for bank in pair) == ["closed", "disbursed"]


def test_a_lead_of_another_institution_and_one_nobody_listed_are_not_there(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, reached = pushed(client, platform, instance, likely)
    other = next(bank for bank in banks if bank != reached[0])
    path = f"/v1/leads/{lead_id_of(key, reached[0])}/claim"
    assert client.post(path, headers=banks[other]).status_code == 404
    outside = next((bank for bank in banks if bank not in reached), None)
    if outside is not None:
        assert say(client, banks[outside], key, outside, "claim").status_code == 404
    assert say(client, banks[other], "D-none", other, "claim").status_code == 404


def test_a_lead_of_a_list_still_kept_is_claimed_without_having_been_pushed(
    client: Client, platform: dict[str, str], instance: Instance, banks: dict[str, dict[str, str]]
) -> None:
    kept = instance.store.read(lambda c: demands.latest(c, 500))
    key = next(str(one.demand.demand_id) for one in kept if one.expires_on is None and one.state == "published")
    bank = next(iter(banks))
    product = next(p.product_id for p in instance.matcher.catalog.products if p.institution_id == bank)
    row = LeadRow(demand_id=key, product_id=product, value=0.2, p_apply=0.4, p_approve=0.5, origin="outreach")
    now = instance.clock.now()
    instance.store.write(lambda c: lead_lists.keep(c, "test-list", {bank: (row,)}, now))
    instance.store.write(lambda c: lead_lists.keep(c, "a-later-list", {bank: ()}, instance.clock.now()))
    claimed = say(client, banks[bank], key, bank, "claim")
    assert claimed.status_code == OK, claimed.text
    assert (claimed.json()["origin"], claimed.json()["product_id"]) == ("outreach", product)
    assert claimed.json()["due_on"] == "2026-11-03"
    assert shown(client, platform, key)["state"] == "claimed"
    assert client.post("/v1/recommendations", json={"demand_id": key}, headers=platform).status_code == OK


def test_a_wrong_move_names_the_state_and_what_can_be_done(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, (bank, *_) = pushed(client, platform, instance, likely)
    refused = say(client, banks[bank], key, bank, "contact")
    assert refused.status_code == 409
    assert refused.json()["detail"] == "The lead is pushed: contact is not possible; possible: claim, reject."
    say(client, banks[bank], key, bank, "claim")
    early = say(client, banks[bank], key, bank, "decision", approved=True, amount_cny="1", annual_rate="0.04")
    assert early.status_code == 409
    assert say(client, banks[bank], key, bank, "repayment").status_code == 409


@pytest.mark.parametrize("move", ["publish", "withdraw", "reopen"])
def test_a_move_of_a_demand_takes_no_words_it_does_not_know(
    client: Client, platform: dict[str, str], move: str
) -> None:
    key = published(client, platform, DEMAND | {"draft": True})
    path = f"/v1/demands/{key}/{move}"
    assert client.post(path, json={"reason": "none"}, headers=platform).status_code == 422
    assert shown(client, platform, key)["state"] == "draft"
    assert client.post(path, json={}, headers=platform).status_code == (409 if move == "reopen" else OK)


def test_a_refusal_takes_a_reason_of_the_list_and_tells_how_to_repair_it(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, (bank, *_) = pushed(client, platform, instance, likely)
    listed = client.get("/v1/refusal-reasons", headers=banks[bank]).json()["items"]
    assert {"collateral", "paperwork"} <= {item["code"] for item in listed}
    bad = [
        {"rejected": True},
        {"rejected": True, "reason_code": "weather"},
        {"approved": True},
        {"approved": True, "rejected": True, "reason_code": "age"},
        {"approved": False},
        {},
        {"approved": True, "amount_cny": "1", "annual_rate": "4.35"},
        {"rejected": True, "reason_code": "age", "mood": "bad"},
    ]
    for body in bad:
        assert say(client, banks[bank], key, bank, "decision", **body).status_code == 422, body
    said = say(client, banks[bank], key, bank, "decision", rejected=True, reason_code="collateral")
    assert said.status_code == OK
    assert said.json()["reason"]["repaired_by"] == "appraiser"
    assert said.json()["can"] == []
    again = say(client, banks[bank], key, bank, "decision", rejected=True, reason_code="collateral")
    assert again.json() == said.json()
    assert say(client, banks[bank], key, bank, "decision", rejected=True, reason_code="age").status_code == 409


def test_what_must_be_completed_reaches_the_platform_and_comes_back(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, (bank, other, *_) = pushed(client, platform, instance, likely)
    say(client, banks[bank], key, bank, "claim")
    assert say(client, banks[bank], key, bank, "return", complete=[]).status_code == 422
    assert say(client, banks[bank], key, bank, "return", complete=["2025 accounts"]).status_code == OK
    document = shown(client, platform, key)
    assert document["state"] == "returned"
    assert next(le["complete"] for le in document["leads"] if le["institution_id"] == bank) == ["2025 accounts"]
    told = select(outbox.c.payload).where(outbox.c.kind == "lead.returned", outbox.c.institution_id == bank)
    with instance.store.reading() as connection:
        returned = [json.loads(payload) for payload in connection.execute(told).scalars()]
    assert (returned[-1]["lead_id"], returned[-1]["state"]) == (lead_id_of(key, bank), "returned")
    assert client.post("/v1/recommendations", json={"demand_id": key}, headers=platform).status_code == OK
    assert client.post(f"/v1/demands/{key}/reopen", headers=platform).json()["state"] == "claimed"
    say(client, banks[other], key, other, "claim")
    say(client, banks[bank], key, bank, "return", complete=["2024 accounts"])
    document = shown(client, platform, key)
    assert (document["state"], "reopen" in document["can"]) == ("claimed", True)
    document = client.post(f"/v1/demands/{key}/reopen", headers=platform).json()
    assert [lead["complete"] for lead in document["leads"]] == [[]] * len(document["leads"])
    assert "reopen" not in document["can"]


def test_money_is_bounded_by_the_approval_and_days_by_today(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, (bank, *_) = pushed(client, platform, instance, likely)
    headers = banks[bank]
    say(client, headers, key, bank, "claim")
    say(client, headers, key, bank, "contact")
    say(client, headers, key, bank, "decision", approved=True, amount_cny="1000", annual_rate="0.04")
    too_much = say(client, headers, key, bank, "disbursement", amount_cny="1000.01")
    assert [error["pointer"] for error in too_much.json()["errors"]] == ["/amount_cny"]
    early = say(client, headers, key, bank, "disbursement", amount_cny="900", disbursed_on="2026-11-01")
    assert [error["pointer"] for error in early.json()["errors"]] == ["/disbursed_on"]
    before = say(client, headers, key, bank, "disbursement", amount_cny="900", disbursed_on="2025-12-31")
    assert [error["pointer"] for error in before.json()["errors"]] == ["/disbursed_on"]
    assert say(client, headers, key, bank, "disbursement", amount_cny="900").status_code == OK
    unpaid = say(client, headers, key, bank, "repayment", repaid_on="2025-12-31")
    assert [error["pointer"] for error in unpaid.json()["errors"]] == ["/repaid_on"]
    part = say(client, headers, key, bank, "repayment", amount_cny="100.50", in_full=False)
    assert (part.json()["state"], part.json()["repaid_cny"]) == ("disbursed", "100.50")
    rest = say(client, headers, key, bank, "repayment", amount_cny="799.50")
    assert (rest.json()["state"], rest.json()["repaid_cny"]) == ("repaid", "900.00")


def test_one_key_of_idempotency_moves_once_and_a_part_repaid_is_not_counted_twice(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, (bank, *_) = pushed(client, platform, instance, likely)
    headers = banks[bank]
    say(client, headers, key, bank, "claim")
    say(client, headers, key, bank, "contact")
    say(client, headers, key, bank, "decision", approved=True, amount_cny="1000", annual_rate="0.04")
    say(client, headers, key, bank, "disbursement", amount_cny="900")
    once = {**headers, "Idempotency-Key": f"part-{key}"}
    first, again = (say(client, once, key, bank, "repayment", amount_cny="100", in_full=False) for _ in range(2))
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    lead = next(lead for lead in shown(client, platform, key)["leads"] if lead["institution_id"] == bank)
    assert lead["repaid_cny"] == "100"


def test_a_draft_is_seen_by_nobody_until_it_is_published(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    key = published(client, platform, {**DEMAND, "draft": True})
    assert shown(client, platform, key)["published_on"] is None
    assert client.post("/v1/recommendations", json={"demand_id": key}, headers=platform).status_code == 409
    assert key not in instance.store.read(lambda c: demands.to_push(c, 10_000))
    told = client.post(f"/v1/demands/{key}/publish", headers=platform).json()
    assert (told["state"], told["published_on"], told["expires_on"]) == ("published", "2026-10-31", "2027-01-29")
    assert key in instance.store.read(lambda c: demands.to_push(c, 10_000))
    assert client.post(f"/v1/demands/{key}/publish", headers=platform).status_code == 409
    assert client.post(f"/v1/demands/{key}/withdraw", headers=platform).json()["state"] == "withdrawn"
    assert key not in instance.store.read(lambda c: demands.to_push(c, 10_000))
    assert client.post(f"/v1/demands/{key}/reopen", headers=platform).json()["state"] == "reopened"


def test_whom_to_call_is_kept_and_never_shown(client: Client, platform: dict[str, str], instance: Instance) -> None:
    contact = {"name": "Zhang San", "phone": "13800138000", "email": "z@example.com"}
    answered = client.post("/v1/demands", json={**DEMAND, "contact": contact}, headers=platform)
    assert answered.status_code == CREATED
    document = client.get(answered.headers["Location"], headers=platform)
    for text in (answered.text, document.text):
        assert not any(value in text for value in contact.values())
    kept = instance.store.read(lambda c: audit.find(c, audit.Wanted(action="contact_kept"), 0, 10))
    assert [(row["subject"], row["detail"]) for row in kept] == [
        (DEMAND["uscc"], {"kept": ["email", "name", "phone"], "demand_id": answered.json()["demand_id"]})
    ]
    bad = client.post("/v1/demands", json={**DEMAND, "contact": {**contact, "phone": "call me"}}, headers=platform)
    assert [error["pointer"] for error in bad.json()["errors"]] == ["/contact/phone"]
    past = client.post("/v1/demands", json={**DEMAND, "needed_by": "2026-10-30"}, headers=platform)
    assert [error["pointer"] for error in past.json()["errors"]] == ["/needed_by"]


def test_demands_are_listed_by_state_and_enterprise_in_pages(
    client: Client, platform: dict[str, str], likely: dict[str, Any]
) -> None:
    made = {published(client, platform, {**likely, "draft": True}) for _ in range(3)}
    seen: list[str] = []
    cursor = ""
    while True:
        path = f"/v1/demands?state=draft&uscc={likely['uscc']}&limit=2{cursor}"
        told = client.get(path, headers=platform).json()
        assert {item["state"] for item in told["items"]} <= {"draft"}
        seen += [item["demand_id"] for item in told["items"]]
        if told["next_cursor"] is None:
            break
        cursor = f"&cursor={told['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
    assert client.get("/v1/demands?state=lost", headers=platform).status_code == 422
    assert client.get("/v1/demands?cursor=%21", headers=platform).status_code == 422


def test_who_is_late_is_seen_by_the_platform_once_the_day_has_come(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, reached = pushed(client, platform, instance, likely)
    assert run_clocks(instance) is None
    later = replace(instance.store, clock=PinnedClock(day=date(2026, 11, 2)))
    monkeypatch.setattr(instance, "store", later)
    done = run_clocks(instance)
    assert done is not None
    assert done.late >= len(reached)
    document = shown(client, platform, key)
    assert document["late"] is True
    assert all(lead["late"] for lead in document["leads"])
    late = client.get("/v1/demands?late=true&limit=200", headers=platform).json()["items"]
    assert key in [item["demand_id"] for item in late]
    on_time = client.get(f"/v1/demands?late=false&uscc={likely['uscc']}&limit=200", headers=platform).json()["items"]
    assert key not in [item["demand_id"] for item in on_time]
    assert run_clocks(instance) is None
    client.post(f"/v1/demands/{key}/withdraw", headers=platform)
    assert not any(lead["late"] for lead in shown(client, platform, key)["leads"])


def test_one_command_makes_a_round_over_the_clocks(
    instance: Instance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.settings_of_environment", lambda: settings)
    run_clocks(instance)
    said = CliRunner().invoke(app, ["tick"])
    assert said.exit_code == 0, said.output
    assert "nothing is due" in said.output


def test_every_answer_of_the_desk_is_told_in_the_log_of_leads(
    client: Client,
    platform: dict[str, str],
    instance: Instance,
    likely: dict[str, Any],
    banks: dict[str, dict[str, str]],
) -> None:
    key, (bank, *_) = pushed(client, platform, instance, likely)
    say(client, banks[bank], key, bank, "claim")
    lead = instance.store.read(lambda c: leads.find(c, lead_id_of(key, bank)))
    assert lead is not None
    moves = [move for move in shown(client, platform, key)["moves"] if move["lead_id"] == lead.lead_id]
    assert [(move["before"], move["after"]) for move in moves] == [(None, "pushed"), ("pushed", "claimed")]
    assert moves[1]["actor"].startswith("institution:")
    assert moves[1]["occurred_on"] == "2026-10-31"
