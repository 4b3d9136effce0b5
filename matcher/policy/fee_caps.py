"""The guarantee fee cap of article 7 over a whole catalogue at once, as one more admission check.

Above a hard cap a guarantee product fails and says which article; above a soft cap it is warned about and stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from matcher.domain import Check, Kind, Text, Verdict
from matcher.policy.answer import member
from matcher.policy.benefits import Borrower
from matcher.policy.measures_money import upper_tier
from matcher.policy.rulebook import Law, Rulebook, default_rulebook

CODE = "guarantee_fee_cap"
FAIL, UNKNOWN, PASS = 0, 1, 2

_CLOSE = 1e-12  # a fee quoted at the cap is within it, whatever its binary rounding


@dataclass(frozen=True, kw_only=True)
class FeeCaps:
    """What the law allows one borrower's guarantors.

    Parameters
    ----------
    fails_above, unknown_above, warns_above
        Yearly fee rates; above the first an offer is unlawful, above the second it may be, above the third it deserves
        a word. ``None``: never.
    settle_with
        The fact that would settle an unknown.
    """

    law: Law
    fails_above: Decimal | None = None
    unknown_above: Decimal | None = None
    warns_above: Decimal | None = None
    settle_with: str | None = None


@dataclass(frozen=True, kw_only=True)
class FeeCapVerdicts:
    """Shape (products,): ``verdict`` 0 fail, 1 unknown, 2 pass or not concerned; ``warned`` above a soft cap."""

    caps: FeeCaps
    fees: npt.NDArray[np.float64]
    bound: npt.NDArray[np.bool_]
    verdict: npt.NDArray[np.int8]
    warned: npt.NDArray[np.bool_]

    def describe(self, product_index: int) -> Check | None:
        """The check to show for a product; ``None`` where no government guarantor quotes."""
        if not self.bound[product_index]:
            return None
        caps = self.caps
        code = int(self.verdict[product_index])
        limit = self._limit(product_index)
        return Check(
            code=CODE,
            verdict=(Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)[code],
            clause=_clause(caps.law, limit, bool(self.warned[product_index])),
            observed=_shown(float(self.fees[product_index])),
            required=f"≤ {limit}" if limit is not None else "",
            settle_with=caps.settle_with if code == UNKNOWN else None,
            field="product.guarantee_fee_rate",
        )

    def _limit(self, product_index: int) -> Decimal | None:
        """The cap the verdict followed from; for a fee within every cap, the lowest that may bind."""
        caps, code = self.caps, int(self.verdict[product_index])
        if code == FAIL:
            return caps.fails_above
        if code == UNKNOWN:
            return caps.unknown_above
        if self.warned[product_index]:
            return caps.warns_above
        return caps.warns_above or caps.unknown_above or caps.fails_above


def guarantee_cap_verdicts(
    columns: Mapping[str, npt.NDArray[Any]],
    borrower: Borrower,
    amount_cny: Decimal,
    as_of: date,
    rulebook: Rulebook | None = None,
) -> FeeCapVerdicts:
    """The cap against every guarantee product's quoted fee.

    Parameters
    ----------
    columns
        ``kind`` (codes), ``is_government_guarantor`` (0 or 1) and ``guarantee_fee_rate``, one entry per product.
    amount_cny
        The guarantee asked for; with what is guaranteed already it sets the tier.
    """
    fees = np.asarray(columns["guarantee_fee_rate"], dtype=np.float64)
    bound = (columns["kind"] == Kind.GUARANTEE.value) & (columns["is_government_guarantor"] > 0)
    caps = fee_caps(borrower, amount_cny, as_of, rulebook)
    verdict = np.full(fees.shape, PASS, dtype=np.int8)
    verdict[bound & _above(fees, caps.unknown_above)] = UNKNOWN
    verdict[bound & _above(fees, caps.fails_above)] = FAIL
    warned = bound & (verdict == PASS) & _above(fees, caps.warns_above)
    return FeeCapVerdicts(caps=caps, fees=fees, bound=bound, verdict=verdict, warned=warned)


def fee_caps(borrower: Borrower, amount_cny: Decimal, as_of: date, rulebook: Rulebook | None = None) -> FeeCaps:
    """The caps of one borrower on a day: none before the act, none for those the article does not name."""
    law = (rulebook or default_rulebook()).on(as_of)[CODE]
    if law.phase != "in_force":
        return FeeCaps(law=law)
    low, high = law.number("lower_tier_rate"), law.number("upper_tier_rate")
    small = member(borrower.size_class, law.codes("sizes"))
    agri = borrower.agri_rural
    if small is False and agri is False:
        return FeeCaps(law=law)
    upper = upper_tier(amount_cny, borrower.held, law.number("tier_limit_cny"))
    if upper:
        return FeeCaps(law=law, warns_above=high)
    if upper is None:
        return FeeCaps(law=law, unknown_above=high if small is False else low, settle_with="existing_guaranteed_cny")
    if small:
        return FeeCaps(law=law, fails_above=low)
    if small is None:
        return FeeCaps(law=law, unknown_above=low, settle_with="profile.size_class")
    if agri:
        return FeeCaps(law=law, fails_above=high, warns_above=low)
    return FeeCaps(law=law, unknown_above=high, warns_above=low, settle_with="profile.is_agri_rural")


def _above(fees: npt.NDArray[np.float64], limit: Decimal | None) -> npt.NDArray[np.bool_]:
    if limit is None:
        return np.zeros(fees.shape, dtype=np.bool_)
    return np.asarray(fees > float(limit) + _CLOSE, dtype=np.bool_)


def _clause(law: Law, limit: Decimal | None, warned: bool) -> Text:
    article = law.measure.citation.article
    if limit is None:
        return Text(
            zh=f"第{article}条担保费率上限不约束本企业", en=f"the fee cap of article {article} does not bind here"
        )
    zh = f"第{article}条：政府性融资担保年费率不超过{limit}"
    en = f"article {article}: a government guarantor's yearly fee is at most {limit}"
    if warned:
        return Text(zh=f"{zh}（原则上；报价高于此，提示）", en=f"{en} as a rule; the quote is above it: a warning")
    return Text(zh=zh, en=en)


def _shown(fee: float) -> str:
    return f"{fee:.6f}".rstrip("0").rstrip(".")
