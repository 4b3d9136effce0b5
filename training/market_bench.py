"""How long a plan takes and how much memory it needs as markets grow; large ones are made block by block."""

import resource
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from matcher.market import plan_blocks
from matcher.market.candidates import Block
from matcher.market.inputs import Floats
from training.market_worlds import decaying_examination

SIZES = ((5_000, 200), (25_000, 400), (100_000, 700), (200_000, 1_000))
"""Demands and products, smallest first: the peak of memory only grows."""

_BLOCK = 2_000
_TASTES = 6


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One size; ``making_seconds`` went into making the blocks, which a caller would read instead."""

    demands: int
    products: int
    seconds: float
    making_seconds: float
    peak_gigabytes: float
    listed: int


def bench(sizes: Sequence[tuple[int, int]] = SIZES, *, files_per_demand: float = 0.45) -> list[Measured]:
    """Plan one crowded market of each size, five products an institution, two in five pairs eligible."""
    return [_measured(demands, products, files_per_demand) for demands, products in sizes]


def _measured(demands: int, products: int, files_per_demand: float) -> Measured:
    generator = np.random.default_rng(products)
    institutions = max(1, products // 5)
    size = np.exp(generator.standard_normal(institutions))
    source = _Source(demands=demands, products=products)
    start = time.perf_counter()
    planned = plan_blocks(
        source.blocks,
        np.arange(products) % institutions,
        np.round(files_per_demand * demands * size / size.sum()),
        shape=(demands, products),
        examination=decaying_examination(10),
    )
    return Measured(
        demands=demands,
        products=products,
        seconds=time.perf_counter() - start - source.seconds,
        making_seconds=source.seconds,
        peak_gigabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6),
        listed=int((planned.lists >= 0).sum()),
    )


class _Source:
    """Blocks of one made-up market, the same each time they are asked for."""

    def __init__(self, *, demands: int, products: int) -> None:
        self.demands = demands
        self.seconds = 0.0
        generator = np.random.default_rng(1)
        self._nature = generator.standard_normal((2, _TASTES, products), dtype=np.float32) / np.sqrt(_TASTES)
        self._level = generator.standard_normal(products, dtype=np.float32) - np.float32(0.8)

    def blocks(self) -> Iterable[Block]:
        for start in range(0, self.demands, _BLOCK):
            begun = time.perf_counter()
            block = self._block(start, min(_BLOCK, self.demands - start))
            self.seconds += time.perf_counter() - begun
            yield block

    def _block(self, start: int, rows: int) -> Block:
        generator = np.random.default_rng([2, start])
        taste = generator.standard_normal((2, rows, _TASTES), dtype=np.float32)
        eligible = generator.random((rows, self._level.size), dtype=np.float32) < 0.4
        fundable = generator.standard_normal((rows, 1), dtype=np.float32) - np.float32(0.3)

        def chance(logit: np.ndarray) -> Floats:
            return np.where(eligible, 1.0 / (1.0 + np.exp(-logit)), 0.0).astype(np.float64)

        return chance(taste[0] @ self._nature[0] + self._level), chance(taste[1] @ self._nature[1] + fundable)
