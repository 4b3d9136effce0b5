"""Measures about money and fees: incentive, risk compensation, fee caps, the bridge fee."""

from decimal import Decimal

from matcher.domain import Benefit
from matcher.policy.answer import ZERO, Case, Condition, Figure, answer, excluded, known, member, settle, to_fen


def inclusive_incentive(case: Case) -> Benefit:
    """Article 5: a share of the balance increase, paid to a locally incorporated bank; a fall pays nothing."""
    facts, increase = case.facts, case.facts.balance_increase_cny
    amount = None if increase is None else max(ZERO, increase) * case.law.number("share_of_increase")
    conditions = (
        ("institution_local_legal_person", facts.institution_local_legal_person),
        ("balance_increase_cny", known(increase)),
    )
    return settle(case, conditions, amount=amount)


def risk_compensation(case: Case) -> Benefit:
    """Article 6: at most a share of the principal lost, paid to the bank.

    ``gross_cny`` is the ceiling on the outstanding principal, ``net_cny`` the same after recoveries and guarantor
    payout, which is the amount. No interest.
    """
    facts, law = case.facts, case.law
    share, principal = law.number("ceiling_share"), facts.principal_outstanding_cny
    recovered, payout = facts.recovered_cny, facts.guarantor_payout_cny
    figures: dict[str, Figure] = {}
    amount: Decimal | None = None
    if principal is not None:
        figures["gross_cny"] = to_fen(share * principal)
        if recovered is not None and payout is not None:
            amount = share * max(ZERO, principal - recovered - payout)
            figures["net_cny"] = to_fen(amount)
    conditions = (
        ("size_class", member(facts.size_class, law.codes("sizes"))),
        ("npl_confirmed", facts.npl_confirmed),
        ("principal_outstanding_cny", known(principal)),
        ("recovered_cny", known(recovered)),
        ("guarantor_payout_cny", known(payout)),
    )
    return settle(case, conditions, amount=amount, figures=figures)


def upper_tier(new: Decimal | None, existing: Decimal | None, limit: Decimal) -> bool | None:
    """Whether a borrower's guaranteed total is above the limit; known as soon as one part alone exceeds it."""
    if (new or ZERO) + (existing or ZERO) > limit:
        return True
    return None if new is None or existing is None else False


def guarantee_fee_cap(case: Case) -> Benefit:
    """Article 7: the highest yearly fee of a government guarantor; the tier follows the borrower's total.

    The whole new guarantee is charged at its tier. ``verdict`` is within or above once a fee is quoted; an agri-rural
    entity that is neither micro nor small, at the lower tier, has warn above the one reading and excluded above the
    other.
    """
    facts, law = case.facts, case.law
    if facts.guaranteed_amount_cny is not None and facts.guaranteed_amount_cny == 0:
        return answer(case, "not_applicable")
    small = member(facts.size_class, law.codes("sizes"))
    upper = upper_tier(facts.guaranteed_amount_cny, facts.existing_guaranteed_cny, law.number("tier_limit_cny"))
    bound = facts.agri_rural is not False and facts.guarantor_is_government is not False
    if upper is False and small is False and bound:
        return _agri_rural_lower_tier(case)
    rate, force = _cap(case, upper)
    if upper is False and small is None and facts.agri_rural:
        rate = None  # small: one cap; not small: another reading of the article
    conditions = (
        ("guarantor_is_government", facts.guarantor_is_government),
        _served(facts.agri_rural, small, upper),
        ("guaranteed_amount_cny", known(facts.guaranteed_amount_cny)),
        ("existing_guaranteed_cny", True if upper is not None else known(facts.existing_guaranteed_cny)),
    )
    return settle(case, conditions, figures=_fee_figures(case, rate), force=force)


def _cap(case: Case, upper: bool | None) -> tuple[Decimal | None, str]:
    if upper is None:
        return None, "soft"
    cited = case.law.values["upper_tier_rate" if upper else "lower_tier_rate"]
    return case.law.number(cited.name), cited.citation.force


