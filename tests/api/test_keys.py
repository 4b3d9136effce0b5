"""Keys, tokens and rates: narrowed, replaced, expired, forged, flooded; each is refused for what it is."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from api.app import create_app
from api.auth import scope_of
from api.instance import Instance
from api.oidc import Tokens
from api.rate_limit import RateLimits
from api.settings import Settings
from tests.api.in_process import Client

NOW = datetime.now(UTC)
ISSUER, AUDIENCE = "https://id.city.test", "credit-matcher"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Accept-Language": "en"}


@pytest.fixture
def admin(keys: dict[str, Any]) -> dict[str, str]:
    return bearer(keys["admin"])


def test_a_key_is_seen_once_and_a_replay_of_its_making_shows_it_no_more(client: Client, admin: dict[str, str]) -> None:
    headers = admin | {"Idempotency-Key": "make-one"}
    first = client.post("/v1/keys", json={"role": "analyst"}, headers=headers)
    again = client.post("/v1/keys", json={"role": "analyst"}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json()["key"].startswith(f"cm_{first.json()['key_id']}_")
    assert again.json() == first.json() | {"key": None}
    listed = client.get("/v1/keys", headers=admin).json()["items"]
    assert first.json()["key_id"] in {row["key_id"] for row in listed}
    assert "key" not in listed[0]


def test_a_narrowed_key_reads_and_does_not_write(client: Client, admin: dict[str, str]) -> None:
    made = client.post("/v1/keys", json={"role": "platform", "scopes": ["demands:read"]}, headers=admin).json()["key"]
    assert client.get("/v1/demands/D-none", headers=bearer(made)).status_code == 404
    refused = client.post("/v1/demands", json={}, headers=bearer(made))
    assert refused.status_code == 403
    assert "demands:write" in refused.json()["detail"]


def test_a_replaced_key_opens_until_its_grace_is_over(
    client: Client, admin: dict[str, str], instance: Instance
) -> None:
    old = client.post("/v1/keys", json={"role": "platform", "scopes": ["demands:read"]}, headers=admin).json()
    new = client.post(f"/v1/keys/{old['key_id']}/rotate", headers=admin).json()
    assert (new["rotated_from"], new["role"], new["scopes"]) == (old["key_id"], "platform", ["demands:read"])
    for key in (old["key"], new["key"]):
        assert client.get("/v1/demands/D-none", headers=bearer(key)).status_code == 404
    last = instance.keyring.rotate(new["key_id"], grace=timedelta(0))
    assert last is not None
    assert client.get("/v1/demands/D-none", headers=bearer(new["key"])).status_code == 401
    assert client.get("/v1/demands/D-none", headers=bearer(last)).status_code == 404


def test_the_successor_of_a_key_ends_when_the_key_was_to_end(client: Client, admin: dict[str, str]) -> None:
    end = "2027-01-31T00:00:00.000000+00:00"
    for body, expected in (({"expires_at": end}, end), ({}, None)):
        old = client.post("/v1/keys", json={"role": "platform", **body}, headers=admin).json()
        for _ in range(2):  # the second time the old key has its grace alone left
            new = client.post(f"/v1/keys/{old['key_id']}/rotate", headers=admin).json()
            assert new["expires_at"] == expected


def test_an_expired_key_and_a_revoked_one_open_nothing(client: Client, admin: dict[str, str]) -> None:
    past = (NOW - timedelta(seconds=1)).isoformat()
    expired = client.post("/v1/keys", json={"role": "platform", "expires_at": past}, headers=admin).json()
    assert client.get("/v1/demands/D-none", headers=bearer(expired["key"])).status_code == 401
    revoked = client.post("/v1/keys", json={"role": "platform"}, headers=admin).json()
    assert client.get("/v1/demands/D-none", headers=bearer(revoked["key"])).status_code == 404
    assert client.delete(f"/v1/keys/{revoked['key_id']}", headers=admin).status_code == 204
    assert client.get("/v1/demands/D-none", headers=bearer(revoked["key"])).status_code == 401
    assert client.post(f"/v1/keys/{revoked['key_id']}/rotate", headers=admin).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "mayor"}, "/role"),
        ({"role": "institution"}, ""),
        ({"role": "platform", "institution_id": "B-1"}, ""),
        ({"role": "institution", "institution_id": "B-none"}, "/institution_id"),
        ({"role": "platform", "scopes": ["everything"]}, "/scopes/0"),
        ({"role": "platform", "expires_at": "2026-11-23T08:00:00"}, "/expires_at"),
        ({"role": "platform", "requests_per_minute": 0}, "/requests_per_minute"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_its_field(
    client: Client, admin: dict[str, str], body: dict[str, Any], pointer: str
) -> None:
    refused = client.post("/v1/keys", json=body, headers=admin)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_a_caller_beyond_its_rate_is_told_when_to_come_back(client: Client, admin: dict[str, str]) -> None:
    made = client.post("/v1/keys", json={"role": "platform", "requests_per_minute": 12}, headers=admin).json()["key"]
    answers = [client.get("/v1/demands/D-none", headers=bearer(made)) for _ in range(4)]
    # Ten seconds' worth of 12 a minute are two requests; the next comes in after five seconds.
    assert [answer.status_code for answer in answers] == [404, 404, 429, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 5


def test_a_bucket_fills_with_time_and_never_over() -> None:
    moment = [0.0]
    limits = RateLimits(60, lambda: moment[0])
    assert [limits.wait("a") for _ in range(11)] == [0] * 10 + [1]
    assert limits.wait("b") == 0
    moment[0] = 1.0
    assert [limits.wait("a"), limits.wait("a")] == [0, 1]
    moment[0] = 1_000.0
    assert [limits.wait("a") for _ in range(11)] == [0] * 10 + [1]


def test_the_scope_of_a_request_is_its_noun_and_whether_it_reads() -> None:
    assert scope_of("GET", "/v1/institutions/B-1/leads") == "institutions:read"
    assert scope_of("PUT", "/v1/products/P-1") == "products:write"


@pytest.fixture(scope="module")
def signer() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture(scope="module")
def fetches() -> list[str]:
    return []


@pytest.fixture(scope="module")
def jwks(signer: rsa.RSAPrivateKey, fetches: list[str]) -> Iterator[str]:
    """An identity provider's published keys, on loopback."""
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(signer.public_key()))
    document = json.dumps({"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}).encode()

    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fetches.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Published)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    server.server_close()
    thread.join()


def token(signer: rsa.RSAPrivateKey, kid: str = "one", **claims: Any) -> str:
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "desk-7", "exp": NOW + timedelta(hours=1), "role": "platform"}
    return jwt.encode(said | claims, signer, algorithm="RS256", headers={"kid": kid})


