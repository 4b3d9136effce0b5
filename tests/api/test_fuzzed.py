"""Whatever is sent to whichever route with whichever key: no fault of ours, and no answer the document does not say.

Cases come from Schemathesis out of the OpenAPI document, half of them made wrong on purpose, and from plain random
bytes. ``FUZZ_EXAMPLES`` cases a route and kind (``make fuzz``: many, and different ones every time).
"""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.instance import Instance, open_instance
from api.keys import ensure_keys
from api.outbound import Guard
from api.settings import Settings
from matcher.store.leads import lead_id_of
from tests.api.in_process import Client
from tests.api.lead_plans import plan
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.xdist_group("fuzz")

STATED = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = int(STATED or 4)
BYTES = 1_000_000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
DOCUMENT = create_app(Settings()).openapi()
ENDLESS = "/v1/stream/leads"
"""Its good answer never ends; its refusals are tried in the table of roles and in the stream's own tests."""
OPERATIONS: list[APIOperation[Any, Any, Any, Any]] = [
    found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations() if found.ok().path != ENDLESS
]
USUAL = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=STATED is None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fuzzed(
    world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase
) -> Iterator[Instance]:
    """An instance of its own: what is sent here may change everything in it."""
    home = tmp_path_factory.mktemp("fuzzed")
    chosen = Settings(
        matcher_home=home,
        matcher_city=world,
        matcher_models=models,
        database_url=fresh_database(home),
        max_body_bytes=BYTES // 2,
    )
    opened = open_instance(chosen, lambda _line: None)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sender(fuzzed: Instance) -> Iterator["Sender"]:
    """Sends what was made up, with a key of each role."""
    client = Client(create_app(fuzzed.settings, opened=fuzzed))
    client.app.state.service.guard = Guard(is_production=False, resolver=_no_name)
    yield Sender(client, fuzzed)
    client.close()


async def _no_name(_host: str, _port: int) -> list[str]:
    return []