def _served(agri_rural: bool | None, small: bool | None, upper: bool | None) -> Condition:
    """Micro and small at both tiers; agri-rural entities too, the lower tier by a reading of its own."""
    if small:
        return "size_class", True
    if small is False:
        return ("agri_rural", None) if agri_rural is None else ("size_class", agri_rural)
    return "size_class", True if agri_rural and upper else None


def _fee_figures(case: Case, rate: Decimal | None) -> dict[str, Figure]:
    facts = case.facts
    figures: dict[str, Figure] = {}
    if rate is None:
        return figures
    figures["cap_rate"] = rate
    if facts.guaranteed_amount_cny is not None:
        figures["fee_max_cny_per_year"] = to_fen(rate * facts.guaranteed_amount_cny)
    if facts.quoted_fee_rate is not None:
        figures["verdict"] = "within" if facts.quoted_fee_rate <= rate else "above"
    return figures


def _agri_rural_lower_tier(case: Case) -> Benefit:
    """Both readings of the article are shown: the cap of small enterprises warns, that of the upper tier excludes."""
    facts, law = case.facts, case.law
    warn, most = law.number("lower_tier_rate"), law.number("upper_tier_rate")
    figures = _fee_figures(case, most)
    figures |= {"warn_above_rate": warn, "excluded_above_rate": most}
    quoted = facts.quoted_fee_rate
    clause = law.measure.clauses["quoted_fee_rate"]
    if quoted is not None and quoted > warn:
        figures["verdict"] = "warn" if quoted <= most else "excluded"
        if quoted > most:
            return excluded(case, "quoted_fee_rate", figures=figures, force="soft")
    conditions = (
        ("guarantor_is_government", facts.guarantor_is_government),
        ("agri_rural", facts.agri_rural),
    )
    return settle(case, conditions, figures=figures, note=clause, force="soft")


def re_guarantee_fee_cap(case: Case) -> Benefit:
    """Article 7: the highest yearly re-guarantee fee on the liability borne; the guarantor pays it."""
    facts, law = case.facts, case.law
    new, share = facts.guaranteed_amount_cny, facts.liability_share
    if new is not None and new == 0:
        return answer(case, "not_applicable")
    upper = upper_tier(new, facts.existing_guaranteed_cny, law.number("tier_limit_cny"))
    rate, force = _cap(case, upper)
    figures: dict[str, Figure] = {}
    if rate is not None:
        figures["cap_rate"] = rate
        if new is not None and share is not None:
            figures["fee_max_cny_per_year"] = to_fen(rate * share * new)
    conditions = (
        ("guaranteed_amount_cny", known(new)),
        ("existing_guaranteed_cny", True if upper is not None else known(facts.existing_guaranteed_cny)),
        ("liability_share", known(share)),
    )
    return settle(case, conditions, figures=figures, force=force)


def bridge_fee_cut(case: Case) -> Benefit:
    """Article 8: the daily bridge fee is cut, never below nothing.

    ``saving_cny`` is what is saved over the days, ``fee_cny`` what is still paid, known only with the base rate;
    ``priority`` follows temporary difficulty and is absent while that is unknown.
    """
    facts, law = case.facts, case.law
    cut, base = law.number("cut_per_day"), facts.base_daily_fee_rate
    if facts.principal_cny is not None and facts.principal_cny == 0:
        return answer(case, "not_applicable")
    figures: dict[str, Figure] = {}
    amount: Decimal | None = None
    if facts.principal_cny is not None and facts.bridge_days is not None:
        volume = facts.principal_cny * facts.bridge_days
        amount = volume * (cut if base is None else min(cut, base))
        figures["saving_cny"] = to_fen(amount)
        if base is not None:
            figures["fee_cny"] = to_fen(volume * max(ZERO, base - cut))
    if facts.temporary_difficulty is not None:
        figures["priority"] = facts.temporary_difficulty
    conditions = (
        ("size_class", member(facts.size_class, law.codes("sizes"))),
        ("platform_rating", member(facts.platform_rating, law.codes("ratings"))),
        ("renewal_commitment", facts.renewal_commitment),
        ("principal_cny", known(facts.principal_cny)),
        ("bridge_days", known(facts.bridge_days)),
    )
    return settle(case, conditions, amount=amount, figures=figures)
