"""A thin typed client of the service: one method a call, safe retries, pages as iterators, refusals as ``Problem``.

>>> client = Client("http://127.0.0.1:8000", "cm_…", language="en")                     # doctest: +SKIP
>>> client.recommend(demand_id="D-000001", top_n=3)["items"][0]["product_name"]       # doctest: +SKIP
"""

from collections.abc import Mapping, MutableSet, Sequence
from datetime import datetime
from types import TracebackType

import httpx

from api import signing
from api.client.bank_side import BankSide
from api.client.calls import Calls, FieldFault, Patience, Problem
from api.client.enterprise_side import EnterpriseSide
from api.client.events import Event
from api.client.meeting_side import MeetingSide
from api.client.shared import Shared
from api.signing import ForgedError, RepeatedError, SignatureError, StaleError

__all__ = [
    "Client",
    "Event",
    "FieldFault",
    "ForgedError",
    "Patience",
    "Problem",
    "RepeatedError",
    "SignatureError",
    "StaleError",
    "verify_webhook",
]


class Client(EnterpriseSide, BankSide, MeetingSide, Shared):
    """Every call of the service under one key; use it in ``with``, or close it.

    Creating calls carry an ``Idempotency-Key`` of their own, so they are tried again safely after 429, 503 and broken
    connections. Nothing else is tried again.

    Parameters
    ----------
    language
        ``zh-CN`` or ``en``.
    http
        A client of one's own; it is not closed here.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        language: str = "zh-CN",
        timeout: float = 30.0,
        patience: Patience | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        calls = Calls(base_url, key, language=language, timeout=timeout, patience=patience, http=http)
        super().__init__(calls)

    def close(self) -> None:
        """Give the connections back."""
        self._calls.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def verify_webhook(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    *,
    seen: MutableSet[str] | None = None,
) -> str:
    """Believe a message that came in, and give its id; see ``signing.verify`` for what it raises.

    Parameters
    ----------
    secrets
        The webhook's secret, and during a rotation the one before it.
    body
        As it came, byte for byte.
    seen
        Ids believed before: without it a message can be repeated for five minutes.
    """
    return signing.verify(secrets, {name.lower(): value for name, value in headers.items()}, body, now, seen=seen)