class Sender:
    """Sends one case with the key of every role."""

    def __init__(self, client: Client, instance: Instance) -> None:
        made = ensure_keys(instance)
        assert made is not None
        bank = made["institution"]["institution_id"]
        self.client = client
        self.answered: dict[str, Counter[int]] = defaultdict(Counter)
        self.keys = {role: kept["key"] if role == "institution" else kept for role, kept in made.items()}
        products = instance.matcher.catalog.products
        demand = {"uscc": instance.profiles.codes[0], "amount_cny": "1000000", "term_months": 12, "purpose": "startup"}
        published = self.put("POST", "/v1/demands", "platform", demand, {201}).json()["demand_id"]
        asked = self.put("POST", "/v1/recommendations", "platform", {"demand_id": published}, {200}).json()
        self.real: dict[str, str] = {
            "uscc": instance.profiles.codes[0],
            "source": "tax",
            "institution_id": bank,
            "product_id": next(each.product_id for each in products if each.institution_id == bank),
            "demand_id": published,
            "recommendation_id": asked["recommendation_id"],
            "webhook_id": self.hook(),
            "lead_id": lead_id_of(plan(instance, bank, "fuzzed", most=1, looked_at=60).rows[0].demand_id, bank),
            "referral_id": self.referral(str(instance.profiles.codes[0]), bank),
            "event_id": self.event(bank),
            "version": "1",
            "delivery_id": "1",
            "kind": "lead.pushed",
            "key_id": instance.keyring.issue("analyst").split("_")[1],
            "name": "products",
            "form": "csv",
        }

    def hook(self) -> str:
        """A new webhook of the institution."""
        made = self.put("POST", "/v1/webhooks", "institution", {"url": "https://127.0.0.1/hook"}, {201})
        return str(made.json()["webhook_id"])

    def referral(self, uscc: str, bank: str) -> str:
        """A referral to the institution."""
        leave = {"purpose": "equity_referral", "recipient": bank}
        self.put("PUT", f"/v1/enterprises/{uscc}/consents/registry", "platform", leave, {200})
        body = {"uscc": uscc, "kind": "equity", "recipient": bank}
        return str(self.put("POST", "/v1/referrals", "platform", body, {201}).json()["referral_id"])

    def event(self, bank: str) -> str:
        """A matchmaking event with a table of the institution."""
        body = {"theme": "general", "day": "2027-01-15", "tables": 1, "slots": 2, "institutions": [bank]}
        made = self.put("POST", "/v1/matchmaking-events/plan", "platform", body | {"include_unknown": True}, {201})
        return str(made.json()["matchmaking_event_id"])

    def put(self, method: str, path: str, role: str, body: object, wanted: set[int]) -> httpx.Response:
        """One request that is meant to work."""
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        answer = self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code in wanted, answer.text
        return answer

    def known(self, value: Any) -> Any:
        """A body with the ids of things there are in place of those made up."""
        if isinstance(value, dict):
            ids = ("uscc", "demand_id", "product_id", "recommendation_id")
            return {name: self.real[name] if name in ids else self.known(each) for name, each in value.items()}
        return [self.known(each) for each in value] if isinstance(value, list) else value

    def send(self, case: Case, real: bool) -> None:
        """Send a case with every key, and hold every answer against the document."""
        if real:
            found = {name: self.real[name] for name in case.path_parameters or {} if name in self.real}
            case.path_parameters = {**(case.path_parameters or {}), **found}
            case.body = self.known(case.body)
        sent = case.as_transport_kwargs(base_url="http://matcher.test")
        options = {name: sent[name] for name in ("params", "json", "headers") if sent.get(name) is not None}
        if sent.get("data") is not None:
            options["content"] = sent["data"]
        for key in self.keys.values():
            headers = {**options.get("headers", {}), "Authorization": f"Bearer {key}"}
            answer = self.client.request(sent["method"], sent["url"], **{**options, "headers": headers})
            case.validate_response(answer, checks=CHECKS)
            if answer.status_code == 204 and real and "/webhooks/" in case.path:
                self.real["webhook_id"] = self.hook()
            self.answered[case.operation.label][answer.status_code] += 1


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda each: each.value)
def test_a_case_made_from_the_document_is_answered_as_the_document_says(
    sender: Sender, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode
) -> None:
    if mode is GenerationMode.NEGATIVE and not operation.path.count("{") and not operation.body and not operation.query:
        return  # nothing there that could be wrong

    @USUAL
    @given(case=operation.as_strategy(generation_mode=mode), real=strategies.booleans())
    def holds(case: Case, real: bool) -> None:
        sender.send(case, real)

    holds()


def test_most_routes_did_what_they_were_asked_for_some_case(sender: Sender) -> None:
    reached = [label for label, told in sender.answered.items() if any(status < 400 for status in told)]
    assert len(reached) >= 0.75 * len(sender.answered), sorted(set(sender.answered) - set(reached))


@pytest.mark.parametrize(
    ("method", "path"),
    [(each.method.upper(), each.path) for each in OPERATIONS if each.method.upper() in {"POST", "PUT"}],
)
def test_a_million_random_bytes_are_refused_politely(sender: Sender, method: str, path: str) -> None:
    chance = random.Random(f"{method} {path}")
    url = path.format(**sender.real)
    pieces = 300 if _reads_a_body(method, path) else 10
    sizes = [BYTES // 2, *[BYTES // 40] * 18, *[BYTES // 20 // pieces + 1] * pieces]
    example = b'{"events": [{"event_id": "e-1"}], "rows": [{}], "demand": {"amount_cny": "1e3"}, "facts": {}}'
    for number, size in enumerate(sizes):
        junk = chance.randbytes(size)
        body = junk if number % 3 else example[: chance.randrange(len(example))] + junk
        role = list(sender.keys)[number % len(sender.keys)]
        headers = {"Authorization": f"Bearer {sender.keys[role]}", "Content-Type": "application/json"}
        answer = sender.client.request(method, url, content=body, headers=headers)
        assert answer.status_code < 500, answer.text
        if answer.status_code < 300:
            assert not _reads_a_body(method, path), f"{body[:80]!r} was taken for {answer.text[:200]}"
    assert sum(sizes) >= BYTES


def _reads_a_body(method: str, path: str) -> bool:
    return "requestBody" in DOCUMENT["paths"][path][method.lower()]
