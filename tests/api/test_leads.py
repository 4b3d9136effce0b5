"""Leads through the API: ranked, masked, paged without loss, fresh before the next plan, and safe as files."""

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from sqlalchemy import select

from api.instance import Instance
from api.lead_files import XLSX, form_of, harmless
from api.lead_pages import Query
from api.lead_terminal import show_leads
from api.settings import Settings
from matcher.store import lead_lists
from matcher.store.leads import lead_id_of
from matcher.store.tables import audit, facts
from matcher.store.tables_platform import contacts
from tests.api.in_process import Client
from tests.api.lead_plans import SHARE, Planned, forget, keep, plan, push

pytestmark = pytest.mark.xdist_group("api")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An institution at its desk: its id, its headers, its plan."""

    institution_id: str
    headers: dict[str, str]
    plan: Planned

    @property
    def url(self) -> str:
        """Where its leads are."""
        return f"/v1/institutions/{self.institution_id}/leads"


@pytest.fixture(scope="module")
def bank(instance: Instance) -> str:
    """The institution with most products."""
    products = [product.institution_id for product in instance.matcher.catalog.products]
    return max(set(products), key=lambda each: (products.count(each), each))


@pytest.fixture(scope="module")
def rows(instance: Instance, bank: str) -> Planned:
    """Its plan, made once."""
    return plan(instance, bank, "made-once")


@pytest.fixture
def desk(instance: Instance, bank: str, rows: Planned, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The desk with a plan of its own for this test."""
    version = f"plan-{request.node.name}"[:60]
    forget(instance, bank)
    keep(instance, bank, version, rows.rows)
    key = instance.keyring.issue("institution", bank)
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    yield Desk(institution_id=bank, headers=headers, plan=replace(rows, version=version))
    forget(instance, bank)


