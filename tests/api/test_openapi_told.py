"""The OpenAPI document and the edge as it says: bodies by example, parameters by name, HEAD, readiness, metrics, start.

That no answer is undocumented is held by the client of these tests, on every answer of every test of the edge.
"""

import json
import re
import socket
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.bench_http import free_port
from api.cli import app as commands
from api.instance import Instance
from api.measured import drift
from api.serving import listen, serve
from api.settings import Settings
from tests.api.in_process import Client

pytestmark = pytest.mark.xdist_group("api")
DOCUMENT: dict[str, Any] = create_app(Settings()).openapi()
OPERATIONS = [
    pytest.param(path, operation, id=f"{method.upper()} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
WITH_BODY = [each for each in OPERATIONS if "requestBody" in each.values[1]]


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_route_says_what_it_answers_and_how_it_refuses(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, told in responses.items():
        for media, content in told.get("content", {}).items():
            assert content.get("schema"), (status, media)
    assert any(status.startswith("2") for status in responses)
    if path.startswith("/v1/"):
        assert {"401", "403", "422", "429", "503"} <= set(responses)
        assert "Retry-After" in responses["429"]["headers"]
        refused = [each for status, each in responses.items() if int(status) >= 400]
        assert {media for each in refused for media in each["content"]} == {"application/problem+json"}
    assert operation["summary"]
    assert operation["description"]


@pytest.mark.parametrize(("_path", "operation"), WITH_BODY)
def test_every_body_has_an_example_that_its_schema_takes(_path: str, operation: dict[str, Any]) -> None:
    content = operation["requestBody"]["content"]["application/json"]
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema_rs.validate(schema, content["example"])


def test_an_answer_the_document_does_not_say_is_caught_in_whichever_test() -> None:
    client = Client(create_app(Settings()))
    try:
        assert client.get("/health/live").json() == {"status": "live"}
        told = client.app.openapi()["paths"]["/health/live"]["get"]["responses"]
        answer = told.pop("200")
        told["418"] = answer
        with pytest.raises(AssertionError, match="GET /health/live 200 is not documented"):
            client.get("/health/live")
        told["200"] = {**answer, "content": {"text/plain": {}}}
        with pytest.raises(AssertionError, match="answers application/json"):
            client.get("/health/live")
    finally:
        client.close()


def test_a_parameter_nobody_asked_for_is_named_and_one_given_twice_too(
    client: Client, platform: dict[str, str]
) -> None:
    refused = client.get("/v1/products?knid=loan&limit=1&limit=2&q=x", headers=platform)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/knid", "/limit"]
    assert "kind, institution_id, q" in refused.json()["errors"][0]["detail"]
    assert client.post("/v1/demands?draft=true", json={}, headers=platform).json()["errors"][0]["pointer"] == "/draft"
    assert client.get("/v1/products?knid=loan").status_code == 401
    assert client.get("/health/live?probe=1").status_code == 200


def test_head_is_get_without_its_body(client: Client, platform: dict[str, str], keys: dict[str, Any]) -> None:
    for path in ("/v1/products?limit=1", "/v1/products/P-none", "/health/live", "/v1/lists/products.csv"):
        whole, head = (client.request(method, path, headers=platform) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert head.status_code == whole.status_code
        ignored = {"x-request-id", "date"}
        assert {k: v for k, v in head.headers.items() if k not in ignored} == {
            k: v for k, v in whole.headers.items() if k not in ignored
        }
    bank = {"Authorization": f"Bearer {keys['institution']['key']}"}
    assert client.request("HEAD", "/v1/stream/leads", headers=bank).status_code == 405


def test_metrics_tell_queues_desks_champion_and_drift_and_nobodys_data(
    client: Client, instance: Instance, platform: dict[str, str]
) -> None:
    uscc = instance.profiles.codes[0]
    client.get(f"/v1/enterprises/{uscc}/profile", headers=platform)
    told = {"alarms": ["drift:age"], "findings": [{"group": "drift", "name": "age", "state": "alarm", "value": 0.31}]}
    file = instance.settings.matcher_home / "monitor.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    try:
        text = client.get("/metrics").text
    finally:
        file.unlink()
    for line in (
        r"matcher_ready 1\.0",
        r"matcher_store_waiting \d",
        r"matcher_push_queue \d",
        rf'matcher_champion_info{{model="{re.escape(instance.matcher.versions.model)}"}} 1\.0',
        r"matcher_champion_refused 0\.0",
        r'matcher_drift{group="drift",name="age",state="alarm"} 0\.31',
        r"matcher_drift_alarms 1\.0",
        r'matcher_request_seconds_count{route="/v1/enterprises/{uscc}/profile"} \d',
    ):
        assert re.search(f"^{line}", text, re.MULTILINE), line
    for name in ("matcher_leads", "matcher_leads_late", "matcher_push_deliveries", "matcher_push_delay_seconds"):
        assert f"# TYPE {name} " in text
    assert not [code for code in instance.profiles.codes if code in text]


@pytest.mark.parametrize("content", ["{", "[]", '{"findings": 3, "alarms": []}', None])
def test_a_monitor_that_cannot_be_read_is_no_drift_rather_than_none(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "monitor.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert list(drift(file)) == []


def test_readiness_names_the_champion_that_is_missing(world: Path, tmp_path: Path) -> None:
    chosen = Settings(matcher_home=tmp_path, matcher_city=world, matcher_models=tmp_path / "none")
    client = Client(create_app(chosen))
    service = client.app.state.service
    try:
        assert client.get("/health/ready").json() == {"status": "unready", "missing": ["loading"]}
        service.start(lambda _line: None, lambda _instance: None)
        service._loading.join()
        told = client.get("/health/ready")
        assert (told.status_code, told.json()["missing"]) == (503, ["champion"])
        assert told.json()["reason"]
        refused = client.get("/v1/products", headers={"Authorization": "Bearer cm_x_y"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    finally:
        client.close()


def test_a_port_that_is_taken_is_one_line_and_a_bad_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(Settings(port=port, matcher_home=tmp_path), said.append) == 1
    assert said == [
        f"not started: 127.0.0.1, port {port} is taken by another program; stop it, or set PORT to a free one."
    ]
    with listen("127.0.0.1", free_port()) as opened:
        assert opened.getsockname()[0] == "127.0.0.1"
    monkeypatch.setenv("PORT", "eight thousand")
    monkeypatch.setenv("MATCHER_HOME", str(tmp_path))
    told = CliRunner().invoke(commands, ["run"])
    assert told.exit_code == 1
    assert str(told.exception).startswith("not started: PORT: ") or "not started: PORT: " in told.output
    assert "Traceback" not in told.output
