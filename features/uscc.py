"""Unified social credit codes (GB 32100-2015): eighteen characters, two of which check the others.

The organisation code inside (positions 9 to 17) has a check digit of its own by GB 11714. A code may begin with a
letter: N for rural collectives, Y for others.
"""

from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Digits and letters in the order of their values; I, O, S, V and Z are never used."""

_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS = tuple(pow(3, position, 31) for position in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_LENGTH = 18


@dataclass(frozen=True, kw_only=True)
class UsccFault:
    """The first thing wrong with a code: at which position (from 1; 0 is the whole), in both languages."""

    position: int
    zh: str
    en: str


def uscc_fault(code: str) -> UsccFault | None:
    """What is wrong with a code, None if it is well formed and both check digits agree.

    >>> uscc_fault("91370602MA3TERT037") is None
    True
    >>> uscc_fault("91370602MA3TERT038").en
    'digit 18 is 8, the first 17 call for 7'
    """
    return _shape_fault(code) or _organisation_fault(code) or _check_fault(code)


def check_digit(first_seventeen: str) -> str:
    """Position 18 of a code, from the seventeen before it (GB 32100: weights 3 to the power of the place, mod 31)."""
    total = sum(_VALUE[character] * weight for character, weight in zip(first_seventeen, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def organisation_check_digit(first_eight: str) -> str:
    """Position 17 of a code, from positions 9 to 16 (GB 11714: mod 11, where 10 is written X)."""
    # GB 11714 counts letters on from 10 without gaps, unlike GB 32100.
    total = sum(
        int(character, 36) * weight for character, weight in zip(first_eight, _ORGANISATION_WEIGHTS, strict=True)
    )
    return "0123456789X"[-total % 11]


def _shape_fault(code: str) -> UsccFault | None:
    if len(code) != _LENGTH:
        return UsccFault(position=0, zh=f"应为18位，实为{len(code)}位", en=f"has {len(code)} characters, not 18")
    for position, character in enumerate(code, start=1):
        if character not in _VALUE:
            return UsccFault(
                position=position,
                zh=f"第{position}位不能是“{character}”",
                en=f"digit {position} may not be {character!r}",
            )
        if 3 <= position <= 8 and not character.isdigit():
            return UsccFault(
                position=position,
                zh=f"第{position}位属行政区划代码，应为数字",
                en=f"digit {position} belongs to the division code and must be a numeral, not {character}",
            )
    return None


def _organisation_fault(code: str) -> UsccFault | None:
    wanted = organisation_check_digit(code[8:16])
    return None if code[16] == wanted else _differs(17, code[16], wanted, "9至16", "digits 9 to 16")


def _check_fault(code: str) -> UsccFault | None:
    wanted = check_digit(code[:17])
    return None if code[17] == wanted else _differs(18, code[17], wanted, "前17", "the first 17")


def _differs(position: int, found: str, wanted: str, zh: str, en: str) -> UsccFault:
    return UsccFault(
        position=position,
        zh=f"第{position}位为{found}，按{zh}位应为{wanted}",
        en=f"digit {position} is {found}, {en} call for {wanted}",
    )
