"""Why a product has its score: one additive account on the score itself, in business groups and both languages.

The score of an item is ``s = p · (q · H − λ)``: p and q are smooth functions of two raw scores, which exact tree
contributions split over the columns; H (still needed) and λ (price of an officer's slot) come from the market. Along
the straight line from the average case (raw scores at their bias, H = 1, λ = 0) to the item, each part earns the
integral of its own partial derivative: the Aumann–Shapley account, additive, symmetric and independent of any order.
The integral is taken at fixed Gauss–Legendre nodes; what these leave (far below 1e-6) is shared out in proportion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.pair_columns import GROUPS, OFFSETS, PAIR_COLUMNS, PAIR_NAMES
from matcher.calibration import Floats, expit
from matcher.domain import Reason, Text
from matcher.ranker import Contributions, Ranker
from matcher.wording import both, fact

QUEUE_PRICE, LIST_POSITION = "queue_price", "list_position"
REASON_CODES: tuple[str, ...] = (*GROUPS, QUEUE_PRICE, LIST_POSITION)
"""Codes of reasons: the business groups, the price of an officer's slot, and the place in the list."""

DAY_WEIGHT = 0.0001
"""Without a profile: what a day of waiting counts against a yearly rate, one basis point."""

FACTS_NAMED = 2
"""Observed facts a reason names at most."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account of one item: ``base`` plus the contributions of ``reasons`` is ``score``, to 1e-6.

    Parameters
    ----------
    reasons
        Strongest first; parts that contribute nothing are left out.
    """

    score: float
    base: float
    reasons: tuple[Reason, ...]


def accounts(
    ranker: Ranker,
    X: NDArray[np.float32],
    *,
    queue_price: Floats,
    still_needed: Floats,
    applied: NDArray[np.bool_] | None = None,
    told: NDArray[np.bool_] | None = None,
    queue_texts: Sequence[Text | None] = (),
) -> tuple[Account, ...]:
    """Accounts of the items shown.

    Parameters
    ----------
    X
        Pair rows of the items, in the order of the list.
    queue_price
        λ of each item's institution, in units of the score.
    still_needed
        H of each item: chance that the enterprise still needs funding after the items above; 1 at the top.
    applied
        Whether the enterprise has applied already: p is then 1 all along and earns nothing. Nobody where left out.
    told
        Shape of ``X``: which observed values a text may name; all where left out. Contributions stay as they are.
    queue_texts
        What is told of each item's price; ``None``, or left out, for the bare figure.
    """
    if not len(X):
        return ()
    parts = ranker.contributions(X)
    path = _integrate(ranker, parts, queue_price, still_needed, np.zeros(len(X), bool) if applied is None else applied)
    columns = path.apply_weight[:, None] * parts.apply + path.approve_weight[:, None] * parts.approve
    columns[:, _OFFSETS[0]] = path.apply_offset_weight * parts.apply[:, _OFFSETS[0]]
    columns[:, _OFFSETS[1]] = path.approve_offset_weight * parts.approve[:, _OFFSETS[1]]
    account = np.concatenate([columns @ _MEMBERSHIP, path.price[:, None], path.position[:, None]], axis=1)
    account = _settle(account, path.score - path.base)
    return tuple(
        Account(
            score=float(path.score[row]),
            base=float(path.base[row]),
            reasons=_reasons(
                X[row],
                columns[row] if told is None else np.where(told[row], columns[row], 0.0),
                account[row],
                (queue_texts[row] if queue_texts else None) or _price_text(float(queue_price[row])),
                float(still_needed[row]),
            ),
        )
        for row in range(len(X))
    )


def versus_next(given: Sequence[Account]) -> tuple[tuple[Reason, ...], ...]:
    """Why each item stands above the next: differences of two accounts, strongest first; empty for the last.

    They add up to the difference of scores; a difference of bases, if any, is a reason of code ``base``.
    """
    return (*(_difference(above, below) for above, below in pairwise(given)), ())[: len(given)]


