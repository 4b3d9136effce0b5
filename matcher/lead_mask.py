"""What an enterprise is called before it agrees to be named: its trade, district and size, never a part of its name.

A description that fewer than ``CROWD`` enterprises of the platform share is widened (size, then district, then trade
left out) until enough share it, so that nobody can be told from it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from matcher.domain import Text

CROWD = 10
"""Fewest enterprises that must share a description."""

SECTIONS: dict[str, tuple[str, str]] = {
    "A": ("农、林、牧、渔业", "agriculture, forestry, animal husbandry and fishery"),
    "B": ("采矿业", "mining"),
    "C": ("制造业", "manufacturing"),
    "D": ("电力、热力、燃气及水生产和供应业", "electricity, heat, gas and water"),
    "E": ("建筑业", "construction"),
    "F": ("批发和零售业", "wholesale and retail"),
    "G": ("交通运输、仓储和邮政业", "transport, storage and post"),
    "H": ("住宿和餐饮业", "accommodation and catering"),
    "I": ("信息传输、软件和信息技术服务业", "information, software and IT services"),
    "J": ("金融业", "finance"),
    "K": ("房地产业", "real estate"),
    "L": ("租赁和商务服务业", "leasing and business services"),
    "M": ("科学研究和技术服务业", "scientific research and technical services"),
    "N": ("水利、环境和公共设施管理业", "water, environment and public facilities"),
    "O": ("居民服务、修理和其他服务业", "resident services, repair and other"),
    "P": ("教育", "education"),
    "Q": ("卫生和社会工作", "health and social work"),
    "R": ("文化、体育和娱乐业", "culture, sports and entertainment"),
    "S": ("公共管理、社会保障和社会组织", "public administration and social organisations"),
    "T": ("国际组织", "international organisations"),
}
"""Sections of GB/T 4754-2017."""
DIVISIONS: dict[str, tuple[str, str]] = {
    "370602": ("芝罘区", "Zhifu District"),
    "370611": ("福山区", "Fushan District"),
    "370612": ("牟平区", "Muping District"),
    "370613": ("莱山区", "Laishan District"),
    "370614": ("蓬莱区", "Penglai District"),
    "370634": ("长岛县", "Changdao County"),
    "370671": ("烟台高新技术产业开发区", "Yantai High-tech Zone"),
    "370672": ("烟台经济技术开发区", "Yantai Economic and Technological Development Area"),
    "370681": ("龙口市", "Longkou City"),
    "370682": ("莱阳市", "Laiyang City"),
    "370683": ("莱州市", "Laizhou City"),
    "370684": ("蓬莱市", "Penglai City"),
    "370685": ("招远市", "Zhaoyuan City"),
    "370686": ("栖霞市", "Qixia City"),
    "370687": ("海阳市", "Haiyang City"),
}
"""County-level divisions and development areas of Yantai."""
SIZES: dict[str, tuple[str, str]] = {
    "micro": ("微型", "micro"),
    "small": ("小型", "small"),
    "medium": ("中型", "medium-sized"),
    "large": ("大型", "large"),
}


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a description may be made of; ``None``, or a code nobody lists, is left out of it."""

    section: str | None
    division: str | None
    size: str | None


class Crowd:
    """Everybody on the platform, by their traits: who could be meant by a description.

    Parameters
    ----------
    everybody
        Traits of each enterprise, as the platform knows them.
    """

    def __init__(self, everybody: Iterable[Traits]) -> None:
        self._sharing: Counter[Traits] = Counter()
        for traits, count in Counter(map(_listed, everybody)).items():
            for wider in set(_wider(traits)):
                self._sharing[wider] += count

    def describe(self, traits: Traits) -> Text:
        """The narrowest description enough enterprises share."""
        for each in _wider(_listed(traits)):
            if self._sharing[each] >= CROWD:
                return _words(each)
        return _words(Traits(section=None, division=None, size=None))


def _listed(traits: Traits) -> Traits:
    return Traits(
        section=traits.section if traits.section in SECTIONS else None,
        division=traits.division if traits.division in DIVISIONS else None,
        size=traits.size if traits.size in SIZES else None,
    )


def _wider(traits: Traits) -> tuple[Traits, ...]:
    """The traits, then ever fewer of them."""
    return (
        traits,
        Traits(section=traits.section, division=traits.division, size=None),
        Traits(section=traits.section, division=None, size=None),
    )


def _words(traits: Traits) -> Text:
    size = SIZES.get(traits.size or "", ("", ""))
    trade = SECTIONS.get(traits.section or "", ("行业未披露", "trade not disclosed"))
    place = DIVISIONS.get(traits.division or "", ("烟台市", "Yantai"))
    return Text(
        zh=f"某{size[0]}企业（{trade[0]}·{place[0]}）",
        en=f"{_article(size[1])} enterprise ({trade[1]}, {place[1]})",
    )


def _article(size: str) -> str:
    return f"A {size}" if size else "An"
