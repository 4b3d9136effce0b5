"""Logs: every request leaves one line, and no line holds anything of anybody's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from api.instance import Instance
from api.logs import configure, where
from tests.api.in_process import Client

UNKNOWN = "91370602MA3TERT037"


@pytest.fixture
def logging(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Logs as in production, for one test."""
    configure("info")
    yield capfd
    structlog.reset_defaults()


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().err.splitlines() if line.startswith("{")]


def test_a_request_leaves_one_line_by_its_route_and_quotes_its_id(
    client: Client, platform: dict[str, str], logging: pytest.CaptureFixture[str]
) -> None:
    answered = client.get(f"/v1/enterprises/{UNKNOWN}/profile", headers=platform)
    told = [line for line in lines(logging) if line["event"] == "request"]
    assert [(line["route"], line["status"], line["request_id"]) for line in told] == [
        ("/v1/enterprises/{uscc}/profile", answered.status_code, answered.headers["x-request-id"])
    ]
    assert told[0]["caller"].startswith("platform:")


def test_no_line_holds_a_code_a_name_a_key_or_an_amount(
    client: Client, platform: dict[str, str], instance: Instance, logging: pytest.CaptureFixture[str]
) -> None:
    uscc = instance.profiles.codes[0]
    stated = {"uscc": uscc, "amount_cny": "1234567.89", "term_months": 12, "purpose": "working_capital"}
    assert client.post("/v1/recommendations", json={"demand": stated}, headers=platform).status_code == 200
    client.get(f"/v1/enterprises/{uscc}/profile", headers=platform)
    client.get(f"/v1/nothing/{uscc}", headers=platform)
    text = json.dumps(lines(logging), ensure_ascii=False)
    assert '"status": 200' in text
    secret = platform["Authorization"].split("_")[-1]
    for private in (uscc, instance.names[uscc], "1234567", secret):
        assert private not in text


def test_an_error_is_logged_by_kind_and_place_without_its_message(logging: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AttributeError) as raised:
        configure("no such level")  # type: ignore[arg-type]  # what is tried here
    structlog.get_logger("t").error("unexpected", exc_info=raised.value)
    assert where(raised.value)[-1].startswith("api/logs.py:")
    (line,) = lines(logging)
    assert (line["event"], line["error"]) == ("unexpected", "AttributeError")
    assert "NO SUCH LEVEL" not in json.dumps(line)
