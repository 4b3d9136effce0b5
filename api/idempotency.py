"""A creating request repeated under one ``Idempotency-Key`` does its work once and is answered the same again.

The answer is kept in the transaction that does the work, so there is never one without the other.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request, Response
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from api import errors
from api.auth import Caller
from api.errors import FieldError
from matcher.domain import Text
from matcher.store import idempotency
from matcher.store.store import Store

T = TypeVar("T")
LONGEST_KEY = 200


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Work thought through but not yet done: what to answer, and the change that makes it so.

    Parameters
    ----------
    change
        May give the answer itself, where only the transaction knows it.
    kept
        What a replay is answered, or what makes it of the answer, where that holds a secret that must not be kept.
    """

    status: int
    answer: bytes
    change: Callable[[Connection], bytes | None]
    kept: bytes | Callable[[bytes], bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class InFlight:
    """Keys whose first request is still being worked on in this process."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    def enter(self, caller: str, key: str) -> None:
        """Take a key; 409 if its first request is not answered yet."""
        if (caller, key) in self._keys:
            raise _in_flight()
        self._keys.add((caller, key))

    def leave(self, caller: str, key: str) -> None:
        """Give a key back."""
        self._keys.discard((caller, key))


async def once(
    request: Request,
    body: bytes,
    caller: Caller,
    in_flight: InFlight,
    store: Store,
    work: Callable[[], Awaitable[Outcome]],
) -> Response:
    """Do the work, durably, and answer; or answer as before where this very request was answered already.

    Raises
    ------
    ProblemError
        422 for a key used with another request, 409 for one still being answered.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        outcome = await work()
        made = await durable(store, outcome.change)
        return _response(outcome.status, outcome.answer if made is None else made, outcome.headers)
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable() or not key.isascii():
        raise errors.invalid([FieldError(pointer="Idempotency-Key", detail=_BAD_KEY)])
    fingerprint = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
    in_flight.enter(caller.key_id, key)
    try:
        known = store.read(lambda connection: idempotency.find(connection, caller.key_id, key))
        if known is not None:
            return _replayed(known, fingerprint)
        return await _first(caller, key, fingerprint, store, work)
    finally:
        in_flight.leave(caller.key_id, key)


async def durable(store: Store, change: Callable[[Connection], T]) -> T:
    """Make a change; what it gives, once it is committed."""
    return await asyncio.wrap_future(store.submit(change))


async def _first(
    caller: Caller, key: str, fingerprint: str, store: Store, work: Callable[[], Awaitable[Outcome]]
) -> Response:
    outcome = await work()
    now = store.clock.now()

    def change(connection: Connection) -> bytes:
        made = outcome.change(connection)
        answer = outcome.answer if made is None else made
        kept = idempotency.Answered(
            caller=caller.key_id,
            key=key,
            fingerprint=fingerprint,
            status=outcome.status,
            answer=_kept(outcome, answer),
        )
        idempotency.keep(connection, kept, now)
        return answer

    try:
        answer = await durable(store, change)
    except IntegrityError:
        if store.read(lambda connection: idempotency.find(connection, caller.key_id, key)) is not None:
            raise _in_flight() from None
        raise
    return _response(outcome.status, answer, outcome.headers)


def _kept(outcome: Outcome, answer: bytes) -> bytes:
    if outcome.kept is None:
        return answer
    return outcome.kept if isinstance(outcome.kept, bytes) else outcome.kept(answer)


def _replayed(known: idempotency.Answered, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise errors.invalid([FieldError(pointer="Idempotency-Key", detail=_OTHER_BODY)])
    return _response(known.status, known.answer, {"Idempotent-Replayed": "true"})


def _response(status: int, answer: bytes, headers: dict[str, str]) -> Response:
    return Response(answer, status_code=status, media_type="application/json", headers=headers)


def _in_flight() -> errors.ProblemError:
    return errors.conflict(
        "in_flight",
        Text(zh="相同 Idempotency-Key 的请求仍在处理。", en="A request with this Idempotency-Key is being worked on."),
    )


_OTHER_BODY = Text(
    zh="该 Idempotency-Key 已用于另一请求，请换新键", en="this key was used with another request; take a new one"
)
_BAD_KEY = Text(zh="须为 1 至 200 个可打印 ASCII 字符", en="must be 1 to 200 printable ASCII characters")
