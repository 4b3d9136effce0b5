"""Flags of article 1: yes by one signal, no by all, and unknown with what settles it."""

from decimal import Decimal

import pytest

from matcher.chain_flags import Flag, Sales, flags
from matcher.domain import Collateral, CollateralKind, Demand, Purpose

OWN, CORE = "91370602MA3TERT037", "91370602MA3T00359B"
RECEIVABLE = Demand(
    uscc=OWN,
    amount_cny=Decimal(1),
    term_months=1,
    purpose=Purpose.WORKING_CAPITAL,
    collateral=(Collateral(kind=CollateralKind.RECEIVABLE),),
)


def found(**changes: object) -> dict[str, Flag]:
    given = {"anchors": {}, "sales": None, "exports": None, "imports": None, "demands": ()}
    return {flag.code: flag for flag in flags(OWN, **{**given, **changes})}  # type: ignore[arg-type]


def sold(**amounts: str) -> Sales:
    return Sales(by_customer={name: Decimal(amount) for name, amount in amounts.items()})


@pytest.mark.parametrize(
    ("changes", "value", "settle_with"),
    [
        ({}, None, ("invoices",)),
        ({"sales": sold(P1="10")}, None, ("anchors",)),
        ({"sales": sold(P1="10"), "anchors": {CORE: {"P9"}}}, False, ()),
        ({"sales": sold(P1="10", P9="30"), "anchors": {CORE: {"P9"}}}, True, ()),
        ({"sales": sold(P1="10", P9="-30"), "anchors": {CORE: {"P9"}}}, None, ("invoices",)),
        ({"sales": sold(P1="90", P9="-30"), "anchors": {CORE: {"P9"}}}, False, ()),
        ({"anchors": {OWN: {OWN}}}, True, ()),
        ({"demands": (RECEIVABLE,)}, True, ()),
    ],
)
def test_supply_chain(changes: dict[str, object], value: bool | None, settle_with: tuple[str, ...]) -> None:
    flag = found(**changes)["supply_chain"]
    assert (flag.value, flag.settle_with) == (value, settle_with)


def test_the_share_sold_to_core_enterprises_is_told() -> None:
    flag = found(sales=sold(P1="10", P9="30"), anchors={CORE: {"P9", CORE}})["supply_chain"]
    assert [signal.observed for signal in flag.signals if signal.code == "sales_to_anchors"] == ["0.7500"]


@pytest.mark.parametrize(
    ("exports", "imports", "value"),
    [(None, None, None), (0.0, None, None), (0.0, 0.0, False), (5.5, None, True), (0.0, 3.0, True)],
)
def test_cross_border(exports: float | None, imports: float | None, value: bool | None) -> None:
    flag = found(exports=exports, imports=imports)["cross_border"]
    assert flag.value is value
    assert flag.settle_with == (("customs",) if value is None else ())
