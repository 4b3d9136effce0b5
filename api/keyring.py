"""Keys: made, known again, replaced. A key reads ``cm_<key id>_<secret>``; the store holds its argon2 hash alone.

Argon2 is slow by design, so a key once verified is remembered in memory by its SHA-256 digest; whether it was revoked
or has expired is asked of the store every time.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection

from matcher.store import audit, keys
from matcher.store.clock import moment
from matcher.store.store import Store

ROLES = ("platform", "institution", "analyst", "regulator", "admin")
GRACE = timedelta(hours=24)
"""How long a replaced key still opens: long enough to bring the new one to every machine of a caller."""
_SHAPE = re.compile(r"cm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_REMEMBERED = 4_096
# The secret has 256 random bits: the hash need not slow down guessing, only keep the secret out of the store.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is calling and as what; ``institution_id`` is set for an institution alone.

    Parameters
    ----------
    key_id
        Public half of the key, or the subject of the token.
    scopes
        What is allowed of what the role may; ``None`` for all of it.
    requests_per_minute
        The caller's own limit; ``None`` for that of the service.
    """

    key_id: str
    role: str
    institution_id: str | None = None
    scopes: tuple[str, ...] | None = None
    requests_per_minute: int | None = None

    @property
    def name(self) -> str:
        """The caller as the audit names it: role and public half of the key."""
        return f"{self.role}:{self.key_id}"


class Keyring:
    """Knows callers by their keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._verified: dict[bytes, Caller] = {}

    def issue(
        self,
        role: str,
        institution_id: str | None = None,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        requests_per_minute: int | None = None,
        actor: str = "operator",
    ) -> str:
        """Make a key for a role and keep its hash; this is the only time the key is seen."""
        key_id, presented, hashed = made_key()
        row = keys.KeyRow(
            key_id=key_id,
            role=role,
            institution_id=institution_id,
            hash=hashed,
            scopes=None if scopes is None else tuple(scopes),
            expires_at=None if expires_at is None else moment(expires_at),
            requests_per_minute=requests_per_minute,
        )
        now = self._store.clock.now()
        entry = audit.Entry(actor=actor, action="key_issued", subject=key_id, detail={"role": role})

        def change(connection: Connection) -> None:
            keys.add(connection, row, now)
            audit.append(connection, entry, now)

        self._store.write(change)
        return presented

    def rotate(self, key_id: str, *, grace: timedelta = GRACE, actor: str = "operator") -> str | None:
        """A successor with the same rights, ``None`` for no such key; the old one opens until the grace is over."""
        made = self.rotation(key_id, grace=grace, actor=actor)
        return made.presented if self._store.write(made.change) else None

    def rotation(self, key_id: str, *, grace: timedelta = GRACE, actor: str = "operator") -> "Rotation":
        """A rotation thought through but not yet done."""
        successor_id, presented, hashed = made_key()
        successor = keys.KeyRow(key_id=successor_id, role="", institution_id=None, hash=hashed)
        now = self._store.clock.now()
        entry = audit.Entry(actor=actor, action="key_rotated", subject=key_id, detail={"successor": successor_id})

        def change(connection: Connection) -> bool:
            if not keys.rotate(connection, key_id, successor, now + grace, now):
                return False
            audit.append(connection, entry, now)
            return True

        return Rotation(key_id=successor_id, presented=presented, change=change)

    def revoke(self, key_id: str, *, actor: str = "operator") -> bool:
        """Make a key useless at once; whether there was one."""
        return self._store.write(self.revocation(key_id, actor=actor))

    def revocation(self, key_id: str, *, actor: str = "operator") -> Callable[[Connection], bool]:
        """The change that makes a key useless; it says whether there was one."""
        now = self._store.clock.now()
        entry = audit.Entry(actor=actor, action="key_revoked", subject=key_id, detail={})

        def change(connection: Connection) -> bool:
            if not keys.revoke(connection, key_id):
                return False
            audit.append(connection, entry, now)
            return True

        return change

    def caller(self, presented: str) -> Caller | None:
        """Who this key belongs to; ``None`` for a key unknown, wrong, expired or revoked."""
        shape = _SHAPE.fullmatch(presented)
        if shape is None:
            return None
        row = self._store.read(lambda connection: keys.find(connection, shape[1]))
        if row is None or row.revoked or (row.expires_at is not None and row.expires_at <= moment(self._now())):
            return None
        digest = hashlib.sha256(presented.encode()).digest()
        known = self._verified.get(digest)
        if known is None and _matches(row.hash, shape[2]):
            known = Caller(
                key_id=row.key_id,
                role=row.role,
                institution_id=row.institution_id,
                scopes=row.scopes,
                requests_per_minute=row.requests_per_minute,
            )
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[digest] = known
        return known

    def _now(self) -> datetime:
        return self._store.clock.now()


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """A successor of a key, in force once ``change`` has said that there was a key to replace."""

    key_id: str
    presented: str
    change: Callable[[Connection], bool]


def made_key() -> tuple[str, str, str]:
    """A new key: its public half, the whole of it, the hash of its secret."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return key_id, f"cm_{key_id}_{secret}", _HASHER.hash(secret)


def _matches(kept: str, secret: str) -> bool:
    try:
        return _HASHER.verify(kept, secret)
    except (Argon2Error, InvalidHashError):
        return False
