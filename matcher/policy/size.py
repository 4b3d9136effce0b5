"""Micro, small, medium or large by the size standard of the rulebook; unknown indicators are never zero.

An industry code is a GB/T 4754-2017 section letter with up to four digits ("C3311", "F51", "K7010", "C"), or the
digits alone. Industries the standard leaves out (finance, education, health, railways, own-property letting, sections
S and T) are ``not_classified``; a code too short to tell its row is ``undetermined``.

An enterprise is large, medium or small when every indicator of its row reaches that bound, else it drops a grade;
micro needs only one indicator below. So one known indicator below the bound of small settles micro whatever the other
is; in every other case a missing indicator leaves the class ``undetermined``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from matcher.policy.rulebook import NoLawInForceError, Rulebook, default_rulebook
from matcher.policy.statutes_parser import SizeRow

GRADES = ("micro", "small", "medium", "large")
NOT_CLASSIFIED = "not_classified"
UNDETERMINED = "undetermined"
INDICATORS = ("employees", "revenue_cny", "assets_cny")

_NO_ROW, _UNSURE = -1, -2
Floats = npt.NDArray[np.float64]


def size_class(
    industry_code: str | None,
    employees: float | None,
    revenue_cny: float | None,
    assets_cny: float | None,
    *,
    as_of: date | None = None,
    rulebook: Rulebook | None = None,
) -> str:
    """The size class of one enterprise.

    Parameters
    ----------
    employees, revenue_cny, assets_cny
        Persons and yuan of the last year; None or NaN is unknown.
    as_of
        The day whose standard applies; the latest one if not given.

    >>> size_class("C3311", 20, 3_000_000, None)
    'small'
    >>> size_class("C3311", 19, None, None)
    'micro'
    >>> size_class("C3311", 20, None, None)
    'undetermined'
    >>> size_class("J66", 20, 3_000_000, None)
    'not_classified'
    """
    standard = _standard(rulebook or default_rulebook(), as_of)
    row = standard.row_of(industry_code)
    if row < 0:
        return NOT_CLASSIFIED if row == _NO_ROW else UNDETERMINED
    lowest, unknown = len(GRADES) - 1, False
    for bounds, given in zip(standard.bounds[row], (employees, revenue_cny, assets_cny), strict=True):
        if bounds is None:
            continue
        if given is None or given != given:
            unknown = True
        else:
            lowest = min(lowest, sum(float(given) >= bound for bound in bounds))
    if unknown and lowest:
        return UNDETERMINED
    return GRADES[lowest]


def size_classes(
    industry_codes: Sequence[str | None] | npt.NDArray[np.object_],
    employees: Floats,
    revenue_cny: Floats,
    assets_cny: Floats,
    *,
    as_of: date | None = None,
    rulebook: Rulebook | None = None,
) -> npt.NDArray[np.object_]:
    """The size class of many enterprises, in order: ``size_class`` of each; NaN is unknown."""
    standard = _standard(rulebook or default_rulebook(), as_of)
    rows = np.array([standard.row_of(code) for code in industry_codes], dtype=np.int64)
    bounds = standard.table[np.maximum(rows, 0)]  # (enterprise, indicator, grade)
    given = np.stack([np.asarray(x, dtype=np.float64) for x in (employees, revenue_cny, assets_cny)], axis=1)
    used = np.isfinite(bounds[:, :, 0])
    known = ~np.isnan(given)
    top = len(GRADES) - 1
    reached = np.where(used & known, (given[:, :, None] >= bounds).sum(axis=2), top)
    lowest = reached.min(axis=1)
    unsure = (used & ~known).any(axis=1) & (lowest > 0)
    answers = np.array([*GRADES, UNDETERMINED, NOT_CLASSIFIED], dtype=object)
    index = np.where(unsure, top + 1, lowest)
    index = np.where(rows == _UNSURE, top + 1, np.where(rows == _NO_ROW, top + 2, index))
    found: npt.NDArray[np.object_] = answers[index]
    return found


@dataclass(frozen=True, eq=False)
class _Standard:
    rows: tuple[SizeRow, ...]
    bounds: tuple[tuple[tuple[float, ...] | None, ...], ...]
    table: Floats
    by_code: dict[str, int]
    sections: dict[str, tuple[int, int]]
    seen: dict[str | None, int]

    def row_of(self, code: str | None) -> int:
        found = self.seen.get(code)
        if found is None:
            found = self.seen[code] = self._find(code)
        return found

    def _find(self, code: str | None) -> int:
        if not isinstance(code, str) or not code.strip():
            return _UNSURE
        text = code.strip().upper()
        section, digits = (text[0], text[1:]) if text[0].isalpha() else (self._section_of(text), text)
        if section not in self.sections or not (digits == "" or digits.isdecimal()):
            return _UNSURE
        first, last = self.sections[section]
        if len(digits) > 1 and not first <= int(digits[:2]) <= last:
            return _UNSURE  # letter and digits contradict each other
        for key in (section, digits[:2], digits[:3]):
            if key in self.by_code:
                return self.by_code[key]
        return self._short(section, digits)

    def _short(self, section: str, digits: str) -> int:
        """A code no row covers: unsure while more digits could lead to one that is covered, else left out."""
        first, last = self.sections[section]
        longer = [code for code in self.by_code if code.isdecimal() and first <= int(code[:2]) <= last]
        return _UNSURE if any(code.startswith(digits) and code != digits for code in longer) else _NO_ROW

    def _section_of(self, digits: str) -> str:
        division = int(digits[:2]) if digits[:2].isdecimal() else 0
        return next((letter for letter, (low, high) in self.sections.items() if low <= division <= high), "")


@lru_cache(maxsize=16)
def _standard(rulebook: Rulebook, as_of: date | None) -> _Standard:
    rows = tuple(
        row
        for row in rulebook.size_rows
        if (row.citation.last_day is None if as_of is None else row.citation.covers(as_of))
    )
    if not rows:
        raise NoLawInForceError(f"No size standard is in force on {as_of}: add one to size_standard.yaml.")
    bounds = tuple(tuple(_floats(row, name) for name in INDICATORS) for row in rows)
    unused = (-np.inf,) * (len(GRADES) - 1)
    table = np.array([[each or unused for each in row] for row in bounds], dtype=np.float64)
    by_code = {code: index for index, row in enumerate(rows) for code in row.covers}
    return _Standard(rows, bounds, table, by_code, dict(rulebook.sections), {})


def _floats(row: SizeRow, indicator: str) -> tuple[float, ...] | None:
    found = row.bounds.get(indicator)
    return None if found is None else tuple(float(bound) for bound in found)
