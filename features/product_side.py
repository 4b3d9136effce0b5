"""The product side of pair rows, as prepared once per catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ProductSide:
    """What pair rows need of a catalogue: its block of the matrix and the raw values that pair columns meet.

    Parameters
    ----------
    institution
        A number per product that its institution alone has; ``None`` where the table names no institutions.
    """

    block: NDArray[np.float32]
    raw: Mapping[str, Floats] = field(repr=False)
    accepts: NDArray[np.bool_] = field(repr=False)
    effects: Mapping[str, Floats] = field(repr=False)
    institution: NDArray[np.intp] | None = field(default=None, repr=False)
