"""The product marketplace of the city: products drawn from their families, with admission rules as data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.city import clauses
from training.city.enterprises import DIVISIONS
from training.city.families import FAMILIES
from training.city.family import Family
from training.city.institutions import KINDS, Institutions
from training.city.parameters import stream

WAN = 10_000


@dataclass(frozen=True, kw_only=True)
class Marketplace:
    """Products as JSON-ready mappings and, row for row, as arrays.

    ``family`` indexes ``FAMILIES``; ``rate`` is the middle of the quote and ``cost`` that with fees, both
    yearly shares; ``strength`` is how well known a product is, hidden.
    """

    products: tuple[dict[str, object], ...]
    institution: npt.NDArray[np.int64]
    family: npt.NDArray[np.int64]
    amount_low: npt.NDArray[np.float64]
    amount_high: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    cost: npt.NDArray[np.float64]
    days: npt.NDArray[np.float64]
    term_high: npt.NDArray[np.float64]
    strength: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.products)

    def listed(self, name: str, key: str) -> npt.NDArray[np.bool_]:
        """Which products have ``name`` in their list ``key``."""
        return np.array([name in p[key] for p in self.products])  # type: ignore[operator]


def stock_marketplace(institutions: Institutions, count: int, seed: int) -> Marketplace:
    """Draw ``count`` products; every family is there, and every institution has at least one where it can."""
    rng = stream(seed, 11)
    families = _family_counts(count)
    sellers = [_sellers(f, institutions) for f in FAMILIES]
    order = np.repeat(np.arange(len(FAMILIES)), families)
    taken = np.zeros(len(institutions))
    owner = np.zeros(count, dtype=np.int64)
    for j, k in enumerate(order):
        options = sellers[k]
        weight = np.exp(-0.45 * taken[options] / (0.5 + institutions.officers[options] / 12))
        owner[j] = rng.choice(options, p=weight / weight.sum())
        taken[owner[j]] += 1
    shuffled = rng.permutation(count)
    products = [
        _product(rng, f"P-{j + 1:04d}", FAMILIES[order[s]], institutions, int(owner[s])) for j, s in enumerate(shuffled)
    ]
    return _arrays(rng, products, owner[shuffled], order[shuffled])


def _family_counts(count: int) -> npt.NDArray[np.int64]:
    shares = np.array([f.share for f in FAMILIES])
    counts = np.maximum(1, np.floor(shares / shares.sum() * count)).astype(np.int64)
    while counts.sum() != count:
        counts[int(np.argmax(shares * count - counts))] += 1 if counts.sum() < count else 0
        if counts.sum() > count:
            counts[int(np.argmax(counts))] -= 1
    return np.asarray(counts, dtype=np.int64)


def _sellers(family: Family, institutions: Institutions) -> npt.NDArray[np.int64]:
    kinds = [KINDS.index(k) for k in family.sellers]
    rows = np.nonzero(np.isin(institutions.kind, kinds))[0]
    return rows if len(rows) else np.arange(len(institutions))


def _arrays(
    rng: np.random.Generator,
    products: list[dict[str, object]],
    owner: npt.NDArray[np.int64],
    family: npt.NDArray[np.int64],
) -> Marketplace:
    def numbers(key: str) -> npt.NDArray[np.float64]:
        return np.array([float(str(p[key])) for p in products])

    rate = (numbers("rate_low") + numbers("rate_high")) / 2
    term = numbers("term_max_months")
    upfront = numbers("upfront_fee_rate") * 12 / np.maximum(term * 0.7, 1)
    return Marketplace(
        products=tuple(products),
        institution=owner,
        family=family,
        amount_low=numbers("amount_min_cny"),
        amount_high=numbers("amount_max_cny"),
        rate=rate,
        cost=rate + numbers("guarantee_fee_rate") + upfront,
        days=numbers("days_to_disburse"),
        term_high=term,
        strength=rng.normal(0, 0.55, len(products)),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _product(
    rng: np.random.Generator, product_id: str, family: Family, institutions: Institutions, owner: int
) -> dict[str, object]:
    record = institutions.records[owner]
    flavour = int(rng.integers(0, len(family.zh)))
    low = family.amount[0] * _between(rng, 0.4, 1.3)
    high = max(2.5 * low, family.amount[1] * float(rng.choice([0.4, 0.7, 1.0, 1.0])))
    width = family.rate[1] - family.rate[0]
    cheap = {"state_bank": -0.25, "joint_stock_bank": 0.0, "city_bank": 0.1, "rural_bank": 0.2}.get(
        str(record["kind"]), 0.0
    )
    start = np.clip(rng.uniform(0, 0.65) + cheap, 0, 0.75)
    rate_low = family.rate[0] + width * start
    rate_high = min(family.rate[1], rate_low + width * _between(rng, 0.12, 0.35))
    terms = [t for t in (3, 6, 12, 24, 36, 48, 60) if family.term[0] < t <= family.term[1]]
    term_high = int(rng.choice(terms, 3).max())
    name = record["name"]
    assert isinstance(name, Mapping)
    serial = product_id[-3:]
    return {
        "product_id": product_id,
        "version": 1,
        "institution_id": record["institution_id"],
        "name": {"zh": f"{family.zh[flavour]}·模{serial}", "en": f"{family.en[flavour]} S{serial}"},
        "kind": family.kind,
        "security": _security(family, flavour),
        "amount_min_cny": f"{max(1, round(low)) * WAN}",
        "amount_max_cny": f"{round(high) * WAN}",
        "term_min_months": family.term[0],
        "term_max_months": term_high,
        "rate_low": f"{round(rate_low, 2) / 100:.4f}",
        "rate_high": f"{round(rate_high, 2) / 100:.4f}",
        "repayments": list(family.repayments),
        "days_to_disburse": int(rng.integers(family.days[0], family.days[1] + 1)),
        "collateral_kinds": list(family.collateral),
        "guarantee_fee_rate": f"{_guarantee_fee(rng, family, record) / 100:.4f}",
        "upfront_fee_rate": f"{round(_between(rng, *family.upfront), 1) / 100:.4f}",
        "purposes": list(family.purposes),
        "tags": list(family.tags),
        "rules": _rules(rng, family, flavour, institutions, owner),
        "valid_from": "2024-01-01",
        "valid_to": None,
    }


def _security(family: Family, flavour: int) -> str:
    if family.name == "inventory" and flavour == 1:
        return "warehouse_receipt"
    return family.security


def _guarantee_fee(rng: np.random.Generator, family: Family, record: Mapping[str, object]) -> float:
    """A guarantor's quote; a commercial one asks more, and one in six government quotes breaks the cap of article 7."""
    fee = round(_between(rng, *family.guarantee_fee), 1)
    if family.name != "guarantee":
        return fee
    if not record["is_government_guarantor"]:
        return round(_between(rng, 1.5, 2.6), 1)
    return round(_between(rng, 1.1, 1.8), 1) if rng.random() < 1 / 6 else fee


