"""Bearer tokens of an identity provider (OpenID Connect): signature, issuer, audience and time checked, then a role.

The keys of the provider are fetched from its JWKS address and remembered; a token signed by a key not yet known makes
one more fetch, no more than one in a short while, so that forged key ids cannot make the service knock without end.
"""

import hashlib
import threading
from collections.abc import Mapping
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
        self._keys = jwt.PyJWKClient(jwks_url, lifespan=300, timeout=TIMEOUT_SECONDS)
        self._lock = threading.Lock()
        self._fetched: datetime | None = None

    def caller(self, token: str, now: datetime) -> Caller | None:
        """Who a token speaks for; ``None`` for one that is forged, expired, for another service or of no known role."""
        try:
            key = self._key(token, now)
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

    def _key(self, token: str, now: datetime) -> jwt.PyJWK:
        """The key a token names, fetched anew at most every few seconds where it is not known."""
        kid = jwt.get_unverified_header(token).get("kid")
        with self._lock:
            known = self._find(kid, refresh=False)
            if known is None and (self._fetched is None or (now - self._fetched).total_seconds() > REFETCH_SECONDS):
                self._fetched = now
                known = self._find(kid, refresh=True)
        if known is None:
            raise jwt.InvalidKeyError(f"no key {kid!r} at the issuer")
        return known

    def _find(self, kid: str | None, *, refresh: bool) -> jwt.PyJWK | None:
        if not refresh and self._fetched is None:
            return None
        found = self._keys.get_signing_keys(refresh=refresh)
        return next((key for key in found if key.key_id == kid), None)


def _name_of(subject: str) -> str:
    """A subject as audit, limits and idempotency name it: 32 characters at most, and never two subjects alike.

    >>> _name_of("desk-7"), _name_of("https://idp.example/users/" + "0" * 40)
    ('desk-7', 'https://idp.example~8ee635e86bac')
    """
    if len(subject) <= _LONGEST_NAME and "~" not in subject:
        return subject
    return f"{subject[:19]}~{hashlib.sha256(subject.encode()).hexdigest()[:12]}"