def all_pages(client: Client, desk: Desk, limit: int, more: str = "") -> list[dict[str, Any]]:
    """Every item, page by page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        told = client.get(f"{desk.url}?limit={limit}{more}{cursor}", headers=desk.headers)
        assert told.status_code == 200, told.text
        items += told.json()["items"]
        following = told.json()["next_cursor"]
        cursor = None if following is None else f"&cursor={following}"
    return items


def consent(
    client: Client, platform: dict[str, str], uscc: str, source: str, recipient: str, purpose: str = "lead_disclosure"
) -> None:
    """Let a recipient know a source."""
    body = {"purpose": purpose, "recipient": recipient}
    told = client.put(f"/v1/enterprises/{uscc}/consents/{source}", json=body, headers=platform)
    assert told.status_code == 200, told.text


def withhold(client: Client, platform: dict[str, str], uscc: str, source: str, recipient: str) -> None:
    """Take every consent of a recipient back."""
    url = f"/v1/enterprises/{uscc}/consents/{source}?recipient={recipient}"
    assert client.delete(url, headers=platform).status_code == 200


def test_the_list_stands_in_order_of_value_and_every_account_adds_up(client: Client, desk: Desk) -> None:
    told = client.get(f"{desk.url}?limit=200", headers=desk.headers).json()
    items = told["items"]
    assert [item["demand_id"] for item in items] == [row.demand_id for row in desk.plan.rows]
    assert [item["rank"] for item in items] == list(range(1, len(items) + 1))
    assert told["plan"] == desk.plan.version
    assert told["note"] is None
    for item, row in zip(items, desk.plan.rows, strict=True):
        assert item["value"] == pytest.approx(row.value, abs=1e-9)
        assert item["value"] == pytest.approx(item["p_apply"] * item["p_approve"] * SHARE, abs=1e-9)
        total = item["reason_base"] + sum(reason["contribution"] for reason in item["reasons"])
        assert total == pytest.approx(item["value"], abs=1e-6)
        assert item["lead_id"] == lead_id_of(row.demand_id, desk.institution_id)
        assert item["status"] == "open"
        assert item["origin"] == "outreach"


def test_a_lead_that_applied_is_worth_its_approval_and_owes_nothing_to_applying(
    client: Client, desk: Desk, instance: Instance
) -> None:
    first = desk.plan.rows[0]
    applied = replace(first, origin="inbound", value=first.p_approve * 0.5)
    keep(instance, desk.institution_id, "inbound", (applied,))
    (item,) = client.get(desk.url, headers=desk.headers).json()["items"]
    assert item["value"] == pytest.approx(first.p_approve * 0.5, abs=1e-9)
    total = item["reason_base"] + sum(reason["contribution"] for reason in item["reasons"])
    assert total == pytest.approx(item["value"], abs=1e-6)
    assert "50%" in next(reason["text"] for reason in item["reasons"] if reason["code"] == "others_first")


def test_nobody_is_named_before_consent(client: Client, desk: Desk, instance: Instance) -> None:
    for accept in ("application/json", "text/csv"):
        text = client.get(f"{desk.url}?limit=200", headers=desk.headers | {"Accept": accept}).text
        for uscc in desk.plan.uscc_of.values():
            assert uscc not in text
            assert instance.names[uscc] not in text
    items = client.get(f"{desk.url}?limit=200", headers=desk.headers).json()["items"]
    assert all(item["masked"] and item["uscc"] is None and item["contact"] is None for item in items)


def test_only_its_own_institution_may_look(
    client: Client, desk: Desk, keys: dict[str, Any], instance: Instance, platform: dict[str, str]
) -> None:
    other = next(i for i in instance.matcher.catalog.institutions if i != desk.institution_id)
    assert client.get(f"/v1/institutions/{other}/leads", headers=desk.headers).status_code == 404
    assert client.get("/v1/institutions/I-none/leads", headers=desk.headers).status_code == 404
    assert client.get(desk.url, headers=platform).status_code == 403
    assert client.get(desk.url).status_code == 401
    for role in ("analyst", "regulator", "admin"):
        assert client.get(desk.url, headers={"Authorization": f"Bearer {keys[role]}"}).status_code == 403


def test_consent_names_the_enterprise_to_this_institution_until_it_is_revoked_and_is_audited(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    row = desk.plan.rows[0]
    uscc = desk.plan.uscc_of[row.demand_id]
    other = next(i for i in instance.matcher.catalog.institutions if i != desk.institution_id)
    consent(client, platform, uscc, "registry", other)
    assert client.get(desk.url, headers=desk.headers).json()["items"][0]["masked"]
    consent(client, platform, uscc, "registry", desk.institution_id)
    before = audited(instance)
    item = client.get(desk.url, headers=desk.headers).json()["items"][0]
    assert (item["enterprise_name"], item["uscc"]) == (instance.names[uscc], uscc)
    assert item["contact"] is None
    (entry,) = audited(instance)[len(before) :]
    assert entry["named"] == [item["lead_id"]]
    assert entry["contacts"] == []
    withhold(client, platform, uscc, "registry", desk.institution_id)
    assert client.get(desk.url, headers=desk.headers).json()["items"][0]["masked"]
    assert len(audited(instance)) == len(before) + 1
    withhold(client, platform, uscc, "registry", other)


def test_leave_to_match_is_no_leave_to_be_named(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    uscc = desk.plan.uscc_of[desk.plan.rows[0].demand_id]
    for recipient in (desk.institution_id, "institutions"):
        consent(client, platform, uscc, "registry", recipient, "financing_match")
        item = client.get(desk.url, headers=desk.headers).json()["items"][0]
        withhold(client, platform, uscc, "registry", recipient)
        assert (item["masked"], item["uscc"], item["contact"]) == (True, None, None)
        assert instance.names[uscc] not in item["enterprise_name"]
        assert item["disclosed_sources"] == ["registry"]
        entry = audited(instance)[-1]
        assert (entry["named"], entry["sources"]) == ([], {item["lead_id"]: ["registry"]})


def test_whom_to_call_needs_a_consent_of_its_own(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    uscc = desk.plan.uscc_of[desk.plan.rows[1].demand_id]
    document = msgspec.json.encode({"person": "王某", "phone": "0535-0000000"}).decode()
    row = {"uscc": uscc, "document": document, "recorded_at": "2026-01-01"}
    instance.store.write(lambda c: c.execute(contacts.delete().where(contacts.c.uscc == uscc)))
    instance.store.write(lambda c: c.execute(contacts.insert(), row))
    consent(client, platform, uscc, "registry", desk.institution_id)
    assert client.get(desk.url, headers=desk.headers).json()["items"][1]["contact"] is None
    consent(client, platform, uscc, "registry", desk.institution_id, "contact_disclosure")
    item = client.get(desk.url, headers=desk.headers).json()["items"][1]
    assert item["contact"] == {"person": "王某", "phone": "0535-0000000"}
    assert audited(instance)[-1]["contacts"] == [item["lead_id"]]
    withhold(client, platform, uscc, "registry", desk.institution_id)


def test_reasons_name_observed_values_only_under_consent_and_never_change_their_weight(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    uscc = desk.plan.uscc_of[desk.plan.rows[2].demand_id]
    masked = client.get(desk.url, headers=desk.headers).json()["items"][2]
    for source in ("tax", "invoices", "annual_report", "social_security", "credit", "court", "utilities"):
        consent(client, platform, uscc, source, "institutions")
    told = client.get(desk.url, headers=desk.headers).json()["items"][2]
    weights = {reason["code"]: reason["contribution"] for reason in masked["reasons"]}
    assert {reason["code"]: reason["contribution"] for reason in told["reasons"]} == pytest.approx(weights)
    assert [r["text"] for r in told["reasons"]] != [r["text"] for r in masked["reasons"]]
    assert told["masked"]
    from_sources = {"tax", "turnover", "growth", "counterparties", "operations", "balance", "credit_record", "legal"}
    for reason in masked["reasons"]:
        if reason["group"] in from_sources:
            assert reason["text"].endswith("its mix differs from the average case")
    for source in ("tax", "invoices", "annual_report", "social_security", "credit", "court", "utilities"):
        withhold(client, platform, uscc, source, "institutions")


def test_a_source_taken_back_from_the_platform_is_missing_at_once(
    client: Client, desk: Desk, platform: dict[str, str]
) -> None:
    items = client.get(f"{desk.url}?limit=200", headers=desk.headers).json()["items"]
    item = next(each for each in items if "tax" in each["freshness"])
    uscc = desk.plan.uscc_of[item["demand_id"]]
    withhold(client, platform, uscc, "tax", "platform")
    after = client.get(f"{desk.url}?limit=200", headers=desk.headers).json()["items"]
    consent(client, platform, uscc, "tax", "platform", "financing_match")
    changed = [each for each in after if each["demand_id"] == item["demand_id"]]
    for each in changed:
        assert "tax" not in each["freshness"]
        assert "tax" in {verify["settle_with"] for verify in each["verify"]}


def test_pages_hold_together_while_the_list_is_rebuilt(client: Client, desk: Desk, instance: Instance) -> None:
    whole = [row.demand_id for row in desk.plan.rows]
    assert [item["demand_id"] for item in all_pages(client, desk, 7)] == whole
    first = client.get(f"{desk.url}?limit=4", headers=desk.headers).json()
    keep(instance, desk.institution_id, "rebuilt", tuple(reversed(desk.plan.rows[:3])))
    second = client.get(f"{desk.url}?limit=4&cursor={first['next_cursor']}", headers=desk.headers).json()
    assert second["plan"] == desk.plan.version
    assert [item["demand_id"] for item in second["items"]] == whole[4:8]
    assert [item["rank"] for item in second["items"]] == [5, 6, 7, 8]
    assert len(client.get(desk.url, headers=desk.headers).json()["items"]) == 3
    push(instance, desk.institution_id, desk.plan.rows[9])
    assert len(client.get(desk.url, headers=desk.headers).json()["items"]) == 4
    third = client.get(f"{desk.url}?limit=4&cursor={second['next_cursor']}", headers=desk.headers).json()
    assert [item["demand_id"] for item in third["items"]] == whole[8:12]


def test_a_cursor_of_a_pruned_plan_is_gone_and_a_broken_one_is_refused(
    client: Client, desk: Desk, instance: Instance
) -> None:
    first = client.get(f"{desk.url}?limit=2", headers=desk.headers).json()
    keep(instance, desk.institution_id, "after-pruning", desk.plan.rows)
    instance.store.write(lambda c: lead_lists.prune(c, keep=1))
    told = client.get(f"{desk.url}?cursor={first['next_cursor']}", headers=desk.headers)
    assert told.status_code == 410
    assert told.json()["type"].endswith(":list_gone")
    for cursor in ("%21", "YWJj", "YQpiCmMKZA", "YQBiCmMKMQpk"):
        assert client.get(f"{desk.url}?cursor={cursor}", headers=desk.headers).status_code == 422
    assert client.get(f"{desk.url}?limit=201", headers=desk.headers).status_code == 422
    assert client.get(f"{desk.url}?list=secret", headers=desk.headers).status_code == 422


def test_a_demand_pushed_since_the_plan_stands_at_its_place_before_the_next_plan(
    client: Client, desk: Desk, instance: Instance
) -> None:
    missed = desk.plan.rows[5]
    push(instance, desk.institution_id, missed, due_on=date(2026, 11, 2))
    rest = (*desk.plan.rows[:5], *desk.plan.rows[6:])
    keep(instance, desk.institution_id, "without-it", rest)
    items = all_pages(client, desk, 200)
    assert [x["fresh"] for x in items if x["demand_id"] == missed.demand_id] == [False]
    push(instance, desk.institution_id, missed, due_on=date(2026, 11, 2))
    items = all_pages(client, desk, 6)
    values = [item["value"] for item in items]
    assert values == sorted(values, reverse=True)
    item = next(each for each in items if each["demand_id"] == missed.demand_id)
    assert item["fresh"]
    assert (item["status"], item["due_on"]) == ("pushed", "2026-11-02")
    assert item["value"] == pytest.approx(missed.p_apply * missed.p_approve)
    assert sum(each["fresh"] for each in items) == 1
    push(instance, desk.institution_id, missed, state="rejected")
    assert missed.demand_id not in [x["demand_id"] for x in all_pages(client, desk, 200)]


def test_a_pushed_lead_no_plan_picks_is_shown_as_long_as_an_answer_is_owed_and_so_is_a_second_of_its_enterprise(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    owed, other = desk.plan.rows[4], desk.plan.rows[0]
    body = {"uscc": desk.plan.uscc_of[owed.demand_id], "amount_cny": "500000", "term_months": 12}
    second = client.post("/v1/demands", json={**body, "purpose": "working_capital"}, headers=platform).json()
    twin = replace(owed, demand_id=second["demand_id"])
    for row in (owed, twin):
        push(instance, desk.institution_id, row, due_on=date(2026, 11, 1), late=True)
    keep(instance, desk.institution_id, "picked-another", (other,))
    items = all_pages(client, desk, 1)
    told = {item["demand_id"]: (item["status"], item["due_on"]) for item in items}
    assert told[owed.demand_id] == told[twin.demand_id] == ("pushed", "2026-11-01")
    assert len(items) == len(told) == 3
    for row in (owed, twin):
        push(instance, desk.institution_id, row, state="expired")
    assert [item["demand_id"] for item in all_pages(client, desk, 1)] == [other.demand_id]


def test_every_page_of_masked_leads_is_in_the_audit_without_personal_data(
    client: Client, desk: Desk, instance: Instance
) -> None:
    def shown() -> list[tuple[str, str]]:
        query = (
            select(audit.c.subject, audit.c.detail).where(audit.c.action == "leads_shown").order_by(audit.c.sequence)
        )
        with instance.store.reading() as connection:
            return [(row.subject, row.detail) for row in connection.execute(query)]

    before = len(shown())
    items = all_pages(client, desk, 20)
    assert len(items) > 20
    told = shown()[before:]
    assert {subject for subject, _ in told} == {desk.institution_id}
    first, second = (msgspec.json.decode(detail) for _, detail in told)
    ids = "\n".join(item["lead_id"] for item in items[:20])
    assert first == {
        "form": "json",
        "list": "general",
        "plan": desk.plan.version,
        "leads": 20,
        "ranks": [1, 20],
        "lead_ids_sha256": hashlib.sha256(ids.encode()).hexdigest(),
    }
    assert second["ranks"] == [21, len(items)]


def test_before_the_first_plan_the_pushed_demands_are_listed_with_a_note(
    client: Client, desk: Desk, instance: Instance
) -> None:
    row = desk.plan.rows[7]
    push(instance, desk.institution_id, row)
    instance.store.write(lambda c: c.execute(facts.delete().where(facts.c.name == lead_lists.CURRENT)))
    told = client.get(f"{desk.url}?limit=200", headers=desk.headers).json()
    assert told["plan"] is None
    assert told["note"]
    assert row.demand_id in [item["demand_id"] for item in told["items"]]
    assert all(item["fresh"] for item in told["items"])


def test_a_claimed_lead_tells_its_state_and_a_withdrawn_demand_is_gone(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    claimed = desk.plan.rows[3]
    push(instance, desk.institution_id, claimed, state="claimed", due_on=date(2026, 11, 5))
    body = {"uscc": desk.plan.uscc_of[claimed.demand_id], "amount_cny": "500000", "term_months": 12}
    made = client.post("/v1/demands", json={**body, "purpose": "working_capital"}, headers=platform).json()
    short_lived = replace(claimed, demand_id=made["demand_id"], value=claimed.value / 2)
    keep(instance, desk.institution_id, "with-short-lived", (claimed, short_lived))
    (only,) = client.get(desk.url, headers=desk.headers).json()["items"]
    assert (only["demand_id"], only["status"], only["due_on"]) == (claimed.demand_id, "claimed", "2026-11-05")
    keep(instance, desk.institution_id, "short-lived-alone", (short_lived,))
    shown = [item["demand_id"] for item in client.get(desk.url, headers=desk.headers).json()["items"]]
    assert set(shown) - {made["demand_id"]} == {claimed.demand_id}
    assert client.post(f"/v1/demands/{made['demand_id']}/withdraw", headers=platform).status_code == 200
    shown = [item["demand_id"] for item in client.get(desk.url, headers=desk.headers).json()["items"]]
    assert shown == [claimed.demand_id]


def test_a_lead_taken_up_stays_in_the_list_whatever_a_later_plan_says(
    client: Client, desk: Desk, instance: Instance
) -> None:
    taken, other = desk.plan.rows[2], desk.plan.rows[0]
    push(instance, desk.institution_id, taken, state="contacted", pushed_at=None, due_on=date(2026, 11, 9))
    keep(instance, desk.institution_id, "planned-without-it", (other,))
    items = client.get(desk.url, headers=desk.headers).json()["items"]
    told = {item["demand_id"]: (item["status"], item["due_on"], item["fresh"]) for item in items}
    assert told == {other.demand_id: ("open", None, False), taken.demand_id: ("contacted", "2026-11-09", False)}
    push(instance, desk.institution_id, taken, state="disbursed")
    shown = [item["demand_id"] for item in client.get(desk.url, headers=desk.headers).json()["items"]]
    assert shown == [other.demand_id]


def test_the_product_filter_keeps_that_products_leads(client: Client, desk: Desk) -> None:
    product_id = desk.plan.rows[0].product_id
    expected = [row.demand_id for row in desk.plan.rows if row.product_id == product_id]
    items = all_pages(client, desk, 200, f"&product_id={product_id}")
    assert [item["demand_id"] for item in items] == expected
    assert all_pages(client, desk, 200, "&product_id=P-nobody") == []


def test_named_lists_hold_whom_their_article_means_and_cite_it(client: Client, desk: Desk, instance: Instance) -> None:
    day = instance.clock.today()
    profiles = {demand: instance.profiles.row(uscc, day, 0, {}) for demand, uscc in desk.plan.uscc_of.items()}
    for name, article in (("first-loans", "5"), ("renewals", "9"), ("bridge", "8")):
        told = client.get(f"{desk.url}?limit=200&list={name}", headers=desk.headers).json()
        assert told["list"]["article"] == article
        assert told["list"]["todo"]
        assert all(name in item["flags"] for item in told["items"])
        for item in (each for each in told["items"] if each["demand_id"] in profiles):
            profile = profiles[item["demand_id"]]
            if name == "first-loans":
                assert profile["has_prior_loan"] == 0
            else:
                assert float(profile["maturing_90d_cny"] or 0) > 0
    first = {x["demand_id"] for x in all_pages(client, desk, 200, "&list=first-loans")}
    listed = [row.demand_id for row in desk.plan.rows]
    assert {demand for demand in listed if profiles[demand]["has_prior_loan"] == 0} <= first


def test_risk_compensation_is_half_of_the_amount_and_cites_article_six(client: Client, desk: Desk) -> None:
    items = client.get(f"{desk.url}?limit=200", headers=desk.headers).json()["items"]
    covered = 0
    for item in items:
        for cover in item["policy_cover"]:
            assert cover["status"] in {"entitled", "conditional", "upcoming"}
            if cover["measure"] == "risk_compensation":
                covered += 1
                assert cover["article"] == "6"
                assert float(cover["figures"]["gross_cny"]) == pytest.approx(float(item["amount_cny"]) / 2)
    assert covered


def test_a_formula_in_a_name_is_neutralised_in_both_files(
    client: Client, desk: Desk, instance: Instance, platform: dict[str, str]
) -> None:
    uscc = desk.plan.uscc_of[desk.plan.rows[0].demand_id]
    consent(client, platform, uscc, "registry", desk.institution_id)
    kept_name = instance.names[uscc]
    instance.names[uscc] = '=HYPERLINK("http://evil","x"),"y"'
    try:
        content = client.get(desk.url, headers=desk.headers | {"Accept": "text/csv"}).content
        book = client.get(desk.url, headers=desk.headers | {"Accept": XLSX}).content
    finally:
        instance.names[uscc] = kept_name
        withhold(client, platform, uscc, "registry", desk.institution_id)
    assert content.startswith(b"\xef\xbb\xbf")
    header, first, *_ = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert first[header.index("enterprise")] == '\'=HYPERLINK("http://evil","x"),"y"'
    sheet = openpyxl.load_workbook(io.BytesIO(book))["leads"]
    cell = sheet.cell(2, header.index("enterprise") + 1)
    assert cell.data_type == "s"
    assert str(cell.value).startswith("'=")


def test_the_spreadsheet_is_typed_frozen_filtered_and_explained(client: Client, desk: Desk) -> None:
    told = client.get(desk.url, headers=desk.headers | {"Accept": XLSX, "Accept-Language": "zh-CN"})
    assert told.headers["content-disposition"].endswith('.xlsx"')
    assert f"leads-{desk.institution_id}-general-" in told.headers["content-disposition"]
    book = openpyxl.load_workbook(io.BytesIO(told.content))
    assert book.sheetnames == ["线索", "说明"]
    sheet = book["线索"]
    assert sheet.max_row == len(desk.plan.rows) + 1
    assert sheet.freeze_panes is not None
    assert sheet.auto_filter.ref.startswith("A1:")
    place = {cell.value: cell.column for cell in sheet[1]}
    assert isinstance(sheet.cell(2, place["金额（元）"]).value, int | float)
    assert sheet.cell(2, place["线索价值"]).number_format == "0.0%"
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    notes = {row[0].value: row[1].value for row in book["说明"].iter_rows()}
    assert notes["线索计划"] == desk.plan.version
    assert "模拟" in notes["模拟数据"]
    assert set(place) <= set(notes)


def test_a_file_that_does_not_hold_every_lead_says_so_and_only_a_simulated_world_is_called_simulated(
    client: Client, desk: Desk, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def notes() -> tuple[dict[Any, Any], Any]:
        told = client.get(desk.url, headers=desk.headers | {"Accept": XLSX})
        sheet = openpyxl.load_workbook(io.BytesIO(told.content))["notes"]
        return {row[0]: row[1] for row in sheet.iter_rows(values_only=True)}, told.headers

    whole, headers = notes()
    count = int(headers["X-Leads"])
    assert (whole["rows"], headers["X-Leads-Cut"]) == (f"{count}, all there are", "false")
    assert whole["simulated"] == "Enterprises and data of this instance are simulated."
    monkeypatch.setattr("api.lead_pages.MOST", 3)
    monkeypatch.setattr(instance, "world", replace(instance.world, simulated=False))
    cut, headers = notes()
    assert (headers["X-Leads"], headers["X-Leads-Cut"]) == ("3", "true")
    assert cut["rows"].startswith("the first 3 only")
    assert cut["simulated"] == "No: enterprises and data are real."
    assert client.get("/health/ready").json()["simulated"] is False


def test_the_csv_has_a_chinese_header_and_every_lead(client: Client, desk: Desk) -> None:
    headers = {"Authorization": desk.headers["Authorization"], "Accept": "text/csv"}
    told = client.get(f"{desk.url}?limit=3", headers=headers)
    assert told.headers["content-type"].startswith("text/csv")
    header, *lines = csv.reader(io.StringIO(told.content.decode("utf-8-sig"), newline=""))
    assert header[:3] == ["排名", "企业", "产品"]
    assert len(lines) == len(desk.plan.rows)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "  =1", "\n=1"])
def test_no_text_begins_as_a_formula(text: str) -> None:
    assert harmless(text) == "'" + text
    assert harmless("烟台" + text) == "烟台" + text


def test_the_first_known_media_type_decides_the_form() -> None:
    assert form_of("text/html, text/csv;q=0.9") == "csv"
    assert form_of(f"{XLSX}, application/json") == "xlsx"
    assert form_of("") == form_of("*/*") == form_of("application/json, text/csv") == "json"


def test_a_list_goes_to_a_file_from_the_terminal(settings: Settings, desk: Desk, tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / "leads.xlsx"
    query = Query(institution_id=desk.institution_id, limit=2_000)
    assert show_leads(settings, query, file, "en", said.append) == 0
    assert openpyxl.load_workbook(file)["leads"].max_row == len(desk.plan.rows) + 1
    assert show_leads(settings, replace(query, institution_id="I-none"), file, "en", said.append) == 1
    assert "no institution" in said[-1]


def audited(instance: Instance) -> list[dict[str, Any]]:
    """Details of the disclosures of leads on record."""
    query = select(audit.c.detail).where(audit.c.action == "leads_disclosed").order_by(audit.c.sequence)
    return [msgspec.json.decode(detail) for detail in instance.store.read(lambda c: c.execute(query).scalars().all())]
