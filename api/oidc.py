"""Bearer tokens of an identity provider (OpenID Connect): signature, issuer, audience and time checked, then a role.

The keys of the provider are fetched from its JWKS address by one thread of its own and remembered until a later fetch
brings others: a provider that is down shuts nobody out whose key is known. A key not yet known, or keys grown old, make
one more fetch, no more than one in a short while whether it succeeds or not, so that forged key ids cannot make the
service knock without end; whoever waits for it holds no thread.
"""

import asyncio
import hashlib
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import jwt
import structlog

from api.keyring import ROLES, Caller

_LOG = structlog.get_logger(__name__)
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures by a private key alone: none by a shared secret, and never none at all."""
LEEWAY_SECONDS = 30
REFETCH_SECONDS = 10
OLD_SECONDS = 300
TIMEOUT_SECONDS = 5
_LONGEST_NAME = 32


class Tokens:
    """Reads tokens of one issuer.

    Parameters
    ----------
    issuer, audience
        What ``iss`` and ``aud`` must say.
    jwks_url
        Where the issuer publishes its keys.
    role_claim, institution_claim
        Claims that name the role and, for an institution, its id.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        jwks_url: str,
        role_claim: str = "role",
        institution_claim: str = "institution_id",
    ) -> None:
        self._issuer, self._audience = issuer, audience
        self._role_claim, self._institution_claim = role_claim, institution_claim
        self._provider = jwt.PyJWKClient(jwks_url, cache_jwk_set=False, timeout=TIMEOUT_SECONDS)
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="oidc")
        self._fetching: Future[None] | None = None
        self._tried: datetime | None = None
        self._fetched: datetime | None = None

    async def ask(self, token: str, now: datetime) -> Caller | None:
        """As ``caller``, for the event loop: a fetch that is needed is waited for without a thread."""
        fetching = self._fetch(token, now)
        if fetching is not None:
            await asyncio.shield(asyncio.wrap_future(fetching))
        return await asyncio.to_thread(self._read, token)

    def caller(self, token: str, now: datetime) -> Caller | None:
        """Who a token speaks for; ``None`` for one that is forged, expired, for another service or of no known role."""
        fetching = self._fetch(token, now)
        if fetching is not None:
            fetching.result()
        return self._read(token)

    def _read(self, token: str) -> Caller | None:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(kid)
            if key is None:
                raise jwt.InvalidKeyError(f"no key {kid!r} at the issuer")
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            _LOG.info("token refused", reason=type(error).__name__)
            return None
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> Caller | None:
        role, institution = claims.get(self._role_claim), claims.get(self._institution_claim)
        if role not in ROLES or (role == "institution") != isinstance(institution, str):
            return None
        scope = claims.get("scope")
        scopes = tuple(one for one in scope.split() if ":" in one) if isinstance(scope, str) else ()
        return Caller(
            key_id=_name_of(str(claims["sub"])),
            role=role,
            institution_id=institution if role == "institution" else None,
            scopes=scopes or None,
        )

    def _fetch(self, token: str, now: datetime) -> Future[None] | None:
        """The fetch this token must wait for: none where its key is known, or the provider was asked just now."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            return None
        with self._lock:
            is_known = kid in self._keys
            is_old = self._fetched is None or (now - self._fetched).total_seconds() > OLD_SECONDS
            is_due = self._tried is None or (now - self._tried).total_seconds() > REFETCH_SECONDS
            is_running = self._fetching is not None and not self._fetching.done()
            if (not is_known or is_old) and is_due and not is_running:
                self._tried = now
                self._fetching = self._thread.submit(self._fetch_keys, now)
            return None if is_known else self._fetching

    def _fetch_keys(self, now: datetime) -> None:
        try:
            found = {key.key_id: key for key in self._provider.get_signing_keys()}
        except (jwt.PyJWTError, OSError, ValueError) as error:
            _LOG.warning("keys of the identity provider not fetched", reason=type(error).__name__)
            return
        self._keys, self._fetched = found, now


def _name_of(subject: str) -> str:
    """A subject as audit, limits and idempotency name it: 32 characters at most, and never two subjects alike.

    >>> _name_of("desk-7"), _name_of("https://idp.example/users/" + "0" * 40)
    ('desk-7', 'https://idp.example~8ee635e86bac')
    """
    if len(subject) <= _LONGEST_NAME and "~" not in subject:
        return subject
    return f"{subject[:19]}~{hashlib.sha256(subject.encode()).hexdigest()[:12]}"
