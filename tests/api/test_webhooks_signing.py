"""Signatures: what was signed is believed once, within its time, and nothing else is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.signing import ForgedError, RepeatedError, StaleError, new_secret, sign, verify

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SECRET, OTHER = "whsec_" + "A" * 43 + "=", "whsec_" + "B" * 43 + "="
BODY = b'{"type":"lead.pushed"}'


def test_the_published_example_of_the_standard_has_the_published_signature() -> None:
    headers = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(body=st.binary(max_size=200), place=st.integers(min_value=0, max_value=199), bit=st.integers(0, 7))
def test_what_was_signed_is_believed_and_with_any_bit_changed_it_is_not(body: bytes, place: int, bit: int) -> None:
    headers = sign([SECRET], "msg_1", NOW, body)
    assert verify([SECRET], headers, body, NOW) == "msg_1"
    changed = bytearray(body or b"\0")
    changed[place % len(changed)] ^= 1 << bit
    with pytest.raises(ForgedError):
        verify([SECRET], headers, bytes(changed), NOW)


def test_a_forged_signature_is_refused() -> None:
    with pytest.raises(ForgedError):
        verify([SECRET], sign([OTHER], "msg_1", NOW, BODY), BODY, NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_2"),
        ("webhook-id", ""),
        ("webhook-timestamp", str(int(NOW.timestamp()) + 1)),
        ("webhook-timestamp", "soon"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,签名"),
        ("webhook-signature", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ],
)
def test_a_header_changed_or_missing_is_refused(name: str, value: str) -> None:
    headers = sign([SECRET], "msg_1", NOW, BODY)
    with pytest.raises(ForgedError):
        verify([SECRET], headers | {name: value}, BODY, NOW)
    with pytest.raises(ForgedError):
        verify([SECRET], {key: kept for key, kept in headers.items() if key != name}, BODY, NOW)


def test_a_replayed_message_is_refused() -> None:
    seen: set[str] = set()
    headers = sign([SECRET], "msg_1", NOW, BODY)
    assert verify([SECRET], headers, BODY, NOW, seen=seen) == "msg_1"
    with pytest.raises(RepeatedError, match="msg_1"):
        verify([SECRET], headers, BODY, NOW, seen=seen)


def test_a_forged_message_does_not_use_up_the_id_of_the_true_one() -> None:
    seen: set[str] = set()
    with pytest.raises(ForgedError):
        verify([SECRET], sign([OTHER], "msg_1", NOW, BODY), BODY, NOW, seen=seen)
    assert verify([SECRET], sign([SECRET], "msg_1", NOW, BODY), BODY, NOW, seen=seen) == "msg_1"


@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_tolerance_is_five_minutes_either_way(seconds: int, good: bool) -> None:
    headers = sign([SECRET], "msg_1", NOW, BODY)
    read_at = NOW + timedelta(seconds=seconds)
    if good:
        assert verify([SECRET], headers, BODY, read_at) == "msg_1"
    else:
        with pytest.raises(StaleError):
            verify([SECRET], headers, BODY, read_at)


def test_while_a_secret_is_rotated_both_are_good() -> None:
    headers = sign([SECRET, OTHER], "msg_1", NOW, BODY)
    assert headers["webhook-signature"].count("v1,") == 2
    assert verify([SECRET], headers, BODY, NOW) == verify([OTHER], headers, BODY, NOW) == "msg_1"


def test_secrets_are_made_of_32_random_bytes() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(one.startswith("whsec_") and len(one) == 6 + 44 for one in made)