def declared_account(rate: float, days: float) -> Account:
    """The account of a list made without the profile: its two declared terms, from nothing."""
    cost = Reason(
        code="all_in_rate",
        group="price",
        contribution=-rate,
        text=Text(zh=f"综合年化成本 {rate:.2%}", en=f"All-in yearly cost {rate:.2%}"),
    )
    speed = Reason(
        code="days_to_disburse",
        group="speed",
        contribution=-DAY_WEIGHT * days,
        text=Text(zh=f"{days:.0f} 天放款", en=f"Disbursed in {days:.0f} days"),
    )
    reasons = tuple(each for each in (cost, speed) if each.contribution)
    return Account(score=cost.contribution + speed.contribution, base=0.0, reasons=reasons)


@dataclass(frozen=True, kw_only=True)
class _Path:
    """Integrals along the path, one per item: what a unit of raw log odds, of offset, of price and of H earned."""

    base: Floats
    score: Floats
    apply_weight: Floats
    approve_weight: Floats
    apply_offset_weight: Floats
    approve_offset_weight: Floats
    price: Floats
    position: Floats


_nodes, _weights = np.polynomial.legendre.leggauss(24)
_NODES, _WEIGHTS = 0.5 * (_nodes + 1.0), 0.5 * _weights
_OFFSETS = [PAIR_NAMES.index(name) for name in OFFSETS]
_GROUP_OF = [list(GROUPS).index(column.group) for column in PAIR_COLUMNS]
_MEMBERSHIP = np.eye(len(GROUPS))[_GROUP_OF]


def _integrate(
    ranker: Ranker, parts: Contributions, price: Floats, needed: Floats, applied: NDArray[np.bool_]
) -> _Path:
    t = _NODES[None, :]
    apply_raw, apply_offset = _split(parts.apply, _OFFSETS[0])
    approve_raw, approve_offset = _split(parts.approve, _OFFSETS[1])
    x = parts.apply_bias + apply_raw[:, None] * t
    y = parts.approve_bias + approve_raw[:, None] * t
    p = np.where(applied[:, None], 1.0, expit(ranker.apply_calibration.log_odds(x) + apply_offset[:, None] * t))
    q = expit(ranker.approve_calibration.log_odds(y) + approve_offset[:, None] * t)
    h = 1.0 + (needed[:, None] - 1.0) * t
    by_apply = p * (1.0 - p) * (q * h - price[:, None] * t)
    by_approve = p * h * q * (1.0 - q)
    return _Path(
        base=_score(ranker, np.array([parts.apply_bias]), np.array([parts.approve_bias]), applied),
        score=_score(
            ranker,
            parts.apply_bias + apply_raw,
            parts.approve_bias + approve_raw,
            applied,
            (apply_offset, approve_offset),
            (price, needed),
        ),
        apply_weight=(by_apply * ranker.apply_calibration.slope(x)) @ _WEIGHTS,
        approve_weight=(by_approve * ranker.approve_calibration.slope(y)) @ _WEIGHTS,
        apply_offset_weight=by_apply @ _WEIGHTS,
        approve_offset_weight=by_approve @ _WEIGHTS,
        price=-price * (p @ _WEIGHTS),
        position=(needed - 1.0) * ((p * q) @ _WEIGHTS),
    )


def _split(parts: Floats, offset: int) -> tuple[Floats, Floats]:
    """What the trees gave in all, and the offset."""
    return parts.sum(axis=1) - parts[:, offset], parts[:, offset]


def _score(
    ranker: Ranker,
    x: Floats,
    y: Floats,
    applied: NDArray[np.bool_],
    offsets: tuple[Floats | float, Floats | float] = (0.0, 0.0),
    market: tuple[Floats | float, Floats | float] = (0.0, 1.0),
) -> Floats:
    p = np.where(applied, 1.0, expit(ranker.apply_calibration.log_odds(x) + offsets[0]))
    q = expit(ranker.approve_calibration.log_odds(y) + offsets[1])
    score: Floats = p * (q * market[1] - market[0])
    return score


