"""The client says what the service means: typed, tried again only where that is safe, resumed, and nothing left out."""

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

import httpx
import pytest

from api import signing
from api.client import Client, Patience, Problem, bank_side, enterprise_side, meeting_side, shared, verify_webhook
from tests.api.in_process import Client as InProcess

pytestmark = pytest.mark.xdist_group("api")

URL = "http://matcher.test"
Answer = Callable[[httpx.Request], httpx.Response]


def over(answer: Answer, waits: list[float] | None = None, tries: int = 4) -> Client:
    """A client whose every request is answered here; waits are noted, not waited."""
    patience = Patience(tries=tries, sleep=(waits if waits is not None else []).append)
    return Client(
        URL, "cm_key", language="en", patience=patience, http=httpx.Client(transport=httpx.MockTransport(answer))
    )


class Through(httpx.BaseTransport):
    """Carries a blocking client's requests to the app in process."""

    def __init__(self, client: InProcess) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        told = self._client.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(told.status_code, headers=told.headers, content=told.content, request=request)


@pytest.fixture
def of_role(client: InProcess, keys: dict[str, Any]) -> Callable[[str], Client]:
    """A client of the running app with the key of a role."""

    def made(role: str) -> Client:
        key = keys[role]["key"] if role == "institution" else keys[role]
        return Client(URL, key, language="en", http=httpx.Client(transport=Through(client)))

    return made


def calls_of(module: ModuleType) -> Iterator[tuple[str, str]]:
    """(method, path) of every call written in a module: two neighbouring texts, or a method beside ``path``."""
    tree = ast.parse(inspect.getsource(module))
    for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
        texts = [
            each.value for each in ast.walk(function) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        methods = [text for text in texts if text in {"GET", "POST", "PUT", "DELETE"}]
        yield from ((methods[0], text) for text in texts if text.startswith("/v1/") and methods)


def test_every_operation_of_the_document_has_a_method_and_no_method_has_none(client: InProcess) -> None:
    written = {call for module in (enterprise_side, bank_side, meeting_side, shared) for call in calls_of(module)}
    documented = {
        (method.upper(), path)
        for path, methods in client.app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    }
    assert written == documented


def test_a_demand_goes_its_way_through_the_client(of_role: Callable[[str], Client], keys: dict[str, Any]) -> None:
    platform = of_role("platform")
    uscc = next(platform.enterprises())["uscc"]
    made = platform.publish({"uscc": uscc, "amount_cny": "500000", "term_months": 12, "purpose": "working_capital"})
    assert platform.demand(made["demand_id"])["state"] in {"published", "pushed"}
    found = platform.recommend(demand_id=made["demand_id"], top_n=3)
    assert found["demand_id"] == made["demand_id"]
    assert platform.replay(found["recommendation_id"])["identical"] is True
    assert platform.withdraw(made["demand_id"])["state"] == "withdrawn"
    granted = platform.grant(uscc, "tax", purpose="financing_match", recipient="platform", expires_on=date(2027, 1, 1))
    assert granted["expires_on"] == "2027-01-01"
    assert platform.profile(uscc)["uscc"] == uscc
    assert next(of_role("analyst").audit(subject=made["demand_id"]))["action"] == "demand_published"
    assert list(of_role("institution").leads(keys["institution"]["institution_id"])) is not None


def test_pages_are_walked_to_the_end_without_a_double(of_role: Callable[[str], Client]) -> None:
    walked = [each["product_id"] for each in of_role("regulator").products(page_size=7)]
    assert walked == sorted(set(walked))
    assert len(walked) == len(list(of_role("regulator").products(page_size=200))) > 7


def test_a_file_held_already_is_not_sent_again(of_role: Callable[[str], Client]) -> None:
    regulator = of_role("regulator")
    first = regulator.list_file("products", "csv")
    assert first is not None
    content, tag = first
    assert content.startswith(b"\xef\xbb\xbf")
    assert regulator.list_file("products", "csv", held=tag) is None
    assert regulator.list_file("products", "csv", held='"other"') is not None


def test_a_refusal_carries_its_code_and_every_bad_field(of_role: Callable[[str], Client]) -> None:
    with pytest.raises(Problem) as caught:
        of_role("platform").publish({"uscc": "9137", "amount_cny": "-1", "term_months": 12, "purpose": "startup"})
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    assert {each.pointer for each in caught.value.errors} == {"/uscc", "/amount_cny"}
    assert len(caught.value.request_id) == 16
    with pytest.raises(Problem, match="403 forbidden"):
        of_role("regulator").keys()


def test_a_creating_call_is_tried_again_under_one_key_and_waits_as_long_as_it_is_told() -> None:
    seen: list[httpx.Request] = []
    waits: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            raise httpx.ReadError("cut off")
        if len(seen) == 2:
            return httpx.Response(429, headers={"Retry-After": "7"}, json={"type": "urn:x:too_fast", "detail": "slow"})
        return httpx.Response(201, json={"demand_id": "D-1"})

    assert over(answer, waits).publish({"uscc": "u"})["demand_id"] == "D-1"
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
    assert len({request.content for request in seen}) == 1
    assert 0.16 <= waits[0] <= 0.34
    assert waits[1] == 7.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 500, 502])
