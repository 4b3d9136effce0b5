"""Themes of matchmaking events (article 3), each with the facts that make an enterprise or its demand fit it.

An enterprise whose facts are not known neither fits nor fails: it is unknown, with the sources that would settle it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from features.schema import PROFILE_BY_NAME
from matcher.domain import CollateralKind, Demand, Purpose, Text

Facts = Mapping[str, object]
"""Profile columns by name; absent or ``None`` is unknown."""
Signal = Callable[[Facts, Demand], bool | None]
_CHAIN = frozenset(
    {
        CollateralKind.RECEIVABLE,
        CollateralKind.WAREHOUSE_RECEIPT,
        CollateralKind.INVENTORY,
        CollateralKind.EXPORT_ORDER,
    }
)
_RIGHTS = frozenset({CollateralKind.INVENTION_PATENT, CollateralKind.TRADEMARK})


@dataclass(frozen=True, kw_only=True)
class Theme:
    """One theme.

    Parameters
    ----------
    title, meaning
        Its name, and whom it is for.
    signals
        Any of these makes it fit; none at all means everybody fits.
    columns
        Profile columns the signals read.
    """

    code: str
    article: str
    title: Text
    meaning: Text
    signals: tuple[Signal, ...] = ()
    columns: tuple[str, ...] = ()

    def fits(self, facts: Facts, demand: Demand) -> bool | None:
        """Whether an enterprise with this demand fits; ``None`` where what is known does not settle it."""
        if not self.signals:
            return True
        told = [signal(facts, demand) for signal in self.signals]
        if any(answer is True for answer in told):
            return True
        return None if any(answer is None for answer in told) else False

    def settle_with(self, facts: Facts) -> tuple[str, ...]:
        """Sources whose data would settle an unknown."""
        missing = [column for column in self.columns if _number(facts, column) is None]
        return tuple(dict.fromkeys(PROFILE_BY_NAME[column].source for column in missing))


def _number(facts: Facts, column: str) -> float | None:
    value = facts.get(column)
    return float(value) if isinstance(value, int | float) and value == value else None


def _above(column: str, bound: float = 0.0) -> Signal:
    def signal(facts: Facts, _demand: Demand) -> bool | None:
        value = _number(facts, column)
        return None if value is None else value > bound

    return signal


def _is_no(column: str) -> Signal:
    def signal(facts: Facts, _demand: Demand) -> bool | None:
        value = _number(facts, column)
        return None if value is None else value == 0.0

    return signal


def _offers(kinds: frozenset[CollateralKind]) -> Signal:
    return lambda _facts, demand: any(item.kind in kinds for item in demand.collateral)


def _for(purpose: Purpose) -> Signal:
    return lambda _facts, demand: demand.purpose is purpose


def _themes() -> tuple[Theme, ...]:
    return (
        Theme(
            code="general",
            article="3",
            title=Text(zh="综合专场", en="General"),
            meaning=Text(zh="所有在库融资需求", en="every open demand"),
        ),
        Theme(
            code="specialised_new",
            article="3",
            title=Text(zh="专精特新专场", en="Specialised and innovative SMEs"),
            meaning=Text(zh="专精特新企业（有效，含小巨人）", en="srdi honours in force, little giants too"),
            signals=(_above("is_srdi"),),
            columns=("is_srdi",),
        ),
        Theme(
            code="export",
            article="3",
            title=Text(zh="外经外贸专场", en="Foreign trade"),
            meaning=Text(
                zh="近12个月有海关进出口记录，或需求用于出口",
                en="customs trade in the last 12 months, or a demand for export",
            ),
            signals=(_for(Purpose.EXPORT), _above("exports_12m_cny"), _above("imports_12m_cny")),
            columns=("exports_12m_cny", "imports_12m_cny"),
        ),
        Theme(
            code="agri_rural",
            article="7",
            title=Text(zh="涉农专场", en="Agriculture and rural"),
            meaning=Text(zh="登记为涉农主体", en="registered as an agri-rural entity"),
            signals=(_above("is_agri_rural"),),
            columns=("is_agri_rural",),
        ),
        Theme(
            code="first_loan",
            article="5",
            title=Text(zh="首贷专场", en="First loans"),
            meaning=Text(zh="从未有过经营性贷款", en="never had a business loan"),
            signals=(_is_no("has_prior_loan"),),
            columns=("has_prior_loan",),
        ),
        Theme(
            code="renewal",
            article="9",
            title=Text(zh="续贷专场", en="Renewals"),
            meaning=Text(zh="90天内有贷款到期", en="principal falls due within 90 days"),
            signals=(_above("maturing_90d_cny"),),
            columns=("maturing_90d_cny",),
        ),
        Theme(
            code="technology",
            article="11",
            title=Text(zh="科技金融专场", en="Technology"),
            meaning=Text(
                zh="高新技术企业或科技型中小企业（有效），或有有效自有发明专利",
                en="a technology honour in force, or an own invention patent in force",
            ),
            signals=(_above("is_hnte"), _above("is_tech_sme"), _above("invention_patents")),
            columns=("is_hnte", "is_tech_sme", "invention_patents"),
        ),
        Theme(
            code="intellectual_property",
            article="11",
            title=Text(zh="知识产权质押专场", en="Pledged intellectual property"),
            meaning=Text(
                zh="以专利或商标质押，或有有效自有发明专利、商标",
                en="offers a patent or trademark, or owns one in force",
            ),
            signals=(_offers(_RIGHTS), _above("invention_patents"), _above("trademarks")),
            columns=("invention_patents", "trademarks"),
        ),
        Theme(
            code="supply_chain",
            article="1",
            title=Text(zh="供应链金融专场", en="Supply chain"),
            meaning=Text(
                zh="以订单、仓单、存货或应收账款融资", en="offers orders, warehouse receipts, inventory or receivables"
            ),
            signals=(_offers(_CHAIN),),
        ),
    )


THEMES: Final[Mapping[str, Theme]] = MappingProxyType({theme.code: theme for theme in _themes()})
"""Every theme there is, by code; another is refused."""
