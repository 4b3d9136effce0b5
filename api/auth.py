"""Who is calling: bearer keys, kept only as argon2 hashes, and what each role may do.

A key reads ``cm_<key id>_<secret>``. Argon2 is slow by design, so a key once verified is remembered in memory by its
SHA-256 digest; whether it was revoked is asked of the store every time.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from fastapi import Request

from api import errors
from matcher.store import keys
from matcher.store.store import Store

ROLES = ("platform", "institution", "analyst", "regulator", "admin")
_SHAPE = re.compile(r"cm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_REMEMBERED = 4_096
# The secret has 256 random bits: the hash need not slow down guessing, only keep the secret out of the store.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is calling and as what; ``institution_id`` is set for an institution alone."""

    key_id: str
    role: str
    institution_id: str | None = None

    @property
    def name(self) -> str:
        """The caller as the audit names it: role and public half of the key."""
        return f"{self.role}:{self.key_id}"


class Keyring:
    """Knows callers by their keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._verified: dict[bytes, Caller] = {}

    def issue(self, role: str, institution_id: str | None = None) -> str:
        """Make a key for a role and keep its hash; this is the only time the key is seen."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = keys.KeyRow(key_id=key_id, role=role, institution_id=institution_id, hash=_HASHER.hash(secret))
        now = self._store.clock.now()
        self._store.write(lambda connection: keys.add(connection, row, now))
        return f"cm_{key_id}_{secret}"

    def caller(self, presented: str) -> Caller | None:
        """Who this key belongs to; ``None`` for a key unknown, wrong or revoked."""
        shape = _SHAPE.fullmatch(presented)
        if shape is None:
            return None
        row = self._store.read(lambda connection: keys.find(connection, shape[1]))
        if row is None or row.revoked:
            return None
        digest = hashlib.sha256(presented.encode()).digest()
        known = self._verified.get(digest)
        if known is None and _matches(row.hash, shape[2]):
            known = Caller(key_id=row.key_id, role=row.role, institution_id=row.institution_id)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[digest] = known
        return known


def _matches(kept: str, secret: str) -> bool:
    try:
        return _HASHER.verify(kept, secret)
    except (Argon2Error, InvalidHashError):
        return False


def caller_of(request: Request, allowed: tuple[str, ...]) -> Caller:
    """The caller of a request, if of an allowed role.

    Raises
    ------
    ProblemError
        401 without a good key, 403 for another role.
    """
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    keyring: Keyring = request.app.state.service.instance.keyring
    caller = keyring.caller(presented.strip()) if scheme.lower() == "bearer" else None
    if caller is None:
        raise errors.unauthenticated()
    if caller.role not in allowed:
        raise errors.forbidden(caller.role, allowed)
    return caller


def requires(*allowed: str) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency that lets these roles in."""

    async def dependency(request: Request) -> Caller:
        return caller_of(request, allowed)

    dependency.__name__ = "requires_" + "_".join(allowed)
    return dependency