def test_a_token_of_the_provider_opens_what_its_role_may(
    settings: Settings, instance: Instance, jwks: str, signer: rsa.RSAPrivateKey
) -> None:
    chosen = settings.model_copy(update={"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": jwks})
    client = Client(create_app(chosen, opened=instance))
    bank = instance.matcher.catalog.products[0].institution_id
    try:
        assert client.get("/v1/demands/D-none", headers=bearer(token(signer))).status_code == 404
        assert client.get("/v1/keys", headers=bearer(token(signer))).status_code == 403
        of_bank = token(signer, role="institution", institution_id=bank)
        assert client.get("/v1/products", headers=bearer(of_bank)).status_code == 200
        narrowed = token(signer, scope="openid products:read")
        assert client.get("/v1/demands/D-none", headers=bearer(narrowed)).status_code == 403
    finally:
        client.close()


def test_two_people_whose_names_begin_alike_are_two_callers(jwks: str, signer: rsa.RSAPrivateKey) -> None:
    tokens, begin = Tokens(ISSUER, AUDIENCE, jwks), "https://identity.bank.test/people/"
    callers = [tokens.caller(token(signer, sub=begin + name), NOW) for name in ("wang", "zhang")]
    assert None not in callers
    assert len({each.name for each in callers if each}) == 2
    assert all(len(each.key_id) <= 32 for each in callers if each)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - timedelta(hours=1)},
        {"iss": "https://elsewhere.test"},
        {"aud": "another-service"},
        {"role": "mayor"},
        {"role": "institution"},
        {"role": "platform", "institution_id": "B-1"},
        {"nbf": NOW + timedelta(hours=1)},
    ],
)
def test_a_token_for_another_time_place_or_role_opens_nothing(
    jwks: str, signer: rsa.RSAPrivateKey, claims: dict[str, Any]
) -> None:
    assert Tokens(ISSUER, AUDIENCE, jwks).caller(token(signer), NOW) is not None
    assert Tokens(ISSUER, AUDIENCE, jwks).caller(token(signer, **claims), NOW) is None


