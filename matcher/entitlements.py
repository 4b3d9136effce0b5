"""What the law says of one offer: the facts of the case, the benefits worth showing, and the hard cap on fees.

The cap is judged once per quoted fee, not per product: products quoting the same fee get the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from matcher.catalog import Catalog
from matcher.catalog_rules import FAIL, PASS, UNKNOWN
from matcher.domain import Benefit, Check, CollateralKind, Demand, Institution, Kind, Product, Security, Verdict
from matcher.eligibility import VERDICTS, ExtraCheck
from matcher.eligibility_facts import Profile
from matcher.policy import CaseFacts, Rulebook, assess

FEE_CAP = "guarantee_fee_cap"
_PLEDGES = {
    CollateralKind.INVENTION_PATENT: "invention_patent",
    CollateralKind.TRADEMARK: "trademark",
    CollateralKind.RECEIVABLE: "receivable",
    CollateralKind.WAREHOUSE_RECEIPT: "warehouse_receipt",
    CollateralKind.EQUITY: "equity",
    CollateralKind.DEPOSIT: "deposit_receipt",
}
_CHAIN = {
    CollateralKind.RECEIVABLE: "receivable",
    CollateralKind.WAREHOUSE_RECEIPT: "warehouse_receipt",
    CollateralKind.INVENTORY: "inventory",
    CollateralKind.EXPORT_ORDER: "order",
}
_DAYS_PER_MONTH = Decimal("30.4375")


@dataclass(frozen=True)
class FeeCap:
    """The hard cap on government guarantors' fees over one catalogue (article 7).

    Parameters
    ----------
    catalog, rulebook
        Products, and the law that caps their fees.
    """

    catalog: Catalog
    rulebook: Rulebook

    @cached_property
    def _fees(self) -> tuple[tuple[Decimal, ...], NDArray[np.intp]]:
        """Different fees quoted by government guarantors, and each product's place among them, −1 if not concerned."""
        quoted = [
            guarantee_fee(product)
            if product.kind is Kind.GUARANTEE
            and self.catalog.institutions[product.institution_id].is_government_guarantor
            else None
            for product in self.catalog.products
        ]
        fees = tuple(sorted({fee for fee in quoted if fee is not None}))
        place = {fee: index for index, fee in enumerate(fees)}
        return fees, np.array([-1 if fee is None else place[fee] for fee in quoted], dtype=np.intp)

    def check(self, profile: Profile, demand: Demand, as_of: date) -> tuple[ExtraCheck, ...]:
        """The check over the whole catalogue, or none where no product is concerned or demand asks for no guarantee."""
        fees, place = self._fees
        if not fees or Kind.GUARANTEE not in demand.kinds:
            return ()
        answers = [_cap_answer(self._facts(profile, demand, as_of, fee), as_of, self.rulebook) for fee in fees]
        lowest = _lower_rate(self.rulebook, as_of)
        codes = [_code(answer, fee, lowest) for answer, fee in zip(answers, fees, strict=True)]
        verdict = np.array([*codes, PASS], dtype=np.int8)[place]

        def describe(product: int) -> Check | None:
            if place[product] < 0:
                return None
            return _shown(answers[place[product]], codes[place[product]], fees[place[product]], lowest)

        return (ExtraCheck(code=FEE_CAP, verdict=verdict, describe=describe),)

    @staticmethod
    def _facts(profile: Profile, demand: Demand, as_of: date, fee: Decimal) -> CaseFacts:
        facts = _of_enterprise(profile)
        facts.guarantor_is_government = True
        facts.guaranteed_amount_cny = demand.amount_cny
        facts.quoted_fee_rate = fee
        facts.signed_on = as_of
        return facts


def guarantee_fee(product: Product) -> Decimal:
    """Yearly fee a guarantee product quotes: its own, or the middle of its rates where it states none."""
    return product.guarantee_fee_rate or (product.rate_low + product.rate_high) / 2


def offer_facts(
    profile: Profile, demand: Demand, product: Product, institution: Institution, as_of: date
) -> CaseFacts:
    """The facts of one offer as far as profile, demand and product know them; the rest is unknown, never zero."""
    facts = _of_enterprise(profile)
    facts.security_kind = product.security.value
    facts.amount_cny = demand.amount_cny
    facts.signed_on = as_of
    facts.institution_local_legal_person = institution.is_local_legal_person
    _add_guarantee(facts, demand, product, institution)
    _add_pledge(facts, profile, demand, product)
    chain = tuple(_CHAIN[item.kind] for item in demand.collateral if item.kind in _CHAIN)
    if chain and "supply_chain" in product.tags:
        facts.supply_chain_kind = tuple(dict.fromkeys(chain))
    return facts