def test_nothing_but_429_and_503_is_tried_again(status: int) -> None:
    tried: list[int] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        tried.append(status)
        return httpx.Response(status, text="<html>no</html>")

    with pytest.raises(Problem) as caught:
        over(answer).demand("D-1")
    assert tried == [status]
    assert caught.value.code == "unknown"


def test_what_may_not_happen_twice_is_not_sent_twice_once_it_was_sent() -> None:
    tried: list[str] = []

    def cut_off(request: httpx.Request) -> httpx.Response:
        tried.append(request.url.path)
        raise httpx.ReadError("cut off")

    client = over(cut_off)
    for call in (lambda: client.send_test("W"), lambda: client.put_records("U", "tax", date(2026, 1, 1), [{}])):
        with pytest.raises(httpx.ReadError):
            call()
    assert tried == ["/v1/webhooks/W/test", "/v1/enterprises/U/records/tax"]
    with pytest.raises(httpx.ReadError):
        client.demand("D/1")
    assert tried[2:] == ["/v1/demands/D/1"] * 4


def test_a_connection_that_never_was_is_tried_again_until_patience_ends() -> None:
    waits: list[float] = []

    def refused(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(httpx.ConnectError):
        over(refused, waits, tries=3).send_test("W")
    assert len(waits) == 2


def test_a_stream_is_resumed_after_the_last_whole_event() -> None:
    asked: list[str | None] = []
    texts = [
        'retry: 1000\n\n: open\n\nid: 4\nevent: lead.pushed\ndata: {"lead_id": "L-4"}\n\nid: 5\nevent: lead.pu',
        'id: 5\nevent: lead.pushed\ndata: {"lead_id": "L-5"}\n\n',
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) > 2:
            return httpx.Response(401, json={"type": "urn:x:unauthenticated", "detail": "no key"})
        return httpx.Response(200, text=texts[len(asked) - 1])

    stream = over(answer).stream_leads("3")
    told = [next(stream), next(stream)]
    with pytest.raises(Problem, match="401"):
        next(stream)
    assert [(event.id, event.data["lead_id"]) for event in told] == [("4", "L-4"), ("5", "L-5")]
    assert asked == ["3", "4", "5"]


def test_a_message_is_believed_by_its_signature_alone() -> None:
    now, body, secret = (
        datetime(2026, 11, 23, tzinfo=UTC),
        json.dumps({"lead_id": "L-1"}).encode(),
        signing.new_secret(),
    )
    sent = {name.title(): value for name, value in signing.sign([secret], "msg_1", now, body).items()}
    seen: set[str] = set()
    assert verify_webhook([secret], sent, body, now, seen=seen) == "msg_1"
    with pytest.raises(signing.RepeatedError):
        verify_webhook([secret], sent, body, now, seen=seen)
    with pytest.raises(signing.ForgedError):
        verify_webhook([signing.new_secret()], sent, body, now)
