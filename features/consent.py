"""Who may read which source of an enterprise, for what, on which day. What is not granted is withheld, never guessed.

A column computed from several sources (sales per head, debt to sales) needs them all.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from features.schema import PROFILE, SOURCES

ANYONE = "*"
"""As recipient or purpose of a grant: whoever asks, whatever for."""
PLATFORM, INSTITUTIONS = "platform", "institutions"
"""Recipients that are no single institution: the platform itself, and every institution on it (not the platform)."""


@dataclass(frozen=True, kw_only=True)
class ConsentPurpose:
    """One thing data may be asked for, with its meaning in both languages."""

    code: str
    zh: str
    en: str


PURPOSES = {
    each.code: each
    for each in (
        ConsentPurpose(
            code="financing_match",
            zh="为融资需求匹配产品",
            en="matching products to the enterprise's financing demands",
        ),
        ConsentPurpose(
            code="lead_disclosure",
            zh="向机构披露企业名称与融资线索",
            en="showing the name and the lead to an institution",
        ),
        ConsentPurpose(
            code="contact_disclosure", zh="向机构披露名称与联系方式", en="showing name and contacts to an institution"
        ),
        ConsentPurpose(
            code="equity_referral", zh="转介股权投资机构", en="referring the enterprise to an equity investor"
        ),
        ConsentPurpose(code="guarantee_referral", zh="转介融资担保机构", en="referring the enterprise to a guarantor"),
        ConsentPurpose(
            code="matchmaking_event", zh="邀请参加银企对接活动", en="inviting the enterprise to a matchmaking event"
        ),
        ConsentPurpose(code="research", zh="去标识化的统计与研究", en="statistics and research without names"),
    )
}
"""Every purpose a consent can be for; another is refused."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Leave to read one source of one enterprise.

    Parameters
    ----------
    source
        A key of `SOURCES`.
    purpose, recipient
        What for and by whom; `ANYONE` for any, `INSTITUTIONS` for every institution but not the platform.
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
        everyone = {recipient, ANYONE} if recipient == PLATFORM else {recipient, ANYONE, INSTITUTIONS}
        return (
            self.recipient in everyone
            and self.purpose in {purpose, ANYONE}
            and self.granted_on <= as_of
            and (self.expires_on is None or as_of <= self.expires_on)
            and (self.revoked_on is None or as_of < self.revoked_on)
        )


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
