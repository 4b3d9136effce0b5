"""Supply-chain and cross-border flags of an enterprise (article 1): computed from records, never declared.

A flag is yes where one signal says so, no where all say no, and unknown else, with the datum that would settle it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from matcher.domain import CollateralKind, Demand, Text

ARTICLE = "1"
SALES, ANCHORS, CUSTOMS, DEMANDS = "invoices", "anchors", "customs", "demands"
"""What signals are read from, and what settles them."""


@dataclass(frozen=True, kw_only=True)
class Sales:
    """Sales of the last twelve months by customer, net of reversals, to named customers."""

    by_customer: Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One datum.

    Parameters
    ----------
    value
        ``None`` where it is not known.
    observed
        What was seen, as text; ``None`` where nothing was.
    settle_with
        What would settle an unknown.
    """

    code: str
    value: bool | None
    observed: str | None
    source: str
    settle_with: str | None
    text: Text


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag with its signals."""

    code: str
    text: Text
    signals: tuple[Signal, ...]

    @property
    def value(self) -> bool | None:
        """Whether it is set; ``None`` where what is known does not settle it."""
        told = [signal.value for signal in self.signals]
        if any(value is True for value in told):
            return True
        return None if any(value is None for value in told) else False

    @property
    def settle_with(self) -> tuple[str, ...]:
        """What would settle it, where it is unknown."""
        if self.value is not None:
            return ()
        missing = (signal.settle_with for signal in self.signals if signal.settle_with is not None)
        return tuple(dict.fromkeys(missing))


def flags(
    uscc: str,
    *,
    anchors: Mapping[str, Collection[str]],
    sales: Sales | None,
    exports: float | None,
    imports: float | None,
    demands: Collection[Demand],
) -> tuple[Flag, ...]:
    """Both flags of one enterprise.

    Parameters
    ----------
    anchors
        Confirmed core enterprises by code, each with everything that names it in an invoice.
    sales
        ``None`` where invoices are not known or may not be read.
    exports, imports
        Yuan of the last twelve months by customs; ``None`` where not known or not permitted.
    demands
        Its open demands.
    """
    return (
        Flag(
            code="supply_chain",
            text=Text(zh="供应链企业", en="part of a supply chain"),
            signals=(_to_anchors(anchors, sales), _is_anchor(uscc, anchors), _receivables(demands)),
        ),
        Flag(
            code="cross_border",
            text=Text(zh="跨境业务企业", en="trades across the border"),
            signals=(
                _trade("exports", Text(zh="近12个月海关出口", en="exports of the last 12 months"), exports),
                _trade("imports", Text(zh="近12个月海关进口", en="imports of the last 12 months"), imports),
            ),
        ),
    )


def _to_anchors(anchors: Mapping[str, Collection[str]], sales: Sales | None) -> Signal:
    text = Text(zh="对已确认核心企业的销售占比", en="share of sales to confirmed core enterprises")
    code = "sales_to_anchors"
    total = None if sales is None else sum(sales.by_customer.values(), Decimal(0))
    if sales is None or total is None or total <= 0:
        return Signal(code=code, value=None, observed=None, source=SALES, settle_with=SALES, text=text)
    names = frozenset(name for known in anchors.values() for name in known)
    sold = sum((amount for name, amount in sales.by_customer.items() if name in names), Decimal(0))
    observed = format((max(sold, Decimal(0)) / total).quantize(Decimal("0.0001")), "f")
    if not anchors:
        return Signal(code=code, value=None, observed=None, source=ANCHORS, settle_with=ANCHORS, text=text)
    return Signal(code=code, value=sold > 0, observed=observed, source=SALES, settle_with=None, text=text)


def _is_anchor(uscc: str, anchors: Mapping[str, Collection[str]]) -> Signal:
    text = Text(zh="本身为已确认核心企业", en="is a confirmed core enterprise itself")
    return Signal(code="is_anchor", value=uscc in anchors, observed=None, source=ANCHORS, settle_with=None, text=text)


def _receivables(demands: Collection[Demand]) -> Signal:
    offered = sum(any(item.kind is CollateralKind.RECEIVABLE for item in demand.collateral) for demand in demands)
    text = Text(zh="在库需求以应收账款融资", en="open demands that offer receivables")
    return Signal(
        code="receivables_offered",
        value=offered > 0,
        observed=str(offered),
        source=DEMANDS,
        settle_with=None,
        text=text,
    )


def _trade(code: str, text: Text, amount: float | None) -> Signal:
    if amount is None:
        return Signal(code=code, value=None, observed=None, source=CUSTOMS, settle_with=CUSTOMS, text=text)
    observed = format(Decimal(repr(amount)).quantize(Decimal("0.01")), "f")
    return Signal(code=code, value=amount > 0, observed=observed, source=CUSTOMS, settle_with=None, text=text)
