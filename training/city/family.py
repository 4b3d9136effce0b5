"""Families of products: what banks and others offer, with terms from ``sim_params.csv`` and typical admission rules."""

from dataclasses import dataclass

BANKS = ("state_bank", "joint_stock_bank", "city_bank", "rural_bank")
BIG = ("state_bank", "joint_stock_bank", "city_bank")


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of like products: ranges to draw from, and the approval it should have.

    Amounts in 10,000 yuan, terms in months, rates in per cent a year, ``cover`` in multiples of the amount.
    ``rules`` maps a numeric rule to the thresholds to choose from; ``flags`` names further rules.
    ``approval`` is the aimed share of reviewed files that are approved.
    """

    name: str
    zh: tuple[str, ...]
    en: tuple[str, ...]
    share: float
    sellers: tuple[str, ...]
    kind: str = "loan"
    security: str = "unsecured"
    amount: tuple[float, float]
    term: tuple[int, int]
    rate: tuple[float, float]
    days: tuple[int, int]
    approval: tuple[float, float]
    collateral: tuple[str, ...] = ()
    repayments: tuple[str, ...] = ("bullet", "instalment")
    purposes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rules: dict[str, tuple[float, ...]]
    flags: tuple[str, ...] = ()
    guarantee_fee: tuple[float, float] = (0.0, 0.0)
    upfront: tuple[float, float] = (0.0, 0.0)