def _settle(account: Floats, total: Floats) -> Floats:
    """Share what the quadrature left in proportion to the size of each contribution."""
    size = np.abs(account)
    residual = total - account.sum(axis=1)
    settled: Floats = account + size * (residual / np.maximum(size.sum(axis=1), 1e-300))[:, None]
    return settled


def _reasons(
    row: NDArray[np.float32], columns: Floats, account: Floats, price: Text, needed: float
) -> tuple[Reason, ...]:
    facts = _strongest(row, columns, account)
    order = np.argsort(-np.abs(account), kind="stable")
    contributions = account.tolist()
    return tuple(
        _reason(index, contributions[index], facts.get(index, []), price, needed)
        for index in order.tolist()
        if contributions[index] != 0.0
    )


def _strongest(row: NDArray[np.float32], columns: Floats, account: Floats) -> dict[int, list[Text]]:
    """Facts of each group that pull the way the group does, strongest first."""
    found: dict[int, list[Text]] = {}
    values = row.tolist()
    order = np.argsort(-np.abs(columns), kind="stable")
    along = columns * account[_GROUP_OF] > 0
    for index in order[along[order]].tolist():
        named = found.setdefault(_GROUP_OF[index], [])
        if len(named) < FACTS_NAMED:
            text = fact(index, values[index])
            if text is not None:
                named.append(text)
    return found


def _reason(index: int, contribution: float, facts: list[Text], price: Text, needed: float) -> Reason:
    code = REASON_CODES[index]
    if code == QUEUE_PRICE:
        text = price
    elif code == LIST_POSITION:
        text = both(
            f"列表位次：前面的产品之后，企业仍需融资的概率为 {needed:.0%}",
            f"Place in the list: after the items above, the need remains with probability {needed:.0%}",
        )
    else:
        text = _group_text(code, contribution, facts)
    return Reason(code=code, group=code, contribution=contribution, text=text)


def _price_text(price: float) -> Text:
    return both(
        f"机构审批排队：本期一个审批名额的影子价格为 {price:.3f}",
        f"The institution's review queue: an officer's slot is priced at {price:.3f} this period",
    )


def _group_text(code: str, contribution: float, facts: list[Text]) -> Text:
    zh, en = GROUPS[code]
    way_zh, way_en = ("有利", "in favour") if contribution > 0 else ("不利", "against")
    listed_zh = "；".join(text.zh for text in facts) or "与平均情形的综合差异"
    listed_en = "; ".join(text.en for text in facts) or "its mix differs from the average case"
    return both(f"{zh}（{way_zh}）：{listed_zh}", f"{en[0].upper()}{en[1:]} ({way_en}): {listed_en}")


def _difference(above: Account, below: Account) -> tuple[Reason, ...]:
    here = {reason.code: reason for reason in above.reasons}
    there = {reason.code: reason for reason in below.reasons}
    reasons = [_compared(code, here.get(code), there.get(code)) for code in {**here, **there}]
    if above.base != below.base:
        text = both("两者的起点不同", "The two accounts start from different bases")
        reasons.append(Reason(code="base", group="base", contribution=above.base - below.base, text=text))
    return tuple(sorted((r for r in reasons if r.contribution != 0.0), key=lambda reason: -abs(reason.contribution)))


def _compared(code: str, here: Reason | None, there: Reason | None) -> Reason:
    difference = (here.contribution if here else 0.0) - (there.contribution if there else 0.0)
    this = here.text if here else both("无影响", "no influence")
    other = there.text if there else both("无影响", "no influence")
    text = both(f"本产品：{this.zh}；下一项：{other.zh}", f"This one: {this.en}; the next: {other.en}")
    return Reason(code=code, group=code, contribution=difference, text=text)
