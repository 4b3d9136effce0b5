"""Who may read which source of an enterprise, for what, on which day. What is not granted is withheld, never guessed.

A column computed from several sources (sales per head, debt to sales) needs them all.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from features.schema import PROFILE, SOURCES

ANYONE = "*"
"""As recipient or purpose of a grant: whoever asks, whatever for."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Leave to read one source of one enterprise.

    Parameters
    ----------
    source
        A key of `SOURCES`.
    purpose, recipient
        What for and by whom; `ANYONE` for any.
    granted_on
        First day of the leave.
    expires_on
        Last day of the leave, None without an end.
    revoked_on
        First day on which it no longer holds, None while it stands.
    """

    source: str
    purpose: str
    recipient: str
    granted_on: date
    expires_on: date | None = None
    revoked_on: date | None = None

    def holds(self, recipient: str, purpose: str, as_of: date) -> bool:
        """Whether it covers this recipient and purpose on a day; the day of revocation is no longer covered."""
        return (
            self.recipient in {recipient, ANYONE}
            and self.purpose in {purpose, ANYONE}
            and self.granted_on <= as_of
            and (self.expires_on is None or as_of <= self.expires_on)
            and (self.revoked_on is None or as_of < self.revoked_on)
        )


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """A profile with what may not be read taken out.

    Parameters
    ----------
    profile
        The row or frame, where withheld columns are null.
    withheld
        Sources without leave, in the order of `SOURCES`.
    missing
        Sources with leave of which nothing is known, for every enterprise of the frame.
    """

    profile: Any
    withheld: tuple[str, ...]
    missing: tuple[str, ...]


def permitted_sources(grants: Iterable[Grant], recipient: str, purpose: str, as_of: date) -> frozenset[str]:
    """Sources a recipient may read for a purpose on a day.

    >>> from datetime import date
    >>> leave = Grant(source="tax", purpose="matching", recipient="platform", granted_on=date(2026, 1, 1),
    ...               expires_on=date(2026, 6, 30))
    >>> sorted(permitted_sources([leave], "platform", "matching", date(2026, 6, 30)))
    ['tax']
    >>> sorted(permitted_sources([leave], "platform", "matching", date(2026, 7, 1)))
    []
    """
    return frozenset(grant.source for grant in grants if grant.holds(recipient, purpose, as_of))


def withheld_columns(permitted: Collection[str]) -> tuple[str, ...]:
    """Profile columns that use any source without leave.

    Raises
    ------
    ValueError
        If a name is no source.
    """
    unknown = sorted(set(permitted) - set(SOURCES))
    if unknown:
        raise ValueError(f"No source is called {', '.join(unknown)}: use {', '.join(SOURCES)}.")
    return tuple(column.name for column in PROFILE if not set(column.uses) <= set(permitted))


def withhold(profile: pd.DataFrame | Mapping[str, Any], permitted: Collection[str]) -> Withheld:
    """Null every column without leave, in a frame of `build_profiles` or in one row as a mapping; the input stays.

    Raises
    ------
    ValueError
        If a name is no source.
    """
    hidden = set(withheld_columns(permitted))
    taken: Any
    if isinstance(profile, pd.DataFrame):
        taken = profile.copy()
        for column in PROFILE:
            if column.name in hidden:
                taken[column.name] = pd.Series(
                    [None if column.dtype == "string" else float("nan")] * len(taken),
                    index=taken.index,
                    dtype=object if column.dtype == "string" else "float64",
                )
        missing = [name for name in SOURCES if profile[f"freshness_{name}_days"].isna().all()]
    else:
        taken = {name: None if name in hidden else value for name, value in profile.items()}
        missing = [name for name in SOURCES if pd.isna(profile[f"freshness_{name}_days"])]
    return Withheld(
        profile=taken,
        withheld=tuple(name for name in SOURCES if name not in permitted),
        missing=tuple(name for name in missing if name in permitted),
    )