def offer_benefits(facts: CaseFacts, as_of: date, rulebook: Rulebook) -> tuple[Benefit, ...]:
    """Answers of the law that speak of this offer; what is not applicable, or the bank's alone, is left out."""
    return tuple(
        benefit
        for benefit in assess(facts, as_of, rulebook)
        if benefit.status not in {"not_applicable", "expired"} and benefit.payee != "bank"
    )


def _of_enterprise(profile: Profile) -> CaseFacts:
    size, rating = profile.get("size_class"), profile.get("platform_rating")
    prior, exports = _flag(profile.get("has_prior_loan")), profile.get("exports_12m_cny")
    return CaseFacts(
        size_class=str(size) if size else None,
        platform_rating=str(rating) if rating else None,
        first_time_borrower=None if prior is None else not prior,
        # Who never borrowed has no guaranteed loan either; of others the platform does not know.
        existing_guaranteed_cny=Decimal(0) if prior is False else None,
        scheme_balance_cny=Decimal(0) if prior is False else None,
        agri_rural=_flag(profile.get("is_agri_rural")),
        tech_sme=_flag(profile.get("is_tech_sme")),
        hnte=_flag(profile.get("is_hnte")),
        srdi=_flag(profile.get("is_srdi")),
        exporter=bool(exports > 0) if isinstance(exports, float) else None,
    )


def _add_guarantee(facts: CaseFacts, demand: Demand, product: Product, institution: Institution) -> None:
    if product.kind is Kind.GUARANTEE:
        facts.guarantor_is_government = institution.is_government_guarantor
        facts.guaranteed_amount_cny = demand.amount_cny
        facts.quoted_fee_rate = guarantee_fee(product)
    elif product.security is Security.GUARANTEE:
        facts.guaranteed_amount_cny = demand.amount_cny
        facts.quoted_fee_rate = product.guarantee_fee_rate or None
    else:
        facts.guaranteed_amount_cny = Decimal(0)


def _add_pledge(facts: CaseFacts, profile: Profile, demand: Demand, product: Product) -> None:
    accepted = set(product.collateral_kinds)
    pledged = [_PLEDGES[i.kind] for i in demand.collateral if i.kind in accepted and i.kind in _PLEDGES]
    if not pledged or product.kind is not Kind.LOAN:
        return
    facts.pledge_kind = tuple(dict.fromkeys(pledged))
    owned = profile.get("invention_patents")
    facts.own_patent = bool(owned > 0) if isinstance(owned, float) else None
    facts.principal_cny = demand.amount_cny
    facts.annual_rate = (product.rate_low + product.rate_high) / 2
    facts.days = (demand.term_months * _DAYS_PER_MONTH).to_integral_value()


def _flag(value: object) -> bool | None:
    return bool(value) if isinstance(value, (bool, float, int)) else None


def _cap_answer(facts: CaseFacts, as_of: date, rulebook: Rulebook) -> Benefit | None:
    return next((each for each in assess(facts, as_of, rulebook) if each.measure == FEE_CAP), None)


@lru_cache(maxsize=512)
def _lower_rate(rulebook: Rulebook, as_of: date) -> Decimal | None:
    law = rulebook.on(as_of).get(FEE_CAP)
    return law.number("lower_tier_rate") if law is not None and law.phase == "in_force" else None


def _code(answer: Benefit | None, fee: Decimal, lowest: Decimal | None) -> int:
    if answer is None or lowest is None or fee <= lowest:
        return PASS
    if answer.status == "excluded":
        return FAIL if answer.figures.get("failed") == "quoted_fee_rate" else PASS
    above = answer.figures.get("verdict") == "above"
    if answer.status == "entitled":
        return FAIL if above and answer.force == "hard" else PASS
    if answer.status != "conditional" or (answer.figures.get("cap_rate") and not (above and answer.force == "hard")):
        return PASS
    return UNKNOWN


def _shown(answer: Benefit | None, code: int, fee: Decimal, lowest: Decimal | None) -> Check | None:
    if answer is None or lowest is None:
        return None
    cap = answer.figures.get("cap_rate", lowest)
    missing: Sequence[str] = answer.missing or ("existing_guaranteed_cny",)
    return Check(
        code=FEE_CAP,
        verdict=VERDICTS[code],
        clause=answer.text,
        observed=str(fee),
        required=f"≤ {cap}",
        settle_with=missing[0] if VERDICTS[code] is Verdict.UNKNOWN else None,
        field="product.guarantee_fee_rate",
    )

