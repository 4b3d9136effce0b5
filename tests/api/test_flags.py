"""Flags over the wire: from records the platform may read, and core enterprises it has confirmed."""

from typing import Any

import pandas as pd
import pytest

from api.instance import Instance
from matcher.store.enterprises import ConsentRow, grant, revoke
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")
CORE = "91370602MA3TERT037"


@pytest.fixture(scope="module")
def seller(instance: Instance) -> tuple[str, str]:
    """An enterprise and a customer it sold to last."""
    day = pd.Timestamp(instance.clock.today())
    rows = pd.read_parquet(instance.world.sources / "invoices.parquet")
    issued = pd.to_datetime(rows["issued_on"])
    good = (rows["direction"] == "output") & (rows["status"] == "valid") & (rows["amount_cny"] > 0)
    recent = rows[good & (issued > day - pd.Timedelta(days=300)) & (issued <= day)]
    row = recent[pd.to_datetime(recent["known_on"]) <= day].iloc[-1]
    return str(row["uscc"]), str(row["counterparty"])


def flag(client: Client, platform: dict[str, str], uscc: str, code: str, query: str = "") -> dict[str, Any]:
    answered = client.get(f"/v1/enterprises/{uscc}/flags{query}", headers=platform)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = next(one for one in answered.json()["flags"] if one["flag"] == code)
    return found


def sales_signal(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in told["signals"] if one["code"] == "sales_to_anchors")
    return found


def test_selling_to_a_confirmed_core_enterprise_sets_the_flag_until_it_is_withdrawn(
    client: Client, platform: dict[str, str], instance: Instance, seller: tuple[str, str]
) -> None:
    uscc, customer = seller
    before = sales_signal(flag(client, platform, uscc, "supply_chain"))
    assert (before["value"], before["settle_with"]) == ("unknown", "anchors")
    put = client.put(f"/v1/anchors/{CORE}", json={"name": "核心", "known_as": [customer]}, headers=platform)
    assert put.status_code == 200, put.text
    listed = client.get("/v1/anchors", headers=platform).json()["items"]
    assert [one["uscc"] for one in listed] == [CORE]
    told = flag(client, platform, uscc, "supply_chain")
    assert told["value"] == sales_signal(told)["value"] == "yes"
    assert 0 < float(sales_signal(told)["observed"]) <= 1
    assert told["article"] == "1"
    day_before = sales_signal(flag(client, platform, uscc, "supply_chain", "?as_of=2026-01-01"))
    assert day_before["value"] == "unknown"
    assert client.delete(f"/v1/anchors/{CORE}", headers=platform).status_code == 204
    assert client.delete(f"/v1/anchors/{CORE}", headers=platform).status_code == 404
    assert sales_signal(flag(client, platform, uscc, "supply_chain"))["value"] == "unknown"


def test_a_source_without_consent_leaves_the_flag_unknown(
    client: Client, platform: dict[str, str], instance: Instance
) -> None:
    trader = next(
        uscc
        for uscc in instance.profiles.codes
        if (instance.profiles.row(uscc, instance.clock.today(), 0, {})["exports_12m_cny"] or 0) != 0
        and flag(client, platform, uscc, "cross_border")["value"] == "yes"
    )
    instance.store.write(lambda connection: revoke(connection, trader, "customs", None, None))
    told = flag(client, platform, trader, "cross_border")
    row = ConsentRow(
        uscc=trader,
        source="customs",
        purpose="financing_match",
        recipient="platform",
        granted_on=instance.clock.today(),
        expires_on=None,
    )
    instance.store.write(lambda connection: grant(connection, [row], instance.clock.now()))
    assert (told["value"], told["settle_with"]) == ("unknown", ["customs"])
    assert flag(client, platform, trader, "cross_border")["value"] == "yes"


def test_what_cannot_be_is_refused(client: Client, platform: dict[str, str]) -> None:
    assert client.get(f"/v1/enterprises/{CORE}/flags", headers=platform).status_code == 404
    assert client.get("/v1/enterprises/9137/flags", headers=platform).status_code == 422
    assert client.put(f"/v1/anchors/{CORE}", json={"name": ""}, headers=platform).status_code == 422
    assert client.put(f"/v1/anchors/{CORE}", json={"name": "x", "sex": 1}, headers=platform).status_code == 422
    assert client.put("/v1/anchors/9137", json={"name": "x"}, headers=platform).status_code == 422
