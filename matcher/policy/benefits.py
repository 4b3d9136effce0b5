"""One offer as facts, and what the law says about it: its benefits, and whether its guarantee fee is lawful.

Only measures an offer can concern are asked. What a profile does not say stays unknown: a patent subsidy is never
certain before the loan is repaid, so it stands beside the cost and never lowers it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matcher.domain import Benefit, Demand, Institution, Kind, Product, Security
from matcher.policy.facts import SECURITIES, CaseFacts
from matcher.policy.measures import assess
from matcher.policy.rulebook import Rulebook
from matcher.pricing import payment_days

Profile = Mapping[str, float | str | None]

_BY_TAG = {
    "scheme": ("inclusive_scheme",),
    "tech_finance": ("tech_finance", "equity_loan_guarantee"),
    "supply_chain": ("supply_chain_finance",),
    "export": ("export_finance",),
    "first_loan": ("first_loan_cultivation",),
    "renewal": ("renewal_fast_track",),
    "bridge": ("bridge_fee_cut",),
}
_INTELLECTUAL = ("invention_patent", "trademark")
_PLEDGED = frozenset({Security.RIGHTS_PLEDGE})
_CHAIN_KIND = {
    Security.RECEIVABLE: "receivable",
    Security.WAREHOUSE_RECEIPT: "warehouse_receipt",
    Security.INVENTORY: "inventory",
}
_FOR_BANKS = frozenset({"risk_compensation", "inclusive_incentive"})


@dataclass(slots=True)
class Borrower:
    """What one profile says for the law, read once per demand; ``None`` is unknown."""

    size_class: str | None
    platform_rating: str | None
    agri_rural: bool | None
    first_time: bool | None
    tech_sme: bool | None
    hnte: bool | None
    srdi: bool | None
    own_patent: bool | None
    exporter: bool | None
    fx_exposure: bool | None
    held: Decimal | None


def borrower_of(profile: Profile) -> Borrower:
    """The law's view of a profile row.

    Balances under the scheme and guarantees are not on record; they are known to be nothing only where the enterprise
    has no loan outstanding.
    """
    borrowed = _flag(profile, "has_prior_loan")
    outstanding = _number(profile, "loans_outstanding_cny")
    patents = _number(profile, "invention_patents")
    exports, imports = _number(profile, "exports_12m_cny"), _number(profile, "imports_12m_cny")
    trade = [each for each in (exports, imports) if each is not None]
    return Borrower(
        size_class=_text(profile, "size_class"),
        platform_rating=_text(profile, "platform_rating"),
        agri_rural=_flag(profile, "is_agri_rural"),
        first_time=None if borrowed is None else not borrowed,
        tech_sme=_flag(profile, "is_tech_sme"),
        hnte=_flag(profile, "is_hnte"),
        srdi=_flag(profile, "is_srdi"),
        own_patent=None if patents is None else patents > 0,
        exporter=None if exports is None else exports > 0,
        fx_exposure=True if any(each > 0 for each in trade) else (False if len(trade) > 1 else None),
        held=Decimal(0) if outstanding == 0 or borrowed is False else None,
    )


def offer_facts(
    profile: Profile | Borrower, demand: Demand, product: Product, institution: Institution, as_of: date
) -> CaseFacts:
    """One offer as facts for ``assess``: the loan as asked for, drawn on ``as_of`` at the middle of its rates.

    Parameters
    ----------
    profile
        A profile row with ``size_class`` and ``platform_rating`` beside its columns, or what was read of it.
    """
    who = profile if isinstance(profile, Borrower) else borrower_of(profile)
    security = product.security.value
    guarantee = product.kind is Kind.GUARANTEE
    pledged = _pledged(demand, product)
    chain = _CHAIN_KIND.get(product.security)
    return CaseFacts(
        size_class=who.size_class,
        platform_rating=who.platform_rating,
        security_kind=security if security in SECURITIES else None,
        amount_cny=demand.amount_cny,
        principal_cny=demand.amount_cny,
        scheme_balance_cny=who.held,
        first_time_borrower=who.first_time,
        signed_on=as_of if pledged else None,
        institution_local_legal_person=institution.is_local_legal_person,
        principal_outstanding_cny=demand.amount_cny,
        guarantor_is_government=institution.is_government_guarantor if guarantee else None,
        agri_rural=who.agri_rural,
        guaranteed_amount_cny=demand.amount_cny if guarantee or product.security is Security.GUARANTEE else None,
        existing_guaranteed_cny=who.held,
        quoted_fee_rate=product.guarantee_fee_rate if guarantee else None,
        tech_sme=who.tech_sme,
        hnte=who.hnte,
        srdi=who.srdi,
        pledge_kind=pledged,
        own_patent=who.own_patent,
        first_pledge=True if who.first_time else None,
        annual_rate=(product.rate_low + product.rate_high) / 2,
        days=_term_days(as_of, demand.term_months),
        exporter=who.exporter,
        fx_exposure=who.fx_exposure,
        supply_chain_kind=(chain,) if chain else None,
    )


def offer_benefits(
    profile: Profile | Borrower,
    demand: Demand,
    product: Product,
    institution: Institution,
    as_of: date,
    rulebook: Rulebook | None = None,
) -> tuple[Benefit, ...]:
    """What the law gives the enterprise with one offer: only measures the offer concerns, none not applicable."""
    asked = concerned(demand, product)
    if not asked:
        return ()
    facts = offer_facts(profile, demand, product, institution, as_of)
    return tuple(each for each in assess(facts, as_of, rulebook, asked) if each.status != "not_applicable")


def lead_benefits(
    profile: Profile | Borrower,
    demand: Demand,
    product: Product,
    institution: Institution,
    as_of: date,
    rulebook: Rulebook | None = None,
) -> tuple[Benefit, ...]:
    """What the law gives the institution with one lead: risk compensation, the incentive; never the enterprise's."""
    if product.kind is not Kind.LOAN:
        return ()
    facts = offer_facts(profile, demand, product, institution, as_of)
    return tuple(each for each in assess(facts, as_of, rulebook, _FOR_BANKS) if each.status != "not_applicable")


def concerned(demand: Demand, product: Product) -> frozenset[str]:
    """The measures an offer can concern, from its tags, its kind and what is pledged."""
    asked = {measure for tag in product.tags for measure in _BY_TAG.get(tag, ())}
    if product.kind is Kind.GUARANTEE:
        asked.add("guarantee_fee_cap")
    for kind in _pledged(demand, product) or ():
        asked.add("patent_pledge_subsidy" if kind == "invention_patent" else "trademark_pledge_subsidy")
    return frozenset(asked)


def _pledged(demand: Demand, product: Product) -> tuple[str, ...] | None:
    """Patents and trademarks the demand offers and the product takes."""
    if product.security not in _PLEDGED and "ip_pledge" not in product.tags:
        return None
    accepted = {kind.value for kind in product.collateral_kinds}
    offered = {each.kind.value for each in demand.collateral}
    return tuple(kind for kind in _INTELLECTUAL if kind in accepted and kind in offered) or None


def _term_days(as_of: date, months: int) -> Decimal:
    return Decimal(payment_days(as_of, months)[-1] if months > 0 else 0)


def _number(profile: Profile, name: str) -> float | None:
    given = profile.get(name)
    return None if given is None or isinstance(given, str) or given != given else float(given)


def _flag(profile: Profile, name: str) -> bool | None:
    given = _number(profile, name)
    return None if given is None else given > 0


def _text(profile: Profile, name: str) -> str | None:
    given = profile.get(name)
    return given if isinstance(given, str) and given else None