def test_a_forged_token_opens_nothing_and_makes_no_more_than_one_fetch(
    jwks: str, signer: rsa.RSAPrivateKey, fetches: list[str]
) -> None:
    tokens = Tokens(ISSUER, AUDIENCE, jwks)
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    assert tokens.caller(token(signer), NOW) is not None
    before = len(fetches)
    assert tokens.caller(token(other), NOW) is None
    unsigned = jwt.encode({"sub": "x", "role": "admin"}, None, algorithm="none", headers={"kid": "one"})
    assert tokens.caller(unsigned, NOW) is None
    assert all(tokens.caller(token(other, kid=f"made-up-{n}"), NOW) is None for n in range(20))
    assert len(fetches) - before <= 1
    assert tokens.caller("a.b.c", NOW) is None


def test_a_provider_that_is_down_shuts_nobody_out_whose_key_is_known_and_is_asked_once_in_a_while(
    signer: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(ISSUER, AUDIENCE, "http://127.0.0.1:9/keys")
    public = jwt.PyJWK(json.loads(RSAAlgorithm.to_jwk(signer.public_key())) | {"kid": "one", "alg": "RS256"})
    asked, go_on = [], threading.Event()

    def answers() -> list[jwt.PyJWK]:
        asked.append("up")
        return [public]

    def hangs() -> list[jwt.PyJWK]:
        asked.append("down")
        assert go_on.wait(10)
        raise jwt.PyJWKClientConnectionError("down")

    good, junk = token(signer, exp=NOW + timedelta(days=1)), token(signer, kid="junk")
    monkeypatch.setattr(tokens._provider, "get_signing_keys", answers)
    assert tokens.caller(good, NOW) is not None
    monkeypatch.setattr(tokens._provider, "get_signing_keys", hangs)
    later = NOW + timedelta(seconds=400)

    async def at_once() -> None:
        waiting = [asyncio.create_task(tokens.ask(junk, later)) for _ in range(100)]
        assert await asyncio.wait_for(tokens.ask(good, later), 5) is not None
        assert not any(task.done() for task in waiting)
        go_on.set()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [None] * 100

    asyncio.run(at_once())
    assert asked == ["up", "down"]
    assert tokens.caller(junk, later + timedelta(seconds=5)) is None
    assert asked == ["up", "down"]
    assert tokens.caller(junk, later + timedelta(seconds=11)) is None
    assert asked == ["up", "down", "down"]
    assert tokens.caller(good, later + timedelta(seconds=11)) is not None


def test_half_an_identity_provider_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="OIDC_AUDIENCE"):
        Settings(oidc_issuer=ISSUER)


def test_a_rotation_repeated_under_one_key_makes_one_successor_and_shows_it_once(
    client: Client, admin: dict[str, str]
) -> None:
    old = client.post("/v1/keys", json={"role": "analyst"}, headers=admin).json()
    path = f"/v1/keys/{old['key_id']}/rotate"
    once = admin | {"Idempotency-Key": "rotate-once"}
    first, again = client.post(path, headers=once), client.post(path, headers=once)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    heirs = [
        one for one in client.get("/v1/keys", headers=admin).json()["items"] if one["rotated_from"] == old["key_id"]
    ]
    assert [one["key_id"] for one in heirs] == [first.json()["key_id"]]
    assert client.post(path, json={"grace_hours": 1}, headers=admin).status_code == 422
    assert client.delete(f"/v1/keys/{old['key_id']}", headers=admin).status_code == 204
