"""The closed list of what institutions may be told, each kind with its meaning in both languages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from matcher.domain import Text

KINDS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "lead.pushed": Text(zh="新的融资需求推送", en="A demand was pushed to you as a new lead"),
        "lead.reminder": Text(zh="线索即将到期提醒", en="A lead of yours is about to fall due"),
        "lead.late": Text(zh="线索已逾期", en="A lead of yours is late"),
        "lead.escalated": Text(zh="逾期线索已升级处理", en="A late lead of yours was escalated"),
        "lead.returned": Text(zh="线索退回补正", en="A lead was returned to the enterprise for completion"),
        "lead.reopened": Text(zh="线索重新开放", en="A lead was opened again"),
        "lead.closed": Text(zh="线索已关闭", en="A lead of yours was closed"),
        "demand.withdrawn": Text(zh="企业撤回需求", en="The enterprise withdrew a demand you hold as a lead"),
        "demand.expired": Text(zh="需求已过期", en="A demand you hold as a lead expired"),
        "consent.granted": Text(zh="企业授权查看", en="An enterprise let you see what was masked"),
        "consent.revoked": Text(zh="企业撤回授权", en="An enterprise revoked what it let you see"),
        "referral.received": Text(zh="收到投贷担转介", en="A referral was addressed to you"),
        "matchmaking.invited": Text(zh="银企对接会邀请", en="You were invited to a matchmaking event"),
    }
)
TEST: Final = "webhook.test"
"""Kind of the message a webhook's owner sends to it by hand; nobody subscribes to it."""


class UnknownKindError(ValueError):
    """A message of a kind that is not on the list: nobody could have asked for it."""


def check_kind(kind: str) -> None:
    """Refuse a kind that is not on the list.

    Raises
    ------
    UnknownKindError
        With the kinds there are.
    """
    if kind not in KINDS:
        raise UnknownKindError(f"{kind!r} is no kind of message: add it to push_kinds.KINDS, or use {', '.join(KINDS)}")
