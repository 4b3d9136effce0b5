"""The pairs a planner works on: for each demand the products that could stand in its list, in an order of content.

A dense market of 25,000 × 400 is ten million pairs, of which a list shows ten a demand. Candidates keep the few dozen
that win at some price. Demands, products and institutions are renumbered by a hash of what they hold, so that a market
given in another order is the same market to the last bit: ties and rounding cannot depend on who came first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.market.inputs import Floats, Integers

Words = NDArray[np.uint64]
Block = tuple[Floats, Floats]
Blocks = Callable[[], Iterable[Block]]

_SMALL = 500_000
_BLOCK_PAIRS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Candidate products of each demand; rows in order of content.

    Parameters
    ----------
    product, institution
        (demands, width) numbers as the caller gave them, and the institution in order of content.
    apply, approve
        (demands, width) chances, 0 where a row has fewer candidates.
    capacity
        Reviews per institution, in order of content.
    demand_order, institution_order
        The caller's number of each row, and of each institution.
    """

    product: NDArray[np.int32]
    institution: NDArray[np.int32]
    apply: NDArray[Any]
    approve: NDArray[Any]
    capacity: Floats
    demand_order: Integers
    institution_order: Integers

    @property
    def demands(self) -> int:
        """Number of rows."""
        return int(self.apply.shape[0])

    @property
    def width(self) -> int:
        """Candidates a row can hold."""
        return int(self.apply.shape[1])

    def shrunk(self, share: float) -> "Candidates":
        """The same pairs with that share of the capacity: a sample of a market has about the prices of the whole."""
        return replace(self, capacity=self.capacity * share)


@dataclass(frozen=True, kw_only=True)
class Order:
    """Places of demands, products and institutions in order of content; ``rank`` is the inverse of ``order``."""

    demand: Integers
    product_rank: Integers
    institution: Integers
    institution_rank: Integers


def dense_blocks(apply: Floats, approve: Floats) -> Blocks:
    """A dense market as blocks of rows."""
    step = max(1, _BLOCK_PAIRS // max(1, apply.shape[1]))

    def blocks() -> Iterable[Block]:
        for start in range(0, apply.shape[0], step):
            yield apply[start : start + step], approve[start : start + step]

    return blocks


def content_order(blocks: Blocks, institution_of: Integers, capacity: Floats) -> Order:
    """Order demands, products and institutions by a hash of what they hold; equal hashes keep the given order.

    Sums of hashes wrap around, so they are the same to the bit in whatever order they are added.
    """
    demand_keys: list[Words] = []
    product_keys = np.zeros(institution_of.size, dtype=np.uint64)
    for apply, approve in blocks():
        words = _mixed(_bits(apply) * np.uint64(0x9E3779B97F4A7C15) + _rotated(_bits(approve)))
        demand_keys.append(_mixed(words.sum(axis=1, dtype=np.uint64)))
        product_keys += words.sum(axis=0, dtype=np.uint64)
    institution_keys = _bits(capacity)
    np.add.at(institution_keys, institution_of, _mixed(product_keys))
    institution_keys = _mixed(institution_keys)
    product_keys = _mixed(product_keys + _rotated(institution_keys[institution_of]))
    institution = np.argsort(institution_keys, kind="stable")
    demand_key = np.concatenate(demand_keys) if demand_keys else np.zeros(0, dtype=np.uint64)
    return Order(
        demand=np.argsort(demand_key, kind="stable"),
        product_rank=_inverse(np.argsort(product_keys, kind="stable")),
        institution=institution,
        institution_rank=_inverse(institution),
    )


def everything_fits(demands: int, products: int, width: int) -> bool:
    """Whether a market is small enough, or narrow enough, to keep every pair."""
    return products <= width or demands * products <= _SMALL


def gather(
    blocks: Blocks,
    institution_of: Integers,
    capacity: Floats,
    order: Order,
    *,
    width: int,
    prices: Floats | None = None,
    only: Integers | None = None,
) -> Candidates:
    """Keep ``width`` products a demand: those that win at ``prices``, at half need, by approval alone and by p·q.

    Parameters
    ----------
    prices
        Prices per institution (in order of content) at which products compete.
    only
        Sorted rows to keep; all when absent.
    """
    products = institution_of.size
    kept = min(width, products)
    priced = np.zeros(products) if prices is None else prices[order.institution_rank[institution_of]]
    wide = kept < products
    dtype = np.float32 if wide else np.float64
    open_for_files = (capacity > 0.0)[institution_of]
    chosen: list[NDArray[np.int32]] = []
    chances: list[tuple[NDArray[Any], NDArray[Any]]] = []
    start = 0
    for apply, approve in blocks():
        if only is not None:
            mine = only[(only >= start) & (only < start + len(apply))] - start
            start += len(apply)
            apply, approve = apply[mine], approve[mine]
        index = _strongest(apply, approve, priced, kept, order) if wide else _all_in_order(len(apply), order)
        eligible = open_for_files[index]
        eligible[:, 1:] &= index[:, 1:] != index[:, :-1]
        p = np.take_along_axis(apply, index, axis=1)
        q = np.take_along_axis(approve, index, axis=1)
        eligible &= (p > 0.0) & (q > 0.0)
        chosen.append(index.astype(np.int32))
        chances.append((np.where(eligible, p, 0.0).astype(dtype), np.where(eligible, q, 0.0).astype(dtype)))
    return _assembled(chosen, chances, institution_of, capacity, order, only)


def _assembled(
    chosen: list[NDArray[np.int32]],
    chances: list[tuple[NDArray[Any], NDArray[Any]]],
    institution_of: Integers,
    capacity: Floats,
    order: Order,
    only: Integers | None,
) -> Candidates:
    rows = order.demand if only is None else np.argsort(_inverse(order.demand)[only])
    product = np.concatenate(chosen)[rows]
    return Candidates(
        product=product,
        institution=order.institution_rank.astype(np.int32)[institution_of[product]],
        apply=np.concatenate([p for p, _ in chances])[rows],
        approve=np.concatenate([q for _, q in chances])[rows],
        capacity=capacity[order.institution],
        demand_order=rows if only is None else only[rows],
        institution_order=order.institution,
    )


def _all_in_order(rows: int, order: Order) -> Integers:
    return np.broadcast_to(np.argsort(order.product_rank), (rows, order.product_rank.size))


def _strongest(apply: Floats, approve: Floats, priced: Floats, width: int, order: Order) -> Integers:
    p, q = apply.astype(np.float32), approve.astype(np.float32)
    cost = priced.astype(np.float32)
    shut = ~((p > 0.0) & (q > 0.0))
    quarter = width // 4
    found = []
    for score, count in (
        (p * (q - cost), width - 3 * quarter),
        (p * (np.float32(0.5) * q - cost), quarter),
        (q, quarter),
        (p * q, quarter),
    ):
        ranked = np.where(shut, np.float32(-np.inf), score)
        found.append(np.argpartition(ranked, -count, axis=1)[:, -count:])
    index = np.concatenate(found, axis=1)
    by_content = np.argsort(order.product_rank[index], axis=1, kind="stable")
    return np.take_along_axis(index, by_content, axis=1)


def _bits(values: Floats) -> Words:
    words: Words = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
    return words.copy()


def _rotated(words: Words) -> Words:
    rotated: Words = (words << np.uint64(23)) | (words >> np.uint64(41))
    return rotated


def _mixed(words: Words) -> Words:
    mixed = (words ^ (words >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Words = mixed ^ (mixed >> np.uint64(33))
    return result


def _inverse(order: Integers) -> Integers:
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return rank
