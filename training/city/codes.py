"""Unified social credit codes for made-up enterprises: both check digits, letter prefixes included (GB 32100-2015)."""

import numpy as np
import numpy.typing as npt

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
_ORGANISATION_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_ORGANISATION_CHECKS = "0123456789X"
_VALUE_11714 = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}


def social_credit_codes(prefixes: npt.NDArray[np.str_], serials: npt.NDArray[np.int64]) -> list[str]:
    """One code per enterprise from its first eight characters and a serial number.

    Parameters
    ----------
    prefixes
        Office, kind and place of registration, eight characters each.
    serials
        Different whole numbers below 31⁴; they become the last half of the organisation code.

    Returns
    -------
    list of str
        18 characters each, valid at positions 17 (GB 11714) and 18 (GB 32100); different for different serials.
    """
    digits = np.empty((len(serials), 8), dtype=np.int64)
    digits[:, :4] = [USCC_ALPHABET.index(c) for c in "MA3T"]
    rest = serials.copy()
    for position in (7, 6, 5, 4):
        digits[:, position] = rest % 31
        rest //= 31
    letters = np.array(list(USCC_ALPHABET))
    values = np.array([_VALUE_11714[c] for c in USCC_ALPHABET])
    remainder = (values[digits] * _ORGANISATION_WEIGHTS).sum(axis=1) % 11
    check_17 = np.array(list(_ORGANISATION_CHECKS))[(11 - remainder) % 11]
    codes = []
    for prefix, row, check in zip(prefixes, letters[digits], check_17, strict=True):
        body = f"{prefix}{''.join(row)}{check}"
        codes.append(body + _last_digit(body))
    return codes


def _last_digit(body: str) -> str:
    total = sum(USCC_ALPHABET.index(c) * int(w) for c, w in zip(body, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[(31 - total % 31) % 31]