def _rules(
    rng: np.random.Generator, family: Family, flavour: int, institutions: Institutions, owner: int
) -> list[clauses.Rule]:
    rules = [clauses.ACTIVE]
    for name, thresholds in family.rules.items():
        if name == "patents" and flavour == 2:
            rules.append(clauses.NUMERIC["trademarks"](1))
        elif name in {"cover", "exports", "patents", "young"} or rng.random() < 0.8:
            rules.append(clauses.NUMERIC[name](_plain(rng.choice(thresholds))))
    rules.extend([_flag(rng, flag, flavour) for flag in family.flags])
    if rng.random() < 0.5:
        rules.append(clauses.NOT_DISHONEST)
    kind = KINDS[institutions.kind[owner]]
    if kind == "rural_bank":
        rules.append(_places(institutions, owner))
    if family.kind == "loan" and rng.random() < 0.12:
        rules.append(
            clauses.not_in_industries(("K70", "L7299"), "房地产和商务服务业", "real estate and business services")
        )
    elif family.kind == "loan" and family.name not in {"agri", "tech"} and rng.random() < 0.08:
        rules.append(
            clauses.in_industries(("C", "I", "M"), "制造、软件和科技企业", "manufacturing, software and technology")
        )
    if rng.random() < 0.06:
        rules.append(clauses.RATED)
    return list({str(r["code"]): r for r in rules}.values())


def _plain(value: float) -> float:
    number = float(value)
    return int(number) if number.is_integer() else number


def _flag(rng: np.random.Generator, flag: str, flavour: int) -> clauses.Rule:
    if flag == "grade":
        return clauses.tax_grade(
            (("A", "B"), ("A", "B", "M"), ("A", "B", "M"), ("A", "B", "M", "C"))[rng.integers(0, 4)]
        )
    if flag == "honour":
        return (
            clauses.has_honour("is_tech_sme", "科技型中小企业", "a technology-based SME"),
            clauses.has_honour("is_hnte", "高新技术企业", "a high and new-tech enterprise"),
            clauses.has_honour("is_srdi", "专精特新企业", "an SRDI enterprise"),
        )[flavour]
    if flag == "size":
        return clauses.size_within(("micro", "small"))
    return {"first": clauses.FIRST_LOAN, "has_loan": clauses.HAS_LOAN, "agri": clauses.AGRI, "rated": clauses.RATED}[
        flag
    ]


def _places(institutions: Institutions, owner: int) -> clauses.Rule:
    served = np.nonzero(institutions.branch[owner])[0]
    places = [DIVISIONS[d] for d in served]
    return clauses.in_places(
        tuple(p[0] for p in places), "、".join(p[1] for p in places), ", ".join(p[2] for p in places)
    )
