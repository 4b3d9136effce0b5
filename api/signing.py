"""Signatures of what is pushed, after the Standard Webhooks: both sides of them, so that one test holds the two.

The signed text is ``<id>.<timestamp>.<body>``; the key is what follows ``whsec_``, read as base64. A message may carry
several signatures, while a secret is being rotated; one good one is enough.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Mapping, MutableSet, Sequence
from datetime import datetime

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_SECRET_BYTES = 32
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class SignatureError(Exception):
    """A message that must not be believed; says why."""


class ForgedError(SignatureError):
    """No signature of it was made with a known secret."""


class StaleError(SignatureError):
    """It was sent too long ago, or is yet to be sent."""


class RepeatedError(SignatureError):
    """It was received before."""


def new_secret() -> str:
    """A secret as its owner sees it once: ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(randomness.token_bytes(_SECRET_BYTES)).decode()


def sign(secrets: Sequence[str], message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a message, with one signature for each secret.

    >>> from datetime import UTC
    >>> sent = sign(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...             datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}')
    >>> sent["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    seconds = str(int(sent_at.timestamp()))
    signatures = (_signature(secret, message_id, seconds, body) for secret in secrets)
    return {ID: message_id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    *,
    tolerance: int = TOLERANCE_SECONDS,
    seen: MutableSet[str] | None = None,
) -> str:
    """Believe a message, and give its id.

    Parameters
    ----------
    headers
        Of the request, by lower-case name (or any mapping that ignores case).
    tolerance
        Seconds the stated moment may lie before or after ``now``.
    seen
        Ids believed before; this one is added. Without it a message can be repeated within the tolerance.

    Raises
    ------
    ForgedError
        If a header is missing or malformed, or no signature is right.
    StaleError
        If the moment lies outside the tolerance.
    RepeatedError
        If the id is among those seen.
    """
    message_id, seconds, given = headers.get(ID, ""), headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not message_id or not _SECONDS.fullmatch(seconds) or not given:
        raise ForgedError(f"{ID}, {TIMESTAMP} (seconds) and {SIGNATURE} are all needed")
    if abs(now.timestamp() - int(seconds)) > tolerance:
        raise StaleError(f"sent at {seconds}, more than {tolerance} s away from now")
    # Every pair is compared, so that the time taken tells nothing of which one was near.
    matches = [
        hmac.compare_digest(_signature(secret, message_id, seconds, body).encode(), one.encode())
        for secret in secrets
        for one in given.split(" ")
    ]
    if not any(matches):
        raise ForgedError("no signature was made with a secret of this webhook")
    if seen is not None:
        if message_id in seen:
            raise RepeatedError(f"{message_id} was received before")
        seen.add(message_id)
    return message_id


def _signature(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a secret is {PREFIX} and base64") from None
    signed = message_id.encode() + b"." + seconds.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
